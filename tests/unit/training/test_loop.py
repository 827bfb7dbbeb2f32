"""The training loop: due generators, resuming to the same end, refusing what is not finite."""

import csv
import io
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from photosketch.configuration.settings import RunSettings
from photosketch.jobs import job
from photosketch.training import checkpoint, kept_trainings, loop, tensorboard_log
from photosketch.training.trainer import Trainer
from support.face_batch import packed_pairs
from support.settings import loss_weights
from support.small_training import BASELINE, LOCAL_GLAD, small_config, small_run
from support.waiting import wait_for

CPU = torch.device("cpu")
DATA = packed_pairs()


class InterruptedForTestError(Exception):
    pass


def run(folder, due=(2, 4), seed=0, step=Trainer.step, **changes):
    """Train with a trainer whose step is `step`; `changes` are of the run's settings or small.
    Returns what the console was told."""
    names = RunSettings.model_fields.keys() & changes.keys()
    settings = {name: changes.pop(name) for name in names}
    trainer = type("TrainerOfTest", (Trainer,), {"step": step})(
        small_config(**changes), seed, 1, CPU
    )
    console = io.StringIO()
    asked = small_run(trainer, folder, list(due), **settings)
    loop.train(trainer, DATA, asked, console, tensorboard_log.Live)
    return console.getvalue()


def states_of(folder: Path) -> Path:
    """The folder of the training in use."""
    return kept_trainings.folders(folder)[0]


def weights_of(folder: Path, epoch: int) -> bytes:
    return kept_trainings.generator_path(folder, epoch).read_bytes()


def same_results(folder: Path, other: Path, due=(2, 4)) -> bool:
    """Whether generators and logs of two runs are equal to the byte."""
    logs = [(each / "train_log.csv").read_bytes() for each in (folder, other)]
    return logs[0] == logs[1] and all(
        weights_of(folder, epoch) == weights_of(other, epoch) for epoch in due
    )


def log_of(folder: Path) -> list[dict[str, str]]:
    return list(csv.DictReader((folder / "train_log.csv").read_text().splitlines()))


def events(folder: Path) -> EventAccumulator:
    """What TensorBoard reads in a folder."""
    return EventAccumulator(str(folder)).Reload()


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tensorboard_log, "POINTS_EVERY", 0.0)  # a point of the curves at each reading
        run(folder, strip_every=3)
    return folder


def test_each_due_epoch_leaves_a_generator_and_the_log_every_term(undisturbed):
    names = [f"generator_epoch{epoch}.safetensors" for epoch in (2, 4)]
    assert sorted(path.name for path in undisturbed.glob("generator_*")) == names
    rows = log_of(undisturbed)
    assert [(row["epoch"], row["images"]) for row in rows] == [
        (str(epoch), str(3 * epoch)) for epoch in (1, 2, 3, 4)
    ]
    terms = {"discriminator_real", "discriminator_fake", "adversarial", "l1", "generator_total"}
    assert set(rows[0]) == {"epoch", "images", "lr", *terms}
    total = float(rows[0]["adversarial"]) + 100 * float(rows[0]["l1"])
    assert float(rows[0]["generator_total"]) == pytest.approx(total, rel=1e-5)


@pytest.mark.slow
def test_training_brings_the_l1_distance_down(tmp_path):
    run(tmp_path, [16], epochs=16, lr=0.003, ngf=4, jitter=0)
    rows = log_of(tmp_path)
    assert float(rows[-1]["l1"]) < 0.8 * float(rows[0]["l1"])


def test_strips_show_photo_true_and_drawn_sketch_of_each_pair_side_by_side(undisturbed):
    [file] = (undisturbed / "strips").iterdir()
    assert file.name == "epoch0003.png"
    strip = cv2.imread(str(file))
    assert strip.shape[1] > 2 * 3 * 256  # two pairs in a row
    photo = DATA.photo[0].numpy()[:, :, ::-1]
    places = np.argwhere((strip == photo[0, 0]).all(axis=2))
    assert any(np.array_equal(strip[y : y + 256, x : x + 256], photo) for y, x in places)


def test_event_files_have_every_term_the_speed_the_rate_and_the_strips(undisturbed):
    read, rows = events(undisturbed), log_of(undisturbed)
    terms = set(rows[0]) - {"epoch", "images", "lr"}
    assert set(read.Tags()["scalars"]) == {
        *(f"losses/{term}" for term in terms),
        *("run/epoch", "run/learning_rate", "run/images_per_second"),
    }
    assert [(point.step, point.value) for point in read.Scalars("losses/l1")] == [
        (int(row["images"]), pytest.approx(float(row["l1"]), rel=1e-5)) for row in rows
    ]
    rates = [point.value for point in read.Scalars("run/learning_rate")]
    assert rates == pytest.approx([0.001] * 4)
    [image] = read.Images("training pairs")
    assert image.step == 9
    decoded = cv2.imdecode(np.frombuffer(image.encoded_image_string, np.uint8), cv2.IMREAD_COLOR)
    strip = cv2.imread(str(undisturbed / "strips" / "epoch0003.png"))
    np.testing.assert_array_equal(decoded, strip)


def fails_at(images):
    """A step that fails after so many images."""

    def step(trainer, batch):
        if trainer.images == images:
            raise InterruptedForTestError
        return Trainer.step(trainer, batch)

    return step


@pytest.mark.slow
def test_a_resumed_run_goes_on_with_the_curves_from_the_state_it_resumes_from(
    undisturbed, tmp_path, monkeypatch
):
    def points():
        return [point.step for point in events(tmp_path).Scalars("losses/l1")]

    monkeypatch.setattr(tensorboard_log, "POINTS_EVERY", 0.0)
    monkeypatch.setattr(loop, "READ_BACK_EVERY", 1)
    with pytest.raises(InterruptedForTestError):
        run(tmp_path, step=fails_at(8))  # amid epoch 3
    assert points() == list(range(1, 9))
    run(tmp_path)  # from epoch 2, the last state
    assert points() == list(range(1, 13))
    assert len(list(tmp_path.glob(tensorboard_log.EVENTS))) == 2
    assert weights_of(tmp_path, 4) == weights_of(undisturbed, 4)

    run(tmp_path, [1], losses=loss_weights(l1=1), epochs=1)
    assert len(list(tmp_path.glob(tensorboard_log.EVENTS))) == 1


@pytest.mark.slow
def test_equal_runs_give_equal_files_and_another_seed_does_not(undisturbed, tmp_path):
    run(tmp_path / "again")
    assert same_results(tmp_path / "again", undisturbed)
    run(tmp_path / "other", [2], seed=1, epochs=2)
    assert weights_of(tmp_path / "other", 2) != weights_of(undisturbed, 2)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("losses", "due", "at"),
    [(BASELINE, [2, 4], 1), (BASELINE, [2, 4], 11), (LOCAL_GLAD, [1], 2)],
)
def test_an_interrupted_run_ends_like_an_undisturbed_one(
    undisturbed, tmp_path, monkeypatch, losses, due, at
):
    changes = {"losses": losses, "epochs": due[-1]}
    if losses is LOCAL_GLAD:
        undisturbed = tmp_path / "undisturbed"
        run(undisturbed, due, **changes)
    monkeypatch.setattr(loop, "READ_BACK_EVERY", 1)
    with pytest.raises(InterruptedForTestError):
        run(tmp_path, due, step=fails_at(at), state_minutes=0, **changes)
    run(tmp_path, due, state_minutes=0, **changes)
    assert same_results(tmp_path, undisturbed, due)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("before", "due", "said"),
    [
        ({"due": [2], "epochs": 2}, [2, 4], "resuming after epoch 2"),
        ({"due": [1], "losses": loss_weights(l1=1), "epochs": 1}, [2, 4], "l1 1 (1 epochs, "),
        ({"due": [2], "epochs": 2}, [1, 4], "with other evaluated epochs (2 epochs, "),
    ],
    ids=["more epochs", "another weight", "an epoch that was passed without being kept"],
)
def test_a_run_goes_on_from_an_earlier_one_or_starts_afresh_and_says_so(
    undisturbed, tmp_path, capsys, before, due, said
):
    run(tmp_path, **before)
    capsys.readouterr()
    run(tmp_path, due)
    assert said in capsys.readouterr().out
    assert same_results(tmp_path, undisturbed, due[1:])
    assert kept_trainings.generator_path(tmp_path, due[0]).exists()


@pytest.mark.slow
def test_a_value_set_back_takes_no_step_and_gives_the_same_files(undisturbed, tmp_path):
    def watched():
        return sorted(path.name for path in [*tmp_path.glob("events*"), *tmp_path.glob("strips/*")])

    shutil.copytree(undisturbed, tmp_path, dirs_exist_ok=True)
    before = watched()
    told = run(tmp_path, losses=loss_weights(l1=200))
    assert re.fullmatch(
        r"test: the training with losses.l1 100 \(4 epochs, \d+ s\) is set aside; "
        "if you change that back, the next run uses it again\n",
        told.splitlines(keepends=True)[0],
    )
    assert not same_results(tmp_path, undisturbed)
    assert not set(watched()) & set(before)
    told = run(tmp_path, step=None)
    assert told.startswith("test: the training with losses.l1 200 (4 epochs, ")
    assert same_results(tmp_path, undisturbed)
    for path in tmp_path.glob("generator_*"):
        path.unlink()
    run(tmp_path, step=None)  # finished: only publishes again
    assert same_results(tmp_path, undisturbed)
    assert watched() == before


def broken_step(at, spoil):
    """From the step that follows `at` images on, `spoil(trainer, terms)` after the true step."""

    def spoiled(trainer, batch):
        terms = Trainer.step(trainer, batch)
        if trainer.images >= at:
            spoil(trainer, terms)
        return terms

    return spoiled


def saved_images(folder) -> int:
    state = checkpoint.load_state(states_of(folder))
    assert all(value.isfinite().all() for value in state["generator"]["weights"].values())
    return state["images"]


@pytest.mark.parametrize("at, step, kept", [(6, 7, 6), (7, 8, 6)])
def test_a_loss_that_is_not_finite_stops_the_run_and_names_term_step_and_images(
    tmp_path, monkeypatch, at, step, kept
):
    monkeypatch.setattr(loop, "READ_BACK_EVERY", 2)
    step_of_nan = broken_step(at, lambda _, terms: terms["l1"].fill_(torch.nan))
    with pytest.raises(job.InputError) as caught:
        run(tmp_path, step=step_of_nan, state_minutes=0)
    index = int(loop.epoch_order(3, 0, 3)[at - 6])
    assert f"l1 is not finite in epoch 3, step {step}," in str(caught.value)
    assert f"trained on {DATA.subset[index]}/{DATA.ids[index]}." in str(caught.value)
    assert "adversarial" not in str(caught.value)
    assert not list(tmp_path.glob("generator_*"))
    assert saved_images(tmp_path) == kept


def test_weights_that_are_not_finite_are_never_saved(tmp_path, monkeypatch):
    def spoil(trainer, _):
        if trainer.images == 5:  # the last of epoch 2; its losses are still those before
            next(trainer.generator.module.parameters()).data[0, 0, 0, 0] = torch.inf

    monkeypatch.setattr(loop, "READ_BACK_EVERY", 2)
    with pytest.raises(job.InputError, match=r"a weight is not finite in epoch 2, step 6,"):
        run(tmp_path, step=broken_step(5, spoil), state_minutes=0)
    assert saved_images(tmp_path) < 6
    assert not kept_trainings.generator_path(states_of(tmp_path), 2).exists()


@pytest.mark.slow
def test_a_signal_to_stop_saves_and_the_next_run_ends_like_an_undisturbed_one(
    undisturbed, tmp_path
):
    # amid epoch 2, again in it, and in the last step of epoch 3
    sent = {4: signal.SIGTERM, 6: signal.SIGINT, 8: signal.SIGUSR1}

    def terminated(trainer, batch):
        if number := sent.get(trainer.images):
            os.kill(os.getpid(), number)
        return Trainer.step(trainer, batch)

    before = [signal.getsignal(number) for number in sent.values()]
    for images in (5, 7, 9):
        with pytest.raises(job.InterruptedJobError, match=f"after {images} images"):
            run(tmp_path, step=terminated)
    run(tmp_path, step=terminated)
    assert same_results(tmp_path, undisturbed)
    assert [signal.getsignal(number) for number in sent.values()] == before


@pytest.mark.slow
def test_a_strip_that_cannot_be_written_costs_nothing_else(undisturbed, tmp_path, capsys):
    (tmp_path / "strips").touch()
    run(tmp_path, strip_every=1)
    assert same_results(tmp_path, undisturbed)
    assert "strips/epoch0001.png: left out" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.parametrize("images", [4, 11])  # amid training, and in its last step
def test_a_training_that_another_one_claims_saves_and_publishes_nothing(
    undisturbed, tmp_path, images
):
    def claimed(trainer, batch):
        if trainer.images == images:
            (tmp_path / ".claim").touch()
        return Trainer.step(trainer, batch)

    with pytest.raises(job.InterruptedJobError):
        run(tmp_path, step=claimed)
    assert not list(tmp_path.glob("generator_epoch*"))
    assert saved_images(tmp_path) > images
    (tmp_path / ".claim").unlink()
    run(tmp_path)
    assert same_results(tmp_path, undisturbed)


@pytest.mark.parametrize("device, place", [("cpu", "memory"), ("cuda", "the GPU's memory")])
def test_a_set_that_the_device_cannot_hold_is_refused_with_both_sizes(
    tmp_path, monkeypatch, device, place
):
    packed, console = tmp_path / "train.npz", io.StringIO()
    packed.write_bytes(b"0" * 3_000_000)
    free = [3_000_000, 2_999_999]
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (free.pop(0), 10**9))
    monkeypatch.setattr(
        loop.psutil, "virtual_memory", lambda: SimpleNamespace(available=free.pop(0))
    )
    loop.check_room(packed, torch.device(device), console)
    assert console.getvalue() == f"training set: 3.0 MB, kept in {place}\n"
    with pytest.raises(job.InputError, match=f"does not fit into {place}") as caught:
        loop.check_room(packed, torch.device(device), console)
    assert ("device: cpu" in str(caught.value)) == (device == "cuda")


def test_faces_too_small_for_local_networks_are_named():
    data, command = packed_pairs(), "snakemake annotate --cores 2 --configfile my.yaml"
    loop.check_faces(data, "local", aligned=False, page_command=command)
    data.landmarks[1] = (data.landmarks[1] - 128) / 2 + 128
    with pytest.raises(job.InputError) as caught:
        loop.check_faces(data, "local", aligned=False, page_command=command)
    [line, remedy] = caught.value.problems
    assert line.startswith("photo of a 2: the eyes are 26 px apart instead of 40 to 62")
    for text in ("local networks of local", "dataset.align", f"`{command}`"):
        assert text in remedy


LOWER = r"train\.batch_size \(now 1\).*ngf.*bf16"


@pytest.mark.parametrize(
    ("error", "kind", "told"),
    [
        (torch.OutOfMemoryError("CUDA out of memory"), job.InputError, LOWER),
        (RuntimeError("DefaultCPUAllocator: no"), job.InputError, LOWER),
        (RuntimeError("another error"), RuntimeError, "another error"),
    ],
)
def test_a_lack_of_memory_says_what_to_lower(tmp_path, error, kind, told):
    def fail(*_):
        raise error

    with pytest.raises(kind, match=told):
        run(tmp_path, step=fail)


@pytest.mark.parametrize("keep, states", [("all", 3), ("last", 2)])
def test_space_is_checked_before_the_start_for_states_and_generators(
    tmp_path, monkeypatch, keep, states
):
    needed = []
    monkeypatch.setattr(checkpoint, "check_space", lambda folder, space: needed.append(space))
    run(tmp_path, [1, 2], epochs=2, keep=keep)
    written = list(states_of(tmp_path).glob("state-*"))
    assert len(written) == states - 1
    generators = sum(path.stat().st_size for path in states_of(tmp_path).glob("generator_*"))
    expected = states * written[0].stat().st_size + generators
    assert needed[0] == pytest.approx(expected, rel=0.35)  # narrow networks: much is file format


@pytest.mark.parametrize(
    ("decay", "last"),
    [(0, [0.001] * 5), (4, [0.001, 0.0008, 0.0006, 0.0004, 0.0002, 0.0])],
)
def test_the_learning_rate_is_constant_or_falls_linearly_to_zero(decay, last):
    config = small_config(epochs=10, lr_decay_epochs=decay)
    rates = [loop.learning_rate(config, epoch) for epoch in range(1, 6 + len(last))]
    assert rates == pytest.approx([0.001] * 5 + last)


def test_an_epoch_visits_every_pair_once_in_an_order_of_its_own():
    first, second, again = (loop.epoch_order(50, 0, epoch).tolist() for epoch in (1, 2, 1))
    assert sorted(first) == list(range(50))
    assert first == again != second


KILLABLE = """
import sys, torch
from photosketch.training import loop
from photosketch.training.trainer import Trainer
from support.face_batch import packed_pairs
from support.small_training import small_config, small_run
torch.set_num_threads(1)
loop.READ_BACK_EVERY = 1
trainer = Trainer(small_config(epochs=8), 0, 1, torch.device("cpu"))
run = small_run(trainer, sys.argv[1], [2, 8], state_minutes=0)
loop.train(trainer, packed_pairs(), run, sys.stderr)
"""


@pytest.mark.slow
def test_runs_killed_at_any_moment_end_like_an_undisturbed_one(tmp_path):
    folder, undisturbed = tmp_path / "killed", tmp_path / "undisturbed"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", KILLABLE, folder]

    def states() -> set[str]:
        return {path.name for path in folder.glob(".state/*/state-*")}

    for seconds in (0.1, 0.3):
        before = states()
        process = subprocess.Popen(command, env=environment)
        wait_for("new state", 120, lambda before=before: states() - before, by=process)
        time.sleep(seconds)
        process.kill()
        assert process.wait() == -signal.SIGKILL
    for each in (folder, undisturbed):  # in processes of the same kind: rounding depends on it
        subprocess.run([*command[:-1], each], env=environment, check=True, timeout=300)
    assert same_results(folder, undisturbed, [2, 8])
