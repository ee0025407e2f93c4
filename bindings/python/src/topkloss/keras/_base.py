"""What all losses have in common as losses of Keras."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops
from keras.src.backend import set_keras_mask  # which has no public name

from topkloss._loss import AnyLoss
from topkloss._records import one
from topkloss.errors import TopKLossError
from topkloss.keras._rows import rows_of

_DTYPES = "float32", "float64"
# float32 holds all integers up to it.
_LARGEST = 1 << 24


class KerasLoss(keras.losses.Loss):  # type: ignore[misc]
    """The base of every loss in `topkloss.keras`.

    Attributes:
        loss: The loss of the same name in `topkloss`, immutable, with all options as attributes.
        from_logits: Whether predictions are scores rather than probabilities.
    """

    loss: Any
    from_logits: bool

    def __init__(
        self, loss: AnyLoss, from_logits: bool, reduction: str | None, name: Any, dtype: Any
    ) -> None:
        """Wraps a loss with the reduction ``"none"``. Called by the losses themselves."""
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self.loss = loss
        self.from_logits = from_logits
        self._check()
        self._rows = rows_of(loss)

    def _check(self) -> None:
        """Refuses what Keras would quietly make another thing of."""
        kind = type(self.loss).__name__
        if self.dtype not in _DTYPES:
            raise TopKLossError(
                f"dtype is {self.dtype}; Keras converts labels to it, and only "
                f"{' and '.join(_DTYPES)} have room for class indices",
                "TOPKLOSS_ERROR_OPTION",
            )
        if abs(self.loss.ignore_index) > _LARGEST:
            raise TopKLossError(
                f"ignore_index is {self.loss.ignore_index}; Keras hands labels over in "
                f"{self.dtype}, so that it must be from {-_LARGEST} to {_LARGEST}",
                "TOPKLOSS_ERROR_OPTION",
            )
        if not self.from_logits and self.loss._traits.softmax_factor is not one:
            raise TopKLossError(
                f"{kind} with from_logits=False: it is no function of the softmax of the scores; "
                "leave out the model's last softmax, and from_logits",
                "TOPKLOSS_ERROR_OPTION",
            )

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """The loss of every row, which Keras weights and reduces.

        Args:
            y_true: Class indices in [0, C), or ``ignore_index``, of shape (...) or (..., 1), in
                the dtype of the loss. Losses with ``label_smoothing``, but for `SeesawLoss`, also
                take soft labels, of shape (..., C).
            y_pred: Scores (or with ``from_logits=False`` probabilities), of shape (..., C).

        Returns:
            Values of shape (...), with Keras's mask of the rows that are not ignored.

        Raises:
            TopKLossError: A label is none of the classes. Under JAX the error is raised when the
                program runs, as `topkloss.jax` has it.
        """
        logits = y_pred
        if not self.from_logits:
            logits = ops.log(ops.maximum(y_pred, keras.config.epsilon()))
        if len(y_true.shape) == len(logits.shape) and y_true.shape[-1] != 1:
            return self._rows(logits, y_true)
        if len(y_true.shape) == len(logits.shape):
            y_true = ops.squeeze(y_true, axis=-1)
        labels = ops.cast(y_true, "int32")
        values = self._rows(logits, labels)
        set_keras_mask(values, ops.not_equal(labels, self.loss.ignore_index))
        return values

    def get_config(self) -> dict[str, Any]:
        """All options in plain types, vectors as lists, to make the same loss with."""
        options = {
            name: value.tolist() if isinstance(value, np.ndarray) else value
            for name, value in self.loss._arguments.items()
            if name not in ("reduction", "check_finite")
        }
        own = {"from_logits": self.from_logits, "dtype": self.dtype}
        return {**super().get_config(), **own, **options}
