"""How fast a device computes losses, next to what else there is on it; device_check.py runs this.

Seconds of a call are the median over calls whose data no cache has left. Value and gradient are
wanted each time.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import topkloss
import torch
from topkloss import cuda
from topkloss.torch import LogitAdjustedLoss, NoisedTopKLoss
from torch.nn.functional import cross_entropy

DEVICE = "cuda"
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
SHAPES = ((4096, 1000), (4096, 32_000), (256, 1000), (64, 100_000))
NOISED_SHAPES = ((256, 1000), (128, 10_000))
SAMPLES, EPSILON, RANK = 5, 1.0, 5
Call = Callable[[], Any]


def _event() -> torch.cuda.Event:
    return torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]


def seconds(call: Call, calls: int = 30) -> float:
    """Of a call, on the device."""
    flushed = torch.empty(256 << 20, dtype=torch.uint8, device=DEVICE)
    for _ in range(3):
        call()
    taken: list[float] = []
    for _ in range(calls):
        flushed.zero_()
        start, end = _event(), _event()
        start.record()
        call()
        end.record()
        end.synchronize()
        taken.append(start.elapsed_time(end) / 1000)
    return statistics.median(taken)


def _class_counts(classes: int) -> Any:
    return np.maximum(1, 10_000 // np.arange(1, classes + 1))


def _backward(value: torch.Tensor) -> None:
    value.backward()  # type: ignore[no-untyped-call]


def _training_step(loss: Callable[[torch.Tensor], torch.Tensor], logits: torch.Tensor) -> Call:
    """Value and gradient by autograd."""

    def step() -> None:
        leaf = logits.detach().requires_grad_()
        _backward(loss(leaf))

    return step


class Direct:
    """The library itself, by pointers; memory and constants are there before."""

    def __init__(self, loss: Any, logits: torch.Tensor, labels: torch.Tensor) -> None:
        self.loss, self.logits, self.labels = loss, logits, labels
        self.gradient = torch.empty_like(logits)
        dtype = str(logits.dtype).removeprefix("torch.")
        self.batch = cuda.batch(
            len(logits),
            logits.shape[1],
            dtype,
            logits=logits.data_ptr(),
            labels=labels.data_ptr(),
        )
        self.result = cuda.result(gradient=self.gradient.data_ptr())
        constants, workspace = cuda.needs(loss, self.batch, self.result)
        self.constants = torch.from_numpy(cuda.constants(loss, constants)).to(DEVICE)
        self.workspace = torch.empty(workspace, dtype=torch.uint8, device=DEVICE)
        self.outcome = torch.zeros(6, dtype=torch.float64, device=DEVICE)

    def __call__(self) -> None:
        """Puts it on the current stream."""
        cuda.evaluate(
            self.loss,
            self.batch,
            self.result,
            constants=self.constants.data_ptr() if len(self.constants) else None,
            workspace=self.workspace.data_ptr(),
            workspace_bytes=len(self.workspace),
            outcome=self.outcome.data_ptr(),
            stream=torch.cuda.current_stream().cuda_stream,
        )


def _calls(logits: torch.Tensor, labels: torch.Tensor) -> dict[str, Callable[[], Call]]:
    """What is compared, each made when its turn comes."""
    classes = logits.shape[1]
    counts = _class_counts(classes)
    offset = torch.from_numpy(np.log(counts / counts.sum())).to(logits)

    def eager(leaf: torch.Tensor) -> torch.Tensor:
        return cross_entropy(leaf + offset, labels)

    def liger() -> Call:
        from liger_kernel.transformers import (  # type: ignore[import-not-found]
            LigerCrossEntropyLoss,
        )

        loss = LigerCrossEntropyLoss()
        # It writes the gradient over its input, and knows no offset: a copy is its own.
        return _training_step(lambda leaf: loss(leaf + offset, labels), logits)

    module = LogitAdjustedLoss(counts)
    copied = torch.empty_like(logits)
    return {
        "copy": lambda: lambda: copied.copy_(logits),
        "topkloss": lambda: Direct(topkloss.LogitAdjustedLoss(counts), logits, labels),
        "topkloss.torch": lambda: _training_step(lambda leaf: module(leaf, labels), logits),
        "eager": lambda: _training_step(eager, logits),
        "compile": lambda: _training_step(torch.compile(eager, dynamic=False), logits),
        "liger": liger,
    }


def _microseconds(make: Callable[[], Call], deadline: float) -> float | str:
    """Of a call that is made first; or why there is no such number, for the table."""
    if time.monotonic() > deadline:
        return "no time left"
    try:
        return round(1e6 * seconds(make()), 2)
    except Exception as error:
        return f"{type(error).__name__}: {error}"[:200]


def logit_adjusted(deadline: float) -> dict[str, Any]:
    """Microseconds by shape and type; the share of a copy's bandwidth, one read and one write."""
    table: dict[str, dict[str, Any]] = {}
    for rows, classes in SHAPES:
        for name, dtype in DTYPES.items():
            logits = torch.randn(rows, classes, device=DEVICE, dtype=dtype)
            labels = torch.randint(classes, (rows,), device=DEVICE)
            row: dict[str, Any] = {}
            for what, make in _calls(logits, labels).items():
                row[what] = _microseconds(make, deadline)
            if isinstance(row["copy"], float):
                size = 2 * logits.nbytes
                row["copy, GB/s"] = round(size / row["copy"] / 1e3, 1)
                if isinstance(row["topkloss"], float):
                    row["share of a copy"] = round(row["copy"] / row["topkloss"], 3)
            table[f"{rows} x {classes}, {name}"] = row
    return {"microseconds": table}


def noised_topk(deadline: float) -> dict[str, Any]:
    """Noised top-K of five samples, against the same formulation in PyTorch, as pytopk has it."""
    table: dict[str, dict[str, Any]] = {}
    for rows, classes in NOISED_SHAPES:
        logits = torch.randn(rows, classes, device=DEVICE)
        labels = torch.randint(classes, (rows,), device=DEVICE)

        def formulation(leaf: torch.Tensor, labels: torch.Tensor = labels) -> torch.Tensor:
            noise = torch.randn(*leaf.shape, SAMPLES, device=DEVICE)
            strongest = torch.topk(leaf.unsqueeze(-1) + EPSILON * noise, RANK, dim=1).values
            threshold = strongest[:, -1].mean(-1)
            of_label = leaf.gather(1, labels[:, None]).squeeze(1)
            return torch.relu(1 + threshold - of_label).mean()

        module = NoisedTopKLoss(k=RANK, epsilon=EPSILON, n_samples=SAMPLES)
        direct = topkloss.NoisedTopKLoss(k=RANK, epsilon=EPSILON, n_samples=SAMPLES)
        calls: dict[str, Callable[[], Call]] = {
            "topkloss": lambda: Direct(direct, logits, labels),  # noqa: B023
            "topkloss.torch": lambda: _training_step(lambda leaf: module(leaf, labels), logits),  # noqa: B023
            "formulation": lambda: _training_step(formulation, logits),  # noqa: B023
        }
        row: dict[str, Any] = {}
        for what, make in calls.items():
            row[what] = _microseconds(make, deadline)
        if all(isinstance(row[what], float) for what in ("topkloss", "formulation")):
            row["times as fast"] = round(row["formulation"] / row["topkloss"], 2)
        table[f"{rows} x {classes}"] = row
    return {"microseconds": table}


def overhead(calls: int = 2000) -> dict[str, Any]:
    """Microseconds that a call keeps the processor, whatever the device does meanwhile."""
    logits = torch.randn(8, 10, device=DEVICE)
    labels = torch.randint(10, (8,), device=DEVICE)
    module = LogitAdjustedLoss(_class_counts(10))
    direct = Direct(topkloss.LogitAdjustedLoss(_class_counts(10)), logits, labels)
    out = {}
    timed: dict[str, Call] = {
        "topkloss": direct,
        "topkloss.torch, without gradient": lambda: module(logits, labels),
        "topkloss.torch, with": _training_step(lambda leaf: module(leaf, labels), logits),
        "cross_entropy, with": _training_step(lambda leaf: cross_entropy(leaf, labels), logits),
    }
    for name, call in timed.items():
        for _ in range(20):
            call()
        torch.cuda.synchronize()
        started = time.perf_counter()
        for index in range(calls):
            call()
            if index % 200 == 199:
                torch.cuda.synchronize()  # so that the queue of launches is never full
        out[name] = round(1e6 * (time.perf_counter() - started) / calls, 2)
    return {"microseconds": out}


def graph() -> dict[str, Any]:
    """Calls captured into graphs and replayed on other logits: by pointers, and by the module."""
    logits = torch.randn(512, 1000, device=DEVICE)
    labels = torch.randint(1000, (512,), device=DEVICE)
    call = Direct(topkloss.LogitAdjustedLoss(_class_counts(1000)), logits, labels)
    cuda.prepare(call.loss)
    direct = torch.cuda.CUDAGraph()
    with torch.cuda.graph(direct):
        call()
    module = LogitAdjustedLoss(_class_counts(1000))
    leaf = logits.clone().requires_grad_()
    # The first calls, with what cannot be captured.
    side = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(2):
            leaf.grad = None
            _backward(module(leaf, labels))
    torch.cuda.current_stream().wait_stream(side)
    leaf.grad = None
    captured = torch.cuda.CUDAGraph()
    with torch.cuda.graph(captured):
        _backward(module(leaf, labels))
    logits.copy_(torch.randn_like(logits))
    leaf.detach().copy_(logits)
    direct.replay()
    captured.replay()
    torch.cuda.synchronize()
    found = {"topkloss": call.gradient.clone(), "topkloss.torch": leaf.grad}
    call()
    torch.cuda.synchronize()
    wrong = {
        name: "another gradient when replayed"
        for name, gradient in found.items()
        if gradient is None or not torch.allclose(gradient, call.gradient, rtol=1e-6, atol=0)
    }
    microseconds = {
        name: round(1e6 * seconds(each.replay), 2)
        for name, each in (("topkloss", direct), ("topkloss.torch", captured))
    }
    return {"wrong": wrong, "microseconds": microseconds}
