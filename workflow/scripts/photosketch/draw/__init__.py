"""Sketches of one's own photos, by a trained generator."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from photosketch.draw.sketcher import Face, Sketch, Sketcher

__all__ = ["Face", "Sketch", "Sketcher"]


def __getattr__(name: str) -> Any:
    """Import on demand: torch takes seconds, and the command first checks its arguments."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from photosketch.draw import sketcher

    return getattr(sketcher, name)
