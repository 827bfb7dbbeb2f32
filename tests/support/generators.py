"""Generator files with fresh weights, and photos of several faces to draw with them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from photosketch.geometry.resampling import resampled
from photosketch.geometry.similarity import Similarity
from photosketch.training import checkpoint, kept_trainings, loop, tensors
from photosketch.training.trainer import Trainer
from support.faces.pair import draw_pair
from support.scattered import moved
from support.settings import loss_weights, train_config

CPU = torch.device("cpu")
# Three faces from left to right, the last turned, in a photo of 800 x 600 pixels.
GROUP = (800, 600)
PLACES = (moved(1.1, 0, 150, 290), moved(0.8, -8, 400, 350), moved(1.0, 20, 640, 280))


def generator_file(folder: Path, *, local: bool = False, seed: int = 3) -> Path:
    """The file of a narrow generator of pictures of 200x250, as after epoch 5 of a run `small`."""
    losses = loss_weights(l1=100, glad=0, local=25 if local else 0)
    config = train_config(epochs=5, batch_size=1, lr=1e-3, beta1=0.5, ngf=4, ndf=4, losses=losses)
    trainer = Trainer(config, seed, 1, CPU)
    run = {"run": "small", "dataset": {"align": "none"}}
    ablation = "local" if local else "baseline"
    about = loop.describe_run(usual_faces(), "4567", run, ablation, "0123")
    everything = {**trainer.about(), **about, "epoch": 5}
    checkpoint.save_generator(folder, 5, trainer.generator.module.state_dict(), everything)
    return kept_trainings.generator_path(folder, 5)


def usual_faces() -> tensors.PackedSet:
    """One packed pair of 200x250 whose points are where CUFS has them on average."""
    points = torch.tensor(
        [[102.3, 128.6], [153.7, 128.6], [128, 156.8], [107.4, 185.1], [148.6, 185.1]]
    )
    blank = torch.zeros(1, 256, 256, 3, dtype=torch.uint8)
    return tensors.PackedSet(
        ids=["0"],
        subset=["a"],
        photo=blank,
        sketch=blank[..., :1],
        landmarks=points[None],
        parsing=blank[..., 0],
        size=(200, 250),
        offset=(28, 3),
        pad_value=0,
    )


def group_photo(
    places: Sequence[Similarity] = PLACES, size: tuple[int, int] = GROUP, first: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """A photo [H, W, 3] of generated people at their places, and their true points [K, 5, 2]."""
    canvas = np.full((size[1], size[0], 3), 205, np.uint8)
    points = []
    for seed, place in enumerate(places, first):
        person = draw_pair(seed)
        shown = resampled(person.photo, place, size)
        inside = _inside(place, size)
        canvas[inside] = shown[inside]
        points.append(place(person.photo_landmarks))
    return canvas, np.array(points)


def _inside(place: Similarity, size: tuple[int, int]) -> np.ndarray:
    """The pixels of a canvas that a picture of 200x250 covers."""
    y, x = np.mgrid[: size[1], : size[0]]
    own = place.inverse()(np.stack([x, y], axis=-1))
    return ((own > 1) & (own < (198, 248))).all(axis=-1)
