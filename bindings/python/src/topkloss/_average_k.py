"""The two-head average-K loss."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Any, Literal, TypeAlias

from topkloss import _abi
from topkloss._address import address
from topkloss._arguments import number
from topkloss._arrays import AnyArray, Array, element_stride, flat_rows, scores
from topkloss._evaluation import (
    RESULT_SIZE,
    Batch,
    Value,
    add_gradient,
    add_labels,
    add_row_values,
    add_sample_weight,
    call,
    describe,
)
from topkloss._loss import AnyLoss
from topkloss._output import Output, refuse_shared
from topkloss._records import Traits, always, record
from topkloss.errors import TopKLossError

__all__ = ["ThresholdState", "TwoHeadAverageKLoss"]

ClassReduction: TypeAlias = Literal["sum", "mean"]


@dataclass
class ThresholdState:
    """The moving average of a two-head loss's threshold, which belongs to the caller.

    Hand the same one to every call of a training run, and keep it with a checkpoint.

    Attributes:
        value: The threshold on probabilities of the last call; 0 before the first.
    """

    value: float = 0.0


def read(threshold: Any) -> float:
    """The threshold before a call."""
    if not isinstance(threshold, ThresholdState):
        raise TopKLossError(
            f"threshold is {threshold!r}; it must be a ThresholdState, which is updated",
            "TOPKLOSS_ERROR_OPTION",
        )
    return number("threshold.value", threshold.value)


def _second_head(value: Any, batch: Batch, logits: AnyArray) -> AnyArray:
    """Gives a batch its second head, of the shape and dtype of the first."""
    second, dtype = scores("multi_label_logits", value)
    if second.shape != batch.shape:
        raise TopKLossError(
            f"multi_label_logits has shape {second.shape}; the logits have shape {batch.shape}",
            "TOPKLOSS_ERROR_SIZE",
        )
    if dtype != batch.dtype:
        raise TopKLossError(
            f"multi_label_logits has dtype {second.dtype}; the logits have dtype {logits.dtype}",
            "TOPKLOSS_ERROR_ENUMERATOR",
        )
    matrix = flat_rows(second)
    batch.multi_label_logits = address(matrix)
    batch.multi_label_row_stride = element_stride(matrix, 0)
    return matrix


def _add_second_gradient(result: _abi.result, batch: Batch, second: AnyArray, out: Any) -> Output:
    """Room for the gradient with respect to the second head."""
    output = Output("multi_label_out", out, second, batch.dtype, batch.shape)
    result.multi_label_gradient = address(output.buffer)
    result.multi_label_gradient_row_stride = element_stride(output.buffer, 0)
    return output


@record
class TwoHeadAverageKLoss(AnyLoss):
    """Two-head average-K: a softmax head proposes candidates, a multi-label head learns them.

    With z the logits of the softmax head, g those of the multi-label head, p = softmax(z), and S_i
    the candidates of row i, a row of label y has the loss
    ``CE(z_i, y) + mu sum_j omega_ij BCE(g_ij, [j in S_i or j = y])``, where omega is 1 for the
    label and for negatives, and candidate_weight for other candidates.

    The candidates are the round(B K) (halves to even) largest probabilities of the batch, of equal
    ones the first by row, then by class; rows that are ignored or contain NaN or +inf have none and
    do not count in B. The threshold is the midpoint of the last candidate's probability and the
    next one's. Candidates are constants in the gradient.

    In small batches a moving average of the threshold is steadier. With threshold_decay, the
    threshold is ``decay * before + (1 - decay) * this batch's``, and the candidates are the classes
    with probabilities at or above it.

    After training, `topkloss.posthoc.average_k_threshold` and `topkloss.posthoc.predict_sets` make
    sets of K classes on average from the scores of the multi-label head.

    Garcin, Servajean, Joly and Salmon, "A two-head loss function for deep average-K
    classification", WACV 2025 (arXiv 2303.18118, 2023).

    To tune: multi_label_weight, over 0.5, 1, 2 and 5; then candidate_weight, over 0.1, 0.3 and 1.

    What goes wrong: too small a multi_label_weight, and the sets of the multi-label head are worse
    than those of the softmax head's probabilities; too large, and the softmax head's own accuracy
    falls. Where sets of equal size hold fewer right labels than without candidates
    (candidate_weight = 0), they are wrong too often to be learnt. Raw logits of the softmax head
    are not comparable over rows: threshold its probabilities, or the multi-label head.

    Not for: exactly K answers for every row: that is top-K. Nor for batches of a few rows without
    threshold_decay: each would choose its candidates among itself.

    Args:
        k: K, the average number of candidates a row, above 0 and below C; need not be whole.
        candidate_weight: omega of candidates other than the label, finite and 0 or more.
        multi_label_weight: mu, finite and 0 or more.
        class_reduction: Whether the multi-label term is a ``"sum"``, whose weight grows with C, or
            a ``"mean"`` over classes. The paper's abstract, all that we could read, does not say.
        threshold_decay: Share of the batches before in the threshold, in [0, 1]. 0: each batch has
            its own threshold; 1: the one before stays, for whoever knows it.
    """

    _kind = "two_head_average_k"
    _traits = Traits(
        heads=2,
        curvature="takes the scores of two heads, and trees have one",
        rows_are_compared=always,
    )

    k: float
    _: KW_ONLY
    candidate_weight: float = 1.0
    multi_label_weight: float = 1.0
    class_reduction: ClassReduction = "mean"
    threshold_decay: float = 0.0

    def __call__(
        self,
        logits: Array,
        multi_label_logits: Array,
        labels: Array,
        *,
        sample_weight: Array | None = None,
        threshold: ThresholdState | None = None,
    ) -> Value:
        """The loss of a batch.

        Args:
            logits: Scores of the softmax head, of shape (..., C), as for every loss.
            multi_label_logits: Scores of the multi-label head, of the same shape and dtype. -inf is
                a probability of 0.
            labels: Class indices in [0, C), or ``ignore_index``, of shape (...) and any integer
                type.
            sample_weight: Finite numbers of 0 or more, of shape (...), that multiply the rows'
                losses. Default 1.
            threshold: Set to the threshold that chose the candidates, and with threshold_decay read
                first, as the one before.

        Returns:
            A float, or for the reduction ``"none"`` an array of shape (...) and the logits' dtype.

        Raises:
            TopKLossError: An argument has a wrong shape, type or value.
        """
        return self._evaluate(
            logits, multi_label_logits, labels, sample_weight, threshold, gradient=False
        )[0]

    def value_and_grad(
        self,
        logits: Array,
        multi_label_logits: Array,
        labels: Array,
        *,
        sample_weight: Array | None = None,
        out: Any = None,
        multi_label_out: Any = None,
        threshold: ThresholdState | None = None,
    ) -> tuple[Value, tuple[Any, Any]]:
        """The loss of a batch and its gradients with respect to both heads' logits, in one call.

        Args:
            logits: As for calling the loss.
            multi_label_logits: As for calling the loss.
            labels: As for calling the loss.
            sample_weight: As for calling the loss.
            out: Receives the gradient with respect to the logits: a writable array of their shape
                and dtype, perhaps the logits themselves. Default: a new NumPy array.
            multi_label_out: The same for the multi-label head. The two outputs, and each of them
                and the other head's logits, must not overlap.
            threshold: As for calling the loss.

        Returns:
            The value, as from calling the loss, and the gradients of the reduced value (for the
            reduction ``"none"``, of each row's own), both in the shape of the logits.

        Raises:
            TopKLossError: An argument has a wrong shape, type or value. Nothing has been written.
        """
        return self._evaluate(
            logits,
            multi_label_logits,
            labels,
            sample_weight,
            threshold,
            gradient=True,
            out=out,
            multi_label_out=multi_label_out,
        )

    def _evaluate(
        self,
        logits: Any,
        multi_label_logits: Any,
        labels: Any,
        sample_weight: Any,
        threshold: ThresholdState | None,
        *,
        gradient: bool,
        out: Any = None,
        multi_label_out: Any = None,
    ) -> tuple[Value, tuple[Any, Any]]:
        batch, rows = describe("logits", logits)
        second = _second_head(multi_label_logits, batch, rows)
        result = _abi.result(RESULT_SIZE)
        # Locals keep every array alive until the call has ended.
        _kept = add_labels(batch, labels), add_sample_weight(batch, sample_weight)
        if threshold is not None:
            result.threshold = read(threshold)
        values = add_row_values(result, batch, rows) if self.reduction == "none" else None
        if gradient:
            first = add_gradient(result, batch, rows, out)
            other = _add_second_gradient(result, batch, second, multi_label_out)
            refuse_shared(first, other)
        value: Value = call(self, batch, result)
        if threshold is not None:
            threshold.value = result.threshold
        if values is not None:
            value = values
        if not gradient:
            return value, (None, None)
        first.finish()
        other.finish()
        return value, (first.target, other.target)
