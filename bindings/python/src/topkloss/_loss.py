"""What all losses have in common: options, and how they are called."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

from topkloss._arrays import Array
from topkloss._cosines import CosineWatch
from topkloss._evaluation import Value, evaluate, evaluate_plain
from topkloss._handle import Handle
from topkloss._records import NO_VECTOR, OptionalVector, Vector, record

Reduction: TypeAlias = Literal["mean", "sum", "none"]


@record(kw_only=True)
class AnyLoss(Handle):
    """A loss of any number of heads, with all its options.

    Losses are immutable, may be used by many threads at once, and can be copied and pickled. Their
    options are attributes of the same names, vectors by class as read-only float64 arrays.

    Args:
        reduction: How row losses become one value: ``"mean"`` (weighted by class and sample
            weights), ``"sum"``; or ``"none"``, one value a row.
        ignore_index: Label of rows to leave out: their value and gradient are 0.
        check_finite: Whether a NaN or +inf among the logits is an error that names the row, rather
            than making the value and gradient of that row NaN.
    """

    reduction: Reduction = "mean"
    ignore_index: int = -100
    check_finite: bool = False


class Loss(AnyLoss):
    """The base of every loss of logits and labels."""

    _may_be_plain: bool

    def _make(self, arguments: dict[str, Any]) -> None:
        super()._make(arguments)
        self.__dict__["_may_be_plain"] = self.reduction != "none"
        if self._traits.expects_cosines(self):
            self.__dict__["_watch"] = CosineWatch(type(self).__name__)

    def __call__(
        self, logits: Array, labels: Array, *, sample_weight: Array | None = None
    ) -> Value:
        """The loss of a batch.

        Args:
            logits: Scores, of shape (..., C), in float32, float64, float16 or bfloat16: a NumPy
                array or anything with the buffer protocol or DLPack in the CPU's memory. It is
                read where it is if its classes lie one after another; its rows may be any distance
                apart.
            labels: Class indices in [0, C), or ``ignore_index``, of shape (...) and any integer
                type. Losses with ``label_smoothing``, but for `SeesawLoss`, also take soft labels,
                of shape (..., C) and a floating type, each 0 or more and of any sum: a row's loss
                is then that of each class times its soft label, all added up.
            sample_weight: Finite numbers of 0 or more, of shape (...), that multiply the rows'
                losses. Default 1.

        Returns:
            A float, or for the reduction ``"none"`` an array of shape (...) and the logits' dtype.
            If all rows are ignored (or there are none), the mean is 0, where PyTorch gives NaN.

        Raises:
            TopKLossError: An argument has a wrong shape, type or value.
        """
        return self._evaluate(logits, labels, sample_weight, gradient=False)[0]

    def value_and_grad(
        self,
        logits: Array,
        labels: Array,
        *,
        sample_weight: Array | None = None,
        out: Any = None,
    ) -> tuple[Value, Any]:
        """The loss of a batch and its gradient with respect to the logits, in one pass.

        Args:
            logits: As for calling the loss.
            labels: As for calling the loss.
            sample_weight: As for calling the loss.
            out: Receives the gradient: a writable array of the shape and dtype of the logits,
                perhaps the logits themselves, which are then replaced. Default: a new NumPy array.

        Returns:
            The value, as from calling the loss, and the gradient of the reduced value (for the
            reduction ``"none"``, of each row's own), in the shape of the logits: ``out`` if there
            is one. Rows that are ignored have gradient 0.

        Raises:
            TopKLossError: An argument has a wrong shape, type or value. Nothing has been written.
        """
        if sample_weight is None and self._may_be_plain:
            plain = evaluate_plain(self, logits, labels, out, 0)
            if plain is not None:
                return plain
        return self._evaluate(logits, labels, sample_weight, gradient=True, out=out)

    def _evaluate(
        self, logits: Any, labels: Any, sample_weight: Any, **options: Any
    ) -> tuple[Value, Any]:
        row_values = self.reduction == "none"
        return evaluate(self, logits, labels, sample_weight, row_values=row_values, **options)


@record(kw_only=True)
class ClassWeights(Loss):
    """The base of losses that weight classes.

    Args:
        class_weight: Weight w of each of C classes, finite and 0 or more. Default 1, for any C.
    """

    class_weight: OptionalVector = NO_VECTOR


@record(kw_only=True)
class LabelSmoothing(Loss):
    """The base of losses that smooth labels.

    Args:
        label_smoothing: eta, the part of the label that all classes share, in [0, 1].
    """

    label_smoothing: float = 0.0


@record(kw_only=True)
class CountSmoothing(Loss):
    """The base of losses that can be made from counts of classes.

    Args:
        count_smoothing: Added to every count, 0 or more; above 0, counts of 0 are allowed.
    """

    count_smoothing: float = 0.0


@record
class ClassCounts(CountSmoothing):
    """The base of losses that are made from counts of classes.

    Args:
        class_counts: Number of training examples of each of C classes, finite and above 0.
    """

    class_counts: Vector
