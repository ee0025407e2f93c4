"""The top-K losses without noise: the calibrated hinge and the smooth top-K SVM."""

from __future__ import annotations

from topkloss._loss import Loss, Reduction


class TopKHingeLoss(Loss):
    """Top-K calibrated hinge: no loss while the label leads the (K+1)-th largest logit by a margin.

    A row z of label y has the loss ``(margin + z_[K+1] - z_y)+``, z_[r] the r-th largest logit. The
    subgradient, where the hinge is active, is +1 at the lowest-indexed class that holds rank K+1
    and -1 at the label (they may cancel); at exactly 0 it is 0. A logit of -inf ranks last.

    Yang and Koyejo, "On the consistency of top-k surrogate losses", ICML 2020.

    Args:
        k: K, 1 to C - 1.
        margin: In units of a logit; finite.
        reduction: ``"mean"`` (weighted by sample weights), ``"sum"`` or ``"none"``.
        ignore_index: Label of rows to leave out.
        check_finite: Refuse NaN and +inf among the logits.

    Raises:
        TopKLossError: An option is outside its range.
    """

    _kind = "topk_hinge"

    k: int
    margin: float

    def __init__(
        self,
        k: int,
        margin: float = 1.0,
        *,
        reduction: Reduction = "mean",
        ignore_index: int = -100,
        check_finite: bool = False,
    ) -> None:
        super().__init__(
            k=k,
            margin=margin,
            reduction=reduction,
            ignore_index=ignore_index,
            check_finite=check_finite,
        )


class SmoothTopKSVMLoss(Loss):
    """Smooth top-K SVM: the top-K hinge with its maxima over sets of K classes made smooth.

    With ``e_j = exp(z_j / (k tau))`` and sigma_r the r-th elementary symmetric polynomial of the
    e_j of all classes but the label y, a row has the loss
    ``tau log(e_y sigma_{k-1} + exp(alpha / tau) sigma_k) - tau log(e_y sigma_{k-1})``.
    tau towards 0 tends to the hard top-K SVM.

    Stable for logits up to 1e4 in size and tau from 0.01 to 100. A logit of -inf is a class that is
    not there; a row whose own label is masked has value +inf, unless fewer than k rivals are left:
    then, whatever the label, the value is 0.

    Berrada, Zisserman and Kumar, "Smooth loss functions for deep top-k classification", ICLR 2018.

    Args:
        k: 1 to C - 1.
        tau: The temperature, in units of a logit; finite and above 0.
        alpha: The margin, in units of a logit; finite.
        reduction: ``"mean"`` (weighted by sample weights), ``"sum"`` or ``"none"``.
        ignore_index: Label of rows to leave out.
        check_finite: Refuse NaN and +inf among the logits.

    Raises:
        TopKLossError: An option is outside its range.
    """

    _kind = "smooth_topk_svm"

    k: int
    tau: float
    alpha: float

    def __init__(
        self,
        k: int,
        tau: float = 1.0,
        alpha: float = 1.0,
        *,
        reduction: Reduction = "mean",
        ignore_index: int = -100,
        check_finite: bool = False,
    ) -> None:
        super().__init__(
            k=k,
            tau=tau,
            alpha=alpha,
            reduction=reduction,
            ignore_index=ignore_index,
            check_finite=check_finite,
        )
