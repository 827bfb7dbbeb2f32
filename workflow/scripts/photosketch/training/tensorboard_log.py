"""What people watch during training: event files for TensorBoard, and strips of samples.

Nothing here affects a weight or a declared output.
"""

import contextlib
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Self

import numpy as np
import torch
from PIL import Image
from torch.utils.tensorboard import SummaryWriter

from photosketch.figures import contact_sheet
from photosketch.jobs.messages import InputError
from photosketch.training import networks
from photosketch.training.tensors import PackedSet
from photosketch.training.trainer import Trainer

POINTS_EVERY = 10.0  # seconds between two points of a curve
EVENTS = "events.out.tfevents.*"
SAMPLES = 4  # training pairs shown in a strip


class Live:
    """The event files and strips of a run, a context. The x axis of the curves is images seen."""

    def __init__(self, folder: Path, name: str, images: int) -> None:
        """For a training that begins after `images` images. TensorBoard leaves out later points of
        earlier event files, because these steps are made again. If `images` is 0, earlier event
        files belong to another training and are removed."""
        self.folder, self.name = folder, name
        if images == 0:
            for path in folder.glob(EVENTS):
                path.unlink()
        self._writer: SummaryWriter | None = None
        with _left_out(f"the curves of {name}"):
            self._writer = SummaryWriter(folder, purge_step=images + 1)
        self._images = images
        self._values: Mapping[str, float] = {}
        self._begin_point()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None and self._count:
            self._write_point()
        with _left_out("the last of the curves"):
            if self._writer:
                self._writer.close()

    def add_losses(
        self, images: int, count: int, sums: Mapping[str, float], values: Mapping[str, float]
    ) -> None:
        """Add steps to the next point of the curves; write the point if it is due. images: seen in
        all after these steps; count: images of these steps; sums: of each loss over these images;
        values: written without averaging, such as the learning rate."""
        self._count += count
        for term, total in sums.items():
            self._sums[term] = self._sums.get(term, 0.0) + total
        self._images, self._values = images, values
        if time.monotonic() - self._since >= POINTS_EVERY:
            self._write_point()

    def _write_point(self) -> None:
        if self._writer is None:
            return
        speed = self._count / (time.monotonic() - self._since)
        means = {f"losses/{term}": total / self._count for term, total in self._sums.items()}
        run = {f"run/{name}": value for name, value in self._values.items()}
        with _left_out("a point of the curves"):
            for name, value in {**means, **run, "run/images_per_second": speed}.items():
                self._writer.add_scalar(name, value, self._images)
            self._writer.flush()
        self._begin_point()

    def _begin_point(self) -> None:
        self._since = time.monotonic()
        self._count = 0
        self._sums: dict[str, float] = {}

    @torch.no_grad()
    def strip(self, epoch: int, trainer: Trainer, data: PackedSet) -> None:
        """Write strips/epoch{epoch}.png, and the same picture to the event file: photos, training
        sketches and drawn sketches of the first training pairs."""
        count = min(SAMPLES, len(data))
        batch = data.batch(torch.arange(count, device=trainer.device))
        random = torch.Generator(trainer.device).manual_seed(0)
        generator = networks.as_at_test_time(trainer.generator.module, random)
        drawn = generator(batch.photo, batch.landmarks, batch.foreground).image
        shown = []
        for image in (batch.photo, batch.sketch, drawn):  # [B, C, F, F] in -1..1, gray or RGB
            pixels = ((image.expand(-1, 3, -1, -1) + 1) * 127.5).round().clamp(0, 255).byte()
            shown.append(pixels.permute(0, 2, 3, 1).cpu().numpy())
        groups = [
            contact_sheet.Group(list(map(Image.fromarray, of_pair)), f"{subset} {name}")
            for subset, name, *of_pair in zip(data.subset, data.ids, *shown, strict=False)
        ]
        true = "true sketch" if trainer.config.warp == "none" else "true sketch, warped"
        picture = contact_sheet.sheet(
            f"{self.name}: training pairs after epoch {epoch}",
            groups,
            across=2,
            columns=("photo", true, "drawn sketch"),
        )
        path = self.folder / "strips" / f"epoch{epoch:04d}.png"
        with _left_out(str(path)):
            contact_sheet.save(picture, path)
            if self._writer:
                self._writer.add_image(
                    "training pairs", np.asarray(picture), trainer.images, dataformats="HWC"
                )
                self._writer.flush()


@contextlib.contextmanager
def _left_out(what: str) -> Iterator[None]:
    """If the block cannot write, for example because the disk is full, the log says so."""
    try:
        yield
    except (OSError, InputError) as error:
        print(f"{what}: left out ({error})")
