import numpy as np

from photosketch.training.samples import Samples, read_samples, write_samples


def test_samples_are_found_by_subset_and_id(tmp_path):
    path = tmp_path / "samples.npz"
    subsets, ids = np.array(["AR", "XM2VTS", "AR"]), np.array(["1", "1", "2"])
    sketches = np.arange(3, dtype=np.uint8)[:, None, None].repeat(5, axis=1).repeat(4, axis=2)
    write_samples(Samples(ids, subsets, sketches, {"losses": {"l1": 50.0}}), path)
    samples = read_samples(path)
    assert samples.drawn_by == {"losses": {"l1": 50.0}}
    assert [int(sketch[0, 0]) for sketch in samples.of("AR", ["2", "1"])] == [2, 0]
    assert [int(sketch[0, 0]) for sketch in samples.of("XM2VTS", ["1"])] == [1]
