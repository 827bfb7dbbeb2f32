import dataclasses

import pytest

from photosketch.runtime import InputError
from photosketch.training.faces import require_fitting
from support.face_batch import packed_pairs


def test_faces_too_small_for_local_networks_are_named():
    data = packed_pairs()
    require_fitting(data, "local", aligned=False)

    small = data.landmarks.clone()
    small[1] = (small[1] - 128) / 2 + 128
    with pytest.raises(InputError) as caught:
        require_fitting(dataclasses.replace(data, landmarks=small), "local", aligned=False)
    [line, remedy] = caught.value.problems
    assert line.startswith("photo of a 2: the eyes are 26 px apart instead of 40 to 62")
    assert "local networks of local" in remedy
    assert "dataset.align" in remedy
