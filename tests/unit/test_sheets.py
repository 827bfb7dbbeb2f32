"""Positions spread over a list."""

import pytest

from photosketch.sheets import evenly_spaced


@pytest.mark.parametrize(
    ("count", "most", "expected"),
    [
        (100, 6, [0, 20, 40, 59, 79, 99]),
        (188, 3, [0, 94, 187]),
        (6, 6, [0, 1, 2, 3, 4, 5]),
        (3, 40, [0, 1, 2]),
        (1, 40, [0]),
    ],
)
def test_positions_are_spread_from_the_first_to_the_last(
    count: int, most: int, expected: list[int]
) -> None:
    assert evenly_spaced(count, most) == expected
