"""How Sphinx makes the site: of docs/*.md, and of pages that docs/site/pages.py generates."""

from __future__ import annotations

import re
from typing import Any

import topkloss

project = "topkloss"
author = "the topkloss authors"
release = version = topkloss.__version__
extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.intersphinx",
    "sphinx_copybutton",
    "sphinx_design",
]
myst_enable_extensions = ["colon_fence", "dollarmath"]
myst_heading_anchors = 3
default_role = "py:obj"
nitpicky = False
html_theme = "furo"
html_title = "topkloss"
html_static_path: list[str] = []
html_copy_source = False
html_show_sphinx = False
autodoc_member_order = "bysource"
autodoc_typehints = "none"
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True
intersphinx_mapping: dict[str, Any] = {}

_SECTION = re.compile(r"(Args|Returns|Raises|Yields|Attributes|Note|Example)s?:$")


def _with_code_blocks(lines: list[str]) -> list[str]:
    """Docstrings as reStructuredText: what is indented in them is code, and has to be said so."""
    made: list[str] = []
    for number, line in enumerate(lines):
        before = next((one for one in reversed(made) if one), "")
        starts = number and not lines[number - 1] and line.startswith("    ")
        if starts and not before.startswith(" ") and not _SECTION.match(before):
            made += ["::", ""]
        made.append(line if line.startswith("    ") else _plain(line))
    return made


def _plain(line: str) -> str:
    """Outside code, bars are absolute values, and Pl@ntNet is no address."""
    parts = re.split(r"(``.*?``|`[^`]*`)", line)
    parts[::2] = [re.sub("[|@]", r"\\\g<0>", part) for part in parts[::2]]
    return "".join(parts)


def _docstring(_app: Any, _what: str, _name: str, _object: Any, _options: Any, lines: Any) -> None:
    lines[:] = _with_code_blocks(lines)


def setup(app: Any) -> None:
    """Called by Sphinx."""
    # Before napoleon, which sees sections.
    app.connect("autodoc-process-docstring", _docstring, priority=100)
