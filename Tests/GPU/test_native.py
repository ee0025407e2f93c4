"""libtopkloss_cuda.so from C, on devices that are played: the programs Tests/C/cuda_*.c."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
import topkloss
from topkloss._library import _path as library_path

import device
from library import cuda_library

SOURCES = device.TOP / "Tests/C"
WARNINGS = ("-Wall", "-Wextra", "-Wpedantic", "-Werror", "-Wconversion", "-Wshadow")


def run(
    sources: list[Path], folder: Path, *arguments: str, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Compiles a program of C11, with warnings as errors, and runs it."""
    driver = device.stand_in_driver()
    host = Path(library_path()).resolve()
    for name, file in (("libtopkloss.so.1", host), ("libtopkloss_cuda.so.1", cuda_library())):
        (folder / name).symlink_to(file)
    includes = (device.TOP / "include", device.HERE, device.HERE / "toolkit")
    subprocess.run(
        [
            *("cc", "-std=c11", "-O1", *WARNINGS, *(f"-I{place}" for place in includes)),
            *map(str, sources),
            *(str(folder / name) for name in ("libtopkloss_cuda.so.1", "libtopkloss.so.1")),
            *(str(driver / "libcuda.so.1"), f"-Wl,-rpath,{folder}:{driver}", "-pthread", "-lm"),
            *("-o", str(folder / "program")),
        ],
        check=True,
    )
    environment = os.environ | {"TOPKLOSS_GPU_CACHE": str(device.cache()), "TOPKLOSS_CUDA": "1"}
    return subprocess.run(
        [str(folder / "program"), *arguments],
        env=environment | variables,
        capture_output=True,
        text=True,
        check=False,
    )


def test_refusals(tmp_path: Path) -> None:
    done = run([SOURCES / "cuda_refusals.c", SOURCES / "interpose.c"], tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("part", ["failures", "threads", "child"])
def test_driver(part: str, tmp_path: Path) -> None:
    done = run([SOURCES / "cuda_driver.c"], tmp_path, part, FAKE_CUDA_DEVICES="2")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_example(tmp_path: Path) -> None:
    done = run([device.TOP / "examples/cuda/evaluate.c"], tmp_path)
    loss = topkloss.LogitAdjustedLoss([900, 90, 10])
    logits = np.array([[1, 2, 3], [3, 2, 1]], np.float32)
    value, gradient = loss.value_and_grad(logits, np.array([2, 1]))
    expected = f"loss {value:.4f}, gradient of the first logit {gradient[0, 0]:.4f}\n"
    assert (done.returncode, done.stdout, done.stderr) == (0, expected, "")
    refused = subprocess.run(
        [str(tmp_path / "program")],
        env=os.environ | {"TOPKLOSS_CUDA": "0"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert refused.returncode == 1
    assert "TOPKLOSS_CUDA=1" in refused.stderr
