"""Progress of a job in lines: `local, seed 0: epoch 112/800, 41 img/s, 2 h 10 min left`.

A terminal gets a line every 10 seconds, any other console a line every 30 seconds. Lines, not a
bar, because several jobs and Snakemake share the terminal. tqdm counts and measures the time.
"""

import threading
import time
from types import SimpleNamespace
from typing import Any, TextIO

from tqdm import tqdm

from photosketch.jobs.messages import counted, duration_in_words

ON_A_TERMINAL, ELSEWHERE = 10.0, 30.0  # seconds between two lines


class Bar(tqdm):
    """Progress over images: `name`, then the current `part` of the work or the count of images.

    Nothing is shown in the first `delay` seconds, or without a console. The log gets the last line.
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

        def write_line(text: str) -> None:
            """Write a state without tqdm's control characters."""
            if console and (state := text.strip()):
                console.write(f"{state}\n")

        super().__init__(
            total=total,
            initial=done,
            desc=name,
            file=SimpleNamespace(write=write_line),
            mininterval=ON_A_TERMINAL if console and console.isatty() else ELSEWHERE,
            miniters=1,
            delay=delay,
            position=0,  # do not make room for the bars of other threads
            bar_format="{desc}: {where}, {speed}{left}",
            disable=console is None,
        )

    def update(self, count: float = 1) -> Any:
        """Count more images as done. Safe to call from any thread."""
        with self._counting:
            return super().update(count)

    @property
    def format_dict(self) -> dict[str, Any]:
        """The fields of `bar_format`; see tqdm."""
        values = super().format_dict
        done, total, elapsed = values["n"], values["total"], values["elapsed"]
        rate = values["rate"] or (elapsed and (done - values["initial"]) / elapsed)
        left = f", {duration_in_words((total - done) / rate)} left" if rate and done < total else ""
        where = self.part or f"{done:.0f}/{total}"
        return {**values, "where": where, "speed": _speed(rate), "left": left}

    def close(self) -> None:
        """Show the last state, if any state was shown, and log the count of images and the time."""
        if self.disable:
            return
        new, passed = self.n - self.initial, time.time() - self.start_t
        super().close()
        took = f"{duration_in_words(passed)}, {_speed(passed and new / passed)}"
        print(f"{self.desc}: {counted(round(new), 'image')} in {took}")


def _speed(rate: float) -> str:
    """Images a second with at least two digits; 0 if it is not known yet."""
    if not rate:
        return "? img/s"
    return f"{rate:.0f} img/s" if rate >= 10 else f"{rate:.2g} img/s"
