"""A linear model's weights that make a loss small: L-BFGS on all rows, or Adam on a few at a time.

Both minimise ``(sum_i v_i l_i + |W|^2 / (2 C)) / sum_i v_i``, l_i being the loss of row i, v_i its
weight, W the coefficients without the intercepts and C the inverse strength of regularisation, as
in `sklearn.linear_model.LogisticRegression`.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.optimize
from sklearn.exceptions import ConvergenceWarning

from topkloss._arrays import AnyArray, FloatVector
from topkloss._loss import Loss
from topkloss.sklearn._columns import Columns, columns_of


@dataclass(frozen=True)
class Problem:
    """What is to be fitted.

    Attributes:
        inputs: (n, F) dense, or sparse by rows.
        labels: (n,) class indices.
        weights: (n,) weights of 0 or more, not all 0.
        classes: How many classes there are.
        loss: With the reduction ``"sum"``.
        inverse_strength: C.
        intercept: Whether there are intercepts.
    """

    inputs: Any
    labels: AnyArray
    weights: FloatVector
    classes: int
    loss: Loss
    inverse_strength: float
    intercept: bool

    @property
    def shape(self) -> tuple[int, int]:
        """Of the parameters: a row for each feature, and one for the intercepts last."""
        return self.inputs.shape[1] + self.intercept, self.classes

    @property
    def strength(self) -> float:
        """Of the penalty, half of it times the square of each coefficient."""
        return 1 / (self.inverse_strength * float(self.weights.sum()))

    def columns(self, *, stochastic: bool) -> Columns:
        """Coordinates to search in, where all columns are alike, on all rows or on a few."""
        return columns_of(
            self.inputs,
            self.weights,
            self.strength,
            intercept=self.intercept,
            stochastic=stochastic,
        )

    def scores(self, parameters: FloatVector, inputs: Any) -> AnyArray:
        """(n, C) scores of any rows, in the type of the rows."""
        features = self.inputs.shape[1]
        found: AnyArray = inputs @ parameters[:features].astype(inputs.dtype, copy=False)
        if self.intercept:
            found += parameters[features].astype(inputs.dtype)
        return np.ascontiguousarray(found)

    def value_and_gradient(
        self, parameters: FloatVector, rows: AnyArray | None = None
    ) -> tuple[float, FloatVector]:
        """The mean loss of some rows (all, if None) and the penalty, and the gradient of these.

        Weights are divided by their mean over all rows, not over those given: so the expectation
        over batches of one size, drawn at random, is the value for all rows.
        """
        # All rows are not copied: sparse matrices are by any slice.
        inputs = self.inputs if rows is None else self.inputs[rows]
        kept = slice(None) if rows is None else rows
        weights = self.weights[kept]
        features = inputs.shape[1]
        scores = self.scores(parameters, inputs)
        value, slope = self.loss.value_and_grad(
            scores, self.labels[kept], sample_weight=weights, out=scores
        )
        gradient = np.empty(self.shape)
        total = len(weights) * self.weights.mean()
        gradient[:features] = inputs.T @ slope
        if self.intercept:
            gradient[features] = slope.sum(axis=0, dtype=np.float64)
        gradient /= total
        coefficients = parameters[:features]
        gradient[:features] += self.strength * coefficients
        penalty = 0.5 * self.strength * float(np.vdot(coefficients, coefficients))
        return float(value) / total + penalty, gradient


def lbfgs(problem: Problem, max_iter: int, tol: float) -> tuple[FloatVector, int]:
    """The parameters, (F or F + 1, C), and how many iterations it took.

    It ends when no entry of the gradient is above tol times the largest one at the start, where all
    parameters are 0: losses differ in scale, some by the number of classes. Every column is taken
    in its own unit, so that none counts for less than another.
    """
    columns = problem.columns(stochastic=False)

    def flat(parameters: FloatVector) -> tuple[float, FloatVector]:
        own = columns.own(parameters.reshape(problem.shape))
        value, gradient = problem.value_and_gradient(own)
        return value, columns.gradient(gradient).ravel()

    start = np.zeros(np.prod(problem.shape))
    value, slope = flat(start)
    steepest = np.abs(slope).max()
    enough = tol * steepest
    found = scipy.optimize.minimize(
        flat,
        start,
        jac=True,
        method="L-BFGS-B",
        options={
            "maxiter": max_iter,
            # SciPy's limit of 15,000 evaluations would end the search before max_iter does.
            "maxfun": max(15000, 51 * max_iter),
            "gtol": enough,
            "ftol": 0.0,
            "maxls": 50,
        },
    )
    left = np.abs(found.jac).max()
    # Where parameters are sqrt(eps) from a minimum, values differ by rounding alone, and no search
    # along a line gets nearer. (Second derivatives are of the order of the value in these units.)
    eps = float(np.finfo(problem.inputs.dtype).eps)
    rounding = np.sqrt(eps) * max(steepest, abs(value))
    if left > max(enough, rounding):
        warnings.warn(
            f"L-BFGS has not converged after {found.nit} iterations: the largest entry of the "
            f"gradient, in units of the columns, is {left:.2g}, above {enough:.2g}. Allow more "
            "iterations (max_iter), leave out columns that say nearly the same as others, "
            "regularise more strongly (a smaller C), or ask for less (tol)",
            ConvergenceWarning,
            stacklevel=4,
        )
    return columns.own(found.x.reshape(problem.shape)), int(found.nit)


def adam(
    problem: Problem,
    epochs: int,
    batch_size: int,
    learning_rate: float,
    random: np.random.RandomState,
) -> tuple[FloatVector, int]:
    """The parameters and the number of epochs. The learning rate falls to 0 in a straight line.

    Kingma and Ba, "Adam: a method for stochastic optimization", ICLR 2015.
    """
    rows = problem.inputs.shape[0]
    columns = problem.columns(stochastic=True)  # one rate suits all of them
    parameters, mean, square = (np.zeros(problem.shape) for _ in range(3))
    steps = epochs * -(-rows // batch_size)
    step = 0
    for _ in range(epochs):
        order = random.permutation(rows)
        for start in range(0, rows, batch_size):
            own = columns.own(parameters)
            _, slope = problem.value_and_gradient(own, order[start : start + batch_size])
            gradient = columns.gradient(slope)
            step += 1
            mean += 0.1 * (gradient - mean)
            square += 0.001 * (gradient**2 - square)
            rate = learning_rate * (1 - (step - 1) / steps) / (1 - 0.9**step)
            parameters -= rate * mean / (np.sqrt(square / (1 - 0.999**step)) + 1e-8)
    return columns.own(parameters), epochs
