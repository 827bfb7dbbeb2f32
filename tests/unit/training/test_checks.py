"""What is asked before a training begins: memory for its set, and faces that rectangles fit."""

import io

import pytest
import torch

from photosketch.jobs.job import InputError
from photosketch.training import checks
from support.face_batch import packed_pairs

COMMAND = "snakemake annotate --cores 2 --configfile my.yaml"


@pytest.mark.parametrize("device, place", [("cpu", "memory"), ("cuda", "the GPU's memory")])
def test_a_set_that_the_device_cannot_hold_is_refused_with_both_sizes(
    tmp_path, monkeypatch, device, place
):
    tensors = tmp_path / "train.npz"
    tensors.write_bytes(b"0" * 3_000_000)
    console = io.StringIO()
    monkeypatch.setattr(checks, "free_memory", lambda _: 3_000_000)
    checks.check_room(tensors, torch.device(device), console)
    assert console.getvalue() == f"training set: 3.0 MB, kept in {place}\n"
    monkeypatch.setattr(checks, "free_memory", lambda _: 2_999_999)
    with pytest.raises(InputError, match=f"does not fit into {place}") as caught:
        checks.check_room(tensors, torch.device(device), console)
    assert ("device: cpu" in str(caught.value)) == (device == "cuda")


def test_some_memory_is_free_here():
    assert 1e6 < checks.free_memory(torch.device("cpu")) < 1e14


def test_faces_too_small_for_local_networks_are_named():
    data = packed_pairs()
    checks.check_faces(data, "local", aligned=False, page_command=COMMAND)
    data.landmarks[1] = (data.landmarks[1] - 128) / 2 + 128
    with pytest.raises(InputError) as caught:
        checks.check_faces(data, "local", aligned=False, page_command=COMMAND)
    [line, remedy] = caught.value.problems
    assert line.startswith("photo of a 2: the eyes are 26 px apart instead of 40 to 62")
    for text in ("local networks of local", "dataset.align", f"`{COMMAND}`"):
        assert text in remedy
