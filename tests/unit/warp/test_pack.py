"""Packed pairs with warped sketches: these are replaced, and nothing else."""

import numpy as np
import pytest

from photosketch.jobs.job import InputError
from photosketch.parsing.labels import write_parsings
from photosketch.training.pack import pack
from photosketch.training.packed import read_packed, write_packed
from photosketch.warp.files import write_warped
from photosketch.warp.pack import with_warped_sketches


@pytest.mark.parametrize("channels", [1, 3])
def test_packing_replaces_the_sketches_alone(subset, tmp_path, channels):
    warped, _ = subset.warp()
    write_warped(warped, tmp_path / "w.npz")
    write_parsings(subset.parsings, tmp_path / "p.npz")
    subset.table.to_csv(tmp_path / "l.csv", index=False)
    files = {name: {"pencil": tmp_path / file} for name, file in
             (("warp", "w.npz"), ("parsing", "p.npz"), ("landmarks", "l.csv"))}  # fmt: skip
    streamed = pack(
        subset.pairs[::-1],
        files["landmarks"],
        files["parsing"],
        frame=256,
        pad_value=7,
        sketch_channels=channels,
    )
    write_packed(streamed, tmp_path / "train.npz")
    packed = read_packed(tmp_path / "train.npz")
    changed = with_warped_sketches(packed, files["warp"], files["parsing"])
    for name, values in packed.items():
        if name != "sketch":
            assert (changed[name] == values).all(), name
    x, y = packed["offset"]
    inside = changed["sketch"][:, y : y + 250, x : x + 200]
    for channel in range(channels):
        assert (inside[..., channel] == warped.sketches[::-1]).all()
    assert (changed["sketch"][:, :y] == 7).all()


def test_packing_names_every_pair_that_is_missing(subset, tmp_path):
    warped, _ = subset.warp()
    write_warped(warped, tmp_path / "w.npz")
    write_parsings(subset.parsings, tmp_path / "p.npz")
    packed = {
        "ids": np.array(["a", "x"]),
        "subset": np.array(["pencil", "pencil"]),
        "sketch": np.zeros((2, 256, 256, 1), np.uint8),
        "size": np.array([200, 250]),
        "offset": np.array([28, 3]),
    }
    files = [{"pencil": tmp_path / name} for name in ("w.npz", "p.npz")]
    with pytest.raises(InputError, match="pencil x"):
        with_warped_sketches(packed, *files)
