"""`photosketch train`: the same training without Snakemake, in an environment of few packages."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml

from photosketch.training.__main__ import main
from photosketch.training.inference import draw, load_generator
from photosketch.training.packed import NAMES, write_packed
from support.face_batch import packed_pairs
from support.imports import SCRIPTS
from support.waiting import wait_for

OVERLAY = {
    "run": "small",
    "device": "cpu",
    "train": {"epochs": 4, "ngf": 2, "ndf": 2, "state_minutes": 0},
    "evaluation": {"epochs": {"start": 2, "stop": 4, "step": 2}},
    "ablations": {"warped": {"warp": "face"}},
}
# The command where a notebook lacks the packages of the workflow: not to be found by any finder. It
# saves each step.
BARE = """if True:
    import runpy, sys
    absent = {"snakemake", "pandas", "cv2", "matplotlib", "jinja2", "PIL", "scipy", "tensorboard",
              "threadpoolctl", "torchvision", "requests", "piq", "pytorch_fid", "facenet_pytorch"}
    class Present:
        def __init__(self, finder):
            self.finder = finder
        def find_spec(self, name, *where):
            return None if name.partition(".")[0] in absent else self.finder.find_spec(name, *where)
    sys.meta_path[:] = map(Present, sys.meta_path)
    import photosketch.training.loop
    photosketch.training.loop.READ_BACK_EVERY = 1
    runpy.run_module("photosketch.training", run_name="__main__", alter_sys=True)
"""


@pytest.fixture
def given(tmp_path: Path) -> tuple[Path, Path]:
    """The packed pairs and the overlay that are brought to another machine."""
    write_packed({name: getattr(packed_pairs(), name) for name in NAMES}, tmp_path / "train.npz")
    (tmp_path / "my.yaml").write_text(yaml.safe_dump(OVERLAY))
    return tmp_path / "train.npz", tmp_path / "my.yaml"


def start(given: tuple[Path, Path], output: Path) -> subprocess.Popen:
    tensors, overlay = given
    options = ["--ablation", "local", "--config", overlay, "--output", output, "--threads", "1"]
    return subprocess.Popen(
        [sys.executable, "-c", BARE, tensors, *options],
        env={"PYTHONPATH": str(SCRIPTS)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.mark.slow
def test_it_needs_few_packages_and_ends_with_the_same_bytes_after_a_stop_and_a_kill(
    given, tmp_path
):
    def states() -> set[str]:
        return {path.name for path in broken.glob(".state/*/state-*")}

    whole, broken = tmp_path / "whole", tmp_path / "broken"
    undisturbed = start(given, whole)
    for sent, returned in ((signal.SIGINT, 75), (signal.SIGKILL, -signal.SIGKILL)):
        before, process = states(), start(given, broken)
        wait_for("state", 120, lambda old=before: states() - old, process, process.stdout.read)
        process.send_signal(sent)
        said, _ = process.communicate()
        assert process.returncode == returned, said
        assert ("told to stop" in said) == (returned == 75)
    last = start(given, broken)
    assert "resuming after epoch" in last.communicate()[0]
    assert undisturbed.wait() == last.returncode == 0, undisturbed.stdout.read()
    for name in ("train_log.csv", "generator_epoch2.safetensors", "generator_epoch4.safetensors"):
        assert (whole / name).read_bytes() == (broken / name).read_bytes()
    generator = load_generator(whole / name, torch.device("cpu"))
    drawn = draw(generator, packed_pairs(), "instance", 0, 4, torch.device("cpu"))
    assert drawn.shape == (3, 250, 200)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"ablation": "locl"}, "--ablation locl: not in the configuration; choose one of baseline"),
        ({"seed": 7}, "--seed 7: not in the configuration; choose one of 0"),
        ({"threads": -1}, "--threads -1: give 1 or more, or leave it out for all"),
        ({"tensors": "none.npz"}, "none.npz: is not a file; correct the path"),
        ({"ablation": "warped"}, "ablation warped trains on train_face.npz; give it that file"),
        ({"config": "none.yaml"}, "none.yaml: No such file or directory; correct the path"),
        ({"train": {"epochs": 1}}, "evaluation.epochs.stop: 4 is beyond the 1 epochs"),
        ({"dataset": {"sketch_channels": 3}}, "sketch_channels 1, but dataset.sketch_channels"),
    ],
)
def test_what_is_wrong_is_told_in_a_sentence(given, tmp_path, monkeypatch, capsys, changed, told):
    monkeypatch.chdir(tmp_path)
    sections = {key: changed[key] for key in ("train", "dataset") if key in changed}
    (tmp_path / "my.yaml").write_text(yaml.safe_dump({**OVERLAY, **sections}))
    named = {"ablation": "local", "config": "my.yaml", "output": "out"}
    named |= {key: value for key, value in changed.items() if key not in {"tensors", *sections}}
    tensors = changed.get("tensors", "train.npz")
    assert main([tensors, *(f"--{key}={value}" for key, value in named.items())]) == 1
    assert told in capsys.readouterr().err
    assert not [*tmp_path.rglob("generator*")]
