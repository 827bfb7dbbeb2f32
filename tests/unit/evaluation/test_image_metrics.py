"""Metrics of single images compared with the authors' programs and piq."""

import numpy as np
import pandas as pd
import piq
import pytest
import torch
from PIL import Image
from torchvision.models import vgg

from photosketch.configuration.settings import LPIPS_FILES
from photosketch.evaluation import image_metrics
from photosketch.evaluation.image_metrics import Measured
from photosketch.jobs.disk import file_sha256
from photosketch.jobs.messages import InputError


def smooth(count: int, shape: tuple[int, int], noise: float) -> np.ndarray:
    """Smooth random images with some noise, [count, *shape] uint8."""
    random = np.random.default_rng(2)
    coarse = torch.from_numpy(random.random((count, 1, 12, 9)))
    images = torch.nn.functional.interpolate(coarse, shape, mode="bicubic")[:, 0].numpy()
    noisy = images + noise * random.normal(size=images.shape)
    return (255 * np.clip(noisy, 0, 1)).astype(np.uint8)


def test_scoot_of_stripes_is_known():
    # Columns alternate between levels 0 and 5, two of each in a block of 4 x 4. There are 12 pairs
    # across (8 from black to white, 4 back), 12 upwards (6 within each level), and 9 on each
    # diagonal (6 and 3, 3 and 6).
    stripes = np.tile(np.array([0, 255], np.uint8), (1, 16, 8))
    features = image_metrics.scoot_features(stripes).reshape(16, 2)
    # sums over the directions, divided by four and rounded: 17 -> 4, 13 -> 3, 6 -> 2, 6 -> 2
    assert features[:, 0] == pytest.approx(25 * 7 / 11)
    assert features[:, 1] == pytest.approx((4**2 + 3**2 + 2**2 + 2**2) / 11**2)


@pytest.mark.slow
def test_scoot_and_fsim_are_those_of_the_authors_programs(root):
    folder = root / "tests/data/authors_scores"
    theirs = pd.read_csv(folder / "scores.csv", dtype={"pair": str})
    true, drawn = (
        Measured.of(np.stack([np.asarray(Image.open(path)) for path in sorted(folder.glob(files))]))
        for files in ("*_truth.png", "*_drawn.png")
    )
    assert theirs["pair"].is_monotonic_increasing
    scoot, fsim = image_metrics.scoot(true, drawn), image_metrics.fsim(true, drawn)
    np.testing.assert_allclose(scoot, theirs["scoot"], atol=1e-12, rtol=0)
    np.testing.assert_allclose(fsim, theirs["fsim"], atol=1e-4, rtol=0)


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(250, 200), (37, 41), (64, 51), (501, 400)])
def test_ssim_and_fsim_have_the_values_of_piq(shape):
    real, generated = smooth(2, shape, noise=0.05)[:, None]
    a, b = (torch.from_numpy(some)[:, None].double() / 255 for some in (real, generated))
    measured = Measured.of(real), Measured.of(generated)
    expected = piq.ssim(a, b, reduction="none").numpy()
    np.testing.assert_allclose(image_metrics.ssim(*measured), expected, atol=1e-7)
    expected = piq.fsim(a, b, chromatic=False, reduction="none").numpy()
    np.testing.assert_allclose(image_metrics.fsim(*measured), expected, atol=2e-6)


def test_an_image_is_most_like_itself_and_batches_change_nothing():
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


@pytest.mark.slow
def test_lpips_needs_its_files_and_is_zero_for_equal_images(tmp_path):
    files = [tmp_path / name for name in LPIPS_FILES]
    with pytest.raises(InputError) as error:
        image_metrics.load_lpips(*files)
    assert len(error.value.problems) == 2
    torch.manual_seed(0)
    network = vgg.make_layers(vgg.cfgs["D"])
    state = {f"features.{name}": value for name, value in network.state_dict().items()}
    torch.save(state, files[0])
    linear = [torch.rand(1, channels, 1, 1) for channels in (64, 128, 256, 512, 512)]
    torch.save(linear, files[1])
    other = r"vgg16-397923af\.pth: damaged or another .*expected sha256 39"
    with pytest.raises(InputError, match=other):
        image_metrics.load_lpips(*files)
    sha256 = file_sha256(files[0])
    loaded = image_metrics.load_lpips(*files, sha256)
    sketches = smooth(3, (37, 41), noise=0.1)
    measured, others = Measured.of(sketches), Measured.of(sketches[[1, 2, 0]])
    assert image_metrics.lpips(measured, measured, loaded) == pytest.approx(np.zeros(3))
    assert (image_metrics.lpips(measured, others, loaded) > 0).all()
    torch.save(linear[:2], files[1])
    with pytest.raises(InputError, match="not the weights of LPIPS"):
        image_metrics.load_lpips(*files, sha256)
