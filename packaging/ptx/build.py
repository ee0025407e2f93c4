"""Makes the PTX in Sources/CPTX/ptx from Swift: all families, or those that are named.

    python packaging/ptx/build.py [--check] [family ...]

Embedded Swift becomes LLVM's intermediate representation for a processor without a system, is then said to be for an NVIDIA GPU, linked with
what Sources/CGPU/gpu.h declares (Sources/GPU/device.ll), optimised, and written as PTX for sm_70, which every later GPU takes too. No CUDA
toolkit is needed: LLVM is the llvmlite package's. Every file says which sources, compiler and LLVM it came from, so that --check sees at once
where one is out of date; named families it makes anew and compares.
"""

from __future__ import annotations

import argparse
import hashlib
import inspect
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
SOURCES = TOP / "Sources"
OUTPUT = SOURCES / "CPTX/ptx"
PROCESSOR, PTX_VERSION = "sm_70", "ptx64"

# Of Sources, what every family is made of, and what each is besides. Of a folder, all files.
COMMON = [
    *["GPU/Team", "GPU/Functions", "GPU/Call/BatchSummary.swift", "GPU/Call/CallRows.swift", "GPU/Call/WidenedRows.swift"],
    *[f"Kernels/Vector/{name}.swift" for name in ("Coefficient", "Elements", "Lanes", "RowScan", "Sweep")],
    # Lanes say how they sweep a row of softmax.
    *["Kernels/Softmax", "Kernels/Functions/Logarithm.swift", "Kernels/Functions/Logistic.swift"],
]
FAMILIES = {
    "batch": ["GPU/Call"],
    "softmax_margin": ["GPU/Families/SoftmaxMarginEntries.swift", "GPU/Softmax"],
    "outlying_mse": ["GPU/Families/OutlyingMSEEntries.swift", "Kernels/SquaredError/OutlyingMSE.swift"],
    "single_positive": [
        *["GPU/Families/SinglePositiveEntries.swift", "Kernels/MultiLabel/BinaryCrossEntropy.swift"],
        "Kernels/Selection/RowScores.swift",
    ],
    "two_heads": [
        *["GPU/TwoHeads", "Kernels/MultiLabel/BinaryCrossEntropy.swift"],
        *["Kernels/Selection/RowScores.swift", "Kernels/Selection/OrderKey.swift"],
        *["TopKLoss/After/AverageKSelection.swift", "TopKLoss/After/SoftmaxNormalization.swift"],
    ],
    "turn": ["GPU/Families/TurnEntries.swift"],
    "after": ["GPU/Families/AfterEntries.swift"],
    "smooth_topk_svm": [
        *["GPU/Families/SmoothTopKSVM.swift", "Kernels/SmoothTopKSVM/SmoothTopKSVMTerm.swift"],
        *[f"GPU/TopK/{name}.swift" for name in ("RankPolynomial", "StrongestClasses")],
    ],
    "topk_cross_entropy": [
        *["GPU/Families/TopKCrossEntropy.swift", "GPU/TopK", "Kernels/Functions/MillsRatio.swift"],
    ],
    "exact_topk": [
        *["GPU/Families/ExactTopK.swift", "GPU/TopK", "Kernels/Functions/MillsRatio.swift"],
    ],
    "noised_topk": [
        *["GPU/Noise", "GPU/OrderStatistic", "GPU/Families/NoisedTopKEntry.swift"],
        *["Kernels/Noise/RowNoise.swift", "Kernels/Noise/Threefry.swift", "Kernels/Functions/NormalQuantile.swift"],
    ],
}
# What kernels take by value, by the beginning of their names: the first that fits.
PARAMETERS = {"topk_turn_": "DeviceTurn", "topk_": "TopkDeviceCall"}
# Kernels whose blocks are to be as large as any: no more registers than that leaves a thread. Others have what they like, and smaller
# blocks if that is many.
LARGE_BLOCKS = ("topk_begin", "topk_end", "topk_softmax_margin_plain", "topk_softmax_margin_offset")
MOST_THREADS = 1024
HEADERS = ["CDevice", "CGPU", "CKernels"]


def swift_files(family: str) -> list[Path]:
    files: list[Path] = []
    for name in COMMON + FAMILIES[family]:
        path = SOURCES / name
        found = sorted(path.glob("*.swift")) if path.is_dir() else [path]
        files += [file for file in found if file not in files]
    return files


def compiler_version() -> str:
    return subprocess.run(["swiftc", "--version"], check=True, capture_output=True, text=True).stdout.splitlines()[0]


def fingerprint(family: str) -> str:
    """Of all that a family's PTX follows from, but for LLVM, which its pinned version tells."""
    digest = hashlib.sha256(compiler_version().encode())
    for function in (intermediate, parameter_bytes, retarget, attributes, ptx, compact):
        digest.update(inspect.getsource(function).encode())
    headers = [file for name in HEADERS for file in sorted((SOURCES / name).iterdir())]
    for file in [SOURCES / "GPU/device.ll", *headers, *swift_files(family)]:
        digest.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()[:32]


def intermediate(family: str, folder: Path) -> str:
    """The family's Swift as LLVM's intermediate representation."""
    output = folder / f"{family}.ll"
    command = ["swiftc", "-target", "x86_64-unknown-none-elf", "-parse-as-library", "-wmo", "-Ounchecked"]
    command += ["-enable-experimental-feature", "Embedded", "-D", "KERNELS_DEVICE", "-module-name", "Kernels"]
    command += [f"-I{SOURCES / name}" for name in HEADERS] + [f"-I{TOP / 'packaging/ptx/CSystem'}"]
    command += ["-emit-irgen", *map(str, swift_files(family)), "-o", str(output)]
    subprocess.run(command, check=True)
    return output.read_text()


def parameter_bytes(folder: Path) -> dict[str, int]:
    """The sizes of the structs that kernels take."""
    swift = Path(subprocess.run(["which", "swiftc"], check=True, capture_output=True, text=True).stdout.strip()).resolve()
    source = folder / "size.c"
    source.write_text('#include "CDevice.h"\n' + "".join(f"char size_{name}[sizeof({name})];\n" for name in PARAMETERS.values()))
    command = [str(swift.parent / "clang"), "-target", "x86_64-unknown-none-elf", "-ffreestanding", "-w", "-S", "-emit-llvm", "-o", "-"]
    result = subprocess.run([*command, f"-I{SOURCES / 'CDevice'}", str(source)], check=True, capture_output=True, text=True)
    sizes = {name: int(size) for name, size in re.findall(r"@size_(\w+) = .*\[(\d+) x i8\]", result.stdout)}
    assert sizes.keys() == set(PARAMETERS.values()), result.stdout
    return sizes


def retarget(text: str, sizes: dict[str, int]) -> tuple[str, list[str]]:
    """The same for an NVIDIA GPU, with what is public as kernels, which take their struct by value."""

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
    text = re.sub(r"^define protected void @(topk_\w+)\(ptr [^%]*%0\)(.*?)(?= \{$)", kernel, text, flags=re.MULTILINE)
    return re.sub(r"^attributes #.*$", attributes, text, flags=re.MULTILINE), kernels


def attributes(match: re.Match[str]) -> str:
    """What of a function's attributes is not a processor's. Nothing stays a function of its own."""
    line = match[0]
    kept = [name for name in ("convergent", "memory(none)", "memory(read)") if name in line] + ["alwaysinline"]
    if "memory(none)" in kept or "memory(read)" in kept:
        kept.append("willreturn")
    return f"{line[: line.index('{')]}{{ nounwind {' '.join(kept)} }}"


def ptx(family: str, swift: str, sizes: dict[str, int]) -> str:
    import llvmlite
    import llvmlite.binding as llvm

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
    """The families that there are, for the assembler and for C. What changes with a module makes SwiftPM take it in again."""
    lines = ["/* The families of kernels, a module each, and of what sources: written by packaging/ptx/build.py. */"]
    for family in FAMILIES:
        file = OUTPUT / f"{family}.ptx"
        digest = hashlib.sha256(file.read_bytes()).hexdigest()[:16]
        lines.append(f"FAMILY({family}) /* {digest} */")
    (OUTPUT.parent / "families.h").write_text("\n".join(lines) + "\n")


def is_current(family: str) -> bool:
    file = OUTPUT / f"{family}.ptx"
    return file.exists() and fingerprint(family) in file.read_text().split("\n", 1)[0]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("families", nargs="*", metavar="family", help=f"of {', '.join(FAMILIES)}")
    parser.add_argument("--check", action="store_true", help="change nothing; say what is out of date")
    options = parser.parse_args()
    families: list[str] = options.families or ([] if options.check else list(FAMILIES))
    stale = [family for family in FAMILIES if not is_current(family)] if options.check else []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with ThreadPoolExecutor(2) as pool:
            swift = dict(zip(families, pool.map(lambda family: intermediate(family, folder), families), strict=True))
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
