"""What ptxas makes of the kernels: registers, spills and local memory, on three generations.

    python ptxas.py            compares with registers.toml; of what has not changed, a part
    python ptxas.py --all      compares everything
    python ptxas.py --write    writes registers.toml, of what has changed

A kernel of R registers runs at most 65,536 / R threads a block; held to fewer registers than it
needs, it spills. The table has both ends: no limit, and 64 registers, with which a block may have
1,024 threads. More registers than in the table by more than SLACK, spills where it has none, and
local memory without a limit are errors.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

import tomllib

HERE = Path(__file__).resolve().parent
PTX = HERE.parents[1] / "Sources/CPTX/ptx"
TABLE = HERE / "registers.toml"
ARCHITECTURES = ("sm_70", "sm_80", "sm_90")
LIMIT = 64
SLACK = 4
_LARGEST_SPILL_GROWTH = 1.1


class Use(NamedTuple):
    """Of one kernel on one generation."""

    registers: int
    """Without a limit."""
    local: int
    """Bytes of local memory without a limit, but for spills: a kernel may have one of its own."""
    spilled: int
    """Bytes stored and loaded at 64 registers."""


Table = dict[str, dict[str, Use]]
"""By the kernel, then by the generation."""


def ptxas() -> Path | None:
    """The program: on PATH, or from the package in requirements.txt."""
    for folder in sys.path:
        program = Path(folder) / "nvidia/cuda_nvcc/bin/ptxas"
        if program.exists():
            return program
    found = shutil.which("ptxas")
    return Path(found) if found else None


def _report(program: Path, file: Path, architecture: str, limit: int | None) -> str:
    with tempfile.NamedTemporaryFile(suffix=".cubin") as output:
        words = [str(program), "-v", f"-arch={architecture}", str(file), "-o", output.name]
        words += [f"-maxrregcount={limit}"] if limit else []
        done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{file.name}, {architecture}: {done.stderr[:2000]}")
    return done.stderr


_KERNEL = re.compile(
    r"Compiling entry function '(\w+)'.*?(\d+) bytes stack frame, (\d+) bytes spill stores, "
    r"(\d+) bytes spill loads.*?Used (\d+) registers",
    re.DOTALL,
)


def measure(program: Path, file: Path, architectures: tuple[str, ...]) -> Table:
    """A family's kernels."""
    table: Table = {}
    for architecture in architectures:
        free = _KERNEL.findall(_report(program, file, architecture, None))
        limited = _KERNEL.findall(_report(program, file, architecture, LIMIT))
        for (name, frame, spills, _, registers), (_, _, stores, loads, _) in zip(
            free, limited, strict=True
        ):
            local = max(0, int(frame) - int(spills)) // 8 * 8  # a frame is whole eights
            use = Use(int(registers), local, int(stores) + int(loads))
            table.setdefault(name, {})[architecture] = use
    return table


def digest(file: Path) -> str:
    """Of a family's PTX, but for the comments at its top."""
    code = re.sub(r"^//.*\n", "", file.read_text(), flags=re.MULTILINE)
    return hashlib.sha256(code.encode()).hexdigest()[:16]


class Family(NamedTuple):
    """A file of PTX in the table."""

    ptx: str
    kernels: Table


def read() -> dict[str, Family]:
    """The table as it is committed."""
    if not TABLE.exists():
        return {}
    out = {}
    for family, kernels in tomllib.loads(TABLE.read_text()).items():
        ptx = kernels.pop("ptx")
        uses = {
            name: {arch: Use(*numbers) for arch, numbers in of.items()}
            for name, of in kernels.items()
        }
        out[family] = Family(ptx, uses)
    return out


def most_registers() -> dict[str, int]:
    """Of every kernel in the table, on the generation where it has most."""
    return {
        name: max(use.registers for use in uses.values())
        for family in read().values()
        for name, uses in family.kernels.items()
    }


def write(families: dict[str, Family]) -> None:
    """Writes the table."""
    lines = [
        "# Made by `python Tests/GPU/ptxas.py --write`: registers and bytes of local memory",
        f"# without a limit, and bytes that are spilled where there may be {LIMIT} registers.",
    ]
    for family, (ptx, kernels) in sorted(families.items()):
        lines += ["", f"[{family}]", f'ptx = "{ptx}"']
        for name, uses in kernels.items():
            numbers = [f"{arch} = [{', '.join(map(str, use))}]" for arch, use in uses.items()]
            lines.append(f"{name} = {{ {', '.join(numbers)} }}")
    TABLE.write_text("\n".join(lines) + "\n")


def _worse(name: str, architecture: str, use: Use, known: Use | None) -> list[str]:
    if known is None:
        return [f"{name} is not in the table"]
    out = [f"{name}, {architecture}: {use.local} bytes of local memory"] if use.local else []
    if use.registers > known.registers + SLACK:
        out.append(f"{name}, {architecture}: {use.registers} registers, {known.registers} before")
    if use.spilled > known.spilled * _LARGEST_SPILL_GROWTH:
        out.append(f"{name}, {architecture}: spills {use.spilled} bytes, {known.spilled} before")
    return out


def compare(program: Path, *, everything: bool = False, seed: int = 0) -> list[str]:
    """What is wrong. Of families that are as the table knows them, one, on one generation."""
    known = read()
    files = sorted(PTX.glob("*.ptx"))
    same = [file for file in files if file.stem in known and digest(file) == known[file.stem].ptx]
    sample = random.Random(seed).choice(same) if same else None
    out = [f"{name}: no such family" for name in known if not (PTX / f"{name}.ptx").exists()]
    for file in files:
        architectures: tuple[str, ...] = ARCHITECTURES
        if file in same and not everything:
            if file != sample:
                continue
            architectures = (random.Random(seed).choice(ARCHITECTURES),)
        before = known[file.stem].kernels if file.stem in known else {}
        table = measure(program, file, architectures)
        for name, uses in table.items():
            for architecture, use in uses.items():
                out += _worse(name, architecture, use, before.get(name, {}).get(architecture))
        out += [f"{name}: no such kernel" for name in before if name not in table]
    return out


def main() -> int:
    """Runs what the docstring says."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--all", action="store_true")
    options = parser.parse_args()
    program = ptxas()
    if program is None:
        print("no ptxas: pip install -r Tests/GPU/requirements.txt", file=sys.stderr)
        return 1
    if options.write:
        known, new = read(), {}
        for file in sorted(PTX.glob("*.ptx")):
            before = known.get(file.stem)
            if before is not None and before.ptx == digest(file):
                new[file.stem] = before
            else:
                new[file.stem] = Family(digest(file), measure(program, file, ARCHITECTURES))
        write(new)
        return 0
    wrong = compare(program, everything=options.all)
    print("\n".join(wrong), file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
