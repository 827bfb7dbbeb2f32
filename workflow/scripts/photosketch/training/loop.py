"""Training of one ablation with one seed, resumable at any step.

Starting is resuming from nothing: an epoch's order derives from the seed and the epoch, and the
random numbers of a step from the seed and the count of images seen.
"""

import contextlib
import csv
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import numpy as np
import torch

from photosketch.configuration.settings import RunSettings, TrainConfig
from photosketch.jobs import job
from photosketch.jobs.progress import Bar
from photosketch.training import checkpoint, networks, tensors
from photosketch.training.determinism import deterministic_algorithms
from photosketch.training.loss_buffer import Readings
from photosketch.training.memory import lack_of_memory_explained
from photosketch.training.seeds import derive_seed
from photosketch.training.step import Trainer

if TYPE_CHECKING:
    from photosketch.training.tensorboard_log import Live

SAMPLES = 4  # training pairs shown in a strip
# what schedulers send ahead of the end, and Ctrl-C
STOPPING = (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT)


@dataclass(frozen=True)
class Run:
    """What a training is to leave behind, and where."""

    name: str  # in messages
    folder: Path  # of generators, log and strips
    due: list[int]  # the epochs whose generators are wanted
    fingerprint: str  # of all that the weights depend on: what a state must have to be resumed
    settings: RunSettings
    about: dict[str, Any] = field(default_factory=dict)  # what generators say of their run

    @property
    def work(self) -> Path:
        """The folder of states, and of generators until they are published."""
        return self.folder / ".state"

    def missing_generators(self) -> list[int]:
        """Due epochs whose generators are not there yet."""
        return [
            epoch for epoch in self.due if not checkpoint.generator_path(self.work, epoch).exists()
        ]


def train(
    trainer: Trainer,
    data: tensors.PackedSet,
    run: Run,
    console: TextIO,
    watch: "type[Live] | None" = None,
) -> None:
    """Train until every due epoch has its generator in the run's `work`, then publish them.

    Takes a fresh trainer and goes on from the saved state where one serves. Writes
    generator_epoch{epoch}.safetensors for each due epoch and train_log.csv (one row per epoch: mean
    of each unweighted term) to the run's folder; `watch` writes event files and strips there.
    States are written in the background. Where another process claims the folder
    (runtime.sole_writer), stops and publishes nothing.

    Raises:
        runtime.InputError: a loss or weight is no longer finite, or memory or disk are too small.
        runtime.InterruptedJobError: a signal of STOPPING came, or a claim; the state is saved.
    """
    with (
        deterministic_algorithms(),
        lack_of_memory_explained(trainer.config, trainer.device),
        _stop_requests() as stop,
        checkpoint.Saver(run.work, run.settings.states) as saver,
    ):
        _resume(trainer, run, len(data))
        job.remove_hidden_files(run.folder / "strips")
        if trainer.position.images < trainer.config.epochs * len(data):
            checkpoint.check_space(run.work, _bytes_to_write(trainer, run))
            readings = Readings(trainer, data, run.name)
            guard = Guard(run, trainer, readings, saver, stop)
            watching: contextlib.AbstractContextManager[Live | None] = (
                watch(run.folder, run.name, trainer.position.images)
                if watch
                else contextlib.nullcontext()
            )
            with watching as live:
                _train_epochs(trainer, data, run, readings, guard, live, console)
    # another job may want other hyper-parameters, and finds all in .state
    if job.is_claimed(run.folder):
        raise job.InterruptedJobError(f"{run.name}: another job waits to go on with this training")
    for epoch in run.due:
        source = checkpoint.generator_path(run.work, epoch)
        checkpoint.publish(source, checkpoint.generator_path(run.folder, epoch))
    write_log(trainer.position.log[: trainer.config.epochs], run.folder / "train_log.csv")


def _resume(trainer: Trainer, run: Run, pairs: int) -> None:
    """Take over the saved state, where there is one that still serves."""
    state = checkpoint.load_state(run.work, run.fingerprint)
    if state is None:
        return
    passed = [epoch for epoch in run.missing_generators() if epoch <= state["images"] // pairs]
    if passed:
        print(f"the saved state is past epoch {passed[0]}, whose generator was not kept: afresh")
        checkpoint.clear(run.work)
        return
    trainer.restore(state)
    images = trainer.position.images
    done, seen = divmod(images, pairs)
    print(f"resuming after epoch {done} and {seen} images, {images} images in all")


def _bytes_to_write(trainer: Trainer, run: Run) -> int:
    """What the rest of the run adds to the disk: states (one more while written), generators."""
    states = (run.settings.states + 1) * trainer.bytes_of_state()
    there = sum(path.stat().st_size for path in run.work.glob("state-*.bin"))
    generators = len(run.missing_generators()) * trainer.generator.bytes()
    return max(0, states - there) + generators


def _train_epochs(
    trainer: Trainer,
    data: tensors.PackedSet,
    run: Run,
    readings: Readings,
    guard: "Guard",
    live: "Live | None",
    console: TextIO,
) -> None:
    """Epochs and their batches, from the trainer's position to the last epoch."""
    config, position, pairs = trainer.config, trainer.position, len(data)
    first, total = position.images // pairs + 1, config.epochs * pairs
    part = f"epoch {first}/{config.epochs}"
    with Bar(run.name, total, console, done=position.images, part=part, delay=0) as bar:
        for epoch in range(first, config.epochs + 1):
            bar.part = f"epoch {epoch}/{config.epochs}"
            rate = learning_rate(config, epoch)
            trainer.set_learning_rate(rate)
            order = epoch_order(pairs, trainer.seed, epoch).to(trainer.device)
            for indices in order[position.images % pairs :].split(config.batch_size):
                readings.note(trainer.advance(data, indices), epoch, indices)
                bar.update(len(indices))
                epoch_ends = position.images % pairs == 0
                if readings.full or epoch_ends or guard.stopping:
                    count, sums = readings.read_back()
                    if live:
                        values = {"epoch": epoch, "learning_rate": rate}
                        live.note(position.images, count, sums, values)
                    guard.watch()
                    if guard.save_is_needed and not epoch_ends:
                        guard.save()
                        guard.stop_if_asked()
            position.close_epoch(epoch, rate)
            if live and run.settings.strip_every and epoch % run.settings.strip_every == 0:
                names, images = samples(trainer, data)
                live.strip(epoch, position.images, names, images, config.warp != "none")
            last = epoch == config.epochs
            if epoch in run.due or last or guard.save_is_needed:
                guard.save(epoch)
                if not last:
                    guard.stop_if_asked()


def epoch_order(pairs: int, seed: int, epoch: int) -> torch.Tensor:
    """The order in which an epoch visits the training pairs, int64 [pairs]."""
    generator = torch.Generator().manual_seed(derive_seed(seed, "order", epoch))
    return torch.randperm(pairs, generator=generator)


def learning_rate(config: TrainConfig, epoch: int) -> float:
    """The rate in an epoch (from 1): constant, then linear over the last `lr_decay_epochs`."""
    remaining = config.epochs - epoch + 1
    return config.lr * min(1.0, remaining / (config.lr_decay_epochs + 1))


@dataclass
class Guard:
    """Saves a run, and stops it where a signal came or another process claims its folder."""

    run: Run
    trainer: Trainer
    readings: Readings
    saver: checkpoint.Saver
    stop: threading.Event
    saved_at: float = field(default_factory=time.monotonic)

    @property
    def stopping(self) -> bool:
        """Whether the run was asked to stop."""
        return self.stop.is_set()

    @property
    def save_is_needed(self) -> bool:
        """Whether the last save is too long ago, or the run about to stop."""
        overdue = time.monotonic() - self.saved_at > 60 * self.run.settings.state_minutes
        return overdue or self.stopping

    def watch(self) -> None:
        """Notice a claim of the folder. Raises runtime.InputError where a save has failed."""
        if job.is_claimed(self.run.folder):
            self.stop.set()
        self.saver.poll()

    def save(self, completed_epoch: int | None = None) -> None:
        """Save where the run is, and the generator of the epoch just completed if it is due.

        Raises runtime.InputError where a weight is not finite: such a state is never saved.
        """
        self.readings.check_weights()
        due = None
        if completed_epoch is not None and completed_epoch in self.run.due:
            about = {**self.trainer.about(), **self.run.about, "epoch": completed_epoch}
            due = completed_epoch, about
        self.saver.save(self.trainer.state(self.run.fingerprint), due)
        self.saved_at = time.monotonic()

    def stop_if_asked(self) -> None:
        """Raise runtime.InterruptedJobError if the run was asked to stop, once all is on disk."""
        if self.stopping:
            self.saver.wait()
            raise job.InterruptedJobError(
                f"{self.run.name}: told to stop after {self.trainer.position.images} "
                "images, which are saved; run again to go on from there"
            )


@contextlib.contextmanager
def _stop_requests() -> Iterator[threading.Event]:
    """Within the block a signal to stop sets the yielded event in place of ending the process."""
    requested = threading.Event()
    before = {number: signal.signal(number, lambda *_: requested.set()) for number in STOPPING}
    try:
        yield requested
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def write_log(rows: list[dict[str, Any]], path: Path) -> None:
    """The log of a run, one row per epoch, without timings, so that equal runs give equal files."""
    with (
        job.write_atomically(path) as temporary,
        open(temporary, "w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.DictWriter(file, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def samples(trainer: Trainer, data: tensors.PackedSet) -> tuple[list[str], list[np.ndarray]]:
    """The first training pairs: their names, and photos, sketches to learn, and what the generator
    draws now, each RGB uint8 [B, F, F, 3]."""
    generator = trainer.generator.module
    count = min(SAMPLES, len(data))
    batch = data.batch(torch.arange(count, device=trainer.device))
    with torch.no_grad(), networks.instance_statistics(generator):
        drawn = generator(batch.photo, batch.landmarks, batch.foreground).image
    names = [f"{data.subset[index]} {data.ids[index]}" for index in range(count)]
    return names, [_pixels(image) for image in (batch.photo, batch.sketch, drawn)]


def _pixels(image: torch.Tensor) -> np.ndarray:
    """Of [B, C, F, F] in -1..1, gray or RGB: RGB uint8 [B, F, F, 3]."""
    scaled = ((image.expand(-1, 3, -1, -1) + 1) * 127.5).round().clamp(0, 255).byte()
    return scaled.permute(0, 2, 3, 1).cpu().numpy()
