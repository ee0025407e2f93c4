"""The ABI as a compiler sees it, abi/abi.xml, and whether today's headers break it.

`python -m abi` checks the header against its frozen versions, in the generator's own terms. This
asks another judge: a library of the same declarations, with bodies that do nothing, is compiled
with debugging information, and libabigail compares its types, down to callbacks and enumerators,
with those of the last picture. What was added since is no breach, but has to be in the picture.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from pycparser import c_ast, c_generator, c_parser  # type: ignore[import-untyped]

from abi import source

_ROOT = Path(__file__).parents[1]
_HEADERS = ("include/topkloss.h", "include/topkloss_cuda.h")
PICTURE = Path(__file__).parent / "abi.xml"

# Enumerators stand beside int32_t, so no function reaches them: all types are looked at.
_COMPILE = ("cc", "-g", "-fno-eliminate-unused-debug-types", "-shared", "-fPIC", "-w")
_DRAW = (
    *("abidw", "--load-all-types", "--type-id-style", "hash"),
    *("--no-show-locs", "--no-corpus-path", "--no-comp-dir-path", "--no-elf-needed"),
    *("--no-architecture", "--no-parameter-names"),
)
_COMPARE = (
    *("abidiff", "--leaf-changes-only", "--non-reachable-types", "--harmless"),
    *("--no-show-locs", "--no-architecture"),
)
# What libabigail may say of a header to which something was added, and nothing else: structs grow
# at their ends (otherwise offsets of members change), where struct_size tells versions apart; a
# reserved member comes to mean something; enumerators and functions are added.
_ADDITIONS = (
    r".* summary: .*",
    r"details were reported earlier",
    r"(\[C\] )?'(struct|enum) \w+' changed:",
    r"type size hasn't changed",
    r"type size changed from \d+ to \d+ \(in bits\)",
    r"\d+ (data member|enumerator) insertions?:",
    r"'.*', at offset \d+ \(in bits\)",
    r"'\w+::\w+' value '-?\d+'",
    r"there are data member changes:",
    r"name of '\w+::reserved\d*' changed to '\w+::\w+'",
    r"\d+ (added|changed) types? unreachable from any public interface:",
    r"\d+ Added functions?:",
    r"\[A\] '.*'.*",
)
_BROKEN = """
A header in include/ breaks the ABI that abi/abi.xml is the picture of: see above what changed.
Programs that were compiled before would go wrong without a word. Give what they use its old place
and type back, and add what is new at the end (CONTRIBUTING.md, "Adding a member to a struct").
If no program has been compiled with it yet, delete abi/abi.xml and run make generate.
"""
_STALE = "abi/abi.xml lacks what the header has now (see above): run make generate"


def headers() -> str:
    """The text of all headers in C, one after another."""
    return "".join((_ROOT / header).read_text() for header in _HEADERS)


def stub(text: str) -> str:
    """A library in C with the header's functions, which do nothing.

    Without the standard headers, whose types are not the library's; enumerators get the name of the
    type that they belong to, for libabigail counts those without one.
    """
    declarations = source.read(text).declarations
    visit = c_generator.CGenerator().visit
    functions = [
        f"{visit(node)} {{ __builtin_trap(); }}"
        for node in c_parser.CParser().parse(declarations).ext
        if isinstance(node, c_ast.Decl) and isinstance(node.type, c_ast.FuncDecl)
    ]
    named = re.sub(r"(typedef int32_t (\w+);\s*enum) \{", r"\1 \2_enumerators {", declarations)
    return "\n".join([named, *functions, ""])


def draw(header: str, folder: Path) -> Path:
    """The picture of a header, in a folder."""
    code, library, picture = (folder / name for name in ("stub.c", "stub.so", "abi.xml"))
    code.write_text(stub(header))
    subprocess.run([*_COMPILE, str(code), "-o", str(library)], check=True)
    subprocess.run([*_DRAW, "--out-file", str(picture), str(library)], check=True)
    return picture


def compare(old: Path, new: Path) -> tuple[list[str], str]:
    """What in a new picture breaks an old one, and all differences between them."""
    command = [*_COMPARE, str(old), str(new)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode & 3:
        raise RuntimeError(done.stdout + done.stderr)
    if done.returncode == 0:
        return [], ""
    lines = filter(None, map(str.strip, done.stdout.splitlines()))
    breach = [line for line in lines if not any(re.fullmatch(each, line) for each in _ADDITIONS)]
    return breach, done.stdout


def main() -> int:
    """Draws the picture, or compares the header with it."""
    parser = argparse.ArgumentParser(prog="python -m abi.picture", description=__doc__)
    parser.add_argument("--check", action="store_true", help="draw nothing")
    check = parser.parse_args().check
    with tempfile.TemporaryDirectory() as name:
        picture = draw(headers(), Path(name))
        if PICTURE.exists():
            breach, differences = compare(PICTURE, picture)
            if breach or (check and differences):
                print(differences, _BROKEN if breach else _STALE, sep="\n", file=sys.stderr)
                return 1
            if not differences:
                return 0
        elif check:
            print("there is no abi/abi.xml: run make generate", file=sys.stderr)
            return 1
        shutil.copy(picture, PICTURE)
        print("wrote abi/abi.xml")
    return 0


if __name__ == "__main__":
    sys.exit(main())
