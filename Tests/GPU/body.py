"""A kernel's statements in C. translate.py says how instructions become functions."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import ptx
import words
from ptx import BITS, Kernel, Statement, UnknownInstructionError, number


class Body:
    """A kernel's statements in C."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel, self._places = kernel, kernel.places
        self._seen: set[str] = set()
        self._targets: dict[str, list[str]] = {}

    def lines(self) -> Iterator[str]:
        """C, a line a statement."""
        label = ""
        for statement in self._kernel.body:
            try:
                if statement.text.startswith(".branchtargets"):
                    names = statement.text.removeprefix(".branchtargets").split(",")
                    self._targets[label] = [name.strip(" $") for name in names]
                else:
                    yield self._statement(statement)
            except (UnknownInstructionError, ValueError, KeyError, IndexError) as error:
                raise UnknownInstructionError(
                    f"line {statement.line}: {statement.text[:100]}: {error}"
                ) from error
            label = statement.text.rstrip(":")

    def _statement(self, statement: Statement) -> str:
        text, line = statement.text, statement.line
        if text in "{}":
            return text
        if text.endswith(":"):
            self._seen.add(text[1:-1])
            return f"{text[1:-1]}:;"
        if match := re.fullmatch(r"\.reg \.(\w+) (.*)", text):
            return ptx.registers(match[1], match[2])
        if text.startswith((".pragma", ".loc")) or ptx.is_variable(text):
            return ""
        match = re.fullmatch(r"(?:@(!?)%(\w+) )?([a-z][\w.:]*)(?: (.*))?", text)
        if match is None:
            raise UnknownInstructionError("no instruction")
        operands = [
            each.strip() for each in re.findall(r"(?:\{[^}]*\}|\[[^]]*\]|[^,{\[])+", match[4] or "")
        ]
        done = self._instruction(match[3], operands, line)
        return f"if ({match[1]}{match[2]}) {{ {done} }}" if match[2] else done

    def _value(self, text: str) -> str:
        if text in words.SPECIAL:
            return words.SPECIAL[text]
        if match := re.fullmatch(r"(!?)%?([a-z]\w*)", text):
            if text in self._places:
                return self._places[text]
            if "%" in text or text == "tmp":
                return match[1] + match[2]
        if text in self._places:
            return self._places[text]
        return number(text)

    def _address(self, text: str) -> str:
        match = re.fullmatch(r"\[(%?\w+)(?:\+(-?\d+))?\]", text)
        if match is None:
            raise UnknownInstructionError(f"{text!r} is no address")
        base = self._value(match[1])
        return f"{base} + (uint64_t){match[2]}" if match[2] else base

    def _instruction(self, name: str, operands: list[str], line: int) -> str:
        parts = name.split(".")
        if special := _SPECIAL_OPERANDS.get(parts[0]):
            return special(self, parts, operands, line)
        if "cc" in parts:
            return self._carry(parts, operands, line)
        if name in words.BARRIERS and operands == ["0"]:
            return f"emulator_barrier({line});"
        if re.fullmatch(words.FENCES, name):
            return "emulator_fence();"
        target, *values = operands
        arguments = ", ".join(self._value(each) for each in values)
        return f"{self._register(target)} = {name.replace('.', '_')}({arguments});"

    def _register(self, text: str) -> str:
        match = re.fullmatch(r"%?([a-z]\w*)", text)
        if match is None:
            raise UnknownInstructionError(f"{text!r} is no register")
        return match[1]

    # ---- memory

    def _access(self, parts: list[str], address: str, line: int) -> tuple[str, str, int, str]:
        """A declaration of the address, the type, how many of it, and how the access is ordered."""
        spaces = [part for part in parts[1:] if part in words.SPACES]
        count = next((int(part[1:]) for part in parts if part in ("v2", "v4")), 1)
        ordered = any(part in words.ORDERED for part in parts)
        kind = parts[-1]
        known = {*words.SPACES, *words.HINTS, *words.ORDERED, *words.SCOPES, "v2", "v4", kind}
        if unknown := [part for part in parts[1:] if part not in known]:
            raise UnknownInstructionError(f".{unknown[0]}")
        size = BITS[kind] // 8 * count
        place = self._address(address)
        if spaces == ["shared"]:
            place = f"emulator_shared({place}, {size}, {line})"
        check = f" emulator_aligned(at, {size}, {line});" if count > 1 else ""
        how = "param" if spaces == ["param"] else "ordered" if ordered else "plain"
        return f"const uint64_t at = {place};{check}", kind, count, how

    def _ld(self, parts: list[str], operands: list[str], line: int) -> str:
        begin, kind, count, how = self._access(parts, operands[1], line)
        bits, out = BITS[kind], [begin]
        targets = operands[0].strip("{}").split(",")
        if len(targets) != count:
            raise UnknownInstructionError("as many registers as numbers are wanted")
        for index, target in enumerate(targets):
            loaded = f"ld_{how}_{bits}(at + {index * bits // 8}, {line})"
            signed = f"(uint64_t)(int{bits}_t)" if kind[0] == "s" else ""
            out.append(f"{self._register(target.strip())} = {signed}{loaded};")
        return f"{{ {' '.join(out)} }}"

    def _st(self, parts: list[str], operands: list[str], line: int) -> str:
        begin, kind, count, how = self._access(parts, operands[0], line)
        bits, out = BITS[kind], [begin]
        if "release" in parts:
            out.append("emulator_fence();")
        values = operands[1].strip("{}").split(",")
        if len(values) != count or how == "param":
            raise UnknownInstructionError("no store")
        for index, value in enumerate(values):
            place = f"at + {index * bits // 8}"
            out.append(f"st_{how}_{bits}({place}, {self._value(value.strip())}, {line});")
        return f"{{ {' '.join(out)} }}"

    def _atom(self, parts: list[str], operands: list[str], line: int) -> str:
        operation = next(
            part for part in parts[1:] if part not in words.SPACES | words.ORDERED | words.SCOPES
        )
        rest = [part for part in parts if part != operation]
        begin, kind, count, _ = self._access([*rest[:-1], "relaxed", rest[-1]], operands[1], line)
        if count > 1:
            raise UnknownInstructionError("a vector")
        values = ", ".join(self._value(each) for each in operands[2:])
        target = "" if operands[0] == "_" else f"{self._register(operands[0])} = "
        return f"{{ {begin} {target}atom_{operation}_{kind}(at, {values}, {line}); }}"

    def _red(self, parts: list[str], operands: list[str], line: int) -> str:
        return self._atom(parts, ["_", *operands], line)

    def _cvta(self, parts: list[str], operands: list[str], line: int) -> str:
        value = self._value(operands[1])
        if "shared" in parts:
            value = f"emulator_window({value}, {int('to' in parts)}, {line})"
        elif not {"global", "const"} & set(parts):
            raise UnknownInstructionError("the space")
        return f"{self._register(operands[0])} = {value};"

    # ---- predicates and moves

    def _setp(self, parts: list[str], operands: list[str], line: int) -> str:  # noqa: ARG002
        combined = next((part for part in parts[2:] if part in words.COMBINED), None)
        left, right = self._value(operands[1]), self._value(operands[2])
        is_ = f"setp_{parts[1]}_{parts[-1]}({left}, {right})"
        and_ = f" {words.COMBINED[combined]} {self._value(operands[3])}" if combined else ""
        if len(parts) > 3 + bool(combined) or len(operands) != 3 + bool(combined):
            raise UnknownInstructionError("how it compares")
        true, *false = operands[0].split("|")
        out = f"const _Bool is = {is_};"
        if false:
            out = f"{{ {out} {self._register(true)} = is{and_}; "
            return out + f"{self._register(false[0])} = !is{and_}; }}"
        return f"{self._register(true)} = {is_}{and_};"

    def _selp(self, parts: list[str], operands: list[str], line: int) -> str:  # noqa: ARG002
        target, yes, no, predicate = operands
        chosen = f"{self._value(predicate)} ? {self._value(yes)} : {self._value(no)}"
        return f"{self._register(target)} = {chosen};"

    def _mov(self, parts: list[str], operands: list[str], line: int) -> str:  # noqa: ARG002
        target, value = operands
        bits = BITS[parts[1]]
        if value.startswith("{"):
            pieces = [self._value(each.strip()) for each in value.strip("{}").split(",")]
            width = bits // len(pieces)
            joined = [
                f"(uint64_t)(uint{width}_t)({piece}) << {index * width}"
                for index, piece in enumerate(pieces)
            ]
            return f"{self._register(target)} = {' | '.join(joined)};"
        if target.startswith("{"):
            names = [each.strip() for each in target.strip("{}").split(",")]
            width = bits // len(names)
            taken = [
                f"{self._register(name)} = (uint{width}_t)(all >> {index * width});"
                for index, name in enumerate(names)
                if name != "_"
            ]
            return f"{{ const uint64_t all = {self._value(value)}; {' '.join(taken)} }}"
        if parts[1] == "pred":
            return f"{self._register(target)} = ({self._value(value)}) != 0;"
        return f"{self._register(target)} = {self._value(value)};"

    # ---- control, and what threads do together

    def _bra(self, parts: list[str], operands: list[str], line: int) -> str:  # noqa: ARG002
        label = operands[0].removeprefix("$")
        turn = f"emulator_turn({line}); " if label in self._seen else ""
        return f"{turn}goto {label};"

    def _brx(self, parts: list[str], operands: list[str], line: int) -> str:  # noqa: ARG002
        targets = self._targets[operands[1]]
        cases = " ".join(f"case {index}: goto {name};" for index, name in enumerate(targets))
        return (
            f"emulator_turn({line}); switch ({self._value(operands[0])}) {{ {cases} "
            f'default: emulator_fail({line}, "a branch to none of its targets"); }}'
        )

    def _ret(self, parts: list[str], operands: list[str], line: int) -> str:  # noqa: ARG002
        return "return;"

    def _bar(self, parts: list[str], operands: list[str], line: int) -> str:
        if parts == ["bar", "warp", "sync"]:
            mask = self._value(operands[0])
            return f"emulator_warp(WARP_BARRIER, {mask}, 0, 0, 0, {line});"
        if ".".join(parts) not in words.BARRIERS or operands != ["0"]:
            raise UnknownInstructionError("which barrier")
        return f"emulator_barrier({line});"

    def _collective(self, kind: str, targets: str, arguments: str, line: int) -> str:
        """A result of 32 bits, or a predicate beside it as the next bit."""
        number, *predicate = targets.split("|")
        out = f"const uint64_t all = emulator_warp({kind}, {arguments}, {line});"
        if number != "_":
            out += f" {self._register(number)} = (uint32_t)all;"
        if predicate:
            out += f" {self._register(predicate[0])} = all >> 32 & 1;"
        return f"{{ {out} }}"

    def _vote(self, parts: list[str], operands: list[str], line: int) -> str:
        if parts[1] != "sync" or parts[2] not in ("ballot", "any", "all", "uni"):
            raise UnknownInstructionError("which vote")
        arguments = f"{self._value(operands[2])}, {self._value(operands[1])}, 0, 0"
        return self._collective(f"VOTE_{parts[2].upper()}", operands[0], arguments, line)

    def _match(self, parts: list[str], operands: list[str], line: int) -> str:
        if parts[1:] not in (["any", "sync", "b32"], ["any", "sync", "b64"]):
            raise UnknownInstructionError("which match")
        arguments = f"{self._value(operands[2])}, {self._value(operands[1])}, 0, 0"
        return self._collective("MATCH_ANY", operands[0], arguments, line)

    def _shfl(self, parts: list[str], operands: list[str], line: int) -> str:
        if parts[1] != "sync" or parts[2:] not in (
            [m, "b32"] for m in ("bfly", "idx", "up", "down")
        ):
            raise UnknownInstructionError("which shuffle")
        value, lane, clamp, mask = (self._value(each) for each in operands[1:])
        arguments = f"{mask}, (uint32_t){value}, {lane}, {clamp}"
        return self._collective(f"SHUFFLE_{parts[2].upper()}", operands[0], arguments, line)

    def _carry(self, parts: list[str], operands: list[str], line: int) -> str:  # noqa: ARG002
        """Sums and differences longer than a register."""
        target, left, right = operands
        operation = {"addc": "add", "subc": "sub"}.get(parts[0], parts[0])
        begin = "carry" if parts[0] in ("addc", "subc") else "0"
        bits = BITS[parts[-1]]
        done = f"{operation}_carry_{bits}({self._value(left)}, {self._value(right)}, {begin}, &out)"
        keep = " carry = out;" if "cc" in parts else ""
        return f"{{ _Bool out; {self._register(target)} = {done};{keep} }}"


_OWN = (
    "ld",
    "st",
    "atom",
    "red",
    "cvta",
    "setp",
    "selp",
    "mov",
    "bra",
    "brx",
    "ret",
    "bar",
    "vote",
)
_SPECIAL_OPERANDS: dict[str, Callable[[Body, list[str], list[str], int], str]] = {
    **{name: getattr(Body, f"_{name}") for name in (*_OWN, "match", "shfl")},
    "exit": Body._ret,
    "addc": Body._carry,
    "subc": Body._carry,
}
