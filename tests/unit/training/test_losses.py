import dataclasses
import math

import numpy as np
import pytest
import torch

from photosketch.geometry.patches import PARTS, PATCHES
from photosketch.training import losses
from photosketch.training.networks import GeneratorOutput, build_discriminators, build_generator
from photosketch.training.parts import Regions, find_regions, split
from photosketch.training.tensors import PackedSet, sample_flips, sample_jitter
from support.face_batch import FRAME, face_batch
from support.settings import loss_weights

NARROW = 2
ALL = loss_weights(l1=100, glad=100, local=25)
ONES = loss_weights(l1=1, glad=1, local=1)


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)
    torch.manual_seed(0)


@pytest.fixture
def networks():
    def build(local):
        return build_generator(NARROW, 1, local, seed=0), build_discriminators(
            NARROW, 1, local, seed=0
        )

    return build


def draw(generator, batch):
    return generator(batch.photo, batch.landmarks, batch.foreground)


# Adversarial and L1


@pytest.mark.parametrize(
    ("real", "expected"),
    [
        (True, (math.log(2) + math.log1p(math.exp(-3))) / 2),
        (False, (math.log(2) + math.log1p(math.exp(3))) / 2),
    ],
)
def test_adversarial_is_the_cross_entropy_of_the_logits(real, expected):
    loss = losses.adversarial(torch.tensor([[[[0.0, 3.0]]]]), real=real)

    assert loss.item() == pytest.approx(expected)


def test_l1_counts_the_padding():
    batch = face_batch()
    moved = torch.where(batch.valid, batch.sketch, batch.sketch + 1)

    share = 1 - 200 * 250 / 256**2
    assert losses.pixel_l1(moved, batch.sketch).item() == pytest.approx(share, rel=1e-4)


# The gradient loss


def slow_gradient_loss(image, target, valid, squared):
    """Pixel by pixel, straight from the definition."""

    def magnitude(picture, y, x):
        p = picture[y - 1 : y + 2, x - 1 : x + 2]
        gx = (p[0, 2] - p[0, 0] + 2 * p[1, 2] - 2 * p[1, 0] + p[2, 2] - p[2, 0]) / 8
        gy = (p[2, 0] - p[0, 0] + 2 * p[2, 1] - 2 * p[0, 1] + p[2, 2] - p[0, 2]) / 8
        return math.sqrt(gx**2 + gy**2 + 1e-6)

    batch, channels, height, width = image.shape
    means = []
    for sample in range(batch):
        errors = []
        for y in range(2, height - 2):
            for x in range(2, width - 2):
                if not valid[sample, 0, y - 2 : y + 3, x - 2 : x + 3].all():
                    continue
                for channel in range(channels):
                    error = magnitude(image[sample, channel], y, x) - magnitude(
                        target[sample, channel], y, x
                    )
                    errors.append(error**2 if squared else abs(error))
        means.append(np.mean(errors))
    return np.mean(means)


@pytest.mark.parametrize("form", ["magnitude", "squared"])
def test_gradient_loss_follows_its_definition(form):
    image, target = torch.rand(2, 2, 2, 16, 14) * 2 - 1
    valid = torch.zeros(2, 1, 16, 14, dtype=torch.bool)
    valid[0, :, 2:13, 3:14] = True  # cut off by the frame's right edge
    valid[1] = True

    loss = losses.gradient_loss(image, target, valid, form)

    expected = slow_gradient_loss(
        image.double().numpy(), target.double().numpy(), valid.numpy(), form == "squared"
    )
    assert loss.item() == pytest.approx(expected, rel=1e-5)


def test_a_ramp_of_slope_one_has_magnitude_one():
    ramp = torch.arange(8.0).expand(1, 1, 8, 8)

    for image in (ramp, ramp.transpose(2, 3), -ramp):
        magnitude = losses.gradient_magnitude(image)
        torch.testing.assert_close(magnitude, torch.ones(1, 1, 6, 6))


def gradient_loss_after(batch, change):
    """The loss between a random image and the sketch, after a change to the image in place."""
    image = torch.rand(batch.sketch.shape, generator=torch.Generator().manual_seed(1))
    change(image)
    return losses.gradient_loss(image, batch.sketch, batch.valid).item()


def test_the_padding_does_not_touch_the_gradient_loss():
    batch = face_batch()
    untouched = gradient_loss_after(batch, lambda image: None)

    def repaint(image):
        image[~batch.valid] = 1 - 2 * image[~batch.valid]

    assert gradient_loss_after(batch, repaint) == untouched


@pytest.mark.parametrize(
    ("inside", "counts"), [(0, False), (1, True), (2, True), (3, True)], ids=lambda value: value
)
def test_pixels_near_the_padding_count_only_as_neighbours(inside, counts):
    """Magnitudes are compared from the third pixel on, whose stencil reaches the second."""
    batch = face_batch()
    untouched = gradient_loss_after(batch, lambda image: None)
    left, top, right, bottom = 28 + inside, 3 + inside, 227 - inside, 252 - inside

    for row, column in ((top, 100), (bottom, 100), (100, left), (100, right)):

        def repaint(image, row=row, column=column):
            image[..., row, column] += 1

        assert (gradient_loss_after(batch, repaint) != untouched) is counts


def test_the_edge_of_the_frame_is_treated_like_padding():
    valid = torch.ones(1, 1, 9, 9, dtype=torch.bool)
    inner = torch.zeros(1, 1, 9, 9, dtype=torch.bool)
    inner[..., 2:7, 2:7] = True

    assert torch.equal(losses.erode(valid, 2), inner)


def test_flat_paper_has_a_finite_gradient():
    image = torch.ones(1, 1, 12, 12, requires_grad=True)
    valid = torch.ones(1, 1, 12, 12, dtype=torch.bool)

    losses.gradient_loss(image, torch.rand(1, 1, 12, 12), valid).backward()

    assert image.grad.isfinite().all()


# The local loss


def test_the_local_loss_weighs_hair_and_background_by_their_share_of_the_frame():
    """Everywhere 0.5 apart: 0.5 for each rectangle, of hair on a quarter of the frame a quarter."""
    hair = torch.zeros(1, 1, FRAME, FRAME, dtype=torch.bool)
    hair[..., :64, :] = True
    background = torch.zeros_like(hair)
    background[..., 128:, :] = True
    corners = torch.tensor([[[40, 64], [140, 64], [100, 70], [90, 80]]])
    regions = Regions(corners, hair, background)
    target = torch.full((1, 1, FRAME, FRAME), 0.25)

    loss = losses.local_l1(split(target - 0.5, regions), target, regions)

    assert loss.item() == 4 * 0.5 + 0.25 * 0.5 + 0.5 * 0.5


def test_local_loss_sums_the_means_of_each_rectangle_and_over_the_frame():
    batch = face_batch(count=2, sketch_channels=2)
    batch.landmarks[1] += 6
    regions = find_regions(batch.landmarks, batch.foreground)
    drawn = torch.rand(batch.sketch.shape) * 2 - 1

    loss = losses.local_l1(split(drawn, regions), batch.sketch, regions)

    difference = (drawn - batch.sketch).abs().double().numpy()
    expected = 0
    for sample in range(2):
        for patch, (x, y) in zip(PATCHES, regions.corners[sample].tolist(), strict=True):
            window = difference[sample, :, y : y + patch.height, x : x + patch.width]
            expected += window.mean() / 2
        for mask in (regions.hair, regions.background):
            expected += (difference[sample] * mask[sample].numpy()).mean() / 2
    assert loss.item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("label", [0, 2], ids=["no foreground", "no background"])
def test_an_empty_mask_gives_a_finite_loss_and_gradient(networks, label):
    batch = face_batch()
    batch.parsing[:] = label
    generator, discriminators = networks(local=True)

    total, terms = losses.generator_loss(discriminators, batch, draw(generator, batch), ALL)
    total.backward()

    assert all(term.isfinite() for term in terms.values())
    assert all(parameter.grad.isfinite().all() for parameter in generator.parameters())


def test_the_mean_over_an_empty_mask_is_zero():
    values = torch.ones(2, 1, 4, 4)
    mask = torch.zeros(2, 1, 4, 4, dtype=torch.bool)
    assert losses.masked_mean(values, mask).item() == 0

    mask[0] = True
    assert losses.masked_mean(values, mask).item() == 0.5


# The sums


def test_the_generators_total_is_the_weighted_sum_of_its_terms(networks):
    batch = face_batch()
    generator, discriminators = networks(local=True)
    output = draw(generator, batch)

    total, terms = losses.generator_loss(
        discriminators, batch, output, loss_weights(l1=100, glad=10, local=25)
    )

    judged = discriminators(batch.photo, output.image, output.regions)
    expected = {
        "adversarial": losses.adversarial(judged.frame, real=True),
        "adversarial_local": sum(losses.adversarial(judged.parts[p], real=True) for p in PARTS),
        "l1": (output.image - batch.sketch).abs().mean(),
        "glad": losses.gradient_loss(output.image, batch.sketch, batch.valid),
        "local": losses.local_l1(output.parts, batch.sketch, output.regions),
    }
    assert list(terms) == list(expected)
    for name, term in terms.items():
        assert term.item() == pytest.approx(expected[name].item())
        assert not term.requires_grad
    weights = (1, 0.25, 100, 10, 25)
    weighted = sum(w * term.item() for w, term in zip(weights, terms.values(), strict=True))
    assert total.item() == pytest.approx(weighted, rel=1e-5)


@pytest.mark.parametrize("form", ["magnitude", "squared"])
def test_the_form_of_the_gradient_loss_is_chosen_by_name(networks, form):
    batch = face_batch()
    generator, discriminators = networks(local=False)
    output = draw(generator, batch)

    _, terms = losses.generator_loss(discriminators, batch, output, loss_weights(glad=1), form)

    expected = losses.gradient_loss(output.image, batch.sketch, batch.valid, form)
    assert torch.equal(terms["glad"], expected)


def test_a_term_of_weight_zero_is_not_computed(networks, monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("a term of weight 0 was computed")

    for name in ("pixel_l1", "gradient_loss", "local_l1"):
        monkeypatch.setattr(losses, name, refuse)
    batch = face_batch()
    generator, discriminators = networks(local=False)
    output = draw(generator, batch)

    _, of_discriminators = losses.discriminator_loss(discriminators, batch, output)
    total, terms = losses.generator_loss(discriminators, batch, output, loss_weights())

    assert list(of_discriminators) == ["discriminator_real", "discriminator_fake"]
    assert list(terms) == ["adversarial"]
    assert torch.equal(total.detach(), terms["adversarial"])


def test_the_discriminators_total_is_halved_over_real_and_fake(networks):
    batch = face_batch()
    generator, discriminators = networks(local=True)
    output = draw(generator, batch)

    total, terms = losses.discriminator_loss(discriminators, batch, output)

    real = discriminators(batch.photo, batch.sketch, output.regions)
    fake = discriminators(batch.photo, output.image, output.regions)
    local = sum(
        losses.adversarial(real.parts[part], real=True).item()
        + losses.adversarial(fake.parts[part], real=False).item()
        for part in PARTS
    )
    expected = {
        "discriminator_real": losses.adversarial(real.frame, real=True).item(),
        "discriminator_fake": losses.adversarial(fake.frame, real=False).item(),
        "discriminator_local": local / 2,
    }
    assert {name: term.item() for name, term in terms.items()} == pytest.approx(expected)
    halved = expected["discriminator_real"] / 2 + expected["discriminator_fake"] / 2 + local / 2
    assert total.item() == pytest.approx(halved)


def test_each_loss_reaches_all_of_its_own_networks_and_none_of_the_others(networks):
    """In the order of pix2pix: discriminators first, then the generator through them, frozen."""
    batch = face_batch()
    generator, discriminators = networks(local=True)
    optimizer = torch.optim.Adam(discriminators.parameters())
    output = draw(generator, batch)

    losses.discriminator_loss(discriminators, batch, output)[0].backward()
    assert all(parameter.grad is None for parameter in generator.parameters())
    for name, parameter in discriminators.named_parameters():
        assert parameter.grad.abs().max() > 0, name
    optimizer.step()

    optimizer.zero_grad(set_to_none=True)
    discriminators.requires_grad_(False)
    losses.generator_loss(discriminators, batch, output, ALL)[0].backward()
    assert all(parameter.grad is None for parameter in discriminators.parameters())
    for name, parameter in generator.named_parameters():
        assert parameter.grad.abs().max() > 0, name


def test_losses_are_computed_in_single_precision_under_autocast(networks):
    batch = face_batch()
    generator, discriminators = networks(local=True)

    with torch.autocast("cpu", dtype=torch.bfloat16):
        output = draw(generator, batch)
        total, terms = losses.generator_loss(discriminators, batch, output, ALL)
    total.backward()

    assert all(term.dtype == torch.float32 for term in (total, *terms.values()))
    image = GeneratorOutput(output.image.float(), output.parts, output.regions)
    rounded = dataclasses.replace(image, parts={n: p.float() for n, p in output.parts.items()})
    _, expected = losses.generator_loss(discriminators, batch, rounded, ONES)
    for name in ("l1", "glad", "local"):
        assert torch.equal(terms[name], expected[name])


@pytest.mark.parametrize("local", [False, True])
def test_a_whole_step_reads_nothing_back_from_the_device(networks, local):
    """Tensors of the meta device have no values: whatever depends on one on the host fails."""
    meta = torch.device("meta")
    generator, discriminators = (network.to(meta) for network in networks(local))
    packed = PackedSet(
        ids=["a", "b"],
        subset=["student", "student"],
        photo=torch.empty(2, FRAME, FRAME, 3, dtype=torch.uint8, device=meta),
        sketch=torch.empty(2, FRAME, FRAME, 1, dtype=torch.uint8, device=meta),
        landmarks=torch.empty(2, 5, 2, device=meta),
        parsing=torch.empty(2, FRAME, FRAME, dtype=torch.uint8, device=meta),
        size=(200, 250),
        offset=(28, 3),
        pad_value=0,
    )

    indices = torch.empty(2, dtype=torch.int64, device=meta)
    batch = packed.batch(
        indices, 286, sample_jitter(2, 286, FRAME, meta), sample_flips(2, True, meta)
    )
    output = draw(generator, batch)
    judgement, _ = losses.discriminator_loss(discriminators, batch, output)
    judgement.backward()
    discriminators.requires_grad_(False)
    total, _ = losses.generator_loss(
        discriminators, batch, output, loss_weights(l1=100, glad=100, local=25 if local else 0)
    )
    total.backward()

    assert total.device == meta
    with pytest.raises(RuntimeError, match="meta"):
        total.item()
