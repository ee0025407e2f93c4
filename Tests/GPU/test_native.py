"""libtopkloss_cuda.so from C, on devices that are played: the programs Tests/C/cuda_*.c."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from topkloss._library import _path as library_path

import device
from library import cuda_library

SOURCES = device.TOP / "Tests/C"
WARNINGS = ("-Wall", "-Wextra", "-Wpedantic", "-Werror", "-Wconversion", "-Wshadow")


def run(
    program: str, folder: Path, *arguments: str, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Compiles a program of C11, with warnings as errors, and runs it."""
    driver = device.stand_in_driver()
    host = Path(library_path()).resolve()
    for name, file in (("libtopkloss.so.1", host), ("libtopkloss_cuda.so.1", cuda_library())):
        if not (folder / name).exists():
            (folder / name).symlink_to(file)
    subprocess.run(
        [
            *("cc", "-std=c11", "-O2", *WARNINGS),
            *(f"-I{place}" for place in (device.TOP / "include", device.HERE)),
            *(str(SOURCES / name) for name in (f"{program}.c", "interpose.c")),
            *(str(folder / name) for name in ("libtopkloss_cuda.so.1", "libtopkloss.so.1")),
            *(str(driver / "libcuda.so.1"), f"-Wl,-rpath,{folder}:{driver}", "-pthread", "-lm"),
            *("-o", str(folder / program)),
        ],
        check=True,
    )
    environment = os.environ | {
        "TOPKLOSS_GPU_CACHE": str(device.cache()),
        "TOPKLOSS_CUDA": "1",
        **variables,
    }
    return subprocess.run(
        [str(folder / program), *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_refusals(tmp_path: Path) -> None:
    done = run("cuda_refusals", tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("part", ["failures", "threads", "child"])
def test_driver(part: str, tmp_path: Path) -> None:
    done = run("cuda_driver", tmp_path, part, FAKE_CUDA_DEVICES="2")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
