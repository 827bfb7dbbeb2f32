"""Training of one ablation with one seed, resumable at any step.

Starting is resuming from nothing: an epoch's order derives from the seed and the epoch, and the
random numbers of a step from the seed and the count of images seen.
"""

import contextlib
import csv
import math
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, TextIO

import cv2
import torch
from tqdm import tqdm

from photosketch import runtime
from photosketch.config import TrainConfig
from photosketch.training import checkpoint, networks, tensors
from photosketch.training.seeds import derive_seed
from photosketch.training.step import Switches, Trainer

READ_BACK_EVERY = 20  # steps between two readings of the losses, each a wait for the device
STRIP_PAIRS = 4  # training pairs shown in a strip
STATES_KEPT = {"all": 2, "last": 1}
STOPPING = (signal.SIGTERM, signal.SIGUSR1)  # what schedulers send ahead of the end


def epoch_order(pairs: int, seed: int, epoch: int) -> torch.Tensor:
    """The order in which an epoch visits the training pairs, int64 [pairs]."""
    generator = torch.Generator().manual_seed(derive_seed(seed, "order", epoch))
    return torch.randperm(pairs, generator=generator)


def learning_rate(config: TrainConfig, epoch: int) -> float:
    """The rate in an epoch (from 1): constant, then linear over the last `lr_decay_epochs`."""
    remaining = config.epochs - epoch + 1
    return config.lr * min(1.0, remaining / (config.lr_decay_epochs + 1))


def train(
    data: tensors.PackedSet,
    config: TrainConfig,
    seed: int,
    due: list[int],
    folder: Path,
    fingerprint: str,
    device: torch.device,
    console: TextIO,
    name: str,
    strip_every: int = 0,
    state_minutes: float = 5.0,
    keep: Literal["all", "last"] = "all",
    switches: Switches = Switches(),  # noqa: B008 (frozen)
) -> None:
    """Train until every epoch in `due` has its generator in `folder`/.state, then publish them.

    Writes `folder`/generator_epoch{epoch}.safetensors for each due epoch and train_log.csv (a row
    an epoch: mean of each unweighted term). Strips of training samples go to `folder`/strips.
    States are written in the background; `keep` says whether the newest two stay or the last alone.
    Where another process claims the folder (runtime.sole_writer), stops and publishes nothing.

    Raises:
        runtime.InputError: a loss or weight is no longer finite, or memory or disk are too small.
        runtime.InterruptedJobError: SIGTERM or SIGUSR1 came, or a claim; the state is saved.
    """
    work = folder / ".state"
    with (
        _deterministic_algorithms(),
        _lack_of_memory_explained(config, device),
        _termination() as stop,
        checkpoint.Saver(work, STATES_KEPT[keep]) as saver,
    ):
        trainer = Trainer.build(config, seed, data.sketch_channels, device, switches)
        _resume(trainer, work, fingerprint, due, len(data))
        if trainer.images < config.epochs * len(data):
            checkpoint.check_space(work, _bytes_to_write(trainer, work, due, STATES_KEPT[keep]))
        about = {"hparams": config.hparams(), "sketch_channels": data.sketch_channels, "seed": seed}
        _run(
            trainer,
            data,
            due,
            folder,
            fingerprint,
            about,
            saver,
            stop,
            console,
            name,
            strip_every,
            state_minutes,
        )
    if runtime.is_claimed(folder):  # it may want other hyper-parameters, and finds all in .state
        raise runtime.InterruptedJobError(f"{name}: another job waits to go on with this training")
    for epoch in due:
        name_in_folder = checkpoint.generator_path(work, epoch).name
        checkpoint.publish(work / name_in_folder, folder / name_in_folder)
    write_log(trainer.log[: config.epochs], folder / "train_log.csv")


def _resume(trainer: Trainer, work: Path, fingerprint: str, due: list[int], pairs: int) -> None:
    """Take over the saved state, where there is one that still serves."""
    state = checkpoint.load_state(work, fingerprint)
    if state is None:
        return
    passed = [
        epoch for epoch in _missing_generators(work, due) if epoch <= state["images"] // pairs
    ]
    if passed:
        print(f"the saved state is past epoch {passed[0]}, whose generator was not kept: afresh")
        checkpoint.clear(work)
        return
    trainer.restore(state)
    done, seen = divmod(trainer.images, pairs)
    print(f"resuming after epoch {done} and {seen} images, {trainer.images} images in all")


def _run(
    trainer: Trainer,
    data: tensors.PackedSet,
    due: list[int],
    folder: Path,
    fingerprint: str,
    about: dict[str, Any],
    saver: checkpoint.Saver,
    stop: threading.Event,
    console: TextIO,
    name: str,
    strip_every: int,
    state_minutes: float,
) -> None:
    """The loop over epochs and batches, from the trainer's position to the last epoch."""
    config, pairs = trainer.config, len(data)
    readings = Readings(trainer, data, name)
    saved_at = time.monotonic()

    def save(epoch: int | None = None) -> None:
        nonlocal saved_at
        readings.check_weights()
        saver.save(
            trainer.state(fingerprint),
            None if epoch is None else (epoch, {**about, "epoch": epoch}),
        )
        saved_at = time.monotonic()

    def save_and_stop() -> None:
        saver.wait()
        raise runtime.InterruptedJobError(
            f"{name}: told to stop after {trainer.images} images, which are saved; "
            "run again to go on from there"
        )

    progress = tqdm(
        total=config.epochs * pairs,
        initial=min(trainer.images, config.epochs * pairs),
        desc=name,
        unit="img",
        file=console,
        mininterval=0.5 if console.isatty() else 15,
        dynamic_ncols=True,
    )
    with progress:
        for epoch in range(trainer.images // pairs + 1, config.epochs + 1):
            trainer.set_learning_rate(learning_rate(config, epoch))
            order = epoch_order(pairs, trainer.seed, epoch).to(trainer.device)
            for indices in order[trainer.images % pairs :].split(config.batch_size):
                readings.note(trainer.advance(data, indices), epoch, indices)
                progress.update(len(indices))
                ends = trainer.images % pairs == 0
                if readings.full or ends or stop.is_set():
                    if runtime.is_claimed(folder):
                        stop.set()
                    progress.set_postfix(readings.read_back(), refresh=False)
                    saver.poll()
                    overdue = time.monotonic() - saved_at > 60 * state_minutes
                    if (overdue or stop.is_set()) and not ends:
                        save()
                    if stop.is_set() and not ends:
                        save_and_stop()
            _close_epoch(trainer, epoch, learning_rate(config, epoch))
            if strip_every and epoch % strip_every == 0:
                write_strip(
                    folder / "strips" / f"epoch{epoch:04d}.png", trainer, data, trainer.device
                )
            overdue = time.monotonic() - saved_at > 60 * state_minutes
            if epoch in due:
                save(epoch)
            elif overdue or stop.is_set() or epoch == config.epochs:
                save()
            if stop.is_set() and epoch < config.epochs:
                save_and_stop()


class Readings:
    """The terms of the latest steps, kept on the device and read back together."""

    def __init__(self, trainer: Trainer, data: tensors.PackedSet, name: str) -> None:
        self.trainer = trainer
        self.data = data
        self.name = name
        self.steps: list[tuple[int, int, torch.Tensor]] = []  # epoch, images after it, indices
        self.latest: tuple[int, int, torch.Tensor] | None = None
        self.values: torch.Tensor | None = None  # [READ_BACK_EVERY, T]

    @property
    def full(self) -> bool:
        """Whether there is room for no further step."""
        return len(self.steps) == READ_BACK_EVERY

    def note(self, values: torch.Tensor, epoch: int, indices: torch.Tensor) -> None:
        """Keep the terms [T] of the step just made on the pairs `indices`."""
        if self.values is None:
            self.values = values.new_empty(READ_BACK_EVERY, len(values))
        self.values[len(self.steps)].copy_(values)
        self.latest = (epoch, self.trainer.images, indices)
        self.steps.append(self.latest)

    def read_back(self) -> dict[str, str]:
        """Wait for the device, add the terms to the epoch's totals; those of the last step as text.

        Raises runtime.InputError with the first step that has a term that is not finite.
        """
        assert self.values is not None
        terms, totals = self.trainer.terms, self.trainer.totals
        rows = self.values[: len(self.steps)].tolist()
        for step, row in zip(self.steps, rows, strict=True):
            broken = [
                term for term, value in zip(terms, row, strict=True) if not math.isfinite(value)
            ]
            if broken:
                raise runtime.InputError([self._refusal(", ".join(broken), step)])
            for term, value in zip(terms, row, strict=True):
                totals[term] = totals.get(term, 0.0) + value * len(step[2]) / len(self.data)
        self.steps.clear()
        return {term: f"{value:.3g}" for term, value in zip(terms, rows[-1], strict=True)}

    def check_weights(self) -> None:
        """Raise runtime.InputError where a weight is not finite: such a state is never saved."""
        if not self.trainer.is_finite():
            assert self.latest is not None
            raise runtime.InputError([self._refusal("a weight", self.latest)])

    def _refusal(self, what: str, step: tuple[int, int, torch.Tensor]) -> str:
        epoch, images, indices = step
        batch = [f"{self.data.subset[i]}/{self.data.ids[i]}" for i in indices.tolist()]
        size, pairs = self.trainer.config.batch_size, len(self.data)
        within = images - (epoch - 1) * pairs
        count = (epoch - 1) * math.ceil(pairs / size) + math.ceil(within / size)
        return (
            f"{self.name}: {what} is not finite in epoch {epoch}, step {count}, "
            f"which ends at image {images} and trained on {', '.join(batch)}. The last good state "
            "is kept; lower train.lr or the term's weight, or look at these images"
        )


def _missing_generators(work: Path, due: list[int]) -> list[int]:
    return [epoch for epoch in due if not checkpoint.generator_path(work, epoch).exists()]


def _bytes_to_write(trainer: Trainer, work: Path, due: list[int], kept: int) -> int:
    """What the rest of the run adds to the disk: states (one more while written), generators."""
    states = (kept + 1) * trainer.bytes_of_state()
    there = sum(path.stat().st_size for path in work.glob("state-*.bin"))
    generators = len(_missing_generators(work, due)) * trainer.bytes_of_generator()
    return max(0, states - there) + generators


@contextlib.contextmanager
def _deterministic_algorithms() -> Iterator[None]:
    """Within the block an operation gives the same bits whenever it is repeated, or refuses."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS asks for it
    before = torch.are_deterministic_algorithms_enabled()
    fill = torch.utils.deterministic.fill_uninitialized_memory  # type: ignore[attr-defined]
    torch.use_deterministic_algorithms(True)
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before)
        torch.utils.deterministic.fill_uninitialized_memory = fill  # type: ignore[attr-defined]


@contextlib.contextmanager
def _termination() -> Iterator[threading.Event]:
    """Within the block a signal to stop sets the yielded event in place of ending the process."""
    requested = threading.Event()
    before = {number: signal.signal(number, lambda *_: requested.set()) for number in STOPPING}
    try:
        yield requested
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def _lack_of_memory_explained(config: TrainConfig, device: torch.device) -> Iterator[None]:
    """Say what to lower where torch finds no memory."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        lacking = isinstance(error, torch.OutOfMemoryError | MemoryError)
        if not lacking and "DefaultCPUAllocator" not in str(error):
            raise
        hints = [f"train.batch_size (now {config.batch_size})"]
        hints += [f"train.ngf ({config.ngf})", f"train.ndf ({config.ndf})"]
        if device.type == "cuda":
            hints.append("gpu_slots")
        more = "; or set train.precision to bf16" if config.precision == "fp32" else ""
        place = "GPU memory" if device.type == "cuda" else "memory"
        raise runtime.InputError(
            [f"out of {place}: lower {', '.join(hints)}{more}. ({str(error).splitlines()[0]})"]
        ) from error


def _close_epoch(trainer: Trainer, epoch: int, rate: float) -> None:
    """Turn the epoch's totals into a row of the log."""
    trainer.log.append({"epoch": epoch, "images": trainer.images, "lr": rate, **trainer.totals})
    print(f"epoch {epoch}: " + ", ".join(f"{k} {v:.4f}" for k, v in trainer.totals.items()))
    trainer.totals = {}


def write_log(rows: list[dict[str, Any]], path: Path) -> None:
    """The log of a run, a row an epoch; holds no timings, so that equal runs give equal files."""
    with (
        runtime.write_atomically(path) as temporary,
        open(temporary, "w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.DictWriter(file, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def write_strip(
    path: Path, trainer: Trainer, data: tensors.PackedSet, device: torch.device
) -> None:
    """Photo, true sketch and drawn sketch of the first training pairs, one below the other."""
    indices = torch.arange(min(STRIP_PAIRS, len(data)), device=device)
    batch = data.batch(indices, 0, None)
    with torch.no_grad(), networks.instance_statistics(trainer.generator):
        drawn = trainer.generator(batch.photo, batch.landmarks, batch.foreground).image
    columns = [
        image.expand(-1, 3, -1, -1) for image in (batch.photo, batch.sketch, drawn)
    ]  # each [B, 3, 256, 256]
    strip = torch.cat([torch.cat(list(column), dim=1) for column in columns], dim=2)
    pixels = ((strip + 1) * 127.5).round().clamp(0, 255).byte().permute(1, 2, 0).cpu().numpy()
    with runtime.write_atomically(path) as temporary:
        if not cv2.imwrite(str(temporary), cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)):
            raise OSError(f"cannot write {temporary}")
