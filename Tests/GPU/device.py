"""Runs the PTX that ships on this machine's processor: the harness that tests of kernels use.

    module = Module(PTX / "softmax_margin.ptx")
    logits = guarded(numpy.array(...))       # as device memory: a page without access follows it
    call = Call(rows=..., classes=...)       # call.py: the struct of CDevice.h
    call.logits.elements = logits.ctypes.data
    for order in ORDERS:
        module.launch("topk_...", call, blocks=2, threads=128, shared_bytes=256, order=order)

A launch returns what it counted, or raises LaunchError: a barrier or shuffle that not all threads
reach, a race, shared memory that is read before it is written, an access that is not aligned or
outside of guarded memory, a loop without end, each with the PTX's line. Every order is another way
in which a device may run the threads (emulator.h): results have to be the same bytes in all.

A module is translated and compiled once for its content, into the folder TOPKLOSS_GPU_CACHE or
.build/gpu. That is without optimisation, five times as fast as with: TOPKLOSS_GPU_OPTIMIZATION=1
is for long runs, four times as fast. `python device.py FILE...` compiles and prints the paths.
"""

from __future__ import annotations

import ctypes
import functools
import hashlib
import mmap
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import zlib
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import ptxas
from translate import translate

HERE = Path(__file__).resolve().parent
TOP = HERE.parents[1]
PTX = TOP / "Sources/CPTX/ptx"
ORDERS = (0, 1, 2, 3, 4, 5)
"""All that an emulation can tell apart, at least once."""

_EMULATOR = ("emulator.c", "memory.c", "races.c")
_POINTER = ctypes.sizeof(ctypes.c_void_p)


class LaunchError(Exception):
    """What a device would have done wrong, or left undefined."""


class Counts(NamedTuple):
    """Of one launch, over all its threads."""

    barriers: int
    warp_barriers: int
    shuffles: int
    """And votes."""
    turns: int
    """Of loops."""
    trace: int
    """A digest of what every thread did together with others, one after another."""


class _Launch(ctypes.Structure):
    """Launch of emulator.h."""

    _fields_ = (
        ("blocks", ctypes.c_uint32),
        ("threads", ctypes.c_uint32),
        ("shared_bytes", ctypes.c_uint32),
        ("mutated_line", ctypes.c_uint32),
        ("order", ctypes.c_uint64),
        ("turns", ctypes.c_uint64),
        ("barriers", ctypes.c_uint64),
        ("warp_barriers", ctypes.c_uint64),
        ("shuffles", ctypes.c_uint64),
        ("taken_turns", ctypes.c_uint64),
        ("trace", ctypes.c_uint64),
        ("error", ctypes.c_char * 1000),
    )


class _Kernel(ctypes.Structure):
    """Kernel of emulator.h."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("body", ctypes.c_void_p),
        ("parameter_bytes", ctypes.c_uint32),
        ("shared_bytes", ctypes.c_uint32),
        ("max_threads", ctypes.c_uint32),
    )


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


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}:\n{done.stderr[:4000]}")


@functools.cache
def _emulator_digest() -> str:
    sources = sorted([*HERE.glob("*.h"), *(HERE / name for name in _EMULATOR)])
    sources += [HERE / "ptx.py", HERE / "translate.py"]
    content = b"".join(path.read_bytes() for path in sources)
    return hashlib.sha256(content + " ".join(_compiler()).encode()).hexdigest()


def _emulator(folder: Path) -> list[str]:
    """The emulator's own objects, warnings being errors."""
    objects = []
    for name in _EMULATOR:
        place = folder / f"{Path(name).stem}-{_emulator_digest()[:16]}.o"
        if not place.exists():
            made = place.with_suffix(f".{os.getpid()}.o")
            words = ["-O2", "-Wall", "-Wextra", "-Werror", "-c", str(HERE / name), "-o", str(made)]
            _run([*_compiler(), *words])
            made.replace(place)
        objects.append(str(place))
    return objects


def compile_module(text: str) -> Path:
    """The shared library of a module. The stand-in driver finds it by the text's checksum."""
    level = os.environ.get("TOPKLOSS_GPU_OPTIMIZATION", "0")
    digest = hashlib.sha256(f"{_emulator_digest()}{level}{text}".encode()).hexdigest()[:32]
    library = cache() / f"{digest}.so"
    if not library.exists():
        source = translate(text).text
        with tempfile.TemporaryDirectory(dir=cache()) as name:
            folder = Path(name)
            (folder / "module.c").write_text(source)
            allowed = ["-Wno-unused-label", "-Wno-constant-conversion"]
            words = [f"-O{level}", "-Werror", *allowed, "-c", str(folder / "module.c")]
            _run([*_compiler(), *words, "-o", str(folder / "module.o")])
            words = ["-shared", "-fuse-ld=lld", "-Wl,-Bsymbolic", "-o", str(folder / "module.so")]
            _run([*_compiler(), *words, str(folder / "module.o"), *_emulator(cache()), "-lm"])
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
        _run([*_compiler(), *words])
        made.replace(folder / "libcuda.so.1")
    return folder


class Module:
    """A file of PTX, or its text."""

    def __init__(self, ptx: Path | str) -> None:
        self.text = ptx.read_text() if isinstance(ptx, Path) else ptx
        self._library = ctypes.CDLL(str(compile_module(self.text)))
        self._library.emulator_launch.argtypes = (
            ctypes.c_char_p,
            ctypes.c_void_p,
            ctypes.c_size_t,
            ctypes.POINTER(_Launch),
        )
        table = (_Kernel * 1000).in_dll(self._library, "emulator_kernels")
        self.parameter_bytes: dict[str, int] = {}
        """Of the kernels, by their names."""
        for kernel in table:
            if kernel.name is None:
                break
            self.parameter_bytes[kernel.name.decode()] = kernel.parameter_bytes

    @property
    def kernels(self) -> tuple[str, ...]:
        """Their names, in the file's order."""
        return tuple(self.parameter_bytes)

    def launch(
        self,
        kernel: str,
        call: ctypes.Structure | bytes,
        *,
        blocks: int,
        threads: int,
        shared_bytes: int = 0,
        order: int = 0,
        without: int = 0,
        turns: int = 0,
    ) -> Counts:
        """Runs a kernel to its end.

        Args:
            kernel: Its name.
            call: Its parameter.
            blocks: How many.
            threads: Of each block, a multiple of 32.
            shared_bytes: Dynamic shared memory of each block.
            order: In which threads run; 0 looks for races besides.
            without: A line of the PTX whose barrier is left out, or whose shuffle is to nowhere.
            turns: Of loops, all threads' together, that are enough; 0: four thousand million.
        """
        data = bytes(call)
        parameter = (ctypes.c_uint64 * (-(-len(data) // 8))).from_buffer_copy(
            data.ljust(-(-len(data) // 8) * 8, b"\0")
        )
        launch = _Launch(blocks, threads, shared_bytes, without, order, turns)
        if self._library.emulator_launch(
            kernel.encode(), parameter, len(data), ctypes.byref(launch)
        ):
            raise LaunchError(f"{kernel}, order {order}: {launch.error.decode()}")
        return Counts(
            launch.barriers,
            launch.warp_barriers,
            launch.shuffles,
            launch.taken_turns,
            launch.trace,
        )


class _Pages:
    """Memory between two pages that nobody may touch."""

    _libc = ctypes.CDLL(None, use_errno=True)

    def __init__(self, size: int) -> None:
        room = -(-size // mmap.PAGESIZE) * mmap.PAGESIZE
        self._memory = mmap.mmap(-1, room + 2 * mmap.PAGESIZE)
        start = ctypes.addressof(ctypes.c_char.from_buffer(self._memory))
        for page in (start, start + mmap.PAGESIZE + room):
            if self._libc.mprotect(ctypes.c_void_p(page), ctypes.c_size_t(mmap.PAGESIZE), 0):
                raise OSError(ctypes.get_errno(), "mprotect")
        self.bytes = memoryview(self._memory)[mmap.PAGESIZE : mmap.PAGESIZE + room]


def guarded(values: npt.ArrayLike, *, alignment: int = 16) -> npt.NDArray[Any]:
    """A copy of an array in memory of its own, as near to its end as the alignment lets it be.

    Kernels that read or write beyond it, or before its page, fail. An alignment below 16, that of
    the element at least, is what a slice of somebody's tensor may have.
    """
    array = np.asarray(values)
    size = -(-array.nbytes // alignment) * alignment
    pages = _Pages(max(size, 1))
    start = len(pages.bytes) - size
    view = np.frombuffer(pages.bytes, np.uint8, array.nbytes, start)
    out = view.view(array.dtype).reshape(array.shape)
    out[...] = array
    return out


def unwritten(shape: int | tuple[int, ...], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """Guarded memory that begins as NaN, or as -1."""
    array = guarded(np.empty(shape, dtype))
    array.view(np.uint8)[...] = 0xFF
    return array


if __name__ == "__main__":
    for file in sys.argv[1:]:
        print(compile_module(Path(file).read_text()))
