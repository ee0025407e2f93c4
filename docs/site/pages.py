"""Generated pages: one for each loss, one for each module, one for each header.

What a page says comes from where it is written once: the docstring, the header's comments, and the
row of README.md's table of losses.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import cpp_headers
import numpy as np
from docstrings import parts
from topkloss._records import LOSSES

from abi import header
from abi.model import Function, Header, Struct

ROOT = Path(__file__).parents[2]

MODULES = (
    *("topkloss", "topkloss.torch", "topkloss.torch.distributed", "topkloss.jax"),
    *("topkloss.shards", "topkloss.metrics", "topkloss.posthoc", "topkloss.conformal"),
    *("topkloss.class_weights", "topkloss.boosting", "topkloss.sklearn"),
    *("topkloss.keras", "topkloss.cuda"),
)


def _rows_of_readme() -> Iterator[dict[str, str]]:
    """The table of losses in README.md."""
    lines = iter((ROOT / "README.md").read_text().splitlines())
    names = [cell.strip() for cell in next(x for x in lines if x.startswith("| loss |")).split("|")]
    next(lines)
    for line in lines:
        if not line.startswith("|"):
            return
        yield dict(zip(names, (cell.strip() for cell in line.split("|")), strict=True))


def _prose(doc: str) -> str:
    """A comment of the header's as Markdown: what is indented in it stands as it is.

    But for lists, whose marks are indented too, and what continues them.
    """
    text = re.sub(r"^ {2}(?= *[^-\s])(?! *\d\. )", "    ", doc, flags=re.M)
    blocks = text.split("\n\n")
    return "\n\n".join(x if x.startswith("    ") else _escaped(x) for x in blocks).strip()


def _escaped(text: str) -> str:
    return re.sub(r"[<$|]", r"\\\g<0>", text)


def _cell(doc: str) -> str:
    return _escaped(" ".join(doc.split()))


def _struct(struct: Struct) -> str:
    rows = "\n".join(
        f"| `{each.name}` | `{each.type}` | {_cell(each.doc)} |" for each in struct.members
    )
    return f"{_prose(struct.doc)}\n\n| member | type | |\n|---|---|---|\n{rows}\n"


def _function(function: Function) -> str:
    given = ", ".join(f"{each.type} {each.name}" for each in function.parameters) or "void"
    doc = re.sub(r"^ *@param (\w+) +", r"\n- **\1**: ", function.doc, flags=re.M)
    doc = re.sub(r"^ *@return +", r"\n- returns ", doc, flags=re.M)
    prototype = f"```c\n{function.result} {function.name}({given});\n```"
    return f"### `{function.name}`\n\n{prototype}\n\n{_prose(doc)}\n"


def _loss(row: dict[str, str], structs: dict[str, Struct]) -> str:
    kind, name = row["C"].strip("`"), row["Python"].strip("`")
    said = parts(LOSSES[kind].__doc__ or "", LOSSES[kind]._options)
    return f"""# {row["loss"][0].upper() + row["loss"][1:]}

**What it optimises:** {row["what it optimises"]}. **When to use it:** {row["when to use it"]}.

{_restructured(said[""])}

{_source(said["Source"], row["paper"])}

## When not to use it

{_restructured("Not for " + said["Not for"][0].lower() + said["Not for"][1:])}

## What to tune

{_restructured(said["To tune"])}

## What goes wrong

{_restructured(said["What goes wrong"])}

## How to call it

{_snippet(kind)}

| from | |
|---|---|
| NumPy | `topkloss.{name}` |
| PyTorch | `topkloss.torch.{name}` |
{_in_keras(kind)}| JAX | `topkloss.jax.{kind}_loss` |
| C | `topkloss_{kind}_options`, `topkloss_{kind}_create` |
| C++ | `topkloss::{name}` |

## Its arguments

```{{eval-rst}}
.. autoclass:: topkloss.{name}
   :noindex:
```

:::{{dropdown}} Its options in C

{_struct(structs[f"topkloss_{kind}_options"])}
:::
"""


def _restructured(text: str) -> str:
    return f"```{{eval-rst}}\n.. currentmodule:: topkloss\n\n{text}\n```"


def _source(said: str, papers: str) -> str:
    links = f"**Paper:** {papers}." if papers else ""
    return f"{_restructured(said)}\n\n{links}" if said else links


def _in_keras(kind: str) -> str:
    one_head = LOSSES[kind]._traits.heads == 1
    return f"| Keras | `topkloss.keras.{LOSSES[kind].__name__}` |\n" if one_head else ""


def _snippet(kind: str) -> str:
    """With what it cannot do without; all else has its default."""
    loss = LOSSES[kind]
    takes_counts = loss._traits.takes_counts
    needed = [name for name, option in loss._options.items() if option.default is option.empty]
    if takes_counts is not None and takes_counts({}):
        needed.append("class_counts")
    values = {"class_counts": np.array([5000, 800, 90, 12]), "k": 2}
    given = ", ".join("k=2" if name == "k" else name for name in needed)
    made = loss(**{name: values[name] for name in needed})
    scores = "logits, multi_label_logits" if loss._traits.heads == 2 else "logits"
    cosines = (
        "# logits: cosines, of topkloss.torch.NormedLinear as the last layer\n"
        if loss._traits.expects_cosines(made)
        else ""
    )
    return f"""```python
{cosines}criterion = topkloss.torch.{loss.__name__}({given})
value = criterion({scores}, labels)
value.backward()
```"""


def _header(name: str, found: Header) -> str:
    functions = "\n".join(map(_function, found.functions))
    structs = "\n".join(f"### `{each.name}`\n\n{_struct(each)}" for each in found.structs)
    written = [f"# {name}", _opening(name), f"## Functions\n\n{functions}"]
    return "\n\n".join([*written, f"## Structs\n\n{structs}"] if structs else written)


def _with_names_of_structs(name: str) -> str:
    """A header's text, with the structs of others by their names alone, as `abi` reads types."""
    text = (ROOT / "include" / name).read_text()
    text = re.sub(r"^struct (\w+);", r"typedef struct \1 \1;", text, flags=re.M)
    return re.sub(r"\bstruct (\w+) \*", r"\1 *", text)


def _opening(name: str) -> str:
    """The comment at a header's top: what holds for all that follows."""
    text = (ROOT / "include" / name).read_text()
    comment = text[text.index("/*") + 2 : text.index("*/")]
    return _prose(re.sub(r"^ \* ?", "", comment, flags=re.M))


def _module(name: str) -> str:
    return f"""# {name}

```{{eval-rst}}
.. automodule:: {name}
   :members:
   :exclude-members: set_fit_request, set_score_request, set_partial_fit_request
   :inherited-members: Module, BaseEstimator, ClassifierMixin, _MetadataRequester, tuple
```
"""


def generated() -> Iterator[tuple[str, str]]:
    """The pages: name and text."""
    main_header = header.read((ROOT / "include/topkloss.h").read_text())
    beside = {
        name: header.read_beside(_with_names_of_structs(name), main_header)
        for name in ("topkloss_cuda.h", "topkloss_xla.h")
    }
    structs = {each.name: each for each in main_header.structs}
    rows = {row["C"].strip("`"): row for row in reversed([*_rows_of_readme()])}
    for kind, row in rows.items():
        title = re.split("[,:]", row["loss"])[0]
        yield f"losses/{kind}.md", _loss({**row, "loss": title}, structs)
    headers = {"topkloss.h": main_header, **beside}
    for name, found in headers.items():
        yield f"reference/{name}.md", _header(name, found)
    yield "reference/topkloss.hpp.md", cpp_headers.page(ROOT / "include")
    for module in MODULES:
        yield f"reference/{module}.md", _module(module)
    yield "losses/index.md", _table_of_losses()
    yield "reference/index.md", _contents("Reference", [*MODULES, *headers, "topkloss.hpp"])


def _table_of_losses() -> str:
    """README.md's, with links to the pages."""
    rows = [*_rows_of_readme()]
    kinds = [row["C"].strip("`") for row in rows]
    lines = [
        f"| [{row['loss']}]({kind}.md) | {row['what it optimises']} | {row['when to use it']} |"
        for kind, row in zip(kinds, rows, strict=True)
    ]
    table = "\n".join(["| loss | what it optimises | when to use it |", "|---|---|---|", *lines])
    names = "\n".join(dict.fromkeys(kinds))
    return f"# Losses\n\n{table}\n\n```{{toctree}}\n:hidden:\n\n{names}\n```\n"


def _contents(title: str, pages: list[str]) -> str:
    names = "\n".join(pages)
    return f"# {title}\n\n```{{toctree}}\n:maxdepth: 1\n\n{names}\n```\n"
