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
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TextIO

import psutil
import torch
from torch import Tensor

from photosketch.configuration.settings import RunSettings, TrainConfig, evaluated_epochs
from photosketch.geometry import patch_checks
from photosketch.geometry.similarity import template
from photosketch.jobs import disk, provenance
from photosketch.jobs.messages import InputError, InterruptedJobError, say, size_in_words
from photosketch.jobs.progress import Bar
from photosketch.training import checkpoint, kept_trainings, tensors
from photosketch.training.determinism import derive_seed, deterministic_algorithms
from photosketch.training.kept_trainings import Training
from photosketch.training.trainer import Trainer, lack_of_memory_explained

if TYPE_CHECKING:
    from photosketch.training.tensorboard_log import Live

READ_BACK_EVERY = 20  # steps between two readings of the losses, each of which waits for the device
# The signals that schedulers send before they end a job, and Ctrl-C.
STOPPING = (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT)


@dataclass(frozen=True)
class Run:
    """A fresh trainer, and the results that it has to produce."""

    trainer: Trainer
    data: tensors.PackedSet
    console: TextIO
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
    packed pairs do not fit the device or the configuration."""
    check_room(path, device, console)
    with disk.staged(path) as packed:
        data = tensors.load_packed(packed, device)
        data_sha256 = disk.file_sha256(packed)
    train_config, dataset = TrainConfig.from_hparams(hparams), config["dataset"]
    found = {"frame": data.frame, "sketch_channels": data.sketch_channels}
    if problems := [
        f"{path}: {key} {value}, but dataset.{key} is {dataset[key]}; name the configuration that "
        "the pairs were packed with"
        for key, value in found.items()
        if value != dataset[key]
    ]:
        raise InputError(problems)
    if train_config.losses.local:
        aligned = dataset["align"] != "none"
        check_faces(data, ablation, aligned=aligned, page_command=page_command)
    about = describe_run(data, data_sha256, config, ablation, code)
    run = Run(
        Trainer(train_config, seed, data.sketch_channels, device),
        data,
        console,
        name=f"{ablation}, seed {seed}",
        folder=folder,
        due=evaluated_epochs(config),
        training=Training(dict(hparams), code, data_sha256, seed, about["commit"]),
        settings=RunSettings.from_config(config["train"]),
        about=about,
    )
    train(run, watch)


def check_room(packed: Path, device: torch.device, console: TextIO) -> None:
    """Say how large the packed training set is. Raises InputError if it exceeds free memory."""
    on_gpu = device.type == "cuda"
    place = "the GPU's memory" if on_gpu else "memory"
    free = torch.cuda.mem_get_info(device)[0] if on_gpu else psutil.virtual_memory().available
    words = size_in_words(packed.stat().st_size)
    say(f"training set: {words}, kept in {place}", console)
    if packed.stat().st_size > free:
        problem = (
            f"{packed}: the training set of {words} does not fit into {place}, of which "
            f"{size_in_words(free)} are free; train on fewer pairs (dataset.pairs)"
            f"{', or device: cpu' if on_gpu else ''}, or give the job more memory"
        )
        raise InputError([problem])


def check_faces(
    data: tensors.PackedSet, ablation: str, *, aligned: bool, page_command: str
) -> None:
    """Raise InputError with the photos whose faces do not fit the local networks' rectangles.
    Merging and alignment check the same, but not for an ablation that is added to the run later."""
    located = zip(data.subset, data.ids, data.landmarks.cpu().numpy().astype(float), strict=True)
    size = data.frame, data.frame
    faces = ((f"photo of {subset} {name}", points, size) for subset, name, points in located)
    if found := patch_checks.misplaced_faces(faces, data.frame):
        raise InputError(
            patch_checks.refusal(found, [ablation], aligned=aligned, page_command=page_command)
        )


def describe_run(
    data: tensors.PackedSet, data_sha256: str, config: Mapping[str, Any], ablation: str, code: str
) -> dict[str, Any]:
    """Metadata (builtins) of generators trained on `data`, with which they can draw other photos.
    `Trainer.about` and the epoch are added.

    size       [width, height] of the training pictures, which lie in the middle of the frame
    pad_value  gray level around them
    template   [5][2], the places (x, y) of a face's points in such a picture: the target of the
               alignment (dataset.align), else the mean of the training photos
    """
    if config["dataset"]["align"] != "none":
        points = template(data.size)
    else:  # the means are in frame pixels
        points = data.landmarks.double().mean(dim=0).cpu().numpy() - data.offset
    return {
        "size": list(data.size),
        "pad_value": data.pad_value,
        "template": points.round(3).tolist(),
        "training_set_sha256": data_sha256,
        "run": config["run"],
        "ablation": ablation,
        "commit": provenance.head(provenance.PROJECT) or "unknown",
        "code": code,
        "versions": provenance.versions(),
    }


def train(run: Run, watch: "type[Live] | None" = None) -> None:
    """Train until every due epoch has its generator in the folder of states, then publish them.

    Resumes from the saved state, if there is one. A training with another fingerprint is set aside,
    and the console says so. Writes to the run's folder generator_epoch{epoch}.safetensors for each
    due epoch and train_log.csv (one row per epoch: mean of each unweighted term, no timings, so
    that equal runs give equal files); `watch` writes event files and strips there.

    Raises InputError if a loss or weight is not finite, or memory or disk are too small, and
    InterruptedJobError after a signal of STOPPING, or if another process claims the folder
    (`sole_writer`): the state is saved, and nothing is published.
    """
    trainer, config, pairs = run.trainer, run.trainer.config, len(run.data)
    states, lines = kept_trainings.open_folder(
        run.folder, run.training, run.due, pairs, run.settings.keep_replaced
    )
    for line in lines:
        say(f"{run.name}: {line}", run.console)
    with (
        deterministic_algorithms(),
        lack_of_memory_explained(config, trainer.device),
        _stop_requests() as stop,
        checkpoint.Saver(states, run.settings.states) as saver,
    ):
        if (state := checkpoint.load_state(states)) is not None:
            trainer.restore(state)
            done, seen = divmod(trainer.images, pairs)
            print(f"resuming after epoch {done} and {seen} images, {trainer.images} images in all")
        disk.remove_hidden_files(run.folder / "strips")
        if trainer.images < config.epochs * pairs:
            _train_epochs(run, watch, saver, stop)
    # The other job may want other hyper-parameters; it finds this training in .state.
    if disk.is_claimed(run.folder):
        raise InterruptedJobError(f"{run.name}: another job waits to go on with this training")
    for epoch in run.due:
        source = kept_trainings.generator_path(states, epoch)
        checkpoint.publish(source, kept_trainings.generator_path(run.folder, epoch))
    with (
        disk.write_atomically(run.folder / "train_log.csv") as temporary,
        open(temporary, "w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.DictWriter(file, fieldnames=list(trainer.log[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(trainer.log[: config.epochs])
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


class Step(NamedTuple):
    """A finished step."""

    images: int  # seen after it
    indices: Tensor  # [B], the pairs it trained on
    terms: Tensor  # [T], on the device


def _train_epochs(
    run: Run, watch: "type[Live] | None", saver: checkpoint.Saver, stop: threading.Event
) -> None:
    """Train from the trainer's position to the last epoch."""
    trainer, config, pairs = run.trainer, run.trainer.config, len(run.data)
    # what the rest of the run adds to the disk: generators, and states with one in writing
    states = (run.settings.states + 1) * trainer.bytes_of_state()
    present = sum(path.stat().st_size for path in saver.folder.glob("state-*.bin"))
    missing = kept_trainings.missing_generators(saver.folder, run.due)
    needed = max(0, states - present) + len(missing) * trainer.generator.bytes()
    checkpoint.check_space(saver.folder, needed)
    saved_at = time.monotonic()

    def save_is_needed() -> bool:
        return stop.is_set() or time.monotonic() - saved_at > 60 * run.settings.state_minutes

    def save(latest: Step, completed_epoch: int | None = None) -> None:
        """Save the state, and the generator of a completed epoch if it is due; stop if asked to."""
        nonlocal saved_at
        if not trainer.is_finite():  # such a state is never saved
            raise _not_finite(run, "a weight", latest)
        due = None
        if completed_epoch in run.due:
            due = completed_epoch, {**trainer.about(), **run.about, "epoch": completed_epoch}
        saver.save(trainer.state(), due)
        run.training.epochs = trainer.images // pairs
        run.training.seconds += time.monotonic() - saved_at
        run.training.write(saver.folder)
        saved_at = time.monotonic()
        if stop.is_set() and trainer.images < config.epochs * pairs:
            saver.wait()
            raise InterruptedJobError(
                f"{run.name}: told to stop after {trainer.images} images, which are saved; run "
                "again to go on from there"
            )

    first, total = trainer.images // pairs + 1, config.epochs * pairs
    part = f"epoch {first}/{config.epochs}"
    watching: contextlib.AbstractContextManager[Live | None] = (
        watch(run.folder, run.name, trainer.images) if watch else contextlib.nullcontext()
    )
    with (
        watching as live,
        Bar(run.name, total, run.console, done=trainer.images, part=part, delay=0) as bar,
    ):
        steps: list[Step] = []  # whose terms are on the device, to be read back together
        for epoch in range(first, config.epochs + 1):
            bar.part = f"epoch {epoch}/{config.epochs}"
            rate = learning_rate(config, epoch)
            trainer.set_learning_rate(rate)
            order = epoch_order(pairs, trainer.seed, epoch).to(trainer.device)
            for indices in order[trainer.images % pairs :].split(config.batch_size):
                terms = trainer.advance(run.data, indices).clone()
                steps.append(Step(trainer.images, indices, terms))
                bar.update(len(indices))
                epoch_ends = trainer.images % pairs == 0
                if not (len(steps) == READ_BACK_EVERY or epoch_ends or stop.is_set()):
                    continue
                count, sums = _read_back(run, steps)
                latest = steps[-1]
                steps.clear()
                if live:
                    values = {"epoch": epoch, "learning_rate": rate}
                    live.add_losses(trainer.images, count, sums, values)
                if disk.is_claimed(run.folder):
                    stop.set()
                saver.poll()
                if save_is_needed() and not epoch_ends:
                    save(latest)
            row = {"epoch": epoch, "images": trainer.images, "lr": rate, **trainer.totals}
            trainer.log.append(row)
            print(f"epoch {epoch}: " + ", ".join(f"{k} {v:.4f}" for k, v in trainer.totals.items()))
            trainer.totals = {}
            if live and run.settings.strip_every and epoch % run.settings.strip_every == 0:
                live.strip(epoch, trainer, run.data)
            if epoch in run.due or epoch == config.epochs or save_is_needed():
                save(latest, epoch)


def epoch_order(pairs: int, seed: int, epoch: int) -> Tensor:
    """The order in which an epoch visits the training pairs, int64 [pairs]."""
    generator = torch.Generator().manual_seed(derive_seed(seed, "order", epoch))
    return torch.randperm(pairs, generator=generator)


def learning_rate(config: TrainConfig, epoch: int) -> float:
    """The rate in an epoch (from 1): constant, then linear over the last `lr_decay_epochs`."""
    remaining = config.epochs - epoch + 1
    return config.lr * min(1.0, remaining / (config.lr_decay_epochs + 1))


def _read_back(run: Run, steps: Sequence[Step]) -> tuple[int, dict[str, float]]:
    """Wait for the device and add the terms of steps to the epoch's totals. Returns the number of
    images in the steps, and the sum of each term over these images. Raises InputError with the
    first step that has a term that is not finite."""
    trainer, seen, sums = run.trainer, 0, dict.fromkeys(run.trainer.terms, 0.0)
    rows = torch.stack([step.terms for step in steps]).tolist()
    for step, row in zip(steps, rows, strict=True):
        terms = dict(zip(trainer.terms, row, strict=True))
        if broken := [term for term, value in terms.items() if not math.isfinite(value)]:
            raise _not_finite(run, ", ".join(broken), step)
        size = len(step.indices)
        seen += size
        for term, value in terms.items():
            trainer.totals[term] = trainer.totals.get(term, 0.0) + value * size / len(run.data)
            sums[term] += value * size
    return seen, sums


def _not_finite(run: Run, what: str, step: Step) -> InputError:
    batch = [f"{run.data.subset[i]}/{run.data.ids[i]}" for i in step.indices.tolist()]
    size, pairs = run.trainer.config.batch_size, len(run.data)
    epoch = math.ceil(step.images / pairs)
    before = (epoch - 1) * pairs  # images of earlier epochs
    count = (epoch - 1) * math.ceil(pairs / size) + math.ceil((step.images - before) / size)
    problem = (
        f"{run.name}: {what} is not finite in epoch {epoch}, step {count}, which ends at image "
        f"{step.images} and trained on {', '.join(batch)}. The last good state is kept; lower "
        "train.lr or the term's weight, or look at these images"
    )
    return InputError([problem])
