"""What a check says."""

from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True)
class Result:
    """A verdict, a line that says why, and figures for the report (builtins)."""

    verdict: Literal["ok", "FAIL", "SKIP"]
    remark: str = ""
    figures: dict[str, Any] = field(default_factory=dict)


def verdict(problems: list[str], remark: str, **figures: Any) -> Result:
    """FAIL with the problems, where there are any, else ok with the remark."""
    if problems:
        return Result("FAIL", "; ".join(problems), figures)
    return Result("ok", remark, figures)
