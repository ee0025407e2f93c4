"""How Sphinx makes the site: of docs/*.md, and of pages that docs/site/pages.py generates."""

from __future__ import annotations

import re
import sys
from importlib.machinery import ModuleSpec
from types import ModuleType, SimpleNamespace
from typing import Any

import topkloss
from docstrings import LONG, with_code_blocks
from docutils.nodes import SkipNode, math_block
from docutils.utils.math.latex2mathml import tex2mathml

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
myst_dmath_double_inline = True
myst_heading_anchors = 3
default_role = "py:obj"
nitpicky = False
html_theme = "furo"
html_title = "topkloss"
html_math_renderer = "mathml"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False
html_show_copyright = False
autodoc_member_order = "bysource"
autodoc_typehints = "none"
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True
intersphinx_mapping: dict[str, Any] = {}


def _instead_of_keras() -> None:
    """A large package, of which the pages need a base class alone."""
    loss = type("Loss", (), {"__module__": "keras.losses", "__doc__": "Keras's own."})
    members: dict[str, dict[str, Any]] = {
        "keras": {
            "losses": SimpleNamespace(Loss=loss),
            "ops": None,
            "saving": SimpleNamespace(register_keras_serializable=lambda **_: lambda made: made),
        },
        "keras.src": {},
        "keras.src.backend": {"set_keras_mask": None},
    }
    for name, contents in members.items():
        sys.modules[name] = ModuleType(name)
        vars(sys.modules[name]).update(contents, __spec__=ModuleSpec(name, None))


def _docstring(app: Any, _what: str, _name: str, _object: Any, _options: Any, lines: Any) -> None:
    text = list(lines)
    if app.env.docname.startswith("losses/"):  # which says elsewhere what stands above
        text = text[text.index("Args:") :]
    lines[:] = with_code_blocks(text)


def _mathematics(translator: Any, node: Any) -> None:
    """MathML, which browsers set themselves: no script, and nothing from elsewhere."""
    text = node.astext()
    is_block = isinstance(node, math_block) or len(text) > LONG
    markup = re.sub(r">\s+<", "><", tex2mathml(text, as_block=is_block))
    kind = "block" if is_block else "inline"
    translator.body.append(f'<span class="formula {kind}">{markup}</span>')
    raise SkipNode


def setup(app: Any) -> None:
    """Called by Sphinx."""
    _instead_of_keras()
    # Before napoleon, which sees sections.
    app.connect("autodoc-process-docstring", _docstring, priority=100)
    renderers = (_mathematics, None)
    app.add_html_math_renderer("mathml", renderers, renderers)
