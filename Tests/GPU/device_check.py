"""What only a GPU can tell: whether kernels that have been emulated are right there, and how fast.

    python Tests/GPU/device_check.py [--library FILE] [--cuda-library FILE] [--json FILE] [part ...]

On a machine with an NVIDIA GPU, from this repository, with Python 3.11 or later and the packages
numpy, scipy, ml_dtypes, pytest and torch; liger-kernel is compared with where it is there. Swift is
not needed: libtopkloss.so and libtopkloss_cuda.so are looked for in .build/release. At most eight
minutes, whatever happens: every part is a process of its own with a limit of its own, and one that
fails or hangs does not keep the others from being done.

--played has the stand-in driver of the tests instead of a GPU, and does few losses, to try this
script out where there is no GPU. The exit status is 0 where nothing was wrong.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
TOP = HERE.parents[1]
# Seconds that each may take: 455 together.
LIMITS = {
    "compilation": 40,
    "correctness": 120,
    "sanitizer": 80,
    "speed": 140,
    "noised": 35,
    "overhead": 20,
    "graph": 20,
}
NEEDS_GPU = ("sanitizer", "speed", "noised", "overhead", "graph")
_END = 5
"""Seconds before its limit at which a part stops beginning something."""


def _do(part: str, *, few: bool) -> dict[str, Any]:
    """One part, in this process."""
    if part == "compilation":
        from device_correctness import compilations

        return compilations()
    if part in ("correctness", "sanitizer"):
        from device_correctness import correctness

        return correctness(few=few or part == "sanitizer")
    import device_speed

    deadline = time.monotonic() + LIMITS[part] - _END
    if part == "speed":
        return device_speed.logit_adjusted(deadline)
    if part == "noised":
        return device_speed.noised_topk(deadline)
    return device_speed.overhead() if part == "overhead" else device_speed.graph()


def _command(part: str, result: Path, *, played: bool) -> list[str] | None:
    """What does a part; None where this machine has not what it takes."""
    command = [sys.executable, str(HERE / "device_check.py"), "--do", part, "--json", str(result)]
    if played:
        return None if part in NEEDS_GPU else [*command, "--played"]
    if part == "sanitizer":
        sanitizer = shutil.which("compute-sanitizer")
        return [sanitizer, "--error-exitcode", "9", *command] if sanitizer else None
    return command


def _environment(options: argparse.Namespace) -> dict[str, str]:
    given = os.environ.get("PYTHONPATH")
    paths = [str(TOP / "bindings/python/src"), *([given] if given else [])]
    return os.environ | {
        "PYTHONPATH": os.pathsep.join(paths),
        "TOPKLOSS_LIBRARY": str(options.library.resolve()),
        "TOPKLOSS_CUDA_LIBRARY": str(options.cuda_library.resolve()),
        "TOPKLOSS_CUDA": "1",
        "TOPKLOSS_GPU_DRIVER": "played" if options.played else "real",
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def _run(part: str, options: argparse.Namespace) -> dict[str, Any]:
    """One part in a process of its own: what it found, or why it found nothing."""
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "result.json"
        command = _command(part, result, played=options.played)
        if command is None:
            why = "no GPU is used" if options.played else "no compute-sanitizer on PATH"
            return {"skipped": why}
        environment = _environment(options)
        if part == "compilation":
            # The driver keeps what it has compiled.
            environment["CUDA_CACHE_DISABLE"] = "1"
        try:
            done = subprocess.run(
                command,
                env=environment,
                capture_output=True,
                text=True,
                timeout=LIMITS[part],
                check=False,
            )
        except subprocess.TimeoutExpired:
            return {"failed": f"not done within {LIMITS[part]} seconds"}
        found: dict[str, Any] = json.loads(result.read_text()) if result.exists() else {}
        if done.returncode or not found:
            said = (done.stdout + done.stderr)[-1500:]
            found["failed"] = f"exit status {done.returncode}: {said}"
        return found


def _lines(name: str, found: Any, depth: int = 0) -> list[str]:
    """A part of the report as text."""
    if isinstance(found, dict):
        out = ["  " * depth + name]
        for key, value in found.items():
            out += _lines(key, value, depth + 1)
        return out
    return [f"{'  ' * depth}{name}: {found}"]


def main() -> int:
    """Does all parts, or those that are named, and reports."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("parts", nargs="*", metavar="part", help=", ".join(LIMITS))
    release = TOP / ".build/release"
    parser.add_argument("--library", type=Path, default=release / "libtopkloss.so")
    parser.add_argument("--cuda-library", type=Path, default=release / "libtopkloss_cuda.so")
    parser.add_argument("--json", type=Path, help="where the report goes as JSON too")
    parser.add_argument("--played", action="store_true", help="without a GPU")
    parser.add_argument("--do", choices=LIMITS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.do:
        options.json.write_text(json.dumps(_do(options.do, few=options.played)))
        return 0
    if unknown := set(options.parts) - set(LIMITS):
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    report: dict[str, Any] = {}
    for part in options.parts or LIMITS:
        started = time.monotonic()
        report[part] = _run(part, options)
        report[part]["took"] = round(time.monotonic() - started, 1)
        print("\n".join(_lines(part, report[part])), flush=True)
        if options.json:
            options.json.write_text(json.dumps(report, indent=1))
    wrong = [part for part, found in report.items() if found.get("failed") or found.get("wrong")]
    print(f"wrong: {', '.join(wrong)}" if wrong else "nothing was wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
