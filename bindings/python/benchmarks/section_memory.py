"""How much resident memory a call adds while it runs, in multiples of the logits.

Each measurement is in a forked child of a process that has imported everything and has computed
nothing yet: no heap that an earlier call has grown, and no threads at the time of the fork.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import torch

import topkloss
from benchmarks import bars
from benchmarks.lines import Line
from benchmarks.losses import BY_NAME, Loss, Run, evaluation
from benchmarks.peers import DIFFTOPK, EAGER, PYTOPK, peers_of
from benchmarks.problems import Problem, Size
from benchmarks.settings import Settings

OURS = "ours"
MORE = "ours, of more rows"
_CLASSES = 100_000
_ROWS = 16
_MORE_ROWS = 64
_PEERS = (EAGER, PYTOPK, DIFFTOPK)


def _kilobytes(name: str) -> int:
    status = Path("/proc/self/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith(name + ":"))
    return int(line.split()[1])


def growth(run: Run) -> int:
    """Bytes by which the resident set grows during a call, at its peak."""
    Path("/proc/self/clear_refs").write_text("5")  # the peak is what is there now
    before = _kilobytes("VmRSS")
    result = run()
    peak = _kilobytes("VmHWM")
    del result
    return 1024 * max(0, peak - before)


def _run(loss: Loss, problem: Problem, who: str) -> Run | None:
    if who == OURS:
        return evaluation(loss, problem)
    return next((peer.run for peer in peers_of(loss, problem, (who,))), None)


def _measure(loss: Loss, who: str, rows: int) -> float | None:
    """In the child: a small call that loads code and starts threads, then the large one."""
    small = _run(loss, Problem(Size(256, 1000), cosines=loss.cosines), who)
    if small is None:
        return None
    small()
    problem = Problem(Size(rows, _CLASSES), cosines=loss.cosines)
    run = _run(loss, problem, who)
    return None if run is None else growth(run) / problem.logits.nbytes


def _in_child(loss: Loss, who: str, rows: int = _ROWS) -> float | None:
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.write(writer, json.dumps(_measure(loss, who, rows)).encode())
            code = 0
        finally:
            os._exit(code)
    os.close(writer)
    with os.fdopen(reader) as answer:
        text = answer.read()
    os.waitpid(child, 0)
    return None if text in ("", "null") else float(text)


def main() -> None:
    """A line of JSON for every loss that is named and everybody who has it."""
    threads, *names = sys.argv[1:]
    torch.set_num_threads(int(threads))
    topkloss.set_num_threads(int(threads))
    for name in names:
        found = {who: _in_child(BY_NAME[name], who) for who in (OURS, *_PEERS)}
        found[MORE] = _in_child(BY_NAME[name], OURS, _MORE_ROWS)
        print(json.dumps([name, found]), flush=True)


def lines(settings: Settings) -> Iterator[Line]:
    """Ours and the peers', as multiples of the logits. The figure is what more rows add to ours.

    A loss may keep some vectors of a row for each thread, which is no matter; what grows with
    rows times classes would be.
    """
    names = [loss.name for loss in settings.losses]
    command = [sys.executable, "-m", "benchmarks.section_memory", str(settings.threads), *names]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for text in process.stdout:
            name, found = json.loads(text)
            ours, more = found.pop(OURS), found.pop(MORE)
            if ours is None or more is None:
                raise RuntimeError(f"the memory of {name} could not be measured")
            peers = {who: size for who, size in found.items() if size is not None}
            by_row = (_MORE_ROWS * more - _ROWS * ours) / (_MORE_ROWS - _ROWS)
            for i, (who, theirs) in enumerate(peers.items() or [("nobody", float("nan"))]):
                yield Line(
                    section="memory",
                    loss=name,
                    rows="untrained",
                    dtype="float32",
                    size=str(Size(_ROWS, _CLASSES)),
                    against=who,
                    ours=ours,
                    theirs=theirs,
                    unit="logits",
                    figure=max(0.0, by_row),
                    bar=bars.MEMORY if i == 0 else None,
                    at_most=True,
                )


if __name__ == "__main__":
    main()
