"""The losses of topkloss as JAX functions, one value a row, as in ``optax.losses``.

    import jax
    from topkloss.jax import logit_adjusted_loss

    @jax.jit
    def loss(weights, inputs, labels):
        return logit_adjusted_loss(inputs @ weights, labels, class_counts).mean()

    value, gradient = jax.value_and_grad(loss)(weights, inputs, labels)

Logits have the shape (..., C), labels and values the shape (...); whoever wants a mean or weights
takes them. The functions work inside `jax.jit`, `jax.grad`, `jax.vmap`, `jax.lax.scan`,
`jax.checkpoint` and `jax.shard_map` (with ``check_vma=False``); `jax.vmap` over rows makes one call
for them all. When a gradient is wanted, value and gradient are computed together in the forward
pass. They can be differentiated once, in reverse mode; more is refused. Options (counts, K,
margins) must be known when a program is traced; logits, labels, noise, steps and keys may be
traced. A wrong label is an error that names the row, when the program runs: a ValueError or a
jax.errors.JaxRuntimeError, as the version of JAX has it.

Randomness is explicit: `noised_topk_loss` and `noised_topk` with the Monte Carlo estimator draw
what their key, or their seed and step, say.

On the CPU the functions are a typed custom call of XLA's foreign function interface, whose C
function is made by ctypes, so that no compiler is needed: the library reads and writes XLA's own
buffers, and nothing is copied. A call costs 20 to 40 microseconds more than the library's own from
NumPy, 10 of which any jitted function takes: 170 instead of 133 for value and gradient of
cross-entropy of 256 x 1000 on two cores, where `jax.pure_callback` takes 609. On other devices the
functions go through `jax.pure_callback`, which copies the scores to the host and the gradient back.
"""

try:
    import jax as _framework  # noqa: F401
except ImportError as error:
    raise ImportError("topkloss.jax needs JAX: pip install topkloss[jax]") from error

from topkloss.jax._average_k import single_positive_loss, two_head_average_k_loss
from topkloss.jax._noised_topk import noised_topk, noised_topk_loss
from topkloss.jax._outlying_mse import outlying_mse_loss
from topkloss.jax._softmax_margin import (
    cross_entropy_loss,
    elm_loss,
    focal_loss,
    ldam_loss,
    logit_adjusted_loss,
    margin_softmax_loss,
    vector_scaling_loss,
)
from topkloss.jax._topk import smooth_topk_svm_loss, topk_hinge_loss

__all__ = [
    "cross_entropy_loss",
    "elm_loss",
    "focal_loss",
    "ldam_loss",
    "logit_adjusted_loss",
    "margin_softmax_loss",
    "noised_topk",
    "noised_topk_loss",
    "outlying_mse_loss",
    "single_positive_loss",
    "smooth_topk_svm_loss",
    "topk_hinge_loss",
    "two_head_average_k_loss",
    "vector_scaling_loss",
]
