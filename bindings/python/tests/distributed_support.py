"""What checks in several processes have in common: parts of batches, and what they compare with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch_support import CLASSES, SECOND_HEAD, batch, modules, torch

from topkloss.torch.distributed import GlobalBatch


@dataclass(frozen=True)
class World:
    """A group of processes, as one of them sees it."""

    group: Any
    count: int
    rank: int

    @property
    def sizes(self) -> list[tuple[int, ...]]:
        """Rows of each rank: uneven, and of some none."""
        return {2: [(5, 3), (8, 0)], 3: [(3, 0, 5)]}[self.count]

    def part(self, sizes: tuple[int, ...]) -> slice:
        """This rank's rows."""
        first = sum(sizes[: self.rank])
        return slice(first, first + sizes[self.rank])

    def wrap(self, module: Any, **options: Any) -> GlobalBatch:
        return GlobalBatch(module, self.group, **options)


def heads_of(module: Any, rows: int, dtype: Any = torch.float64) -> list[Any]:
    """Scores for each head."""
    logits = batch(rows, dtype)[0]
    if module.loss._traits.heads == 1:
        return [logits]
    return [logits, SECOND_HEAD[:rows].to(dtype).requires_grad_()]


def labels_of(rows: int) -> Any:
    """Labels, of which one is ignored."""
    labels = batch(rows)[1]
    labels[2] = -100
    return labels


def own(tensors: Any, part: slice) -> list[Any]:
    """A rank's rows, as leaves."""
    return [each[part].detach().clone().requires_grad_() for each in tensors]


def with_gradients(value: Any, inputs: Any, upstream: Any = None) -> tuple[Any, list[Any]]:
    return value.detach(), list(torch.autograd.grad(value, inputs, upstream))


def agree(
    world: World,
    single: Any,
    whole: GlobalBatch,
    heads: list[Any],
    labels: Any,
    sizes: tuple[int, ...],
    near: float = 1e-9,
    **by_row: Any,
) -> None:
    """The parts' value is the whole batch's, and the average of their gradients its gradient."""
    part = world.part(sizes)
    value, gradients = with_gradients(single(*heads, labels, **by_row), heads)
    mine = own(heads, part)
    weights = {name: each[part] for name, each in by_row.items()}
    found, parts = with_gradients(whole(*mine, labels[part], **weights), mine)
    torch.testing.assert_close(found, value, rtol=near, atol=near)
    for one, other in zip(parts, gradients, strict=True):
        torch.testing.assert_close(one / world.count, other[part], rtol=near, atol=near)


def maps(rows: int) -> tuple[Any, Any]:
    """Scores (N, C, 2, 3), and labels."""
    logits, labels = batch(rows * 6, requires_grad=False)
    shaped = logits.reshape(rows, 2, 3, CLASSES).movedim(-1, 1)
    return shaped.detach().requires_grad_(), labels.reshape(rows, 2, 3)


def noised(**options: Any) -> Any:
    return modules.NoisedTopKLoss(3, **options)
