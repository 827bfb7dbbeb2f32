"""The training loop: due generators, resuming to the same end, refusing what is not finite."""

import csv
import functools
import io
import os
import re
import shutil
import signal
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from photosketch.configuration.settings import RunSettings
from photosketch.jobs.messages import InputError, InterruptedJobError
from photosketch.training import checkpoint, kept_trainings, loop, tensorboard_log
from photosketch.training.trainer import Trainer
from support.face_batch import packed_pairs
from support.settings import loss_weights
from support.small_training import small_config, small_run

CPU = torch.device("cpu")


class InterruptedForTestError(Exception):
    pass


def run(folder, due=(2, 4), step=Trainer.step, **changes):
    """Train with a trainer whose step is `step`; `changes` are of the run's settings or small.
    Returns what the console was told."""
    names = RunSettings.model_fields.keys() & changes.keys()
    settings = {name: changes.pop(name) for name in names}
    trainer = Trainer(small_config(**changes), 0, 1, CPU)
    trainer.step = functools.partial(step, trainer)
    asked = small_run(trainer, folder, list(due), **settings)
    loop.train(asked, tensorboard_log.Live)
    return asked.console.getvalue()


def states_of(folder: Path) -> Path:
    """The folder of the training in use."""
    return kept_trainings.folders(folder)[0]


def same_results(folder: Path, other: Path, due=(2, 4)) -> bool:
    """Whether generators and logs of two runs are equal to the byte."""
    names = ["train_log.csv", *(f"generator_epoch{epoch}.safetensors" for epoch in due)]
    return all((folder / name).read_bytes() == (other / name).read_bytes() for name in names)


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


def test_each_due_epoch_leaves_a_generator_and_log_and_event_files_have_every_term(undisturbed):
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

    read = events(undisturbed)
    assert set(read.Tags()["scalars"]) == {
        *(f"losses/{term}" for term in terms),
        *("run/epoch", "run/learning_rate", "run/images_per_second"),
    }
    assert [(point.step, point.value) for point in read.Scalars("losses/l1")] == [
        (int(row["images"]), pytest.approx(float(row["l1"]), rel=1e-5)) for row in rows
    ]
    rates = [point.value for point in read.Scalars("run/learning_rate")]
    assert rates == pytest.approx([0.001] * 4)


@pytest.mark.slow
def test_training_brings_the_l1_distance_down(tmp_path):
    run(tmp_path, [16], epochs=16, lr=0.003, ngf=4, jitter=0)
    rows = log_of(tmp_path)
    assert float(rows[-1]["l1"]) < 0.8 * float(rows[0]["l1"])


def test_strips_show_photo_true_and_drawn_sketch_side_by_side_in_event_files_too(undisturbed):
    [file] = (undisturbed / "strips").iterdir()
    assert file.name == "epoch0003.png"
    strip = cv2.imread(str(file))
    assert strip.shape[1] > 2 * 3 * 256  # two pairs in a row
    photo = packed_pairs().photo[0].numpy()[:, :, ::-1]
    places = np.argwhere((strip == photo[0, 0]).all(axis=2))
    assert any(np.array_equal(strip[y : y + 256, x : x + 256], photo) for y, x in places)
    [image] = events(undisturbed).Images("training pairs")
    assert image.step == 9
    decoded = cv2.imdecode(np.frombuffer(image.encoded_image_string, np.uint8), cv2.IMREAD_COLOR)
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
    assert same_results(tmp_path, undisturbed)

    run(tmp_path, [1], losses=loss_weights(l1=1), epochs=1)
    assert len(list(tmp_path.glob(tensorboard_log.EVENTS))) == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("due", "said"),
    [((2, 4), "resuming after epoch 2"), ((1, 4), "with other evaluated epochs (2 epochs, ")],
    ids=["more epochs", "an epoch that was passed without being kept"],
)
def test_a_run_goes_on_from_an_earlier_one_or_starts_afresh_and_says_so(
    undisturbed, tmp_path, capsys, due, said
):
    run(tmp_path, [2], epochs=2)
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
    no_step = fails_at(12)
    told = run(tmp_path, step=no_step)
    assert told.startswith("test: the training with losses.l1 200 (4 epochs, ")
    assert same_results(tmp_path, undisturbed)
    for path in tmp_path.glob("generator_*"):
        path.unlink()
    run(tmp_path, step=no_step)  # finished: only publishes again
    assert same_results(tmp_path, undisturbed)
    assert watched() == before


def saved_images(folder) -> int:
    state = checkpoint.load_state(states_of(folder))
    assert all(value.isfinite().all() for value in state["generator"]["weights"].values())
    return state["images"]


def loss_is_nan(_, terms):
    terms["l1"].fill_(torch.nan)


def weight_is_infinite(trainer, _):
    next(trainer.generator.module.parameters()).data[0, 0, 0, 0] = torch.inf


@pytest.mark.parametrize(
    ("spoil", "at", "told", "kept"),
    [
        (loss_is_nan, 6, "l1 is not finite in epoch 3, step 7,", 6),
        (loss_is_nan, 7, "l1 is not finite in epoch 3, step 8,", 6),
        # in the last step of epoch 2, whose losses are still those before
        (weight_is_infinite, 5, "a weight is not finite in epoch 2, step 6,", 5),
    ],
)
def test_what_is_not_finite_stops_the_run_is_named_with_step_and_images_and_not_saved(
    tmp_path, monkeypatch, spoil, at, told, kept
):
    def spoiled(trainer, batch):
        terms = Trainer.step(trainer, batch)
        if trainer.images >= at:
            spoil(trainer, terms)
        return terms

    monkeypatch.setattr(loop, "READ_BACK_EVERY", 2)
    with pytest.raises(InputError, match=f"^test: {told}") as caught:
        run(tmp_path, step=spoiled, state_minutes=0)
    index = int(loop.epoch_order(3, 0, at // 3 + 1)[at % 3])
    data = packed_pairs()
    assert f"trained on {data.subset[index]}/{data.ids[index]}." in str(caught.value)
    assert not list(tmp_path.glob("generator_*"))
    assert saved_images(tmp_path) == kept
    assert kept_trainings.generator_path(states_of(tmp_path), 2).exists() == (kept >= 6)


@pytest.mark.slow
def test_a_stop_saves_and_publishes_nothing_and_at_last_the_run_ends_like_an_undisturbed_one(
    undisturbed, tmp_path
):
    """Signals, and another job's claim, amid epochs, in an epoch's last step, and in the last."""
    claim = tmp_path / ".claim"
    stops = {1: "claim", 4: signal.SIGTERM, 6: signal.SIGINT, 8: signal.SIGUSR1, 11: "claim"}

    def stopped(trainer, batch):
        match stops.get(trainer.images):
            case "claim":
                claim.touch()
            case signal.Signals() as number:
                os.kill(os.getpid(), number)
        return Trainer.step(trainer, batch)

    before = [signal.getsignal(number) for number in loop.STOPPING]
    for images, stop in stops.items():
        told = "another job|after 3 images" if stop == "claim" else f"after {images + 1} images"
        with pytest.raises(InterruptedJobError, match=told):
            run(tmp_path, step=stopped)
        assert saved_images(tmp_path) > images
        assert not list(tmp_path.glob("generator_epoch*"))
        claim.unlink(missing_ok=True)
    run(tmp_path, step=stopped)
    assert same_results(tmp_path, undisturbed)
    assert [signal.getsignal(number) for number in loop.STOPPING] == before


@pytest.mark.slow
def test_a_strip_that_cannot_be_written_costs_nothing_else(undisturbed, tmp_path, capsys):
    (tmp_path / "strips").touch()
    run(tmp_path, strip_every=1)
    assert same_results(tmp_path, undisturbed)
    assert "strips/epoch0001.png: left out" in capsys.readouterr().out


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
    with pytest.raises(InputError, match=f"does not fit into {place}") as caught:
        loop.check_room(packed, torch.device(device), console)
    assert ("device: cpu" in str(caught.value)) == (device == "cuda")


def test_faces_too_small_for_local_networks_are_named():
    data, command = packed_pairs(), "snakemake annotate --cores 2 --configfile my.yaml"
    loop.check_faces(data, "local", aligned=False, page_command=command)
    data.landmarks[1] = (data.landmarks[1] - 128) / 2 + 128
    with pytest.raises(InputError) as caught:
        loop.check_faces(data, "local", aligned=False, page_command=command)
    [line, remedy] = caught.value.problems
    assert line.startswith("photo of a 2: the eyes are 26 px apart instead of 40 to 62")
    for text in ("local networks of local", "dataset.align", f"`{command}`"):
        assert text in remedy


LOWER = r"train\.batch_size \(now 1\).*ngf.*bf16"


@pytest.mark.parametrize(
    ("error", "kind", "told"),
    [
        (torch.OutOfMemoryError("CUDA out of memory"), InputError, LOWER),
        (RuntimeError("DefaultCPUAllocator: no"), InputError, LOWER),
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
