"""Every file that follows from the header."""

from __future__ import annotations

from abi import cpp, frozen, swift
from abi.c_tests import c_tests
from abi.model import Header
from abi.python import python
from abi.python_cuda import python_cuda
from abi.rust import rust
from abi.xla import xla


def outputs(header: Header, cuda: Header, versions: tuple[Header, ...]) -> dict[str, str]:
    """The files' texts, by their paths from the root of the repository."""
    frozen.check_kept(header, versions)
    return {
        "bindings/python/src/topkloss/_abi.py": python(header),
        "bindings/python/src/topkloss/_cuda_abi.py": python_cuda(cuda, header),
        "Sources/TopKLoss/ABI/Generated/StructVersions.swift": swift.structs(header, versions),
        "Sources/TopKLoss/ABI/Generated/LossEntries.swift": swift.losses(header, versions),
        "Sources/TopKLoss/ABI/Generated/Names.swift": swift.names(header),
        "Sources/CXLA/losses.h": xla(header),
        "include/topkloss/enumerators.hpp": cpp.enumerations(header),
        "include/topkloss/losses.hpp": cpp.losses(header),
        "include/topkloss/options.hpp": cpp.options(header),
        "examples/rust/ffi.rs": rust(header),
        "Tests/C/generated/abi.h": c_tests(header),
    }
