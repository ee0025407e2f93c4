"""Swift's side of the structs: versions, defaults and the entry points that only pass them on."""

from __future__ import annotations

from abi.frozen import older_sizes
from abi.model import Header, Loss, Member, Struct

_HEAD = """// swift-format-ignore-file
// Generated from topkloss.h by `python -m abi`: change that, not this.

import CTopKLoss
"""


def structs(header: Header, frozen: tuple[Header, ...]) -> str:
    """Sources/TopKLoss/ABI/Generated/StructVersions.swift: all structs but options of losses."""
    options = [loss.options for loss in header.losses]
    others = [struct for struct in header.structs if struct not in options]
    return "\n".join([_HEAD, *(_struct(header, struct, frozen) for struct in others)])


def losses(header: Header, frozen: tuple[Header, ...]) -> str:
    """Sources/TopKLoss/ABI/Generated/LossEntries.swift: options of losses, and the losses."""
    blocks = [
        _struct(header, loss.options, frozen) + "\n" + _create(loss) for loss in header.losses
    ]
    return "\n".join([_HEAD, *blocks])


def names(header: Header) -> str:
    """Sources/TopKLoss/ABI/Generated/Names.swift: texts that the library gives out."""
    statuses = header.enumeration("topkloss_status")
    constants = statuses.constants if statuses else ()
    cases = "\n".join(f'  case {each.name}: "{each.name}"' for each in constants)
    return f"""{_HEAD}
/// Version of the header, and so of the library.
var headerVersion: StaticString {{ "{header.version}" }}

func name(ofStatus status: topkloss_status) -> StaticString {{
  switch Int(status) {{
{cases}
  default: "unknown status"
  }}
}}
"""


def _bits(places: list[int]) -> str:
    """A set of places in a struct, in units of eight bytes."""
    return " | ".join(f"1 << {place // 8}" for place in places) or "0"


def _default(header: Header, member: Member) -> str | None:
    """What is assigned to a member that begins as zero; None if it stays that."""
    value = member.default
    if isinstance(value, str):
        if header.all_constants()[value] == 0:
            return None
        types = {"int32_t": "Int32", "int64_t": "Int64"}
        return f"{types.get(member.type.name, member.type.name)}({value})"
    if member.default_is_nan:
        return ".nan"
    return repr(value) if value else None


# Protocols of Swift's that a struct conforms to if it has all of these members.
_SHARED = {
    "ReducedOptions": ("reduction", "check_finite", "ignore_index"),
    "CountedOptions": ("classes", "class_counts", "count_smoothing"),
    "WeightedOptions": ("classes", "class_weight"),
}


def _protocols(struct: Struct) -> str:
    shared = [name for name, members in _SHARED.items() if all(map(struct.has, members))]
    return ", ".join(["VersionedStruct", *shared])


def _struct(header: Header, struct: Struct, frozen: tuple[Header, ...]) -> str:
    argument = struct.short.rsplit("_", 1)[-1]
    reserved = [member.offset for member in struct.members if member.is_reserved]
    defaults = [(member.name, _default(header, member)) for member in struct.members]
    assigned = "".join(f"    value.{name} = {value}\n" for name, value in defaults if value)
    body = f"    var value = Self()\n{assigned}    return value" if assigned else "    Self()"
    return f"""extension {struct.name}: {_protocols(struct)} {{
  static var version: StructVersion {{
    StructVersion(
      name: "{struct.name}", size: {struct.size}, olderSizes: {_bits(older_sizes(struct, frozen))},
      reserved: {_bits(reserved)})
  }}

  static var defaults: Self {{
{body}
  }}
}}

@implementation @_cdecl("{struct.name}_init")
public func {struct.name}_init(
  _ {argument}: UnsafeMutablePointer<{struct.name}>!, _ struct_size: Int
) -> topkloss_status {{
  initialize({argument}, struct_size, "{argument}")
}}
"""


def _create(loss: Loss) -> str:
    optional = ", orDefaults: true" if loss.create.takes_null_options else ""
    return f"""@implementation @_cdecl("{loss.create.name}")
public func {loss.create.name}(
  _ options: UnsafePointer<{loss.options.name}>!, _ out: UnsafeMutablePointer<OpaquePointer?>!
) -> topkloss_status {{
  createLoss(options, out{optional})
}}
"""
