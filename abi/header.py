"""From the header's text to the model of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from pycparser import c_ast, c_parser  # type: ignore[import-untyped]

from abi import source
from abi.defaults import default_of
from abi.errors import HeaderError
from abi.losses import losses_of
from abi.model import Constant, Enumeration, Function, Header, Member, Parameter, Struct, Type

# Sizes of the scalars, which are their alignments too.
SCALARS = {"size_t": 8, "int32_t": 4, "int64_t": 8, "uint64_t": 8, "double": 8, "float": 4}
_STANDARD_TYPES = 4
_WORD = 8
_LARGEST = 512


def read(text: str, *, documented: bool = True) -> Header:
    """Reads a header. One without documentation, a frozen one, has zeros for its defaults."""
    return _Reader(source.read(text), documented).header()


def read_beside(text: str, main: Header) -> Header:
    """Reads a header that includes the main one: what it adds, and no losses among that."""
    opaque = [*main.opaque, *(struct.name for struct in main.structs)]
    included = [f"typedef struct {name} {name};" for name in opaque]
    included += [f"typedef int32_t {each.name};" for each in main.enumerations]
    return _Reader(source.read(text, " ".join(included)), True).beside(main, len(included))


def _type(node: Any) -> Type:
    """A type that stands in a declaration."""
    pointers = 0
    while isinstance(node, c_ast.PtrDecl):
        pointers += 1
        node = node.type
    if not isinstance(node, c_ast.TypeDecl) or not isinstance(node.type, c_ast.IdentifierType):
        raise HeaderError(f"{node.coord}: a type that is neither a name nor a pointer to one")
    return Type(" ".join(node.type.names), pointers, pointers > 0 and "const" in node.quals)


class _Reader:
    def __init__(self, text: source.Source, documented: bool) -> None:
        self._source, self._documented = text, documented
        self._nodes: list[Any] = c_parser.CParser().parse(text.declarations).ext
        self._enumerations: list[Enumeration] = []
        self._opaque: list[str] = []
        self._callbacks: list[Function] = []
        self._structs: list[Struct] = []
        self._functions: list[Function] = []
        self._is_main = True  # whose structs begin with their sizes, and have defaults
        self._constants: dict[str, int] = {}

    def header(self) -> Header:
        version, _ = self._source.macros["TOPKLOSS_VERSION"]
        header = self._all(version.strip('"'), _STANDARD_TYPES)
        return replace(header, losses=losses_of(header))

    def beside(self, main: Header, included: int) -> Header:
        self._constants = main.all_constants()
        self._is_main = False
        return self._all(main.version, _STANDARD_TYPES + included)

    def _all(self, version: str, before: int) -> Header:
        """What stands after so many declarations of other headers'."""
        macros = tuple(self._macros())
        self._constants |= {constant.name: constant.value for constant in macros}
        for node in self._nodes[before:]:
            self._read(node)
        return Header(
            version=version,
            constants=macros,
            enumerations=tuple(self._enumerations),
            opaque=tuple(self._opaque),
            callbacks=tuple(self._callbacks),
            structs=tuple(self._structs),
            functions=tuple(self._functions),
        )

    def _macros(self) -> Iterator[Constant]:
        """The macros that are whole numbers."""
        for name, (value, doc) in self._source.macros.items():
            number = value.strip("()")
            if number.removeprefix("-").isdigit():
                yield Constant(name, int(number), doc)

    def _doc(self, name: str, node: Any) -> str:
        """The documentation that stands before a declaration."""
        doc = self._source.docs.get(node.coord.line, "")
        if self._documented and not doc:
            raise HeaderError(f"{name} has no documentation")
        return doc

    def _read(self, node: Any) -> None:
        if isinstance(node, c_ast.Decl) and isinstance(node.type, c_ast.Enum):
            self._enumeration(node.type)
        elif isinstance(node, c_ast.Decl) and isinstance(node.type, c_ast.FuncDecl):
            self._functions.append(self._function(node.name, node.type, self._doc(node.name, node)))
        elif isinstance(node, c_ast.Typedef):
            self._typedef(node)
        else:
            raise HeaderError(f"{node.coord}: neither a type nor a function")

    def _typedef(self, node: Any) -> None:
        if isinstance(node.type, c_ast.PtrDecl) and isinstance(node.type.type, c_ast.FuncDecl):
            doc = self._doc(node.name, node)
            self._callbacks.append(self._function(node.name, node.type.type, doc))
        elif isinstance(node.type.type, c_ast.Struct):
            if node.type.type.decls is None:
                self._opaque.append(node.name)
            else:
                self._struct(node.name, node.type.type)
        elif _type(node.type) == Type("int32_t"):
            doc = self._doc(node.name, node)
            self._enumerations.append(Enumeration(node.name, doc, ()))
        else:
            raise HeaderError(f"{node.name}: a type that is neither a struct nor int32_t")

    def _enumeration(self, node: Any) -> None:
        """The enumerators of the type that stands before them."""
        owner = self._enumerations.pop()
        if owner.constants:
            raise HeaderError(f"{node.coord}: enumerators without a type of their own")
        constants = []
        for entry in node.values.enumerators:
            if not isinstance(entry.value, c_ast.Constant):
                raise HeaderError(f"{entry.name} has no number")
            constants.append(
                Constant(entry.name, int(entry.value.value), self._doc(entry.name, entry))
            )
            self._constants[entry.name] = constants[-1].value
        self._enumerations.append(replace(owner, constants=tuple(constants)))

    def _function(self, name: str, node: Any, doc: str) -> Function:
        parameters = [Parameter(each.name, _type(each.type)) for each in node.args.params]
        if parameters == [Parameter(None, Type("void"))]:  # type: ignore[arg-type]
            parameters = []
        return Function(name, _type(node.type), tuple(parameters), doc)

    def _struct(self, name: str, node: Any) -> None:
        members: list[Member] = []
        offset = 0
        for entry in node.decls:
            place = f"{name}.{entry.name}"
            type_, doc = _type(entry.type), self._doc(place, entry)
            size = self._size(place, type_)
            if offset % size:
                raise HeaderError(f"{place}: padding before it; put a reserved member there")
            default = self._default(name, Member(entry.name, type_, doc, offset, size, 0))
            members.append(Member(entry.name, type_, doc, offset, size, default))
            offset += size
        if self._is_main and (not members or members[0].name != "struct_size"):
            raise HeaderError(f"{name} does not begin with struct_size")
        if offset >= _LARGEST:
            raise HeaderError(f"{name} has {offset} bytes: Swift's set of sizes ends at {_LARGEST}")
        if offset % _WORD:
            raise HeaderError(f"{name}: padding at its end; put a reserved member there")
        self._structs.append(Struct(name, self._doc(name, node), tuple(members), offset))

    def _default(self, struct: str, member: Member) -> int | float | str | None:
        place = f"{struct}.{member.name}"
        if member.is_reserved and (member.type != Type("int32_t") or member.offset % _WORD == 0):
            raise HeaderError(f"{place}: a reserved member is an int32_t after another member's")
        if not self._documented or not self._is_main:
            return 0
        is_option = struct.endswith("_options") and member.name != "struct_size"
        must = is_option and not member.is_reserved
        return default_of(place, member.type, member.doc, self._constants, must=must)

    def _size(self, place: str, type_: Type) -> int:
        if type_.pointers or any(type_.name == callback.name for callback in self._callbacks):
            return _WORD
        if any(type_.name == each.name for each in self._enumerations):
            return SCALARS["int32_t"]
        if type_.name not in SCALARS:
            raise HeaderError(f"{place}: no type for a member: {type_}")
        return SCALARS[type_.name]
