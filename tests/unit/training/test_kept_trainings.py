"""Trainings of earlier values: which one goes on, which are kept, and what people are told."""

import dataclasses

import pytest

from photosketch.training import kept_trainings
from photosketch.training.kept_trainings import Training
from support.settings import loss_weights
from support.small_training import small_config

PAIRS = 3


def training(l1=100, **changes):
    changes = {"code": "code", "data": "data", "seed": 0, **changes}
    return Training(small_config(losses=loss_weights(l1=l1)).hparams(), **changes)


def used(place, present, keep=9, due=(2,), images=6):
    """Open the folder of a training, leave a state and the due generators there, and what is told.
    Gives the folder's name too."""
    folder, lines = kept_trainings.open_folder(place, present, due, PAIRS, keep)
    (folder / f"state-{images:012d}.bin").touch()
    for epoch in due:
        (folder / f"generator_epoch{epoch}.safetensors").touch()
    present.epochs, present.seconds = images // PAIRS, 7200
    present.write(folder)
    return folder.name, lines


@pytest.mark.parametrize(
    ("earlier", "keep", "kept", "removed", "aside"),
    [
        ([], 1, [], [], []),
        ([{"l1": 1}, {"l1": 2}, {"l1": 3}], 0, [], [1, 2, 3], []),
        ([{"l1": 1}, {"l1": 2}, {"l1": 3}], 2, [2, 3], [1], [3]),
        ([{"l1": 1}, {"l1": 2}, {"l1": 1}], 1, [1], [2], [1]),
        ([{"l1": 1}, {"l1": 2, "code": "other"}], 1, [1], [2], []),
        ([{"l1": 1}, {"l1": 2, "finished": False}], 1, [1], [2], []),
        ([{"l1": 1, "code": "other"}, {"l1": 2, "finished": False}], 1, [2], [1], [2]),
    ],
)
def test_the_last_ones_are_kept_those_by_other_code_and_unfinished_ones_go_first(
    tmp_path, earlier, keep, kept, removed, aside
):
    for changes in earlier:
        used(tmp_path, training(**{"finished": True, **changes}))
    before = kept_trainings.folders(tmp_path)
    at_start = kept_trainings.lines_at_start(tmp_path, training(l1=9).hparams, "code", keep)
    assert kept_trainings.folders(tmp_path) == before
    _, lines = used(tmp_path, training(l1=9), keep)
    assert lines == at_start
    present, *others = map(Training.read, kept_trainings.folders(tmp_path))
    assert present.hparams["losses"]["l1"] == 9
    assert sorted(each.hparams["losses"]["l1"] for each in others) == kept
    told = [(l1, f"is removed (train.keep_replaced: {keep})") for l1 in removed]
    told += [(l1, "is set aside; if you change that back") for l1 in aside]
    assert len(lines) == len(told)
    for l1, fate in told:
        assert any(f" losses.l1 {l1}" in line and f"2 h 0 min) {fate}" in line for line in lines)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"l1": 100}, None),
        ({"l1": 200}, "losses.l1 100"),
        ({"code": "new"}, "other code (commit 12345678)"),
        ({"data": "new"}, "other training data"),
        ({"l1": 0.5, "data": "new"}, "losses.l1 100, other training data"),
    ],
)
def test_what_is_set_aside_is_told_by_what_differs_and_what_it_took(tmp_path, changes, told):
    used(tmp_path, training(commit="1234567890"))
    planned = training(**changes)
    at_start = kept_trainings.lines_at_start(tmp_path, planned.hparams, planned.code, keep=9)
    _, lines = used(tmp_path, planned)
    told = told and (
        f"the training with {told} (2 epochs, 2 h 0 min) is set aside; if you change that back, "
        "the next run uses it again"
    )
    assert lines == ([told] if told else [])
    assert "data" in changes or at_start == lines  # data are not known at the start


def test_an_epoch_that_was_passed_without_its_generator_begins_a_training_beside(tmp_path):
    first, _ = used(tmp_path, training())
    second, lines = used(tmp_path, training(), due=(1, 2))
    assert second != first
    assert "the training with other evaluated epochs (2 epochs, " in lines[0]
    assert used(tmp_path, training())[0] == second  # serves both
    assert used(tmp_path, training(), due=(2, 4), images=12)[0] == second


def test_progress_so_far_is_that_of_the_training_gone_on_with(tmp_path):
    used(tmp_path, training())
    again = training()
    used(tmp_path, again)
    assert (again.epochs, again.seconds) == (2, 7200)
    other = training(l1=2)
    kept_trainings.open_folder(tmp_path, other, [2], PAIRS, 1)
    assert (other.epochs, other.seconds) == (0, 0)


def test_fingerprints_differ_with_any_part_and_with_epochs_only_if_the_rate_falls():
    first = training().fingerprint
    assert training(commit="other").fingerprint == first
    for changes in ({"l1": 1}, {"code": "other"}, {"data": "other"}, {"seed": 1}):
        assert training(**changes).fingerprint != first

    def of_epochs(epochs, decay):
        hparams = small_config(epochs=epochs, lr_decay_epochs=decay).hparams()
        return dataclasses.replace(training(), hparams=hparams).fingerprint

    assert of_epochs(4, 0) == of_epochs(8, 0)
    assert of_epochs(4, 2) != of_epochs(8, 2)


def test_what_is_set_aside_is_measured_and_removed_but_not_the_training_in_use(tmp_path, capsys):
    place = tmp_path / "train/local/seed0"
    for l1 in (1, 2):
        name, _ = used(place, training(l1))
    first = next(path for path in place.glob(".state/*") if path.name != name)
    (first / "state-000000000006.bin").write_bytes(b"x" * 2_000_000)
    (place / ".state/state-000000000001.bin").write_bytes(b"x" * 1_000_000)  # of an older version
    sizes = kept_trainings.set_aside(tmp_path)
    assert sizes.keys() == {first, place / ".state/state-000000000001.bin"}
    kept_trainings.main(tmp_path)
    assert "3.0 MB removed" in capsys.readouterr().out
    assert [path.name for path in place.glob(".state/*")] == [name]
    with pytest.raises(SystemExit, match="does not exist"):
        kept_trainings.main(tmp_path / "other")
