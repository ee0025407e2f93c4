"""The suites that may notice a mutation, by short names.

"c/NAME" and "cpp/NAME" are programs of Tests/C and Tests/Cpp; "@SIMD" behind a name chooses the
instruction set. "py/FILE" is a file of bindings/python/tests, or a test in it ("py/FILE::TEST");
"py" is all of them.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

SECONDS = 900
# Minutes each, and not about numbers: for mutations that name them.
_NOT_FOR_ALL = (
    *("environment", "floating_point", "fork", "guest", "header", "hostile", "no_allocation"),
    *("openmp", "openmp_fork", "out_of_memory"),
)


@dataclass
class Tree:
    """A scratch copy of the tree, with a library and programs built in it.

    Attributes:
        root: Its top.
        python: The interpreter that has what the tests of the binding need.
        programs: Where programs are put.
        known: Tests that fail without any mutation.
    """

    root: Path
    python: Path
    programs: Path
    known: set[str] = field(default_factory=set)

    @property
    def library(self) -> Path:
        """The library's file."""
        return self.root / ".build/release/libtopkloss.so"

    def link(self) -> None:
        """Makes the name by which programs look for the library."""
        self.programs.mkdir(parents=True, exist_ok=True)
        listed = subprocess.run(
            ["readelf", "-d", self.library], capture_output=True, text=True, check=True
        ).stdout
        soname = listed.split("(SONAME)")[1].split("[")[1].split("]")[0]
        name = self.programs / soname
        name.unlink(missing_ok=True)
        name.symlink_to(self.library)


def native_suites(tree: Tree) -> list[str]:
    """The programs of the tests in C and C++ that are quick."""
    return [
        f"{kind}/{source.stem}"
        for kind, folder in (("c", "C"), ("cpp", "Cpp"))
        for source in sorted((tree.root / "Tests" / folder).glob(f"*.{kind}"))
        if " main(" in source.read_text() and source.stem not in _NOT_FOR_ALL
    ]


def build(tree: Tree, suite: str) -> str:
    """Compiles a program; gives the compiler's complaints, if it fails."""
    kind, name = suite.split("@")[0].split("/")
    tests = tree.root / "Tests"
    source = tests / ("C" if kind == "c" else "Cpp") / f"{name}.{kind}"
    text = source.read_text()
    compiler, standard = ("cc", "c11") if kind == "c" else ("c++", "c++17")
    command: list[str | Path] = [compiler, f"-std={standard}", "-O1", "-g", "-w", source]
    command += ["-I", tree.root / "include", "-o", tree.programs / f"{kind}_{name}"]
    if "interpose.h" in text:
        made = tree.programs / "interpose.o"
        if not made.exists():
            source = tests / "C/interpose.c"
            subprocess.run(["cc", "-std=c11", "-O1", "-c", source, "-o", made], check=True)
        command.append(made)
    if "omp_" in text:
        command.append("-fopenmp")
    command += [tree.library, f"-Wl,-rpath,{tree.programs}", "-pthread", "-lm", "-ldl"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stderr if done.returncode else ""


def notices(tree: Tree, suite: str, mutant: int) -> str:
    """What of a suite fails with a mutation on (0: with none); empty if nothing does."""
    environment = {**os.environ, "TOPKLOSS_LIBRARY": str(tree.library)}
    environment |= {"PYTHONPATH": str(tree.root / "bindings/python/src")}
    environment |= {"PYTHONDONTWRITEBYTECODE": "1", "TOPKLOSS_MUTANT": str(mutant)}
    kind, _, name = suite.partition("/")
    name, _, simd = name.partition("@")
    if simd:
        environment["TOPKLOSS_SIMD"] = simd
    command: list[str | Path]
    if kind == "py":
        command = [tree.python, "-m", "pytest", "-x", "-q", "-rfE", "-p", "no:cacheprovider"]
        command += [f"--deselect={test}" for test in sorted(tree.known)]
        command += [f"tests/{name}" if name else "tests"]
        folder = tree.root / "bindings/python"
    else:
        command = [tree.programs / f"{kind}_{name}"]
        source = tree.root / "Tests" / ("C" if kind == "c" else "Cpp") / f"{name}.{kind}"
        command += [tree.library] if "dlopen(" in source.read_text() else []
        folder = tree.programs
    with tempfile.TemporaryFile("w+") as output:
        try:
            done = subprocess.run(
                command, stdout=output, stderr=output, cwd=folder, env=environment,
                timeout=SECONDS, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return f"{suite} (endless)"
        if done.returncode in (0, 5) if kind == "py" else done.returncode == 0:
            return ""
        output.seek(0)
        failed = [line for line in output if line.startswith(("FAILED ", "ERROR "))]
    if kind == "py" and failed:
        test = failed[0].split(" ", 1)[1].split(" - ")[0].strip()
        return f"py/{test.removeprefix('tests/')}"
    return suite


def failing(tree: Tree, files: list[str]) -> set[str]:
    """The tests of some files that fail without any mutation."""
    names = [f"tests/{name}" for name in files]
    environment = {**os.environ, "TOPKLOSS_LIBRARY": str(tree.library)}
    environment |= {"PYTHONPATH": str(tree.root / "bindings/python/src")}
    environment |= {"PYTHONDONTWRITEBYTECODE": "1"}
    command = [str(tree.python), "-m", "pytest", "-q", "-rfE", "-p", "no:cacheprovider", *names]
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=tree.root / "bindings/python",
        env=environment, check=False,
    )  # fmt: skip
    lines = done.stdout.splitlines()
    failed = [line for line in lines if line.startswith(("FAILED ", "ERROR "))]
    return {line.split(" ", 1)[1].split(" - ")[0].strip() for line in failed}
