"""Training of one ablation with one seed, resumable at any step.

Starting is resuming from nothing: an epoch's order derives from the seed and the epoch, and the
random numbers of a step from the seed and the count of images seen.
"""

import contextlib
import csv
import math
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TextIO

import numpy as np
import torch
from torch import Tensor

from photosketch.configuration.settings import RunSettings, TrainConfig, evaluated_epochs
from photosketch.geometry.similarity import template
from photosketch.jobs import job, provenance
from photosketch.jobs.progress import Bar
from photosketch.training import checkpoint, checks, kept_trainings, networks, tensors
from photosketch.training.determinism import derive_seed, deterministic_algorithms
from photosketch.training.kept_trainings import Training
from photosketch.training.trainer import Trainer

if TYPE_CHECKING:
    from photosketch.training.tensorboard_log import Live

READ_BACK_EVERY = 20  # steps between two readings of the losses, each of which waits for the device
SAMPLES = 4  # training pairs shown in a strip
# The signals that schedulers send before they end a job, and Ctrl-C.
STOPPING = (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT)


@dataclass(frozen=True)
class Run:
    """The results that a training has to produce."""

    name: str  # in messages
    folder: Path  # of generators, log and strips
    due: list[int]  # the epochs whose generators are wanted
    training: Training  # its inputs and progress
    settings: RunSettings
    about: dict[str, Any] = field(default_factory=dict)  # metadata of the generators


def train_packed(
    path: Path,
    folder: Path,
    *,
    ablation: str,
    seed: int,
    config: Mapping[str, Any],
    hparams: Mapping[str, Any],
    code: str,
    device: torch.device,
    page_command: str,
    console: TextIO,
    watch: "type[Live] | None" = None,
) -> None:
    """Train one ablation with one seed on the packed pairs at `path`, like `train`, into `folder`.

    `config` is the whole configuration, `hparams` the ablation's hyper-parameters and `code` the
    code version. `page_command` makes the page to click points on. Raises InputError also if the
    packed pairs do not fit the device or the configuration.
    """
    checks.check_room(path, device, console)
    with job.staged(path) as packed:
        data = tensors.load_packed(packed, device)
        data_sha256 = job.file_sha256(packed)
    train_config = TrainConfig.from_hparams(hparams)
    aligned = config["dataset"]["align"] != "none"
    checks.check_frames(data, path, config["dataset"])
    if train_config.losses.local:
        checks.check_faces(data, ablation, aligned=aligned, page_command=page_command)
    about = describe_run(
        data,
        data_sha256=data_sha256,
        aligned=aligned,
        run=config["run"],
        ablation=ablation,
        code=code,
    )
    run = Run(
        name=f"{ablation}, seed {seed}",
        folder=folder,
        due=evaluated_epochs(config),
        training=Training(dict(hparams), code, data_sha256, seed, about["commit"]),
        settings=RunSettings.from_config(config["train"]),
        about=about,
    )
    train(Trainer(train_config, seed, data.sketch_channels, device), data, run, console, watch)


def describe_run(
    data: tensors.PackedSet,
    *,
    data_sha256: str,
    aligned: bool,
    run: str,
    ablation: str,
    code: str,
) -> dict[str, Any]:
    """Metadata of generators trained on `data`, with which they can draw other photos.

    Builtins. `Trainer.about` and the epoch are added.

    size       [width, height] of the training pictures, which lie in the middle of the frame
    pad_value  gray level around them
    template   [5][2], the places (x, y) of a face's points in such a picture: with `aligned`
               (dataset.align) the target of the alignment, else the mean of the training photos
    training_set_sha256  of the file of `data`
    run, ablation, commit, code (version of the training code), versions: the provenance
    """
    if aligned:
        points = template(data.size)
    else:
        means = data.landmarks.double().mean(dim=0).cpu().numpy()  # [5, 2] in frame pixels
        points = means - data.offset
    return {
        "size": list(data.size),
        "pad_value": data.pad_value,
        "template": points.round(3).tolist(),
        "training_set_sha256": data_sha256,
        "run": run,
        "ablation": ablation,
        "commit": provenance.head(provenance.PROJECT) or "unknown",
        "code": code,
        "versions": provenance.versions(),
    }


def train(
    trainer: Trainer,
    data: tensors.PackedSet,
    run: Run,
    console: TextIO,
    watch: "type[Live] | None" = None,
) -> None:
    """Train until every due epoch has its generator in the folder of states, then publish them.

    Takes a fresh trainer and resumes from the saved state, if there is one. A training with another
    fingerprint is set aside, and the console says so. Writes to the run's folder
    generator_epoch{epoch}.safetensors for each due epoch and train_log.csv (one row per epoch: mean
    of each unweighted term); `watch` writes event files and strips there. States are written in the
    background. If another process claims the folder (`sole_writer`), the training stops and
    publishes nothing.

    Raises:
        InputError: a loss or weight is not finite, or memory or disk are too small.
        InterruptedJobError: a signal of STOPPING came, or a claim; the state is saved.
    """
    config, pairs = trainer.config, len(data)
    states, lines = kept_trainings.open_folder(
        run.folder, run.training, run.due, pairs, run.settings.keep_replaced
    )
    for line in lines:
        job.say(f"{run.name}: {line}", console)
    with (
        deterministic_algorithms(),
        checks.lack_of_memory_explained(config, trainer.device),
        _stop_requests() as stop,
        checkpoint.Saver(states, run.settings.states) as saver,
    ):
        if (state := checkpoint.load_state(states)) is not None:
            trainer.restore(state)
            images = trainer.position.images
            done, seen = divmod(images, pairs)
            print(f"resuming after epoch {done} and {seen} images, {images} images in all")
        job.remove_hidden_files(run.folder / "strips")
        if trainer.position.images < config.epochs * pairs:
            _train_epochs(trainer, data, run, console, watch, saver, stop)
    # The other job may want other hyper-parameters; it finds this training in .state.
    if job.is_claimed(run.folder):
        raise job.InterruptedJobError(f"{run.name}: another job waits to go on with this training")
    for epoch in run.due:
        source = kept_trainings.generator_path(states, epoch)
        checkpoint.publish(source, kept_trainings.generator_path(run.folder, epoch))
    write_log(trainer.position.log[: config.epochs], run.folder / "train_log.csv")
    run.training.finished = True
    run.training.write(states)


@contextlib.contextmanager
def _stop_requests() -> Iterator[threading.Event]:
    """Within the block a signal to stop sets the yielded event and does not end the process."""
    requested = threading.Event()
    before = {number: signal.signal(number, lambda *_: requested.set()) for number in STOPPING}
    try:
        yield requested
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _train_epochs(
    trainer: Trainer,
    data: tensors.PackedSet,
    run: Run,
    console: TextIO,
    watch: "type[Live] | None",
    saver: checkpoint.Saver,
    stop: threading.Event,
) -> None:
    """Train from the trainer's position to the last epoch."""
    config, position, pairs = trainer.config, trainer.position, len(data)
    first, total = position.images // pairs + 1, config.epochs * pairs
    checkpoint.check_space(saver.folder, _bytes_to_write(trainer, run, saver.folder))
    losses = LossBuffer(trainer, data, run.name)
    saved_at = time.monotonic()

    def save_is_needed() -> bool:
        return stop.is_set() or time.monotonic() - saved_at > 60 * run.settings.state_minutes

    def save(completed_epoch: int | None = None) -> None:
        """Save the state, and the generator of a completed epoch if it is due; stop if asked to."""
        nonlocal saved_at
        losses.check_weights()
        due = None
        if completed_epoch in run.due:
            due = completed_epoch, {**trainer.about(), **run.about, "epoch": completed_epoch}
        saver.save(trainer.state(), due)
        run.training.epochs = position.images // pairs
        run.training.seconds += time.monotonic() - saved_at
        run.training.write(saver.folder)
        saved_at = time.monotonic()
        if stop.is_set() and position.images < total:
            saver.wait()
            raise job.InterruptedJobError(
                f"{run.name}: told to stop after {position.images} images, which are saved; run "
                "again to go on from there"
            )

    part = f"epoch {first}/{config.epochs}"
    watching: contextlib.AbstractContextManager[Live | None] = (
        watch(run.folder, run.name, position.images) if watch else contextlib.nullcontext()
    )
    with (
        watching as live,
        Bar(run.name, total, console, done=position.images, part=part, delay=0) as bar,
    ):
        for epoch in range(first, config.epochs + 1):
            bar.part = f"epoch {epoch}/{config.epochs}"
            rate = learning_rate(config, epoch)
            trainer.set_learning_rate(rate)
            order = epoch_order(pairs, trainer.seed, epoch).to(trainer.device)
            for indices in order[position.images % pairs :].split(config.batch_size):
                losses.add(trainer.advance(data, indices), epoch, indices)
                bar.update(len(indices))
                epoch_ends = position.images % pairs == 0
                if not (losses.is_full or epoch_ends or stop.is_set()):
                    continue
                count, sums = losses.read_back()
                if live:
                    values = {"epoch": epoch, "learning_rate": rate}
                    live.add_losses(position.images, count, sums, values)
                if job.is_claimed(run.folder):
                    stop.set()
                saver.poll()
                if save_is_needed() and not epoch_ends:
                    save()
            position.close_epoch(epoch, rate)
            if live and run.settings.strip_every and epoch % run.settings.strip_every == 0:
                names, images = samples(trainer, data)
                live.strip(epoch, position.images, names, images, config.warp != "none")
            if epoch in run.due or epoch == config.epochs or save_is_needed():
                save(epoch)


def _bytes_to_write(trainer: Trainer, run: Run, folder: Path) -> int:
    """How much the rest of the run adds to the disk: generators, and states with one in writing."""
    states = (run.settings.states + 1) * trainer.bytes_of_state()
    there = sum(path.stat().st_size for path in folder.glob("state-*.bin"))
    missing = kept_trainings.missing_generators(folder, run.due)
    return max(0, states - there) + len(missing) * trainer.generator.bytes()


def epoch_order(pairs: int, seed: int, epoch: int) -> Tensor:
    """The order in which an epoch visits the training pairs, int64 [pairs]."""
    generator = torch.Generator().manual_seed(derive_seed(seed, "order", epoch))
    return torch.randperm(pairs, generator=generator)


def learning_rate(config: TrainConfig, epoch: int) -> float:
    """The rate in an epoch (from 1): constant, then linear over the last `lr_decay_epochs`."""
    remaining = config.epochs - epoch + 1
    return config.lr * min(1.0, remaining / (config.lr_decay_epochs + 1))


class Step(NamedTuple):
    """A finished step: its epoch, the images seen after it, the pairs [B] it trained on."""

    epoch: int
    images: int
    indices: Tensor


class LossBuffer:
    """The terms of the latest steps, kept on the device until they are read back together."""

    def __init__(self, trainer: Trainer, data: tensors.PackedSet, name: str) -> None:
        self.trainer, self.data, self.name = trainer, data, name
        self.steps: list[Step] = []  # not read back yet
        self.latest: Step | None = None
        self.values: Tensor | None = None  # [READ_BACK_EVERY, T]

    @property
    def is_full(self) -> bool:
        """Whether the terms have to be read back before the next step."""
        return len(self.steps) == READ_BACK_EVERY

    def add(self, values: Tensor, epoch: int, indices: Tensor) -> None:
        """Keep the terms [T] of the step just made on the pairs `indices`."""
        if self.values is None:
            self.values = values.new_empty(READ_BACK_EVERY, len(values))
        self.values[len(self.steps)].copy_(values)
        self.latest = Step(epoch, self.trainer.position.images, indices)
        self.steps.append(self.latest)

    def read_back(self) -> tuple[int, dict[str, float]]:
        """Wait for the device and add the terms to the epoch's totals.

        Returns the number of images in the steps, and the sum of each term over these images.
        Raises InputError with the first step that has a term that is not finite.
        """
        assert self.values is not None
        totals, seen = self.trainer.position.totals, 0
        sums = dict.fromkeys(self.trainer.terms, 0.0)
        for step, row in zip(self.steps, self.values.tolist(), strict=False):
            terms = dict(zip(self.trainer.terms, row, strict=True))
            if broken := [term for term, value in terms.items() if not math.isfinite(value)]:
                raise self._not_finite(", ".join(broken), step)
            size = len(step.indices)
            seen += size
            for term, value in terms.items():
                totals[term] = totals.get(term, 0.0) + value * size / len(self.data)
                sums[term] += value * size
        self.steps.clear()
        return seen, sums

    def check_weights(self) -> None:
        """Raise InputError if a weight is not finite: such a state is never saved."""
        if not self.trainer.is_finite():
            assert self.latest is not None
            raise self._not_finite("a weight", self.latest)

    def _not_finite(self, what: str, step: Step) -> job.InputError:
        batch = [f"{self.data.subset[i]}/{self.data.ids[i]}" for i in step.indices.tolist()]
        size, pairs = self.trainer.config.batch_size, len(self.data)
        within = step.images - (step.epoch - 1) * pairs
        count = (step.epoch - 1) * math.ceil(pairs / size) + math.ceil(within / size)
        return job.InputError(
            [
                f"{self.name}: {what} is not finite in epoch {step.epoch}, step {count}, which "
                f"ends at image {step.images} and trained on {', '.join(batch)}. The last good "
                "state is kept; lower train.lr or the term's weight, or look at these images"
            ]
        )


def samples(trainer: Trainer, data: tensors.PackedSet) -> tuple[list[str], list[np.ndarray]]:
    """The first training pairs: their names, then photos, training sketches and drawn sketches.

    Each RGB uint8 [B, F, F, 3].
    """
    count = min(SAMPLES, len(data))
    batch = data.batch(torch.arange(count, device=trainer.device))
    random = torch.Generator(trainer.device).manual_seed(0)
    generator = networks.as_at_test_time(trainer.generator.module, random)
    with torch.no_grad():
        drawn = generator(batch.photo, batch.landmarks, batch.foreground).image
    names = [f"{data.subset[index]} {data.ids[index]}" for index in range(count)]
    pictures = []
    for image in (batch.photo, batch.sketch, drawn):  # [B, C, F, F] in -1..1, gray or RGB
        pixels = ((image.expand(-1, 3, -1, -1) + 1) * 127.5).round().clamp(0, 255).byte()
        pictures.append(pixels.permute(0, 2, 3, 1).cpu().numpy())
    return names, pictures


def write_log(rows: list[dict[str, Any]], path: Path) -> None:
    """Write one row per epoch, without timings, so that equal runs give equal files."""
    with (
        job.write_atomically(path) as temporary,
        open(temporary, "w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.DictWriter(file, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
