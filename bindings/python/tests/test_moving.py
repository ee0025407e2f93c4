"""docs/moving*.md: what runs "Before" gives what runs "After", and each difference is one."""

from __future__ import annotations

import inspect
import itertools
import re
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import originals  # noqa: E402

import topkloss.torch  # noqa: E402
from topkloss.class_weights import effective_number  # noqa: E402

DOCS = Path(__file__).parents[3] / "docs"
COUNTS = [400, 100, 50, 20, 8, 3]
BLOCK = r"```python\n((?:(?!```).)*)```"
PAIR = re.compile(rf"Before[^\n]*:\n\n{BLOCK}\n\nAfter:\n\n{BLOCK}", re.S)
ALONE = [
    block
    for page in sorted(DOCS.glob("moving-*.md"))
    for block in re.findall(BLOCK, PAIR.sub("", page.read_text()))
]
PAIRS = [
    pytest.param(before, after, id=f"{page.stem}-{number}")
    for page in sorted(DOCS.glob("moving-*.md"))
    for number, (before, after) in enumerate(PAIR.findall(page.read_text()))
]


@pytest.fixture(autouse=True)
def importable(monkeypatch):
    for name, module in originals.modules().items():
        monkeypatch.setitem(sys.modules, name, module)


def namespace(rng, rows):
    """What a reader has by then."""
    logits = torch.from_numpy(rng.normal(size=(rows, 6)).astype(np.float32))
    return {
        "topkloss": topkloss,
        "class_counts": COUNTS,
        "class_weight": torch.tensor([0.2, 0.5, 1.0, 1.1, 1.5, 1.7]),
        "base_probs": np.array(COUNTS) / sum(COUNTS),
        "epoch": 170,
        "logits": logits.clone().requires_grad_(),
        "cosines": torch.tanh(logits).requires_grad_(),
        "scores": logits[:, 0].clone().requires_grad_(),
        "labels": torch.from_numpy(rng.integers(6, size=rows)),
        "is_positive": torch.from_numpy(rng.random(rows) < 0.3),
        "noise": torch.from_numpy(rng.normal(size=(rows, 6, 5)).astype(np.float32)),
    }


def outcome(text, given):
    """The value that the lines leave, and the gradient with respect to what they evaluated."""
    exec(text, given)
    value = given["value"]
    if not (isinstance(value, torch.Tensor) and value.dim() == 0):
        return np.asarray(value.detach() if isinstance(value, torch.Tensor) else value), None
    leaves = [given[name] for name in ("logits", "cosines", "scores")]
    [gradient] = [g for g in torch.autograd.grad(value, leaves, allow_unused=True) if g is not None]
    return value.item(), gradient.numpy()


def test_there_are_pairs():
    pages = {parameters.id.rpartition("-")[0] for parameters in PAIRS}
    assert pages == {page.stem for page in DOCS.glob("moving-*.md")}
    for page in DOCS.glob("moving-*.md"):
        assert len(PAIR.findall(page.read_text())) == page.read_text().count("\n\nAfter:"), page


@pytest.mark.parametrize(("before", "after"), PAIRS)
def test_before_and_after(before, after, rng):
    if "pytopk" in before:
        pytest.importorskip("pytopk")
    draws = "NoisedTopK(" in before
    given = namespace(rng, 20_000 if draws else 40)
    torch.manual_seed(0)
    value, gradient = outcome(before, dict(given))
    mine, my_gradient = outcome(after, dict(given))
    np.testing.assert_allclose(mine, value, rtol=0.02 if draws else 2e-6, atol=1e-6)
    if gradient is None:
        assert my_gradient is None
    elif draws:
        np.testing.assert_allclose(my_gradient.mean(0), gradient.mean(0), atol=2e-6)
    else:
        np.testing.assert_allclose(my_gradient, gradient, atol=2e-6 * np.abs(gradient).max())


@pytest.mark.parametrize("text", ALONE)
def test_lines_that_keep_no_value(text, rng):
    """Losses have a gradient, and adjusted scores favour the rarest class."""
    given = namespace(rng, 40)
    exec(text, given)
    if "value" in given:
        [gradient] = torch.autograd.grad(given["value"], [given["logits"]])
        assert gradient.isfinite().all()
        assert gradient.abs().sum() > 0
    else:
        gained = given["scores"] - given["logits"].detach().numpy()
        assert (gained.argmax(axis=1) == len(COUNTS) - 1).all()


@pytest.fixture
def data(rng):
    given = namespace(rng, 40)
    return given["logits"].detach(), given["labels"], given["class_weight"]


def test_weighted_means_divide_by_the_weights(data):
    logits, labels, weight = data
    rows = topkloss.torch.FocalLoss(1.0, class_weight=weight, reduction="none")(logits, labels)
    value = topkloss.torch.FocalLoss(1.0, class_weight=weight)(logits, labels)
    assert value.item() == pytest.approx((rows.sum() / weight[labels].sum()).item(), rel=1e-6)
    assert value.item() != pytest.approx(rows.mean().item(), rel=0.01)


def test_all_rows_ignored(data):
    logits, labels, _ = data
    ignored = torch.full_like(labels, -100)
    assert topkloss.torch.CrossEntropyLoss()(logits, ignored).item() == 0
    assert torch.nn.functional.cross_entropy(logits, ignored).isnan()


def test_a_common_factor_of_counts_does_not_matter(data):
    logits, labels, _ = data
    for kind in ("LogitAdjustedLoss", "LDAMLoss", "SeesawLoss", "VectorScalingLoss"):
        loss = getattr(topkloss, kind)
        frequencies = np.array(COUNTS) / sum(COUNTS)
        assert loss(COUNTS)(logits, labels) == pytest.approx(loss(frequencies)(logits, labels))


def test_focal_of_ldam_drw_is_another_with_weights(data):
    logits, labels, weight = data
    theirs = originals.ldam_focal(weight, 1.0)(logits, labels)
    assert theirs.item() != pytest.approx(
        topkloss.torch.FocalLoss(1.0, class_weight=weight)(logits, labels).item(), rel=0.01
    )
    assert inspect.signature(originals.ldam_focal).parameters["gamma"].default == 0


def test_layer_of_ldam_drw_is_the_transposed(rng):
    weight = torch.from_numpy(rng.normal(size=(8, 6)).astype(np.float32))
    inputs = torch.from_numpy(rng.normal(size=(5, 8)).astype(np.float32))
    unit = torch.nn.functional.normalize
    given = {"topkloss": topkloss, "theirs": {"weight": weight}, "features": 8, "classes": 6}
    exec(alone("moving-ldam"), given)
    torch.testing.assert_close(given["layer"](inputs), unit(inputs, dim=1) @ unit(weight, dim=0))


def alone(page):
    """The lines of a page that are after nothing."""
    text = (DOCS / f"{page}.md").read_text()
    [found] = {*re.findall(BLOCK, text, re.S)} - {*itertools.chain(*PAIR.findall(text))}
    return found


def test_defaults_of_pytopk():
    pytopk = pytest.importorskip("pytopk")
    asked = inspect.signature(pytopk.ImbalNoisedTopK).parameters
    assert {name for name, each in asked.items() if each.default is each.empty} == {
        *("k", "epsilon", "max_m", "cls_num_list")
    }
    assert (asked["scale"].default, asked["n_sample"].default) == (50, 5)
    mine = topkloss.torch.NoisedTopKLoss(5).loss
    assert (mine.epsilon or 1.0, mine.n_samples) == (1.0, 5)


def test_the_seed_is_not_pytorchs(data):
    logits, labels, _ = data
    values = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        values.append(topkloss.torch.NoisedTopKLoss(2)(logits, labels).item())
    assert values[0] == values[1]
    assert topkloss.torch.NoisedTopKLoss(2, seed=1)(logits, labels).item() != values[0]
    criterion = topkloss.torch.NoisedTopKLoss(2).eval()
    assert criterion(logits, labels).item() == criterion(logits, labels).item()


def test_the_hard_form_of_one_class(data):
    """Of CLAM's two classes, and of more; and that it is not the top-1 hinge."""
    logits, labels, _ = data
    is_rival = ~torch.nn.functional.one_hot(labels, 6).bool()
    rivals = logits[is_rival].reshape(len(logits), 5).amax(1)
    own = logits.gather(1, labels[:, None])[:, 0]
    hard = (1 + rivals - own).clamp_min(0).mean().item()
    given = {"topkloss": topkloss}
    exec(alone("moving-topk-svm"), given)
    smooth = given["hard"](logits, labels).item()
    assert hard - 1e-6 <= smooth <= hard + 0.01 * np.log(6)
    assert topkloss.torch.TopKHingeLoss(1)(logits, labels).item() < 0.9 * hard
    two, choice = logits[:, :2], labels % 2
    assert topkloss.torch.SmoothTopKSVMLoss(1).cuda()(two, choice).item() == pytest.approx(
        originals.smooth_top1_svm(2)(two, choice).item(), rel=1e-6
    )


def test_means_of_kornia_are_over_every_number(data):
    logits, labels, weight = data
    theirs = originals.kornia_focal(None, 2.0, "mean")(logits, labels)
    mine = topkloss.torch.FocalLoss(2.0)(logits, labels)
    assert mine.item() == pytest.approx(6 * theirs.item(), rel=1e-6)
    assert originals.kornia_focal(None, 2.0, "none")(logits, labels).shape == logits.shape
    assert topkloss.torch.FocalLoss(2.0, reduction="none")(logits, labels).shape == labels.shape
    ignored = torch.where(torch.arange(len(labels)) < 10, -100, labels)
    theirs = originals.kornia_focal(None, 2.0, "mean")(logits, ignored) * len(labels)
    mine = topkloss.torch.FocalLoss(2.0)(logits, ignored) * (len(labels) - 10)
    assert mine.item() == pytest.approx(6 * theirs.item(), rel=1e-6)
    weighted = originals.kornia_focal(None, 2.0, "sum", weight)(logits, labels)
    mine = topkloss.torch.FocalLoss(2.0, class_weight=weight, reduction="sum")(logits, labels)
    assert mine.item() == pytest.approx(weighted.item(), rel=1e-6)


def test_a_class_without_examples(data):
    logits, labels, _ = data
    counts = torch.tensor([*COUNTS[:5], 0])
    others = labels.clamp_max(4)
    theirs = originals.balanced_softmax_loss(others, logits, counts, "mean")
    five = originals.balanced_softmax_loss(others, logits[:, :5], counts[:5], "mean")
    assert theirs.item() == pytest.approx(five.item(), rel=1e-6)  # as if the class were not there
    with pytest.raises(topkloss.TopKLossError):
        topkloss.torch.LogitAdjustedLoss(counts)


def test_where_the_floor_of_logit_adjustment_is_felt(data):
    logits, labels, _ = data
    for rarest, agrees in ((1e-2, True), (1e-5, False)):
        frequencies = np.array([1 - 5 * rarest, *[rarest] * 5])
        theirs = originals.build_loss_fn(True, frequencies, 3.0)(labels, logits).item()
        mine = topkloss.torch.LogitAdjustedLoss(frequencies, tau=3.0)(logits, labels).item()
        assert (theirs == pytest.approx(mine, rel=1e-5)) == agrees
        assert theirs <= mine * (1 + 1e-5)


def test_frequencies_do_as_well_as_counts(data):
    """Of every loss that takes counts; of weights, by the inverse alone."""
    logits, labels = (each.numpy() for each in data[:2])
    frequencies = np.array(COUNTS) / sum(COUNTS)
    found = []
    for name in topkloss.__all__:
        make = getattr(topkloss, name)
        if name.endswith("Loss") and "class_counts" in inspect.signature(make).parameters:
            found.append(name)
            rank = {"k": 2} if "k" in inspect.signature(make).parameters else {}
            one, other = (make(class_counts=each, **rank) for each in (COUNTS, frequencies))
            assert one(logits, labels) == pytest.approx(other(logits, labels)), name
    assert {"LDAMLoss", "LogitAdjustedLoss", "SeesawLoss"} < set(found)
    inverse, effective = topkloss.class_weights.inverse_frequency, effective_number
    np.testing.assert_allclose(inverse(COUNTS), inverse(frequencies))
    for weights in (effective, partial(inverse, count_smoothing=1)):
        assert not np.allclose(weights(COUNTS), weights(frequencies))


def test_two_heads_by_sum_are_c_times_the_mean(data):
    logits, labels, _ = data
    values = [
        topkloss.TwoHeadAverageKLoss(2, multi_label_weight=weight, class_reduction=reduction)(
            logits, logits, labels
        )
        for weight, reduction in ((0.5, "sum"), (3.0, "mean"))
    ]
    assert values[0] == pytest.approx(values[1], rel=1e-6)


def test_lambda_of_epr(data):
    """The authors' first term, over C, against ours with a C-th of their constant."""
    logits, labels, _ = data
    chances = torch.sigmoid(logits)
    shortage = ((chances.sum(1).mean() - 2) / 6) ** 2
    first = -torch.log(chances.gather(1, labels[:, None])).mean() / 6
    theirs = (first + 60.0 * shortage).item()
    mine = topkloss.SinglePositiveLoss("epr", expected_positives=2, regularization=360.0)
    assert mine(logits, labels) == pytest.approx(6 * theirs, rel=1e-5)
