"""Faces of any photo: found, brought to their place, and drawn as a run draws them."""

from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from photosketch.draw import Sketcher
from photosketch.geometry.resampling import resampled
from photosketch.jobs.messages import InputError
from photosketch.parsing.segmentation import parse_segmentation
from photosketch.training import inference, pack, tensors
from support.faces.pair import draw_pair
from support.generators import PLACES, group_photo


@pytest.fixture(scope="module")
def baseline(generator) -> Sketcher:
    return Sketcher.load(generator)


@pytest.fixture(scope="module")
def keeping(generator) -> Sketcher:
    """It keeps the background."""
    return Sketcher.load(generator, background="keep")


@pytest.fixture(scope="module")
def person():
    """The aligned photo of a generated person, with the points that were drawn."""
    pair = draw_pair(0)
    return pair.photo, pair.photo_landmarks.astype(np.float32)


@pytest.mark.slow
def test_every_face_is_drawn_from_left_to_right_at_its_place(keeping):
    image, points = group_photo()
    sketches = keeping(image)
    assert len(sketches) == 3
    for sketch, true, place in zip(sketches, points, PLACES, strict=True):
        assert sketch.image.shape == (250, 200)
        assert sketch.image.dtype == np.uint8
        away = np.hypot(*(sketch.face.points - true).T).mean() / place.scale
        assert away < 2  # pixels of a face of 200x250
        assert sketch.transform.scale == pytest.approx(1 / place.scale, rel=0.03)
        assert sketch.transform.degrees == pytest.approx(-place.degrees, abs=1.5)


@pytest.mark.slow
@pytest.mark.parametrize("local", [False, True], ids=["baseline", "local"])
def test_a_test_pairs_name_points_and_labels_give_the_runs_own_sample(generators, local, person):
    sketcher, (photo, points) = Sketcher.load(generators[local]), person
    labels = parse_segmentation(photo, points)
    data = tensors.PackedSet(
        ids=["7"],
        subset=["pencil"],
        photo=torch.from_numpy(pack.framed(photo, 256, 0)[None]),
        sketch=torch.full((1, 256, 256, 1), 99, dtype=torch.uint8),
        landmarks=torch.from_numpy(pack.in_frame(points, (200, 250), 256)[None]),
        parsing=torch.from_numpy(pack.framed(labels, 256, 0)[None]),
        size=(200, 250),
        offset=(28, 3),
        pad_value=0,
    )
    cpu = torch.device("cpu")
    (sample,) = inference.draw(sketcher.generator, data, "instance", 3, 5, cpu)
    assert np.array_equal(sketcher.sketch(photo, points, labels, "pencil/7"), sample)
    (drawn,) = sketcher(photo, points, name="pencil/7", aligned=True)
    assert np.array_equal(drawn.image, sample)
    (other,) = sketcher(photo, points, name="pencil/8", aligned=True)
    assert not np.array_equal(other.image, sample)


def test_seed_and_statistics_can_be_chosen(generator, person):
    photo, points = person
    images = [
        Sketcher.load(generator, **chosen)(photo, points, aligned=True)[0].image
        for chosen in ({}, {"seed": 3}, {"seed": 4}, {"statistics": "running"})
    ]
    assert np.array_equal(images[0], images[1])
    assert not np.array_equal(images[0], images[2])
    assert not np.array_equal(images[0], images[3])
    with pytest.raises(InputError, match="statistics: 'batch' is unknown; use instance or running"):
        Sketcher.load(generator, statistics="batch")


def test_without_local_networks_labels_are_not_asked_for(keeping, person, monkeypatch):
    monkeypatch.setattr("photosketch.draw.sketcher.parse_segmentation", None)
    assert len(keeping(*person)) == 1


@pytest.mark.slow
def test_a_busy_background_is_made_white_unless_it_is_kept_or_the_photo_is_aligned(
    baseline, keeping
):
    pair = draw_pair(0)
    truth = pair.photo_labels > 0
    noise = np.random.default_rng(0).uniform(40, 250, (10, 8, 3)).astype(np.float32)
    scene = cv2.resize(noise, (200, 250), interpolation=cv2.INTER_CUBIC).clip(0, 255)
    photo = np.where(truth[..., None], pair.photo, scene.astype(np.uint8))
    points = pair.photo_landmarks
    (white,) = baseline(photo, points)
    (kept,) = keeping(photo, points)
    (aligned,) = baseline(photo, points, aligned=True)
    drawn = np.repeat(truth[..., None], 3, 2) * np.uint8(255)
    outside = resampled(drawn, white.transform, (200, 250))
    away = cv2.dilate(outside, np.ones((21, 21)))[..., 0] == 0
    inside = cv2.erode(outside, np.ones((21, 21)))[..., 0] == 255
    assert (white.photo[away] == 255).mean() > 0.99
    assert (white.photo[inside] == kept.photo[inside]).mean() > 0.99
    assert np.ptp(kept.photo[away]) > 100
    assert np.array_equal(aligned.photo, photo)
    (cut,) = baseline(photo[40:], points - [0, 40])
    assert (cut.photo[:30] == 255).all(), "what the photo does not reach is white too"


@pytest.mark.slow
def test_threads_share_a_sketcher_and_nothing_else_changes(generators, person):
    local, (photo, points) = Sketcher.load(generators[1]), person
    torch.manual_seed(1)
    alone = local(photo, points)[0].image
    before = {name: value.clone() for name, value in local.generator.state_dict().items()}
    state = torch.get_rng_state(), torch.are_deterministic_algorithms_enabled()
    with ThreadPoolExecutor(4) as pool:
        found = [each[0].image for each in pool.map(local, [photo] * 8, [points] * 8)]
    assert all(np.array_equal(image, alone) for image in found)
    assert (torch.get_rng_state() == state[0]).all()
    assert torch.are_deterministic_algorithms_enabled() == state[1]
    after = local.generator.state_dict()
    assert all(torch.equal(after[name], value) for name, value in before.items())


@pytest.mark.parametrize(
    "change",
    [
        lambda photo: photo / 255,
        lambda photo: photo.astype(np.float64),
        lambda photo: photo.astype(np.uint16),
        lambda photo: photo > 99,
        lambda photo: photo.transpose(2, 0, 1),
        lambda photo: np.dstack([photo, photo[..., :1]]),
        lambda photo: photo[..., 0],
        lambda photo: photo[:0],
        lambda photo: photo[None],
    ],
    ids=["0..1", "float", "16 bits", "bool", "channels first", "RGBA", "gray", "empty", "batch"],
)
def test_an_array_that_is_no_photo_is_refused_by_every_way_in(baseline, person, change):
    photo, points = person
    for draw in (
        baseline,
        lambda wrong: baseline(wrong, points, aligned=True),
        lambda wrong: baseline.sketch(wrong, points, None, "a/1"),
    ):
        with pytest.raises(InputError, match=r"the photo is .*; give RGB \[H, W, 3\] uint8"):
            draw(change(photo))
    with pytest.raises(InputError, match=r"\[249, 200, 3\].*leave aligned out"):
        baseline(photo[1:], points, aligned=True)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda points: points + np.nan, "left_eye_x nan is outside the image of 200x250"),
        (lambda points: points + 1000, "is outside the image"),
        (lambda points: points[:, ::-1], "is not left of"),
        (lambda points: points[:4], r"have the shape \[4, 2\]; give \[5, 2\] or \[K, 5, 2\]"),
        (np.ravel, r"have the shape \[10\]"),
    ],
)
def test_points_that_no_face_has_there_are_refused(baseline, person, change, said):
    photo, points = person
    with pytest.raises(InputError, match=said):
        baseline(photo, change(points))


def test_one_changed_weight_is_noticed(tmp_path, generator):
    weights = load_file(generator)
    with safe_open(generator, framework="pt") as file:
        metadata = file.metadata()
    weights["unet.downs.0.0.weight"].view(-1)[0] += 1e-6
    save_file(weights, tmp_path / "changed.safetensors", metadata=metadata)
    with pytest.raises(InputError, match="another sha256 than was written"):
        Sketcher.load(tmp_path / "changed.safetensors")
