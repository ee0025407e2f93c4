"""What the papers claim, shown or refuted on data that anybody can get.

Run it as `python examples/python/evidence`; `--help` lists the options.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from time import perf_counter

import geonames_demo  # noqa: F401

FOLDER = Path(__file__).resolve().parent
COMMITTED = FOLDER / "results.json"
SUBJECT_NAMES = ("geonames", "taxonomy", "fonts")


def options() -> argparse.Namespace:
    """The command line. Before anything large is imported."""
    parser = argparse.ArgumentParser(
        prog="python examples/python/evidence", description=__doc__.splitlines()[0]
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help="a quarter of the data, two settings and two seeds a loss: to see it run (3 minutes)",
    )
    parser.add_argument(
        "--subjects",
        nargs="+",
        choices=SUBJECT_NAMES,
        default=SUBJECT_NAMES,
        help="which data (all)",
    )
    parser.add_argument(
        "--jobs", type=int, default=os.cpu_count() or 1, help="trainings at a time (a core each)"
    )
    parser.add_argument(
        "--output", type=Path, default=FOLDER / "output", help="where to leave what is found"
    )
    parser.add_argument(
        "--compare",
        type=Path,
        default=None,
        metavar="JSON",
        help="with which earlier results (those committed beside this program; not in a quick run)",
    )
    return parser.parse_args()


def main() -> None:
    given = options()
    # Read when a worker imports NumPy and PyTorch: a training has one core.
    os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", OMP_WAIT_POLICY="passive")
    try:
        from evidence_run import run
    except ModuleNotFoundError as missing:
        sys.exit(
            f"The package {missing.name} is not installed. Install topkloss[torch] from "
            "bindings/python, and examples/python/evidence/requirements.txt."
        )
    if given.compare and not given.compare.is_file():
        sys.exit(f"error: there is no file {given.compare}")
    compare = given.compare or (COMMITTED if COMMITTED.exists() and not given.quick else None)
    started = perf_counter()
    try:
        run(given.subjects, given.jobs, given.output, compare, given.quick, started)
    except KeyboardInterrupt:
        sys.exit("Stopped. The same command goes on where this one was.")


if __name__ == "__main__":
    main()
