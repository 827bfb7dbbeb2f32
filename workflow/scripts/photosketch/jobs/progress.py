"""How far a job is, how fast, and how long it still takes: tqdm's count and clock, in words.

Such as `local, seed 0: epoch 112/800, 41 img/s, 2 h 10 min left`: a line every 10 seconds on a
terminal, every 30 seconds elsewhere. Lines, because several jobs and Snakemake share the terminal.
"""

import threading
import time
from typing import Any, TextIO

from tqdm import tqdm

from photosketch.jobs.job import counted, duration_in_words

ON_A_TERMINAL, ELSEWHERE = 10.0, 30.0  # seconds between two lines


class _Lines:
    """A console that gets each state of a bar as a line, without tqdm's control characters."""

    def __init__(self, console: TextIO | None) -> None:
        self._console = console

    def write(self, text: str) -> None:
        if self._console and (state := text.strip()):
            self._console.write(f"{state}\n")

    def flush(self) -> None:
        """Nothing to do: the console flushes each line."""


class Bar(tqdm):
    """Progress over images. `part` says which part of the work is under way, in place of the count.

    `name` stands before it. Nothing is shown in the first `delay` seconds, or without a console.
    The end is printed to the log.
    """

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
        self.part = part
        self._counting = threading.Lock()
        super().__init__(
            total=total,
            initial=done,
            desc=name,
            file=_Lines(console),
            mininterval=ON_A_TERMINAL if console and console.isatty() else ELSEWHERE,
            miniters=1,
            delay=delay,
            position=0,  # the bars of a process's other threads are no concern of this one
            bar_format="{desc}: {where}, {speed}{left}",
            disable=console is None,
        )

    def update(self, count: float = 1) -> Any:
        """So many more images are done, told from any thread."""
        with self._counting:
            return super().update(count)

    @property
    def format_dict(self) -> dict[str, Any]:
        """What `bar_format` may name; see tqdm."""
        values = super().format_dict
        done, total, elapsed = values["n"], values["total"], values["elapsed"]
        new = done - values["initial"]
        rate = values["rate"] or (new / elapsed if new and elapsed else None)
        left = f", {duration_in_words((total - done) / rate)} left" if rate and done < total else ""
        return {
            **values,
            "where": self.part or f"{done:.0f}/{total}",
            "speed": _speed(rate),
            "left": left,
        }

    def close(self) -> None:
        """Show the end, if anything was shown, and tell the log what was done in which time."""
        if self.disable:
            return
        new, passed = self.n - self.initial, time.time() - self.start_t
        super().close()
        speed = _speed(new / passed if passed else None)
        print(
            f"{self.desc}: {counted(round(new), 'image')} in {duration_in_words(passed)}, {speed}"
        )


def _speed(rate: float | None) -> str:
    """Images a second, in two digits at least."""
    if rate is None:
        return "? img/s"
    return f"{rate:.0f} img/s" if rate >= 10 else f"{rate:.2g} img/s"
