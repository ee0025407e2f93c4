"""The repository's README: what it shows works when it is pasted."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from topkloss._library import library

ROOT = Path(__file__).parents[3]
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", (ROOT / "README.md").read_text(), re.M | re.S)
PYTHON = [text for language, text in BLOCKS if language == "python"]
C = [text for language, text in BLOCKS if language == "c"]


def test_there_is_something_to_paste() -> None:
    assert len(PYTHON) >= 2
    assert len(C) >= 1


@pytest.mark.parametrize("text", PYTHON)
def test_python(text: str) -> None:
    if "import torch" in text:
        pytest.importorskip("torch")
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("loss ")


@pytest.mark.parametrize("text", C)
def test_c(text: str, tmp_path: Path) -> None:
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler")
    source, program = tmp_path / "example.c", tmp_path / "example"
    source.write_text(text)
    folder = Path(library._name).parent
    link = [f"-L{folder}", "-ltopkloss", f"-Wl,-rpath,{folder}"]
    flags = ["-std=c99", "-Wall", "-Wextra", "-Werror", f"-I{ROOT / 'include'}"]
    subprocess.run([compiler, *flags, str(source), *link, "-o", str(program)], check=True)
    done = subprocess.run([str(program)], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert done.stdout.startswith("loss ")
