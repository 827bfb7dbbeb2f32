"""States on disk: whole and checked."""

import errno
import os
import resource
from pathlib import Path

import pytest
import torch

from photosketch.jobs.messages import InputError
from photosketch.training import checkpoint, kept_trainings


def state(images):
    weights = {"weight": torch.full((3,), float(images))}
    return {"images": images, "generator": {"weights": weights}}


def refuse(*_, **__):
    raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))


@pytest.mark.parametrize("states", [1, 2])
def test_the_newest_state_comes_back_and_so_many_are_kept(tmp_path, states):
    for images in (1, 2, 3):
        checkpoint.save_state(tmp_path, state(images), states)
    # what a killed write has left
    (tmp_path / ".state-000000000004.99.bin").write_bytes(b"half")
    loaded = checkpoint.load_state(tmp_path)
    assert (loaded["images"], loaded["generator"]["weights"]["weight"].tolist()) == (3, [3.0] * 3)
    kept = [f"state-{images:012d}.bin" for images in (1, 2, 3)[-states:]]
    assert sorted(path.name for path in tmp_path.iterdir()) == kept


@pytest.mark.parametrize("damage", ["truncated", "bit flipped"])
def test_a_damaged_state_is_named_and_its_predecessor_taken(tmp_path, capsys, damage):
    for images in (1, 2):
        checkpoint.save_state(tmp_path, state(images))
    newest = max(tmp_path.glob("state-*"))
    content = bytearray(newest.read_bytes())
    if damage == "truncated":
        del content[-10:]
    else:
        content[len(content) // 2] ^= 1
    newest.write_bytes(content)
    assert checkpoint.load_state(tmp_path)["images"] == 1
    assert f"{newest} is damaged" in capsys.readouterr().out


def test_a_state_that_cannot_be_read_is_kept(tmp_path, monkeypatch):
    checkpoint.save_state(tmp_path, state(1))
    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_bytes", refuse)
        with pytest.raises(InputError, match=r"cannot be read \(Stale file handle"):
            checkpoint.load_state(tmp_path)
    assert checkpoint.load_state(tmp_path)["images"] == 1


@pytest.mark.parametrize("hard_links", [True, False])
def test_publishing_gives_a_second_name_or_a_copy_where_hard_links_fail(
    tmp_path, monkeypatch, hard_links
):
    if not hard_links:
        monkeypatch.setattr(checkpoint.os, "link", refuse)
    source, target = tmp_path / "source.txt", tmp_path / "target.txt"
    source.write_text("new")
    target.write_text("old")
    os.utime(source, (0, 0))
    checkpoint.publish(source, target)
    assert target.read_text() == "new"
    assert target.samefile(source) == hard_links
    assert target.stat().st_mtime > 0  # newer than what it was made from


def test_a_save_writes_what_the_state_was_when_it_was_asked_for(tmp_path):
    with checkpoint.Saver(tmp_path) as saver:
        current = state(1)
        saver.save(current, due=(4, {"epoch": 4}))
        current["generator"]["weights"]["weight"].fill_(9)
    weights, about = checkpoint.read_generator(kept_trainings.generator_path(tmp_path, 4))
    assert about == {"epoch": 4}
    for saved in (weights, checkpoint.load_state(tmp_path)["generator"]["weights"]):
        assert saved["weight"].tolist() == [1.0] * 3


def test_no_state_is_past_a_generator_that_could_not_be_written(tmp_path, monkeypatch):
    with checkpoint.Saver(tmp_path) as saver:
        saver.save(state(1))
        saver.wait()
        monkeypatch.setattr("safetensors.torch.save_file", refuse)
        saver.save(state(2), due=(4, {}))
        with pytest.raises(InputError, match="Stale file handle"):
            saver.wait()
    assert checkpoint.load_state(tmp_path)["images"] == 1


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (checkpoint.Saver.wait, KeyError),
        (lambda saver: saver.save(state(2)), KeyError),
        (lambda saver: None, KeyError),
        (lambda saver: 1 / 0, ZeroDivisionError),
    ],
    ids=["wait", "save", "end", "end with another error"],
)
def test_an_error_of_the_thread_is_raised_by_the_next_call_or_at_the_end(
    tmp_path, monkeypatch, call, error
):
    monkeypatch.setattr(checkpoint.torch, "save", lambda *_: {}["key"])
    with pytest.raises(error), checkpoint.Saver(tmp_path) as saver:
        saver.save(state(1))
        call(saver)


def test_a_write_that_the_disk_refuses_leaves_the_state_before_it(tmp_path):
    """A limit on the size of files stands in for a full disk: the kernel refuses in mid-write."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with checkpoint.Saver(tmp_path) as saver:
        saver.save(state(1))
        saver.wait()
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, hard))
        try:
            saver.save({**state(2), "more": torch.zeros(1_000_000)})
            with pytest.raises(InputError, match=r"after 2 images cannot be written.*kept"):
                saver.wait()
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [path.name for path in tmp_path.iterdir()] == ["state-000000000001.bin"]
    assert checkpoint.load_state(tmp_path)["images"] == 1


def test_too_little_space_is_refused_with_both_figures_and_the_remedy(tmp_path):
    checkpoint.check_space(tmp_path, 1)
    with pytest.raises(InputError, match=r"will write 1000000000\.00 GB.*train\.keep: last"):
        checkpoint.check_space(tmp_path, 10**18)
