"""A process with an instruction set of its own, that times our calls when it is told to.

The library chooses its instruction set when it is loaded, so that each needs a process. Processes
are asked in turn, so that what slows the machine slows all of them. One line in, one line out:
a problem as JSON, answered with the instruction set in use; then ``go``, answered with the
milliseconds of one call.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import topkloss
from benchmarks.losses import BY_NAME, Loss, Run, evaluation
from benchmarks.problems import Problem, Size
from benchmarks.timing import milliseconds


class Worker:
    """One such process, from outside."""

    def __init__(self, level: str, threads: int) -> None:
        environment = {
            **os.environ,
            "TOPKLOSS_SIMD": level,
            "TOPKLOSS_NUM_THREADS": str(threads),
        }
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )

    def _ask(self, line: str) -> str:
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        print(line, file=stdin, flush=True)
        answer = stdout.readline().strip()
        if not answer:
            raise RuntimeError("a process that times an instruction set has ended")
        return answer

    def prepare(self, loss: Loss, problem: Problem) -> str:
        """Sets what is to be timed, and tells the instruction set."""
        description: dict[str, Any] = {
            "loss": loss.name,
            "size": [problem.size.rows, problem.size.classes],
            "rows": problem.rows,
            "dtype": problem.dtype,
        }
        return self._ask(json.dumps(description))

    def milliseconds(self) -> float:
        """How long one call took there."""
        return float(self._ask("go"))

    def close(self) -> None:
        """Ends the process."""
        self._process.communicate("")


def _prepared(line: str) -> Run:
    given = json.loads(line)
    loss = BY_NAME[given["loss"]]
    problem = Problem(Size(*given["size"]), given["rows"], given["dtype"], loss.cosines)
    run = evaluation(loss, problem)
    run()
    return run


def main() -> None:
    """Answers until its input ends."""
    run: Run | None = None
    for line in sys.stdin:
        if line.strip() == "go":
            assert run is not None
            answer = repr(milliseconds(run))
        else:
            run = _prepared(line)
            answer = topkloss.simd
        print(answer, flush=True)


if __name__ == "__main__":
    main()
