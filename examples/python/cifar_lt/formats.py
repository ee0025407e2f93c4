"""What the files of CIFAR-10 and CIFAR-100 are called, and what they call things."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Format:
    """Where a data set's files are, and what they call things.

    Attributes:
        folder: Below the folder that is given.
        training: Names of the files to train on.
        test: The name of the test file.
        labels: The key of the labels.
        classes: Their number.
        downloader: The name in `torchvision.datasets`.
    """

    folder: str
    training: tuple[str, ...]
    test: str
    labels: str
    classes: int
    downloader: str


FORMATS = {
    "cifar10": Format(
        folder="cifar-10-batches-py",
        training=tuple(f"data_batch_{number}" for number in range(1, 6)),
        test="test_batch",
        labels="labels",
        classes=10,
        downloader="CIFAR10",
    ),
    "cifar100": Format(
        folder="cifar-100-python",
        training=("train",),
        test="test",
        labels="fine_labels",
        classes=100,
        downloader="CIFAR100",
    ),
}
