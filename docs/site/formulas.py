"""Formulas as docstrings have them, in plain characters, as TeX: ``(1 - p_y)^gamma`` and the like.

What does not read as a formula, to the last character, is code, and stays so.
"""

from __future__ import annotations

import re
from html import unescape

_TOKEN = re.compile(
    r"\s*(?:(?P<number>\d[\d.]*(?:e-?\d+)?)|(?P<name>[A-Za-z]{2,}_[a-z]{3,}|[A-Za-z]+)"
    r"|(?P<mark>!=|[-+/^_()\[\]{},=|]))"
)
_GREEK = {
    **{name: rf"\{name}" for name in ("alpha", "gamma", "eta", "mu", "omega", "pi", "sigma")},
    "tau": r"\tau",
    "Delta": r"\Delta",
    "epsilon": r"\varepsilon",
    "lam": r"\lambda",
    "lambda": r"\lambda",
}
GREEK = {name: unescape(f"&{name};") for name in _GREEK if name != "lam"}
"""The letters by their names, as prose has them."""

_FUNCTIONS = {
    **{name: rf"\{name}" for name in ("log", "exp", "min", "max", "sum")},
    **{name: rf"\operatorname{{{name}}}" for name in ("CE", "BCE")},
}
_OPTIONS = ("margin", "scale", "power", "max_margin")
"""Arguments that formulas call by their names."""
_WORDS = {**_GREEK, **_FUNCTIONS}
_IN_AN_INDEX = {**_GREEK, "max": r"\mathrm{max}", "power": r"\text{power}"}
_RELATIONS = {"=": "=", "!=": r"\neq", "in": r"\in", "or": r"\text{ or }"}
_CLOSING = {"(": ")", "[": "]", "{": "}", "|": "|"}


class NotAFormulaError(Exception):
    """What was read is something else."""


def tex(formula: str) -> str:
    """The formula as TeX.

    Raises:
        NotAFormulaError: It is none, such as the name of a function.
    """
    parser = _Parser(_tokens(formula))
    read = parser.several()
    if parser.next:
        raise NotAFormulaError(formula)
    return read


def _tokens(formula: str) -> list[str]:
    found, place = [], 0
    text = formula.strip()
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None:
            raise NotAFormulaError(formula)
        found.append(match[match.lastgroup or 0])
        place = match.end()
    return found


class _Parser:
    """Products stand side by side and bind more tightly than the bar of a fraction."""

    def __init__(self, tokens: list[str]) -> None:
        self._tokens = tokens
        self._small = self._bars = 0

    @property
    def next(self) -> str:
        return self._tokens[0] if self._tokens else ""

    def _take(self, expected: str = "") -> str:
        if not self._tokens or (expected and self.next != expected):
            raise NotAFormulaError(self._tokens)
        return self._tokens.pop(0)

    def several(self) -> str:
        read = self._relation()
        while self.next == ",":
            self._take()
            read += ", " + self._relation()
        return read

    def _relation(self) -> str:
        read = self._sum()
        while self.next in _RELATIONS:
            read += f" {_RELATIONS[self._take()]} {self._sum()}"
        return read

    def _sum(self) -> str:
        read = self._take() + self._quotient() if self.next == "-" else self._quotient()
        while self.next in ("+", "-"):
            read += f" {self._take()} {self._quotient()}"
        return read

    def _quotient(self) -> str:
        above = self._product()
        if self.next != "/":
            return " ".join(above)
        self._take()
        below = self._product()
        if self._small:
            return " ".join(above) + " / " + " ".join(below)
        return rf"\frac{{{_bare(above)}}}{{{_bare(below)}}}"

    def _product(self) -> list[str]:
        factors = [self._power(after="")]
        while self._begins_factor():
            factors.append(self._power(after=factors[-1]))
        return factors

    def _begins_factor(self) -> bool:
        opens = self.next in ("(", "[") or (self.next == "|" and not self._bars)
        return opens or (self.next not in _RELATIONS and self.next[:1].isalnum())

    def _power(self, after: str) -> str:
        read = self._atom()
        if self.next == "_":
            self._take()
            read += f"_{{{self._index()}}}"
        is_a_fraction = re.fullmatch(r"\\left\((\\frac\{[^{}]*\}\{[^{}]*\})\\right\)", read)
        if self.next == "^":
            self._take()
            return read + f"^{{{self._index()}}}"
        if self.next == "+" and read.endswith(")") and not self._operand_follows():
            self._take()
            return read + "_+"
        is_argument = after in _FUNCTIONS.values()
        return is_a_fraction[1] if is_a_fraction and not is_argument else read

    def _operand_follows(self) -> bool:
        following = self._tokens[1:2]
        return bool(following) and following[0] not in (")", "]", "}", ",", "=")

    def _index(self) -> str:
        """Of a subscript or an exponent: its brackets only group, but for a rank's."""
        self._small += 1
        if self.next in ("(", "{", "["):
            opening = self._take()
            read = self.several()
            self._take(_CLOSING[opening])
            read = f"[{read}]" if opening == "[" else read
        else:
            token = self._take()
            read = _IN_AN_INDEX.get(token, token)
        self._small -= 1
        return read

    def _atom(self) -> str:
        token = self._take()
        if token in ("(", "[", "|"):
            self._bars += token == "|"
            read = self.several()
            closing = self._take(_CLOSING[token])
            self._bars -= token == "|"
            return rf"\left{token}{read}\right{closing}"
        if token[0].isdigit():
            return _number(token)
        return self._word(token)

    def _word(self, token: str) -> str:
        if token in _OPTIONS:
            return rf"\text{{{token}}}\,"
        if not token.isidentifier() or (len(token) > 1 and token not in _WORDS):
            raise NotAFormulaError(token)
        return _WORDS.get(token, token)


def _number(token: str) -> str:
    mantissa, _, exponent = token.partition("e")
    if not exponent:
        return token
    power = f"10^{{{exponent}}}"
    return power if mantissa == "1" else rf"{mantissa} \cdot {power}"


def _bare(factors: list[str]) -> str:
    """Over and under the bar of a fraction nothing else has to hold together."""
    whole = re.fullmatch(r"\\left\(((?:(?!\\left\().)*)\\right\)", " ".join(factors))
    return whole[1] if whole else " ".join(factors)
