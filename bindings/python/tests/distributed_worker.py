"""Runs every check in three processes, and writes down how each ended.

They are forked once PyTorch is imported and before it has computed anything, so that the import,
which takes longer than all checks, is done once. Whoever fails leaves, and the others with it.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
import time
import traceback
from datetime import timedelta
from pathlib import Path

import distributed_checks
import distributed_failure_checks
import distributed_memory_checks
import distributed_row_checks
import distributed_shard_checks
import distributed_training_checks
import torch
from distributed_support import World
from torch import distributed

CHECKS = {
    **distributed_checks.CHECKS,
    **distributed_row_checks.CHECKS,
    **distributed_failure_checks.CHECKS,
    **distributed_shard_checks.CHECKS,
    **distributed_memory_checks.CHECKS,
    **distributed_training_checks.CHECKS,
}
RANKS = 3
SECONDS = 240


def _run(rank: int, folder: Path) -> None:
    torch.set_num_threads(1)
    store = distributed.FileStore(str(folder / "store"), RANKS)
    patience = timedelta(seconds=30)
    options = {"store": store, "rank": rank, "world_size": RANKS, "timeout": patience}
    distributed.init_process_group("gloo", **options)
    pair = distributed.new_group([0, 1], timeout=patience)
    worlds = [World(None, RANKS, rank)]
    if rank < 2:
        worlds.insert(0, World(pair, 2, rank))
    found: dict[str, str | None] = {}
    name = ""
    try:
        for name, check in CHECKS.items():
            check(worlds)
            found[name] = None
        distributed.destroy_process_group()
    except BaseException:
        found[name] = f"rank {rank}: {traceback.format_exc()}"
    finally:
        (folder / f"rank{rank}.json").write_text(json.dumps(found))


def _fork(rank: int, folder: Path) -> int:
    child = os.fork()
    if child:
        return child
    try:
        _run(rank, folder)
    finally:
        sys.stdout.flush()
        os._exit(0)


def main(folder: Path) -> None:
    """Waits for the processes, and ends those that are not done in time."""
    importlib.import_module("torch._dynamo")  # which optimisers would import in each of them
    children = {_fork(rank, folder) for rank in range(RANKS)}
    end = time.monotonic() + SECONDS
    while children and time.monotonic() < end:
        children -= {child for child in children if os.waitpid(child, os.WNOHANG)[0]}
        time.sleep(0.02)
    for child in children:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
