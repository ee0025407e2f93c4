"""Wrong arguments through Python: the status, words that name the culprit, and nothing written."""

from __future__ import annotations

import numpy as np
import pytest
from support import MEMBER_IDS, MEMBERS

import topkloss
from topkloss import TopKLossError

CROSS_ENTROPY = topkloss.CrossEntropyLoss()
NOISED = topkloss.NoisedTopKLoss(2)
# One of every kernel, of any number of classes above 2.
LOSSES = {
    "cross_entropy": CROSS_ENTROPY,
    "noised": NOISED,
    "exact": topkloss.NoisedTopKLoss(2, estimator="exact"),
    "focal": topkloss.FocalLoss(),
    "hinge": topkloss.TopKHingeLoss(2),
    "smooth_svm": topkloss.SmoothTopKSVMLoss(2),
    "assume_negative": topkloss.SinglePositiveLoss(),
    "expected_positive": topkloss.SinglePositiveLoss("epr", expected_positives=2),
}
EVERY = pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)


def refuses(call, status, *words):
    """The call fails with the status, and with a message that has all the words."""
    with pytest.raises(TopKLossError) as caught:
        call()
    assert caught.value.status == f"TOPKLOSS_ERROR_{status}"
    for word in words:
        assert str(word) in str(caught.value)


def zeros(rows=4, classes=5, dtype=np.float32):
    return np.zeros((rows, classes), dtype)


LABELS = np.arange(4)


@EVERY
@pytest.mark.parametrize("label", [5, -1, -101, 2**40, -(2**63)])
def test_label_out_of_range(loss, label):
    labels = np.array([0, 1, label, 7_000_000])
    out = np.full((4, 5), 7.0, np.float32)
    refuses(lambda: loss.value_and_grad(zeros(), labels, out=out), "LABEL", 2, label, 5)
    assert (out == 7).all()


@EVERY
def test_label_out_of_range_leaves_the_logits_alone_in_place(loss):
    logits = zeros(300, 1000)
    labels = np.zeros(300, int)
    labels[299] = 1000
    refuses(lambda: loss.value_and_grad(logits, labels, out=logits), "LABEL", 299, 1000)
    assert not logits.any()


def test_label_of_another_ignored_index():
    refuses(lambda: topkloss.CrossEntropyLoss(ignore_index=0)(zeros(), [-100] * 4), "LABEL", -100)


@EVERY
@pytest.mark.parametrize(
    ("labels", "status", "words"),
    [
        (np.zeros(4, bool), "ENUMERATOR", ["labels has dtype bool", "integers"]),
        (np.zeros(4), "ENUMERATOR", ["labels has dtype float64", "integers"]),
        (["cat"] * 4, "ENUMERATOR", ["labels has dtype", "integers"]),
        ([0, None, 1, 2], "ENUMERATOR", ["labels has dtype object"]),
        (np.array([0, 1, 2, 2**64 - 100], np.uint64), "LABEL", ["labels", 2**64 - 100]),
        (np.zeros(3, int), "SIZE", ["labels has shape (3,)", "4 rows"]),
        (np.zeros((4, 1), int), "SIZE", ["labels has shape (4, 1)", "4 rows"]),
        (np.zeros((4, 5), int), "SIZE", ["labels has shape (4, 5)"]),
        (3, "SIZE", ["labels has shape ()"]),
        ([[0, 1], [2]], "ENUMERATOR", ["labels cannot be read"]),
    ],
)
def test_labels(loss, labels, status, words):
    refuses(lambda: loss(zeros(), labels), status, *words)


@EVERY
@pytest.mark.parametrize(
    ("logits", "status", "words"),
    [
        (np.zeros(5, np.float32), "SIZE", ["logits has shape (5,)", "(1, C)"]),
        (np.zeros((2, 2, 5)), "SIZE", ["logits has shape (2, 2, 5)"]),
        (np.float32(1), "SIZE", ["logits has shape ()"]),
        (np.zeros((4, 5), int), "ENUMERATOR", ["logits has dtype int64", "float32"]),
        (np.zeros((4, 5), bool), "ENUMERATOR", ["logits has dtype bool"]),
        (np.zeros((4, 5), complex), "ENUMERATOR", ["logits has dtype complex128"]),
        (np.zeros((4, 5), np.uint16), "ENUMERATOR", ["logits has dtype uint16"]),
        (np.zeros((4, 5), np.longdouble), "ENUMERATOR", ["logits has dtype"]),
        (None, "ENUMERATOR", ["logits has dtype object"]),
        ("logits", "ENUMERATOR", ["logits has dtype"]),
        ([[1.0, 2.0], [3.0]], "ENUMERATOR", ["logits cannot be read"]),
        (np.zeros((4, 0)), "SIZE", ["classes"]),
    ],
)
def test_logits(loss, logits, status, words):
    refuses(lambda: loss(logits, LABELS), status, *words)


def test_a_single_row_without_its_dimension():
    refuses(lambda: CROSS_ENTROPY(np.zeros(5), 3), "SIZE", "logits has shape (5,)", "(1, C)")


@EVERY
@pytest.mark.parametrize(
    ("weights", "status", "words"),
    [
        (np.ones(3), "SIZE", ["sample_weight has shape (3,)", "4 rows"]),
        (np.ones((4, 1)), "SIZE", ["sample_weight has shape (4, 1)"]),
        (1.0, "SIZE", ["sample_weight has shape ()"]),
        (np.ones(4, complex), "ENUMERATOR", ["sample_weight has dtype complex128"]),
        (["a"] * 4, "ENUMERATOR", ["sample_weight has dtype"]),
        ([1, np.nan, 1, 1], "NOT_FINITE", ["sample_weight", "1", "nan"]),
        ([1, 1, np.inf, 1], "NOT_FINITE", ["sample_weight", "2", "inf"]),
    ],
)
def test_sample_weight(loss, weights, status, words):
    out = np.full((4, 5), 7.0, np.float32)
    refuses(
        lambda: loss.value_and_grad(zeros(), LABELS, sample_weight=weights, out=out),
        status,
        *words,
    )
    assert (out == 7).all()


def read_only():
    array = zeros()
    array.flags.writeable = False
    return array


@EVERY
@pytest.mark.parametrize(
    ("out", "status", "words"),
    [
        (zeros(5, 4), "SIZE", ["out has shape (5, 4)", "(4, 5)"]),
        (zeros(4, 6), "SIZE", ["out has shape (4, 6)"]),
        (zeros(3, 5), "SIZE", ["out has shape (3, 5)"]),
        (np.zeros(20, np.float32), "SIZE", ["out has shape (20,)"]),
        (zeros(dtype=np.float64), "ENUMERATOR", ["out has dtype float64", "float32"]),
        (zeros(dtype=np.float16), "ENUMERATOR", ["out has dtype float16"]),
        (zeros(dtype=np.int32), "ENUMERATOR", ["out has dtype int32"]),
        (zeros().astype(">f4"), "ENUMERATOR", ["out has dtype >f4"]),
        (read_only(), "OPTION", ["out is read-only"]),
        (memoryview(bytes(80)).cast("f", (4, 5)), "OPTION", ["out is read-only"]),
        ([[0.0] * 5] * 4, "ENUMERATOR", ["out is a list"]),
        ("out", "ENUMERATOR", ["out is a str"]),
    ],
    ids=str,
)
def test_output(loss, out, status, words):
    before = np.array(out, copy=True)
    refuses(lambda: loss.value_and_grad(zeros(), LABELS, out=out), status, *words)
    assert np.array_equal(np.array(out), before)


def strided(shape, strides, offset=0):
    """A view of a float32 memory of its own, strides in elements."""
    memory = np.full(200, 7.0, np.float32)
    steps = tuple(4 * stride for stride in strides)
    return memory, np.lib.stride_tricks.as_strided(memory[offset:], shape, steps)


@EVERY
@pytest.mark.parametrize("strides", [(0, 1), (3, 1), (-3, 1), (5, 0), (1, 1), (2, 2)])
def test_output_that_overlaps_itself(loss, strides):
    memory, out = strided((4, 5), strides, 50)
    with pytest.raises(TopKLossError) as caught:
        loss.value_and_grad(zeros(), LABELS, out=out)
    assert caught.value.status in ("TOPKLOSS_ERROR_ALIASING", "TOPKLOSS_ERROR_SIZE")
    assert (memory == 7).all()


@EVERY
@pytest.mark.parametrize(("shift", "stride"), [(1, 5), (4, 5), (5, 5), (-5, 5), (0, 6), (0, 10)])
def test_output_that_overlaps_the_logits(loss, shift, stride):
    memory = np.full(200, 7.0, np.float32)
    logits = memory[50:70].reshape(4, 5)
    out = np.lib.stride_tricks.as_strided(memory[50 + shift :], (4, 5), (4 * stride, 4))
    refuses(lambda: loss.value_and_grad(logits, LABELS, out=out), "ALIASING")
    assert (memory == 7).all()


@EVERY
def test_output_that_overlaps_labels_or_weights(loss):
    memory = np.zeros(40)
    logits, out = np.zeros((4, 5)), memory[:20].reshape(4, 5)
    for overlapping in (memory[19:23], memory[0:4]):
        with pytest.raises(TopKLossError) as caught:
            loss.value_and_grad(logits, overlapping.view(np.int64), out=out)
        assert caught.value.status == "TOPKLOSS_ERROR_ALIASING"
        with pytest.raises(TopKLossError) as caught:
            loss.value_and_grad(logits, LABELS, sample_weight=overlapping, out=out)
        assert caught.value.status == "TOPKLOSS_ERROR_ALIASING"
    assert not memory.any()


@pytest.mark.parametrize("member", MEMBERS[1:], ids=MEMBER_IDS[1:])
def test_number_of_classes(member):
    loss = member.make(np.ones(6))
    refuses(lambda: loss(zeros(), LABELS), "SIZE", 5, 6)
    refuses(lambda: loss(zeros(4, 7), LABELS), "SIZE", 7, 6)


def test_number_of_classes_of_weights_and_of_the_imbalanced_loss():
    refuses(lambda: topkloss.CrossEntropyLoss(class_weight=[1, 2])(zeros(), LABELS), "SIZE", 5, 2)
    loss = topkloss.NoisedTopKLoss(1, class_counts=[1, 2])
    refuses(lambda: loss(zeros(), LABELS), "SIZE", 5, 2)


@pytest.mark.parametrize("bad", [0, -1, np.nan, np.inf, -np.inf])
@pytest.mark.parametrize(
    "make",
    [
        topkloss.LogitAdjustedLoss,
        topkloss.LDAMLoss,
        topkloss.ELMLoss,
        topkloss.VectorScalingLoss,
        topkloss.OutlyingMSELoss,
        lambda counts, **options: topkloss.NoisedTopKLoss(1, class_counts=counts, **options),
        lambda counts, **options: topkloss.posthoc.logit_adjust(zeros(2, 4), counts, **options),
    ],
    ids=["logit_adjusted", "ldam", "elm", "vector_scaling", "mse", "noised_topk", "posthoc"],
)
def test_class_counts(make, bad):
    refuses(lambda: make([5, 3, bad, 0]), "CLASS_COUNT", 2)
    if bad not in (0, np.inf):
        refuses(lambda: make([5, 3, bad, 0], count_smoothing=0.5), "CLASS_COUNT", 2)


@pytest.mark.parametrize("counts", [[], 5, [[1, 2]], ["a"], None, [1, 1j]])
def test_class_counts_that_are_no_vector(counts):
    with pytest.raises(TopKLossError, match="class"):
        topkloss.LogitAdjustedLoss(counts)


INFINITE = [np.nan, np.inf, -np.inf]
BAD_OPTIONS = [
    *[("label_smoothing", value) for value in (-0.1, 1.1, *INFINITE, "a", None)],
    *[("class_weight", value) for value in ([1, -1], [1, np.nan], [np.inf, 1], [[1, 2]], ["a"])],
    *[("count_smoothing", value) for value in (-1, *INFINITE, "a")],
    *[("tau", value) for value in (*INFINITE, "a", None, 10**400)],
    *[("reduction", value) for value in ("average", "MEAN", None, 0, ["mean"])],
    *[("ignore_index", value) for value in (1.5, "a", None, 2**63, -(2**63) - 1)],
    *[("check_finite", value) for value in (1, None, "yes")],
]


@pytest.mark.parametrize(("name", "value"), BAD_OPTIONS, ids=str)
def test_options(name, value):
    with pytest.raises(TopKLossError, match=name) as caught:
        topkloss.LogitAdjustedLoss([3, 2], **{name: value})
    assert caught.value.status in ("TOPKLOSS_ERROR_OPTION", "TOPKLOSS_ERROR_ENUMERATOR") or (
        name == "class_weight"
    )


@pytest.mark.parametrize("loss", [topkloss.LDAMLoss, topkloss.ELMLoss])
@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("max_margin", value) for value in (-0.5, *INFINITE)],
        *[("scale", value) for value in (0, -1, *INFINITE)],
    ],
)
def test_options_of_margins(loss, name, value):
    refuses(lambda: loss([3, 2], **{name: value}), "OPTION", name)


@pytest.mark.parametrize("value", INFINITE)
def test_lambda(value):
    refuses(lambda: topkloss.ELMLoss([3, 2], lam=value), "OPTION", "lam")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("k", value) for value in (0, -1, 2.0, "5", None, 2**63)],
        *[("epsilon", value) for value in (-1, *INFINITE)],
        *[("n_samples", value) for value in (0, -5, 1_000_001, 2**40, 1.0)],
        *[("seed", value) for value in (-1, 2**64, 0.5)],
        *[("margin", value) for value in INFINITE],
        *[("scale", value) for value in (0, -1, *INFINITE)],
    ],
)
def test_options_of_noised_topk(name, value):
    with pytest.raises(TopKLossError, match=rf"\b{name}\b") as caught:
        topkloss.NoisedTopKLoss(**{"k": 5, name: value})
    assert caught.value.status in ("TOPKLOSS_ERROR_OPTION", "TOPKLOSS_ERROR_SIZE")


def test_options_of_noised_topk_together():
    refuses(lambda: topkloss.NoisedTopKLoss(5, max_margin=0.5), "OPTION", "max_margin")
    for value in (-1, *INFINITE):
        refuses(
            lambda value=value: topkloss.NoisedTopKLoss(1, class_counts=[3, 2], max_margin=value),
            "OPTION",
            "max_margin",
        )
    refuses(lambda: topkloss.NoisedTopKLoss(5, estimator="magic"), "ENUMERATOR", "estimator")


@pytest.mark.parametrize(("k", "classes"), [(5, 5), (6, 5), (1, 1), (2**62, 5)])
@pytest.mark.parametrize(
    "make",
    [
        topkloss.NoisedTopKLoss,
        lambda k: topkloss.NoisedTopKLoss(k, estimator="exact"),
        topkloss.TopKHingeLoss,
        topkloss.SmoothTopKSVMLoss,
    ],
    ids=["noised", "exact", "hinge", "smooth_svm"],
)
def test_k_and_the_number_of_classes(make, k, classes):
    loss = make(k)
    with pytest.raises(TopKLossError, match=r"\bk\b.*") as caught:
        loss(zeros(2, classes), [0, 0])
    assert str(k) in str(caught.value)
    assert caught.value.status in ("TOPKLOSS_ERROR_OPTION", "TOPKLOSS_ERROR_SIZE")


@pytest.mark.parametrize(
    ("noise", "status", "words"),
    [
        (np.zeros((4, 5, 4)), "SIZE", ["noise has shape (4, 5, 4)", "(4, 5, 5)"]),
        (np.zeros((4, 4, 5)), "SIZE", ["noise has shape (4, 4, 5)"]),
        (np.zeros((3, 5, 5)), "SIZE", ["noise has shape (3, 5, 5)"]),
        (np.zeros((4, 5)), "SIZE", ["noise has shape (4, 5)"]),
        (np.zeros((4, 5, 5), complex), "ENUMERATOR", ["noise has dtype complex128"]),
        ("loud", "ENUMERATOR", ["noise has dtype"]),
    ],
)
def test_noise(noise, status, words):
    refuses(lambda: NOISED(zeros(), LABELS, noise=noise), status, *words)


@pytest.mark.parametrize("step", [-1, 2**64, 0.5, "1"])
def test_step(step):
    refuses(lambda: NOISED(zeros(), LABELS, step=step), "OPTION", "step", step)


@EVERY
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_check_finite(loss, dtype, bad):
    checking = type(loss)(**{**loss._arguments, "check_finite": True})
    logits = zeros(dtype=dtype)
    logits[1, 0] = -np.inf  # a mask, which is allowed
    assert np.isfinite(checking(logits, LABELS[[0, 2, 3, 3]]))
    logits[2, 3], logits[3, 1] = bad, bad
    out = np.full((4, 5), 7, dtype)
    refuses(lambda: checking.value_and_grad(logits, LABELS, out=out), "NOT_FINITE", "logits[2, 3]")
    assert (out == 7).all()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("seed", value) for value in (-1, 2**64, 1.5)],
        *[("step", value) for value in (-1, 2**64, "a")],
        *[("first_row", value) for value in (-1, 2**63)],
        *[("rows", value) for value in (-1, 2**62)],
        *[("n_samples", value) for value in (0, -1, 2**62, 1_000_001)],
        *[("classes", value) for value in (0, -1, 2**62)],
    ],
)
def test_standard_normal(name, value):
    arguments = {"seed": 0, "step": 0, "first_row": 0, "rows": 1, "n_samples": 1, "classes": 1}
    with pytest.raises(TopKLossError, match=name):
        topkloss.standard_normal(**{**arguments, name: value})


def test_nothing_is_printed(capfd):
    with pytest.raises(TopKLossError):
        CROSS_ENTROPY(zeros(), [9] * 4)
    assert capfd.readouterr() == ("", "")
