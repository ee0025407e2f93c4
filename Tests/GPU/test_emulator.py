"""What the emulator finds: each kernel here is wrong in one way, and right without it."""

from __future__ import annotations

import numpy as np
import pytest

import small
from device import ORDERS, LaunchError

ZEROS = np.zeros(64, np.int32)
# A thread's number to its neighbour in the warp, or in the next warp, through shared memory.
EXCHANGE = """st.shared.b32 [%rd5], %r1;
{barrier}
xor.b32 %r2, %r1, {distance};
mul.wide.u32 %rd6, %r2, 4;
add.s64 %rd7, %rd4, %rd6;
ld.shared.b32 %r3, [%rd7];
st.global.b32 [%rd3], %r3;"""
SUM = """mov.b32 %r2, %r1;
shfl.sync.bfly.b32 %r3, %r2, 16, 31, -1;
add.s32 %r2, %r2, %r3;
shfl.sync.bfly.b32 %r3, %r2, 8, 31, -1;
add.s32 %r2, %r2, %r3;
st.global.b32 [%rd3], %r2;"""


@pytest.mark.parametrize(
    ("distance", "barrier"), [(32, "bar.sync 0;"), (1, "bar.warp.sync -1;"), (1, "bar.sync 0;")]
)
def test_a_missing_barrier_is_a_race_and_shows_in_other_orders(distance: int, barrier: str) -> None:
    body = EXCHANGE.format(distance=distance, barrier=barrier)
    kernel = small.module(body)
    wanted = (np.arange(64) ^ distance).tolist()
    for order in ORDERS:
        assert small.run(kernel, ZEROS, order=order)[0].tolist() == wanted
    line = small.line_of(body, barrier)
    with pytest.raises(LaunchError, match=r"nobody has stored|a race: it loads"):
        small.run(kernel, ZEROS, without=line)
    wrong = [
        order
        for order in ORDERS[1:]
        if small.run(kernel, ZEROS, order=order, without=line)[0].tolist() != wanted
    ]
    # Order 2 keeps stores back; a warp that runs ahead sees nothing of the other.
    assert {2, 3} <= set(wrong)


def test_a_warp_barrier_is_not_one_for_the_block() -> None:
    kernel = small.module(EXCHANGE.format(distance=32, barrier="bar.warp.sync -1;"))
    with pytest.raises(LaunchError, match="a race: it loads what thread 32 at"):
        small.run(kernel, ZEROS)


def test_a_shuffle_does_not_order_memory() -> None:
    shuffle = "shfl.sync.bfly.b32 %r9, %r1, 1, 31, -1;"
    kernel = small.module(EXCHANGE.format(distance=1, barrier=shuffle))
    with pytest.raises(LaunchError, match="a race: it loads what thread"):
        small.run(kernel, ZEROS)
    assert small.run(kernel, ZEROS, order=4)[0].tolist() == (np.arange(64) ^ 1).tolist()
    assert small.run(kernel, ZEROS, order=2)[0].tolist() != (np.arange(64) ^ 1).tolist()


def test_a_store_into_what_another_thread_loads_is_a_race() -> None:
    again = "st.shared.b32 [%rd5], %r3;"
    body = EXCHANGE.format(distance=32, barrier="bar.sync 0;")
    with pytest.raises(LaunchError, match="a race: it loads what thread 0 at"):
        small.run(small.module(body + again), ZEROS)
    small.run(small.module(f"{body}\nbar.sync 0;\n{again}"), ZEROS)
    loaded = "ld.global.b32 %r2, [%rd1];\nsetp.eq.s32 %p1, %r1, 63;\n@%p1 st.global.b32 [%rd1], 5;"
    with pytest.raises(LaunchError, match="stores other bytes than other threads at line 19"):
        small.run(small.module(loaded), ZEROS)


def test_stores_of_the_same_bytes_are_no_race() -> None:
    body = "st.shared.b32 [%rd4], 7;\nld.shared.b32 %r3, [%rd4];\nst.global.b32 [%rd3], %r3;"
    for order in ORDERS:
        assert small.run(small.module(body), ZEROS, order=order)[0].tolist() == [7] * 64
    counted = "ld.global.b32 %r2, [%rd1];\nadd.s32 %r2, %r2, 1;\nst.global.b32 [%rd1], %r2;"
    with pytest.raises(LaunchError, match="a race"):
        small.run(small.module(counted), ZEROS)


def test_blocks_are_never_ordered() -> None:
    body = "mov.u32 %r2, %ctaid.x;\nst.global.b32 [%rd3], %r2;\nld.global.b32 %r3, [%rd3];"
    small.run(small.module(body), ZEROS)
    read = "mov.u32 %r2, %ctaid.x;\nld.global.b32 %r3, [%rd3];\nst.global.b32 [%rd3], %r2;"
    with pytest.raises(LaunchError, match="block 1: a race"):
        small.run(small.module(read), ZEROS, blocks=2)
    added = "atom.global.add.u32 %r2, [%rd1], 1;\nred.global.add.u32 [%rd1+4], %r1;"
    for order in ORDERS:
        out, _ = small.run(small.module(added), ZEROS, blocks=3, order=order)
        assert out[:2].tolist() == [192, 3 * 63 * 32]


def test_threads_that_wait_for_ever() -> None:
    some = "setp.lt.u32 %p1, %r1, 40;\n@%p1 bar.sync 0;"
    with pytest.raises(
        LaunchError, match=r"0 to 39 waits at bar.sync, line 20; 40 to 63 has ended"
    ):
        small.run(small.module(some), ZEROS)
    lanes = "setp.lt.u32 %p1, %r1, 40;\n@%p1 shfl.sync.bfly.b32 %r2, %r1, 1, 31, -1;"
    with pytest.raises(LaunchError, match="32 to 39 waits for its warp"):
        small.run(small.module(lanes), ZEROS)
    # Barriers of different places, which the two halves of the block would pair.
    paired = "setp.lt.u32 %p1, %r1, 32;\n@%p1 bar.sync 0;\n@!%p1 bar.sync 0;"
    with pytest.raises(LaunchError, match="threads wait"):
        small.run(small.module(paired), ZEROS)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("st.global.b32 [%rd3+256], %r1;", "outside of the memory"),
        ("ld.global.b32 %r2, [%rd1+-4096];", "outside of the memory"),
        ("st.global.b64 [%rd3], %rd1;", "no multiple"),
        ("ld.global.v2.b32 {%r2, %r3}, [%rd1+4];", "no multiple"),
        ("st.shared.b32 [%rd5+4], %r1;", "of 256 bytes of shared memory"),
        ("ld.shared.b32 %r2, [%rd5];", "nobody has stored"),
        ("cvta.shared.u64 %rd6, %rd5;\nst.b32 [%rd6+4], %r1;", "outside of the memory"),
        ("bar.warp.sync 1;", "without the thread itself"),
        ("$L_0:\nbra $L_0;", "does not end"),
    ],
)
def test_accesses_and_loops(body: str, words: str) -> None:
    with pytest.raises(LaunchError, match=words):
        small.run(small.module(body), ZEROS, turns=1000)


def test_shuffles_see_lanes_that_take_part() -> None:
    body = """setp.lt.u32 %p1, %r1, 16;
mov.b32 %r3, -1;
@%p1 shfl.sync.down.b32 %r3|%p2, %r1, 1, 31, 0xffff;
@!%p1 shfl.sync.up.b32 %r3|%p2, %r1, 1, 0, 0xffff0000;
st.global.b32 [%rd3], %r3;"""
    out, _ = small.run(small.module(body), ZEROS[:32], threads=32)
    assert out[:15].tolist() == list(range(1, 16))
    assert out[17:].tolist() == list(range(16, 31))
    assert out[15] not in range(32)
    assert out[16] not in range(32)


def test_votes_and_matches() -> None:
    body = """and.b32 %r2, %r1, 3;
setp.eq.s32 %p1, %r2, 2;
vote.sync.ballot.b32 %r3, %p1, -1;
match.any.sync.b32 %r4, %r2, -1;
vote.sync.any.pred %p2, %p1, -1;
vote.sync.all.pred %p3, %p1, -1;
selp.b32 %r5, 1, 0, %p2;
@%p3 add.s32 %r5, %r5, 2;
shl.b64 %rd6, %rd2, 2;
add.s64 %rd7, %rd1, %rd6;
st.global.v4.b32 [%rd7], {%r3, %r4, %r5, %r2};"""
    out, counts = small.run(small.module(body), np.zeros((32, 4), np.uint32), threads=32)
    assert (out[:, 0] == 0x44444444).all()
    assert out[:4, 1].tolist() == [0x11111111 << lane for lane in range(4)]
    assert (out[:, 2] == 1).all()
    assert counts.shuffles == 4 * 32


def test_a_mutated_shuffle_brings_other_numbers() -> None:
    line = small.line_of(SUM, "shfl.sync.bfly.b32 %r3, %r2, 8")
    right, counts = small.run(small.module(SUM), ZEROS)
    wrong, mutated = small.run(small.module(SUM), ZEROS, without=line)
    assert right[0] == 0 + 16 + 8 + 24
    assert wrong[0] == 0 + 16 + ((8 + 24) ^ 0x5A5A5A5A)
    assert counts.trace == mutated.trace


def test_the_trace_tells_what_was_done_together() -> None:
    _, counts = small.run(small.module(SUM), ZEROS)
    for order in ORDERS:
        assert small.run(small.module(SUM), ZEROS, order=order)[1].trace == counts.trace
    other = SUM.replace("%r2, 8, 31", "%r2, 4, 31")
    assert small.run(small.module(other), ZEROS)[1].trace != counts.trace
