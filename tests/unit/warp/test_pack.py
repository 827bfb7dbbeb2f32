"""Packed pairs with warped sketches: these are replaced, and nothing else."""

from dataclasses import replace

import numpy as np
import pytest

from photosketch.parsing.labels import write_parsings
from photosketch.training.pack import pack
from photosketch.training.packed import read_packed, write_packed
from photosketch.warp.files import write_warped
from photosketch.warp.pack import with_warped_sketches
from support.problems import problems_of


@pytest.fixture(scope="module")
def written(subset, tmp_path_factory):
    """The warped pairs, and the files of warp, labels and points."""
    folder, (warped, _) = tmp_path_factory.mktemp("files"), subset.warp()
    write_warped(warped, folder / "w.npz")
    write_parsings(subset.parsings, folder / "p.npz")
    subset.table.to_csv(folder / "l.csv", index=False)
    return warped, *({"pencil": folder / name} for name in ("w.npz", "p.npz", "l.csv"))


@pytest.mark.parametrize("channels", [1, 3])
def test_packing_replaces_the_sketches_alone(subset, written, tmp_path, channels):
    warped, maps, labels, points = written
    options = {"frame": 256, "pad_value": 7, "sketch_channels": channels}
    write_packed(pack(subset.pairs[::-1], points, labels, **options), tmp_path / "train.npz")
    packed = read_packed(tmp_path / "train.npz")
    changed = with_warped_sketches(packed, maps, labels)
    for name, values in packed.items():
        if name != "sketch":
            assert (changed[name] == values).all(), name
    x, y = packed["offset"]
    inside = changed["sketch"][:, y : y + 250, x : x + 200]
    assert (inside == warped.sketches[::-1, ..., None]).all() and inside.shape[-1] == channels
    assert (changed["sketch"][:, :y] == 7).all()


@pytest.mark.parametrize(
    ("lacking", "stage"),
    [("w.npz", "warp_sketches"), ("p.npz", "parse_faces (machine/) or merge_parsings")],
)
def test_a_file_that_lacks_a_pair_is_named_with_the_remedy(
    subset, written, tmp_path, lacking, stage
):
    warped, *files, _ = written
    write_warped(replace(warped, ids=("a", "c")), tmp_path / "w.npz")
    write_parsings(replace(subset.parsings, ids=("a", "c")), tmp_path / "p.npz")
    path = tmp_path / lacking
    files = [{"pencil": path} if file["pencil"].name == lacking else file for file in files]
    packed = {"size": (200, 250), "offset": (0, 0), "sketch": np.zeros((2, 250, 200, 1), np.uint8)}
    packed |= {"ids": np.array(["a", "b"]), "subset": ["pencil"] * 2}
    told = f"{path}: lacks b; delete it: {stage} writes it again"
    assert problems_of(with_warped_sketches, packed, *files) == [told]
