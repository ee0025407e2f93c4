"""The one exception that this package raises for wrong arguments."""

from __future__ import annotations


class TopKLossError(ValueError):
    """An argument was wrong; the message names it, the value it had and what was allowed.

    A call that raises this has written nothing: neither ``out`` nor any other array.

    Attributes:
        status: Name of the matching status of the C interface, ``"TOPKLOSS_ERROR_LABEL"`` for
            instance, the same whether the check was made in Python or in the library.
    """

    status: str

    def __init__(self, message: str, status: str) -> None:
        super().__init__(message)
        self.status = status

    def __reduce__(self) -> tuple[type[TopKLossError], tuple[str, str]]:
        """Pickles with the status, which is not among ``args``."""
        return type(self), (str(self), self.status)
