"""Waiting in tests for what another process does."""

import subprocess
import time
from collections.abc import Callable


def wait_for(
    what: str,
    seconds: float,
    condition: Callable[[], object],
    by: subprocess.Popen | None = None,
    printed: Callable[[], str] = str,
) -> None:
    """Wait until the condition holds; fails where it does not in time.

    It fails too where the process that is to bring it about (`by`) has ended without. The failure
    names `what` and shows what `printed` gives.
    """
    until = time.monotonic() + seconds
    while not condition():
        ended = by is not None and by.poll() is not None
        assert not ended or condition(), f"the process ended without {what}\n{printed()}"
        assert time.monotonic() < until, f"no {what} after {seconds} s\n{printed()}"
        time.sleep(0.05)
