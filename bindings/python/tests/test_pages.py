"""README.md and the pages of docs/: what they show works when it is pasted."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import topkloss
from topkloss._library import library

ROOT = Path(__file__).parents[3]
HEADER = (ROOT / "include/topkloss.h").read_text()
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCKS = [
    block
    for page in PAGES
    if not page.name.startswith("moving-")  # of these test_moving takes care
    for block in re.findall(r"^```(\w+)\n(.*?)^```$", page.read_text(), re.M | re.S)
]
PYTHON = [text for language, text in BLOCKS if language == "python"]
PROGRAMS = [
    text for text in PYTHON if re.search("^import |^from ", text, re.M) and "print(" in text
]
FRAGMENTS = [text for text in PYTHON if text not in PROGRAMS]
ALONE = [text for text in PROGRAMS if "init_process_group" not in text]
"""Those of one process: of the others test_torch_distributed takes care."""
SHELL = [line for language, text in BLOCKS if language == "sh" for line in text.splitlines()]
COMPILED = {"c": "example.c", "cpp": "example.cpp", "rust": "example.rs"}


def commands(beginning: str) -> list[str]:
    """The shell lines that begin so, without the remarks behind them."""
    return [re.sub(r"\s+#.*", "", line) for line in SHELL if line.startswith(beginning)]


def test_there_is_something_to_paste() -> None:
    languages = [language for language, _ in BLOCKS]
    assert languages.count("python") >= 5
    assert all(languages.count(language) == 1 for language in COMPILED)
    assert set(languages) == {"python", "sh", *COMPILED}


@pytest.mark.parametrize("text", ALONE)
def test_python(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    for framework in re.findall(r"^(?:import|from) (torch|jax|xgboost)\b", text, re.M):
        pytest.importorskip(framework)
    if "sklearn" in text:
        pytest.importorskip("sklearn")
    exec(text, {"__name__": "__main__"})
    assert capsys.readouterr().out.startswith(("loss ", "coverage 0.9"))


def reader() -> dict[str, Any]:
    """What a reader has by then: a trained model's scores, counts, and so on."""
    rng = np.random.default_rng(0)
    counts, logits = np.array([40, 30, 20, 10, 6, 3]), rng.normal(size=(109, 6))
    chances = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return {
        "np": np,
        "topkloss": topkloss,
        "counts": counts,
        "class_counts": counts,
        "logits": logits,
        "labels": np.repeat(np.arange(6), counts),
        "train_labels": np.repeat(np.arange(6), counts),
        "held_out_labels": np.repeat(np.arange(6), counts),
        "held_out_probabilities": chances,
        "validation_probabilities": chances,
        "test_probabilities": chances,
        "features": 8,
        "classes": 6,
        "inputs": rng.normal(size=(109, 8)),
        "train_inputs": rng.normal(size=(109, 8)),
        "weight": rng.normal(size=(6, 8)),
        "bias": np.zeros(6),
    }


def needed(text: str) -> None:
    """Skips where a package is not there."""
    for framework in ("torch", "xgboost", "sklearn"):
        if framework in text:
            pytest.importorskip(framework)


@pytest.mark.parametrize("text", FRAGMENTS)
def test_fragments(text: str) -> None:
    """What they make can be used: criteria give finite losses, and models predict."""
    needed(text)
    made = reader()
    if "torch." in text:
        torch = made["torch"] = pytest.importorskip("torch")
        made["activations"] = torch.ones(109, made["features"])
    exec(text, made)
    criterion = made.get("criterion")
    if criterion is None:
        return
    torch = pytest.importorskip("torch")
    labels = torch.from_numpy(made["labels"])
    scores = torch.tanh(torch.from_numpy(made["logits"])).requires_grad_()
    if "[*class_counts, 0]" in text:
        scores = torch.cat([scores, scores[:, :1]], dim=1)
    heads = (scores, scores) if "TwoHead" in text else (scores,)
    value = criterion(*heads, labels)
    [gradient] = torch.autograd.grad(value, [scores])
    assert value.isfinite()
    assert gradient.abs().sum() > 0


CHOOSER = (ROOT / "docs/choose.md").read_text()
LEAVES = re.findall(
    r"\{tab-item\} ([^\n]*)\n((?:(?!tab-item|tab-set).)*?)^:+$",
    CHOOSER.partition("## 4.")[0],  # which loss: what follows is how to call it
    re.M | re.S,
)


@pytest.mark.parametrize(("name", "text"), LEAVES, ids=[name for name, _ in LEAVES])
def test_leaves_of_the_chooser(name: str, text: str) -> None:
    """They end at another question, or at a loss with lines to paste and what to tune."""
    if re.search(r"Go on with\squestion \d\.$", text.strip()):
        return
    assert re.search(r"\(losses/\w+\.md\)", text), name
    assert "```python\n" in text, name
    assert re.search(r"Tune\s|From a model|classifier", text), name


def test_the_chooser_names_every_loss() -> None:
    """But for the baseline of two others, the family itself, and what they are compared with."""
    every = {path[1] for path in re.finditer(r"topkloss_(\w+)_create", HEADER)}
    left_out = {"topk_hinge", "smooth_topk_svm", "margin_softmax", "noised_topk_operator"}
    assert {name for name in every if f"(losses/{name}.md)" in CHOOSER} == every - left_out


FOLDERS = ("bindings", "examples", "packaging", "Tests")
LINKED = [*PAGES, *ROOT.glob("*.md"), *(p for f in FOLDERS for p in (ROOT / f).rglob("README.md"))]


@pytest.mark.parametrize("page", sorted(set(LINKED)), ids=lambda page: f"{page.relative_to(ROOT)}")
def test_links_lead_to_something(page: Path) -> None:
    """To files of the repository, or to the pages that the site makes of losses and interfaces."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.M | re.S)
    for target in re.findall(r"\]\(([^)#\s]+)", text):
        if re.match("https?://", target):
            continue
        loss = re.fullmatch(r"losses/(\w+)\.md", target)
        reference = re.fullmatch(r"reference/(topkloss\S*)\.md", target)
        if loss:
            assert hasattr(library, f"topkloss_{loss[1]}_create"), target
        elif reference:
            name = reference[1]
            assert (ROOT / "include" / name).exists() or importlib.util.find_spec(name), target
        else:
            assert (page.parent / target).exists(), target


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder in which the README's commands find the repository and the built library."""
    for name in ("include", "examples"):
        (tmp_path / name).symlink_to(ROOT / name)
    built = tmp_path / ".build" / "release"
    built.mkdir(parents=True)
    for name in ("libtopkloss.so", "libtopkloss.so.1"):
        (built / name).symlink_to(library._name)
    return tmp_path


@pytest.mark.parametrize("language", COMPILED)
def test_compiled(language: str, checkout: Path) -> None:
    name = COMPILED[language]
    (checkout / name).write_text(dict(BLOCKS)[language])
    [line] = [line for line in SHELL if f" {name} " in line and ".build/release" in line]
    compiler = line.split()[0]
    if shutil.which(compiler) is None:
        pytest.skip(f"no {compiler}")
    for command in [*(commands("cp examples/rust") if language == "rust" else []), line]:
        subprocess.run(["bash", "-euc", command], cwd=checkout, check=True)
    done = subprocess.run(["./example"], cwd=checkout, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("loss ")


def test_installed(tmp_path: Path, checkout: Path) -> None:
    """`make install`, and the program that is then compiled through pkg-config."""
    [install] = commands("make install")
    [compile_example] = [line for line in SHELL if "pkg-config" in line]
    if shutil.which("pkg-config") is None or not (ROOT / ".build/release/libtopkloss.so").exists():
        pytest.skip("no pkg-config, or the library is elsewhere")
    prefix = tmp_path / "prefix"
    subprocess.run([*install.split()[:2], f"PREFIX={prefix}"], cwd=ROOT, check=True)
    (checkout / "example.c").write_text(dict(BLOCKS)["c"])
    environment = {**os.environ, "PKG_CONFIG_PATH": str(prefix / "lib/pkgconfig")}
    subprocess.run(["bash", "-euc", compile_example], cwd=checkout, env=environment, check=True)
    environment["LD_LIBRARY_PATH"] = str(prefix / "lib")
    done = subprocess.run(
        ["./example"], cwd=checkout, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("loss ")


@pytest.mark.parametrize("command", sorted(set(commands("make "))))
def test_targets(command: str) -> None:
    """They are there. `make test` runs them, or their quick modes, by itself."""
    targets = [word for word in command.split()[1:] if "=" not in word]
    rules = (ROOT / "Makefile").read_text()
    assert all(re.search(rf"^(\S+ )*{target}( \S+)*:", rules, re.M) for target in targets)


def test_every_command_is_known() -> None:
    known = ("make ", "pip install ./bindings/python", "cc ", "c++ ", "rustc ", "cp examples/rust")
    assert [line for line in SHELL if not line.startswith(known)] == []
