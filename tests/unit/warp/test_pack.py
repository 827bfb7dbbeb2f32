"""Packed pairs with warped sketches: these are replaced, and nothing else."""

import pytest

from photosketch.parsing.labels import write_parsings
from photosketch.training.pack import pack
from photosketch.training.packed import read_packed, write_packed
from photosketch.warp.files import write_warped
from photosketch.warp.pack import with_warped_sketches


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
    streamed = pack(subset.pairs[::-1], points, labels, **options)
    write_packed(streamed, tmp_path / "train.npz")
    packed = read_packed(tmp_path / "train.npz")
    changed = with_warped_sketches(packed, maps, labels)
    for name, values in packed.items():
        if name != "sketch":
            assert (changed[name] == values).all(), name
    x, y = packed["offset"]
    inside = changed["sketch"][:, y : y + 250, x : x + 200]
    assert (inside == warped.sketches[::-1, ..., None]).all() and inside.shape[-1] == channels
    assert (changed["sketch"][:, :y] == 7).all()
