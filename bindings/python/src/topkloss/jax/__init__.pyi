"""Generated from the losses' records by ``python -m abi.python_stubs``: change those."""

from jax.typing import ArrayLike
from topkloss._arrays import Array
from topkloss._average_k import ClassReduction
from topkloss._noised_topk import Estimator
from topkloss._single_positive import Method
from topkloss.jax._noised_topk import noised_topk as noised_topk
from typing import Any
import jax

__all__ = [
    "two_head_average_k_loss",
    "cross_entropy_loss",
    "logit_adjusted_loss",
    "vector_scaling_loss",
    "ldam_loss",
    "elm_loss",
    "margin_softmax_loss",
    "noised_topk_loss",
    "outlying_mse_loss",
    "single_positive_loss",
    "seesaw_loss",
    "focal_loss",
    "topk_hinge_loss",
    "smooth_topk_svm_loss",
    "topk_cross_entropy_loss",
    "noised_topk",
]

def two_head_average_k_loss(
    logits: ArrayLike,
    multi_label_logits: ArrayLike,
    labels: ArrayLike,
    k: float = 5,
    *,
    candidate_weight: float = 1.0,
    multi_label_weight: float = 1.0,
    class_reduction: ClassReduction = 'mean',
    threshold_decay: float = 0.0,
    ignore_index: int = -100,
    threshold: ArrayLike | None = None,
) -> Any:
    """Two-head average-K: a softmax head proposes candidates, a multi-label head learns them.

    With z the logits of the softmax head, g those of the multi-label head, p = softmax(z), and S_i
    the candidates of row i, a row of label y has the loss
    ``CE(z_i, y) + mu sum_j omega_ij BCE(g_ij, [j in S_i or j = y])``, where omega is 1 for the
    label and for negatives, and candidate_weight for other candidates.

    The candidates are the round(B K) (halves to even) largest probabilities of the batch, of equal
    ones the first by row, then by class; rows that are ignored or contain NaN or +inf have none and
    do not count in B. The threshold is the midpoint of the last candidate's probability and the
    next one's. Candidates are constants in the gradient.

    In small batches a moving average of the threshold is steadier. With threshold_decay, the
    threshold is ``decay * before + (1 - decay) * this batch's``, and the candidates are the classes
    with probabilities at or above it.

    After training, `topkloss.posthoc.average_k_threshold` and `topkloss.posthoc.predict_sets` make
    sets of K classes on average from the scores of the multi-label head.

    Garcin, Servajean, Joly and Salmon, "A two-head loss function for deep average-K
    classification", WACV 2025 (arXiv 2303.18118, 2023).

    To tune: multi_label_weight, over 0.5, 1, 2 and 5; then candidate_weight, over 0.1, 0.3 and 1.

    What goes wrong: too small a multi_label_weight, and the sets of the multi-label head are worse
    than those of the softmax head's probabilities; too large, and the softmax head's own accuracy
    falls. Where sets of equal size hold fewer right labels than without candidates
    (candidate_weight = 0), they are wrong too often to be learnt. Raw logits of the softmax head
    are not comparable over rows: threshold its probabilities, or the multi-label head.

    Not for: exactly K answers for every row: that is top-K. Nor for batches of a few rows without
    threshold_decay: each would choose its candidates among itself.

    A batch is the rows of one call: under `jax.vmap`, each slice by itself.

    Args:
        logits: Scores, of shape (..., C), in float32, float64, float16 or bfloat16.
        multi_label_logits: Scores of the multi-label head, of the same shape and dtype.
        labels: Class indices in [0, C), or ``ignore_index``, of shape (...). Cross-entropies, but
            for focal and seesaw, also take soft labels, of a floating type and the shape of the scores;
            they are constants in the gradient.
        k: K, the average number of candidates a row, above 0 and below C; need not be whole.
        candidate_weight: omega of candidates other than the label, finite and 0 or more.
        multi_label_weight: mu, finite and 0 or more.
        class_reduction: Whether the multi-label term is a ``"sum"``, whose weight grows with C, or
            a ``"mean"`` over classes. The paper's abstract, all that we could read, does not say.
        threshold_decay: Share of the batches before in the threshold, in [0, 1]. 0: each batch has
            its own threshold; 1: the one before stays, for whoever knows it.
        ignore_index: Label of rows to leave out: their value and gradient are 0.
        threshold: The threshold on probabilities that the call before returned, 0 before the
            first. May be traced. With threshold_decay it is needed.

    Returns:
        One value a row, of shape (...). With a threshold, a pair of these and the new
        threshold, to be handed to the next call.
    """

def cross_entropy_loss(
    logits: ArrayLike,
    labels: ArrayLike,
    *,
    class_weight: Array | None = None,
    label_smoothing: float = 0.0,
    ignore_index: int = -100,
) -> jax.Array:
    """Cross-entropy, with class weights and label smoothing as in ``torch.nn.CrossEntropyLoss``.

    With p the softmax of a row, w the class weights and eta the label smoothing, a row of label y
    has the loss ``(1 - eta) w_y (-log p_y) + (eta / C) sum_j w_j (-log p_j)``.

    A logit of -inf masks its class out: probability 0, gradient 0. A row whose own label is masked
    has value +inf; so has, with label smoothing, a row with any masked class of weight above 0.

    To tune: nothing of its own; it is the baseline. On a long tail adjust its scores after training
    before you change the loss (`topkloss.posthoc.logit_adjust`, tau over 0.25, 0.5, 0.75 and 1).
    Label smoothing, over 0.05 and 0.1.

    What goes wrong: too much label smoothing, and probabilities are flat where the model is sure.
    Class weights over a range of thousands make the loss jump from batch to batch: defer them
    (`topkloss.class_weights.deferred`).

    Not for: the average over classes of a long tail, unless its scores are adjusted: rare classes
    are hardly ever predicted. Nor for labels that are often wrong, without smoothing: the cost of
    one has no bound.

    Args:
        logits: Scores, of shape (..., C), in float32, float64, float16 or bfloat16.
        labels: Class indices in [0, C), or ``ignore_index``, of shape (...). Cross-entropies, but
            for focal and seesaw, also take soft labels, of a floating type and the shape of the scores;
            they are constants in the gradient.
        class_weight: Weight w of each of C classes, finite and 0 or more. Default 1, for any C.
        label_smoothing: eta, the part of the label that all classes share, in [0, 1].
        ignore_index: Label of rows to leave out: their value and gradient are 0.

    Returns:
        One value a row, of shape (...).
    """

def logit_adjusted_loss(
    logits: ArrayLike,
    labels: ArrayLike,
    class_counts: Array,
    tau: float = 1.0,
    *,
    class_weight: Array | None = None,
    label_smoothing: float = 0.0,
    count_smoothing: float = 0.0,
    ignore_index: int = -100,
) -> jax.Array:
    """Logit-adjusted cross-entropy: cross-entropy on ``u_j = z_j + tau log pi_j``.

    pi are the class frequencies. Training with it makes plain argmax the Bayes rule for the
    class-balanced error. tau = 1 is balanced softmax.

    Menon et al., "Long-tail learning via logit adjustment", ICLR 2021; Ren et al., "Balanced
    meta-softmax for long-tailed visual recognition", NeurIPS 2020.

    To tune: tau, over 0.25, 0.5, 0.75, 1 and 1.5.

    What goes wrong: too small a tau, and rare classes are hardly ever predicted; too large, and
    frequent classes lose more than rare ones gain: the class average stands still while plain
    accuracy falls. Scores that are adjusted again after training, or rows that a sampler has
    balanced already, have the tail corrected twice.

    Not for: plain accuracy where classes are as frequent as in training, of which it gives some up;
    the softmax of its scores there is not the classes' probability. Nor for training rows that are
    fitted to the last one: the adjustment has no effect on them any more, and `VectorScalingLoss`
    has.

    Args:
        logits: Scores, of shape (..., C), in float32, float64, float16 or bfloat16.
        labels: Class indices in [0, C), or ``ignore_index``, of shape (...). Cross-entropies, but
            for focal and seesaw, also take soft labels, of a floating type and the shape of the scores;
            they are constants in the gradient.
        class_counts: Number of training examples of each of C classes, finite and above 0.
        tau: Strength of the adjustment, finite.
        class_weight: Weight w of each of C classes, finite and 0 or more. Default 1, for any C.
        label_smoothing: eta, the part of the label that all classes share, in [0, 1].
        count_smoothing: Added to every count, 0 or more; above 0, counts of 0 are allowed.
        ignore_index: Label of rows to leave out: their value and gradient are 0.

    Returns:
        One value a row, of shape (...).
    """

def vector_scaling_loss(
    logits: ArrayLike,
    labels: ArrayLike,
    class_counts: Array,
    gamma: float = 0.3,
    tau: float = 1.0,
    *,
    class_weight: Array | None = None,
    label_smoothing: float = 0.0,
    count_smoothing: float = 0.0,
    ignore_index: int = -100,
) -> jax.Array:
    """Vector scaling: cross-entropy on ``u_j = (n_j / n_max)^gamma z_j + tau log pi_j``.

    n are the class counts, pi the class frequencies: the additive adjustment of `LogitAdjustedLoss`
    together with a multiplicative one. gamma = 0 is `LogitAdjustedLoss`.

    Kini, Paraskevas, Oymak and Thrampoulidis, "Label-imbalanced and group-sensitive classification
    under overparameterization", NeurIPS 2021 (the factor is their ``1 / Delta_j``).

    To tune: tau first, with gamma = 0, as for `LogitAdjustedLoss`; then gamma, over 0.05, 0.1, 0.2
    and 0.3.

    What goes wrong: too large a gamma, and rare classes do not learn: their logits and their
    gradients are multiplied by the small factor, and their rows' losses stay what they were at
    first; too small, and it is the logit-adjusted loss, which does nothing more once the training
    rows are fitted.

    Not for: models that do not reach zero training error: there `LogitAdjustedLoss` does, with one
    constant less. Nor for probabilities: factors bend them.

    Args:
        logits: Scores, of shape (..., C), in float32, float64, float16 or bfloat16.
        labels: Class indices in [0, C), or ``ignore_index``, of shape (...). Cross-entropies, but
            for focal and seesaw, also take soft labels, of a floating type and the shape of the scores;
            they are constants in the gradient.
        class_counts: Number of training examples of each of C classes, finite and above 0.
        gamma: Strength of the multiplicative adjustment, finite and 0 or more, and small enough
            that no factor comes out below 1e-15.
        tau: Strength of the additive adjustment, finite.
        class_weight: Weight w of each of C classes, finite and 0 or more. Default 1, for any C.
        label_smoothing: eta, the part of the label that all classes share, in [0, 1].
        count_smoothing: Added to every count, 0 or more; above 0, counts of 0 are allowed.
        ignore_index: Label of rows to leave out: their value and gradient are 0.

    Returns:
        One value a row, of shape (...).
    """

def ldam_loss(
    logits: ArrayLike,
    labels: ArrayLike,
    class_counts: Array,
    max_margin: float = 0.5,
    scale: float = 30.0,
    *,
    class_weight: Array | None = None,
    label_smoothing: float = 0.0,
    count_smoothing: float = 0.0,
    ignore_index: int = -100,
) -> jax.Array:
    """LDAM, the label-distribution-aware margin loss: cross-entropy with a margin for rare classes.

    A row z of label y becomes ``u_j = scale (z_j - [j = y] b_y)``: its label's logit is lowered by
    the margin ``b_y = max_margin n_y^(-1/4) / max_c n_c^(-1/4)``, then all are multiplied.

    It expects the outputs of a normalised last layer (cosines, in [-1, 1]) and diverges on
    unbounded logits, of which it warns once if its scale is above 1. In PyTorch,
    `topkloss.torch.NormedLinear` is such a layer.

    Cao et al., "Learning imbalanced datasets with label-distribution-aware margin loss",
    NeurIPS 2019.

    To tune: max_margin, over 0.05, 0.1, 0.2 and 0.5; then the scale, over 20, 30 and 40.

    What goes wrong: too large a margin, and rows of rare classes keep a high loss although they are
    right; too small, and it is cross-entropy. Too small a scale, and the loss cannot fall (5 leaves
    cosines of 1 and 0 a probability of 0.13 among 1000 classes); too large, and it is near 0 after
    an epoch, with rare classes learnt by heart.

    Not for: a plain last layer, whose logits have no bound: take `LogitAdjustedLoss`. Nor for the
    model that is trained already: `topkloss.posthoc.logit_adjust`.

    Args:
        logits: Scores, of shape (..., C), in float32, float64, float16 or bfloat16.
        labels: Class indices in [0, C), or ``ignore_index``, of shape (...). Cross-entropies, but
            for focal and seesaw, also take soft labels, of a floating type and the shape of the scores;
            they are constants in the gradient.
        class_counts: Number of training examples of each of C classes, finite and above 0.
        max_margin: Margin of the rarest class, in units of a logit; finite and 0 or more.
        scale: Multiplies the logits, finite and above 0.
        class_weight: Weight w of each of C classes, finite and 0 or more. Default 1, for any C.
        label_smoothing: eta, the part of the label that all classes share, in [0, 1].
        count_smoothing: Added to every count, 0 or more; above 0, counts of 0 are allowed.
        ignore_index: Label of rows to leave out: their value and gradient are 0.

    Returns:
        One value a row, of shape (...).
    """

def elm_loss(
    logits: ArrayLike,
    labels: ArrayLike,
    class_counts: Array,
    max_margin: float = 0.5,
    scale: float = 30.0,
    lam: float = 1.0,
    *,
    class_weight: Array | None = None,
    label_smoothing: float = 0.0,
    count_smoothing: float = 0.0,
    ignore_index: int = -100,
) -> jax.Array:
    """ELM, the enlarged-margin loss: LDAM whose margin also takes in that of the strongest rival.

    A row z of label y becomes ``u_j = scale (z_j - [j = y] (b_y - lam b_r))``, where b_c are the
    margins of `LDAMLoss` and r is the class other than y with the largest logit (the lowest index
    among equals), a constant in the gradient.

    Like LDAM it expects the outputs of a normalised last layer (cosines, in [-1, 1]), and warns
    once of others. In PyTorch, `topkloss.torch.NormedLinear` is such a layer.

    Kato and Hotta, "Enlarged large margin loss for imbalanced classification", SMC 2023.

    To tune: as for `LDAMLoss`, max_margin first, over 0.1, 0.2, 0.5 and 1; then lam, over 0.5 and
    1. The margins of rare labels against rare rivals cancel, so that it bears larger ones.

    What goes wrong: too large a margin or a scale looks as with `LDAMLoss`. Too small a lam, and it
    is LDAM.

    Not for: a plain last layer, as `LDAMLoss` is not. Nor for optimisers that search along lines:
    its gradient jumps where another rival becomes the strongest.

    Args:
        logits: Scores, of shape (..., C), in float32, float64, float16 or bfloat16.
        labels: Class indices in [0, C), or ``ignore_index``, of shape (...). Cross-entropies, but
            for focal and seesaw, also take soft labels, of a floating type and the shape of the scores;
            they are constants in the gradient.
        class_counts: Number of training examples of each of C classes, finite and above 0.
        max_margin: Margin of the rarest class, in units of a logit; finite and 0 or more.
        scale: Multiplies the logits, finite and above 0.
        lam: How much of the rival's margin is taken in, finite. 0 gives LDAM.
        class_weight: Weight w of each of C classes, finite and 0 or more. Default 1, for any C.
        label_smoothing: eta, the part of the label that all classes share, in [0, 1].
        count_smoothing: Added to every count, 0 or more; above 0, counts of 0 are allowed.
        ignore_index: Label of rows to leave out: their value and gradient are 0.

    Returns:
        One value a row, of shape (...).
    """

def margin_softmax_loss(
    logits: ArrayLike,
    labels: ArrayLike,
    *,
    offset: Array | None = None,
    margin: Array | None = None,
    class_scale: Array | None = None,
    scale: float = 1.0,
    lam: float = 0.0,
    class_weight: Array | None = None,
    label_smoothing: float = 0.0,
    ignore_index: int = -100,
) -> jax.Array:
    """Margin softmax, the family itself: cross-entropy on a row transformed as the caller likes.

    With a the offset, b the margin, d the class scale and s the scale, a row z of label y becomes
    ``u_j = s (d_j z_j + a_j - [j = y] (b_y - lam b_r))``, where r is the class other than y with
    the largest logit (the lowest index among equals), a constant in the gradient. The pairwise
    margins ``a_j - a_y + b_y`` cover logit adjustment, LDAM and what lies between.

    Margins expect bounded logits, such as cosines (in PyTorch, of `topkloss.torch.NormedLinear`).

    Menon et al., "Long-tail learning via logit adjustment", ICLR 2021, section 4.

    To tune: begin at the member of the family that it is a variant of, and multiply one vector by
    0.5, 1 and 2.

    What goes wrong: margins that grow with how rare a class is, or offsets that fall, favour rare
    classes; where they go too far, frequent classes lose more accuracy than rare ones gain. Margins
    on logits without a bound are outgrown, and do nothing in the end.

    Not for: a first attempt: the members with names make their vectors from counts, and say what
    their constants are.

    Args:
        logits: Scores, of shape (..., C), in float32, float64, float16 or bfloat16.
        labels: Class indices in [0, C), or ``ignore_index``, of shape (...). Cross-entropies, but
            for focal and seesaw, also take soft labels, of a floating type and the shape of the scores;
            they are constants in the gradient.
        offset: a of each of C classes, finite. Default 0.
        margin: b of each class, in units of a logit, finite. Default 0.
        class_scale: d of each class, finite and above 0. Default 1.
        scale: s, finite and above 0.
        lam: How much of the rival's margin is taken in, finite.
        class_weight: Weight w of each of C classes, finite and 0 or more. Default 1, for any C.
        label_smoothing: eta, the part of the label that all classes share, in [0, 1].
        ignore_index: Label of rows to leave out: their value and gradient are 0.

    Returns:
        One value a row, of shape (...).
    """

def noised_topk_loss(
    logits: ArrayLike,
    labels: ArrayLike,
    k: int = 5,
    epsilon: float | None = None,
    *,
    estimator: Estimator = 'monte_carlo',
    n_samples: int = 5,
    seed: int = 0,
    margin: float = 1.0,
    class_counts: Array | None = None,
    max_margin: float | None = None,
    scale: float | None = None,
    count_smoothing: float = 0.0,
    ignore_index: int = -100,
    key: ArrayLike | None = None,
    step: ArrayLike | None = None,
    noise: ArrayLike | None = None,
) -> jax.Array:
    """Noised top-K: the top-K calibrated hinge on an order statistic that noise makes smooth.

    A row z of label y has the loss ``scale (m_y + T - z_y)+``, where T is the expectation of the
    (K+1)-th largest entry of ``z + epsilon Z``, Z standard normal: a mean over samples, or exact.
    The gradient of T is the probability (the share of samples) with which a class holds rank K+1
    (the lowest index among equals). epsilon = 0 gives the plain top-K hinge. A logit of -inf ranks
    last.

    Balanced: ``m_y = margin``. With class_counts, the imbalanced loss:
    ``m_y = max_margin n_y^(-1/4) / max_c n_c^(-1/4)``, on the cosines of a normalised last layer
    (in PyTorch `topkloss.torch.NormedLinear`), for which its defaults are meant: they are the
    authors' for Pl@ntNet-300K. On other logits use a scale of 1.

    Noise is a function of (seed, step, row) and does not depend on threads. Processes that train
    together count the same steps, and so draw the same noise for different rows: give each a seed
    of its own, ``seed=rank``, as ``DistributedSampler`` gives each rows of its own. For values that
    compare, as in validation, give every call the same ``step``, or use the exact estimator. That
    has no noise: n_samples, seed and steps mean nothing to it. In float32 its error is at most
    ``1e-5 max(epsilon, 1e-3, 0.01 |T|)`` on T and 1e-5 on each entry of its gradient, in float64
    1e-10 of the same.

    Garcin, Servajean, Joly and Salmon, "Stochastic smoothing of the top-K calibrated hinge loss for
    deep imbalanced classification", ICML 2022.

    To tune: epsilon, over 0.1, 0.2, 0.5, 1 and 3 (on cosines over 0.005, 0.01, 0.05 and 0.1); then,
    with class_counts, max_margin, over 0.1, 0.2, 0.3 and 0.5, and the scale, over 30, 50 and 60.

    What goes wrong: too small an epsilon, and few classes share the gradient: the loss stands still
    as the plain hinge's does. Too large, and noise decides the ranks: the loss stays well above the
    margin, and top-1 accuracy falls far below top-K accuracy. If values are restless, take the
    exact estimator before more samples.

    Not for: the first answer: the order among the first K is not learnt, and `TopKCrossEntropyLoss`
    keeps it. Nor for probabilities, or for thresholds over rows, whose scores are not comparable.
    With class_counts, not for a plain last layer, unless the scale is 1.

    The same key, or seed and step, is the same noise: give every training step its own.
    Rows of one call have noise of their own, and are numbered in order. Under `jax.vmap`, a step or key
    that is not mapped over is one for the whole batch, whose rows are numbered as in one call on all of
    it, so that no two have the same noise; if it is mapped over, the rows of each one's part are
    numbered from 0.

    Args:
        logits: Scores, of shape (..., C), in float32, float64, float16 or bfloat16.
        labels: Class indices in [0, C), or ``ignore_index``, of shape (...). Cross-entropies, but
            for focal and seesaw, also take soft labels, of a floating type and the shape of the scores;
            they are constants in the gradient.
        k: K, 1 to C - 1.
        epsilon: Standard deviation of the noise, in units of a logit; finite and 0 or more.
            Default 1, or 0.01 with class_counts.
        estimator: How the expectation is taken: ``"monte_carlo"``, as in the paper, or
            ``"exact"``.
        n_samples: S, the number of noise samples a row, 1 to 1,000,000. Monte Carlo only.
        seed: Chooses the noise, 0 to 2^64 - 1. Monte Carlo only.
        margin: Margin of the balanced loss, in units of a logit; finite. Not used with
            class_counts.
        class_counts: Number of training examples of each of C classes, finite and above 0.
        max_margin: With class_counts only: margin of the rarest class, finite and 0 or more.
            Default 0.2.
        scale: Multiplies the hinge, finite and above 0. Default 1, or 60 with class_counts.
        count_smoothing: Added to every count, 0 or more; above 0, counts of 0 are allowed.
        ignore_index: Label of rows to leave out: their value and gradient are 0.
        key: A key of `jax.random`, which may be traced. Takes the place of the step. Key, step and
            noise are for Monte Carlo, and refused with the exact estimator.
        step: Which noise to draw, an integer that may be traced. Default 0.
        noise: Noise of shape (..., S, C) in place of the loss's own; a constant in the
            gradient.

    Returns:
        One value a row, of shape (...).
    """

def outlying_mse_loss(
    logits: ArrayLike,
    labels: ArrayLike,
    class_counts: Array | None = None,
    alpha: float = 1.0,
    *,
    teacher: Array | str = 'rank',
    power: float = 0.5,
    count_smoothing: float = 0.0,
    ignore_index: int = -100,
) -> jax.Array:
    """Mean squared error with outlying label: regression on labels farther out for rarer classes.

    A row z of label y has the loss ``(1/C) sum_j (z_j - [j = y] t_y)^2``; there is no softmax. The
    teacher t lies the farther out, the rarer the class:

    - ``"rank"``, the paper's: ``t_c = alpha r_c``, r_c the rank of class c by decreasing count (1:
      the most frequent; of equal counts, the lower index first).
    - ``"power"``, in no paper: ``t_c = alpha (n_max / n_c)^power``.

    What is regressed is ``t_c p_c``: by rank the last of C classes is preferred C times over the
    first, however alike their counts. A logit of -inf is regressed like any other: value +inf,
    gradient -inf there.

    Kato and Hotta, "MSE loss with outlying label for imbalanced classification", 2021.

    To tune: alpha, so that the furthest teacher, alpha C, is of the size of 10 to 50; with hundreds
    of classes take the teacher ``"power"``, and tune power over 0.25, 0.5 and 0.75.

    What goes wrong: too far out, and the loss is in the hundreds, frequent classes are lost, and
    steps diverge; too near, and all logits stay near 0 and the frequent classes win.

    Not for: probabilities: its scores are a regression. Nor, by rank, for classes of nearly equal
    counts, which it sets far apart.

    Args:
        logits: Scores, of shape (..., C), in float32, float64, float16 or bfloat16.
        labels: Class indices in [0, C), or ``ignore_index``, of shape (...). Cross-entropies, but
            for focal and seesaw, also take soft labels, of a floating type and the shape of the scores;
            they are constants in the gradient.
        class_counts: Number of training examples of each of C classes, finite and above 0. May be
            left out, and is not looked at, with a teacher of the caller's own.
        alpha: Teacher of the most frequent class, in units of a logit; finite and above 0.
        teacher: ``"rank"``, ``"power"``, or t of each class, finite.
        power: With ``"power"`` only: its exponent, 0 or more.
        count_smoothing: Added to every count, 0 or more; above 0, counts of 0 are allowed.
        ignore_index: Label of rows to leave out: their value and gradient are 0.

    Returns:
        One value a row, of shape (...).
    """

def single_positive_loss(
    logits: ArrayLike,
    labels: ArrayLike,
    method: Method = 'an',
    *,
    expected_positives: float | None = None,
    regularization: float = 1.0,
    ignore_index: int = -100,
) -> jax.Array:
    """Binary cross-entropy of every class, where only one positive label a row is known.

    With f = sigmoid(z), a row of label y has the loss

    - ``"an"``, assume negative: ``-(1/C) (log f_y + sum_{j != y} log(1 - f_j))``;
    - ``"wan"``, weak assume negative: the same with the negatives times ``1 / (C - 1)``;
    - ``"epr"``, expected-positive regularisation: ``-log f_y + lambda ((k - K) / C)^2``, K the
      expected number of positives and k the mean of ``sum_j f_ij`` over the batch's rows that
      count, weighted by sample_weight. So a row's loss depends on the whole batch, and its gradient
      is that of all rows' losses; rows with NaN or +inf are left out of k.

    A logit of -inf is a probability of 0.

    Cole, Mac Aodha, Lorieul, Perona, Morris and Jojic, "Multi-label learning from single positive
    labels", CVPR 2021.

    To tune: the method first; with ``"epr"``, then regularization, over 1, 10, 100 and C. (The
    authors' code divides the first term by C as well: its lambda is C times this one.)

    What goes wrong: with ``"an"`` every score is pushed towards 0, and none may reach a half: judge
    it by ranks, or take ``"wan"``. With ``"epr"``, too small a regularization, and every class is
    positive; too large, and every row has about K positives, however telling it is.

    Not for: rows that have one right class: a softmax knows that there is one. Nor, with ``"epr"``,
    for small batches, whose mean number of positives is anybody's guess.

    A batch is the rows of one call: under `jax.vmap`, each slice by itself.

    Args:
        logits: Scores, of shape (..., C), in float32, float64, float16 or bfloat16.
        labels: Class indices in [0, C), or ``ignore_index``, of shape (...). Cross-entropies, but
            for focal and seesaw, also take soft labels, of a floating type and the shape of the scores;
            they are constants in the gradient.
        method: ``"an"``, ``"wan"`` or ``"epr"``.
        expected_positives: With ``"epr"`` only, which needs it: K, finite and above 0.
        regularization: With ``"epr"`` only: lambda, finite and 0 or more.
        ignore_index: Label of rows to leave out: their value and gradient are 0.

    Returns:
        One value a row, of shape (...).
    """

def seesaw_loss(
    logits: ArrayLike,
    labels: ArrayLike,
    class_counts: Array,
    p: float = 0.8,
    q: float = 2.0,
    *,
    class_weight: Array | None = None,
    label_smoothing: float = 0.0,
    count_smoothing: float = 0.0,
    ignore_index: int = -100,
) -> jax.Array:
    """Seesaw loss: rivals that are rarer than the label are pushed down less, probable ones more.

    With n the class counts and sigma the softmax of a row z of label y, cross-entropy on
    ``u_j = z_j + p min(0, log(n_j / n_y)) + q max(0, log(sigma_j / max(sigma_y, 0.01)))`` for all j
    but y, whose score stays. sigma is a constant in the gradient. p = q = 0 is `CrossEntropyLoss`.

    Wang et al., "Seesaw loss for long-tailed instance segmentation", CVPR 2021.

    To tune: p, over 0.4, 0.8 and 1.2; then q, over 1, 2 and 3.

    What goes wrong: too large a p, and rare classes are predicted everywhere, for nothing pushes
    them down; too small, and hardly ever. Too large a q, and the loss of hard rows grows while
    training goes on.

    Not for: soft labels (mixup, distillation), which it refuses; nor for probabilities, which the
    softmax of its scores does not estimate.

    Args:
        logits: Scores, of shape (..., C), in float32, float64, float16 or bfloat16.
        labels: Class indices in [0, C), or ``ignore_index``, of shape (...). Cross-entropies, but
            for focal and seesaw, also take soft labels, of a floating type and the shape of the scores;
            they are constants in the gradient.
        class_counts: Number of training examples of each of C classes, finite and above 0.
        p: How much rarer rivals are spared (mitigation), finite and 0 or more.
        q: How much more probable rivals are pushed (compensation), finite and 0 or more.
        class_weight: Weight w of each of C classes, finite and 0 or more. Default 1, for any C.
        label_smoothing: eta, the part of the label that all classes share, in [0, 1].
        count_smoothing: Added to every count, 0 or more; above 0, counts of 0 are allowed.
        ignore_index: Label of rows to leave out: their value and gradient are 0.

    Returns:
        One value a row, of shape (...).
    """

def focal_loss(
    logits: ArrayLike,
    labels: ArrayLike,
    gamma: float = 2.0,
    *,
    class_weight: Array | None = None,
    ignore_index: int = -100,
) -> jax.Array:
    """Focal loss: cross-entropy in which rows that are right already count for little.

    With p the softmax of a row and w the class weights, a row of label y has the loss
    ``w_y (1 - p_y)^gamma (-log p_y)``. gamma = 0 is `CrossEntropyLoss` to the last bit.

    A logit of -inf masks its class out: probability 0, gradient 0. A row whose own label is masked
    has value +inf.

    Lin, Goyal, Girshick, He and Dollar, "Focal loss for dense object detection", ICCV 2017.

    To tune: gamma, over 0.5, 1, 2 and 5.

    What goes wrong: too large a gamma, and the loss is small from the start and training slow, with
    probabilities that are never sure; too small, and it is cross-entropy.

    Not for: a long tail by itself: it does not know the class counts, and is no substitute for an
    adjustment (`LogitAdjustedLoss`, or `topkloss.posthoc.logit_adjust` after training). Nor for
    probabilities, and what is made of them (thresholds, conformal sets): those of a model at its
    optimum are flatter than the classes' own. Nor for detectors' sigmoids: it is over a softmax.

    Args:
        logits: Scores, of shape (..., C), in float32, float64, float16 or bfloat16.
        labels: Class indices in [0, C), or ``ignore_index``, of shape (...). Cross-entropies, but
            for focal and seesaw, also take soft labels, of a floating type and the shape of the scores;
            they are constants in the gradient.
        gamma: How strongly rows that are right are discounted, finite and 0 or more.
        class_weight: Weight w of each of C classes, finite and 0 or more. Default 1, for any C.
        ignore_index: Label of rows to leave out: their value and gradient are 0.

    Returns:
        One value a row, of shape (...).
    """

def topk_hinge_loss(
    logits: ArrayLike,
    labels: ArrayLike,
    k: int = 5,
    margin: float = 1.0,
    *,
    ignore_index: int = -100,
) -> jax.Array:
    """Top-K calibrated hinge: no loss while the label leads the (K+1)-th largest logit by a margin.

    A row z of label y has the loss ``(margin + z_[K+1] - z_y)+``, z_[r] the r-th largest logit. The
    subgradient, where the hinge is active, is +1 at the lowest-indexed class that holds rank K+1
    and -1 at the label (they may cancel); at exactly 0 it is 0. A logit of -inf ranks last.

    Yang and Koyejo, "On the consistency of top-k surrogate losses", ICML 2020.

    To tune: margin, over 0.5, 1 and 2 in units of the logits.

    What goes wrong: too small a margin, and the loss is 0 for most rows early on; too large, and it
    never is. Two classes a row have a gradient, so that with many classes the loss stands still
    near the margin: `NoisedTopKLoss` does not.

    Not for: training a network from nothing on many classes; it is the baseline of the smooth ones.
    Nor for probabilities.

    Args:
        logits: Scores, of shape (..., C), in float32, float64, float16 or bfloat16.
        labels: Class indices in [0, C), or ``ignore_index``, of shape (...). Cross-entropies, but
            for focal and seesaw, also take soft labels, of a floating type and the shape of the scores;
            they are constants in the gradient.
        k: K, 1 to C - 1.
        margin: In units of a logit; finite.
        ignore_index: Label of rows to leave out: their value and gradient are 0.

    Returns:
        One value a row, of shape (...).
    """

def smooth_topk_svm_loss(
    logits: ArrayLike,
    labels: ArrayLike,
    k: int = 5,
    tau: float = 1.0,
    alpha: float = 1.0,
    *,
    ignore_index: int = -100,
) -> jax.Array:
    """Smooth top-K SVM: the top-K hinge with its maxima over sets of K classes made smooth.

    With ``e_j = exp(z_j / (k tau))`` and sigma_r the r-th elementary symmetric polynomial of the
    e_j of all classes but the label y, a row has the loss
    ``tau log(e_y sigma_{k-1} + exp(alpha / tau) sigma_k) - tau log(e_y sigma_{k-1})``.
    tau towards 0 tends to the hard top-K SVM.

    Stable for logits up to 1e4 in size and tau from 0.01 to 100. A logit of -inf is a class that is
    not there; a row whose own label is masked has value +inf, unless fewer than k rivals are left:
    then, whatever the label, the value is 0.

    Berrada, Zisserman and Kumar, "Smooth loss functions for deep top-k classification", ICLR 2018.

    To tune: tau, over 0.1, 0.3, 1 and 3. Published: 1 for CIFAR-100, 0.1 for Pl@ntNet-300K.

    What goes wrong: too small a tau, and it learns as slowly as the hard hinge, from few classes a
    row; too large, and all classes are pushed alike, and the order among the first K is lost.

    Not for: a long tail judged by the class average: it does not know the counts, and
    `NoisedTopKLoss` with class_counts does. Nor for probabilities.

    Args:
        logits: Scores, of shape (..., C), in float32, float64, float16 or bfloat16.
        labels: Class indices in [0, C), or ``ignore_index``, of shape (...). Cross-entropies, but
            for focal and seesaw, also take soft labels, of a floating type and the shape of the scores;
            they are constants in the gradient.
        k: 1 to C - 1.
        tau: The temperature, in units of a logit; finite and above 0.
        alpha: The margin, in units of a logit; finite.
        ignore_index: Label of rows to leave out: their value and gradient are 0.

    Returns:
        One value a row, of shape (...).
    """

def topk_cross_entropy_loss(
    logits: ArrayLike,
    labels: ArrayLike,
    k: int = 5,
    epsilon: float = 1.0,
    *,
    weights: Array | None = None,
    ignore_index: int = -100,
) -> jax.Array:
    """Top-K cross-entropy: the likelihood of an answer of K classes, exactly.

    A row z of label y has the loss ``-log(sum_k P_k q_k)``: q_1 is the softmax of the label, q_k
    for k from 2 to K the probability that y is among the k largest of ``z + epsilon Z``, Z standard
    normal. By default ``P_1 = P_K = 1/2``; K = 1 is cross-entropy.

    To tune: epsilon, over 0.1, 0.2, 0.5 and 1, towards the distance of the logits around rank K.

    What goes wrong: too small an epsilon, and most rows see P_1 alone while a few have large
    gradients; too large, and the K-th class is not told from the others, and the loss stays near
    ``-log(K / C)``.

    Not for: a long tail judged by the class average: it does not know the counts. Nor for labels
    that are often wrong: the cost of one has no bound, where that of `NoisedTopKLoss` grows
    linearly.

    In float32 the error is at most 1e-5, in float64 1e-9, of value and gradient where these are of
    the order of 1 and relative where they are larger: labels far below everything get a finite loss
    and are pulled up. A logit of -inf ranks last; a row whose own label is masked has value +inf
    and gradient 0.

    Petersen, Kuehne, Borgelt and Deussen, "Differentiable top-k classification learning", ICML
    2022, have it over sorting networks.

    Args:
        logits: Scores, of shape (..., C), in float32, float64, float16 or bfloat16.
        labels: Class indices in [0, C), or ``ignore_index``, of shape (...). Cross-entropies, but
            for focal and seesaw, also take soft labels, of a floating type and the shape of the scores;
            they are constants in the gradient.
        k: K, 1 to C - 1.
        epsilon: Standard deviation of the noise, in units of a logit; finite and above 0.
        weights: P_1 to P_K, 0 or more, of sum 1. Default 1/2 each for 1 and K.
        ignore_index: Label of rows to leave out: their value and gradient are 0.

    Returns:
        One value a row, of shape (...).
    """
