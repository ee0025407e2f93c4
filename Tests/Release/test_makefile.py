"""`make help`, what it takes to ask a program for its options, and where the version stands."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TEXT = "".join((ROOT / name).read_text() for name in ("Makefile", "examples/native.mk"))
PUBLIC = set(" ".join(re.findall(r"^\.PHONY:((?:.*\\\n)*.*)$", TEXT, re.M)).split()) - {"\\"}
PROGRAMS = sorted(path.parent for path in ROOT.glob("examples/python/*/__main__.py"))


def make(*arguments: str) -> str:
    """What make prints, as it is called from a shell."""
    kept = {name: each for name, each in os.environ.items() if not name.startswith("MAKE")}
    command = ["make", "--no-print-directory", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, env=kept)
    return done.stdout


def test_help_lists_every_target() -> None:
    listed = dict(re.findall(r"^  make (\S+) +(\S.*)$", make("help"), re.M))
    assert set(listed) == PUBLIC
    assert len(PUBLIC) > 50


def test_help_says_how_long_what_is_long_takes() -> None:
    listed = dict(re.findall(r"^  make (\S+) +(\S.*)$", make("help"), re.M))
    quick = {"help", "uninstall", "clean", "fuzz"}
    untimed = {name for name, text in listed.items() if not re.search(r"\d (s|min|hour)\b", text)}
    assert untimed == quick


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: str(program.name))
def test_options_are_told_by_python_alone(program: Path) -> None:
    """Without any package: -S leaves those that are installed out of sight."""
    command = [sys.executable, "-S", str(program), "--help"]
    done = subprocess.run(command, capture_output=True, text=True, cwd="/", check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("usage: python examples/python/")
    assert "--quick" in done.stdout


def test_for_their_options_nothing_is_built_or_installed() -> None:
    names = [each for each in PUBLIC if re.match(r"example-(?!c$|cpp$|rust$)|demo|evidence", each)]
    assert len(names) == len(PROGRAMS) + 1  # the demo and its quick run are one program
    commands = make("--dry-run", *names, "ARGS=--help").splitlines()
    assert len(commands) == len(names)
    for command in commands:
        assert re.search(r"^(KERAS_\w+=\w+ )?python3? +examples/python/\w+ .*--help$", command)


def test_an_example_installs_its_own_framework_alone(tmp_path: Path) -> None:
    for name, framework in (("pytorch", "torch"), ("jax", "jax"), ("boosting", "xgboost-cpu")):
        told = make("--dry-run", f"example-{name}", f"TOPKLOSS_CACHE={tmp_path}")
        asked = {word for line in re.findall(r"pip install .*", told) for word in line.split()}
        others = {"torch", "jax", "xgboost-cpu", "keras", "transformers"} - {framework}
        assert framework in asked
        assert not asked & others
        assert not re.search(r"-r \S*requirements-(frameworks|recipes)", told)


def test_one_version() -> None:
    """The header has it; what is not made from that says the same, of the same day."""
    (version,) = re.findall(r'TOPKLOSS_VERSION "(.+)"', (ROOT / "include/topkloss.h").read_text())
    heading = re.search(r"^## (\S+), (\d{4}-\d\d-\d\d)$", (ROOT / "CHANGELOG.md").read_text(), re.M)
    assert heading is not None
    citation = (ROOT / "CITATION.cff").read_text()
    assert re.findall(r"^version: (.+)$", citation, re.M) == [heading[1]] == [version]
    assert re.findall(r'^date-released: "(.+)"$', citation, re.M) == [heading[2]]
