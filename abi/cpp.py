"""C++ enumerations, options with their defaults, and losses: include/topkloss/."""

from __future__ import annotations

from abi.model import Enumeration, Header, Loss, Member, Struct, Type
from abi.words import camel, comment, enumerators, title, without_default

_WIDTH = 120
_SCALARS = {"int64_t": "std::int64_t", "uint64_t": "std::uint64_t", "double": "double"}


def enumerations(header: Header) -> str:
    """enumerators.hpp: the enumerations that options and functions take."""
    functions = [
        function for function in header.functions if function.name != "topkloss_status_name"
    ]
    taken = {parameter.type.name for function in functions for parameter in function.parameters}
    for struct in header.structs:
        if struct.name.endswith("_options"):
            taken |= {member.type.name for member in struct.members}
    found = [each for each in header.enumerations if each.name in taken]
    text = "".join(_enumeration(each) for each in found)
    return _file("Enumerations of topkloss.h", "ENUMERATORS", '#include "../topkloss.h"\n', text)


def losses(header: Header) -> str:
    """losses.hpp: the losses and their options."""
    what = "The losses and their options. topkloss.h has the formulas, ranges and papers"
    text = "".join(_options(header, loss.options) + _loss(loss) for loss in header.losses)
    return _file(what, "LOSSES", _INCLUDES, text)


def options(header: Header) -> str:
    """options.hpp: the options of what is no loss."""
    of_losses = [loss.options for loss in header.losses]
    others = [
        struct
        for struct in header.structs
        if struct.name.endswith("_options") and struct not in of_losses
    ]
    text = "".join(_options(header, struct) for struct in others)
    return _file("Options of what stands around the losses", "OPTIONS", _INCLUDES, text)


_INCLUDES = """#include <cstdint>
#include <limits>

#include "class_vectors.hpp"
#include "enumerators.hpp"
#include "loss.hpp"
"""


def _file(what: str, guard: str, includes: str, text: str) -> str:
    return f"""// {what}.
//
// Generated from topkloss.h by `python -m abi`: change that, not this.
#ifndef TOPKLOSS_{guard}_HPP
#define TOPKLOSS_{guard}_HPP

{includes}
namespace topkloss {{
{text}
}}  // namespace topkloss

#endif  // TOPKLOSS_{guard}_HPP
"""


def _enumeration(enumeration: Enumeration) -> str:
    lines = ["", *comment("///", enumeration.doc, 0, _WIDTH)]
    lines.append(f"enum class {camel(enumeration.name)} : {enumeration.name} {{")
    docs = {constant.name: constant.doc for constant in enumeration.constants}
    entries = []
    for short, name in enumerators(enumeration).items():
        entries.append("\n".join([*comment("///", docs[name], 2, _WIDTH), f"  {short} = {name}"]))
    return "\n".join([*lines, ",\n".join(entries), "};", ""])


def _is_vector(member: Member) -> bool:
    """Whether it points to numbers: as many as the member classes says, or without it k."""
    return member.type == Type("double", 1, True)


def _members(struct: Struct) -> list[Member]:
    """The members that options in C++ have: vectors know their length."""
    return [member for member in struct.options if member.name != "classes"]


def _declaration(header: Header, member: Member) -> str:
    """A member with its default; what has none is zero."""
    enumeration = header.enumeration(member.type.name)
    if _is_vector(member):
        return f"Span<const double> {member.name} = {{}};"
    if enumeration:
        named = {name: short for short, name in enumerators(enumeration).items()}
        type_ = camel(enumeration.name)
        return f"{type_} {member.name} = {type_}::{named[str(member.default)]};"
    if member.type == Type("int32_t"):  # a flag: every number with a meaning has 64 bits
        return f"bool {member.name} = {'true' if member.default else 'false'};"
    zero = 0.0 if member.type.name == "double" else 0
    value = zero if member.default is None else member.default
    if member.default_is_nan:
        value = "std::numeric_limits<double>::quiet_NaN()"
    return f"{_SCALARS[member.type.name]} {member.name} = {value};"


def _options(header: Header, struct: Struct) -> str:
    lines = ["", f"/// {title(struct.doc)}", f"struct {camel(struct.name)} {{"]
    for member in _members(struct):
        doc = without_default(member.doc).replace("NULL", "empty")
        lines += [*comment("///", doc, 2, _WIDTH), f"  {_declaration(header, member)}"]
    return "\n".join([*lines, "};", "", *_conversion(header, struct), ""])


def _conversion(header: Header, struct: Struct) -> list[str]:
    """From options as C++ has them to those of the C interface."""
    lines = [
        "namespace detail {",
        "",
        f"inline {struct.name} c(const {camel(struct.name)} &options) {{",
        f"  auto c = initialized({struct.name}_init);",
    ]
    vectors = [member.name for member in struct.members if _is_vector(member)]
    for member in struct.options:
        name = member.name
        value = f"options.{name}"
        if name == "classes":
            pairs = [f'{{"{vector}", options.{vector}}}' for vector in vectors]
            value = f"classes_of({{{', '.join(pairs)}}})"
        elif _is_vector(member):
            value = f'data_or_null("{name}", options.{name})'
            if not struct.has("classes"):
                value = f'entries_or_null("{name}", options.{name}, options.k)'
        elif header.enumeration(member.type.name):
            value = f"static_cast<{member.type.name}>(options.{name})"
        elif member.type == Type("int32_t"):
            value = f"options.{name} ? 1 : 0"
        lines.append(f"  c.{name} = {value};")
    return [*lines, "  return c;", "}", "", "}  // namespace detail"]


def _loss(loss: Loss) -> str:
    """The class of a loss, unless it can do what others cannot and is written by hand."""
    if loss.methods:
        return ""
    options = camel(loss.options.name)
    name = camel(loss.name)
    name += "" if name.endswith("Operator") else "Loss"
    default = " = {}" if loss.create.takes_null_options else ""
    # What has no reduction gives one number a row.
    upstream = "" if loss.options.has("reduction") else ", Upstream::each_row"
    return f"""
/// {title(loss.options.doc)}
class {name} : public Loss {{
 public:
  explicit {name}(const {options} &options{default})
      : Loss({loss.create.name}, detail::c(options){upstream}) {{}}
}};
"""
