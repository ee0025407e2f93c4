"""Tests import the demo's modules as the program does."""

import os

# PyTorch's matrix products in bfloat16 use AMX, which some virtual machines announce and then stop
# programs for. It is read at the first product.
os.environ.setdefault("ONEDNN_MAX_CPU_ISA", "AVX512_CORE_BF16")

import geonames_demo  # noqa: F401
