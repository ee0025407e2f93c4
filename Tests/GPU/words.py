"""Words of PTX that the translator knows, apart from the names of plain instructions."""

from __future__ import annotations

SPECIAL = {
    "%tid.x": "emulator.thread",
    "%ntid.x": "emulator.threads",
    "%ctaid.x": "emulator.block",
    "%nctaid.x": "emulator.blocks",
    "%laneid": "(emulator.thread & 31)",
    "%lanemask_lt": "((1u << (emulator.thread & 31)) - 1)",
    **{f"%{of}id.{axis}": "0" for of in ("t", "cta") for axis in "yz"},
    **{f"%{of}id.{axis}": "1" for of in ("nt", "ncta") for axis in "yz"},
    "WARP_SZ": "32",
}
SPACES = {"global", "shared", "param", "const"}
# How an access is cached or ordered, none of which the emulator tells apart but `ORDERED`.
HINTS = {"nc", "ca", "cg", "cs", "lu", "cv", "wb", "wt", "weak", "L1::no_allocate"}
ORDERED = {"volatile", "relaxed", "acquire", "release", "acq_rel"}
SCOPES = {"cta", "gpu", "sys"}
HOW = SPACES | ORDERED | SCOPES
BARRIERS = {"bar.sync", "barrier.sync", "barrier.sync.aligned", "bar.cta.sync"}
BARRIERS |= {"barrier.cta.sync", "barrier.cta.sync.aligned"}
FENCES = r"membar\.(cta|gl|sys)|fence(\.sc|\.acq_rel)?\.(cta|gpu|sys)"
COMBINED = {"and": "&&", "or": "||", "xor": "!="}
