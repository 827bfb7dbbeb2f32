"""What the tests of training share."""

import pytest
import torch


@pytest.fixture(autouse=True)
def seeded() -> None:
    """Each test draws the same random numbers, whichever ran before it."""
    torch.manual_seed(0)
