"""The package as a whole: what it imports, and what it says when something is missing."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from contract import CONTRACT

import topkloss


def python(script, **environment):
    return subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
    )


def test_importing_needs_numpy_alone():
    script = """if True:
        import sys, ctypes, numpy
        sys.modules["threadpoolctl"] = None  # as if it were not installed
        before = set(sys.modules)
        import topkloss
        outside = {name.partition(".")[0] for name in set(sys.modules) - before}
        outside -= set(sys.stdlib_module_names) | {"topkloss", "numpy"}
        assert not outside, outside
        assert "topkloss.torch" not in sys.modules
    """
    finished = python(script)
    assert finished.returncode == 0, finished.stderr


def test_importing_starts_no_thread_and_prints_nothing():
    script = """if True:
        import os, topkloss
        assert len(os.listdir("/proc/self/task")) == THREADS
    """
    # NumPy's own libraries start threads.
    threads = python("import os, numpy; print(len(os.listdir('/proc/self/task')))").stdout
    finished = python(script.replace("THREADS", threads.strip()))
    assert (finished.returncode, finished.stdout, finished.stderr) == (0, "", "")


def test_torch_missing():
    finished = python("import sys; sys.modules['torch'] = None; import topkloss.torch")
    assert "topkloss.torch needs PyTorch: pip install topkloss[torch]" in finished.stderr
    assert finished.stderr.strip().splitlines()[-1].startswith("ImportError: topkloss.torch")


def test_keras_missing():
    finished = python("import sys; sys.modules['keras'] = None; import topkloss.keras")
    last = finished.stderr.strip().splitlines()[-1]
    assert last == "ImportError: topkloss.keras needs Keras 3: pip install topkloss[keras]"


def test_modules_of_frameworks_need_no_import_of_their_own():
    pytest.importorskip("sklearn")
    script = """if True:
        import sys, topkloss
        assert "topkloss.sklearn" not in sys.modules
        assert {"sklearn", "boosting"} <= set(dir(topkloss))
        assert topkloss.sklearn.LinearClassifier.__name__ == "LinearClassifier"
        assert topkloss.boosting.xgboost_objective
        assert not hasattr(topkloss, "tensorflow")
        sys.modules["jax"] = None
        assert "jax" not in dir(topkloss)
        topkloss.jax
    """
    finished = python(script)
    last = finished.stderr.strip().splitlines()[-1]
    assert last == "ImportError: topkloss.jax needs JAX: pip install topkloss[jax]"


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/nowhere/libtopkloss.so", "cannot load its library"),
        (os.devnull, "cannot load its library"),
        ("libc.so.6", "topkloss_status_name"),
    ],
)
def test_wrong_library(path, words):
    finished = python("import topkloss", TOPKLOSS_LIBRARY=path)
    last = finished.stderr.strip().splitlines()[-1]
    assert last.startswith("ImportError: topkloss cannot")
    assert words in last


def test_everything_public_is_there_and_documented():
    for name in topkloss.__all__:
        value = getattr(topkloss, name)
        if callable(value):
            assert value.__doc__, name
    assert topkloss.simd in ("avx512", "avx2", "portable", "neon")
    assert set(topkloss.__all__) >= {*CONTRACT, "ThresholdState", "TopKLossError"}
