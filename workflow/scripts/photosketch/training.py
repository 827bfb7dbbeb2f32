"""Training of one ablation with one seed: pix2pix's alternating steps, resumable at any step.

Starting is resuming from nothing. Every random number of a step derives from the seed and the
count of images seen, and an epoch's order from the seed and the epoch, so that a resumed run
continues the same stream.
"""

import csv
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

import cv2
import numpy as np
import torch
from tqdm import tqdm

from photosketch import checkpoint, losses, networks, runtime, tensors
from photosketch.config import TrainConfig
from photosketch.seeds import derive_seed

READ_BACK_EVERY = 20  # steps between two readings of the losses, each a wait for the device
STRIP_PAIRS = 4  # training pairs shown in a strip


def epoch_order(pairs: int, seed: int, epoch: int) -> torch.Tensor:
    """The order in which an epoch visits the training pairs, int64 [pairs]."""
    generator = torch.Generator().manual_seed(derive_seed(seed, "order", epoch))
    return torch.randperm(pairs, generator=generator)


def learning_rate(config: TrainConfig, epoch: int) -> float:
    """The rate in an epoch (from 1): constant, then linear over the last `lr_decay_epochs`."""
    remaining = config.epochs - epoch + 1
    return config.lr * min(1.0, remaining / (config.lr_decay_epochs + 1))


@dataclass
class Trainer:
    """Networks, optimizers and the position in the run."""

    config: TrainConfig
    seed: int
    generator: networks.Generator
    discriminators: networks.Discriminators
    generator_optimizer: torch.optim.Optimizer
    discriminator_optimizer: torch.optim.Optimizer
    images: int = 0  # seen so far, the clock of the run
    totals: dict[str, torch.Tensor] = field(default_factory=dict)  # of the epoch under way
    log: list[dict[str, Any]] = field(default_factory=list)  # one row an epoch

    @classmethod
    def build(
        cls, config: TrainConfig, seed: int, sketch_channels: int, device: torch.device
    ) -> "Trainer":
        """Freshly initialised networks and their optimizers."""
        torch.manual_seed(derive_seed(seed, "weights"))
        local = config.losses.local > 0
        generator = networks.build_generator(config.ngf, sketch_channels, local).to(device)
        discriminators = networks.build_discriminators(config.ndf, sketch_channels, local).to(
            device
        )
        betas = (config.beta1, 0.999)
        return cls(
            config,
            seed,
            generator,
            discriminators,
            torch.optim.Adam(generator.parameters(), lr=config.lr, betas=betas),
            torch.optim.Adam(discriminators.parameters(), lr=config.lr, betas=betas),
        )

    def step(self, batch: tensors.Batch) -> dict[str, torch.Tensor]:
        """One step of pix2pix on a batch; the unweighted terms as 0-d tensors on the device."""
        weights = self.config.losses
        output = self.generator(batch.photo, batch.landmarks, batch.foreground)

        self.discriminators.requires_grad_(True)
        self.discriminator_optimizer.zero_grad(set_to_none=True)
        discriminator_total, discriminator_terms = losses.discriminator_loss(
            self.discriminators, batch, output
        )
        discriminator_total.backward()
        self.discriminator_optimizer.step()

        self.discriminators.requires_grad_(False)
        self.generator_optimizer.zero_grad(set_to_none=True)
        generator_total, generator_terms = losses.generator_loss(
            self.discriminators,
            batch,
            output,
            l1=weights.l1,
            glad=weights.glad,
            local=weights.local,
            glad_form=self.config.glad_form,
        )
        generator_total.backward()
        self.generator_optimizer.step()
        terms = {**discriminator_terms, **generator_terms, "generator_total": generator_total}
        return {name: value.detach() for name, value in terms.items()}

    def state(self, fingerprint: str) -> dict[str, Any]:
        """All that a later process needs to go on from here."""
        return {
            "fingerprint": fingerprint,
            "images": self.images,
            "generator": self.generator.state_dict(),
            "discriminators": self.discriminators.state_dict(),
            "generator_optimizer": self.generator_optimizer.state_dict(),
            "discriminator_optimizer": self.discriminator_optimizer.state_dict(),
            "totals": self.totals,
            "log": self.log,
        }

    def restore(self, state: dict[str, Any], device: torch.device) -> None:
        """Take over a saved state."""
        self.images = state["images"]
        self.generator.load_state_dict(state["generator"])
        self.discriminators.load_state_dict(state["discriminators"])
        self.generator_optimizer.load_state_dict(state["generator_optimizer"])
        self.discriminator_optimizer.load_state_dict(state["discriminator_optimizer"])
        self.totals = {name: value.to(device) for name, value in state["totals"].items()}
        self.log = state["log"]


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
) -> None:
    """Train until every epoch in `due` has its generator in `folder`/.state, then publish them.

    Writes `folder`/generator_epoch{epoch}.safetensors for each due epoch and train_log.csv (a row
    an epoch: mean of each unweighted term). Strips of training samples go to `folder`/strips.

    Raises:
        runtime.InputError: a loss is no longer finite.
    """
    work = folder / ".state"
    trainer = Trainer.build(config, seed, data.sketch_channels, device)
    state = checkpoint.load_state(work, fingerprint)
    pairs = len(data)
    if state is not None and (missing := _missing_generators(work, due, state["images"] // pairs)):
        print(f"the saved state is past epoch {missing[0]}, whose generator was not kept: afresh")
        checkpoint.clear(work)
        state = None
    if state is not None:
        trainer.restore(state, device)
        done, seen = divmod(trainer.images, pairs)
        print(f"resuming after epoch {done} and {seen} images, {trainer.images} images in all")

    about = {"hparams": config.hparams(), "sketch_channels": data.sketch_channels, "seed": seed}
    saved_at = time.monotonic()
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
            _set_learning_rate(trainer, learning_rate(config, epoch))
            for indices in _remaining_batches(trainer, pairs, epoch):
                torch.manual_seed(derive_seed(seed, "step", trainer.images))
                offsets = tensors.draw_jitter(len(indices), config.jitter, device)
                terms = trainer.step(data.batch(indices.to(device), config.jitter, offsets))
                trainer.images += len(indices)
                for term, value in terms.items():
                    share = value.double() * len(indices) / pairs
                    trainer.totals[term] = trainer.totals.get(term, 0) + share
                progress.update(len(indices))
                if (trainer.images // config.batch_size) % READ_BACK_EVERY == 0:
                    latest = {term: float(value) for term, value in terms.items()}
                    _check_finite(latest, name, epoch, trainer.images)
                    shown = {term: f"{value:.3g}" for term, value in latest.items()}
                    progress.set_postfix(shown, refresh=False)
                    if time.monotonic() - saved_at > 60 * state_minutes:
                        checkpoint.save_state(work, trainer.state(fingerprint))
                        saved_at = time.monotonic()
            _close_epoch(trainer, epoch, learning_rate(config, epoch), name)
            if epoch in due:
                checkpoint.save_generator(work, epoch, trainer.generator, {**about, "epoch": epoch})
            if strip_every and epoch % strip_every == 0:
                write_strip(folder / "strips" / f"epoch{epoch:04d}.png", trainer, data, device)
            overdue = time.monotonic() - saved_at > 60 * state_minutes
            if epoch in due or overdue or epoch == config.epochs:
                checkpoint.save_state(work, trainer.state(fingerprint))
                saved_at = time.monotonic()

    for epoch in due:
        name_in_folder = checkpoint.generator_path(work, epoch).name
        checkpoint.publish(work / name_in_folder, folder / name_in_folder)
    write_log(trainer.log[: config.epochs], folder / "train_log.csv")


def _missing_generators(work: Path, due: list[int], done: int) -> list[int]:
    """Due epochs that the saved run has passed without leaving their generator."""
    return [
        epoch
        for epoch in due
        if epoch <= done and not checkpoint.generator_path(work, epoch).exists()
    ]


def _remaining_batches(trainer: Trainer, pairs: int, epoch: int) -> Iterator[torch.Tensor]:
    """Index batches of the epoch from the trainer's position on; the last may be smaller."""
    seen = trainer.images - (epoch - 1) * pairs
    yield from epoch_order(pairs, trainer.seed, epoch)[seen:].split(trainer.config.batch_size)


def _set_learning_rate(trainer: Trainer, rate: float) -> None:
    for optimizer in (trainer.generator_optimizer, trainer.discriminator_optimizer):
        for group in optimizer.param_groups:
            group["lr"] = rate


def _close_epoch(trainer: Trainer, epoch: int, rate: float, name: str) -> None:
    """Turn the epoch's totals into a row of the log."""
    means = {term: float(value) for term, value in trainer.totals.items()}
    _check_finite(means, name, epoch, trainer.images)
    trainer.log.append({"epoch": epoch, "images": trainer.images, "lr": rate, **means})
    trainer.totals = {}
    print(f"epoch {epoch}: " + ", ".join(f"{term} {mean:.4f}" for term, mean in means.items()))


def _check_finite(terms: dict[str, float], name: str, epoch: int, images: int) -> None:
    broken = [term for term, value in terms.items() if not np.isfinite(value)]
    if broken:
        raise runtime.InputError(
            [
                f"{name}: {', '.join(broken)} is not finite in epoch {epoch} (about image "
                f"{images}); lower train.lr or the term's weight"
            ]
        )


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
