import pytest
import torch

from photosketch.geometry.patches import PARTS, PATCHES
from photosketch.landmarks.table import LANDMARK_NAMES
from photosketch.training.parts import (
    Crop,
    Paste,
    compose,
    find_regions,
    inside,
    masks,
    rectangles,
    split,
)
from support.face_batch import FRAME, POINTS


def test_patches_lie_around_their_points():
    landmarks = torch.tensor([[[100.0, 120], [160, 122], [130, 150], [110, 180], [151, 185]]])
    corners = map(tuple, rectangles(landmarks, FRAME)[0].tolist())
    assert dict(zip((patch.name for patch in PATCHES), corners, strict=True)) == {
        "left_eye": (100 - 28, 120 - 4 - 20),
        "right_eye": (160 - 28, 122 - 4 - 20),
        "nose": (130 - 24, 150 - 8 - 24),
        "mouth": (131 - 32, 183 - 20),  # the corners' midpoint (130.5, 182.5), rounded
    }


def test_patches_take_their_points_by_the_order_of_landmarks():
    taken = {patch.name: LANDMARK_NAMES[patch.points] for patch in PATCHES}
    own = {name: (name,) for name in ("left_eye", "right_eye", "nose")}
    assert taken == {**own, "mouth": ("mouth_left", "mouth_right")}


def test_corners_move_with_the_points_when_these_move_by_whole_pixels():
    landmarks = torch.tensor([POINTS]) + 0.5
    for step in range(4):
        moved = rectangles(landmarks + step, FRAME) - rectangles(landmarks, FRAME)
        assert (moved == step).all()


@pytest.mark.parametrize("place", [-40.0, 5.0, 251.0, 400.0])
def test_patches_are_clamped_into_the_frame(place):
    corners = rectangles(torch.full((1, 5, 2), place), FRAME)
    for patch, corner in zip(PATCHES, corners[0].tolist(), strict=True):
        last = [FRAME - patch.width, FRAME - patch.height]
        assert corner == ([0, 0] if place < FRAME / 2 else last)


def test_crop_reads_each_samples_own_rectangle_and_paste_puts_it_back_on_white():
    image = torch.rand(2, 3, FRAME, FRAME, requires_grad=True)
    corners = torch.tensor([[0, 216], [200, 7]])
    cropped = Crop.apply(image, corners, 40, 56)
    assert cropped.shape == (2, 3, 40, 56)
    assert torch.equal(cropped[0], image[0, :, 216:256, 0:56])
    assert torch.equal(cropped[1], image[1, :, 7:47, 200:256])

    pasted = Paste.apply(cropped, corners, FRAME)
    covered = inside(corners, 40, 56, FRAME)
    assert covered.sum(dim=(1, 2, 3)).tolist() == [40 * 56, 40 * 56]
    assert torch.equal(pasted, torch.where(covered, image, 1.0))

    (3 * pasted).sum().backward()
    assert torch.equal(image.grad, 3 * covered.expand_as(image).float())


def test_hair_and_background_are_what_the_rectangles_and_the_head_mask_leave(batch, regions):
    covered = torch.zeros(2, 1, FRAME, FRAME, dtype=torch.bool)
    for sample, corners in enumerate(regions.corners.tolist()):
        for patch, (x, y) in zip(PATCHES, corners, strict=True):
            covered[sample, :, y : y + patch.height, x : x + patch.width] = True
    assert torch.equal(regions.background, ~batch.foreground)
    assert torch.equal(regions.hair, batch.foreground & ~covered)
    assert regions.background[~batch.valid].all()


def test_split_makes_hair_and_background_black_outside_their_masks(batch, regions):
    parts = split(batch.photo, regions)
    assert tuple(parts) == PARTS
    for name, mask in (("hair", regions.hair), ("background", regions.background)):
        assert torch.equal(parts[name], torch.where(mask, batch.photo, -1.0))


def test_composing_the_parts_of_an_image_gives_the_image(batch, regions):
    assert torch.equal(compose(split(batch.sketch, regions), regions), batch.sketch)


def test_overlapping_parts_are_composed_by_the_minimum(batch, regions):
    values = dict(zip(PARTS, (0.5, 0.1, -0.2, 0.0, 0.9, 0.3), strict=True))
    parts = {
        name: torch.full_like(part, values[name])
        for name, part in split(batch.sketch, regions).items()
    }
    expected = torch.ones_like(batch.sketch)
    where = dict(zip(PARTS, masks(regions).split(1, dim=1), strict=True))
    for name, mask in where.items():
        expected = torch.where(mask, expected.clamp(max=values[name]), expected)
    assert (where["left_eye"] & where["right_eye"]).any(), "no overlap: the test shows nothing"
    assert torch.equal(compose(parts, regions), expected)


def test_the_parts_of_an_enlarged_frame_are_the_parts_enlarged(batch):
    def enlarged(image):
        return image.repeat_interleave(2, dim=-1).repeat_interleave(2, dim=-2)

    # the mouth's corners on even columns, so that their middle is a pixel in both frames
    points = torch.tensor([[103.0, 129], [154, 129], [128, 157], [108, 182], [150, 184]])
    landmarks = points + torch.tensor([0, 90.0])[:, None, None]  # the second clamped
    regions = find_regions(landmarks, batch.foreground)
    large = find_regions(2 * landmarks, enlarged(batch.foreground))

    assert torch.equal(large.corners, 2 * regions.corners)
    assert torch.equal(large.hair, enlarged(regions.hair))
    assert torch.equal(large.background, enlarged(regions.background))
    parts = split(enlarged(batch.sketch), large)
    for name, part in split(batch.sketch, regions).items():
        assert torch.equal(parts[name], enlarged(part)), name
    assert torch.equal(compose(parts, large), enlarged(batch.sketch))
