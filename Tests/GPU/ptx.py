"""The text of a PTX module taken apart: kernels, their statements, the module's variables."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

BITS = {**{f"{kind}{n}": n for kind in "busf" for n in (8, 16, 32, 64)}, "pred": 1}


class UnknownInstructionError(Exception):
    """What the translator has not learnt."""


@dataclass(frozen=True)
class Statement:
    """A directive or an instruction, a label (`$name:`), or a brace of a scope."""

    text: str
    line: int


@dataclass(frozen=True)
class Kernel:
    """An entry, what it asks for, and what its names stand for in C."""

    name: str
    parameter_bytes: int
    shared_bytes: int
    """Of arrays with a size; the launch's own follow them."""
    max_threads: int
    places: dict[str, str]
    body: tuple[Statement, ...]


@dataclass(frozen=True)
class Module:
    """Kernels, and constants as C declares them."""

    kernels: tuple[Kernel, ...]
    constants: tuple[str, ...]


def statements(text: str, line: int) -> Iterator[Statement]:
    """What stands between semicolons; braces are operands where an instruction has begun."""
    begun, start = "", line
    for character in text:
        line += character == "\n"
        if not begun.strip():
            begun, start = "", line
            if character in "{}":
                yield Statement(character, line)
                continue
        if character == ";" or (character == ":" and re.fullmatch(r"\s*\$\w+", begun)):
            ending = ":" if character == ":" else ""
            yield Statement(re.sub(r"\s+", " ", begun).strip() + ending, start)
            begun = ""
            continue
        begun += character
    if begun.strip():
        raise UnknownInstructionError(f"line {start}: {begun.strip()!r} does not end")


def number(text: str) -> str:
    """A number in C; one of floating point as its bits."""
    if match := re.fullmatch(r"0([fFdD])([0-9a-fA-F]+)", text):
        return f"0x{match[2]}{'u' if match[1] in 'fF' else 'ull'}"
    if re.fullmatch(r"-?(0x[0-9a-fA-F]+|\d+)U?", text):
        value = int(text.rstrip("U"), 0)
        if -(2**31) < value < 2**31:
            return str(value)
        return f"0x{value & (2**64 - 1):x}ull"
    raise UnknownInstructionError(f"{text!r} is no number")


def registers(kind: str, names: str) -> str:
    """Their declaration in C."""
    of = "_Bool" if kind == "pred" else f"uint{BITS[kind]}_t"
    out = []
    for name in names.split(","):
        range_ = re.fullmatch(r"%?(\w+?)(?:<(\d+)>)?", name.strip())
        if range_ is None:
            raise UnknownInstructionError(f"{name!r} is no register")
        numbers = range(1, int(range_[2])) if range_[2] else [""]
        out += [f"{range_[1]}{number} = POISON({of})" for number in numbers]
    return f"{of} {', '.join(out)};" if out else ""


_VARIABLE = re.compile(
    r"(?:\.(?:visible|weak|extern) )?\.(shared|const|global) (?:\.align (\d+) )?\.([busf]\d+) (\w+)"
    r"(?:\[(\d*)\])?(?: ?= ?(.+))?"
)
_ENTRY = re.compile(r"(?:\.(?:visible|weak) )?\.(entry|func) ([\w$]+)\s*\(([^)]*)\)([^{;]*)(?=\{)")
_PARAMETER = re.compile(
    r"\.param (?:\.align (\d+) )?\.([busf]\d+) (?:\.ptr (?:\.\w+ )?(?:\.align \d+ )?)?"
    r"(\w+)(?:\[(\d+)\])?"
)


def is_variable(text: str) -> bool:
    """Whether a statement declares a variable of memory."""
    return _VARIABLE.fullmatch(text) is not None


@dataclass
class _Layout:
    """Things one after another, each at a multiple of its alignment."""

    places: dict[str, int] = field(default_factory=dict)
    size: int = 0

    def put(self, name: str, alignment: int, size: int) -> None:
        self.size = -(-self.size // alignment) * alignment
        self.places[name] = self.size
        self.size += size


def _constant(match: re.Match[str], line: int) -> str:
    _, alignment, kind, name, count, values = match.groups()
    if values is None:
        raise UnknownInstructionError(
            f"line {line}: {name}: memory of the module that begins empty"
        )
    numbers = [number(value.strip()) for value in values.strip("{} ").split(",")]
    numbers += ["0"] * (int(count or 1) - len(numbers))
    return (
        f"static const _Alignas({alignment or BITS[kind] // 8}) uint{BITS[kind]}_t {name}[] = "
        f"{{{', '.join(numbers)}}};"
    )


def _kernel(
    match: re.Match[str], text: str, line: int, variables: dict[str, re.Match[str]]
) -> Kernel:
    _, name, parameters, directives = match.groups()
    body = tuple(statements(text, line))
    used = dict(variables)
    used |= {found[4]: found for each in body if (found := _VARIABLE.fullmatch(each.text))}
    parameter, shared = _Layout(), _Layout()
    for each in filter(str.strip, parameters.split(",")):
        declared = _PARAMETER.fullmatch(re.sub(r"\s+", " ", each).strip())
        if declared is None:
            raise UnknownInstructionError(f"line {line}: {name}: {each.strip()}")
        size = BITS[declared[2]] // 8
        parameter.put(declared[3], int(declared[1] or size), size * int(declared[4] or 1))
    places = {key: f"((uint64_t)parameter + {at})" for key, at in parameter.places.items()}
    unsized = []
    for key, variable in used.items():
        if not re.search(rf"\b{key}\b", text):
            continue
        if variable[1] != "shared":
            places[key] = f"(uint64_t){key}"
        elif variable[5] == "":
            unsized.append((key, int(variable[2])))
        else:
            size = BITS[variable[3]] // 8
            shared.put(key, int(variable[2] or size), size * int(variable[5] or 1))
    for key, alignment in unsized:
        shared.put(key, alignment, 0)
    places |= {key: f"{at}ull" for key, at in shared.places.items()}
    limit = re.search(r"\.(?:max|req)ntid (\d+)", directives)
    threads = int(limit[1]) if limit else 1024
    return Kernel(name, parameter.size, shared.size, threads, places, body)


def _closing(text: str, start: int) -> int:
    """Where the brace closes that opens at `start`."""
    depth = 0
    for match in re.compile(r"[{}]").finditer(text, start):
        depth += 1 if match[0] == "{" else -1
        if depth == 0:
            return match.start()
    raise UnknownInstructionError("a brace that does not close")


def read(ptx: str) -> Module:
    """Takes a module apart."""
    text = re.sub(r"/\*.*?\*/|//[^\n]*", lambda m: "\n" * m[0].count("\n"), ptx, flags=re.DOTALL)
    outside, entries, end = "", [], 0
    for match in _ENTRY.finditer(text):
        outside += text[end : match.start()]
        end = _closing(text, match.end())
        if match[1] == "entry":  # else what calls it is refused
            line = text.count("\n", 0, match.end()) + 1
            entries.append((match, text[match.end() + 1 : end], line))
        outside += "\n" * text.count("\n", match.start(), end + 1)
        end += 1
    outside = re.sub(r"^\.(version|target|address_size).*", "", outside + text[end:], flags=re.M)
    variables, constants = {}, []
    for each in statements(outside, 1):
        if variable := _VARIABLE.fullmatch(each.text):
            variables[variable[4]] = variable
            if variable[1] != "shared":
                constants.append(_constant(variable, each.line))
        elif not each.text.startswith(".func"):
            raise UnknownInstructionError(f"line {each.line}: {each.text}")
    kernels = tuple(_kernel(*entry, variables) for entry in entries)
    return Module(kernels, tuple(constants))
