"""Calls may come from many threads, and processes may fork."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from support import bits, default_threads, long_tail

import topkloss
from topkloss import TopKLossError, metrics, posthoc

__all__ = ["default_threads"]


def large_batch(dtype, classes=3001, rows=97):
    """Enough work for many threads."""
    rng = np.random.default_rng(7)
    logits = rng.uniform(-1, 1, (rows, classes)).astype(dtype)
    return long_tail(classes, rng), logits, rng.integers(classes, size=rows)


def test_number_of_threads():
    topkloss.set_num_threads(3)
    assert topkloss.get_num_threads() == 3
    topkloss.set_num_threads(0)
    assert topkloss.get_num_threads() >= 1


@pytest.mark.parametrize("count", [-1, 1025, 2**31, 2**32 + 1, 1.5, None])
def test_bad_number_of_threads(count):
    before = topkloss.get_num_threads()
    with pytest.raises(TopKLossError) as caught:
        topkloss.set_num_threads(count)
    assert caught.value.status == "TOPKLOSS_ERROR_OPTION"
    assert topkloss.get_num_threads() == before


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"TOPKLOSS_NUM_THREADS": "3", "OMP_NUM_THREADS": "5"}, "3"),
        ({"OMP_NUM_THREADS": "5"}, "5"),
        ({}, str(len(os.sched_getaffinity(0)))),
    ],
)
def test_default_number_of_threads(environment, expected):
    inherited = {k: v for k, v in os.environ.items() if not k.endswith("_NUM_THREADS")}
    answer = subprocess.run(
        [sys.executable, "-c", "import topkloss; print(topkloss.get_num_threads())"],
        check=True,
        capture_output=True,
        text=True,
        env={**inherited, **environment},
    )
    assert answer.stdout.strip() == expected


def test_concurrent_calls():
    """Many Python threads share one loss; each gets the answer that it would get alone."""
    topkloss.set_num_threads(2)
    counts, logits, labels = large_batch(np.float32, classes=501)
    loss = topkloss.LogitAdjustedLoss(counts)
    noised = topkloss.NoisedTopKLoss(5)
    inputs = [(logits * scale).astype(np.float32) for scale in np.linspace(0.1, 3, 16)]
    expected = [loss.value_and_grad(z, labels) for z in inputs]
    expected_noised = [noised(z, labels, step=i) for i, z in enumerate(inputs)]

    def evaluate(i):
        value, gradient = loss.value_and_grad(inputs[i], labels)
        assert value == expected[i][0]
        assert bits(gradient) == bits(expected[i][1])
        assert noised(inputs[i], labels, step=i) == expected_noised[i]
        with pytest.raises(TopKLossError, match=f"label.*{i + 1000}"):
            loss(inputs[i], np.full(len(labels), i + 1000))  # this thread's own message

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(evaluate, [i % 16 for i in range(400)]))


def test_concurrent_calls_count_distinct_steps():
    _, logits, labels = large_batch(np.float32, classes=11, rows=3)
    loss, other = topkloss.NoisedTopKLoss(2, 5.0), topkloss.NoisedTopKLoss(2, 5.0)
    with ThreadPoolExecutor(8) as pool:
        values = list(pool.map(lambda _: loss(logits, labels), range(300)))
    assert sorted(values) == sorted(other(logits, labels, step=step) for step in range(300))


def test_calls_let_other_threads_run():
    """While one thread is inside a call, another runs Python."""
    logits = np.zeros((400, 20_000), np.float32)
    loss = topkloss.NoisedTopKLoss(5, n_samples=20)
    topkloss.set_num_threads(1)
    finished = threading.Event()

    def work():
        loss(logits, np.zeros(400, np.int64))
        finished.set()

    thread = threading.Thread(target=work)
    thread.start()
    turns = 0
    while not finished.is_set():
        turns += 1
        time.sleep(0.001)
    thread.join()
    assert turns > 3


def in_child(function):
    """What the function returns, a small object, in a forked child."""
    queue = multiprocessing.get_context("fork").SimpleQueue()
    pid = os.fork()
    if pid == 0:
        signal.alarm(60)  # a deadlock must end
        try:
            queue.put(function())
        finally:
            os._exit(0)
    _, status = os.waitpid(pid, 0)
    assert status == 0
    assert not queue.empty()
    return queue.get()


# A fork of a process with threads is what is tested; Python 3.12 and later warn about it, and JAX.
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.filterwarnings(r"ignore:os\.fork\(\) was called:RuntimeWarning")
@pytest.mark.parametrize("used_before", [False, True], ids=["fresh pool", "used pool"])
def test_children_compute_the_same(used_before):
    topkloss.set_num_threads(1)
    counts, logits, labels = large_batch(np.float32)
    loss = topkloss.LogitAdjustedLoss(counts)
    noised = topkloss.NoisedTopKLoss(5)

    def evaluate():
        value, gradient = loss.value_and_grad(logits, labels)
        return value, hashlib.sha256(gradient).hexdigest(), noised(logits, labels, step=1)

    expected = evaluate()
    topkloss.set_num_threads(4)
    if used_before:
        assert evaluate() == expected
    for _ in range(3):
        assert in_child(evaluate) == expected
    assert in_child(lambda: in_child(evaluate)) == expected
    assert evaluate() == expected


def test_fork_in_a_process_that_has_never_used_threads():
    script = """if True:
        import os, numpy as np, topkloss
        topkloss.set_num_threads(4)
        logits = np.random.default_rng(0).standard_normal((200, 5000))
        labels = np.arange(200)
        loss = topkloss.CrossEntropyLoss()
        pid = os.fork()
        value = loss(logits, labels)
        topkloss.set_num_threads(1)
        assert value == loss(logits, labels)
        if pid:
            assert os.waitpid(pid, 0)[1] == 0
    """
    subprocess.run([sys.executable, "-W", "ignore", "-c", script], check=True, timeout=60)


@pytest.mark.usefixtures("default_threads")
def test_what_stands_around_the_losses_is_the_same_on_any_number_of_threads():
    """Scores on a coarse grid, so that the threshold falls among ties that are kept in part."""
    counts, logits, labels = large_batch(np.float32)
    scores = np.round(logits * 8) / 8
    loss = topkloss.OutlyingMSELoss(counts)

    def results(threads):
        topkloss.set_num_threads(threads)
        threshold = posthoc.average_k_threshold(scores, 700.5)
        assert threshold.ties > 0
        return [
            np.asarray(threshold),
            *posthoc.predict_sets(scores, threshold),
            posthoc.logit_adjust(logits, counts),
            np.asarray(metrics.topk_accuracy(scores, labels, k=1500, average="macro")),
            np.asarray(metrics.average_k_accuracy(scores, labels, k=700.5)),
            loss.predict(scores, "nearest"),
        ]

    expected = results(1)
    for threads in (2, 5):
        for found, one in zip(results(threads), expected, strict=True):
            assert np.array_equal(found, one)
