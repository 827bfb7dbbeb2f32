"""The demo's folder of data: its table, files, truth and manual points."""

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from photosketch.data.pairs import MODALITIES
from photosketch.demo import dataset
from photosketch.demo.dataset import FADED, FADED_INK, write_demo
from photosketch.demo.looks import LOOKS
from photosketch.demo.pair import draw_pair
from photosketch.landmarks.detection import detect
from photosketch.landmarks.table import COORDINATES
from support.sides import view


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Path:
    """The demo's data, written by the command that users call."""
    folder = tmp_path_factory.mktemp("demo") / "data"
    subprocess.run(
        [sys.executable, "-m", "photosketch.demo", str(folder)],
        cwd=root / "workflow/scripts",
        check=True,
    )
    return folder


@pytest.fixture(scope="module")
def table(written: Path) -> pd.DataFrame:
    return pd.read_csv(written / "pairs.tsv", sep="\t", dtype=str)


def test_the_table_names_the_files_written(written: Path, table: pd.DataFrame) -> None:
    assert list(table.columns) == ["subset", "id", "split", "photo", "sketch"]
    counts = table.groupby(["subset", "split"], sort=False).size().to_dict()
    assert counts == {(look.name, s): n for look in LOOKS for s, n in (("train", 8), ("test", 6))}
    assert not table.duplicated(["subset", "id"]).any()
    named = {path for column in MODALITIES for path in table[column]}
    images = {p.relative_to(written).as_posix() for p in written.rglob("*.[jp][pn]g")}
    assert len(named) == 84
    assert named == images


def test_gray_and_rgb_sketch_files_both_occur(written: Path, table: pd.DataFrame) -> None:
    for row in table.itertuples():
        photo, sketch = (
            cv2.imread(str(written / path), cv2.IMREAD_UNCHANGED)
            for path in (row.photo, row.sketch)
        )
        assert photo.shape == (250, 200, 3)
        assert sketch.shape == ((250, 200, 3) if row.subset == "sanguine" else (250, 200))


def test_files_and_truth_are_those_of_the_pairs_drawn(written: Path, table: pd.DataFrame) -> None:
    for number, look in enumerate(LOOKS):
        rows = table[table.subset == look.name]
        with np.load(written / "truth" / f"{look.name}.npz") as truth:
            assert truth["ids"].tolist() == rows.id.tolist()
            assert truth["maps"].shape == (14, 250, 200, 2)
            for position in (0, FADED[look.name]):
                ink = FADED_INK if position else 1.0
                pair = draw_pair(14 * number + position, look, ink=ink)
                assert (truth["maps"][position] == pair.map).all()
                for modality in MODALITIES:
                    image, points, labels = view(pair, modality)
                    assert (truth[f"{modality}_landmarks"][position] == points).all()
                    assert (truth[f"{modality}_labels"][position] == labels).all()
                    path = str(written / rows[modality].iloc[position])
                    gray = cv2.imread(path, cv2.IMREAD_GRAYSCALE).astype(float)
                    expected = image @ [0.299, 0.587, 0.114] if image.ndim == 3 else image
                    assert np.abs(gray - expected).mean() < 2.5  # JPEG


def test_manual_landmarks_are_those_of_the_faded_sketches(
    written: Path, table: pd.DataFrame
) -> None:
    manual = pd.read_csv(written / "manual_landmarks.csv", dtype={"subset": str, "id": str})
    assert list(manual.columns) == ["subset", "id", "modality", *COORDINATES]
    assert (manual.modality == "sketch").all()
    faded = {(name, f"{position + 1:02d}") for name, position in FADED.items()}
    assert set(zip(manual.subset, manual.id, strict=True)) == faded
    splits = table.set_index(["subset", "id"]).split
    assert {splits[key] for key in faded} == {"train", "test"}
    for row in manual.itertuples():
        with np.load(written / "truth" / f"{row.subset}.npz") as truth:
            true = truth["sketch_landmarks"][truth["ids"].tolist().index(row.id)]
        points = [getattr(row, name) for name in COORDINATES]
        np.testing.assert_allclose(np.reshape(points, (5, 2)), true, atol=0.006)


def test_without_the_rest_there_is_no_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError("disk full")

    pair = draw_pair(0)
    monkeypatch.setattr(dataset, "draw_pair", lambda *_, **__: pair)
    (tmp_path / "pairs.tsv").write_text("of an earlier run")
    monkeypatch.setattr(dataset, "_write_truth", fail)
    with pytest.raises(OSError, match="disk full"):
        write_demo(tmp_path)
    assert not (tmp_path / "pairs.tsv").exists()


@pytest.mark.slow
@pytest.mark.parametrize("modality", MODALITIES)
def test_detectors_find_all_faces_but_the_faded(
    written: Path, table: pd.DataFrame, modality: str
) -> None:
    faded = {(name, f"{position + 1:02d}") for name, position in FADED.items()}
    errors = []
    for look in LOOKS:
        rows = table[table.subset == look.name]
        images = [cv2.imread(str(written / path))[..., ::-1] for path in rows[modality]]
        detections = detect([variant for image in images for variant in shaken(image)], "cpu")
        with np.load(written / "truth" / f"{look.name}.npz") as truth:
            points = truth[f"{modality}_landmarks"]
        for position, id in enumerate(rows.id):
            found = detections[4 * position : 4 * position + 4]
            if modality == "sketch" and (look.name, id) in faded:
                assert found == [None] * 4
                continue
            for detection in found:
                assert detection is not None, (look.name, id)
                assert detection.score > 0.85, (look.name, id)
            errors.append(np.linalg.norm(found[0].points - points[position], axis=1))
    assert np.mean(errors) <= 2.0
    assert np.mean(errors, axis=1).max() <= 4.0


def shaken(image: np.ndarray) -> list[np.ndarray]:
    """The image as it is, with a gray level of noise, and a pixel aside: as another CPU might."""
    noise = np.random.default_rng(0).integers(-1, 2, image.shape)
    noisy = np.clip(image.astype(int) + noise, 0, 255).astype(np.uint8)
    return [image, noisy, np.roll(image, 1, axis=1), np.roll(image, -1, axis=0)]
