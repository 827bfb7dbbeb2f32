"""The room a training set needs, said and asked for before it is read."""

import io

import pytest
import torch

from photosketch.jobs.job import InputError
from photosketch.training import memory


@pytest.mark.parametrize("device, place", [("cpu", "memory"), ("cuda", "the GPU's memory")])
def test_a_set_that_the_device_cannot_hold_is_refused_with_both_sizes(
    tmp_path, monkeypatch, device, place
):
    tensors = tmp_path / "train.npz"
    tensors.write_bytes(b"0" * 3_000_000)
    console = io.StringIO()
    monkeypatch.setattr(memory, "free_memory", lambda _: 3_000_000)
    memory.check_room(tensors, torch.device(device), console)
    assert console.getvalue() == f"training set: 3 MB, to lie in {place}\n"
    monkeypatch.setattr(memory, "free_memory", lambda _: 2_999_999)
    with pytest.raises(InputError, match=f"does not fit into {place}") as caught:
        memory.check_room(tensors, torch.device(device), console)
    assert ("device: cpu" in str(caught.value)) == (device == "cuda")


def test_some_memory_is_free_here():
    assert 1e6 < memory.free_memory(torch.device("cpu")) < 1e14
