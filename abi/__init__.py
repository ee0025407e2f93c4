"""Everything that follows from ``include/topkloss.h``, the one description of the C interface.

``python -m abi`` reads the header and writes what repeats it: the ctypes layer, Swift's entry
points, C++ options and losses, Rust declarations, and checks of layouts and defaults in C.
``python -m abi --check`` says which of these files are stale, and ``python -m abi --freeze`` keeps
the header's declarations under ``abi/frozen``, as a version that programs may have been compiled
with.
"""
