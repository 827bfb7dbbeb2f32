"""Durations as people say them."""


def in_words(seconds: float) -> str:
    """Such as 41 s, 12 min, 2 h 10 min, 3 d 4 h: the two largest units, rounded."""
    if seconds < 59.5:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 24 * 60:
        return f"{minutes // 60} h {minutes % 60} min"
    hours = round(seconds / 3600)
    return f"{hours // 24} d {hours % 24} h"
