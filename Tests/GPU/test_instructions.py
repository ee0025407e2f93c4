"""Instructions whose meaning is not C's, by PTX's own rules."""

from __future__ import annotations

import re
import struct

import numpy as np
import pytest

import small
from device import Module
from ptx import UnknownInstructionError
from translate import translate

NAN, INFINITY = "0f7FC00000", "0f7F800000"


def f(number: float) -> str:
    return f"0f{struct.unpack('<I', struct.pack('<f', number))[0]:08X}"


def d(number: float) -> str:
    return f"0d{struct.unpack('<Q', struct.pack('<d', number))[0]:016X}"


def bits(number: float) -> int:
    return int(struct.unpack("<I", struct.pack("<f", number))[0])


def bits64(number: float) -> int:
    return int(struct.unpack("<Q", struct.pack("<d", number))[0])


# An instruction of a result and immediate operands, and the result's bits.
CASES = [
    # A shift by more than the register leaves nothing, or signs.
    ("shl.b32 1, 32", 0),
    ("shl.b64 1, 63", 1 << 63),
    ("shr.u32 -1, 40", 0),
    ("shr.s32 -8, 40", 0xFFFFFFFF),
    ("shr.s64 -8, 1", 2**64 - 4),
    ("shr.b64 -1, 64", 0),
    # Out of range is the nearest there is; NaN is 0, or the lowest where 64 bits have part.
    (f"cvt.rzi.s32.f32 {f(3e9)}", 2**31 - 1),
    (f"cvt.rzi.s32.f32 {f(-3e9)}", 2**31),
    (f"cvt.rzi.s32.f32 {f(-2.9)}", 2**32 - 2),
    (f"cvt.rni.s32.f32 {f(2.5)}", 2),
    (f"cvt.rmi.s32.f32 {f(-2.1)}", 2**32 - 3),
    (f"cvt.rpi.s32.f32 {f(-2.9)}", 2**32 - 2),
    (f"cvt.rzi.u32.f32 {f(-1)}", 0),
    (f"cvt.rzi.u64.f64 {d(1e30)}", 2**64 - 1),
    (f"cvt.rzi.s64.f64 {d(-1e30)}", 2**63),
    (f"cvt.rzi.s64.f64 {d(2.0**62)}", 2**62),
    (f"cvt.rzi.s32.f32 {NAN}", 0),
    (f"cvt.rzi.s64.f32 {NAN}", 2**63),
    ("cvt.rzi.s32.f64 0d7FF8000000000000", 2**31),
    ("cvt.rzi.s64.f64 0d7FF8000000000000", 2**63),
    # Narrow integers, with their sign or without.
    ("cvt.s32.s8 255", 2**32 - 1),
    ("cvt.u32.u8 511", 255),
    ("cvt.s64.s32 -5", 2**64 - 5),
    ("cvt.u64.u32 -5", 2**32 - 5),
    ("cvt.sat.u8.s32 300", 255),
    ("cvt.sat.s8.s32 -300", 2**32 - 128),
    # Rounding: one of each kind, and float16 from float64 at once.
    (f"cvt.rn.f32.f64 {d(1 + 2**-24)}", bits(1)),
    (f"cvt.rp.f32.f64 {d(1 + 2**-30)}", bits(1 + 2**-23)),
    (f"cvt.rz.f32.f64 {d(-1 - 2**-23 * 0.9)}", bits(-1)),
    (f"cvt.rn.f16.f64 {d(1 + 2**-11 + 2**-40)}", 0x3C01),
    (f"cvt.rn.f16.f32 {f(70000)}", 0x7C00),
    ("cvt.f32.f16 15361", bits(1 + 2**-10)),
    ("cvt.rn.f16.s64 2049", 0x6800),
    (f"cvt.rni.f32.f32 {f(-2.5)}", bits(-2)),
    ("cvt.rn.f32.u64 -1", bits(2**64)),
    ("cvt.rn.f64.s64 -1", bits64(-1)),
    # A number beside NaN, and zeros by their signs.
    (f"max.f32 {NAN}, {f(1)}", bits(1)),
    (f"min.f32 {f(2)}, {NAN}", bits(2)),
    (f"max.f32 {f(-0.0)}, {f(0)}", 0),
    (f"min.f32 {f(0)}, {f(-0.0)}", 0x80000000),
    ("min.s32 -1, 1", 2**32 - 1),
    ("min.u32 -1, 1", 1),
    # Fields, bytes and bits.
    ("bfe.u32 0x12345678, 8, 8", 0x56),
    ("bfe.s32 0x0000F000, 12, 4", 2**32 - 1),
    ("bfe.s64 0x80, 0, 8", 2**64 - 128),
    ("bfe.u32 -1, 40, 8", 0),
    ("bfi.b32 0xAB, 0, 8, 8", 0xAB00),
    ("bfi.b32 0xAB, 7, 32, 8", 7),
    ("prmt.b32 0x33221180, 0x77665544, 0x7408", 0x774480FF),
    ("shf.l.wrap.b32 0x80000000, 1, 33", 3),
    ("shf.r.clamp.b32 0, 5, 40", 5),
    ("lop3.b32 0xF0F0, 0xCCCC, 0xAAAA, 0x96", 0xF0F0 ^ 0xCCCC ^ 0xAAAA),
    ("popc.b64 -1", 64),
    ("clz.b32 0", 32),
    ("clz.b64 1", 63),
    ("brev.b32 1", 1 << 31),
    ("bfind.u32 0", 2**32 - 1),
    ("bfind.s32 -2", 0),
    ("fns.b32 0x90, 0, 2", 7),
    ("mul.hi.u64 -1, -1", 2**64 - 2),
    ("mul.hi.s32 -1, 5", 2**32 - 1),
    ("mul.wide.s32 -2, 3", 2**64 - 6),
    ("mad.lo.s32 -2, 3, 1", 2**32 - 5),
    ("div.s32 -7, 2", 2**32 - 3),
    ("rem.s32 -7, 2", 2**32 - 1),
    ("abs.s32 -7", 7),
    ("neg.s64 7", 2**64 - 7),
    (f"fma.rn.f32 {f(1 + 2**-12)}, {f(1 + 2**-12)}, {f(-1)}", bits(2**-11 + 2**-24)),
    (f"ex2.approx.ftz.f32 {f(-0.0)}", bits(1)),
    (f"ex2.approx.ftz.f32 {f(-200)}", 0),
    ("ex2.approx.ftz.f32 0fFF800000", 0),
    (f"rcp.rn.f32 {f(-0.0)}", 0xFF800000),
    (f"copysign.f32 {f(-0.0)}, {f(3)}", bits(-3)),
]
# Comparisons: what they say of a number and NaN, of two numbers, of equal ones.
COMPARISONS = {
    "eq": (0, 0, 1),
    "ne": (0, 1, 0),
    "lt": (0, 1, 0),
    "ge": (0, 0, 1),
    "equ": (1, 0, 1),
    "neu": (1, 1, 0),
    "ltu": (1, 1, 0),
    "geu": (1, 0, 1),
    "num": (0, 1, 1),
    "nan": (1, 0, 0),
}


def _register(instruction: str) -> str:
    name = instruction.split()[0].split(".")
    kind = name[1] if name[0] == "cvt" and len(name) == 3 else name[-1]
    if name[0] == "cvt" and len(name) > 3:
        kind = name[-2]
    wide = "wide" in name or (kind.endswith("64") and name[0] not in ("popc", "clz"))
    return "%rd10" if wide else "%rs1" if kind == "f16" else "%r10"


def _stored(register: str, index: int) -> str:
    widened = {"%r10": "cvt.u64.u32 %rd11, %r10;", "%rs1": "cvt.u64.u16 %rd11, %rs1;"}
    done = widened.get(register, "mov.b64 %rd11, %rd10;")
    return f"{done}\nst.global.b64 [%rd1+{8 * index}], %rd11;"


def test_instructions() -> None:
    body = []
    for index, (instruction, _) in enumerate(CASES):
        name, operands = instruction.split(" ", 1)
        register = _register(instruction)
        body += [f"{name} {register}, {operands};", _stored(register, index)]
    out, _ = small.run(small.module("\n".join(body)), np.zeros(len(CASES), np.uint64), threads=32)
    wrong = [
        f"{instruction}: {int(found):#x}, not {wanted:#x}"
        for (instruction, wanted), found in zip(CASES, out, strict=True)
        if int(found) != wanted
    ]
    assert not wrong


def test_comparisons() -> None:
    body: list[str] = []
    wanted: list[int] = []
    for name, results in COMPARISONS.items():
        for pair, result in zip(((f(1), NAN), (f(1), f(2)), (f(2), f(2))), results, strict=True):
            body.append(f"setp.{name}.f32 %p1, {pair[0]}, {pair[1]};\nselp.b32 %r10, 1, 0, %p1;")
            body.append(_stored("%r10", len(wanted)))
            wanted.append(result)
    # Two results, and one with another predicate.
    body.append("setp.lt.s32 %p1|%p2, 1, 2;\nsetp.eq.and.s32 %p3, 1, 1, !%p2;")
    for predicate, result in (("%p1", 1), ("%p2", 0), ("%p3", 1)):
        body.append(f"selp.b32 %r10, 1, 0, {predicate};")
        body.append(_stored("%r10", len(wanted)))
        wanted.append(result)
    out, _ = small.run(small.module("\n".join(body)), np.zeros(len(wanted), np.uint64), threads=32)
    assert out.tolist() == wanted


def test_sums_longer_than_a_register() -> None:
    body = """add.cc.s64 %rd10, -1, 1;
addc.s64 %rd11, 5, 0;
st.global.v2.b64 [%rd1], {%rd10, %rd11};
sub.cc.s64 %rd10, 0, 1;
subc.s64 %rd11, 5, 0;
st.global.v2.b64 [%rd1+16], {%rd10, %rd11};"""
    out, _ = small.run(small.module(body), np.zeros(4, np.uint64), threads=32)
    assert out.tolist() == [0, 6, 2**64 - 1, 4]


def test_branches_by_a_table_and_constants() -> None:
    body = """.const .align 4 .b32 table[3] = {7, 8, -9};
mov.b64 %rd10, table;
and.b32 %r2, %r1, 3;
$L_targets:
.branchtargets $L_a, $L_b, $L_a, $L_b;
brx.idx %r2, $L_targets;
$L_a: ld.const.b32 %r3, [%rd10+8];
bra $L_end;
$L_b: ld.const.b32 %r3, [%rd10];
$L_end: st.global.b32 [%rd3], %r3;"""
    head = ".const .align 4 .b32 table[3] = {7, 8, -9};"
    kernel = small.module(body.replace(head, ""))
    text = kernel.text.replace(".extern", f"{head}\n.extern")
    out, _ = small.run(Module(text), np.zeros(64, np.int32))
    assert out.tolist() == [-9, 7] * 32


def test_approximations_are_as_wrong_as_may_be_and_no_more() -> None:
    arguments = np.linspace(-100, 100, 4096, dtype=np.float32)
    body = "ld.global.b32 %r2, [%rd3];\nex2.approx.ftz.f32 %r3, %r2;\nst.global.b32 [%rd3], %r3;"
    out = np.concatenate(
        [small.run(small.module(body), part)[0] for part in np.split(arguments, 64)]
    )
    error = out / np.exp2(arguments.astype(np.float64)) - 1
    assert abs(error).max() < 2**-22
    assert abs(error).max() > 2**-23


@pytest.mark.parametrize(
    "instruction",
    [
        "add.f32 %r2, %r3, %r4;",  # ptxas may fuse it
        "activemask.b32 %r2;",
        "bar.sync 1;",
        "bar.sync 0, 64;",
        "ld.local.b32 %r2, [%rd1];",
        "call.uni (retval0), f, (param0);",
        "trap;",
    ],
)
def test_what_is_not_known_is_refused(instruction: str) -> None:
    text = small.module("ret;").text.replace("ret;", instruction, 1)
    name = re.split(r"[ ;]", instruction)[0].replace(".", "_")
    try:
        refused = translate(text).refused
    except UnknownInstructionError:
        return
    if not refused:
        with pytest.raises(RuntimeError, match=name):
            Module(text)
