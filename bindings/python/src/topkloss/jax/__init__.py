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
traced. A wrong label is an error that names the row, when the program runs: a
jax.errors.JaxRuntimeError the first time that JAX runs it, and a ValueError later, for JAX has two
translations of one error: catch both. Check labels before a program with collectives, as those
inside `jax.shard_map` are: the other devices wait for the one whose label is wrong, until XLA gives
up and ends the process.

Randomness is explicit: `noised_topk_loss` and `noised_topk` with the Monte Carlo estimator draw
what their key, or their seed and step, say.

On the CPU, XLA itself calls the library (handlers in libtopkloss_xla.so, which topkloss_xla.h
describes): no copies, no interpreter lock, any number of threads, on one processor too. Value and
gradient of a mean of cross-entropies in a jitted call take 1.2 times as long as from NumPy at
256 x 1000, and a call of 8 x 10 among others in a program 5 microseconds. A mean over a batch whose
size is a power of 2 is no further pass over the gradient; with other sizes, weights or a sum there
is one, as in any function of JAX's (at 256 x 1000, half as long again). With such a size B, an
upstream above the largest number of its type over B (3e35 for 1,024 rows of float32) overflows.
Logits that `jax.vmap` shares among its places are copied for each, but not where that is more than
64 MiB in all and 1 MiB for each. Rows that `jax.jit` has on
several devices are gathered for a call; inside `jax.shard_map` each device calls with its own.
Programs can be exported: tell `jax.export` of ``DisabledSafetyCheck.custom_call("topkloss")``, and
import topkloss.jax in the process that loads one, before it runs: that registers the handlers.
Nothing warns here of scores that are no cosines, as objects do whose scale is meant for these.

On other devices, and where there are no handlers, the functions go through `jax.pure_callback`: the
scores are copied to the host, and value and gradient back, 690 microseconds in place of 98 at 256 x
1000 on two cores. There are none where libtopkloss_xla.so is not beside libtopkloss.so, where the
environment variable TOPKLOSS_XLA_LIBRARY, which names another, is set to nothing, or, with a
RuntimeWarning, where jaxlib speaks a version of XLA's interface that is not known here. With
callbacks, JAX's callbacks wait for a thread of XLA's pool when their arguments are
large (https://github.com/jax-ml/jax/issues/24255), and **can hang** where every thread is in one:
with a single core, or with as many Python threads that run such programs at once as there are
cores; a RuntimeWarning says so before the first such call on one thread. The environment variable
NPROC, set before JAX starts, is the number of threads in that pool.
When the process ends, it waits for what the main thread has queued and for all arrays that are
still held; results of other threads should be held, or waited for: JAX aborts the process where a
callback begins after the interpreter's end.
"""

try:
    import jax as _framework  # noqa: F401
except ImportError as error:
    raise ImportError("topkloss.jax needs JAX: pip install topkloss[jax]") from error

from topkloss.jax._functions import FUNCTIONS
from topkloss.jax._noised_topk import noised_topk

globals().update(FUNCTIONS)
__all__ = [*FUNCTIONS, "noised_topk"]
