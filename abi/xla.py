"""The options of the losses, as attributes of XLA's calls set them: Sources/CXLA/losses.h."""

from __future__ import annotations

from abi.errors import HeaderError
from abi.model import PREFIX, Header, Loss, Member

_HEAD = """/* Generated from topkloss.h by `python -m abi`: change that, not this. */
#ifndef CXLA_LOSSES_H
#define CXLA_LOSSES_H

#include <topkloss.h>

/* What a member of options is. */
enum {
  XLA_OPTION_INT32,
  XLA_OPTION_INT64,
  XLA_OPTION_UINT64,
  XLA_OPTION_DOUBLE,
  XLA_OPTION_VECTOR
};

typedef struct xla_option {
  const char *name;
  size_t offset;
  int32_t kind;
} xla_option;

typedef struct xla_loss {
  const char *name;
  /* Names of functions. */
  const char *initialize;
  const char *create;
  /* Of the struct of its options. */
  size_t size;
  const xla_option *options;
  int64_t option_count;
} xla_loss;
"""

_KINDS = {
    "int32_t": "INT32",
    "int64_t": "INT64",
    "uint64_t": "UINT64",
    "double": "DOUBLE",
}


def xla(header: Header) -> str:
    """The header's text."""
    options = "".join(_options(header, loss) for loss in header.losses)
    rows = "".join(_loss(loss) for loss in header.losses)
    return f"""{_HEAD}
static inline const xla_loss *xla_losses(int64_t *count) {{
{options}  static const xla_loss losses[] = {{
{rows}  }};
  *count = sizeof losses / sizeof *losses;
  return losses;
}}

#endif
"""


def _kind(header: Header, loss: Loss, member: Member) -> str:
    if member.type.pointers:
        if member.type.name != "double":
            raise HeaderError(f"{loss.options.name}.{member.name}: no attribute of XLA's for it")
        return "VECTOR"
    scalar = "int32_t" if header.enumeration(member.type.name) else member.type.name
    return _KINDS[scalar]


def _options(header: Header, loss: Loss) -> str:
    name = loss.options.name
    rows = "".join(
        f'    {{"{member.name}", offsetof({name}, {member.name}), '
        f"XLA_OPTION_{_kind(header, loss, member)}}},\n"
        for member in loss.options.options
    )
    return f"  static const xla_option {loss.name}[] = {{\n{rows}  }};\n"


def _loss(loss: Loss) -> str:
    name, options = loss.name, loss.options.name
    return (
        f'    {{"{name}", "{options}_init", "{PREFIX}{name}_create", sizeof({options}), {name},\n'
        f"     sizeof {name} / sizeof *{name}}},\n"
    )
