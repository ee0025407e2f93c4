"""One line of the report."""

from __future__ import annotations

from dataclasses import dataclass

# A share of the processors that other programs may take without changing the figures much.
_LITTLE = 0.1


@dataclass
class Line:
    """A comparison, its figure and, if there is one, its bar.

    Attributes:
        section: What is compared.
        loss: Which loss.
        rows: The kind of row.
        dtype: Of the logits.
        size: Rows and classes.
        against: The other side.
        ours: Our figure.
        theirs: The other side's.
        unit: Of both.
        figure: What the bar is for, as a rule theirs divided by ours.
        best: The same of the quickest calls, or None where nothing is timed.
        others: The share of the processors that other programs took meanwhile, if it is known.
        bar: What the figure should come to, or None.
        at_most: Whether the bar is an upper bound.
    """

    section: str
    loss: str
    rows: str
    dtype: str
    size: str
    against: str
    ours: float
    theirs: float
    unit: str
    figure: float
    best: float | None = None
    others: float | None = None
    bar: float | None = None
    at_most: bool = False

    @property
    def met(self) -> bool | None:
        """Whether the bar is met; None without one."""
        if self.bar is None:
            return None
        return self.figure <= self.bar if self.at_most else self.figure >= self.bar

    @property
    def disturbed(self) -> bool:
        """Whether other programs took so much of the processors that the times mean little."""
        return self.others is not None and self.others > _LITTLE
