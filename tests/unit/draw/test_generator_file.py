"""A file that is not a generator is told from a damaged generator."""

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

NAME_ONE = "name a generator_epoch*.safetensors of a run"
AGAIN = "get the file again, or train it again"
LACKS = "lacks the metadata hparams, pad_value, template, needs, frame, epoch; train it again"
ABOUT = {"size": [200, 250], "seed": 3}


@pytest.fixture(scope="module")
def intact(tmp_path_factory):
    """The bytes of a generator's file."""
    return written(tmp_path_factory.mktemp("model")).read_bytes()


@pytest.mark.parametrize(
    ("make", "fault", "remedy"),
    [
        (lambda path: path.write_text("epoch,l1\n1,0.5\n"), "is not a generator (", NAME_ONE),
        (
            lambda path: save_file({"a": np.zeros(3, np.float32)}, path),
            "is not a generator (its metadata are missing)",
            NAME_ONE,
        ),
        (lambda path: path.write_bytes(path.read_bytes()[:99]), "is damaged (", AGAIN),
        (lambda path: path.write_bytes(path.read_bytes()[:-9999]), "is damaged (", AGAIN),
        (
            lambda path: checkpoint.save_generator(path.parent, 5, {"a": torch.zeros(3)}, ABOUT),
            LACKS,
            "or use another",
        ),
    ],
    ids=["another format", "other weights", "cut in its header", "cut", "says too little"],
)
def test_what_is_no_generator_is_told_from_one_that_is_damaged(
    tmp_path, intact, make, fault, remedy
):
    path = tmp_path / "generator_epoch5.safetensors"
    path.write_bytes(intact)
    assert generator_file.faults(path) == []
    make(path)
    (found,) = generator_file.faults(path)
    assert found.startswith(f"{path}: {fault}")
    assert found.endswith(remedy)
    with pytest.raises(InputError) as error:
        Sketcher.load(path)
    assert error.value.problems == [found]


def test_what_is_not_there_is_named_by_its_whole_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (fault,) = generator_file.faults("nowhere.safetensors")
    assert fault.startswith(f"{tmp_path}/nowhere.safetensors: is not there")
    (fault,) = generator_file.faults(tmp_path)
    assert fault.startswith(f"{tmp_path}: is a folder")


def test_one_whose_hyper_parameters_lack_a_value_is_not_guessed_at(tmp_path, monkeypatch):
    kept, hparams = ("epochs", "ngf", "ndf", "losses"), TrainConfig.hparams
    only = lambda config: {key: hparams(config)[key] for key in kept}  # noqa: E731
    monkeypatch.setattr(TrainConfig, "hparams", only)
    path = written(tmp_path)
    (fault,) = generator_file.faults(path)
    assert fault.startswith(f"{path}: hyper-parameters that this version can't read (")
    assert "flip, frame); train it again" in fault
