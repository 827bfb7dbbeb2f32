"""The fusions: what each makes of sketches whose parts are known, and what it costs."""

import re
from typing import get_args

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from photosketch.configuration.settings import FusionName
from photosketch.geometry.patches import PARTS
from photosketch.training.fusion import build_fusion, ramps
from photosketch.training.networks import Generator, build_generator
from photosketch.training.parts import compose, find_regions, layers, masks, split
from support.face_batch import FRAME
from support.small_training import network_config

FUSIONS = get_args(FusionName)
NARROW = 2
NOSE = PARTS.index("nose")


def steps(image):
    """The largest difference between neighbouring pixels."""
    return max(image.diff(dim=dim).abs().max().item() for dim in (2, 3))


@pytest.mark.parametrize("name", FUSIONS)
def test_the_image_has_the_sketches_shape_and_a_gradient_for_each_of_them(name, regions):
    whole, other = torch.rand(2, 2, 3, FRAME, FRAME) * 2 - 1
    sketches = {"whole": whole, **split(other, regions)}
    sketches = {name: sketch.requires_grad_() for name, sketch in sketches.items()}
    parts = {part: sketches[part] for part in PARTS}

    image = build_fusion(name, NARROW, 3)(sketches["whole"], parts, regions)
    (image * torch.rand_like(image)).sum().backward()

    assert image.shape == whole.shape
    assert image.abs().max() <= 1
    for part, sketch in sketches.items():
        assert sketch.grad.isfinite().all(), part
        assert sketch.grad.any(), part


@pytest.mark.slow
@pytest.mark.parametrize("name", FUSIONS)
def test_a_fusion_in_16_bits_draws_as_in_32(name, batch, regions):
    parts = split(batch.sketch, regions)
    rounded = {part: sketch.bfloat16() for part, sketch in parts.items()}
    fusion = build_generator(network_config(NARROW, fusion=name), 1, seed=0).fusion.eval()

    with torch.no_grad():
        full = fusion(-batch.sketch, parts, regions)
        with torch.autocast("cpu", torch.bfloat16):
            half = fusion(-batch.sketch.bfloat16(), rounded, regions)

    difference = half.float() - full
    assert difference.abs().max() < 0.02
    assert full.std() > 10 * difference.std()


@pytest.mark.parametrize("name", FUSIONS)
def test_a_fusion_reads_nothing_back_from_the_device(name):
    """Tensors of the meta device have no values: whatever depends on one on the host fails."""
    with torch.device("meta"):
        whole = torch.empty(2, 1, FRAME, FRAME, requires_grad=True)
        foreground = torch.empty(2, 1, FRAME, FRAME, dtype=torch.bool)
        regions = find_regions(torch.empty(2, 5, 2), foreground)
        image = build_fusion(name, NARROW, 1)(whole, split(whole, regions), regions)
        image.sum().backward()
    assert whole.grad.shape == image.shape == (2, 1, FRAME, FRAME)


def test_generators_of_one_seed_differ_in_their_fusion_alone():
    own, shared = {}, {}
    for name in FUSIONS:
        state = build_generator(network_config(NARROW, fusion=name), 1, seed=3).state_dict()
        own[name] = {key: value for key, value in state.items() if key.startswith("fusion.")}
        shared[name] = {key: value for key, value in state.items() if key not in own[name]}
    for state in shared.values():
        assert state.keys() == shared["apdrawing"].keys()
        assert all(torch.equal(value, shared["apdrawing"][key]) for key, value in state.items())
    assert not own["blend"]
    assert all(torch.equal(own["feather"][key], own["apdrawing"][key]) for key in own["apdrawing"])


def test_a_ramp_rises_over_eight_pixels_inside_and_not_at_the_frames_edge():
    region = torch.zeros(1, 1, FRAME, FRAME, dtype=torch.bool)
    region[..., 100:] = True
    (row,) = ramps(region)[0, 0].unique(dim=0)
    assert (row[:100] == 0).all()
    assert (row[108:] == 1).all()
    rising = row[99:109]
    assert (rising.diff() > 0).all()
    torch.testing.assert_close(rising + rising.flip(0), torch.ones(10))
    assert rising.diff().max() < 1.6 / 9


def test_a_ramp_follows_every_side_of_a_rectangle(regions):
    rising = ramps(masks(regions))[:, NOSE]
    for sample, (x, y) in enumerate(regions.corners[:, NOSE].tolist()):
        across = rising[sample, y + 24, x : x + 48]
        down = rising[sample, y : y + 48, x + 24]
        assert torch.equal(across, down)
        assert torch.equal(across, across.flip(0))
        assert (across[8:40] == 1).all()
        assert 0 < across[0] < across[7] < 1
    assert (rising[~masks(regions)[:, NOSE]] == 0).all()


def test_blended_parts_have_no_edge_where_composed_ones_have(regions):
    whole = torch.zeros(2, 1, FRAME, FRAME)
    parts = {
        name: torch.full_like(part, -0.5 if name in ("nose", "hair") else 0.5)
        for name, part in split(whole, regions).items()
    }

    composed = compose(parts, regions)
    blended = build_fusion("blend", NARROW, 1)(whole, parts, regions)

    assert steps(composed) == 1
    assert steps(blended) < 0.15
    (x, y), _ = regions.corners[:, NOSE].tolist()  # beside its rows 24 to 31 there is hair alone
    assert blended[0, 0, y + 28, x].abs() < 0.05
    alone = blended[0, 0, y + 24 : y + 32, x + 20 : x + 28]
    torch.testing.assert_close(alone, torch.full_like(alone, -0.5))


def test_the_image_that_all_sketches_show_stays_as_it_is(regions):
    image = torch.rand(2, 1, FRAME, FRAME) * 2 - 1
    for name in ("blend", "attention"):
        fused = build_fusion(name, NARROW, 1)(image, split(image, regions), regions)
        torch.testing.assert_close(fused, image)


def test_attention_is_a_softmax_over_what_is_defined_at_a_pixel(regions):
    fusion = build_fusion("attention", NARROW, 1)
    last = fusion.network[-1]
    with torch.no_grad():
        last.weight.zero_()
        last.bias.copy_(torch.tensor([0.0, 0, 0, 2, 0, 0, 0]))  # the third part is the nose
    whole = torch.rand(2, 1, FRAME, FRAME)
    parts = split(torch.rand(2, 1, FRAME, FRAME), regions)

    image = fusion(whole, parts, regions)

    total, weight = whole.clone(), torch.ones_like(whole)
    for index, (sketch, mask) in enumerate(
        zip(layers(parts, regions), masks(regions).unbind(1), strict=True)
    ):
        own = mask[:, None] * (torch.tensor(2.0).exp() if index == NOSE else 1)
        total, weight = total + own * sketch, weight + own
    torch.testing.assert_close(image, total / weight)


@pytest.mark.slow
def test_attention_learns_to_prefer_the_sketch_that_is_right(batch, regions):
    fusion = build_fusion("attention", NARROW, 1)
    adam = torch.optim.Adam(fusion.parameters(), lr=0.1)
    errors = []
    for _ in range(5):
        image = fusion(-batch.sketch, split(batch.sketch, regions), regions)
        error = (image - batch.sketch).abs().mean()
        adam.zero_grad()
        error.backward()
        adam.step()
        errors.append(error.item())
    assert errors[-1] < 0.5 * errors[0]


def operations(work):
    """Floating-point operations of the convolutions in `work`, and what it returns."""
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        result = work()
    return counter.get_total_flops(), result


@pytest.mark.slow
def test_docs_say_how_many_parameters_and_operations_a_fusion_has(root):
    """Of a frame at width 64, as its table has them: | `name` | ... | parameters | GFLOP |."""
    text = (root / "docs/how-it-works.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \|.*\| ([\d,]+) \| ([\d.]+) \| ([\d.]+) \|$", text, re.M)
    with torch.device("meta"):
        generator = Generator(network_config(64, fusion="blend"), 1)
        photo, points = torch.empty(1, 3, FRAME, FRAME), torch.empty(1, 5, 2)
        foreground = torch.empty(1, 1, FRAME, FRAME, dtype=torch.bool)
        networks, output = operations(lambda: generator(photo, points, foreground))
        whole = generator.unet(photo)
        counted = []
        for name in FUSIONS:
            fusion = build_fusion(name, 64, 1)
            count, _ = operations(lambda: fusion(whole, output.parts, output.regions))  # noqa: B023
            parameters = sum(value.numel() for value in fusion.parameters())
            own, together = count / 1e9, (networks + count) / 1e9
            counted.append((name, f"{parameters:,}", f"{own:.1f}", f"{together:.1f}"))
    assert [row for row in rows if row[0] in FUSIONS] == counted
