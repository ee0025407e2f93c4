"""What the library runs on: the instruction set and the number of threads."""

from __future__ import annotations

from topkloss._arguments import integer
from topkloss._library import check, library

simd: str = library.topkloss_simd().decode()
"""Instruction set of the row kernels in use: ``"avx512"``, ``"avx2"`` or ``"portable"``.

Chosen once, from what the processor has. The environment variable TOPKLOSS_SIMD, holding one of
these names when the package is imported, asks for a lower one.
"""


def set_num_threads(count: int) -> None:
    """Sets how many threads one call may use, the calling thread included.

    The default is TOPKLOSS_NUM_THREADS, else OMP_NUM_THREADS, from the environment, else the
    number of processors that the process may run on. A call with little work uses fewer. Results
    do not depend on the number.

    Args:
        count: 1 to 1024, or 0 to return to the default.

    Raises:
        TopKLossError: The number is outside its range.
    """
    check(library.topkloss_set_num_threads(integer("count", count, bits=32)))


def get_num_threads() -> int:
    """How many threads one call may use, the calling thread included."""
    return int(library.topkloss_get_num_threads())
