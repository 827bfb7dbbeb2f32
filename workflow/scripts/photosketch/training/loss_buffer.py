"""The losses of the latest steps, read back from the device together, and refused if not finite."""

import math
from dataclasses import dataclass

from torch import Tensor

from photosketch.jobs import job
from photosketch.training import tensors
from photosketch.training.step import Trainer

READ_BACK_EVERY = 20  # steps between two readings of the losses, each a wait for the device


@dataclass(frozen=True)
class Step:
    """A step that was made: its epoch, the images seen after it, the pairs [B] it trained on."""

    epoch: int
    images: int
    indices: Tensor


class Readings:
    """The terms of the latest steps, kept on the device until they are read back."""

    def __init__(self, trainer: Trainer, data: tensors.PackedSet, name: str) -> None:
        self.trainer = trainer
        self.data = data
        self.name = name
        self.steps: list[Step] = []  # not read back yet
        self.latest: Step | None = None
        self.values: Tensor | None = None  # [READ_BACK_EVERY, T]

    @property
    def full(self) -> bool:
        """Whether there is room for no further step."""
        return len(self.steps) == READ_BACK_EVERY

    def note(self, values: Tensor, epoch: int, indices: Tensor) -> None:
        """Keep the terms [T] of the step just made on the pairs `indices`."""
        if self.values is None:
            self.values = values.new_empty(READ_BACK_EVERY, len(values))
        self.values[len(self.steps)].copy_(values)
        self.latest = Step(epoch, self.trainer.position.images, indices)
        self.steps.append(self.latest)

    def read_back(self) -> tuple[int, dict[str, float]]:
        """Wait for the device, add the terms to the epoch's totals.

        Returns the number of images that the steps saw, and the sum of each term over these.
        Raises runtime.InputError with the first step that has a term that is not finite.
        """
        assert self.values is not None
        terms, totals = self.trainer.terms, self.trainer.position.totals
        rows = self.values[: len(self.steps)].tolist()
        for step, row in zip(self.steps, rows, strict=True):
            broken = [
                term for term, value in zip(terms, row, strict=True) if not math.isfinite(value)
            ]
            if broken:
                raise job.InputError([self._refusal(", ".join(broken), step)])
            for term, value in zip(terms, row, strict=True):
                totals[term] = totals.get(term, 0.0) + value * len(step.indices) / len(self.data)
        sizes = [len(step.indices) for step in self.steps]
        self.steps.clear()
        sums = {
            term: sum(size * row[place] for size, row in zip(sizes, rows, strict=True))
            for place, term in enumerate(terms)
        }
        return sum(sizes), sums

    def check_weights(self) -> None:
        """Raise runtime.InputError where a weight is not finite: such a state is never saved."""
        if not self.trainer.is_finite():
            assert self.latest is not None
            raise job.InputError([self._refusal("a weight", self.latest)])

    def _refusal(self, what: str, step: Step) -> str:
        batch = [f"{self.data.subset[i]}/{self.data.ids[i]}" for i in step.indices.tolist()]
        size, pairs = self.trainer.config.batch_size, len(self.data)
        within = step.images - (step.epoch - 1) * pairs
        count = (step.epoch - 1) * math.ceil(pairs / size) + math.ceil(within / size)
        return (
            f"{self.name}: {what} is not finite in epoch {step.epoch}, step {count}, "
            f"which ends at image {step.images} and trained on {', '.join(batch)}. The last good "
            "state is kept; lower train.lr or the term's weight, or look at these images"
        )
