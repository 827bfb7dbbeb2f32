"""Points by the face mesh, from a rough place."""

import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest

from photosketch.geometry.similarity import TEMPLATE
from photosketch.landmarks import mesh
from photosketch.landmarks.mesh import five_points, with_missed_faces
from photosketch.landmarks.table import FACES, points_of
from support.drawn_pairs import on_disk, true_points
from support.faces.looks import LOOKS
from support.faces.pair import draw_pair

FAINT = 1  # the pair whose sketch is too faint for MTCNN


def drawn(index):
    return draw_pair(index, LOOKS[index % len(LOOKS)], ink=0.12 if index == FAINT else 1.0)


@pytest.mark.parametrize("modality", ["photo", "sketch"])
@pytest.mark.parametrize("index", range(3))
def test_from_the_usual_place_the_points_of_photos_and_faint_sketches_are_found(index, modality):
    pair = drawn(index)
    found, flag = mesh.mesh(getattr(pair, modality), TEMPLATE, passes=3)
    true = getattr(pair, f"{modality}_landmarks")
    assert np.hypot(*(five_points(found) - true).T).mean() < 3
    assert flag > 0


def test_there_is_no_face_in_noise_nor_on_paper():
    noise = np.random.default_rng(0).integers(0, 255, (250, 200), np.uint8)
    for image in (noise, np.full((250, 200, 3), 240, np.uint8)):
        assert mesh.mesh(image, TEMPLATE, passes=3)[1] < 0


def test_only_images_without_points_get_those_of_the_mesh(tmp_path):
    pairs = [drawn(index) for index in range(3)]
    listed = on_disk(tmp_path, "demo", "abc", pairs)
    table = true_points("abc", pairs).assign(**{FACES: 1})
    pd.testing.assert_frame_equal(with_missed_faces(listed, table), table)
    lacking = table.drop(index=3)
    mended = with_missed_faces(listed, lacking)
    pd.testing.assert_frame_equal(mended[:-1], lacking.reset_index(drop=True))
    assert mended["source"].iloc[-1] == "mesh"
    found = points_of(mended, "b", "sketch")
    assert np.hypot(*(found - pairs[FAINT].sketch_landmarks).T).mean() < 3
    # without other faces their place is not known
    assert with_missed_faces(listed, table.iloc[:0]).empty


def test_threads_that_start_together_load_the_network_once(monkeypatch):
    loads = []
    read = mesh.cv2.dnn.readNetFromTFLite

    def slow_read(*arguments):
        loads.append(arguments)
        time.sleep(0.1)
        return read(*arguments)

    monkeypatch.setattr(mesh.cv2.dnn, "readNetFromTFLite", slow_read)
    mesh._network.cache_clear()
    with ThreadPoolExecutor(4) as pool:
        flags = [flag for _, flag in pool.map(mesh.mesh, [drawn(0).photo] * 4, [TEMPLATE] * 4)]
    assert len(loads) == len(set(flags)) == 1
