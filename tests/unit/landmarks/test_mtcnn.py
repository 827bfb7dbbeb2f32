"""The batched cascade finds what facenet-pytorch's own driver finds."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from photosketch.data import pairs
from photosketch.landmarks import detection, mtcnn
from support.faces.looks import LOOKS
from support.faces.pair import draw_pair

THRESHOLDS = (0.6, 0.7, 0.7)


@pytest.fixture(scope="module")
def networks() -> mtcnn.Networks:
    return mtcnn.load_networks("cpu")


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    """Photos and sketches of three faces, and one with two faces: [7, 250, 200, 3]."""
    drawn = [draw_pair(seed, LOOKS[seed % len(LOOKS)]) for seed in range(3)]
    single = [detection._rgb(image) for face in drawn for image in (face.photo, face.sketch)]
    double = np.full_like(single[0], 200)
    double[:125, :100] = single[0][::2, ::2]
    double[125:, 100:] = single[2][::2, ::2]
    return np.stack([*single, double])


def reference(image: np.ndarray, min_face_size: int = 40) -> tuple[np.ndarray, ...]:
    """Boxes, scores and points of facenet-pytorch, one call for one image."""
    from facenet_pytorch import MTCNN

    boxes, scores, points = MTCNN(min_face_size=min_face_size).detect(image, landmarks=True)
    if boxes is None:
        return np.zeros((0, 4)), np.zeros(0), np.zeros((0, 5, 2))
    return tuple(np.asarray(values, float) for values in (boxes, scores, points))


def check_alike(found: mtcnn.Faces, expected: tuple[np.ndarray, ...]) -> None:
    boxes, scores, points = expected
    order, other = np.argsort(found.scores), np.argsort(scores)
    np.testing.assert_allclose(found.scores[order], scores[other], atol=1e-4)
    np.testing.assert_allclose(found.boxes[order], boxes[other], atol=0.1)
    np.testing.assert_allclose(found.points[order], points[other], atol=0.1)


@pytest.mark.parametrize("min_face_size", [40, 24])
def test_a_batch_gives_the_faces_of_one_call_an_image(networks, images, min_face_size):
    batch = mtcnn.find_faces(networks, torch.as_tensor(images), min_face_size, THRESHOLDS)
    assert all(len(faces.boxes) for faces in batch[:6])
    assert len(batch[6].boxes) == 2
    for faces, image in zip(batch, images, strict=True):
        check_alike(faces, reference(image, min_face_size))


def test_real_faces_are_found_as_by_one_call_an_image(networks, cufs):
    listed = pairs.index_pairs(cufs / "pairs.tsv", (200, 250))[::40]
    real = np.stack(
        [pairs.read_image(pair, m, colour=True) for pair in listed for m in pairs.MODALITIES]
    )
    batch = mtcnn.find_faces(networks, torch.as_tensor(real), 40, THRESHOLDS)
    for faces, image in zip(batch, real, strict=True):
        check_alike(faces, reference(image))


@pytest.mark.parametrize("value", [0, 255])
def test_blank_images_have_no_faces(networks, value):
    blank = torch.full((2, 250, 200, 3), value, dtype=torch.uint8)
    found = mtcnn.find_faces(networks, blank, 40, THRESHOLDS)
    assert [len(faces.boxes) for faces in found] == [0, 0]
    assert found[0].points.shape == (0, 5, 2)


def test_windows_are_averaged_as_by_adaptive_pooling():
    rng = np.random.default_rng(0)
    image = torch.as_tensor(rng.integers(0, 256, (2, 61, 47, 3), np.uint8))
    sums = mtcnn._summed_areas(image)
    planes = image.permute(0, 3, 1, 2).float()
    whole = functional.adaptive_avg_pool2d(planes, (19, 23))
    torch.testing.assert_close(mtcnn._shrunk_whole(sums, 19, 23), (whole - 127.5) / 128)
    windows = torch.tensor([[0, 0, 47, 61], [5, 7, 6, 60], [10, 3, 40, 29]])
    owners = torch.tensor([1, 0, 1])
    shrunk = mtcnn._shrunk_windows(sums, windows, owners, 24)
    for index, (left, top, right, bottom) in enumerate(windows.tolist()):
        part = planes[owners[index], :, top:bottom, left:right]
        expected = (functional.adaptive_avg_pool2d(part, 24) - 127.5) / 128
        torch.testing.assert_close(shrunk[index], expected)


def test_summed_areas_of_white_images_are_exact():
    white = torch.full((1, 256, 256, 3), 255, dtype=torch.uint8)
    assert mtcnn._summed_areas(white)[0, -1, -1].tolist() == [256 * 256 * 255] * 3


def test_boxes_mostly_inside_a_better_one_are_dropped():
    boxes = np.array([[0, 0, 99, 99], [10, 10, 59, 59], [60, 0, 159, 99]], np.float32)
    assert mtcnn._without_contained(boxes, np.array([0.9, 0.8, 0.95], np.float32)) == [2, 0]
