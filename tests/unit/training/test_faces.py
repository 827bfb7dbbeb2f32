import dataclasses

import pytest
from photosketch.training.faces import require_fitting

from photosketch.jobs.job import InputError
from support.face_batch import packed_pairs

COMMAND = "snakemake annotate --cores 2 --configfile my.yaml"


def test_faces_too_small_for_local_networks_are_named():
    data = packed_pairs()
    require_fitting(data, "local", aligned=False, page_command=COMMAND)

    small = data.landmarks.clone()
    small[1] = (small[1] - 128) / 2 + 128
    small_faces = dataclasses.replace(data, landmarks=small)
    with pytest.raises(InputError) as caught:
        require_fitting(small_faces, "local", aligned=False, page_command=COMMAND)
    [line, remedy] = caught.value.problems
    assert line.startswith("photo of a 2: the eyes are 26 px apart instead of 40 to 62")
    assert "local networks of local" in remedy
    assert "dataset.align" in remedy
    assert f"`{COMMAND}`" in remedy
