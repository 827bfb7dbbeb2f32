import math
from types import SimpleNamespace
from typing import get_args

import numpy as np
import pytest
import torch
from scipy import ndimage

from photosketch.configuration.settings import GladForm
from photosketch.geometry.patches import PARTS, PATCHES
from photosketch.training import losses
from photosketch.training.networks import build_discriminators, build_generator
from photosketch.training.parts import find_regions, split
from photosketch.training.tensors import sample_flips, sample_jitter
from support.face_batch import FRAME, face_batch, packed_pairs
from support.settings import loss_weights
from support.small_training import network_config

ALL = loss_weights(l1=100, glad=10, local=25)
FORMS = get_args(GladForm)


def networks(local):
    config = network_config(local=local)
    return [build(config, 1, seed=0) for build in (build_generator, build_discriminators)]


def draw(generator, batch):
    return generator(batch.photo, batch.landmarks, batch.foreground)


@pytest.fixture
def step():
    """A face, networks with local ones, and what the generator draws."""
    generator, discriminators = networks(local=True)
    batch = face_batch()
    output = draw(generator, batch)
    return SimpleNamespace(
        batch=batch, generator=generator, discriminators=discriminators, output=output
    )


@pytest.mark.parametrize(("real", "sign"), [(True, -1), (False, 1)])
def test_adversarial_is_the_cross_entropy_of_the_logits(real, sign):
    loss = losses.adversarial(torch.tensor([[[[0.0, 3.0]]]]), real=real)
    assert loss.item() == pytest.approx((math.log(2) + math.log1p(math.exp(3 * sign))) / 2)


def test_l1_counts_the_padding():
    batch = face_batch()
    moved = torch.where(batch.valid, batch.sketch, batch.sketch + 1)
    share = 1 - 200 * 250 / 256**2
    assert losses.pixel_l1(moved, batch.sketch).item() == pytest.approx(share, rel=1e-4)


def magnitude(picture):
    gx, gy = (ndimage.sobel(picture, axis) / 8 for axis in (1, 0))
    return np.sqrt(gx**2 + gy**2 + 1e-6)


def gradient_loss_by_scipy(image, target, valid, squared):
    """Image by image, straight from the definition; 0 for an image of padding alone."""
    means = []
    for drawn, true, mask in zip(image, target, valid[:, 0], strict=True):
        inner = ndimage.binary_erosion(mask, np.ones((5, 5)))
        pictures = zip(drawn, true, strict=True)
        differences = np.array([(magnitude(a) - magnitude(b))[inner] for a, b in pictures])
        errors = np.square(differences) if squared else np.abs(differences)
        means.append(errors.mean() if inner.any() else 0)
    return np.mean(means)


@pytest.mark.parametrize("form", ["magnitude", "squared"])
def test_gradient_loss_follows_its_definition(form):
    image, target = torch.rand(2, 3, 2, 16, 14) * 2 - 1
    valid = torch.zeros(3, 1, 16, 14, dtype=torch.bool)
    valid[0, :, 2:13, 3:14] = True  # cut off by the frame's right edge
    valid[1] = True
    loss = losses.gradient_loss(image, target, valid, form)
    arrays = image.double().numpy(), target.double().numpy(), valid.numpy()
    assert loss.item() == pytest.approx(
        gradient_loss_by_scipy(*arrays, form == "squared"), rel=1e-5
    )


def direct_direction_loss(sketch, photo):
    """GENRE's computation inside the frame: convolutions of the three channels, added up."""
    prewitt = torch.tensor([[1.0, 0.0, -1.0]]).repeat(3, 1) / 3
    filters = torch.stack([prewitt, prewitt.T])[:, None].repeat(1, 3, 1, 1).double()  # [2, 3, 3, 3]
    drawn, seen = (
        torch.nn.functional.conv2d(image.expand(-1, 3, -1, -1).double(), filters)
        for image in (sketch, photo)
    )
    lengths = [(each.square().sum(1) + 1e-7).sqrt() for each in (drawn, seen)]
    return 1 - (drawn * seen).sum(1) / (lengths[0] * lengths[1])  # [B, H - 2, W - 2]


def test_cosine_form_is_genres_loss_inside_the_image():
    sketch, photo = torch.rand(2, 1, 16, 14) * 2 - 1, torch.rand(2, 3, 16, 14) * 2 - 1
    valid = torch.zeros(2, 1, 16, 14, dtype=torch.bool)
    valid[:, :, 2:13, 3:14] = True
    expected = direct_direction_loss(sketch, photo)
    errors = losses.direction_error(sketch, photo)[:, 0]
    torch.testing.assert_close(errors.double(), expected, rtol=0, atol=1e-5)
    loss = losses.gradient_loss(sketch, photo, valid, "cosine")
    assert loss.item() == pytest.approx(expected[:, 3:10, 4:11].mean().item(), rel=1e-5)


def test_directions_agree_whatever_the_contrast_and_oppose_in_a_negative():
    photo = torch.rand(1, 3, 12, 12)
    for sketch, expected in ((0.3 * photo + 0.1, 0), (-photo, 2), (torch.ones(1, 1, 12, 12), 1)):
        assert losses.direction_error(sketch, photo).mean().item() == pytest.approx(
            expected, abs=1e-3
        )


def test_a_photo_without_gradients_moves_nothing():
    image = torch.rand(1, 1, 12, 12, requires_grad=True)
    losses.direction_error(image, torch.zeros(1, 3, 12, 12)).sum().backward()
    assert (image.grad == 0).all()


@pytest.mark.parametrize("form", FORMS)
def test_flat_paper_has_a_finite_gradient(form):
    image = torch.ones(1, 1, 12, 12, requires_grad=True)
    valid = torch.ones(1, 1, 12, 12, dtype=torch.bool)
    losses.gradient_loss(image, torch.rand(1, 1, 12, 12), valid, form).backward()
    assert image.grad.isfinite().all()


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
def test_an_empty_mask_gives_a_finite_loss_and_gradient(step, label):
    step.batch.parsing[:] = label
    output = draw(step.generator, step.batch)
    total, terms = losses.generator_loss(step.discriminators, step.batch, output, ALL)
    total.backward()
    assert all(term.isfinite() for term in terms.values())
    assert all(parameter.grad.isfinite().all() for parameter in step.generator.parameters())


def assert_weighted_sum(found, expected, weights):
    """A total and its detached terms, in order, are those expected, with these weights."""
    total, terms = found
    assert list(terms) == list(expected)
    assert not any(term.requires_grad for term in terms.values())
    values = [value.item() for value in expected.values()]
    assert [term.item() for term in terms.values()] == pytest.approx(values)
    assert total.item() == pytest.approx(np.dot(weights, values))


def adversarial_of(judged, names, real):
    return sum(losses.adversarial(judged[name], real=real) for name in names)


@pytest.mark.parametrize("form", FORMS)
def test_the_generators_total_is_the_weighted_sum_of_its_terms(step, form):
    batch, output = step.batch, step.output
    found = losses.generator_loss(step.discriminators, batch, output, ALL, form)
    judged = step.discriminators(batch.photo, output.image, output.regions)
    target = batch.photo if form == "cosine" else batch.sketch
    expected = {
        "adversarial": adversarial_of(judged, ["frame"], real=True),
        "adversarial_local": adversarial_of(judged, PARTS, real=True),
        "l1": (output.image - batch.sketch).abs().mean(),
        "glad": losses.gradient_loss(output.image, target, batch.valid, form),
        "local": losses.local_l1(output.parts, batch.sketch, output.regions),
    }
    assert_weighted_sum(found, expected, (1, 0.25, 100, 10, 25))


def test_the_discriminators_total_is_halved_over_real_and_fake(step):
    found = losses.discriminator_loss(step.discriminators, step.batch, step.output)
    real, fake = (
        step.discriminators(step.batch.photo, sketch, step.output.regions)
        for sketch in (step.batch.sketch, step.output.image)
    )
    local = adversarial_of(real, PARTS, real=True) + adversarial_of(fake, PARTS, real=False)
    expected = {
        "discriminator_real": adversarial_of(real, ["frame"], real=True),
        "discriminator_fake": adversarial_of(fake, ["frame"], real=False),
        "discriminator_local": local / 2,
    }
    assert_weighted_sum(found, expected, (0.5, 0.5, 1))


def test_a_term_of_weight_zero_is_not_computed(monkeypatch):
    for name in ("pixel_l1", "gradient_loss", "local_l1"):
        monkeypatch.delattr(losses, name)
    batch = face_batch()
    generator, discriminators = networks(local=False)
    output = draw(generator, batch)

    assert (output.parts, output.regions) == ({}, None)
    _, of_discriminators = losses.discriminator_loss(discriminators, batch, output)
    total, terms = losses.generator_loss(discriminators, batch, output, loss_weights())

    assert list(of_discriminators) == ["discriminator_real", "discriminator_fake"]
    assert list(terms) == ["adversarial"]
    assert torch.equal(total.detach(), terms["adversarial"])


def test_each_loss_reaches_all_of_its_own_networks_and_none_of_the_others(step):
    """In the order of pix2pix: discriminators first, then the generator through them, frozen."""
    generator, discriminators = step.generator, step.discriminators
    optimizer = torch.optim.Adam(discriminators.parameters())

    losses.discriminator_loss(discriminators, step.batch, step.output)[0].backward()
    assert all(parameter.grad is None for parameter in generator.parameters())
    for name, parameter in discriminators.named_parameters():
        assert parameter.grad.abs().max() > 0, name
    optimizer.step()

    optimizer.zero_grad(set_to_none=True)
    discriminators.requires_grad_(False)
    losses.generator_loss(discriminators, step.batch, step.output, ALL)[0].backward()
    assert all(parameter.grad is None for parameter in discriminators.parameters())
    for name, parameter in generator.named_parameters():
        assert parameter.grad.abs().max() > 0, name


@pytest.mark.slow
def test_losses_are_computed_in_single_precision_under_autocast(step):
    with torch.autocast("cpu", dtype=torch.bfloat16):
        output = draw(step.generator, step.batch)
        total, terms = losses.generator_loss(step.discriminators, step.batch, output, ALL)
    total.backward()

    assert all(term.dtype == torch.float32 for term in (total, *terms.values()))
    parts = {name: part.float() for name, part in output.parts.items()}
    rounded = output._replace(image=output.image.float(), parts=parts)
    _, expected = losses.generator_loss(step.discriminators, step.batch, rounded, ALL)
    for name in ("l1", "glad", "local"):
        assert torch.equal(terms[name], expected[name])


@pytest.mark.slow
def test_a_whole_step_reads_nothing_back_from_the_device():
    """Tensors of the meta device have no values: whatever depends on one on the host fails."""
    meta = torch.device("meta")
    generator, discriminators = (network.to(meta) for network in networks(local=True))
    indices = torch.empty(2, dtype=torch.int64, device=meta)
    jitter, flips = sample_jitter(2, 286, FRAME, meta), sample_flips(2, True, meta)

    batch = packed_pairs(meta).batch(indices, jitter, flips)
    output = draw(generator, batch)
    losses.discriminator_loss(discriminators, batch, output)[0].backward()
    discriminators.requires_grad_(False)
    total, _ = losses.generator_loss(discriminators, batch, output, ALL)
    total.backward()

    assert total.device == meta
    with pytest.raises(RuntimeError, match="meta"):
        total.item()
