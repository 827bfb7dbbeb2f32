"""The training loop: due generators, resuming to the same end, refusing what is not finite."""

import contextlib
import csv
import dataclasses
import io
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from photosketch.configuration.settings import RunSettings, TrainConfig
from photosketch.jobs import job
from photosketch.training import checkpoint, loop, networks, tensorboard_log, tensors
from photosketch.training.packed import write_packed
from photosketch.training.trainer import Trainer
from support.face_batch import packed_pairs
from support.settings import loss_weights
from support.small_training import BASELINE, LOCAL_GLAD, small_config
from support.waiting import wait_for


class InterruptedForTestError(Exception):
    pass


CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def data() -> tensors.PackedSet:
    return packed_pairs()


def run(data, folder, config, due, fingerprint="same", seed=0, step=Trainer.step, **settings):
    """Train with a trainer whose step is `step`, and with `settings` other than the usual ones."""
    trainer = type("TrainerOfTest", (Trainer,), {"step": step})(config, seed, 1, CPU)
    usual = {"strip_every": 0, "state_minutes": 5.0, "keep": "all"}
    asked = loop.Run("test", folder, due, fingerprint, RunSettings(**{**usual, **settings}))
    loop.train(trainer, data, asked, io.StringIO(), tensorboard_log.Live)


def weights_of(folder: Path, epoch: int) -> bytes:
    return checkpoint.generator_path(folder, epoch).read_bytes()


def same_results(folder: Path, other: Path, due: list[int]) -> bool:
    """Whether generators and logs of two runs are equal to the byte."""
    logs = [(each / "train_log.csv").read_bytes() for each in (folder, other)]
    return logs[0] == logs[1] and all(
        weights_of(folder, epoch) == weights_of(other, epoch) for epoch in due
    )


def equal_weights(folder: Path, other: Path, epoch: int) -> bool:
    """Whether the generators of two runs of different length have the same weights."""
    first, second = (
        checkpoint.read_generator(checkpoint.generator_path(each, epoch))[0]
        for each in (folder, other)
    )
    return all(torch.equal(first[name], second[name]) for name in second)


@pytest.fixture(scope="module")
def undisturbed(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tensorboard_log, "POINTS_EVERY", 0.0)  # a point of the curves at each reading
        run(data, folder, small_config(), [2, 4], strip_every=3)
    return folder


def test_each_due_epoch_leaves_a_generator_and_the_log_every_term(undisturbed):
    assert sorted(path.name for path in undisturbed.glob("generator_*")) == [
        "generator_epoch2.safetensors",
        "generator_epoch4.safetensors",
    ]
    rows = list(csv.DictReader(open(undisturbed / "train_log.csv")))
    assert [(row["epoch"], row["images"]) for row in rows] == [
        ("1", "3"),
        ("2", "6"),
        ("3", "9"),
        ("4", "12"),
    ]
    terms = {"discriminator_real", "discriminator_fake", "adversarial", "l1", "generator_total"}
    assert set(rows[0]) == {"epoch", "images", "lr", *terms}
    total = sum(float(rows[0][term]) * weight for term, weight in (("adversarial", 1), ("l1", 100)))
    assert float(rows[0]["generator_total"]) == pytest.approx(total, rel=1e-5)


def test_training_brings_the_l1_distance_down(data, tmp_path):
    run(data, tmp_path, small_config(epochs=25, lr=0.003, ngf=4, jitter=0), [25])
    rows = list(csv.DictReader(open(tmp_path / "train_log.csv")))
    assert float(rows[-1]["l1"]) < 0.8 * float(rows[0]["l1"])


def test_strips_show_photo_true_and_drawn_sketch_of_each_pair_side_by_side(undisturbed, data):
    strip = cv2.imread(str(undisturbed / "strips" / "epoch0003.png"))
    assert strip.shape[1] > 2 * 3 * 256  # two pairs in a row
    batch = data.batch(torch.arange(1))
    photo = ((batch.photo[0].permute(1, 2, 0).numpy() + 1) * 127.5).round()[:, :, ::-1]
    places = np.argwhere((strip == photo[0, 0]).all(axis=2))
    assert any(
        np.array_equal(strip[y : y + 256, x : x + 256], photo)
        for y, x in places
        if y + 256 <= strip.shape[0] and x + 256 <= strip.shape[1]
    )
    assert len(list((undisturbed / "strips").iterdir())) == 1


def events(folder: Path) -> EventAccumulator:
    """What TensorBoard reads in a folder."""
    return EventAccumulator(str(folder)).Reload()


def test_event_files_have_every_term_the_speed_the_rate_and_the_strips(undisturbed):
    read = events(undisturbed)
    rows = list(csv.DictReader(open(undisturbed / "train_log.csv")))
    terms = set(rows[0]) - {"epoch", "images", "lr"}
    assert set(read.Tags()["scalars"]) == {
        *(f"losses/{term}" for term in terms),
        *("run/epoch", "run/learning_rate", "run/images_per_second"),
    }
    l1 = read.Scalars("losses/l1")
    assert [(point.step, point.value) for point in l1] == [
        (int(row["images"]), pytest.approx(float(row["l1"]), rel=1e-5)) for row in rows
    ]
    assert [point.value for point in read.Scalars("run/learning_rate")] == pytest.approx(
        [0.001] * 4
    )
    (image,) = read.Images("training pairs")
    assert image.step == 9
    decoded = cv2.imdecode(np.frombuffer(image.encoded_image_string, np.uint8), cv2.IMREAD_COLOR)
    strip = cv2.imread(str(undisturbed / "strips" / "epoch0003.png"))
    np.testing.assert_array_equal(decoded, strip)


def test_a_resumed_run_goes_on_with_the_curves_from_the_state_it_resumes_from(
    data, undisturbed, tmp_path, monkeypatch
):
    monkeypatch.setattr(tensorboard_log, "POINTS_EVERY", 0.0)
    monkeypatch.setattr(loop, "READ_BACK_EVERY", 1)
    with pytest.raises(InterruptedForTestError):
        run(data, tmp_path, small_config(), [2, 4], step=fails_at(8))  # amid epoch 3
    assert [point.step for point in events(tmp_path).Scalars("losses/l1")] == list(range(1, 9))
    run(data, tmp_path, small_config(), [2, 4])  # from epoch 2, the last state
    assert [point.step for point in events(tmp_path).Scalars("losses/l1")] == list(range(1, 13))
    assert len(list(tmp_path.glob(tensorboard_log.EVENTS))) == 2
    assert weights_of(tmp_path, 4) == weights_of(undisturbed, 4)

    run(data, tmp_path, small_config(), [2, 4], fingerprint="other")
    assert len(list(tmp_path.glob(tensorboard_log.EVENTS))) == 1


def test_a_generator_file_says_how_to_build_it(undisturbed):
    weights, about = checkpoint.read_generator(checkpoint.generator_path(undisturbed, 2))
    config = TrainConfig.from_hparams(about["hparams"])
    assert config == small_config()
    networks.Generator(config.ngf, about["sketch_channels"], False).load_state_dict(weights)


def test_equal_runs_give_equal_files_and_another_seed_does_not(data, undisturbed, tmp_path):
    run(data, tmp_path / "again", small_config(), [2, 4])
    assert same_results(tmp_path / "again", undisturbed, [2, 4])
    run(data, tmp_path / "other", small_config(epochs=2), [2], seed=1)
    assert weights_of(tmp_path / "other", 2) != weights_of(undisturbed, 2)


@pytest.fixture(scope="module")
def undisturbed_local(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed_local")
    run(data, folder, small_config(losses=LOCAL_GLAD, epochs=2), [1, 2])
    return folder


def fails_at(images):
    """A step that fails after so many images."""

    def step(trainer, batch):
        if trainer.position.images == images:
            raise InterruptedForTestError
        return Trainer.step(trainer, batch)

    return step


@pytest.mark.parametrize(
    ("losses", "due", "at"),
    [(BASELINE, [2, 4], 1), (BASELINE, [2, 4], 4), (BASELINE, [2, 4], 11), (LOCAL_GLAD, [1, 2], 4)],
)
def test_an_interrupted_run_ends_like_an_undisturbed_one(
    data, undisturbed, undisturbed_local, tmp_path, monkeypatch, losses, due, at
):
    config = small_config(losses=losses, epochs=due[-1])
    monkeypatch.setattr(loop, "READ_BACK_EVERY", 1)
    with pytest.raises(InterruptedForTestError):
        run(data, tmp_path, config, due, step=fails_at(at), state_minutes=0)
    run(data, tmp_path, config, due, state_minutes=0)
    expected = undisturbed_local if losses is LOCAL_GLAD else undisturbed
    assert same_results(tmp_path, expected, due)


def test_more_epochs_go_on_from_the_last_state(data, undisturbed, tmp_path, capsys):
    run(data, tmp_path, small_config(epochs=2), [2])
    capsys.readouterr()
    run(data, tmp_path, small_config(epochs=4), [2, 4])
    assert "resuming after epoch 2" in capsys.readouterr().out
    assert (tmp_path / "train_log.csv").read_text() == (undisturbed / "train_log.csv").read_text()
    assert equal_weights(tmp_path, undisturbed, 4)


def test_a_finished_run_only_publishes_again_and_writes_no_events(data, undisturbed, tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(undisturbed, folder)
    before = sorted(folder.glob(tensorboard_log.EVENTS))
    for path in folder.glob("generator_*"):
        path.unlink()
    run(data, folder, small_config(), [2, 4], step=None)
    assert weights_of(folder, 4) == weights_of(undisturbed, 4)
    assert sorted(folder.glob(tensorboard_log.EVENTS)) == before


def test_another_fingerprint_starts_afresh(data, undisturbed, tmp_path, capsys):
    run(data, tmp_path, small_config(losses=loss_weights(l1=1), epochs=1), [1], fingerprint="old")
    run(data, tmp_path, small_config(), [2, 4])
    assert "starting afresh" in capsys.readouterr().out
    assert same_results(tmp_path, undisturbed, [2, 4])


def test_an_epoch_that_was_passed_without_being_kept_means_training_afresh(data, tmp_path, capsys):
    run(data, tmp_path, small_config(epochs=2), [2])
    run(data, tmp_path, small_config(epochs=2), [1, 2])
    assert "past epoch 1" in capsys.readouterr().out
    assert checkpoint.generator_path(tmp_path, 1).exists()


def broken_step(at, spoil):
    """From the step that follows `at` images on, `spoil(trainer, terms)` after the true step."""

    def spoiled(trainer, batch):
        terms = Trainer.step(trainer, batch)
        if trainer.position.images >= at:
            spoil(trainer, terms)
        return terms

    return spoiled


def saved_images(folder) -> int:
    state = checkpoint.load_state(folder / ".state", "same")
    assert all(value.isfinite().all() for value in state["generator"]["weights"].values())
    return state["images"]


@pytest.mark.parametrize("at, step, kept", [(6, 7, 6), (7, 8, 6)])
def test_a_loss_that_is_not_finite_stops_the_run_and_names_term_step_and_images(
    data, tmp_path, monkeypatch, at, step, kept
):
    monkeypatch.setattr(loop, "READ_BACK_EVERY", 2)
    step_of_nan = broken_step(at, lambda _, terms: terms["l1"].fill_(torch.nan))
    with pytest.raises(job.InputError) as caught:
        run(data, tmp_path, small_config(), [2, 4], step=step_of_nan, state_minutes=0)
    index = int(loop.epoch_order(3, 0, 3)[at - 6])
    assert f"l1 is not finite in epoch 3, step {step}," in str(caught.value)
    assert f"trained on {data.subset[index]}/{data.ids[index]}." in str(caught.value)
    assert "adversarial" not in str(caught.value)
    assert not list(tmp_path.glob("generator_*"))
    assert saved_images(tmp_path) == kept


def test_weights_that_are_not_finite_are_never_saved(data, tmp_path, monkeypatch):
    def spoil(trainer, _):
        if trainer.position.images == 5:  # the last of epoch 2; its losses are still those before
            next(trainer.generator.module.parameters()).data[0, 0, 0, 0] = torch.inf

    monkeypatch.setattr(loop, "READ_BACK_EVERY", 2)
    with pytest.raises(job.InputError, match=r"a weight is not finite in epoch 2, step 6,"):
        run(data, tmp_path, small_config(), [2, 4], step=broken_step(5, spoil), state_minutes=0)
    assert saved_images(tmp_path) < 6
    assert not checkpoint.generator_path(tmp_path / ".state", 2).exists()


def test_a_signal_to_stop_saves_and_the_next_run_ends_like_an_undisturbed_one(
    data, undisturbed, tmp_path
):
    def terminated(trainer, batch):
        if trainer.position.images == 4:  # amid epoch 2
            os.kill(os.getpid(), signal.SIGTERM)
        if trainer.position.images == 6:  # in the same epoch
            os.kill(os.getpid(), signal.SIGINT)
        if trainer.position.images == 8:  # in the last step of epoch 3
            os.kill(os.getpid(), signal.SIGUSR1)
        return Trainer.step(trainer, batch)

    stops = (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT)
    before = [signal.getsignal(number) for number in stops]
    for images in (5, 7, 9):
        with pytest.raises(job.InterruptedJobError, match=f"after {images} images"):
            run(data, tmp_path, small_config(), [2, 4], step=terminated)
    run(data, tmp_path, small_config(), [2, 4], step=terminated)
    assert same_results(tmp_path, undisturbed, [2, 4])
    assert [signal.getsignal(number) for number in stops] == before


def test_a_strip_that_cannot_be_written_costs_nothing_else(data, undisturbed, tmp_path, capsys):
    (tmp_path / "strips").touch()
    run(data, tmp_path, small_config(epochs=2), [2], strip_every=1)
    pairs = [
        checkpoint.read_generator(checkpoint.generator_path(folder, 2))[0]
        for folder in (tmp_path, undisturbed)
    ]
    assert all(torch.equal(pairs[0][name], pairs[1][name]) for name in pairs[1])
    assert "strips/epoch0001.png: left out" in capsys.readouterr().out


@pytest.mark.parametrize("images", [4, 11])  # amid training, and in its last step
def test_a_training_that_another_one_claims_saves_and_publishes_nothing(
    data, undisturbed, tmp_path, images
):
    def claimed(trainer, batch):
        if trainer.position.images == images:
            (tmp_path / ".claim").touch()
        return Trainer.step(trainer, batch)

    with pytest.raises(job.InterruptedJobError):
        run(data, tmp_path, small_config(), [2, 4], step=claimed)
    assert not list(tmp_path.glob("generator_epoch*"))
    assert saved_images(tmp_path) > images
    (tmp_path / ".claim").unlink()
    run(data, tmp_path, small_config(), [2, 4])
    assert weights_of(tmp_path, 4) == weights_of(undisturbed, 4)


@pytest.mark.parametrize(
    "error",
    [torch.OutOfMemoryError("CUDA out of memory"), RuntimeError("DefaultCPUAllocator: no"), None],
)
def test_a_lack_of_memory_says_what_to_lower(data, tmp_path, error):
    def fail(*_):
        raise error or RuntimeError("another error")

    if error is None:
        with pytest.raises(RuntimeError, match="another error"):
            run(data, tmp_path, small_config(), [4], step=fail)
    else:
        with pytest.raises(job.InputError, match=r"train\.batch_size \(now 1\).*ngf.*bf16"):
            run(data, tmp_path, small_config(), [4], step=fail)


@pytest.mark.parametrize("keep, states", [("all", 3), ("last", 2)])
def test_space_is_checked_before_the_start_for_states_and_generators(
    data, tmp_path, monkeypatch, keep, states
):
    needed = []
    monkeypatch.setattr(checkpoint, "check_space", lambda folder, space: needed.append(space))
    run(data, tmp_path, small_config(epochs=2), [1, 2], keep=keep)
    written = list((tmp_path / ".state").glob("state-*"))
    assert len(written) == states - 1
    generators = sum(path.stat().st_size for path in (tmp_path / ".state").glob("generator_*"))
    expected = states * written[0].stat().st_size + generators
    assert needed[0] == pytest.approx(expected, rel=0.35)  # narrow networks: much is file format


def test_the_learning_rate_is_constant_or_falls_linearly_to_zero():
    constant = small_config()
    assert {loop.learning_rate(constant, epoch) for epoch in range(1, 5)} == {0.001}
    falling = small_config(epochs=10, lr_decay_epochs=4)
    rates = [loop.learning_rate(falling, epoch) for epoch in range(1, 12)]
    assert rates[:6] == [0.001] * 6
    assert rates[6:] == pytest.approx([0.0008, 0.0006, 0.0004, 0.0002, 0.0])


def test_an_epoch_visits_every_pair_once_in_an_order_of_its_own():
    orders = [loop.epoch_order(50, 0, epoch).tolist() for epoch in (1, 2)]
    assert sorted(orders[0]) == list(range(50))
    assert orders[0] != orders[1]
    assert loop.epoch_order(50, 0, 1).tolist() == orders[0]


def test_a_term_of_weight_zero_builds_no_network():
    baseline = Trainer(small_config(), 0, 1, CPU)
    local = Trainer(small_config(losses=LOCAL_GLAD), 0, 1, CPU)
    names = [name for name, _ in baseline.generator.module.named_parameters()]
    assert all(name.startswith("unet.") for name in names)
    assert len(list(local.generator.module.parameters())) > len(names)


KILLABLE = """
import sys, torch
from pathlib import Path
from photosketch.training import loop, tensors
from photosketch.training.trainer import Trainer
from photosketch.configuration.settings import RunSettings
from support.small_training import small_config
torch.set_num_threads(1)
loop.READ_BACK_EVERY = 1
cpu = torch.device("cpu")
data = tensors.load_packed(sys.argv[1], cpu)
settings = RunSettings(strip_every=0, state_minutes=0, keep="all")
run = loop.Run("test", Path(sys.argv[2]), [2, 20], "same", settings)
loop.train(Trainer(small_config(epochs=20), 0, 1, cpu), data, run, sys.stderr)
"""


@pytest.fixture(scope="module")
def packed(data, tmp_path_factory) -> Path:
    """The pairs as a file."""
    path = tmp_path_factory.mktemp("packed") / "train.npz"
    arrays = dataclasses.asdict(data)
    tensors = {name: array for name, array in arrays.items() if isinstance(array, torch.Tensor)}
    write_packed(arrays | {name: tensor.numpy() for name, tensor in tensors.items()}, path)
    return path


def killed_when(ready, command, folder) -> None:
    """Run the command and kill it once `ready()`; it must not have ended before."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen([*command, str(folder)], env=environment)
    wait_for("moment to kill it", 120, ready, by=process)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL


@pytest.mark.slow
def test_a_run_killed_while_it_writes_a_state_goes_on_from_the_one_before(packed, tmp_path):
    stuck = """
save, count = torch.save, 0
def save_and_hang(state, path):
    global count
    count += 1
    save(state, path)
    if count == 3:
        with open(path, "r+b") as file:
            file.truncate(1000)
        import time; time.sleep(600)
torch.save = save_and_hang
"""
    folder = tmp_path / "killed"
    work = folder / ".state"
    code = KILLABLE.replace("data = ", stuck + "data = ")

    def half_written() -> bool:
        sizes = []
        for path in work.glob(".state-*"):
            with contextlib.suppress(FileNotFoundError):  # a whole one, renamed in between
                sizes.append(path.stat().st_size)
        return 1000 in sizes

    killed_when(half_written, [sys.executable, "-c", code, str(packed)], folder)
    assert half_written()
    before = max(work.glob("state-*"))
    images = checkpoint.load_state(work, "same")["images"]
    assert before.name == f"state-{images:012d}.bin"
    assert not half_written()


@pytest.mark.slow
def test_runs_killed_at_any_moment_end_like_an_undisturbed_one(packed, tmp_path):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    folder = tmp_path / "killed"
    command = [sys.executable, "-c", KILLABLE, str(packed)]

    def states() -> set[str]:
        return {path.name for path in (folder / ".state").glob("state-*")}

    for seconds in (0.1, 0.3):
        before = states()
        process = subprocess.Popen([*command, str(folder)], env=environment)
        wait_for("new state", 60, lambda before=before: states() - before, by=process)
        time.sleep(seconds)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
    subprocess.run([*command, str(folder)], env=environment, check=True, timeout=300)
    subprocess.run(
        [*command, str(tmp_path / "undisturbed")], env=environment, check=True, timeout=300
    )
    assert same_results(folder, tmp_path / "undisturbed", [2, 20])
