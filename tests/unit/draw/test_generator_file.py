"""What is no generator is told from one that is damaged."""

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from photosketch.configuration.settings import TrainConfig
from photosketch.draw import generator_file
from photosketch.draw.sketcher import Sketcher
from photosketch.jobs.job import InputError
from photosketch.training import checkpoint
from support.generators import generator_file as written


def test_a_generator_has_no_fault(tmp_path):
    assert generator_file.faults(written(tmp_path)) == []


def test_a_file_of_another_format_is_no_generator(tmp_path):
    table = tmp_path / "train_log.csv"
    table.write_text("epoch,l1\n1,0.5\n")
    (fault,) = generator_file.faults(table)
    assert fault.startswith(f"{table}: is no generator (")
    assert fault.endswith("name a generator_epoch*.safetensors of a run")
    with pytest.raises(InputError, match="is no generator"):
        Sketcher.load(table)


def test_weights_of_something_else_are_no_generator(tmp_path):
    other = tmp_path / "other.safetensors"
    save_file({"a": np.zeros(3, np.float32)}, other)
    (fault,) = generator_file.faults(other)
    assert "is no generator (nothing says what its weights are of)" in fault


@pytest.mark.parametrize("part", [0.02, 0.9], ids=["in the header", "in the weights"])
def test_a_file_that_is_cut_off_is_damaged(tmp_path, part):
    path = written(tmp_path)
    content = path.read_bytes()
    path.write_bytes(content[: int(part * len(content))])
    (fault,) = generator_file.faults(path)
    assert fault.startswith(f"{path}: is damaged (")
    assert fault.endswith("; get the file again, or train it again")


def test_what_is_not_there_is_named_by_its_whole_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (fault,) = generator_file.faults("nowhere.safetensors")
    assert fault.startswith(f"{tmp_path}/nowhere.safetensors: is not there")
    (fault,) = generator_file.faults(tmp_path)
    assert fault.startswith(f"{tmp_path}: is a folder")


def test_one_that_says_too_little_is_told_from_its_header(tmp_path):
    about = {"size": [200, 250], "seed": 3}
    checkpoint.save_generator(tmp_path, 1, {"a": torch.zeros(3)}, about)
    (fault,) = generator_file.faults(tmp_path / "generator_epoch1.safetensors")
    assert (
        "doesn't say its hparams, pad_value, template, needs, frame, epoch; train it again" in fault
    )


def test_one_whose_hyper_parameters_lack_a_value_is_not_guessed_at(tmp_path, monkeypatch):
    kept = ("epochs", "ngf", "ndf", "losses")
    hparams = TrainConfig.hparams
    monkeypatch.setattr(
        TrainConfig, "hparams", lambda config: {key: hparams(config)[key] for key in kept}
    )
    path = written(tmp_path)
    (fault,) = generator_file.faults(path)
    assert fault.startswith(f"{path}: hyper-parameters that this version doesn't read (")
    assert "flip, frame); train it again" in fault
