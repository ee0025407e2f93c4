"""Modules of losses that are no classifiers by themselves, but have rules to predict by."""

from __future__ import annotations

from ctypes import byref

import torch
from torch import Tensor

from topkloss._arguments import RULES, choice
from topkloss._library import check, library
from topkloss._outlying_mse import Rule
from topkloss.torch._evaluation import Evaluation
from topkloss.torch._layouts import row_shape
from topkloss.torch._module import OneHeadModule
from topkloss.torch._staging import home_of, staged


class PredictingModule(OneHeadModule):
    """A regression on teacher vectors of the classes.

    The teacher in use is the attribute ``loss.teacher``.
    """

    def predict(self, logits: Tensor, rule: Rule = "argmax") -> Tensor:
        """The class that each row stands for. Of equal scores the lowest index wins.

        Args:
            logits: Scores, as for the loss. NaN ranks below everything.
            rule: ``"argmax"``: the largest logit, ``argmax_j z_j``. ``"nearest"``: the class whose
                teacher vector ``t_c e_c`` is nearest to the row, ``argmax_j t_j (2 z_j - t_j)``.

        Returns:
            A class index for each row, in int64, on the device of the logits.

        Raises:
            TopKLossError: An argument has a wrong shape, type or value.
        """
        code = choice("rule", rule, RULES)
        home = home_of(logits)
        evaluation = Evaluation(self.loss, "logits", *staged(logits), by_row=True)
        predictions = torch.empty(row_shape(logits), dtype=torch.int64, device="cpu")
        handle, batch = self.loss._handle, evaluation.describe()
        check(
            library.topkloss_outlying_mse_predict(
                handle, byref(batch), code, predictions.data_ptr()
            )
        )
        return predictions if home is None else predictions.to(home)
