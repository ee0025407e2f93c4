"""What is wrong with the header."""

from __future__ import annotations


class HeaderError(ValueError):
    """The header says something that cannot be carried over, or leaves something unsaid."""
