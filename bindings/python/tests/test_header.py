"""The ctypes layer is the header: every constant, struct, member, offset, function and argument."""

from __future__ import annotations

import ctypes
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from pycparser import c_ast, c_parser

import topkloss
from topkloss import _abi

INCLUDE = Path(__file__).parents[3] / "include"
HEADER = INCLUDE / "topkloss.h"

# What the header needs of the standard headers, for 64-bit Linux; theirs are full of extensions.
STUBS = {
    "stddef.h": "typedef unsigned long size_t;",
    "stdint.h": "typedef int int32_t; typedef long int64_t; typedef unsigned long uint64_t;",
}
SCALARS = {
    "size_t": ctypes.c_size_t,
    "int32_t": ctypes.c_int32,
    "int64_t": ctypes.c_int64,
    "uint64_t": ctypes.c_uint64,
    "double": ctypes.c_double,
    "float": ctypes.c_float,
}


def compiler():
    found = next(filter(None, map(shutil.which, ("cc", "clang", "gcc"))), None)
    assert found, "the comparison with the header needs a C compiler"
    return found


@pytest.fixture(scope="module")
def declarations(tmp_path_factory):
    """The header's declarations as a syntax tree."""
    folder = tmp_path_factory.mktemp("stubs")
    for name, text in STUBS.items():
        (folder / name).write_text(text)
    source = subprocess.run(
        [compiler(), "-E", "-nostdinc", f"-I{folder}", "-D__attribute__(x)=", str(HEADER)],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return c_parser.CParser().parse(source).ext


@pytest.fixture(scope="module")
def types(declarations):
    """The header's type names: what each stands for in ctypes, or its syntax if it is a struct."""
    return {node.name: node.type for node in declarations if isinstance(node, c_ast.Typedef)}


def local(name):
    return name.removeprefix("topkloss_")


def structs(types):
    return {
        name: node.type
        for name, node in types.items()
        if isinstance(node, c_ast.TypeDecl)
        and isinstance(node.type, c_ast.Struct)
        and node.type.decls
    }


def scalar(node, types):
    """The ctypes type of a type that is no pointer; None for void."""
    (name,) = node.type.names
    if name == "void":
        return None
    return SCALARS[name] if name in SCALARS else scalar(types[name], types)


def allowed(node, types):
    """The ctypes types that may stand for a C type."""
    if isinstance(node, c_ast.TypeDecl):
        (name,) = node.type.names
        if isinstance(types.get(name), c_ast.PtrDecl):  # a function pointer
            return [getattr(_abi, local(name))]
        return [scalar(node, types)]
    assert isinstance(node, c_ast.PtrDecl)
    target = node.type
    if isinstance(target, c_ast.PtrDecl):
        return [ctypes.POINTER(allowed(target, types)[0])]
    (name,) = target.type.names
    if name in structs(types):
        return [ctypes.POINTER(getattr(_abi, local(name)))]
    if name == "char":
        return [ctypes.c_char_p]
    if name in SCALARS and "const" not in target.quals:  # an output: typed or a plain address
        return [ctypes.c_void_p, ctypes.POINTER(SCALARS[name])]
    return [ctypes.c_void_p]


def arguments(function):
    """The types of a function's arguments; (void) means none."""
    nodes = [parameter.type for parameter in function.args.params]
    first = nodes[0]
    is_void = isinstance(first, c_ast.TypeDecl) and first.type.names == ["void"]
    return [] if is_void else nodes


def matches(python, node, types):
    return any(python is candidate for candidate in allowed(node, types))


def test_functions(declarations, types):
    functions = {
        node.name: node.type
        for node in declarations
        if isinstance(node, c_ast.Decl) and isinstance(node.type, c_ast.FuncDecl)
    }
    assert functions.keys() == _abi.PROTOTYPES.keys()
    for name, function in functions.items():
        result, parameters = _abi.PROTOTYPES[name]
        assert matches(result, function.type, types), name
        expected = arguments(function)
        assert len(parameters) == len(expected), name
        for position, (python, node) in enumerate(zip(parameters, expected, strict=True)):
            assert matches(python, node, types), (name, position)


def test_function_pointers(types):
    pointers = {name: node.type for name, node in types.items() if isinstance(node, c_ast.PtrDecl)}
    assert pointers.keys() == {"topkloss_task", "topkloss_parallel_for"}
    for name, function in pointers.items():
        python = getattr(_abi, local(name))
        assert matches(python._restype_, function.type, types)
        for mine, node in zip(python._argtypes_, arguments(function), strict=True):
            assert matches(mine, node, types), name


def test_struct_members(types):
    found = structs(types)
    mine = {
        f"topkloss_{name}"
        for name, value in vars(_abi).items()
        if isinstance(value, type) and issubclass(value, ctypes.Structure)
    }
    assert found.keys() == mine
    for name, struct in found.items():
        fields = getattr(_abi, local(name))._fields_
        assert [member.name for member in struct.decls] == [field[0] for field in fields]
        for member, (_, python) in zip(struct.decls, fields, strict=True):
            assert matches(python, member.type, types), (name, member.name)


def test_struct_layouts(types, tmp_path):
    """Offsets and sizes as a C compiler lays them out."""
    lines = []
    for name, struct in structs(types).items():
        for member in struct.decls:
            place = f"offsetof({name}, {member.name}), sizeof((({name} *)0)->{member.name})"
            lines.append(f'printf("[\\"{name}\\",\\"{member.name}\\",%zu,%zu],", {place});')
        lines.append(f'printf("[\\"{name}\\",\\"\\",%zu,0],", sizeof({name}));')
    head = "#include <stddef.h>\n#include <stdio.h>\n#include <topkloss.h>\n"
    body = "\n".join(['printf("[");', *lines, 'printf("null]");'])
    program = f"{head}int main(void) {{\n{body}\nreturn 0;\n}}\n"
    (tmp_path / "layout.c").write_text(program)
    executable = tmp_path / "layout"
    subprocess.run(
        [compiler(), f"-I{INCLUDE}", "-o", str(executable), str(tmp_path / "layout.c")], check=True
    )
    layout = json.loads(subprocess.run([executable], check=True, capture_output=True).stdout)
    assert len(layout) == len(lines) + 1
    for name, member, offset, size in layout[:-1]:
        struct = getattr(_abi, local(name))
        if member:
            field = getattr(struct, member)
            assert (field.offset, field.size) == (offset, size), (name, member)
        else:
            assert ctypes.sizeof(struct) == offset, name


def test_enumerators(declarations):
    expected = {}
    for node in declarations:
        if isinstance(node, c_ast.Decl) and isinstance(node.type, c_ast.Enum):
            for entry in node.type.values.enumerators:
                expected[entry.name] = int(entry.value.value)
    macros = {"TOPKLOSS_ABI_VERSION", "TOPKLOSS_IGNORE_INDEX"}
    mine = {name: value for name, value in vars(_abi).items() if name.startswith("TOPKLOSS_")}
    assert {name: value for name, value in mine.items() if name not in macros} == expected


def test_macros():
    text = HEADER.read_text()

    def macro(name):
        return re.search(rf"^#define {name} (.+)$", text, re.MULTILINE)[1].strip('()"')

    assert int(macro("TOPKLOSS_ABI_VERSION")) == _abi.TOPKLOSS_ABI_VERSION
    assert int(macro("TOPKLOSS_IGNORE_INDEX")) == _abi.TOPKLOSS_IGNORE_INDEX
    assert macro("TOPKLOSS_VERSION") == topkloss.__version__


def test_names_of_statuses_and_versions():
    library = topkloss._library.library
    for name, value in vars(_abi).items():
        if name == "TOPKLOSS_OK" or name.startswith("TOPKLOSS_ERROR_"):
            assert library.topkloss_status_name(value).decode() == name
    for unknown in (-1, 12, 2**31 - 1):
        assert library.topkloss_status_name(unknown) == b"unknown status"
    assert library.topkloss_version().decode() == topkloss.__version__
    assert library.topkloss_simd().decode() == topkloss.simd
