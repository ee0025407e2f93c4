"""Makes shared libraries of PTX, and of the stand-in driver, with clang."""

from __future__ import annotations

import functools
import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
import zlib
from pathlib import Path

import ptxas
from translate import translate

HERE = Path(__file__).resolve().parent
TOP = HERE.parents[1]
PTX = TOP / "Sources/CPTX/ptx"
_EMULATOR = ("emulator.c", "memory.c", "races.c")


def cache() -> Path:
    """Where compiled modules are kept."""
    folder = Path(os.environ.get("TOPKLOSS_GPU_CACHE") or TOP / ".build/gpu")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@functools.cache
def _compiler() -> list[str]:
    """Clang, the Swift toolchain's if none is named, with what all files need."""
    clang = os.environ.get("CLANG")
    if not clang:
        swift = shutil.which("swiftc")
        beside = Path(swift).resolve().with_name("clang") if swift else None
        clang = str(beside) if beside and beside.exists() else "clang"
    flags = ["-std=gnu11", "-fPIC", "-ffp-contract=off", "-fno-strict-aliasing", f"-I{HERE}"]
    if platform.machine() == "x86_64":
        known = Path("/proc/cpuinfo").read_text().split()
        flags += [f"-m{name}" for name in ("avx2", "fma", "f16c") if name in known]
    return [clang, *flags]


def compile_to(words: list[str]) -> None:
    """Runs the compiler."""
    command = [*_compiler(), *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}:\n{done.stderr[:4000]}")


@functools.cache
def emulator_digest() -> str:
    """Of all that a compiled module follows from besides its PTX."""
    sources = sorted([*HERE.glob("*.h"), *(HERE / name for name in _EMULATOR)])
    sources += [HERE / f"{name}.py" for name in ("body", "ptx", "translate", "words")]
    content = b"".join(path.read_bytes() for path in sources)
    return hashlib.sha256(content + " ".join(_compiler()).encode()).hexdigest()


def emulator_objects() -> list[str]:
    """The emulator's own, warnings being errors."""
    objects = []
    for name in _EMULATOR:
        place = cache() / f"{Path(name).stem}-{emulator_digest()[:16]}.o"
        if not place.exists():
            made = place.with_suffix(f".{os.getpid()}.o")
            words = ["-O2", "-Wall", "-Wextra", "-Werror", "-c", str(HERE / name), "-o", str(made)]
            compile_to(words)
            made.replace(place)
        objects.append(str(place))
    return objects


def compile_module(text: str) -> Path:
    """The shared library of a module. The stand-in driver finds it by the text's checksum."""
    level = os.environ.get("TOPKLOSS_GPU_OPTIMIZATION", "0")
    digest = hashlib.sha256(f"{emulator_digest()}{level}{text}".encode()).hexdigest()[:32]
    library = cache() / f"{digest}.so"
    if not library.exists():
        source = translate(text).text
        with tempfile.TemporaryDirectory(dir=cache()) as name:
            folder = Path(name)
            (folder / "module.c").write_text(source)
            allowed = ["-Wno-unused-label", "-Wno-constant-conversion"]
            words = [f"-O{level}", "-Werror", *allowed, "-c", str(folder / "module.c")]
            compile_to([*words, "-o", str(folder / "module.o")])
            words = ["-shared", "-fuse-ld=lld", "-Wl,-Bsymbolic", "-o", str(folder / "module.so")]
            compile_to([*words, str(folder / "module.o"), *emulator_objects(), "-lm"])
            (folder / "module.so").replace(library)
    data = text.encode()
    link = cache() / f"ptx-{zlib.crc32(data):08x}-{len(data)}.so"
    if not link.is_symlink() or link.readlink() != Path(library.name):
        made = link.with_suffix(f".{os.getpid()}")
        made.symlink_to(library.name)
        made.replace(link)
    return library


def stand_in_driver() -> Path:
    """A folder with the libcuda.so.1 of fakecuda.c, for LD_LIBRARY_PATH; compiles what ships.

    A program that uses it has cache() as TOPKLOSS_GPU_CACHE besides.
    """
    for file in sorted(PTX.glob("*.ptx")):
        compile_module(file.read_text())
    made = cache() / f"{os.getpid()}.registers"
    made.write_text("".join(f"{name} {most}\n" for name, most in ptxas.most_registers().items()))
    made.replace(cache() / "registers")
    sources = sorted(HERE.glob("fakecuda*.c"))
    content = b"".join(path.read_bytes() for path in [*sources, *sorted(HERE.glob("*.h"))])
    folder = cache() / f"driver-{hashlib.sha256(content).hexdigest()[:16]}"
    if not (folder / "libcuda.so.1").exists():
        folder.mkdir(exist_ok=True)
        made = folder / f"{os.getpid()}.so"
        words = ["-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fuse-ld=lld"]
        words += [
            "-Wl,-soname,libcuda.so.1",
            *map(str, sources),
            "-o",
            str(made),
            "-ldl",
            "-lpthread",
        ]
        compile_to(words)
        made.replace(folder / "libcuda.so.1")
    return folder
