"""Limits that the host or the system sets on threads, in a process of its own with PyTorch."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

# Threads are counted, not timed: those that a limit forbids are never started.
SCRIPT = """if True:
    import os, resource, threading
    import numpy as np, torch, topkloss, topkloss.torch
    from threadpoolctl import threadpool_limits

    logits = np.random.default_rng(0).standard_normal((400, 3000)).astype(np.float32)
    labels = np.arange(400)
    loss, module = topkloss.CrossEntropyLoss(), topkloss.torch.CrossEntropyLoss()
    tensors = torch.from_numpy(logits), torch.from_numpy(labels)

    def check(criterion, *batch, starts):
        before = len(os.listdir("/proc/self/task"))
        value = float(criterion(*batch))
        started = len(os.listdir("/proc/self/task")) - before
        assert started == starts, (started, starts)
        return value

    torch.set_num_threads(4)
    assert topkloss.get_num_threads() == 4
    torch.set_num_threads(1)
    assert topkloss.get_num_threads() == 1
    check(loss, logits, labels, starts=0)

    def on_a_thread():
        check(module, *tensors, starts=0)
        ended.append(True)

    ended = []
    thread = threading.Thread(target=on_a_thread)
    thread.start()
    thread.join()
    assert ended

    torch.set_num_threads(4)
    with threadpool_limits(1):
        assert topkloss.get_num_threads() == 1
        check(loss, logits, labels, starts=0)
        topkloss.set_num_threads(2)
    assert topkloss.get_num_threads() == 4
    with threadpool_limits({"topkloss": 3}):
        assert topkloss.get_num_threads() == 3
    torch.set_num_threads(1)
    assert topkloss.get_num_threads() == 1

    topkloss.set_num_threads(3)
    with threadpool_limits(1):
        check(loss, logits, labels, starts=0)
    check(loss, logits, labels, starts=2)

    topkloss.set_num_threads(0)
    torch.set_num_threads(4)
    with open("/proc/self/statm") as file:
        present = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (present + (4 << 20), -1))
    value = check(loss, logits, labels, starts=0)
    resource.setrlimit(resource.RLIMIT_AS, (-1, -1))
    assert check(loss, logits, labels, starts=3) == value
"""


def test_limits_hold_in_a_process_with_pytorch():
    pytest.importorskip("torch")
    pytest.importorskip("threadpoolctl")
    inherited = {k: v for k, v in os.environ.items() if not k.endswith("_NUM_THREADS")}
    outcome = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SCRIPT],
        capture_output=True,
        text=True,
        env={**inherited, "OMP_NUM_THREADS": "4"},
    )
    assert outcome.returncode == 0, outcome.stderr
