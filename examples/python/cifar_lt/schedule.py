"""The schedule of Cao et al. (NeurIPS 2019), by epochs, as their code has it.

SGD with momentum; the learning rate rises linearly for five epochs, and falls to a hundredth at
epoch 160 and to a ten-thousandth at 180, of 200. Re-weighting, where a recipe has it, begins with
the first fall: by then features are learnt, and weights move the boundaries alone.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Schedule:
    """How a training goes. Epochs are counted from 0.

    Attributes:
        epochs: Passes over the pictures.
        warm_up: Epochs in which the learning rate rises.
        falls: Epochs from which it is multiplied by `fall`, once more each time.
        reweighted_from: The first epoch with class weights, in recipes that defer them.
    """

    epochs: int = 200
    warm_up: int = 5
    falls: tuple[int, ...] = (160, 180)
    fall: float = 0.01
    reweighted_from: int = 160
    learning_rate: float = 0.1
    momentum: float = 0.9
    weight_decay: float = 2e-4
    batch_size: int = 128
    beta: float = 0.9999
    """Of the effective number of pictures, by which classes are weighted."""

    def rate(self, epoch: int) -> float:
        """The learning rate of an epoch."""
        if epoch < self.warm_up:
            return self.learning_rate * (epoch + 1) / self.warm_up
        return self.learning_rate * self.fall ** sum(epoch >= each for each in self.falls)

    @classmethod
    def of_length(cls, epochs: int) -> Schedule:
        """The same schedule in so many epochs, all of its parts as much shorter or longer.

        In few epochs falls move forward, for each to have an epoch; a run of two has one, of one
        epoch none.
        """
        published = cls()
        share = epochs / published.epochs
        after = len(published.falls)
        falls = [
            min(round(share * each), epochs - after + place)
            for place, each in enumerate(published.falls)
        ]
        return cls(
            epochs=epochs,
            warm_up=max(1, round(share * published.warm_up)),
            falls=tuple(each for each in falls if each > 0),
            reweighted_from=max(1, falls[0]),
        )
