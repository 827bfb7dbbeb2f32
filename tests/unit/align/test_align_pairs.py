"""Faces anywhere in large images, and their points, are moved to the usual place.

Generated faces are put on larger canvases by known similarity transforms, so that their true places
are known.
"""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from photosketch.align import align_pairs as aligning
from photosketch.align.align_pairs import problems
from photosketch.align.files import read_alignment
from photosketch.align.montage import aligned_montage
from photosketch.data.pairs import MODALITIES, read_image
from photosketch.geometry.resampling import resampled
from photosketch.geometry.similarity import Similarity, template
from photosketch.jobs.messages import InputError
from photosketch.landmarks.table import points_of
from support.scattered import PLACES, in_colour, scattered_pairs

SIZE = (200, 250)
TABLE = "landmarks/AR.csv"
COMMAND = "snakemake annotate --cores 2 --configfile my.yaml"


@pytest.fixture(scope="module")
def scattered(tmp_path_factory):
    """Two pairs on canvases, their table, and the drawn faces."""
    return scattered_pairs(tmp_path_factory.mktemp("scattered"))


@pytest.fixture(scope="module")
def each(scattered, tmp_path_factory):
    """The aligned pairs, their points, and the transforms."""
    pairs, table, _ = scattered
    alignment = aligning.alignment_of(pairs, table, "each", SIZE)
    path = str(tmp_path_factory.mktemp("aligned") / "AR.npz")
    aligned = aligning.write_aligned_pairs(pairs, alignment, SIZE, path)
    return aligned, aligning.moved_points(table, alignment), alignment


def test_faces_lie_in_the_usual_place_and_their_points_were_moved_with_them(scattered, each):
    _, _, drawn = scattered
    aligned, moved, alignment = each
    for index, (pair, face) in enumerate(zip(aligned, drawn, strict=True)):
        assert (pair.width, pair.height) == SIZE
        for modality in MODALITIES:
            points = points_of(moved, pair.id, modality)
            assert np.linalg.norm(points - template(SIZE), axis=1).mean() < 4
            # the true face at the same place: the small picture, moved without the canvas
            transform = alignment[pair.id, modality]
            place = PLACES[modality][index]
            whole = Similarity(transform.matrix @ place.matrix, transform(place.shift))
            image = in_colour(getattr(face, modality))
            expected = resampled(image, whole, SIZE).astype(int)[40:220, 40:160]
            seen = read_image(pair, modality, colour=True)[40:220, 40:160]
            assert np.abs(seen - expected).mean() < 6
            true = whole(getattr(face, f"{modality}_landmarks"))
            np.testing.assert_allclose(points, true, atol=1e-3)


def test_the_file_tells_the_way_back_and_is_the_same_however_many_threads(
    scattered, each, tmp_path
):
    pairs, table, _ = scattered
    aligned, moved, alignment = each
    path = aligned[0].stack
    stored = read_alignment(path)
    assert [*stored] == [(id, modality) for id in "01" for modality in MODALITIES]
    for index, pair in enumerate(aligned):
        assert (pair.stack, pair.row) == (path, index)
        for modality in MODALITIES:
            back = stored[pair.id, modality].inverse()
            there = points_of(moved, pair.id, modality)
            np.testing.assert_allclose(back(there), points_of(table, pair.id, modality), atol=1e-3)
    again = str(tmp_path / "AR.npz")
    aligning.write_aligned_pairs(pairs, alignment, SIZE, again, threads=2)
    assert open(again, "rb").read() == open(path, "rb").read()


def test_a_sketch_drawn_over_its_photo_goes_by_the_photos_points_and_needs_none(scattered):
    pairs, table, _ = scattered
    photos = table[table["modality"] == "photo"]
    alignment = aligning.alignment_of(pairs, photos, "photo", SIZE)
    for pair in pairs:
        photo, sketch = (alignment[pair.id, modality].array() for modality in MODALITIES)
        assert np.array_equal(photo, sketch)
    assert list(aligning.moved_points(photos, alignment)["modality"]) == ["photo", "photo"]
    assert problems(pairs, photos, TABLE, "photo", COMMAND) == []
    assert problems(pairs, table, TABLE, "each", COMMAND) == []
    first, second = problems(pairs, photos, TABLE, "each", COMMAND)
    assert "no points for the sketch of AR 0" in first
    assert "no points for the sketch of AR 1, and dataset.align: each needs them" in second
    assert f"`{COMMAND}`" in second and "again" not in second


@pytest.mark.parametrize(
    ("edit", "told"),
    [
        (lambda table: table[1:], "lacks photo 0"),
        (lambda table: pd.concat([table, table[3:].assign(id="7")]), "has besides sketch 7"),
    ],
)
@pytest.mark.parametrize("mode", ["each", "photo"])
def test_a_table_that_was_edited_by_hand_is_named_with_the_remedy(scattered, mode, edit, told):
    pairs, table, _ = scattered
    with pytest.raises(InputError) as refusal:
        problems(pairs, edit(table), TABLE, mode, COMMAND)
    assert str(refusal.value) == f"{TABLE}: {told}; delete it: merge_landmarks writes it again"


def test_a_sketch_of_another_size_was_not_drawn_over_its_photo(scattered):
    pairs, table, _ = scattered
    pairs = [dataclasses.replace(pair, sketch_width=500, sketch_height=599) for pair in pairs]
    first, second = problems(pairs, table, TABLE, "photo", COMMAND)
    assert "has 500x599 pixels and its photo 500x600" in first
    assert "set dataset.align to each" in second
    assert problems(pairs, table, TABLE, "each", COMMAND) == []


def test_a_photo_that_does_not_fit_even_aligned_is_named_before_any_picture_is_made(scattered):
    pairs, table, _ = scattered

    def misplaced(table, mode):
        alignment = aligning.alignment_of(pairs, table, mode, SIZE)
        return aligning.misplaced(pairs, aligning.moved_points(table, alignment), SIZE, 256)

    assert misplaced(table, "each") == []
    wrong, own = table.copy(), table["id"] == "1"
    wrong.loc[own, "left_eye_y"] -= 200  # an eye at a wrong place
    [line] = misplaced(wrong, "each")
    assert line.startswith(f"{pairs[1].photo} (photo of AR 1, aligned): ")
    assert "the face is tilted" in line
    assert misplaced(table[~own | (table["modality"] == "photo")], "photo") == []


def test_the_montage_shows_both_pictures_and_the_log_how_much_was_scaled(each):
    aligned, moved, alignment = each
    picture = aligned_montage("AR", aligned, moved, alignment, 256)
    without = aligned_montage("AR", aligned, moved.iloc[::2], alignment, 256)
    assert picture.size == without.size
    assert np.abs(np.asarray(picture).astype(int) - np.asarray(without)).max() > 50
    text = aligning.in_words("AR", alignment)
    assert text.startswith("AR: 2 pairs, photo scaled by 0.5") and "sketch scaled by" in text
