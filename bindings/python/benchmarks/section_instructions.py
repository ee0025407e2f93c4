"""Instructions an element, which callgrind counts alike on a quiet machine and a busy one."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

import topkloss
from benchmarks.lines import Line
from benchmarks.losses import Loss
from benchmarks.problems import Problem, Size
from benchmarks.settings import Settings
from topkloss._abi import TOPKLOSS_ABI_VERSION
from topkloss._arguments import WORDS

# valgrind knows no AVX-512.
_LEVELS = ("avx2", "portable")
_SIZE = Size(8, 1000)
_SOURCE = Path(__file__).with_name("instructions.c")
_INCLUDE = Path(__file__).parents[3] / "include"


def _library() -> Path:
    """The file that Python uses."""
    named = os.environ.get("TOPKLOSS_LIBRARY")
    return Path(named or Path(topkloss.__file__).with_name("libtopkloss.so"))


def _missing() -> str:
    """What the counts need and the machine lacks, or nothing."""
    for program in ("valgrind", "cc"):
        if shutil.which(program) is None:
            return f"no {program} on PATH"
    return "" if _INCLUDE.is_dir() else f"no header in {_INCLUDE}"


def _creation(made: Any) -> str:
    """C that makes the same loss."""
    kind, vectors = made._kind, []
    members = [f"options.classes = {_SIZE.classes};"]
    for name, value in made._arguments.items():
        if isinstance(value, np.ndarray):
            numbers = ", ".join(map(float.hex, value.tolist()))
            vectors.append(f"static const double {name}[] = {{{numbers}}};")
            members.append(f"options.{name} = {name};")
        elif value is not None:
            number = WORDS[name][value] if name in WORDS else value
            text = number.hex() if isinstance(number, float) else int(number)
            members.append(f"options.{name} = {text};")
    if not vectors:
        del members[0]
    return "\n".join(
        [
            *vectors,
            "static topkloss_loss *create(void) {",
            f"topkloss_{kind}_options options;",
            f"topkloss_{kind}_options_init(&options, sizeof options);",
            *members,
            "topkloss_loss *made;",
            f"return topkloss_{kind}_create(&options, &made) ? NULL : made;",
            "}\n",
        ]
    )


def _compile(folder: Path, loss: Loss) -> Path:
    """The driver, linked to the library, which it looks for beside itself by its soname."""
    program, creation = folder / loss.name, folder / f"{loss.name}.h"
    creation.write_text(_creation(loss.make(Problem(_SIZE).counts)))
    library = folder / f"libtopkloss.so.{TOPKLOSS_ABI_VERSION}"
    if not library.exists():
        library.symlink_to(_library().resolve())
    command = ["cc", "-O1", "-std=c11", f"-I{_INCLUDE}", f'-DCREATE="{creation}"', str(_SOURCE)]
    command += ["-o", str(program), str(library), f"-Wl,-rpath,{folder}", "-lm"]
    subprocess.run(command, check=True)
    return program


def _count(program: Path, loss: Loss, rows: str, level: str) -> float:
    """Instructions an element of a second, warm call."""
    command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"]
    command += ["--collect-atstart=no", "--toggle-collect=measured", str(program)]
    command += [rows, "cosines" if loss.cosines else "normal"]
    command += [str(_SIZE.rows), str(_SIZE.classes), level]
    environment = {**os.environ, "TOPKLOSS_SIMD": level, "TOPKLOSS_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    found = re.search(r"Collected : (\d+)", done.stderr)
    if done.returncode or not found:
        raise RuntimeError(f"callgrind of {loss.name} ({level}) failed: {done.stderr[-2000:]}")
    return int(found[1]) / (_SIZE.elements * loss.heads)


def lines(settings: Settings) -> Iterator[Line]:
    """AVX2 beside the baseline, every loss on every kind of row."""
    missing = _missing()
    if missing:
        print(f"left out: {missing}")
        return
    with tempfile.TemporaryDirectory() as name:
        for loss in settings.losses:
            program = _compile(Path(name), loss)
            for problem in loss.problems(_SIZE, kinds=settings.rows):
                low, high = (_count(program, loss, problem.rows, level) for level in _LEVELS)
                yield Line(
                    section="instructions",
                    loss=loss.name,
                    rows=problem.rows,
                    dtype=problem.dtype,
                    size=str(_SIZE),
                    against="avx2 | portable",
                    ours=low,
                    theirs=high,
                    unit="per elt",
                    figure=high / low,
                )
