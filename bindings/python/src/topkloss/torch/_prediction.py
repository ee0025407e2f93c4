"""Modules of losses that are no classifiers by themselves, but have rules to predict by."""

from __future__ import annotations

import torch
from torch import Tensor

from topkloss._outlying_mse import Rule
from topkloss.torch._module import OneHeadModule
from topkloss.torch._staging import staged
from topkloss.torch._tensors import matrix


class PredictingModule(OneHeadModule):
    """A regression on teacher vectors of the classes.

    The teacher in use is the attribute ``loss.teacher``.
    """

    def predict(self, logits: Tensor, rule: Rule = "argmax") -> Tensor:
        """The class that each row stands for. Of equal scores the lowest index wins.

        Args:
            logits: Scores, of shape (B, C), as for the loss. NaN ranks below everything.
            rule: ``"argmax"``: the largest logit, ``argmax_j z_j``. ``"nearest"``: the class whose
                teacher vector ``t_c e_c`` is nearest to the row, ``argmax_j t_j (2 z_j - t_j)``.

        Returns:
            B class indices, in int64, on the device of the logits.

        Raises:
            TopKLossError: An argument has a wrong shape, type or value.
        """
        scores = matrix("logits", *staged(logits))[0].detach()
        return torch.from_numpy(self.loss.predict(scores, rule)).to(logits.device)
