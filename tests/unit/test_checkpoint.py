"""States on disk: whole, checked, and of one fingerprint only."""

import json

import pytest
import torch

from photosketch import checkpoint


def state(images, fingerprint="same"):
    return {"fingerprint": fingerprint, "images": images, "weight": torch.full((3,), float(images))}


def test_the_newest_state_comes_back_and_two_are_kept(tmp_path):
    for images in (1, 2, 3):
        checkpoint.save_state(tmp_path, state(images))
    assert len(list(tmp_path.glob("state-*"))) == 2
    loaded = checkpoint.load_state(tmp_path, "same")
    assert loaded["images"] == 3
    assert torch.equal(loaded["weight"], torch.full((3,), 3.0))


@pytest.mark.parametrize("damage", ["truncated", "bit flipped"])
def test_a_damaged_state_is_named_and_its_predecessor_taken(tmp_path, capsys, damage):
    checkpoint.save_state(tmp_path, state(1))
    checkpoint.save_state(tmp_path, state(2))
    newest = max(tmp_path.glob("state-*"))
    content = bytearray(newest.read_bytes())
    if damage == "truncated":
        del content[-10:]
    else:
        content[len(content) // 2] ^= 1
    newest.write_bytes(content)
    assert checkpoint.load_state(tmp_path, "same")["images"] == 1
    assert f"{newest} is damaged" in capsys.readouterr().out


def test_a_state_of_another_fingerprint_is_discarded_with_its_generators(tmp_path, capsys):
    checkpoint.save_state(tmp_path, state(1, "old"))
    checkpoint.save_generator(tmp_path, 1, torch.nn.Linear(2, 2).state_dict(), {})
    assert checkpoint.load_state(tmp_path, "new") is None
    assert list(tmp_path.iterdir()) == []
    assert "starting afresh" in capsys.readouterr().out


def test_what_a_killed_write_left_behind_is_cleared(tmp_path):
    checkpoint.save_state(tmp_path, state(1))
    (tmp_path / ".state-000000000002.99.bin").write_bytes(b"half")
    assert checkpoint.load_state(tmp_path, "same")["images"] == 1
    assert len(list(tmp_path.iterdir())) == 1


def test_a_generator_file_carries_its_weights_and_what_it_is(tmp_path):
    network = torch.nn.BatchNorm2d(3)
    checkpoint.save_generator(
        tmp_path, 7, network.state_dict(), {"epoch": 7, "hparams": {"ngf": 2}}
    )
    weights, about = checkpoint.read_generator(tmp_path / "generator_epoch7.safetensors")
    assert about == {"epoch": 7, "hparams": {"ngf": 2}}
    assert weights.keys() == network.state_dict().keys()


def test_publishing_gives_a_second_name_newer_than_before(tmp_path):
    source = tmp_path / "source.txt"
    source.write_text(json.dumps(1))
    target = tmp_path / "target.txt"
    target.write_text("old")
    checkpoint.publish(source, target)
    assert target.read_text() == "1"
    assert target.samefile(source)


def test_publishing_copies_where_hard_links_fail(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError("no hard links here")

    monkeypatch.setattr(checkpoint.os, "link", refuse)
    source = tmp_path / "source.txt"
    source.write_text("content")
    checkpoint.publish(source, tmp_path / "target.txt")
    assert (tmp_path / "target.txt").read_text() == "content"
    assert not (tmp_path / "target.txt").samefile(source)


def test_fingerprints_differ_with_any_part_and_not_with_key_order():
    first = checkpoint.fingerprint(hparams={"a": 1, "b": 2}, seed=0)
    assert checkpoint.fingerprint(seed=0, hparams={"b": 2, "a": 1}) == first
    assert checkpoint.fingerprint(hparams={"a": 2, "b": 1}, seed=0) != first
    assert checkpoint.fingerprint(hparams={"a": 1, "b": 2}, seed=1) != first
