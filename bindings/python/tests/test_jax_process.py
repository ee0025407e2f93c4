"""Programs end when they are told to, whatever JAX still has queued, and never with wrong values.

Each in a process of its own, with a time limit: what is feared is a process that hangs.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

pytest.importorskip("jax")

SECONDS = 120

# JAX computes while Python goes on, so the last calls are in its queue when the script ends.
QUEUED = """if True:
    import sys
    import jax, numpy as np
    from topkloss.jax import cross_entropy_loss
    rng = np.random.default_rng(0)
    inputs = rng.standard_normal((32, 8)).astype(np.float32)
    labels = rng.integers(16, size=32)

    @jax.jit
    def update(w):
        return w - 0.1 * jax.grad(lambda w: cross_entropy_loss(inputs @ w, labels).mean())(w)

    w = np.zeros((8, 16), np.float32)
    for _ in range(30):
        w = update(w)
    print("queued", flush=True)
"""


def run(script, **more):
    return subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=SECONDS, **more
    )


@pytest.mark.parametrize(
    ("ending", "code", "words"),
    [
        ("", 0, ""),
        ("raise RuntimeError('of another kind')", 1, "RuntimeError: of another kind"),
        ("del w, update; jax.clear_caches(); import gc; gc.collect()", 0, ""),
    ],
)
def test_end_with_calls_queued(ending, code, words):
    finished = run(f"{QUEUED}\n    {ending}\n")
    assert finished.returncode == code, finished.stderr
    assert finished.stdout == "queued\n"
    assert words in finished.stderr


def test_end_with_callbacks_queued():
    """Which call into an interpreter that is about to end."""
    finished = run(QUEUED, env={**os.environ, "TOPKLOSS_XLA_LIBRARY": ""})
    assert (finished.returncode, finished.stdout, finished.stderr) == (0, "queued\n", "")


# Without jit there are other programs between the calls, and calls that take longer.
LARGE = """if True:
    import sys, threading
    import jax, numpy as np
    from topkloss.jax import cross_entropy_loss
    logits = jax.numpy.zeros((256, 2000))
    labels = np.zeros(256, np.int64)
    slope = jax.grad(lambda z: cross_entropy_loss(z, labels).sum())
    kept = []
    def work():
        for _ in range(10):
            kept.append(slope(logits))
"""


@pytest.mark.parametrize(
    "ending",
    [
        "work(); del kept, slope; jax.clear_caches()",
        "work(); jax.config.update('jax_enable_x64', True); work(); sys.exit()",
        "thread = threading.Thread(target=work); thread.start()",
    ],
)
def test_end_with_large_calls_queued(ending):
    finished = run(f"{LARGE}\n    {ending}\n")
    assert (finished.returncode, finished.stderr) == (0, "")


# On one processor, whose only thread of XLA's pool a call must not wait for.
ALONE = """if True:
    import os, sys, threading, time
    os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])
    import jax, numpy as np
    from topkloss.jax import cross_entropy_loss
    logits = jax.numpy.zeros((256, 1000))
    labels = np.zeros(256, np.int64)
    slope = jax.jit(jax.grad(lambda z: cross_entropy_loss(z, labels).mean()))
    expected = np.asarray(slope(logits))
    end, wrong = time.monotonic() + 0.7, []
    def work():
        while time.monotonic() < end:
            wrong.append(not np.array_equal(slope(logits), expected))
    threads = [threading.Thread(target=work) for _ in range(int(sys.argv[1]))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print("ended", any(wrong), len(wrong) > len(threads))
"""


@pytest.mark.parametrize("threads", ["2", "8"])
def test_one_processor(threads):
    """Hung, as callbacks with arguments of more than 100 KiB do."""
    kept = {name: value for name, value in os.environ.items() if name != "NPROC"}
    finished = subprocess.run(
        [sys.executable, "-c", ALONE, threads],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        env={**kept, "JAX_PLATFORMS": "cpu"},
    )
    assert (finished.stdout, finished.stderr) == ("ended False True\n", "")


# The same with callbacks, which can hang there.
CALLBACKS = """if True:
    import os
    os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])
    import jax, numpy as np
    from topkloss.jax import cross_entropy_loss
    logits = jax.numpy.zeros((ROWS, 1000))
    labels = np.zeros(ROWS, np.int64)
    slope = jax.grad(lambda z: cross_entropy_loss(z, labels).sum())
    for _ in range(20):
        slope(logits).block_until_ready()
    print("ended")
"""


def alone(rows, **variables):
    kept = {name: value for name, value in os.environ.items() if name != "NPROC"}
    more = {"JAX_PLATFORMS": "cpu", "TOPKLOSS_XLA_LIBRARY": "", **variables}
    return {
        "args": [sys.executable, "-c", CALLBACKS.replace("ROWS", str(rows))],
        "text": True,
        "stdout": subprocess.PIPE,
        "stderr": subprocess.PIPE,
        "env": {**kept, **more},
    }


def test_callbacks_on_one_thread_are_warned_of():
    """Before they may hang."""
    process = subprocess.Popen(**alone(256))
    watch = threading.Timer(SECONDS, process.kill)
    watch.start()
    try:
        said = process.stderr.readline()
    finally:
        watch.cancel()
        process.kill()
        process.communicate()
    assert "RuntimeWarning: JAX has one thread" in said
    assert "NPROC to 2" in said


@pytest.mark.parametrize(("rows", "variables"), [(256, {"NPROC": "2"}), (20, {})])
def test_callbacks_with_nothing_to_warn_of(rows, variables):
    """More threads than processors, and arguments that are copied at once."""
    finished = subprocess.run(**alone(rows, **variables), timeout=SECONDS)
    assert (finished.stdout, finished.stderr) == ("ended\n", "")


# An interrupt is Python's to see in the main thread, or JAX's, when it comes in the callback.
INTERRUPTED = """if True:
    import signal, sys
    signal.signal(signal.SIGINT, signal.default_int_handler)  # else ignored behind a shell
    import jax, numpy as np
    from topkloss.jax import cross_entropy_loss
    logits = np.random.default_rng(0).standard_normal((256, 500)).astype(np.float32)
    labels = np.arange(256)
    slope = jax.jit(jax.value_and_grad(lambda z: cross_entropy_loss(z, labels).sum()))
    shifted = np.exp(logits.astype(np.float64))
    expected = shifted / shifted.sum(1, keepdims=True)
    expected[np.arange(256), labels] -= 1
    slope(logits)[0].block_until_ready()
    for _ in range(4):
        print("ready", flush=True)
        try:
            while True:
                value, gradient = slope(logits)
                if not np.allclose(gradient, expected, atol=1e-4):
                    sys.exit("wrong value")
        except KeyboardInterrupt:
            print("Python's", flush=True)
        except (jax.errors.JaxRuntimeError, ValueError) as error:
            # By JAX's error, and by no other.
            if "KeyboardInterrupt" not in str(error):
                sys.exit(f"another error: {error}")
            print("JAX's", flush=True)
"""


def test_interrupts():
    """At four times, chosen at random so that some fall into a call; the next calls are right."""
    delays = np.random.default_rng(int(time.time())).uniform(0.05, 0.4, 4)
    process = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    watch = threading.Timer(SECONDS, process.kill)
    watch.start()
    said = []
    try:
        for delay in delays:
            said.append(process.stdout.readline())
            time.sleep(delay)
            process.send_signal(signal.SIGINT)
            said.append(process.stdout.readline())
        _, errors = process.communicate()
    finally:
        watch.cancel()
        process.kill()
    assert process.returncode == 0, (delays, said, errors)
    assert said[::2] == ["ready\n"] * 4
    assert set(said[1::2]) <= {"Python's\n", "JAX's\n"}
