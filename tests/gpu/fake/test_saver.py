"""The thread that saves, beside a stream of its own that training goes on in."""

import pytest
import torch

from photosketch.training import checkpoint

DEVICE = torch.device("cuda", 1)


@pytest.fixture
def events(monkeypatch) -> list[tuple]:
    """What happens to copies and to the events behind them, in order."""
    noted: list[tuple] = []

    class Noted(torch.cuda.Event):
        def record(self, stream=None):
            noted.append(("recorded", stream))
            super().record(stream)

        def synchronize(self):
            noted.append(("waited for",))
            super().synchronize()

    copied = checkpoint.copied

    def noted_copy(state, to_host=False):
        if isinstance(state, dict) and "images" in state:
            noted.append(("copied to host" if to_host else "copied",))
        return copied(state, to_host)

    monkeypatch.setattr(torch.cuda, "Event", Noted)
    monkeypatch.setattr(checkpoint, "copied", noted_copy)
    return noted


def test_a_save_waits_for_its_copies_on_the_stream_that_made_them(tmp_path, events):
    state = {
        "images": 4,
        "generator": {"weights": {"w": torch.arange(8.0).to(DEVICE)}},
    }
    stream = torch.cuda.Stream(DEVICE)
    with torch.cuda.stream(stream), checkpoint.Saver(tmp_path) as saver:
        saver.save(state)
    order = [("copied",), ("recorded", stream), ("waited for",), ("copied to host",)]
    assert events == order
    saved = checkpoint.load_state(tmp_path)
    assert torch.equal(saved["generator"]["weights"]["w"], torch.arange(8.0))


def test_a_state_in_host_memory_waits_for_nothing(tmp_path, events):
    with checkpoint.Saver(tmp_path) as saver:
        saver.save({"images": 4, "w": torch.arange(8.0)})
    assert events == [("copied",), ("copied to host",)]
