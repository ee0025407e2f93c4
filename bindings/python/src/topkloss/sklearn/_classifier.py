"""The estimator."""

from __future__ import annotations

import numbers
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse
from scipy.special import log_softmax, softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_random_state
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from topkloss import posthoc
from topkloss._arrays import AnyArray, FloatVector
from topkloss._missing import refuse_mask
from topkloss._records import LOSSES
from topkloss.posthoc import Threshold
from topkloss.sklearn._losses import for_lbfgs, gives_probabilities, made, softmax_scale
from topkloss.sklearn._solvers import Problem, adam, lbfgs


def _has_probabilities(estimator: LinearClassifier) -> bool:
    """Of the fitted loss if there is one: what a function of the counts makes is known then."""
    if gives_probabilities(getattr(estimator, "loss_", estimator.loss)):
        return True
    names = " and ".join(filter(gives_probabilities, LOSSES))
    raise AttributeError(
        f"predict_proba is there for {names}: scores of other losses estimate no probabilities"
    )


class LinearClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A linear classifier trained with any loss of topkloss.

    It minimises ``C sum_i v_i l_i + |W|^2 / 2``, l_i being the loss of row i and v_i its weight, as
    `sklearn.linear_model.LogisticRegression` does with cross-entropy. There is a vector of
    coefficients for each class, with two classes also.

    Counts of classes, which many losses are made from, are those of the training rows, weighted by
    sample_weight: a weight of 2 is the same as the row twice, and a weight of 0 as no row. Columns
    may be of any scale: the search for coefficients takes each in its own unit.

    Args:
        loss: What is minimised. A name, such as ``"logit_adjusted"`` or ``"topk_hinge"``: the
            loss's in C, and that of its function in `topkloss.jax` without the ending; or a loss;
            or a function that makes one from the class counts, in the order of ``classes_``.
        loss_options: Arguments of a loss that is given by name, by name; the counts need not be
            among them. For ``"topk_hinge"`` and its relatives k must be.
        class_weight: Weights of the classes' rows beside sample_weight, which do not count as
            rows: ``"balanced"``, in inverse proportion to the counts; a dictionary by class, where
            1 may be left out; or None. A loss made from the counts allows for them already.
        C: Inverse strength of regularisation, above 0.
        fit_intercept: Whether scores have an intercept, which is not regularised.
        solver: ``"lbfgs"``, on all rows at once; ``"adam"``, on a few at a time; ``"auto"``: the
            first for losses whose gradient is continuous and without noise, the second for others
            (the top-K hinge, noised or not, and margins of rivals). ``"lbfgs"`` is refused where
            noise is drawn by Monte Carlo.
        max_iter: L-BFGS only: the most iterations, 1 or more.
        tol: L-BFGS only: it ends when no entry of the gradient, with every column in its own unit,
            is larger than this times the largest one at the start. Where it ends otherwise, a
            ConvergenceWarning says so.
        epochs: Adam only: how often every row is seen, 1 or more.
        batch_size: Adam only: rows a step, 1 or more.
        learning_rate: Adam only: at the start, above 0; it falls to 0.
        random_state: Seed or RandomState of Adam's order of rows and of noise, or None.

    Attributes:
        classes_: The C class labels.
        coef_: Coefficients, of shape (C, F).
        intercept_: Intercepts, of shape (C,); 0 without.
        class_counts_: Training rows of each class, weighted.
        loss_: The loss that was minimised.
        n_iter_: Iterations of L-BFGS, or epochs.
        n_features_in_: F.
        feature_names_in_: Names of the features, if they have names.
    """

    def __init__(
        self,
        loss: Any = "cross_entropy",
        *,
        loss_options: dict[str, Any] | None = None,
        class_weight: Any = None,
        C: float = 1.0,  # noqa: N803 - scikit-learn's name
        fit_intercept: bool = True,
        solver: str = "auto",
        max_iter: int = 1000,
        tol: float = 1e-5,
        epochs: int = 30,
        batch_size: int = 256,
        learning_rate: float = 0.02,
        random_state: Any = None,
    ) -> None:
        self.loss = loss
        self.loss_options = loss_options
        self.class_weight = class_weight
        self.C = C
        self.fit_intercept = fit_intercept
        self.solver = solver
        self.max_iter = max_iter
        self.tol = tol
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.random_state = random_state

    def __sklearn_tags__(self) -> Any:
        """What the estimator can do, for scikit-learn."""
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def _check_parameters(self) -> None:
        for name, least in (("max_iter", 1), ("epochs", 1), ("batch_size", 1)):
            value = getattr(self, name)
            if not isinstance(value, numbers.Integral) or value < least:
                raise ValueError(f"{name} is {value!r}; it must be a whole number from {least}")
        for name in ("C", "tol", "learning_rate"):
            value = getattr(self, name)
            if not (isinstance(value, numbers.Real) and 0 < float(value) < np.inf):
                raise ValueError(f"{name} is {value!r}; it must be a number above 0")
        if self.solver not in ("auto", "lbfgs", "adam"):
            raise ValueError(f"solver is {self.solver!r}; it must be 'auto', 'lbfgs' or 'adam'")

    def _class_weights(self, y: AnyArray) -> FloatVector:
        """The weight of each class."""
        if isinstance(self.class_weight, str) and self.class_weight == "balanced":
            counts = self.class_counts_
            return np.asarray(counts.sum() / (len(counts) * counts))
        found: FloatVector = compute_class_weight(self.class_weight, classes=self.classes_, y=y)
        if not (np.isfinite(found).all() and found.min() >= 0 and found.max() > 0):
            raise ValueError(
                f"class_weight is {self.class_weight!r}; weights must be finite, 0 or more, and "
                "not all 0"
            )
        return found

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> LinearClassifier:  # noqa: N803
        """Fits the model.

        Args:
            X: Training rows, of shape (n, F), dense or sparse; float32 stays float32.
            y: Their classes, of shape (n,).
            sample_weight: Weight of each row, 0 or more. Default 1.

        Returns:
            The estimator.

        Raises:
            ValueError: An argument or a parameter has a wrong shape or value.
        """
        self._check_parameters()
        for name, given in (("X", X), ("y", y), ("sample_weight", sample_weight)):
            refuse_mask(name, given)
        X, y = validate_data(  # noqa: N806
            self, X, y, accept_sparse="csr", dtype=[np.float64, np.float32]
        )
        check_classification_targets(y)
        weights = _check_sample_weight(sample_weight, X, dtype=np.float64)
        if weights.min() < 0:
            raise ValueError("sample_weight has negative values; weights must be 0 or more")
        if not weights.all():
            kept = np.flatnonzero(weights)
            X, y, weights = X[kept], y[kept], weights[kept]  # noqa: N806
        self.classes_, labels = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(
                "the training rows (of weight above 0) have only one class; two or more are needed"
            )
        self.class_counts_: FloatVector = np.bincount(labels, weights=weights).astype(np.float64)

        random = check_random_state(self.random_state)
        self.loss_ = made(
            self.loss, self.loss_options, self.class_counts_, lambda: random.randint(2**31)
        )
        problem = Problem(
            inputs=X,
            labels=labels.astype(np.int64),
            weights=weights * self._class_weights(y)[labels],
            classes=len(self.classes_),
            loss=self.loss_,
            inverse_strength=self.C,
            intercept=bool(self.fit_intercept),
        )
        if for_lbfgs(self.loss_, self.solver):
            parameters, self.n_iter_ = lbfgs(problem, self.max_iter, self.tol)
        else:
            parameters, self.n_iter_ = adam(
                problem, self.epochs, self.batch_size, self.learning_rate, random
            )
        features = X.shape[1]
        self.coef_ = np.ascontiguousarray(parameters[:features].T)
        self.intercept_ = parameters[features] if self.fit_intercept else np.zeros(problem.classes)
        return self

    def _scores(self, X: Any) -> AnyArray:  # noqa: N803
        check_is_fitted(self)
        refuse_mask("X", X)
        X = validate_data(  # noqa: N806
            self, X, accept_sparse="csr", dtype=[np.float64, np.float32], reset=False
        )
        return np.ascontiguousarray(X @ self.coef_.T + self.intercept_)

    def decision_function(self, X: Any) -> AnyArray:  # noqa: N803
        """Scores.

        Args:
            X: Rows, of shape (n, F).

        Returns:
            Of shape (n, C), in the order of ``classes_``; with two classes of shape (n,): the score
            of the second less that of the first.
        """
        scores = self._scores(X)
        return scores[:, 1] - scores[:, 0] if len(self.classes_) == 2 else scores

    def predict(self, X: Any) -> AnyArray:  # noqa: N803
        """The class with the highest score, of equal ones the first.

        Args:
            X: Rows, of shape (n, F).

        Returns:
            n classes.
        """
        best = self._scores(X).argmax(axis=1)
        found: AnyArray = self.classes_[best]
        return found

    @available_if(_has_probabilities)  # type: ignore[untyped-decorator]
    def predict_proba(self, X: Any) -> npt.NDArray[np.float64]:  # noqa: N803
        """Probabilities of classes: the softmax of the scores. For some losses only.

        With ``"cross_entropy"``, P(y | x). With ``"logit_adjusted"``, ``P(y | x) / pi_y^tau``
        brought to sum 1, pi being the class frequencies: with tau = 1, the probabilities if all
        classes were equally frequent.

        Args:
            X: Rows, of shape (n, F).

        Returns:
            Of shape (n, C), in the order of ``classes_``.
        """
        found: npt.NDArray[np.float64] = softmax(self._scores(X), axis=1)
        return found

    @available_if(_has_probabilities)  # type: ignore[untyped-decorator]
    def predict_log_proba(self, X: Any) -> npt.NDArray[np.float64]:  # noqa: N803
        """Logarithms of `predict_proba`.

        Args:
            X: Rows, of shape (n, F).

        Returns:
            Of shape (n, C), in the order of ``classes_``.
        """
        found: npt.NDArray[np.float64] = log_softmax(self._scores(X), axis=1)
        return found

    def _set_scores(self, X: Any) -> AnyArray:  # noqa: N803
        """Scores that compare between rows, for one threshold on all.

        Those that were trained through a softmax do not, until they went through it.
        """
        scores = self._scores(X)
        scale = softmax_scale(self.loss_)
        if scale is None:
            return scores
        found: AnyArray = softmax(scale * scores, axis=1)
        return found

    def average_k_threshold(self, X: Any, k: float) -> Threshold:  # noqa: N803
        """The threshold with which the sets of some rows have k classes on average.

        Choose it on rows that the model was not trained on.

        Args:
            X: Rows, of shape (n, F).
            k: Above 0 and below C; need not be whole.

        Returns:
            A threshold for `predict_sets`.
        """
        return posthoc.average_k_threshold(self._set_scores(X), k)

    def predict_sets(
        self,
        X: Any,  # noqa: N803
        k: float | None = None,
        *,
        threshold: float | None = None,
        never_empty: bool = False,
    ) -> Any:
        """A set of classes for every row: larger where the row is ambiguous.

        Args:
            X: Rows, of shape (n, F).
            k: How many classes the sets of these rows have on average. Or:
            threshold: From `average_k_threshold`, with other rows.
            never_empty: Give a row whose set would be empty its best class.

        Returns:
            A sparse array of shape (n, C), by rows, with ones for the classes in each set: what
            scikit-learn calls a multilabel indicator. Row i's set is
            ``classes_[sets.indices[sets.indptr[i]:sets.indptr[i + 1]]]``.

        Raises:
            ValueError: Neither or both of k and a threshold are given, or one is out of range.
        """
        if (k is None) == (threshold is None):
            raise ValueError("predict_sets needs either k or a threshold")
        scores = self._set_scores(X)
        if k is not None:
            threshold = posthoc.average_k_threshold(scores, k)
        assert threshold is not None
        indptr, indices = posthoc.predict_sets(scores, threshold, never_empty=never_empty)
        ones = np.ones(len(indices), np.int8)
        return scipy.sparse.csr_array((ones, indices, indptr), shape=scores.shape)
