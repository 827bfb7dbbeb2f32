"""States: a killed training ends as an undisturbed one, and a save is of one moment."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch

from gpu_checks import trainers
from gpu_checks.result import Result, verdict
from photosketch.training import checkpoint, kept_trainings, loop
from photosketch.training.determinism import deterministic_algorithms
from support.small_training import small_run

EPOCHS = 8  # of three pairs; each saves a state, 0.7 GB at width 64
TRAIN = "import sys; from gpu_checks.saving import train; train(*sys.argv[1:])"


def train(folder: str, device: str, width: str) -> None:
    """Train the baseline in `folder`, saving after each epoch; goes on from a saved state."""
    config = trainers.configuration("baseline", int(width), epochs=EPOCHS)
    trainer = trainers.build(config, device)
    loop.train(small_run(trainer, folder, [EPOCHS], state_minutes=0.0, keep="last"))


def killed_and_resumed(device: str, width: int) -> Result:
    """The generator of a training that was killed and went on is that of one left alone."""
    with tempfile.TemporaryDirectory() as temporary:
        whole, broken = Path(temporary, "whole"), Path(temporary, "broken")
        train(str(whole), device, str(width))
        job = subprocess.Popen(
            [sys.executable, "-c", TRAIN, broken, device, str(width)],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        while not [*broken.glob(".state/*/state-*.bin")] and job.poll() is None:
            time.sleep(0.01)
        job.send_signal(signal.SIGKILL)
        ended = job.wait() != -signal.SIGKILL
        saved = [path.stem for path in broken.glob(".state/*/state-*.bin")]
        train(str(broken), device, str(width))
        generators = [
            kept_trainings.generator_path(folder, EPOCHS).read_bytes() for folder in (whole, broken)
        ]
    problems = ["the training ended before it was killed"] if ended else []
    if generators[0] != generators[1]:
        problems.append("another generator than without the interruption")
    return verdict(problems, f"killed after {', '.join(saved)}, equal to the byte after {EPOCHS}")


def while_training_goes_on(device: str, width: int) -> Result:
    """A state saved while steps follow it holds what a copy made with the device at rest holds."""
    config = trainers.configuration("baseline", width)
    with deterministic_algorithms(), tempfile.TemporaryDirectory() as folder:
        quiet = trainers.build(config, device)
        trainers.advance(quiet, 10)
        if device == "cuda":
            torch.cuda.synchronize()
        expected = trainers.values(checkpoint.copied(quiet.state(), to_host=True))
        busy = trainers.build(config, device)
        with checkpoint.Saver(Path(folder)) as saver:
            trainers.advance(busy, 10)
            saver.save(busy.state())
            trainers.advance(busy, 10)
        saved = trainers.values(checkpoint.load_state(Path(folder)))
    count = trainers.unequal(expected, saved)
    problems = [f"{count} of {len(expected)} tensors of the state differ"] if count else []
    return verdict(problems, f"{len(expected)} tensors equal")
