"""Stubs of `topkloss.jax` and `topkloss.torch`, whose functions and classes come from records.

Type checkers and editors do not run what makes them. A stub has their signatures and their
documentation, and names the rest where it is. ``python -m abi.python_stubs`` writes them, from the
package that is installed with JAX and PyTorch; ``--check`` only says which are stale.
"""

from __future__ import annotations

import importlib
import inspect
import re
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

_PACKAGES = "topkloss.jax", "topkloss.torch"
_SOURCES = Path(__file__).parents[1] / "bindings/python/src"

_HEAD = '''"""Generated from the losses' records by ``python -m abi.python_stubs``: change those."""
'''
_ELSEWHERE = {
    "Any": "from typing import Any",
    "ArrayLike": "from jax.typing import ArrayLike",
    "jax": "import jax",
    "topkloss": "import topkloss",
}


def _import_of(name: str) -> str | None:
    """The line that imports what an annotation names; None if nothing has to be."""
    if name in _ELSEWHERE:
        return _ELSEWHERE[name]
    for path, module in sorted(sys.modules.items()):
        # A module that names an alias with its type is where it is from.
        if path.startswith("topkloss.") and name in getattr(module, "__annotations__", {}):
            return f"from {path} import {name}"
    return None


def _docstring(text: str | None) -> str:
    return f'    """{textwrap.indent(inspect.cleandoc(text or ""), "    ").strip()}\n    """\n'


class _Stub:
    """The stub of one package.

    Attributes:
        imports: Its lines of imports.
    """

    def __init__(self, package: Any) -> None:
        self.package = package
        self.imports: set[str] = set()

    def _annotation(self, annotation: Any) -> str:
        text = str(annotation)
        self.imports |= {
            line for name in re.findall(r"(?<![\w.])\w+", text) if (line := _import_of(name))
        }
        return text

    def _signature(self, function: Callable[..., Any], first: tuple[str, ...] = ()) -> str:
        signature = inspect.signature(function)
        parameters = list(first)
        for parameter in signature.parameters.values():
            if parameter.kind is parameter.KEYWORD_ONLY and "*" not in parameters:
                parameters.append("*")
            default = "" if parameter.default is parameter.empty else f" = {parameter.default!r}"
            annotation = self._annotation(parameter.annotation)
            parameters.append(f"{parameter.name}: {annotation}{default}")
        lines = "".join(f"    {parameter},\n" for parameter in parameters)
        return f"(\n{lines}) -> {self._annotation(signature.return_annotation)}:\n"

    def _class(self, name: str, value: Any) -> str:
        for base in value.__bases__:
            self.imports.add(f"from {base.__module__} import {base.__name__}")
        bases = ", ".join(base.__name__ for base in value.__bases__)
        loss = value.__annotations__["loss"]
        self.imports.add("import topkloss")
        constructor = textwrap.indent(
            f"def __init__{self._signature(value, ('self',))}    ...\n", "    "
        )
        return (
            f"class {name}({bases}):\n{_docstring(value.__doc__)}\n"
            f"    loss: topkloss.{loss.__name__}\n\n{constructor}"
        )

    def _definition(self, name: str) -> str:
        value = getattr(self.package, name)
        if isinstance(value, ModuleType):
            self.imports.add(f"from {self.package.__name__} import {name} as {name}")
            return ""
        if value.__module__ != self.package.__name__:
            self.imports.add(f"from {value.__module__} import {name} as {name}")
            return ""
        if isinstance(value, type):
            return self._class(name, value)
        return f"def {name}{self._signature(value)}{_docstring(value.__doc__)}"

    def text(self) -> str:
        """All of it."""
        definitions = [self._definition(name) for name in self.package.__all__]
        names = "".join(f'    "{name}",\n' for name in self.package.__all__)
        imports = "".join(f"{line}\n" for line in sorted(self.imports))
        return "\n".join([_HEAD, imports, f"__all__ = [\n{names}]\n", *filter(None, definitions)])


def _stubs() -> Iterator[tuple[Path, str]]:
    for package in _PACKAGES:
        path = _SOURCES / package.replace(".", "/") / "__init__.pyi"
        yield path, _Stub(importlib.import_module(package)).text()


def main(arguments: list[str]) -> int:
    """Writes the stubs, or says which are stale."""
    stale = [
        (path, text) for path, text in _stubs() if not path.exists() or path.read_text() != text
    ]
    for path, text in stale:
        if arguments == ["--check"]:
            print(f"{path} is stale: run python -m abi.python_stubs", file=sys.stderr)
        else:
            path.write_text(text)
    return 1 if stale and arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
