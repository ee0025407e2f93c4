"""The losses of topkloss as losses of Keras 3, with its PyTorch and JAX backends.

    import topkloss.keras

    loss = topkloss.keras.LogitAdjustedLoss(class_counts)
    model.compile(optimizer="adam", loss=loss, metrics=["accuracy"])
    model.fit(inputs, labels)

Every loss of `topkloss` of one head is here under the same name and with the same options, but for
two. ``reduction`` is Keras's own: the losses give one value a row, which Keras weights by
``sample_weight`` and reduces, so that ``"sum_over_batch_size"``, the default, divides by the number
of rows and not by their class weights. Rows to be ignored (``ignore_index``) are masked, and are
not counted among them, as with ``ignore_class`` of `keras.losses.SparseCategoricalCrossentropy`.
``check_finite`` is left out. `topkloss.TwoHeadAverageKLoss` needs the scores of two heads in one
call, where Keras gives each output of a model a loss of its own.

**Shapes**: predictions (..., C), labels (...) or (..., 1), or for soft labels (..., C). Keras hands
labels over in the dtype of the loss, so that this must be float32 or float64: float32 holds every
class index up to 2^24, float16 and bfloat16 no more than 2^11 and 2^8. Policies of mixed precision
leave losses at float32.

**Logits**: unlike Keras's own, these losses expect scores before any softmax. With
``from_logits=False`` those that are a cross-entropy of the softmax of the scores take its
probabilities instead, as the logarithm of what is at least ``keras.config.epsilon()``; the others
refuse it.

**Noise**: with PyTorch, `NoisedTopKLoss` by Monte Carlo draws new noise in every call, also in
validation. JAX's compiled step would draw the same in each: there only ``estimator="exact"`` is
taken.

Losses are saved with the model and loaded with it (import this module before). With the backends
``tensorflow``, ``numpy`` and ``openvino`` no loss can be made, and the error says so.
"""

try:
    import keras as _framework  # noqa: F401
except ImportError as error:
    raise ImportError("topkloss.keras needs Keras 3: pip install topkloss[keras]") from error

from typing import TYPE_CHECKING, Any

from topkloss.keras._losses import LOSSES

globals().update(LOSSES)

__all__ = sorted(LOSSES)

if TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        """The losses, made from the records of `topkloss`."""
