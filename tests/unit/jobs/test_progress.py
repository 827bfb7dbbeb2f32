"""Progress of a job: lines on the console from time to time, and a last line in the log."""

import io

import pytest

from photosketch.jobs import progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("console", "name"), [(io.StringIO, "ELSEWHERE"), (Terminal, "ON_A_TERMINAL")]
)
def test_each_state_is_a_line_with_place_speed_and_time_left(monkeypatch, capsys, console, name):
    monkeypatch.setattr(progress, name, 0.0)
    shown = console()
    with progress.Bar("local, seed 0", 4000, shown, part="epoch 1/2", delay=0) as bar:
        bar.start_t -= 100
        bar.last_print_t -= 100  # as if the first update came after 100 seconds
        bar.update(1000)
        bar.part = "epoch 2/2"
        bar.update(3000)
    assert not {"\r", "\x1b"} & set(shown.getvalue())
    first, second, *_, last = shown.getvalue().splitlines()
    assert first == "local, seed 0: epoch 1/2, ? img/s"
    assert second == "local, seed 0: epoch 1/2, 10 img/s, 5 min left"
    assert last == "local, seed 0: epoch 2/2, 40 img/s"
    assert capsys.readouterr().out == "local, seed 0: 4000 images in 2 min, 40 img/s\n"


def test_a_resumed_run_is_as_fast_as_its_own_images(capsys):
    with progress.Bar("run", 4000, io.StringIO(), done=3000, delay=0) as bar:
        bar.start_t -= 100
        bar.update(1000)
    assert capsys.readouterr().out == "run: 1000 images in 2 min, 10 img/s\n"


@pytest.mark.parametrize(
    ("console", "delay", "lines"),
    [(io.StringIO(), 60, 0), (None, 0, 0), (io.StringIO(), 0, 2), (Terminal(), 0, 2)],
)
def test_short_work_shows_nothing_and_lines_come_seldom(console, delay, lines):
    with progress.Bar("parsing", 3, console, delay=delay) as bar:
        for _ in range(3):
            bar.update()
    shown = console.getvalue().splitlines() if console else []
    assert len(shown) == lines  # the first and the last state
