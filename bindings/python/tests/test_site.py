"""What docs/site makes of docstrings and headers, before Sphinx has seen it."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np
import pytest

import topkloss
from topkloss._records import LOSSES

ROOT = Path(__file__).parents[3]
sys.path[:0] = [str(ROOT), str(ROOT / "docs/site")]

import cpp_headers  # noqa: E402
import docstrings  # noqa: E402
import formulas  # noqa: E402
import pages  # noqa: E402

INTERNAL = r"^namespace detail \{.*?^\}  // namespace detail$"
PAGES = dict(pages.generated())
kinds = pytest.mark.parametrize("kind", LOSSES)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("z_j + tau log pi_j", r"z_{j} + \tau \log \pi_{j}"),
        ("(n_j / n_max)^gamma", r"\left(\frac{n_{j}}{n_{\mathrm{max}}}\right)^{\gamma}"),
        ("n_y^(-1/4)", r"n_{y}^{-1 / 4}"),
        ("(m + z_[K+1] - z_y)+", r"\left(m + z_{[K + 1]} - z_{y}\right)_+"),
        ("(1/C) sum_{j != y} f_j", r"\frac{1}{C} \sum_{j \neq y} f_{j}"),
        ("-log(K / C)", r"-\log \left(\frac{K}{C}\right)"),
        ("1e-5 |T|", r"10^{-5} \left|T\right|"),
        ("a / (k tau)", r"\frac{a}{k \tau}"),
        ("[j in S_i or j = y]", r"\left[j \in S_{i} \text{ or } j = y\right]"),
    ],
)
def test_formulas(written, expected):
    assert formulas.tex(written) == expected


@pytest.mark.parametrize(
    "code",
    [
        "seed=rank",
        '"mean"',
        "torch.nn.Linear",
        "class_counts",
        "step",
        "f(x",
        "a +",
        "",
        "a )",
        "-",
    ],
)
def test_what_is_no_formula(code):
    with pytest.raises(formulas.NotAFormulaError):
        formulas.tex(code)


@kinds
def test_pages_of_losses(kind):
    """Formula, source, when not, tuning, what goes wrong, and how to call it."""
    page = PAGES[f"losses/{kind}.md"]
    assert len(re.findall(":math:`([^`]{20,})`", page)) >= 1
    assert ("**Paper:**" in page) == (kind not in ("cross_entropy",))
    headings = re.findall("^## (.*)$", page, re.M)
    assert headings == [
        *("When not to use it", "What to tune", "What goes wrong", "How to call it"),
        "Its arguments",
    ]
    assert not re.search(
        r"^## .*\n\n```\{eval-rst\}\n.. currentmodule:: topkloss\n\n\n", page, re.M
    )


@kinds
def test_no_formula_is_left_as_code(kind):
    said = docstrings.parts(LOSSES[kind].__doc__, LOSSES[kind]._options)[""]
    left = [code for code in re.findall("``(.*?)``", said, re.S) if re.search(r"[-+^] |_\{", code)]
    assert left == (
        ["decay * before + (1 - decay) * this batch's"] * (kind == "two_head_average_k")
    )


@kinds
def test_lines_to_call_a_loss(kind):
    torch = pytest.importorskip("torch")
    [text] = re.findall("^```python\n(.*?)^```$", PAGES[f"losses/{kind}.md"], re.M | re.S)
    rng = np.random.default_rng(0)
    heads = [torch.from_numpy(rng.uniform(-1, 1, (30, 4))).requires_grad_() for _ in range(2)]
    given = {
        "topkloss": topkloss,
        "class_counts": [5000, 800, 90, 12],
        "logits": heads[0],
        "multi_label_logits": heads[1],
        "labels": torch.from_numpy(rng.integers(4, size=30)),
    }
    exec(text, given)
    assert given["value"].isfinite()
    assert heads[0].grad.abs().sum() > 0


def test_headers():
    """Every function of the C headers, and every class of the C++ ones."""
    for name in ("topkloss.h", "topkloss_cuda.h", "topkloss_xla.h"):
        text = (ROOT / "include" / name).read_text()
        functions = re.findall(r"^TOPKLOSS_API .*?\b(topkloss_\w+)\(", text, re.M)
        assert [f for f in functions if f"### `{f}`" not in PAGES[f"reference/{name}.md"]] == []
    page = cpp_headers.page(ROOT / "include")
    for header in (ROOT / "include/topkloss").glob("*.hpp"):
        public = re.sub(INTERNAL, "", header.read_text(), flags=re.M | re.S)
        for name in re.findall(r"^(?:class|struct) (\w+)(?: :.*)? \{", public, re.M):
            assert re.search(rf"^(template <.*> )?(class|struct) {name}\b", page, re.M), name
