"""How far a job is: one line of a terminal, lines where several share it or there is none."""

import io
import os
import pty
import re
import select
import termios
from collections.abc import Iterator
from typing import TextIO

import pytest

from photosketch.jobs import progress


@pytest.fixture
def terminal() -> "Iterator[tuple[TextIO, int]]":
    """A terminal of 30 columns, as a console and as the end at which it is read."""
    reader, end = pty.openpty()
    os.environ.pop("COLUMNS", None)
    termios.tcsetwinsize(end, (24, 30))
    with open(end, "w", buffering=1) as console:
        yield console, reader
    os.close(reader)


def shown(reader: int) -> str:
    """All that has come to the terminal."""
    text = b""
    while select.select([reader], [], [], 0.3)[0]:
        text += os.read(reader, 10_000)
    return text.decode()


@pytest.fixture
def unhurried(monkeypatch):
    """Every state is shown, and the terminal asked each time."""
    for name in ("ALONE", "SHARED", "ELSEWHERE"):
        monkeypatch.setattr(progress, name, 0.0)


def test_without_a_terminal_each_state_is_a_line_with_place_speed_and_time_left(unhurried, capsys):
    console = io.StringIO()
    with progress.Bar("local, seed 0", 4000, console, part="epoch 1/2", delay=0) as bar:
        bar.start_t -= 100
        bar.last_print_t -= 100  # as if the first update came after 100 seconds
        bar.update(1000)
        bar.part = "epoch 2/2"
        bar.update(3000)
    first, second, *_, last = console.getvalue().splitlines()
    assert first == "local, seed 0: epoch 1/2, ? img/s"
    assert second == "local, seed 0: epoch 1/2, 10 img/s, 5 min left"
    assert last == "local, seed 0: epoch 2/2, 40 img/s"
    assert capsys.readouterr().out == "local, seed 0: 4000 images in 2 min, 40 img/s\n"


def test_a_resumed_run_is_as_fast_as_its_own_images(unhurried, capsys):
    with progress.Bar("run", 4000, io.StringIO(), done=3000, delay=0) as bar:
        bar.start_t -= 100
        bar.update(1000)
    assert capsys.readouterr().out == "run: 1000 images in 2 min, 10 img/s\n"


def test_a_terminal_of_its_own_shows_one_line_that_fits_it(terminal, unhurried):
    console, reader = terminal
    with progress.Bar("a name that is long", 3, console, delay=0) as bar:
        bar.update()
        bar.update()
    states = shown(reader).split("\r\x1b[K")[1:]
    assert len(states) == 4
    assert states[0] == "a name that is long: 0/3, ? im"[:29] + "\r"  # where others may write
    assert states[-1].endswith("\r\r\n")
    assert not any("\n" in state for state in states[:-1])


def test_several_bars_on_a_terminal_write_lines_until_one_is_alone_again(terminal, unhurried):
    console, reader = terminal
    with progress.Bar("first", 3, console, delay=0) as first:
        shown(reader)
        with progress.Bar("second", 3, console, delay=0):
            # in place of the line that the first one has drawn
            assert shown(reader) == "\r\x1b[Ksecond: 0/3, ? img/s\r\n"
            first.update()
            assert re.fullmatch(r"\r\x1b\[Kfirst: 1/3, .* left\r\n", shown(reader))
        shown(reader)
        first.update()
        assert re.fullmatch(r"\r\x1b\[Kfirst: 2/3, [^\n]+\r", shown(reader))


def test_lines_come_seldom_and_more_seldom_without_a_terminal(terminal, monkeypatch):
    console, _ = terminal
    alone, elsewhere = progress.Display(console), progress.Display(io.StringIO())
    assert alone.interval() == 0.5
    other = progress.Display(console)
    monkeypatch.setattr(progress, "ALONE", 0.0)
    assert other.interval() == alone.interval() == 10
    assert elsewhere.interval() == 30
    other.close()
    assert alone.interval() == 10  # Snakemake says now that the other one's job has ended
    alone.close()


def test_short_work_and_work_without_a_console_show_nothing():
    console = io.StringIO()
    for place, delay in ((console, 60), (None, 0)):
        with progress.Bar("parsing", 3, place, delay=delay) as bar:
            bar.update(3)
    assert console.getvalue() == ""
