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

The functions go through `jax.pure_callback` on every device: the scores are copied to the host, and
value and gradient back. Microseconds for value and gradient of cross-entropy, the library from
NumPy and the jitted call, on two cores: 6 and 150 at 8 x 10, 98 and 690 at 256 x 1000, 510 and
2,000 at 128 x 10,000. A typed custom call of XLA's, without copies, was measured at 170 where
`jax.pure_callback` took 609 (256 x 1000). It waits: a handler made in Python hangs at exit and
loses interrupts; it belongs into the library.

When the process ends, it waits for what the main thread has queued and for all arrays that are
still held. Results of other threads should be held, or waited for: JAX aborts the process where a
callback begins after the interpreter's end.

JAX's callbacks also wait for a thread of XLA's pool when their arguments are large
(https://github.com/jax-ml/jax/issues/24255), and **can hang** where every thread is in one: with a
single core, of which a RuntimeWarning tells, or with as many Python threads that run such programs
at once as there are cores. The environment variable NPROC, set before JAX starts, is the number of
threads in that pool: ``NPROC=2`` does on a single core.
"""

try:
    import jax as _framework  # noqa: F401
except ImportError as error:
    raise ImportError("topkloss.jax needs JAX: pip install topkloss[jax]") from error

from topkloss.jax._functions import FUNCTIONS
from topkloss.jax._noised_topk import noised_topk

globals().update(FUNCTIONS)
__all__ = [*FUNCTIONS, "noised_topk"]
