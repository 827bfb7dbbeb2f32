"""The files of warped sketches: what is read is what was written."""

import numpy as np
import pytest

from photosketch.warp.files import read_scores, read_warped, summarise, write_scores, write_warped


@pytest.mark.slow
def test_files_hold_what_was_computed(subset, tmp_path):
    warped, scores = subset.warp()
    write_warped(warped, tmp_path / "w.npz")
    again = read_warped(tmp_path / "w.npz")
    assert again.ids == warped.ids
    with np.load(tmp_path / "w.npz") as stored:
        assert stored["ids"].tolist() == ["a", "b"]
        for name in ("sketches", "maps", "valid"):
            assert (stored[name] == getattr(warped, name)).all()
            assert (getattr(again, name) == getattr(warped, name)).all()
    write_scores(scores, tmp_path / "w.csv")
    rounded = read_scores(tmp_path / "w.csv", ["a", "b"])
    assert rounded["id"].tolist() == ["a", "b"]
    summary = summarise("pencil", "face", rounded)
    assert summary["head_after"] == pytest.approx(scores["head_after"].mean(), abs=1e-3)
    assert summary["worse"] == 0
