"""The normalised last layer that margin losses expect."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def _unit_rows(rows: Tensor) -> Tensor:
    """Rows of length 1 in the same directions; rows of zeros stay so, with finite gradients.

    Dividing by the largest entry first keeps the squares of tiny and huge rows in range. The result
    does not depend on the divisor, so it is a constant to autograd; after it, every length is 1 or
    more unless the row is zero.
    """
    largest = rows.detach().abs().amax(dim=-1, keepdim=True)
    scaled = rows / largest.masked_fill(largest == 0, 1)
    length: Tensor = torch.linalg.vector_norm(scaled, dim=-1, keepdim=True)
    return scaled / length.clamp_min(1)


class NormedLinear(nn.Module):
    """A last layer whose outputs are cosines: rows of input and of weight are scaled to length 1.

    Output j is the cosine of the angle between the input and ``weight[j]``, in [-1, 1]; there is no
    bias. `LDAMLoss`, `ELMLoss` and the imbalanced `NoisedTopKLoss` expect such logits. An input of
    zeros gives zeros and finite gradients.

    Cao et al., "Learning imbalanced datasets with label-distribution-aware margin loss",
    NeurIPS 2019.

    Args:
        in_features: Length of an input, 1 or more.
        out_features: Number of classes.
        device: Where the weight lies.
        dtype: Type of the weight.

    Shape:
        Input (..., in_features), output (..., out_features).
    """

    in_features: int
    out_features: int
    weight: nn.Parameter

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.in_features = in_features
        self.out_features = out_features
        self.weight = nn.Parameter(
            torch.empty((out_features, in_features), device=device, dtype=dtype)
        )
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws directions uniformly from the sphere, as rows of length about 1."""
        nn.init.normal_(self.weight, std=self.in_features**-0.5)

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - the name that torch.nn.Linear uses
        """Cosines between every input and every row of the weight."""
        return nn.functional.linear(_unit_rows(input), _unit_rows(self.weight))

    def extra_repr(self) -> str:
        """The sizes, for the module's text."""
        return f"in_features={self.in_features}, out_features={self.out_features}"
