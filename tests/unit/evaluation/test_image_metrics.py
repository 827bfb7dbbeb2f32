"""Metrics of single images against their definitions, written out slowly."""

import math
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import piq
import pytest
import torch
import torchvision
from PIL import Image

from photosketch.configuration.settings import LPIPS_FILES
from photosketch.evaluation import image_metrics
from photosketch.evaluation.image_metrics import Measured
from photosketch.evaluation.phase_congruency import FilterBank
from photosketch.jobs.job import InputError, file_sha256


@pytest.fixture(scope="module")
def sketches() -> np.ndarray:
    """Three smooth random images, [3, 37, 41] uint8: sizes that no block divides."""
    random = np.random.default_rng(0)
    coarse = torch.from_numpy(random.random((3, 1, 9, 9)))
    smooth = torch.nn.functional.interpolate(coarse, (37, 41), mode="bicubic")[:, 0].numpy()
    noisy = smooth + 0.1 * random.normal(size=smooth.shape)
    return (255 * np.clip(noisy, 0, 1)).astype(np.uint8)


def slow_scoot_features(sketch: np.ndarray) -> list[float]:
    height, width = sketch.shape
    edges_y = [math.floor(height * i / 4) for i in range(5)]
    edges_x = [math.floor(width * i / 4) for i in range(5)]
    features = []
    for top, bottom in pairwise(edges_y):
        for left, right in pairwise(edges_x):
            matrix = [[0.0] * 6 for _ in range(6)]
            for down, across in ((0, 1), (-1, 1), (-1, 0), (-1, -1)):
                for y in range(top, bottom):
                    for x in range(left, right):
                        v, u = y + down, x + across
                        if top <= v < bottom and left <= u < right:
                            i = min(int(sketch[y, x]) * 6 // 255, 5)
                            j = min(int(sketch[v, u]) * 6 // 255, 5)
                            matrix[i][j] += 1 / 4
            matrix = [[math.floor(count + 0.5) for count in row] for row in matrix]
            total = sum(map(sum, matrix))
            shares = {(i, j): matrix[i][j] / total for i in range(6) for j in range(6)}
            features.append(sum(p * (i - j) ** 2 for (i, j), p in shares.items()))
            features.append(sum(p * p for p in shares.values()))
    return features


def test_scoot_equals_its_literal_version(sketches: np.ndarray) -> None:
    slow = np.array([slow_scoot_features(sketch) for sketch in sketches])
    np.testing.assert_allclose(image_metrics.scoot_features(sketches), slow, rtol=1e-12)
    found = image_metrics.scoot(Measured.of(sketches[:2]), Measured.of(sketches[1:]))
    expected = [1 / (1 + math.dist(slow[i], slow[i + 1])) for i in range(2)]
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_scoot_of_stripes_is_known() -> None:
    # Columns of level 0 and 5 by turns, two of each in a block of 4 x 4. Pairs across, 12: 8 from
    # black to white, 4 back; upwards 12: 6 within either; on either diagonal 9: 6 and 3, 3 and 6.
    stripes = np.tile(np.array([0, 255], np.uint8), (1, 16, 8))
    features = image_metrics.scoot_features(stripes).reshape(16, 2)
    # sums over the directions, quartered and rounded: 17 -> 4, 13 -> 3, 6 -> 2, 6 -> 2
    assert features[:, 0] == pytest.approx(25 * 7 / 11)
    assert features[:, 1] == pytest.approx((4**2 + 3**2 + 2**2 + 2**2) / 11**2)


def test_scoot_and_fsim_are_those_of_the_authors_programs() -> None:
    folder = Path(__file__).parents[2] / "data" / "authors_scores"
    theirs = pd.read_csv(folder / "scores.csv", dtype={"pair": str})
    true, drawn = (
        Measured.of(np.stack([read_gray(folder / f"{pair}_{side}.png") for pair in theirs["pair"]]))
        for side in ("truth", "drawn")
    )
    np.testing.assert_allclose(
        image_metrics.scoot(true, drawn), theirs["scoot"], atol=1e-12, rtol=0
    )
    np.testing.assert_allclose(image_metrics.fsim(true, drawn), theirs["fsim"], atol=1e-4, rtol=0)


def read_gray(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        assert image.mode == "L"
        return np.asarray(image)


def scharr(image: np.ndarray) -> np.ndarray:
    padded = np.pad(image, 1)
    kernel = np.array([[3, 0, -3], [10, 0, -10], [3, 0, -3]]) / 16
    height, width = image.shape
    across, down = np.zeros_like(image), np.zeros_like(image)
    for dy in range(3):
        for dx in range(3):
            window = padded[dy : dy + height, dx : dx + width]
            across += kernel[dy, dx] * window
            down += kernel[dx, dy] * window
    return np.hypot(across, down)


def phase_congruency(image: np.ndarray) -> np.ndarray:
    """Kovesi's phase congruency with FSIM's parameters: 4 scales, 4 orientations."""
    height, width = image.shape
    y = np.fft.fftfreq(height)[:, None] * (
        height / (height - height % 2 if height % 2 == 0 else height - 1)
    )
    x = np.fft.fftfreq(width)[None] * (width / (width if width % 2 == 0 else width - 1))
    radius = np.hypot(x, y)
    angle = np.arctan2(-y, x)
    low_pass = 1 / (1 + (radius / 0.45) ** 30)
    radius[0, 0] = 1
    spectrum = np.fft.fft2(image)
    energies, amplitudes = np.zeros_like(image), np.zeros_like(image)
    for orientation in range(4):
        theta = orientation * math.pi / 4
        turned = np.abs(np.angle(np.exp(1j * (angle - theta))))
        spread = np.exp(-(turned**2) / (2 * (math.pi / 4 / 1.2) ** 2))
        filters = []
        for scale in range(4):
            gabor = np.exp(-(np.log(radius * 6 * 2**scale) ** 2) / (2 * math.log(0.55) ** 2))
            gabor = gabor * low_pass
            gabor[0, 0] = 0
            filters.append(gabor * spread)
        responses = [np.fft.ifft2(spectrum * gabor) for gabor in filters]
        total = sum(responses)
        direction = total / (np.abs(total) + np.finfo(np.float32).eps)
        energy = np.zeros_like(image)
        for response in responses:
            aligned = response * np.conj(direction)
            energy += aligned.real - np.abs(aligned.imag)
        shapes = [np.fft.ifft2(gabor).real * math.sqrt(height * width) for gabor in filters]
        squares = sum((shape**2).sum() for shape in shapes)
        products = sum((shapes[i] * shapes[j]).sum() for i in range(4) for j in range(i + 1, 4))
        noise = np.sort(np.abs(responses[0]).ravel() ** 2)[(image.size - 1) // 2] / math.log(2)
        noise = noise / (filters[0] ** 2).sum()
        tau = math.sqrt((2 * noise * squares + 4 * noise * products) / 2)
        threshold = tau * math.sqrt(math.pi / 2) + 2 * math.sqrt((2 - math.pi / 2) * tau**2)
        energies += np.maximum(energy - threshold / 1.7, 0)
        amplitudes += sum(np.abs(response) for response in responses)
    return energies / amplitudes


def test_phase_congruency_equals_its_definition(sketches: np.ndarray) -> None:
    found = FilterBank.of(37, 41).congruency(torch.from_numpy(sketches).float()).numpy()
    expected = [phase_congruency(sketch.astype(float)) for sketch in sketches]
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert found.std() > 0.1


def slow_fsim(first: np.ndarray, second: np.ndarray) -> float:
    """Zhang et al. 2011, equations 4 to 6, alpha = beta = 1."""
    a, b = first.astype(float), second.astype(float)
    congruency_a, congruency_b = phase_congruency(a), phase_congruency(b)
    gradient_a, gradient_b = scharr(a), scharr(b)
    congruency = (2 * congruency_a * congruency_b + 0.85) / (
        congruency_a**2 + congruency_b**2 + 0.85
    )
    gradient = (2 * gradient_a * gradient_b + 160) / (gradient_a**2 + gradient_b**2 + 160)
    weight = np.maximum(congruency_a, congruency_b)
    return float((congruency * gradient * weight).sum() / weight.sum())


def test_fsim_equals_its_definition(sketches: np.ndarray) -> None:
    found = image_metrics.fsim(Measured.of(sketches[:2]), Measured.of(sketches[1:]))
    expected = [slow_fsim(sketches[i], sketches[i + 1]) for i in range(2)]
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_ssim_equals_its_definition(sketches: np.ndarray) -> None:
    offsets = np.arange(11) - 5
    window = np.exp(-(offsets[:, None] ** 2 + offsets**2) / (2 * 1.5**2))
    window /= window.sum()
    a, b = sketches[0] / 255.0, sketches[1] / 255.0
    values = []
    for y in range(37 - 10):
        for x in range(41 - 10):
            p, q = a[y : y + 11, x : x + 11], b[y : y + 11, x : x + 11]
            mean_p, mean_q = (window * p).sum(), (window * q).sum()
            var_p = (window * p * p).sum() - mean_p**2
            var_q = (window * q * q).sum() - mean_q**2
            both = (window * p * q).sum() - mean_p * mean_q
            values.append(
                (2 * mean_p * mean_q + 1e-4)
                * (2 * both + 9e-4)
                / ((mean_p**2 + mean_q**2 + 1e-4) * (var_p + var_q + 9e-4))
            )
    [found] = image_metrics.ssim(Measured.of(sketches[:1]), Measured.of(sketches[1:2]))
    assert found == pytest.approx(np.mean(values), rel=1e-4)


@pytest.mark.parametrize("shape", [(250, 200), (61, 65), (64, 51), (501, 400)])
def test_ssim_and_fsim_have_the_values_of_piq(shape: tuple[int, int]) -> None:
    random = np.random.default_rng(2)
    coarse = torch.from_numpy(random.random((4, 1, 12, 9)))
    smooth = torch.nn.functional.interpolate(coarse, shape, mode="bicubic")[:, 0].numpy()
    images = (255 * np.clip(smooth + 0.05 * random.normal(size=smooth.shape), 0, 1)).astype(
        np.uint8
    )
    real, generated = images[:2], images[2:]
    a, b = (torch.from_numpy(some)[:, None].double() / 255 for some in (real, generated))
    measured = Measured.of(real), Measured.of(generated)
    expected = piq.ssim(a, b, reduction="none").numpy()
    np.testing.assert_allclose(image_metrics.ssim(*measured), expected, atol=1e-7)
    expected = piq.fsim(a, b, chromatic=False, reduction="none").numpy()
    np.testing.assert_allclose(image_metrics.fsim(*measured), expected, atol=2e-6)


def test_an_image_is_most_like_itself_and_batches_change_nothing() -> None:
    images = np.random.default_rng(1).integers(0, 256, (20, 40, 36), np.uint8)
    measured = Measured.of(images)
    table = image_metrics.score_images(measured, measured)
    assert table.columns.tolist() == ["ssim", "fsim", "scoot"]
    np.testing.assert_allclose(table, 1, atol=1e-5)
    shifted = np.roll(images, 1, axis=0)
    whole = image_metrics.score_images(measured, Measured.of(shifted))
    part = image_metrics.score_images(Measured.of(images[17:]), Measured.of(shifted[17:]))
    np.testing.assert_allclose(whole[17:], part, rtol=1e-5)
    assert (whole < 0.999).all(axis=None)


def test_lpips_needs_its_files_and_is_zero_for_equal_images(
    tmp_path: Path, sketches: np.ndarray
) -> None:
    files = [tmp_path / name for name in LPIPS_FILES]
    with pytest.raises(InputError) as error:
        image_metrics.load_lpips(*files)
    assert len(error.value.problems) == 2
    torch.manual_seed(0)
    network = torchvision.models.vgg16(weights=None, init_weights=False).features
    state = {f"features.{name}": value for name, value in network.state_dict().items()}
    torch.save(state, files[0])
    linear = [torch.rand(1, channels, 1, 1) for channels in (64, 128, 256, 512, 512)]
    torch.save(linear, files[1])
    with pytest.raises(
        InputError, match=r"vgg16-397923af\.pth: damaged or another .*expected sha256 39"
    ):
        image_metrics.load_lpips(*files)
    sha256 = file_sha256(files[0])
    loaded = image_metrics.load_lpips(*files, sha256)
    measured = Measured.of(sketches)
    assert image_metrics.lpips(measured, measured, loaded) == pytest.approx(np.zeros(3))
    others = Measured.of(sketches[[1, 2, 0]])
    assert (image_metrics.lpips(measured, others, loaded) > 0).all()
    torch.save(linear[:2], files[1])
    with pytest.raises(InputError, match="not the weights of LPIPS"):
        image_metrics.load_lpips(*files, sha256)
