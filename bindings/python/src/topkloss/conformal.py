"""Sets with a coverage guarantee: split conformal thresholds, for the long tail too."""

from __future__ import annotations

from ctypes import byref, sizeof
from typing import Literal, TypeAlias

import numpy as np

from topkloss import _abi
from topkloss._address import address
from topkloss._arguments import choice, class_vector, integer, number
from topkloss._arrays import Array, FloatVector
from topkloss._evaluation import add_labels, describe
from topkloss._library import check, library
from topkloss.errors import TopKLossError

Method: TypeAlias = Literal["standard", "classwise", "prevalence_adjusted", "interpolated"]

METHODS: dict[str, int] = {
    "standard": _abi.TOPKLOSS_CONFORMAL_STANDARD,
    "classwise": _abi.TOPKLOSS_CONFORMAL_CLASSWISE,
    "prevalence_adjusted": _abi.TOPKLOSS_CONFORMAL_PREVALENCE_ADJUSTED,
    "interpolated": _abi.TOPKLOSS_CONFORMAL_INTERPOLATED,
}
"""The words for methods, and what each is to the library."""


def thresholds(
    probabilities: Array,
    labels: Array,
    *,
    coverage: float = 0.9,
    method: Method = "standard",
    class_counts: Array | None = None,
    count_smoothing: float = 0.0,
    weight: float = 0.5,
    ignore_index: int = -100,
) -> FloatVector:
    """Thresholds by class whose sets contain the label as often as is asked.

    The set of a row is every class c with ``p_c >= t_c``: what `topkloss.posthoc.predict_sets`
    makes of them, and `topkloss.metrics.set_coverage` judges. They are found on calibration rows,
    that neither the model nor its options were fitted to, and hold for rows like these
    (exchangeable with them).

    With n calibration rows, p_y a row's probability of its own label, pi the classes' frequencies,
    ``r(n) = ceil((n + 1) coverage)``, and 0 for the r-th largest of fewer than r numbers:

    - ``"standard"``: one threshold, the r(n)-th largest p_y. So many of all labels are covered, but
      of rare classes perhaps next to none.
    - ``"classwise"``: the r(n_c)-th largest p_y of the class's n_c rows. So many of each class's
      labels are covered. A class with too few rows, fewer than coverage / (1 - coverage), has the
      threshold 0: it is in every set, and with many such classes sets are useless.
    - ``"prevalence_adjusted"``: pi_c times the r(n)-th largest ``p_y / pi_y``: covered as standard
      does on average, with small sets, but evenly where classes are rare.
    - ``"interpolated"``: between classwise and standard. It has no guarantee of its own: judge
      it on other rows.

    prevalence_adjusted takes the probabilities as of classes that are as frequent as
    ``class_counts`` says, as cross-entropy trains them. `topkloss.LogitAdjustedLoss` has divided by
    pi already, and doing so twice makes sets larger than need be: take the softmax of
    ``topkloss.posthoc.logit_adjust(scores, class_counts, -tau)``, which undoes it.

    Start with prevalence_adjusted for a long tail; interpolate where classes still are left out,
    with weights of 0.1 to 0.9: sets grow with the weight.

    Ding, Fermanian and Salmon, "Conformal prediction for long-tailed classification", 2025.

    Args:
        probabilities: Of calibration rows, of shape (..., C), in float32, float64, float16 or
            bfloat16; not logits. Only the labels' own are read.
        labels: Class indices in [0, C), of shape (...), or ``ignore_index``.
        coverage: The share of labels that sets are to contain, above 0 and at most 1.
        method: Which thresholds.
        class_counts: Number of training examples of each of C classes, finite and above 0, for
            ``"prevalence_adjusted"``; not looked at by the others.
        count_smoothing: Added to every count, 0 or more; above 0, counts of 0 are allowed.
        weight: For ``"interpolated"``, the share of the classwise thresholds, in [0, 1].
        ignore_index: Label of rows to leave out.

    Returns:
        C float64 thresholds.

    Raises:
        TopKLossError: An argument has a wrong shape, type or value.
    """
    options = _abi.conformal_options()
    check(library.topkloss_conformal_options_init(byref(options), sizeof(options)))
    options.method = choice("method", method, METHODS)
    options.coverage = number("coverage", coverage)
    options.weight = number("weight", weight)
    options.ignore_index = integer("ignore_index", ignore_index)
    options.count_smoothing = number("count_smoothing", count_smoothing)
    counts = None if class_counts is None else class_vector("class_counts", class_counts)
    if counts is not None:
        options.classes, options.class_counts = len(counts), address(counts)
    elif method == "prevalence_adjusted":
        raise TopKLossError(
            "class_counts is None; prevalence_adjusted thresholds need it",
            "TOPKLOSS_ERROR_NULL_POINTER",
        )
    batch, _rows = describe("probabilities", probabilities)
    _labels = add_labels(batch, labels)
    found = np.empty(batch.classes)
    status = library.topkloss_conformal_thresholds(byref(options), byref(batch), address(found))
    check(status, counts, logits="probabilities")
    return found
