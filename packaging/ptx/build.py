"""Makes the PTX in Sources/CPTX/ptx from Swift: all families, or those that are named.

    python packaging/ptx/build.py [--check] [family ...]

Embedded Swift becomes LLVM's intermediate representation for a processor without a system, is then
said to be for an NVIDIA GPU, linked with what Sources/CGPU/gpu.h declares (Sources/GPU/device.ll),
optimised, and written as PTX for sm_70, which every later GPU takes too. No CUDA toolkit is needed:
LLVM is the llvmlite package's. Every file says which sources, compiler and LLVM it came from, so
that --check sees at once where one is out of date; named families it makes anew and compares.
"""

from __future__ import annotations

import argparse
import hashlib
import inspect
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from families import FAMILIES, SOURCES, swift_files

TOP = Path(__file__).resolve().parents[2]
OUTPUT = SOURCES / "CPTX/ptx"
PROCESSOR, PTX_VERSION = "sm_70", "ptx64"

# What kernels take by value, by the beginning of their names: the first that fits.
PARAMETERS = {"topk_turn_": "DeviceTurn", "topk_": "TopkDeviceCall"}
# Kernels whose blocks are to be as large as any: no more registers than that leaves a thread.
# Others have what they like, and smaller blocks if that is many.
LARGE_BLOCKS = ("topk_begin", "topk_end", "topk_softmax_margin_plain", "topk_softmax_margin_offset")
MOST_THREADS = 1024
HEADERS = ["CDevice", "CGPU", "CKernels"]
# Beside them, what no kernel of a device sees.
NO_KERNELS = ("CDeviceLink.h", "ShardStates.h", "module.modulemap")


def compiler_version() -> str:
    """The Swift compiler's first line on itself."""
    command = ["swiftc", "--version"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[
        0
    ]


def fingerprint(family: str) -> str:
    """Of all that a family's PTX follows from, but for LLVM, which its pinned version tells."""
    digest = hashlib.sha256(compiler_version().encode())
    for function in (intermediate, parameter_bytes, retarget, attributes, ptx, compact):
        digest.update(inspect.getsource(function).encode())
    headers = [file for name in HEADERS for file in sorted((SOURCES / name).iterdir())]
    headers = [file for file in headers if file.name not in NO_KERNELS]
    for file in [SOURCES / "GPU/device.ll", *headers, *swift_files(family)]:
        digest.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()[:32]


def intermediate(family: str, folder: Path) -> str:
    """The family's Swift as LLVM's intermediate representation."""
    output = folder / f"{family}.ll"
    command = ["swiftc", "-target", "x86_64-unknown-none-elf", "-parse-as-library", "-wmo"]
    command += ["-Ounchecked", "-enable-experimental-feature", "Embedded"]
    command += ["-D", "KERNELS_DEVICE", "-module-name", "Kernels"]
    command += [f"-I{SOURCES / name}" for name in HEADERS]
    command += [f"-I{TOP / 'packaging/ptx/CSystem'}"]
    command += ["-emit-irgen", *map(str, swift_files(family)), "-o", str(output)]
    subprocess.run(command, check=True)
    return output.read_text()


def parameter_bytes(folder: Path) -> dict[str, int]:
    """The sizes of the structs that kernels take."""
    swift = shutil.which("swiftc")
    if swift is None:
        raise RuntimeError("there is no swiftc on PATH")
    names = PARAMETERS.values()
    arrays = "".join(f"char size_{name}[sizeof({name})];\n" for name in names)
    source = folder / "size.c"
    source.write_text('#include "CDevice.h"\n' + arrays)
    command = [str(Path(swift).resolve().with_name("clang")), str(source)]
    command += [f"-I{SOURCES / 'CDevice'}", "-target", "x86_64-unknown-none-elf"]
    command += ["-ffreestanding", "-w", "-S", "-emit-llvm", "-o", "-"]
    result = subprocess.run(command, check=True, capture_output=True, text=True)
    found = re.findall(r"@size_(\w+) = .*\[(\d+) x i8\]", result.stdout)
    sizes = {name: int(size) for name, size in found}
    assert sizes.keys() == set(names), result.stdout
    return sizes


def retarget(text: str, sizes: dict[str, int]) -> tuple[str, list[str]]:
    """The same for an NVIDIA GPU; what is public are kernels, which take their struct by value."""

    def kernel(match: re.Match[str]) -> str:
        struct = next(struct for start, struct in PARAMETERS.items() if match[1].startswith(start))
        threads = f' "nvvm.maxntid"="{MOST_THREADS}"' if match[1].startswith(LARGE_BLOCKS) else ""
        parameter = f"ptr byval([{sizes[struct] // 8} x i64]) align 8 %0"
        return f"define ptx_kernel void @{match[1]}({parameter}){match[2]}{threads}"

    kernels = re.findall(r"^define protected void @(topk_\w+)\(", text, re.MULTILINE)
    rules = [
        (r"^target triple = .*", 'target triple = "nvptx64-nvidia-cuda"'),
        (r"^(target datalayout|@llvm\.used|@_swift1_autolink_entries).*\n", ""),
        (r"^define weak_odr (protected )?", "define internal "),
    ]
    for pattern, replacement in rules:
        text = re.sub(pattern, replacement, text, flags=re.MULTILINE)
    text = re.sub(
        r"^define protected void @(topk_\w+)\(ptr [^%]*%0\)(.*?)(?= \{$)",
        kernel,
        text,
        flags=re.MULTILINE,
    )
    return re.sub(r"^attributes #.*$", attributes, text, flags=re.MULTILINE), kernels


def attributes(match: re.Match[str]) -> str:
    """What of a function's attributes is not a processor's. Nothing stays a function of its own."""
    line = match[0]
    kept = [name for name in ("convergent", "memory(none)", "memory(read)") if name in line] + [
        "alwaysinline"
    ]
    if "memory(none)" in kept or "memory(read)" in kept:
        kept.append("willreturn")
    return f"{line[: line.index('{')]}{{ nounwind {' '.join(kept)} }}"


def ptx(family: str, swift: str, sizes: dict[str, int]) -> str:
    """The family's PTX, of its intermediate representation."""
    import llvmlite  # type: ignore[import-not-found,import-untyped,unused-ignore]
    import llvmlite.binding as llvm  # type: ignore[import-not-found,import-untyped,unused-ignore]

    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    target = llvm.Target.from_triple("nvptx64-nvidia-cuda")
    machine = target.create_target_machine(cpu=PROCESSOR, features=f"+{PTX_VERSION}", opt=3)
    text, kernels = retarget(swift, sizes)
    module = llvm.parse_assembly(text)
    module.link_in(llvm.parse_assembly((SOURCES / "GPU/device.ll").read_text()))
    for function in module.functions:
        if not function.is_declaration and function.name not in kernels:
            function.linkage = "internal"
    module.data_layout = str(machine.target_data)
    tuning = llvm.create_pipeline_tuning_options(speed_level=3)
    tuning.loop_unrolling = False
    builder = llvm.create_pass_builder(machine, tuning)
    builder.getModulePassManager().run(module, builder)
    dead_code = llvm.create_new_module_pass_manager()
    dead_code.add_global_dead_code_eliminate_pass()
    dead_code.run(module, builder)
    head = f"// {family}: made by packaging/ptx/build.py, of sources {fingerprint(family)}\n"
    head += f"// by {compiler_version()} and llvmlite {llvmlite.__version__}\n"
    return head + compact(machine.emit_assembly(module))


def compact(text: str) -> str:
    """Without comments and what else the driver does not need."""
    text = re.sub(r"//[^\n]*", "", text)
    text = re.sub(r"[ \t]+", " ", text)
    return re.sub(r"\n\s*", "\n", text).strip() + "\n"


def write_list() -> None:
    """The families that there are, for the assembler and for C.

    What changes with a module makes SwiftPM take it in again.
    """
    head = "The families of kernels, a module each, and of what sources"
    lines = [f"/* {head}: written by packaging/ptx/build.py. */"]
    for family in FAMILIES:
        file = OUTPUT / f"{family}.ptx"
        digest = hashlib.sha256(file.read_bytes()).hexdigest()[:16]
        lines.append(f"FAMILY({family}) /* {digest} */")
    (OUTPUT.parent / "families.h").write_text("\n".join(lines) + "\n")


def is_current(family: str) -> bool:
    """Whether a family's PTX says that it is of today's sources."""
    file = OUTPUT / f"{family}.ptx"
    return file.exists() and fingerprint(family) in file.read_text().split("\n", 1)[0]


def main() -> int:
    """Makes PTX, or checks it."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("families", nargs="*", metavar="family", help=f"of {', '.join(FAMILIES)}")
    parser.add_argument(
        "--check", action="store_true", help="change nothing; say what is out of date"
    )
    options = parser.parse_args()
    families: list[str] = options.families or ([] if options.check else list(FAMILIES))
    stale = [family for family in FAMILIES if not is_current(family)] if options.check else []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with ThreadPoolExecutor(2) as pool:
            swift = dict(
                zip(
                    families,
                    pool.map(lambda family: intermediate(family, folder), families),
                    strict=True,
                )
            )
        sizes = parameter_bytes(folder) if families else {}
        for family in families:
            text, file = ptx(family, swift[family], sizes), OUTPUT / f"{family}.ptx"
            if not options.check:
                file.write_text(text)
                print(f"{family}: {len(text)} bytes")
            elif not file.exists() or file.read_text() != text:
                stale.append(family)
    if not options.check:
        write_list()
    if stale:
        print(f"out of date: {', '.join(dict.fromkeys(stale))}: run make ptx", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
