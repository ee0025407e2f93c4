"""Times topkloss beside its peers, value and gradient: ``make bench``, or ``python -m benchmarks``.

Two calls that are compared alternate in one process, with the same number of threads each, and a
ratio is the median over neighbouring calls, so that what slows the machine slows both sides.
"""
