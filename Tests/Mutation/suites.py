"""The suites that may notice a mutation, by short names.

"c/NAME" and "cpp/NAME" are programs of Tests/C and Tests/Cpp; "@SIMD" behind a name chooses the
instruction set. "py/FILE" is a file of bindings/python/tests, or a test in it ("py/FILE::TEST");
"py" is all of them. "swift/SUITE" is a suite of Tests/ABITests, "swift" all of them.
"""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import tempfile
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

SECONDS = 900
_PYTEST = ("-x", "-q", "-rfE", "-p", "no:cacheprovider")
# Minutes each, and not about numbers: for mutations that name them.
_NOT_FOR_ALL = (
    *("environment", "floating_point", "fork", "fork_first_use", "guest", "header", "host"),
    *("hostile", "no_allocation", "openmp", "openmp_fork", "openmp_limits", "out_of_memory"),
    "trim",
)
# What `swift build --build-tests` would write.
_RUNNER = """import Testing

@main struct Runner {
  static func main() async { await Testing.__swiftPMEntryPoint() as Never }
}
"""


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

    @cached_property
    def pytest(self) -> Pytest:
        """What runs the tests of the binding."""
        return Pytest(self)

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
    if suite.startswith("swift"):
        return _build_swift(tree)
    kind, name = suite.split("@")[0].split("/")
    tests = tree.root / "Tests"
    source = tests / ("C" if kind == "c" else "Cpp") / f"{name}.{kind}"
    text = source.read_text()
    compiler, standard = ("cc", "c11") if kind == "c" else ("c++", "c++17")
    command: list[str | Path] = [compiler, f"-std={standard}", "-O1", "-g", "-w", source]
    command += ["-I", tree.root / "include", "-isystem", tests / "C"]
    command += ["-o", tree.programs / f"{kind}_{name}"]
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


def _build_swift(tree: Tree) -> str:
    """Compiles Tests/ABITests by themselves."""
    runner = tree.programs / "Runner.swift"
    runner.write_text(_RUNNER)
    tests, include = tree.root / "Tests", tree.root / "include"
    command: list[str | Path] = ["swiftc", "-O", "-wmo", "-parse-as-library"]
    command += [
        "-module-name",
        "ABITests",
        "-I",
        include,
        "-I",
        tests / "C",
        "-Xcc",
        f"-I{include}",
    ]
    command += [*sorted((tests / "ABITests").rglob("*.swift")), runner, tree.library]
    command += ["-o", tree.programs / "swift", "-Xlinker", "-rpath", "-Xlinker", tree.programs]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stderr if done.returncode else ""


class Pytest:
    """The process that runs pytest (see forked_pytest.py)."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        program = Path(__file__).with_name("forked_pytest.py")
        self._process = subprocess.Popen(
            [tree.python, program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def run(self, names: list[str], environment: dict[str, str]) -> tuple[int, list[str]]:
        """The exit status, and the tests that failed."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        arguments = [*_PYTEST, *(f"--deselect={test}" for test in sorted(self._tree.known))]
        arguments += [f"tests/{name}" if name else "tests" for name in names]
        with tempfile.NamedTemporaryFile("r") as output:
            request = {
                "folder": str(self._tree.root / "bindings/python"),
                "environment": environment,
                "arguments": arguments,
                "output": output.name,
                "seconds": SECONDS,
            }
            stdin.write(json.dumps(request) + "\n")
            stdin.flush()
            status = int(stdout.readline())
            failed = [line for line in output if line.startswith(("FAILED ", "ERROR "))]
        found = [line.split(" ", 1)[1].split(" - ")[0].strip() for line in failed]
        return status, [test.removeprefix("tests/") for test in found]


def first_notice(tree: Tree, plan: list[str], mutant: int) -> str:
    """The first of some suites that fails with a mutation on (0: with none); empty if none does.

    Those of the binding that follow one another are one run of pytest.
    """
    environment = {**os.environ, "TOPKLOSS_LIBRARY": str(tree.library)}
    if mutant:
        environment["TOPKLOSS_MUTANT"] = str(mutant)
    for is_python, group in itertools.groupby(plan, lambda suite: suite.startswith("py")):
        if is_python:
            notice = _python_notices(tree, [suite[3:] for suite in group], environment)
        else:
            notice = next(
                (suite for suite in group if not _passes(tree, suite, dict(environment))), ""
            )
        if notice:
            return notice
    return ""


def _python_notices(tree: Tree, names: list[str], environment: dict[str, str]) -> str:
    environment = {**environment, "PYTHONPATH": str(tree.root / "bindings/python/src")}
    # A mutated module may be as long as the right one, and written in the same second.
    if "TOPKLOSS_MUTANT" not in environment:
        environment["PYTHONDONTWRITEBYTECODE"] = "1"
    status, failed = tree.pytest.run(names, environment)
    # 5: all that there is was deselected. 4: there is no such test.
    if status in (0, 5):
        return ""
    if status == 4:
        raise ValueError(f"pytest does not know all of {', '.join(names)}")
    if status == -signal.SIGALRM:
        return f"py/{names[0]} (endless)"
    return f"py/{failed[0].split('[')[0] if failed else names[0]}"


def _passes(tree: Tree, suite: str, environment: dict[str, str]) -> bool:
    """Whether a program ends well, and in time."""
    name, _, simd = suite.partition("@")
    if simd:
        environment["TOPKLOSS_SIMD"] = simd
    command: list[str | Path] = [tree.programs / name.replace("/", "_")]
    if name.startswith("swift"):
        tests = name.partition("/")[2]
        command = [tree.programs / "swift", *(["--filter", tests] if tests else [])]
    try:
        done = subprocess.run(
            command,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=tree.programs,
            env=environment,
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0
