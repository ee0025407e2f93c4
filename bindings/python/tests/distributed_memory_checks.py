"""What the parts of very many classes take of each process's memory."""

from __future__ import annotations

from pathlib import Path

import torch
from torch_support import modules

from topkloss.torch.distributed import ShardedClasses, class_range


def _memory(what):
    return int(Path("/proc/self/status").read_text().partition(what)[2].split()[0]) * 1024


def _peak(function):
    """What it takes at most, above what there is before it."""
    Path("/proc/self/clear_refs").write_text("5")
    before = _memory("VmRSS:")
    function()
    return _memory("VmHWM:") - before


def memory_of_shards(worlds):
    """Of 100,000 classes over three ranks; the whole is measured in the same process."""
    world, classes, rows = worlds[-1], 100_000, 64
    ranges = [class_range(classes, rank, world.count) for rank in range(world.count)]
    module = modules.CrossEntropyLoss()
    generator = torch.Generator().manual_seed(1)
    labels = torch.randint(classes, (rows,), generator=generator)
    found = {}

    def columns(rank):
        generator = torch.Generator().manual_seed(rank)
        return torch.rand((rows, len(ranges[rank])), generator=generator).mul_(9)

    def run(name, criterion, logits):
        logits.requires_grad_()
        value = criterion(logits, labels)
        value.backward()
        found[name] = value.item(), logits.grad

    sharded = ShardedClasses(module, classes, world.group)
    run("warm", sharded, columns(world.rank)[:, : len(ranges[world.rank])])
    found.clear()
    part = _peak(lambda: run("part", sharded, columns(world.rank)))
    value, gradient = found.pop("part")
    whole = _peak(lambda: run("whole", module, torch.rand((rows, classes))))
    found.clear()
    assert part <= 0.4 * whole, f"{part / 2**20:.1f} of {whole / 2**20:.1f} MiB"
    run("whole", module, torch.cat([columns(rank) for rank in range(world.count)], dim=1))
    expected, slopes = found["whole"]
    assert abs(value / expected - 1) < 1e-6
    own = slopes[:, ranges[world.rank].start : ranges[world.rank].stop]
    assert (gradient - own).abs().max() <= 1e-6 * slopes.abs().max()


def memory_of_flat_scores(worlds):
    """Of scores that are all contenders for the candidates: a part of one matrix, not several."""
    world = worlds[-1]
    rows, classes = 512, 12_000
    module = modules.TwoHeadAverageKLoss(5, reduction="sum")
    whole = world.wrap(module)
    logits = torch.zeros(rows, classes)
    if world.rank == 1:
        logits[:, 0] = 9  # whose others are at a bound far below
    labels = torch.arange(rows)
    whole(logits[:8], logits[:8], labels[:8])
    alone = _peak(lambda: module(logits, logits, labels))
    together = _peak(lambda: whole(logits, logits, labels))
    matrix = logits.numel() * logits.element_size()
    assert together - alone < 2.5 * matrix, f"{(together - alone) / matrix:.1f} matrices"


CHECKS = {
    "memory_of_shards": memory_of_shards,
    "memory_of_flat_scores": memory_of_flat_scores,
}
