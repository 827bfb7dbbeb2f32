"""How far a job is, how fast, and how long it takes still.

As `local, seed 0: epoch 112/800, 41 img/s, 2 h 10 min left`. A terminal that a job has for itself
shows one line, drawn anew twice a second. Where several jobs share a terminal, each writes a line
every 10 seconds; where there is none, every 30 seconds.
"""

import contextlib
import fcntl
import math
import os
import threading
import time
from typing import Any, TextIO

from tqdm import tqdm

from photosketch.jobs import durations
from photosketch.jobs.job import ERASED, counted

ALONE, SHARED, ELSEWHERE = 0.5, 10.0, 30.0  # seconds between two states that are shown
_CLEAR = f"\r{ERASED}"  # a terminal's line, before it is written anew


class Bar(tqdm):
    """Progress over images, in words. `part` says where it is, in place of the count."""

    def __init__(
        self,
        name: str,
        total: int,
        console: TextIO | None,
        *,
        done: int = 0,
        part: str = "",
        delay: float = 2,
    ) -> None:
        """`name` stands before it; it appears after `delay` seconds, without a console never."""
        self.part = part
        self._lock_of_count = threading.Lock()
        self._display = Display(console)
        super().__init__(
            total=total,
            initial=done,
            desc=name,
            file=self._display,
            mininterval=self._display.interval(),
            miniters=1,
            delay=delay,
            position=0,  # bars of other processes are no concern of tqdm
            bar_format="{desc}: {where}, {speed}{left}",
            disable=console is None,
        )

    def update(self, count: float = 1) -> Any:
        """So many more images are done, told from any thread."""
        with self._lock_of_count:
            self.mininterval = self._display.interval()
            return super().update(count)

    @property
    def format_dict(self) -> dict[str, Any]:
        """What `bar_format` may name; see tqdm."""
        values = super().format_dict
        done, total, elapsed = values["n"], values["total"], values["elapsed"]
        new = done - values["initial"]
        rate = values["rate"] or (new / elapsed if new and elapsed else None)
        left = ""
        if rate and done < total:
            left = f", {durations.in_words((total - done) / rate)} left"
        where = self.part or f"{done:.0f}/{total}"
        return {**values, "where": where, "speed": _speed(rate), "left": left}

    def close(self) -> None:
        """Show the end, where something was shown, and tell the log what was done in which time."""
        if self.disable:
            return
        new, passed = self.n - self.initial, time.time() - self.start_t
        super().close()
        self._display.close()
        speed = _speed(new / passed if passed else None)
        print(
            f"{self.desc}: {counted(round(new), 'image')} in {durations.in_words(passed)}, {speed}"
        )


def _speed(rate: float | None) -> str:
    """Images a second, in two digits at least."""
    if rate is None:
        return "? img/s"
    return f"{rate:.0f} img/s" if rate >= 10 else f"{rate:.2g} img/s"


class Display:
    """Where a bar is written to: one line of a terminal, or, unless it is alone there, lines.

    Bars of other processes are noticed by locks on the terminal: each bar holds a shared one, and
    is alone where it could make it exclusive, and could all of the last SHARED seconds, in which
    Snakemake says that the other job has ended. The cursor waits where a line begins, so that what
    others write begins there.
    """

    def __init__(self, console: TextIO | None) -> None:
        self._console = console
        self._terminal: int | None = None
        self._asked = self._met = -math.inf  # when others were last asked for, and met
        self._drawn = False  # whether the line that the cursor waits in is to be drawn over
        if console is not None and console.isatty():
            with contextlib.suppress(OSError):  # without locks there it is no terminal to us
                self._terminal = _shared(os.ttyname(console.fileno()))

    def interval(self) -> float:
        """Seconds between two states that are shown."""
        if self._terminal is None:
            return ELSEWHERE
        return ALONE if self._is_alone() else SHARED

    def write(self, text: str) -> None:
        """Show a state; tqdm puts control characters around it."""
        state = text.strip()
        if self._console is None or not state:
            return
        if self._terminal is None:
            self._console.write(f"{state}\n")
            return
        self._drawn = self._is_alone()
        if self._drawn:
            width = os.get_terminal_size(self._console.fileno()).columns - 1
            self._console.write(f"{_CLEAR}{state[:width]}\r")
            self._console.flush()
        else:
            self._console.write(f"{_CLEAR}{state}\n")

    def flush(self) -> None:
        """As files have it."""

    def close(self) -> None:
        """Leave the last state, and the terminal to the others."""
        if self._console is not None and self._drawn:
            self._console.write("\n")
        if self._terminal is not None:
            os.close(self._terminal)
            self._terminal = None

    def _is_alone(self) -> bool:
        """Whether no other process shows a bar on the terminal, asked twice a second at most."""
        assert self._terminal is not None
        now = time.monotonic()
        if now - self._asked >= ALONE:
            self._asked = now
            try:
                fcntl.flock(self._terminal, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                self._met = now
            # asking may have given the shared lock up
            fcntl.flock(self._terminal, fcntl.LOCK_SH)
        return now - self._met > SHARED


def _shared(terminal: str) -> int:
    """A descriptor of a terminal that is locked as one of perhaps several."""
    descriptor = os.open(terminal, os.O_RDONLY | os.O_NOCTTY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor
