"""Files of drawn sketches."""

from pathlib import Path

import numpy as np

from photosketch.training.samples import Samples, read_samples, write_samples


def draw(path: Path, people: list[tuple[str, str]]) -> None:
    sketches = np.stack([np.full((5, 4), index, np.uint8) for index in range(len(people))])
    subset, ids = zip(*people, strict=True)
    write_samples(Samples(np.array(ids), np.array(subset), sketches), path)


def test_samples_are_found_by_subset_and_id(tmp_path: Path) -> None:
    path = tmp_path / "samples.npz"
    draw(path, [("AR", "1"), ("XM2VTS", "1"), ("AR", "2")])
    samples = read_samples(path)
    assert [int(sketch[0, 0]) for sketch in samples.of("AR", ["2", "1"])] == [2, 0]
    assert [int(sketch[0, 0]) for sketch in samples.of("XM2VTS", ["1"])] == [1]
