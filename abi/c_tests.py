"""Checks in C, and in C++, of what every language takes for granted: Tests/C/generated/abi.h."""

from __future__ import annotations

from collections.abc import Iterator

from abi.c_losses import c_losses
from abi.model import Header, Member, Struct

_HEAD = """/*
 * The losses with the members of their options, for tests of all of them; and layouts, enumerators
 * and defaults as `python -m abi` reads them in topkloss.h, for Python, Rust and Swift: the
 * compiler's and the library's answers must be the same. Generated from the header: change that.
 */
#ifndef GENERATED_ABI_H
#define GENERATED_ABI_H

#include <math.h>
#include <string.h>

#include "topkloss.h"

/* An array of negative size stops the compiler, in C99 and C++11 too. */
#define STATIC_CHECK(name, condition) extern int name[(condition) ? 1 : -1]
#define SIZE(type, bytes) STATIC_CHECK(size_of_##type, sizeof(type) == (bytes))
#define AT(type, member, bytes) \\
  STATIC_CHECK(offset_of_##type##_##member, offsetof(type, member) == (bytes))
#define ENUMERATOR(name, value) STATIC_CHECK(value_of_##name, (name) == (value))

#if UINTPTR_MAX == UINT64_MAX
"""
_TAIL = """
/** The name of the first struct that its init function does not fill with the defaults, or NULL. */
static inline const char *struct_without_its_defaults(void) {
"""


def c_tests(header: Header) -> str:
    """The file's text."""
    blocks = [
        _HEAD,
        *(_layout(struct) for struct in header.structs),
        "#endif\n",
        *_enumerators(header),
        c_losses(header),
        *(_check(struct) for struct in header.structs),
        _TAIL.strip("\n"),
        *(
            f'  if (!{struct.short}_has_its_defaults()) return "{struct.name}";'
            for struct in header.structs
        ),
        "  return NULL;\n}\n\n#endif\n",
    ]
    return "\n".join(blocks)


def _layout(struct: Struct) -> str:
    members = [f"AT({struct.name}, {member.name}, {member.offset});" for member in struct.members]
    return "\n".join([f"SIZE({struct.name}, {struct.size});", *members, ""])


def _enumerators(header: Header) -> Iterator[str]:
    for name, value in header.all_constants().items():
        yield f"ENUMERATOR({name}, {value});"
    yield ""


def _expected(member: Member, size: str) -> str:
    """What a member should be after the init function."""
    if member.name == "struct_size":
        return size
    if member.type.pointers or member.type.name.endswith("parallel_for"):
        return "NULL"
    if member.default is None:
        return "0"
    return "NAN" if member.default_is_nan else str(member.default)


def _check(struct: Struct) -> str:
    name = f"{struct.short}_has_its_defaults"
    # Numbers are compared as they lie in memory: C++ would warn of == between doubles.
    lines = [
        f"static inline int {name}(void) {{",
        f"  {struct.name} expected, found;",
        "  memset(&expected, 0, sizeof expected);",
        "  memset(&found, 0xA5, sizeof found);",
    ]
    for member in struct.members:
        value = _expected(member, f"sizeof({struct.name})")
        if value not in ("0", "0.0", "NULL"):
            lines.append(f"  expected.{member.name} = {value};")
    lines += [
        f"  return {struct.name}_init(&found, sizeof found) == TOPKLOSS_OK &&",
        "         memcmp(&found, &expected, sizeof found) == 0;",
        "}",
        "",
    ]
    return "\n".join(lines)
