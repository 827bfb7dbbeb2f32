"""The strength of each decoder's checkerboard after the same steps on CUHK's training pairs.

`python tests/bench_decoder.py [WIDTH [STEPS [FACES [SHEET]]]]` needs PHOTOSKETCH_CUFS. SHEET: a PNG
with true sketch and each decoder's drawing of the first six faces, enlarged twice.
"""

import numpy as np
import torch
from PIL import Image

import bench_common
from photosketch.data.pairs import Pair, read_image
from photosketch.training.inference import draw
from photosketch.training.pack import framed
from photosketch.training.tensors import PackedSet
from photosketch.training.trainer import Trainer
from support.settings import train_config

BLOCK = 32  # pixels, the side of the blocks whose spectra are taken
PERIODS = (2, 4, 8)  # pixels, of the last three doublings of the resolution


def packed(people: list[Pair]) -> PackedSet:
    """Without points and labels, which `baseline` does not use."""
    photos, sketches = (
        torch.from_numpy(
            np.stack([framed(np.atleast_3d(read_image(p, kind)), 256, 0) for p in people])
        )
        for kind in ("photo", "sketch")
    )
    count = len(people)
    points, labels = torch.zeros(count, 5, 2), torch.zeros(count, 256, 256, dtype=torch.uint8)
    names = {"ids": [p.id for p in people], "subset": [p.subset for p in people]}
    places = {"size": (200, 250), "offset": (28, 3), "pad_value": 0}
    return PackedSet(
        photo=photos, sketch=sketches, landmarks=points, parsing=labels, **names, **places
    )


def lattice_share(sketches: np.ndarray, period: int) -> float:
    """The share of power in frequencies that repeat every `period` pixels: [N, H, W] to 0..1.

    For blocks without overlap, minus their mean, with a Hann window.
    """
    count, height, width = sketches.shape
    rows, columns = height // BLOCK, width // BLOCK
    blocks = sketches[:, : rows * BLOCK, : columns * BLOCK].astype(float)
    blocks = blocks.reshape(count, rows, BLOCK, columns, BLOCK).swapaxes(2, 3)
    blocks = blocks - blocks.mean(axis=(-1, -2), keepdims=True)
    power = np.abs(np.fft.fft2(blocks * np.outer(*[np.hanning(BLOCK + 1)[:-1]] * 2))) ** 2
    power = power.mean(axis=(0, 1, 2))
    step = BLOCK // period
    return (power[::step, ::step].sum() - power[0, 0]) / (power.sum() - power[0, 0])


def report(name: str, sketches: np.ndarray, true: np.ndarray) -> None:
    """Print the shares, and the mean difference to the true sketches."""
    shares = " | ".join(f"{100 * lattice_share(sketches, period):.3f}%" for period in PERIODS)
    error = np.abs(sketches.astype(float) - true).mean()
    print(f"| {name} | {shares} | {error:.1f} |", flush=True)


def main(width: int = 16, steps: int = 400, faces: int = 40, sheet: str = "") -> None:
    device = torch.device("cpu")
    training, test = (packed(bench_common.real_pairs(split)) for split in ("train", "test"))
    test = PackedSet(
        **{
            name: value[:faces] if isinstance(value, list | torch.Tensor) else value
            for name, value in vars(test).items()
        }
    )
    x, y = test.offset
    shown = {"true sketches": test.sketch[:, y : y + 250, x : x + 200, 0].numpy()}
    report("true sketches", shown["true sketches"], shown["true sketches"])
    for decoder in ("transposed", "resize"):
        config = train_config(ngf=width, ndf=width, lr=0.0002, jitter=286, decoder=decoder)
        trainer = Trainer(config, 0, 1, device)
        for step in range(steps):
            trainer.advance(training, torch.tensor([step % len(training)]))
        generator = trainer.generator.module
        shown[decoder] = draw(generator, test, "instance", 0, 1, device)
        report(decoder, shown[decoder], shown["true sketches"])
    if sheet:
        rows = [np.hstack(list(sketches[:6])) for sketches in shown.values()]
        Image.fromarray(np.vstack(rows).repeat(2, 0).repeat(2, 1)).save(sheet)


if __name__ == "__main__":
    bench_common.start(main)
