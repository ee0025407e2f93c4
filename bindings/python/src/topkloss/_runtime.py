"""What the library runs on: the instruction set and the number of threads."""

from __future__ import annotations

from topkloss._arguments import integer
from topkloss._library import check, library

simd: str = library.topkloss_simd().decode()
"""Instruction set of the row kernels in use: ``"avx512"``, ``"avx2"`` or ``"portable"``; on aarch64
``"neon"``.

Chosen once, from what the processor has. The environment variable TOPKLOSS_SIMD, holding one of
these names when the package is imported, asks for a lower one.
"""


_chosen = 0


def set_num_threads(count: int) -> None:
    """Sets how many threads one call may use, the calling thread included.

    The default is TOPKLOSS_NUM_THREADS, else OMP_NUM_THREADS, from the environment, else the
    number of processors that the process may run on (or has the time of, where a container limits
    it). Where the process has GNU OpenMP (PyTorch's, say), the default is no more than OpenMP lets
    the calling thread have: after ``torch.set_num_threads(1)`` a call uses one thread.
    ``threadpoolctl.threadpool_limits`` sets this number besides OpenMP's. A number set here holds
    against OpenMP's. A call with little work uses fewer. Results do not depend on the number.

    Args:
        count: 1 to 1024, or 0 to return to the default.

    Raises:
        TopKLossError: The number is outside its range.
    """
    global _chosen
    check(library.topkloss_set_num_threads(integer("count", count, bits=32)))
    _chosen = count


def chosen_num_threads() -> int:
    """What `set_num_threads` was last called with: 0 for the default."""
    return _chosen


def get_num_threads() -> int:
    """How many threads one call on this thread may use, the calling thread included."""
    return int(library.topkloss_get_num_threads())
