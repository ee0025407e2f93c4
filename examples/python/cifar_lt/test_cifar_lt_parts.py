"""Files in CIFAR's format, the long tail, the schedule, crops and the network, each by itself."""

from __future__ import annotations

import os
import pickle
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from augmentation import PADDING, cropped_and_flipped, normalized
from cifar_files import DataError, download, read
from formats import FORMATS
from long_tail import class_counts, with_long_tail
from network import ResNet
from schedule import Schedule
from torch.nn import functional

# Files


@pytest.mark.parametrize(("name", "rows", "test_rows"), [("cifar10", 20, 4), ("cifar100", 3, 1)])
def test_files_are_read(folder: Path, name: str, rows: int, test_rows: int) -> None:
    each = FORMATS[name]
    for pictures, count in zip(read(folder, name), (rows, test_rows), strict=True):
        assert pictures.images.shape == (count * each.classes, 3, 32, 32)
        assert pictures.images.dtype == np.uint8
        assert np.bincount(pictures.labels).tolist() == [count] * each.classes


def test_files_are_as_python_2_wrote_them(folder: Path) -> None:
    """With the page's own code: `encoding="bytes"`; the keys and types are those of CIFAR."""
    with (folder / "cifar-10-batches-py" / "data_batch_2").open("rb") as file:
        content = pickle.load(file, encoding="bytes")
    assert set(content) == {b"batch_label", b"labels", b"data", b"filenames"}
    assert content[b"data"].shape == (40, 3072)
    assert type(content[b"labels"][0]) is int
    with (folder / "cifar-100-python" / "train").open("rb") as file:
        assert {b"fine_labels", b"coarse_labels"} < set(pickle.load(file, encoding="bytes"))
    training, _ = read(folder, "cifar10")
    assert np.array_equal(training.images[40:80].reshape(40, -1), content[b"data"])
    assert training.labels[40:80].tolist() == content[b"labels"]


class _Calls:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, ("never",)


class _Pickled:
    """Pickled as a call of NumPy's with a state, whatever that is."""

    def __init__(self, call: Callable[..., Any], arguments: tuple[Any, ...], state: Any) -> None:
        self.parts = call, arguments, state

    def __reduce__(self) -> tuple[Any, ...]:
        return self.parts


def with_data_type(data_type: Any, labels: Any = (0,)) -> bytes:
    """A file of one picture, whose bytes are 0."""
    state = (1, (1, 3072), data_type, False, bytes(3072))
    reconstruct: Any = np.empty(0).__reduce__()[0]
    array = _Pickled(reconstruct, (np.ndarray, (0,), b"b"), state)
    return pickle.dumps({"data": array, "labels": labels})


# With NumPy's own data type these are pointers to objects, at addresses out of the file.
OBJECTS = _Pickled(np.dtype, ("u1", False, True), (3, "|", None, None, None, 8, 8, 63))
PLAIN = np.dtype("u1")


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (pickle.dumps(_Calls()), "mkdir has no place in a file of CIFAR"),
        (pickle.dumps({"data": [[1]], "labels": [1]}), "no file of CIFAR10"),
        (pickle.dumps({"batch_label": "data"}), "no file of CIFAR10"),
        (with_data_type(OBJECTS), "63.* is no state of unsigned bytes"),
        (with_data_type(np.dtype(object)), "data type 'O8' has no place"),
        (with_data_type("u1"), "an array of u1"),
        (with_data_type(PLAIN, [0.0]), "labels are wrong"),
        (with_data_type(PLAIN, [True]), "labels are wrong"),
        (with_data_type(PLAIN, [2**70]), "labels are wrong"),
        (with_data_type(PLAIN, "0"), "labels are wrong"),
        (pickle.dumps({"data": _Pickled(np.dtype, ("u1",), None), "labels": [0]}), "no file of"),
        (b"\x80\x02}", "cannot be read"),
        (b"", "cannot be read"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, content: bytes, complaint: str) -> None:
    (tmp_path / "cifar-10-batches-py").mkdir()
    (tmp_path / "cifar-10-batches-py" / "data_batch_1").write_bytes(content)
    with pytest.raises(DataError, match=complaint):
        read(tmp_path, "cifar10")
    assert not Path("never").exists()


def test_labels_out_of_range_are_refused(tmp_path: Path, folder: Path) -> None:
    """CIFAR-100's labels, called as CIFAR-10's are."""
    with (folder / "cifar-100-python" / "test").open("rb") as file:
        content = pickle.load(file, encoding="latin1")
    content["labels"] = content["fine_labels"]
    (tmp_path / "cifar-10-batches-py").mkdir()
    with (tmp_path / "cifar-10-batches-py" / "data_batch_1").open("wb") as file:
        pickle.dump(content, file)
    with pytest.raises(DataError, match="labels are wrong"):
        read(tmp_path, "cifar10")


def test_downloads_are_torchvisions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[str, bool]] = []

    def fetch(root: str, download: bool) -> None:
        calls.append((root, download))
        if len(calls) > 1:
            raise RuntimeError("no network")

    datasets = types.SimpleNamespace(CIFAR100=fetch)
    monkeypatch.setitem(sys.modules, "torchvision", types.SimpleNamespace(datasets=datasets))
    monkeypatch.setitem(sys.modules, "torchvision.datasets", datasets)
    download(tmp_path, "cifar100")
    assert calls == [(str(tmp_path), True)]
    with pytest.raises(DataError, match="could not download cifar100: no network"):
        download(tmp_path, "cifar100")
    monkeypatch.setitem(sys.modules, "torchvision.datasets", None)
    with pytest.raises(DataError, match="torchvision, which is not installed"):
        download(tmp_path, "cifar100")


# The long tail


def test_counts_are_those_of_the_paper() -> None:
    """As the authors' code has them: the sums are in the code of Menon et al. too."""
    of_ten = class_counts(5000, 10, 100)
    assert of_ten.tolist() == [5000, 2997, 1796, 1077, 645, 387, 232, 139, 83, 50]
    assert of_ten.sum() == 12406
    of_hundred = class_counts(500, 100, 100)
    assert (of_hundred[0], of_hundred[-1], of_hundred.sum()) == (500, 5, 10847)
    assert class_counts(5000, 10, 10)[-1] == 500
    assert class_counts(20, 10, 100).tolist() == [20, 11, 7, 4, 2, 1, 1, 1, 1, 1]


def test_the_tail_has_its_counts(folder: Path) -> None:
    training, _ = read(folder, "cifar10")
    tail, again, other = (with_long_tail(training, 10, 10, seed) for seed in (3, 3, 4))
    assert np.bincount(tail.labels).tolist() == class_counts(20, 10, 10).tolist()
    assert np.array_equal(tail.images, again.images)
    assert not np.array_equal(tail.images, other.images)
    # Pictures have the labels that they had, and none is there twice.
    label_of = dict(zip(map(bytes, training.images), training.labels, strict=True))
    assert [label_of[bytes(each)] for each in tail.images] == tail.labels.tolist()
    assert len(set(map(bytes, tail.images))) == len(tail.labels)
    with pytest.raises(DataError, match="have 2 to 20 pictures"):
        with_long_tail(tail, 10, 10, 0)


# The schedule


@pytest.mark.parametrize(
    ("epoch", "rate"),
    [(0, 0.02), (3, 0.08), (4, 0.1), (5, 0.1), (159, 0.1), (160, 1e-3), (179, 1e-3), (180, 1e-5)],
)
def test_the_learning_rate(epoch: int, rate: float) -> None:
    assert Schedule().rate(epoch) == pytest.approx(rate)
    assert Schedule.of_length(200) == Schedule()


def test_a_shorter_schedule_has_the_same_parts() -> None:
    half = Schedule.of_length(100)
    assert (half.warm_up, half.falls, half.reweighted_from) == (2, (80, 90), 80)
    assert half.rate(90) == Schedule().rate(180)
    assert Schedule.of_length(1).rate(0) == 0.1


@pytest.mark.parametrize(("epochs", "falls"), [(5, (3, 4)), (3, (1, 2)), (2, (1,)), (1, ())])
def test_a_short_schedule_falls_within_the_run(epochs: int, falls: tuple[int, ...]) -> None:
    schedule = Schedule.of_length(epochs)
    assert schedule.falls == falls
    assert schedule.reweighted_from == (falls or (1,))[0]


# Pictures and the network


def test_crops_and_flips_of_a_picture() -> None:
    """Each is one of the 81 crops of the padded picture, or its mirror image; all are seen."""
    random = torch.Generator().manual_seed(0)
    image = torch.randint(256, (1, 3, 5, 7), generator=random, dtype=torch.uint8)
    padded = functional.pad(image[0], (PADDING,) * 4)
    crops = {
        (down, right, flip): bytes((crop.flip(2) if flip else crop).contiguous().numpy())
        for down in range(9)
        for right in range(9)
        for flip in (False, True)
        for crop in [padded[:, down : down + 5, right : right + 7]]
    }
    drawn = cropped_and_flipped(image.expand(2000, -1, -1, -1), random)
    seen = {bytes(each.contiguous().numpy()) for each in drawn}
    assert seen == set(crops.values())


def test_normalised_pictures() -> None:
    images = torch.tensor([0, 255], dtype=torch.uint8)[:, None, None, None].expand(2, 3, 1, 1)
    expected = [(0 - 0.4822) / 0.1994, (1 - 0.4822) / 0.1994]
    assert normalized(images)[:, 1, 0, 0].tolist() == pytest.approx(expected)


def test_the_network_is_the_papers() -> None:
    """Table 6 of He et al.: 0.46 million parameters at 32 layers; the last layer is what differs."""
    plain, normed = ResNet(10), ResNet(10, normalized=True)
    assert sum(each.numel() for each in plain.parameters()) == 464_154
    assert sum(each.numel() for each in normed.parameters()) == 464_144
    assert sum(each.ndim > 1 for each in plain.parameters()) == 32
    images = 20 * torch.randn(3, 3, 32, 32)
    for network, within in ((plain, False), (normed, True)):
        logits = network.eval()(images)
        assert logits.shape == (3, 10)
        assert bool((logits.abs() <= 1.0001).all()) == within
    with pytest.raises(ValueError, match="6n"):
        ResNet(10, 18)
