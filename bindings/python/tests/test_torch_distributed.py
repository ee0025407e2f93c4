"""Batches and classes that several processes have parts of."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import distributed_worker
import pytest
from torch_graphs import nothing_compiled
from torch_support import (
    CLASSES,
    COUNTS,
    COUPLED,
    MAKERS,
    ONE_HEAD,
    batch,
    each,
    modules,
    refuses,
    torch,
)

from topkloss.metrics import TopKAccuracy
from topkloss.torch.distributed import GlobalBatch, ShardedClasses, class_range, reduce_metric

__all__ = ["nothing_compiled"]


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, str | None]]:
    """How the checks ended in each process."""
    folder = tmp_path_factory.mktemp("ranks")
    here = Path(__file__).parent
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(here), *sys.path]),
        "OMP_NUM_THREADS": "1",
        "GLOO_SOCKET_IFNAME": "lo",
    }
    worker = subprocess.Popen(
        [sys.executable, distributed_worker.__file__, str(folder)],
        env=environment,
        start_new_session=True,
    )
    try:
        worker.wait(distributed_worker.SECONDS + 60)
    finally:
        if worker.poll() is None:
            os.killpg(worker.pid, signal.SIGKILL)  # its session: it and the processes it forked
            worker.wait()
    ranks = [folder / f"rank{rank}.json" for rank in range(distributed_worker.RANKS)]
    return [json.loads(each.read_text()) if each.exists() else {} for each in ranks]


@pytest.mark.parametrize("name", distributed_worker.CHECKS)
def test_in_processes(name: str, outcomes: list[dict[str, str | None]]) -> None:
    failures = [each.get(name, "it was not done in time, or after another") for each in outcomes]
    assert failures == [None] * distributed_worker.RANKS, "\n".join(filter(None, failures))


def test_alone_with_all_classes():
    logits, labels = batch()
    criterion = modules.LDAMLoss(COUNTS)
    found, expected = ShardedClasses(criterion, CLASSES)(logits, labels), criterion(logits, labels)
    assert torch.equal(found, expected)
    for one, other in zip(
        torch.autograd.grad(found, logits), torch.autograd.grad(expected, logits), strict=True
    ):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("ranks", [1, 2, 3, 7, 16])
@pytest.mark.parametrize("classes", [16, 21, 32, 64, 96, 97, 100_003])
def test_ranges_are_all_classes(classes, ranks):
    found = [class_range(classes, rank, ranks) for rank in range(ranks)]
    assert [number for each in found for number in each] == [*range(classes)]
    block = 32 if classes > 32 * (ranks - 1) else 1
    assert all(each.start % block == 0 and each for each in found)
    sizes = [-(-len(each) // block) for each in found]
    assert max(sizes) - min(sizes) <= 1


def test_ranges_of_nothing():
    for rank, ranks in ((0, 4), (3, 3), (-1, 2)):
        refuses(lambda given=(3, rank, ranks): class_range(*given), "OPTION", f"rank {rank}")


@each
def test_alone(name):
    """Outside of `torch.distributed` the loss is the criterion's."""
    single, whole = MAKERS[name](), GlobalBatch(MAKERS[name]())
    logits, labels = batch()
    whole.criterion.load_state_dict(single.state_dict())
    second = () if single.loss._traits.heads == 1 else (batch(seed=6)[0],)
    for training in (True, False):
        single.train(training)
        whole.train(training)
        expected = single(logits, *second, labels)
        found = whole(logits, *second, labels)
        torch.testing.assert_close(found, expected)
        upstream = torch.tensor(0.5).double()
        torch.testing.assert_close(
            torch.autograd.grad(found, logits, upstream),
            torch.autograd.grad(expected, logits, upstream),
        )


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf:UserWarning")
def test_compiled_on_either_side():
    """The graph ends before the loss, and the loss is not in it."""
    whole, layer = GlobalBatch(MAKERS[ONE_HEAD]()), torch.nn.Linear(6, 21).double()

    def step(inputs, labels):
        return 2 * whole(layer(inputs), labels)

    inputs, labels = batch(requires_grad=False)[0][:, :6], batch()[1]
    expected = step(inputs, labels)
    found = torch.compile(step, backend="eager")(inputs, labels)
    torch.testing.assert_close(found, expected)
    parameters = [*layer.parameters()]
    torch.testing.assert_close(
        torch.autograd.grad(found, parameters), torch.autograd.grad(expected, parameters)
    )


def test_refusals():
    make = GlobalBatch
    refuses(lambda: make(torch.nn.CrossEntropyLoss()), "ENUMERATOR", "criterion is a CrossEntropy")
    criterion = modules.CrossEntropyLoss()
    refuses(lambda: make(criterion, gradients="mean"), "ENUMERATOR", "gradients is 'mean'")
    refuses(lambda: make(MAKERS[COUPLED](reduction="none")), "OPTION", "depend on other")
    refuses(lambda: reduce_metric({}), "ENUMERATOR", "metric is a dict")
    logits, labels = batch()
    with pytest.raises(RuntimeError, match="only once"):
        torch.autograd.grad(make(criterion)(logits, labels), logits, create_graph=True)


def test_a_metric_alone():
    logits, labels = batch(requires_grad=False)
    metric = TopKAccuracy(3)
    metric.update(logits, labels)
    found = reduce_metric(metric)
    assert found.compute() == metric.compute()
    found.update(logits, labels)
    assert found.weights.sum() == 2 * metric.weights.sum()
