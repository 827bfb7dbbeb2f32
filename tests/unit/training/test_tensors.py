import dataclasses

import numpy as np
import pytest
import torch

from photosketch.landmarks.table import LANDMARK_NAMES
from photosketch.parsing.labels import CLASSES
from photosketch.training.tensors import MIRRORED_POINTS, PackedSet, sample_flips, sample_jitter
from support.face_batch import FRAME, packed_pairs

JITTER = 286
MARGIN = (JITTER - FRAME) // 2  # on each side of a frame padded for the jitter
CPU = torch.device("cpu")


def noise(frame: int = FRAME, **changes) -> PackedSet:
    """Three pairs of random pixels and labels, the sketches in colour."""
    random = torch.Generator().manual_seed(0)
    photo, sketch = torch.randint(256, (2, 3, frame, frame, 3), generator=random).byte()
    parsing = torch.randint(8, (3, frame, frame), generator=random).byte()
    values = {"photo": photo, "sketch": sketch, "parsing": parsing, **changes}
    return dataclasses.replace(packed_pairs(frame=frame), **values)


def test_a_batch_without_jitter_is_the_packed_frame():
    packed = noise()
    batch = packed.batch(torch.tensor([2, 0]))
    assert (len(packed), packed.frame, packed.sketch_channels) == (3, FRAME, 3)
    for name in ("photo", "sketch"):
        image = getattr(batch, name)
        expected = getattr(packed, name)[[2, 0]].permute(0, 3, 1, 2).float() / 127.5 - 1
        assert (image.shape, image.dtype) == ((2, 3, FRAME, FRAME), torch.float32)
        assert torch.equal(image, expected)
    assert torch.equal(batch.landmarks, packed.landmarks[[2, 0]])
    assert torch.equal(batch.parsing, packed.parsing[[2, 0]])
    assert torch.equal(batch.foreground, batch.parsing[:, None] != 0)


@pytest.mark.parametrize(
    ("pad_value", "frame", "jitter"), [(0, FRAME, JITTER), (255, FRAME, JITTER), (9, 512, 572)]
)
def test_jitter_is_a_crop_of_the_frame_padded_with_the_pad_value_and_points_move_with_it(
    pad_value, frame, jitter
):
    packed = noise(frame, pad_value=pad_value)
    margin = (jitter - frame) // 2
    offsets = torch.tensor([[0, 2 * margin], [2 * margin, 0], [margin + 2, 4]])

    batch = packed.batch(torch.tensor([0, 1, 2]), offsets - margin)

    assert packed.frame == frame
    assert torch.equal(batch.landmarks, packed.landmarks - (offsets - margin)[:, None])
    margins = [(margin, margin), (margin, margin)]
    (left, top), (width, height) = packed.offset, packed.size
    valid = np.zeros((frame + 2 * margin, frame + 2 * margin), bool)
    valid[top + margin : top + margin + height, left + margin : left + margin + width] = True
    for sample, (x, y) in enumerate(offsets.tolist()):
        window = np.s_[y : y + frame, x : x + frame]
        for name in ("photo", "sketch"):
            packed_image, drawn = (getattr(each, name)[sample] for each in (packed, batch))
            image = np.pad(packed_image, [*margins, (0, 0)], constant_values=pad_value)
            pixels = ((drawn.double().numpy() + 1) * 127.5).round()
            assert np.array_equal(pixels.transpose(1, 2, 0), image[window])
        parsing = np.pad(packed.parsing[sample], margins)
        assert np.array_equal(batch.parsing[sample].numpy(), parsing[window])
        assert np.array_equal(batch.valid[sample, 0].numpy(), valid[window])


def test_drawn_shifts_cover_every_place_of_the_crop_and_follow_the_random_state():
    torch.manual_seed(0)
    shifts = sample_jitter(2000, JITTER, FRAME, CPU)
    assert (shifts.shape, shifts.dtype) == ((2000, 2), torch.int64)
    for axis in (0, 1):
        assert shifts[:, axis].unique().tolist() == list(range(-MARGIN, MARGIN + 1))
    assert not torch.equal(shifts[:, 0], shifts[:, 1])
    torch.manual_seed(0)
    assert torch.equal(sample_jitter(2000, JITTER, FRAME, CPU), shifts)


def test_a_flipped_frame_is_the_jittered_one_mirrored_with_its_points_and_labels():
    packed = noise()
    indices, shift = torch.tensor([0, 1]), torch.tensor([[3, 28], [3, 28]]) - MARGIN

    plain = packed.batch(indices, shift)
    batch = packed.batch(indices, shift, torch.tensor([True, False]))

    assert not plain.valid[0].equal(plain.valid[0].flip(-1)), "symmetric: the test shows nothing"
    for name in ("photo", "sketch", "parsing", "valid", "landmarks"):
        flipped, other = getattr(batch, name)
        expected = getattr(plain, name)
        assert torch.equal(other, expected[1])
        if name != "landmarks":
            assert torch.equal(flipped, expected[0].flip(-1))
    x, y = plain.landmarks[0].T
    assert torch.equal(batch.landmarks[0], torch.stack([255 - x, y], dim=1)[[1, 0, 2, 4, 3]])


def test_points_change_sides_by_their_names_and_labels_have_no_sides():
    other_side = {"left": "right", "right": "left"}
    names = [
        "_".join(other_side.get(word, word) for word in name.split("_")) for name in LANDMARK_NAMES
    ]
    assert [LANDMARK_NAMES[index] for index in MIRRORED_POINTS] == names
    assert not [name for name in CLASSES if "left" in name or "right" in name]


def test_half_of_the_frames_are_flipped_and_nothing_is_drawn_without_flips_or_jitter():
    before = torch.get_rng_state()
    assert sample_flips(2000, False, CPU) is None
    assert sample_jitter(2000, 0, FRAME, CPU) is None
    assert torch.equal(torch.get_rng_state(), before)
    flips = sample_flips(2000, True, CPU)
    assert flips.dtype == torch.bool
    assert 900 < flips.sum() < 1100
