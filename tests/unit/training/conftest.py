"""What the tests of training share."""

import pytest
import torch

from photosketch.training.parts import Regions, find_regions
from photosketch.training.tensors import Batch
from support.face_batch import face_batch


@pytest.fixture(autouse=True)
def seeded() -> None:
    """Each test draws the same random numbers, whichever ran before it."""
    torch.manual_seed(0)


@pytest.fixture
def batch() -> Batch:
    """Two faces, the second at another place."""
    batch = face_batch(count=2)
    batch.landmarks[1] += torch.tensor([5.0, -8.0])
    return batch


@pytest.fixture
def regions(batch: Batch) -> Regions:
    return find_regions(batch.landmarks, batch.foreground)
