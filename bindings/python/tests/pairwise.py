"""All pairs of values in few combinations, in place of the product of all values.

Most faults need one value, or two together, to be seen: with every pair of values of every two
factors in some combination, they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from inspect import Parameter, Signature, signature
from itertools import combinations, product
from typing import Any

import pytest


def all_pairs(
    factors: dict[str, Sequence[Any]], allowed: Callable[..., bool] = lambda **_: True
) -> list[dict[str, Any]]:
    """Combinations that together contain every allowed pair, found greedily, the same every time.

    ``allowed`` is asked about parts of combinations as well; a pair that no combination completes
    is left out.
    """
    names = list(factors)
    missing = dict.fromkeys(
        (a, i, b, j)
        for a, b in combinations(names, 2)
        for i, j in product(range(len(factors[a])), range(len(factors[b])))
        if allowed(**{a: factors[a][i], b: factors[b][j]})
    )

    def is_allowed(chosen: dict[str, int]) -> bool:
        return allowed(**{name: factors[name][i] for name, i in chosen.items()})

    def covered(chosen: dict[str, int]) -> Iterable[tuple[str, int, str, int]]:
        present = [name for name in names if name in chosen]
        return ((a, chosen[a], b, chosen[b]) for a, b in combinations(present, 2))

    found: list[dict[str, int]] = []
    while missing:
        a, i, b, j = first = next(iter(missing))
        chosen = {a: i, b: j}
        for name in names:
            if name in chosen:
                continue
            # Turned from row to row, so that values that add nothing are not always the first.
            turn = [(k + len(found)) % len(factors[name]) for k in range(len(factors[name]))]
            tries = [{**chosen, name: k} for k in turn if is_allowed({**chosen, name: k})]
            if not tries:
                break
            chosen = max(tries, key=lambda row: sum(pair in missing for pair in covered(row)))
        missing.pop(first)
        if len(chosen) == len(names):
            found.append(chosen)
            for pair in covered(chosen):
                missing.pop(pair, None)
    return [{name: factors[name][row[name]] for name in names} for row in found]


def _text(value: Any) -> str:
    return str(getattr(value, "name", value))


def pairwise(
    allowed: Callable[..., bool] = lambda **_: True, **factors: Sequence[Any]
) -> pytest.MarkDecorator:
    """Parametrises a test with all pairs of the values of its arguments."""
    rows = [tuple(row.values()) for row in all_pairs(factors, allowed)]
    ids = ["-".join(map(_text, row)) for row in rows]
    return pytest.mark.parametrize(tuple(factors), rows, ids=ids)


def pairwise_by(
    name: str, allowed: Callable[..., bool] = lambda **_: True, **factors: Sequence[Any]
) -> Callable[[Callable[..., None]], Any]:
    """The same in one test for each value of one argument, which goes through its combinations."""
    rows = all_pairs(factors, allowed)

    def decorate(function: Callable[..., None]) -> Any:
        fixtures = [other for other in signature(function).parameters if other not in factors]

        def run(**given: Any) -> None:
            for row in rows:
                if row[name] is given[name]:
                    try:
                        function(**row, **{other: given[other] for other in fixtures})
                    except BaseException as error:
                        error.add_note(f"with {', '.join(map(_text, row.values()))}")
                        raise

        names = (name, *fixtures)
        seen = Signature([Parameter(each, Parameter.KEYWORD_ONLY) for each in names])
        setattr(run, "__signature__", seen)  # noqa: B010
        run.__name__, run.__doc__ = function.__name__, function.__doc__
        return pytest.mark.parametrize(name, factors[name], ids=_text)(run)

    return decorate
