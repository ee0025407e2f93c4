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
# As in a shell, though make itself runs these tests.
ENVIRONMENT = {name: each for name, each in os.environ.items() if not name.startswith("MAKE")}


def make(*arguments: str) -> str:
    """What make prints."""
    command = ["make", "--no-print-directory", *arguments]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=True, env=ENVIRONMENT
    )
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


def test_a_stamp_is_of_what_was_asked_for(tmp_path: Path) -> None:
    """Other packages are another stamp, whatever the times of files are."""
    stamps = {
        re.findall(r"\S*/for-jax-\w+", make("--dry-run", "example-jax", cache, *more))[0]
        for cache in [f"TOPKLOSS_CACHE={tmp_path}"]
        for more in ([], [], ["NEEDS_jax=jax==0.0"])
    }
    assert len(stamps) == 2


@pytest.mark.parametrize("cache", ["TOPKLOSS_CACHE=/nowhere/of mine", "TOPKLOSS_CACHE= "])
def test_a_cache_with_a_space_is_refused(cache: str) -> None:
    """Its first word is another folder."""
    with pytest.raises(subprocess.CalledProcessError) as failed:
        make("--dry-run", "docs", cache, "HOME=", "XDG_CACHE_HOME=")
    assert "TOPKLOSS_CACHE has to be a folder without spaces" in failed.value.stderr
    assert "nowhere" not in failed.value.stdout
    make("--dry-run", "install", cache, "HOME=", "XDG_CACHE_HOME=")  # needs none


def test_a_release_is_of_a_commit(tmp_path: Path) -> None:
    """In a repository of the files that this takes; nothing is built, for MAKE is no make."""
    for name in ("Makefile", "examples/native.mk", "include/topkloss.h"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text((ROOT / name).read_text())

    def release(*arguments: str) -> str:
        """What `make release` complains of; it never comes to its end."""
        command = ["make", "release", "MAKE=echo goes on; false", *arguments]
        done = subprocess.run(
            command, cwd=tmp_path, capture_output=True, text=True, check=False, env=ENVIRONMENT
        )
        assert done.returncode != 0
        complaints = re.findall(r"^(?:fatal|Not committed|Warning).*", done.stderr, re.M)
        return "; ".join(complaints + re.findall(r"^goes on", done.stdout, re.M))

    def git(*arguments: str) -> None:
        name = ("-c", "user.name=a", "-c", "user.email=a@example.com")
        subprocess.run(["git", *name, *arguments], cwd=tmp_path, capture_output=True, check=True)

    assert release().startswith("fatal: not a git repository")
    git("init")
    assert release().startswith("Not committed")
    assert release("RELEASE_ANYWAY=1") == "goes on"
    git("add", ".")
    git("commit", "-m", "all")
    tag = f"v{header_version()}"
    assert release() == f"Warning: this commit has no tag {tag}; goes on"
    git("tag", tag)
    assert release() == "goes on"


def header_version() -> str:
    """The version that the header has."""
    text = (ROOT / "include/topkloss.h").read_text()
    (version,) = re.findall(r'TOPKLOSS_VERSION "(.+)"', text)
    return str(version)


def test_one_version() -> None:
    """The header has it; what is not made from that says the same, of the same day."""
    heading = re.search(r"^## (\S+), (\d{4}-\d\d-\d\d)$", (ROOT / "CHANGELOG.md").read_text(), re.M)
    assert heading is not None
    citation = (ROOT / "CITATION.cff").read_text()
    assert re.findall(r"^version: (.+)$", citation, re.M) == [heading[1]] == [header_version()]
    assert re.findall(r'^date-released: "(.+)"$', citation, re.M) == [heading[2]]
