"""Modules of the package are layers: whoever reads one need not have read those above it."""

from __future__ import annotations

import ast
import graphlib
from pathlib import Path

import topkloss

ROOT = Path(topkloss.__file__).parents[1]
FILES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in (ROOT / "topkloss").rglob("*.py")
}


def imported(statement: ast.stmt) -> set[str]:
    """The modules of the package that a statement names, also where only types need them."""
    if isinstance(statement, ast.Import):
        return {alias.name for alias in statement.names} & FILES.keys()
    if not isinstance(statement, ast.ImportFrom):
        return set()
    found = set()
    for alias in statement.names:
        module = f"{statement.module}.{alias.name}"
        found.add(module if module in FILES else statement.module)
    return found & FILES.keys()


def test_no_module_imports_itself_by_way_of_others():
    graph = {
        name: set().union(*map(imported, ast.walk(ast.parse(path.read_text()))))
        for name, path in FILES.items()
    }
    # The package names these to type checkers, and imports them when they are asked for.
    graph["topkloss"] -= {f"topkloss.{name}" for name in topkloss._LATER}
    assert graph["topkloss._loss"]
    graphlib.TopologicalSorter(graph).prepare()


def test_no_function_hides_an_import_of_the_package():
    for name, path in FILES.items():
        for function in ast.walk(ast.parse(path.read_text())):
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                hidden = set().union(*map(imported, ast.walk(function)))
                assert not hidden, f"{name}.{function.name}"
