"""What the papers say, as comparisons that can come out either way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import scipy.stats  # type: ignore[import-untyped]
from measures import AMBIGUOUS, CHOSEN_BY, RARE
from methods import METHODS
from numpy.typing import NDArray
from protocol import SEEDS, Chosen, Results
from runs import BASELINE

Verdict = Literal["shown", "within noise", "refuted", "too few seeds"]
Values = NDArray[np.float64]

LEVEL = 0.05
"""Of the false discovery rate."""

TOP_1, TOP_1_CLASS, TOP_5, TOP_5_CLASS, AVERAGE_5, AVERAGE_5_CLASS = CHOSEN_BY


@dataclass(frozen=True)
class Claim:
    """One method is better than another by one figure."""

    text: str
    source: str
    better: str
    than: str
    measure: str
    chosen_by: str = ""
    """The figure that settings are chosen by, where it is not the same."""


CLAIMS = (
    Claim(
        "Adjusting a trained model's logits raises class-average accuracy",
        "Menon et al., ICLR 2021",
        *("post-hoc", "cross-entropy", TOP_1_CLASS),
    ),
    Claim(
        "So does training with adjusted logits",
        "Menon et al., ICLR 2021",
        *("logit-adjusted", "cross-entropy", TOP_1_CLASS),
    ),
    Claim(
        "LDAM with deferred weights raises class-average accuracy over cross-entropy",
        "Cao et al., NeurIPS 2019",
        *("ldam", "cross-entropy", TOP_1_CLASS),
    ),
    Claim(
        "and over cross-entropy of the same layer, with or without such weights",
        "Cao et al., NeurIPS 2019",
        *("ldam", "normalised", TOP_1_CLASS),
    ),
    Claim(
        "ELM raises it over LDAM",
        "Kato & Hotta, SMC 2023",
        *("elm", "ldam", TOP_1_CLASS),
    ),
    Claim(
        "MSE with outlying label (by power) raises it over cross-entropy",
        "ours, after Kato & Hotta, 2021",
        *("outlying-mse", "cross-entropy", TOP_1_CLASS),
    ),
    Claim(
        "Noised top-5 raises top-5 accuracy over cross-entropy",
        "Garcin et al., ICML 2022",
        *("noised-top5", "cross-entropy", TOP_5),
    ),
    Claim(
        "and over the smooth top-5 SVM",
        "Garcin et al., ICML 2022",
        *("noised-top5", "smooth-svm", TOP_5),
    ),
    Claim(
        "The exact estimator beats five samples",
        "ours",
        *("noised-top5-exact", "noised-top5", TOP_5),
    ),
    Claim(
        "Imbalanced noised top-5 raises class-average top-5 accuracy over cross-entropy",
        "Garcin et al., ICML 2022",
        *("noised-top5-imbalanced", "cross-entropy", TOP_5_CLASS),
    ),
    Claim(
        "and over LDAM",
        "Garcin et al., ICML 2022",
        *("noised-top5-imbalanced", "ldam", TOP_5_CLASS),
    ),
    Claim(
        "Top-5 cross-entropy raises top-5 accuracy over cross-entropy",
        "Petersen et al., ICML 2022",
        *("top5-cross-entropy", "cross-entropy", TOP_5),
    ),
    Claim(
        "Two heads raise average-5 accuracy over thresholds of cross-entropy",
        "Garcin et al., WACV 2025",
        *("two-head", "cross-entropy", AVERAGE_5),
    ),
    Claim(
        "on ambiguous rows",
        "Garcin et al., WACV 2025",
        *("two-head", "cross-entropy", AMBIGUOUS, AVERAGE_5),
    ),
    Claim(
        "on rare classes",
        "Garcin et al., WACV 2025",
        *("two-head", "cross-entropy", RARE, AVERAGE_5),
    ),
)


def judged_by() -> Mapping[str, Sequence[str]]:
    """By method: the figures that claims are about, for each of which it has its own best setting."""
    figures: dict[str, list[str]] = {name: [] for name in METHODS}
    for claim in CLAIMS:
        for name in (claim.better, claim.than):
            figures[name].append(claim.chosen_by or claim.measure)
    # The baseline is compared with in every respect; whoever only reads its network costs nothing.
    free = [name for name, method in METHODS.items() if method.trained_as or name == BASELINE]
    return {
        name: CHOSEN_BY if name in free else list(dict.fromkeys(found))
        for name, found in figures.items()
    }


@dataclass(frozen=True)
class Finding:
    """How a claim fared on one subject."""

    difference: float
    error: float
    """The standard error of the difference's mean."""

    verdict: Verdict


def findings(results: Results) -> dict[str, list[Finding]]:
    """By subject, in the order of `CLAIMS`.

    Compared seed by seed: both were trained from the same seed, and saw the rows in the same
    order. With so many comparisons some would look like findings by chance, so probabilities are
    those of Benjamini and Hochberg's false discovery rate over all of them.
    """
    differences = {
        subject: [_difference(claim, results[subject]) for claim in CLAIMS] for subject in results
    }
    chances = scipy.stats.false_discovery_control(
        [_chance(each) for of_subject in differences.values() for each in of_subject]
    )
    left = iter(chances.tolist())
    return {
        subject: [_found(each, next(left)) for each in of_subject]
        for subject, of_subject in differences.items()
    }


def _difference(claim: Claim, of_subject: Mapping[str, Mapping[str, Chosen]]) -> Values:
    by = claim.chosen_by or claim.measure
    better, than = (
        of_subject[name][by].values(claim.measure) for name in (claim.better, claim.than)
    )
    return better - than


def _chance(differences: Values) -> float:
    """Of differences as large, where there is none: by a paired t-test, two-sided."""
    # Where all seeds say the same to the last bit but one, there is no variance to test with.
    if float(np.ptp(differences)) < 1e-12:
        return 1.0
    return float(scipy.stats.ttest_1samp(differences, 0.0).pvalue)


def _found(differences: Values, chance: float) -> Finding:
    mean, error = float(differences.mean()), float(scipy.stats.sem(differences))
    if len(differences) < SEEDS:
        return Finding(mean, error, "too few seeds")
    if not chance < LEVEL:
        return Finding(mean, error, "within noise")
    return Finding(mean, error, "shown" if mean > 0 else "refuted")
