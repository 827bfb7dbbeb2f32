"""Presets of scoring: how drawn and true sketches are prepared."""

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from photosketch.evaluation import protocol
from photosketch.evaluation.extractors import View, extract
from photosketch.evaluation.scores import stack_sketches
from photosketch.jobs.disk import file_sha256

DOCUMENTED = (Path(__file__).parents[3] / "docs" / "protocols.md").read_text()
# a small network instead of Inception: means of each channel over a coarse grid, [N, 192]
COARSE = nn.Sequential(nn.AdaptiveAvgPool2d(8), nn.Flatten())


@pytest.fixture
def sketches() -> np.ndarray:
    """Six faint sketches of levels 100 to 199, [6, 40, 40]."""
    return np.random.default_rng(0).integers(100, 200, (6, 40, 40), np.uint8)


def test_stretching_spans_all_levels_linearly_and_rounds_and_leaves_a_single_level():
    faint = np.array([[100, 101], [103, 106]], np.uint8)
    assert protocol.stretched(faint).tolist() == [[0, 43], [128, 255]]  # 42.5 and 127.5 go up
    whole = np.arange(256, dtype=np.uint8).reshape(16, 16)
    np.testing.assert_array_equal(protocol.stretched(whole), whole)
    plain = np.repeat(np.array([0, 128, 255], np.uint8), 256).reshape(3, 16, 16)
    np.testing.assert_array_equal(protocol.as_scored(plain, "report2019"), plain)


def test_each_drawn_sketch_is_stretched_by_itself_and_goes_through_jpeg(sketches):
    sketches[0] //= 2
    scored = protocol.as_scored(sketches, "report2019")
    assert (scored.shape, scored.dtype) == (sketches.shape, np.uint8)
    for sketch, found in zip(sketches, scored, strict=True):
        file = io.BytesIO()
        Image.fromarray(protocol.stretched(sketch)).save(file, "JPEG")  # Pillow's default quality
        np.testing.assert_array_equal(found, np.asarray(Image.open(file)))
        assert (found != protocol.stretched(sketch)).any()
    assert protocol.as_scored(sketches, "as_drawn") is sketches


def test_presets_change_levels_and_pixels_as_their_code_does(sketches):
    scored = {name: protocol.as_scored(sketches, name) for name in protocol.PROTOCOLS}
    stretched = {name for name, found in scored.items() if np.ptp(found.astype(int)) > 200}
    changed = {name for name, found in scored.items() if (found != sketches).any()}
    assert stretched == {"report2019"}
    assert changed == {"report2019", "genre2021_saved", "hida2023_saved"}
    assert all(name in DOCUMENTED for name in scored)
    unnoted = [name for name, preset in protocol.PROTOCOLS.items() if not preset.note]
    assert unnoted == ["as_drawn"]


@pytest.mark.parametrize(
    ("preset", "by_their_code"),
    [
        ("report2019", lambda x: x * (0.224 / 0.5) + (0.456 - 0.5) / 0.5),  # of green
        ("genre2021", lambda x: x),
        ("as_drawn", lambda x: 2 * x - 1),
    ],
)
def test_torchvisions_inception_takes_the_scale_of_the_published_code(preset, by_their_code):
    taken_by = {"inception-imagenet": by_their_code, "inception-tf": lambda x: 2 * x - 1}
    images = torch.rand(2, 3, 20, 30)
    for features, expected in taken_by.items():
        view = View(nn.Identity(), protocol.PROTOCOLS[preset], features)
        taken = 2 * view(images) - 1  # as in `extractors`
        torch.testing.assert_close(taken[:, 1], expected(images[:, 1]), rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("preset", "size"), [("genre2021_saved", (200, 200)), ("resized256", (256, 256))]
)
def test_feature_networks_see_the_part_and_size_that_the_preset_names(preset, size):
    images = torch.arange(250.0)[:, None].expand(1, 3, 250, 200)
    seen = View(nn.Identity(), protocol.PROTOCOLS[preset], "efficientnet-lite0")(images)
    assert seen.shape[-2:] == size
    top, bottom = seen[0, 0, 0, 0].item(), seen[0, 0, -1, 0].item()
    assert (top, bottom) == ((25, 224) if preset == "genre2021_saved" else (0, 249))


def test_true_sketches_keep_their_tint_where_they_are_scored_as_the_report_did(tmp_path, listed):
    path, tinted = tmp_path / "tinted.png", np.empty((250, 200, 3), np.uint8)
    tinted[:] = (200, 190, 150)
    Image.fromarray(tinted).save(path)
    coloured = replace(listed[0], sketch=str(path), sketch_sha256=file_sha256(path))
    people = [coloured, listed[1]]
    in_colour = stack_sketches(people, colour=True)
    assert in_colour.shape == (2, 250, 200, 3)
    np.testing.assert_array_equal(in_colour[0], tinted)
    gray = stack_sketches(people)
    assert gray.shape == (2, 250, 200)
    # a gray file has three equal channels
    np.testing.assert_array_equal(in_colour[1], np.repeat(gray[1][..., None], 3, axis=2))
    of_colour, of_gray = extract(in_colour, COARSE), extract(gray, COARSE)
    np.testing.assert_array_equal(of_colour[1], of_gray[1])
    channels = of_colour[0].reshape(3, -1).mean(axis=1)
    assert channels == pytest.approx(np.array([200, 190, 150]) / 255, abs=1e-4)
