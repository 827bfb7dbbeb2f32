"""The demo's committed faces and the painter behind them: what is drawn, what is said about it, and
what detectors make of it."""

import cv2
import numpy as np
import pandas as pd
import pytest

from photosketch.data.pairs import MODALITIES
from photosketch.landmarks.detection import detect
from photosketch.landmarks.table import COORDINATES
from photosketch.parsing.labels import BROWS, CLASSES, EYES, MOUTH, NOSE
from support.faces.dataset import FADED, PAIRS, demo_pair, write_pair
from support.faces.looks import LOOKS, PENCIL
from support.faces.pair import draw_pair
from support.faces.people import COLLARS, HAIR_STYLES

CUFS_EYES = np.array([[75.3, 126.0], [126.0, 126.0]])
SAMPLE = {"pencil": (0, 2, 3, 8, 9), "charcoal": (0, 2), "sanguine": (0, 5, 12)}  # positions
GRID = np.stack(np.meshgrid(np.arange(200.0), np.arange(250.0)), axis=-1)


@pytest.fixture(scope="session")
def demo(root):
    return root / "resources/demo"


@pytest.fixture(scope="session")
def drawn():
    """Pairs of the demo with every look, hair style and collar, among them all that are faded."""
    places = [(look, position) for look in LOOKS for position in SAMPLE[look.name]]
    seeds = {LOOKS.index(look) * PAIRS + position for look, position in places}
    for kinds in (HAIR_STYLES, COLLARS):
        assert {seed % len(kinds) for seed in seeds} == set(range(len(kinds)))
    return {place: demo_pair(*place) for place in places}


@pytest.fixture(scope="session")
def pairs(drawn):
    """Those pairs without their places."""
    return list(drawn.values())


def test_the_table_names_the_files_there_are(demo):
    table = pd.read_csv(demo / "pairs.tsv", sep="\t", dtype=str)
    assert list(table.columns) == ["subset", "id", "split", "photo", "sketch"]
    counts = table.groupby(["subset", "split"], sort=False).size().to_dict()
    assert counts == {(look.name, s): n for look in LOOKS for s, n in (("train", 8), ("test", 6))}
    named = {path for column in MODALITIES for path in table[column]}
    assert named == {p.relative_to(demo).as_posix() for p in demo.rglob("*.[jp][pn]g")}
    for row in table.itertuples():
        shapes = [cv2.imread(str(demo / p), -1).shape for p in (row.photo, row.sketch)]
        gray = row.subset != "sanguine"  # gray and RGB sketch files both occur
        assert shapes == [(250, 200, 3), (250, 200) if gray else (250, 200, 3)]


def differing(written, committed):
    """How many of the pictures written are not the committed bytes. Numbers rounded otherwise by
    another processor may change a pixel here and there by a level, not more."""
    different = 0
    for path in written.rglob("*.[jp][pn]g"):
        other = committed / path.relative_to(written)
        if path.read_bytes() != other.read_bytes():
            different += 1
            ours, theirs = (cv2.imread(str(file), -1).astype(int) for file in (path, other))
            apart = np.abs(ours - theirs)
            assert apart.max() <= 2 and apart.mean() < 0.002, path
    return different


def test_the_painter_gives_the_committed_bytes(demo, drawn, tmp_path):
    for (look, position), pair in drawn.items():
        write_pair(tmp_path, look, position, pair)
    assert differing(tmp_path, demo) <= 10  # of 20


def test_manual_landmarks_are_those_of_the_faded_sketches(demo, drawn):
    manual = pd.read_csv(demo / "manual_landmarks.csv", dtype={"id": str})
    assert list(manual.columns) == ["subset", "id", "modality", *COORDINATES]
    assert set(manual.modality) == {"sketch"}
    assert dict(zip(manual.subset, manual.id.astype(int) - 1, strict=True)) == FADED
    true = [drawn[look, FADED[look.name]].sketch_landmarks.ravel() for look in LOOKS]
    np.testing.assert_allclose(manual[list(COORDINATES)], true, atol=0.006)


@pytest.mark.slow
@pytest.mark.parametrize("modality", MODALITIES)
def test_detectors_find_all_faces_but_the_faded(demo, drawn, modality):
    errors = []
    for (look, position), pair in drawn.items():
        [path] = demo.glob(f"{look.name}/{modality}*/{position + 1:02d}.*")
        found = detect(shaken(cv2.imread(str(path))[..., ::-1]), "cpu")
        if modality == "sketch" and position == FADED[look.name]:
            assert found == [None] * 4
        else:
            assert all(face is not None and face.score > 0.85 for face in found), (look, position)
            true = getattr(pair, f"{modality}_landmarks")
            errors.append(np.linalg.norm(found[0].points - true, axis=1))
    assert np.mean(errors) <= 2.0
    assert np.mean(errors, axis=1).max() <= 4.0


def shaken(image):
    """The image as it is, with a gray level of noise, and a pixel aside: as another CPU might."""
    noise = np.random.default_rng(0).integers(-1, 2, image.shape)
    noisy = np.clip(image.astype(int) + noise, 0, 255).astype(np.uint8)
    return [image, noisy, np.roll(image, 1, axis=1), np.roll(image, -1, axis=0)]


@pytest.mark.parametrize("modality", MODALITIES)
def test_labels_agree_with_points(pairs, modality):
    for pair in pairs:
        _, points, labels = pair.view(modality)
        np.testing.assert_allclose(points[:2], CUFS_EYES, atol=1.5)
        assert set(np.unique(labels)) == set(range(len(CLASSES)))
        columns, rows = np.rint(points[:3]).astype(int).T
        assert labels[rows, columns].tolist() == [EYES, EYES, NOSE]
        for (x, y), half in zip(points[:2], np.split(labels, [100], axis=1), strict=True):
            rows, columns = np.nonzero(half == EYES)
            offset = 100 if x > 100 else 0
            np.testing.assert_allclose([columns.mean() + offset, rows.mean()], [x, y], atol=2.5)
            assert np.nonzero(half == BROWS)[0].max() < y
        rows, columns = np.nonzero(labels == MOUTH)
        for (x, y), end in zip(points[3:], (columns.min(), columns.max()), strict=True):
            assert abs(end - x) < 2.5
            assert abs(rows[columns == end].mean() - y) < 2.5


@pytest.mark.slow
def test_the_map_is_smooth_and_free_of_folds(pairs):
    far = [draw_pair(seed, deformation=10.0) for seed in (0, 1)]
    for pair, amplitude in [*((pair, 7.0) for pair in pairs), *((pair, 10.0) for pair in far)]:
        backward = pair.map
        shift = np.linalg.norm(backward - GRID, axis=-1)
        assert shift.max() == pytest.approx(amplitude, abs=1e-3)
        dy, dx = np.gradient(backward.astype(float), axis=(0, 1))
        assert (dx[..., 0] * dy[..., 1] - dx[..., 1] * dy[..., 0]).min() > 0.3
        bend = max(np.abs(np.diff(backward, n=2, axis=axis)).max() for axis in (0, 1))
        assert bend < 0.05


def test_the_map_takes_photo_to_sketch(pairs):
    for pair in pairs:
        x, y = pair.photo_landmarks.T[:, :, None]
        found = cv2.remap(pair.map, x, y, cv2.INTER_LINEAR)[:, 0]
        np.testing.assert_allclose(found, pair.sketch_landmarks, atol=0.05)
        columns, rows = np.rint(pair.map).astype(int).transpose(2, 0, 1)
        inside = (columns >= 0) & (columns < 200) & (rows >= 0) & (rows < 250)
        moved = pair.sketch_labels[rows.clip(0, 249), columns.clip(0, 199)]
        assert (moved == pair.photo_labels)[inside].mean() > 0.97  # rounding, along the edges
        assert (pair.sketch_labels == pair.photo_labels)[inside].mean() < 0.97


@pytest.mark.parametrize("look", LOOKS, ids=lambda look: look.name)
def test_the_map_undoes_the_deformation_of_the_sketch(drawn, look):
    straight = draw_pair(LOOKS.index(look) * PAIRS, look, deformation=0.0)
    pair = drawn[look, 0]
    laid = cv2.remap(pair.sketch, pair.map[..., 0], pair.map[..., 1], cv2.INTER_CUBIC)
    goal, undone, left = (
        cv2.GaussianBlur(image.astype(np.float32), (0, 0), 1.5)[12:-12, 12:-12]
        for image in (straight.sketch, laid, pair.sketch)
    )
    assert np.abs(undone - goal).mean() < min(1.0, np.abs(left - goal).mean() / 5)
    np.testing.assert_allclose(straight.map, GRID, atol=1e-4)
    np.testing.assert_array_equal(straight.sketch_landmarks, straight.photo_landmarks)
    np.testing.assert_array_equal(straight.sketch_labels, straight.photo_labels)


@pytest.mark.slow
def test_moving_the_mouth_moves_pixels_label_and_points():
    rest = draw_pair(0, PENCIL, deformation=0.0)
    moved = draw_pair(0, PENCIL, deformation=0.0, mouth_shift=(2.0, 4.0))
    for modality in MODALITIES:
        before, points, labels = rest.view(modality)
        after, new_points, new_labels = moved.view(modality)
        np.testing.assert_allclose(new_points - points, [[0, 0]] * 3 + [[2, 4]] * 2, atol=1e-4)
        shifted = np.roll(labels == MOUTH, (4, 2), axis=(0, 1))
        np.testing.assert_array_equal(new_labels == MOUTH, shifted)
        # The dark line between the lips goes along; the eyes stay as they were.
        x, y = np.rint(points[3:].mean(0)).astype(int)
        column = np.s_[y - 12 : y + 16, x - 6 : x + 7]
        darkest, new_darkest = (
            image.reshape(250, 200, -1).mean(-1)[column].mean(1).argmin()
            for image in (before, after)
        )
        assert abs(new_darkest - darkest - 4) <= 1
        assert np.abs(after[:140].astype(int) - before[:140]).max() <= 1  # light on the cheeks
