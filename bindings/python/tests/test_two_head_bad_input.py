"""Wrong options and arguments of the two-head loss: the status, the words, and nothing written."""

from __future__ import annotations

import numpy as np
import pytest

from topkloss import ThresholdState, TopKLossError, TwoHeadAverageKLoss

INFINITE = (np.nan, np.inf, -np.inf)


@pytest.mark.parametrize(
    ("options", "word"),
    [
        *[({"k": value}, "k") for value in (0, -1, *INFINITE, "1", None)],
        *[({"candidate_weight": value}, "candidate_weight") for value in (-1, *INFINITE, 1e16)],
        *[({"multi_label_weight": value}, "multi_label_weight") for value in (-1, *INFINITE)],
        *[({"class_reduction": value}, "class_reduction") for value in ("none", None, 0)],
        *[({"threshold_decay": value}, "threshold_decay") for value in (-0.1, 1, *INFINITE)],
    ],
    ids=str,
)
def test_bad_options(options, word):
    with pytest.raises(TopKLossError, match=rf"\b{word}\b") as caught:
        TwoHeadAverageKLoss(**{"k": 2, **options})
    assert caught.value.status in ("TOPKLOSS_ERROR_OPTION", "TOPKLOSS_ERROR_ENUMERATOR")


def test_k_and_the_number_of_classes():
    for k in (5, 5.5, 1e300):
        with pytest.raises(TopKLossError, match=r"\bk\b"):
            TwoHeadAverageKLoss(k)(np.zeros((2, 5)), np.zeros((2, 5)), [0, 1])


def read_only():
    array = np.zeros((4, 5))
    array.flags.writeable = False
    return array


SHARED = np.zeros((5, 4)).T


@pytest.mark.parametrize(
    ("arguments", "status", "word"),
    [
        ({"multi_label_logits": np.zeros((4, 6))}, "SIZE", "multi_label_logits has shape (4, 6)"),
        ({"multi_label_logits": np.zeros(5)}, "SIZE", "multi_label_logits has shape (5,)"),
        (
            {"multi_label_logits": np.zeros((4, 5), np.float32)},
            "ENUMERATOR",
            "multi_label_logits has dtype float32",
        ),
        ({"multi_label_logits": None}, "ENUMERATOR", "multi_label_logits has dtype object"),
        ({"labels": [0, 1, 5, 2]}, "LABEL", "5"),
        ({"labels": [0, 1, 2]}, "SIZE", "labels has shape (3,)"),
        ({"sample_weight": [1, 1, np.nan, 1]}, "NOT_FINITE", "sample_weight"),
        ({"threshold": 0.5}, "OPTION", "threshold is 0.5"),
        ({"threshold": ThresholdState("high")}, "OPTION", "threshold.value is 'high'"),
        ({"out": np.zeros((4, 6))}, "SIZE", "out has shape (4, 6)"),
        ({"multi_label_out": np.zeros((4, 6))}, "SIZE", "multi_label_out has shape (4, 6)"),
        ({"multi_label_out": np.zeros((4, 5), "f4")}, "ENUMERATOR", "multi_label_out has dtype"),
        ({"multi_label_out": read_only()}, "OPTION", "multi_label_out is read-only"),
        ({"out": SHARED, "multi_label_out": SHARED}, "ALIASING", "out and multi_label_out overlap"),
    ],
    ids=str,
)
def test_bad_arguments(arguments, status, word):
    loss = TwoHeadAverageKLoss(2)
    given = {
        "logits": np.zeros((4, 5)),
        "multi_label_logits": np.zeros((4, 5)),
        "labels": np.arange(4),
        **arguments,
    }
    with pytest.raises(TopKLossError) as caught:
        loss.value_and_grad(**given)
    assert caught.value.status == f"TOPKLOSS_ERROR_{status}"
    assert word in str(caught.value)


def test_outputs_may_not_overlap_what_they_do_not_replace():
    logits, second = np.zeros((4, 5)), np.ones((4, 5))
    loss = TwoHeadAverageKLoss(2)
    for outputs in (
        {"out": second},
        {"multi_label_out": logits},
        {"out": second, "multi_label_out": logits},
        {"out": logits, "multi_label_out": logits},
    ):
        with pytest.raises(TopKLossError) as caught:
            loss.value_and_grad(logits, second, [0, 1, 2, 3], **outputs)
        assert caught.value.status == "TOPKLOSS_ERROR_ALIASING"
        assert not logits.any()
        assert (second == 1).all()


@pytest.mark.parametrize("head", [0, 1])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_check_finite(head, bad):
    both = [np.zeros((4, 5), np.float32), np.zeros((4, 5), np.float32)]
    both[head][2, 3] = bad
    out, state = np.full((4, 5), 7, np.float32), ThresholdState(0.5)
    loss = TwoHeadAverageKLoss(2, check_finite=True)
    words = r"multi_label_logits\[2, 3\]" if head else r"logits\[2, 3\]"
    with pytest.raises(TopKLossError, match=words) as caught:
        loss.value_and_grad(*both, [0, 1, 2, 3], out=out, threshold=state)
    assert caught.value.status == "TOPKLOSS_ERROR_NOT_FINITE"
    assert (out == 7).all()
    assert state.value == 0.5
