"""Kernels compiled from their Swift for this processor, to hold against their PTX.

Both run on the emulator, and both take 2^x from it: bytes and traces have to be equal. That a trace
is equal says that every thread came to the same barriers, shuffles and votes, one after another, so
that neither LLVM's passes for a GPU nor what packaging/ptx/build.py does to its input have dropped,
doubled, merged or reordered any, in so far as launches get there.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from types import ModuleType

import compiling
from device import Module


def _builder() -> ModuleType:
    """packaging/ptx/build.py."""
    place = compiling.TOP / "packaging/ptx/build.py"
    if str(place.parent) not in sys.path:
        sys.path.append(str(place.parent))  # for its families
    specification = importlib.util.spec_from_file_location("build", place)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def _table(kernels: list[str], parameter_bytes: dict[str, int]) -> str:
    declared = "".join(f"void {name}(const uint8_t *);\n" for name in kernels)
    entries = "".join(
        f'{{"{name}", {name}, {parameter_bytes[name]}, 0, 1024}},' for name in kernels
    )
    return f'#include "state.h"\n{declared}const Kernel emulator_kernels[] = {{{entries} {{0}}}};\n'


def compile_source(family: str) -> Path:
    """The shared library of a family's kernels, made once for what it follows from."""
    build = _builder()
    text = (compiling.PTX / f"{family}.ptx").read_text()
    content = build.fingerprint(family) + compiling.emulator_digest()
    content += (compiling.HERE / "gpu.c").read_text()
    library = compiling.cache() / f"source-{hashlib.sha256(content.encode()).hexdigest()[:32]}.so"
    if library.exists():
        return library
    parameter_bytes = Module(text).parameter_bytes
    with tempfile.TemporaryDirectory(dir=compiling.cache()) as name:
        folder = Path(name)
        code = build.intermediate(family, folder)
        kernels = re.findall(r"^define protected void @(topk_\w+)\(", code, re.MULTILINE)
        assert sorted(kernels) == sorted(parameter_bytes), "not of the same sources"
        # A processor's conversions of float16, in place of calls.
        processor = '"target-features"="+cmov,+cx8,+fxsr,+mmx,+sse,+sse2,+x87,+avx2,+fma,+f16c"'
        code = re.sub(r'"target-features"="[^"]*"', processor, code)
        (folder / "kernels.ll").write_text(code)
        (folder / "table.c").write_text(_table(kernels, parameter_bytes))
        include = f"-I{compiling.TOP / 'Sources/CGPU'}"
        objects = []
        for source in (folder / "kernels.ll", folder / "table.c", compiling.HERE / "gpu.c"):
            objects.append(str(folder / f"{source.stem}.o"))
            compiling.compile_to([str(source), "-c", include, "-w", "-O0", "-o", objects[-1]])
        made = folder / f"{os.getpid()}.so"
        words = ["-shared", "-fuse-ld=lld", "-Wl,-Bsymbolic", "-o", str(made), *objects]
        compiling.compile_to([*words, *compiling.emulator_objects(), "-lm"])
        made.replace(library)
    return library


def module(family: str) -> Module:
    """A family's kernels, to be launched as its PTX is."""
    return Module(compiling.PTX / f"{family}.ptx", library=compile_source(family))


def is_of_these_sources(family: str) -> bool:
    """Whether a family's PTX was made of the sources as they are."""
    try:
        return bool(_builder().is_current(family))
    except (OSError, subprocess.CalledProcessError):
        return False
