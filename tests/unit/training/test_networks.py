import pytest
import torch
from torch import nn

from photosketch.geometry.patches import PARTS, PATCHES
from photosketch.training.layers import HalfDropout, ReflectionPad
from photosketch.training.networks import (
    PatchGAN,
    UNet,
    as_at_test_time,
    build_discriminators,
    build_generator,
)
from photosketch.training.parts import compose, masks
from support.face_batch import FRAME, face_batch
from support.small_training import network_config

NARROW = 2
CONVOLUTIONS = nn.Conv2d | nn.ConvTranspose2d


@pytest.fixture
def generator():
    return build_generator(network_config(), 1, seed=0)


@pytest.fixture
def discriminators():
    return build_discriminators(network_config(), 1, seed=0)


def draw(generator, batch):
    return generator(batch.photo, batch.landmarks, batch.foreground)


def changed(before, after):
    """The parts in which two results differ."""
    return [name for name in PARTS if not torch.equal(before[name], after[name])]


def own_pixels(regions, name):
    """The pixels of a part, and those of them that no other part has."""
    of = dict(zip(PARTS, masks(regions).split(1, dim=1), strict=True))
    elsewhere = torch.stack([of[other] for other in PARTS if other != name]).any(dim=0)
    assert (of[name] & ~elsewhere).any()
    return of[name], of[name] & ~elsewhere


@pytest.mark.parametrize(
    ("build", "count"),
    [
        # published as 54.41 M and 2.77 M
        (lambda: UNet(3, 3, [64 * factor for factor in (1, 2, 4, 8, 8, 8, 8, 8)], 3), 54_413_955),
        (lambda: PatchGAN(6, 64), 2_768_705),
    ],
)
def test_networks_have_as_many_parameters_as_the_published_ones(build, count):
    with torch.device("meta"):
        assert sum(parameter.numel() for parameter in build().parameters()) == count


def test_every_part_has_networks_of_its_own(generator, discriminators):
    networks = generator.local.networks
    levels = {name: len(network.downs) for name, network in networks.items()}
    assert levels == {name: 4 if name in ("hair", "background") else 3 for name in PARTS}
    dropouts = {name: levels_with(nn.Dropout, network.ups) for name, network in networks.items()}
    assert dropouts == {name: [1] if name in ("hair", "background") else [] for name in PARTS}
    assert tuple(discriminators.parts) == PARTS


@pytest.mark.slow
@pytest.mark.parametrize(
    ("frame", "channels", "decoder", "innermost", "judged", "judged_parts"),
    [
        (256, 1, "transposed", (1, 1), (30, 30), ((3, 5), (3, 5), (4, 4), (3, 6))),
        (256, 3, "resize", (1, 1), (30, 30), ((3, 5), (3, 5), (4, 4), (3, 6))),
        (512, 1, "transposed", (2, 2), (62, 62), ((8, 12), (8, 12), (10, 10), (8, 14))),
    ],
)
def test_images_parts_and_logits_have_their_shapes_and_parts_are_black_outside_masks(
    frame, channels, decoder, innermost, judged, judged_parts
):
    batch = face_batch(count=2, sketch_channels=channels, frame=frame)
    generator = build_generator(network_config(decoder=decoder), channels, seed=0)
    transposed = any(isinstance(layer, nn.ConvTranspose2d) for layer in generator.modules())
    assert transposed == (decoder == "transposed")
    discriminators = build_discriminators(network_config(), channels, seed=0)
    seen = []
    generator.unet.downs[-1].register_forward_hook(lambda _, __, out: seen.append(out.shape[-2:]))

    output = draw(generator, batch)
    logits = discriminators(batch.photo, output.image, output.regions)

    assert seen == [innermost]
    assert output.image.shape == (2, channels, frame, frame)
    assert output.image.abs().max() <= 1
    scale = frame // FRAME
    sizes = {patch.name: (patch.height * scale, patch.width * scale) for patch in PATCHES}
    for name in PARTS:
        assert output.parts[name].shape == (2, channels, *sizes.get(name, (frame, frame)))
    for name in ("hair", "background"):
        mask = getattr(output.regions, name).expand(-1, channels, -1, -1)
        assert (output.parts[name][~mask] == -1).all()
        assert (output.parts[name][mask] > -1).any()
    assert logits["frame"].shape == (2, 1, *judged)
    found = {name: tuple(logits[name].shape[-2:]) for name in PARTS}
    assert found == dict(zip(PARTS, (*judged_parts, judged, judged), strict=True))


def test_a_logit_sees_seventy_pixels_square():
    image = torch.rand(1, 4, FRAME, FRAME, requires_grad=True)
    PatchGAN(4, NARROW).eval()(image)[0, 0, 15, 15].backward()
    seen = image.grad[0].abs().amax(0) > 0
    assert (seen.any(dim=0).sum(), seen.any(dim=1).sum()) == (70, 70)


def levels_with(kind, blocks):
    return [
        level
        for level, block in enumerate(blocks)
        if any(isinstance(layer, kind) for layer in block)
    ]


def test_the_unet_has_its_layers_where_pix2pix_has_them(generator):
    unet = generator.unet
    assert levels_with(nn.LeakyReLU, unet.downs) == [1, 2, 3, 4, 5, 6, 7]
    assert levels_with(nn.BatchNorm2d, unet.downs) == [1, 2, 3, 4, 5, 6]
    assert levels_with(nn.ReLU, unet.ups) == [0, 1, 2, 3, 4, 5, 6, 7]  # innermost is 0
    assert levels_with(nn.BatchNorm2d, unet.ups) == [0, 1, 2, 3, 4, 5, 6]
    assert levels_with(nn.Dropout, unet.ups) == [1, 2, 3]
    convolutions = [layer for layer in unet.modules() if isinstance(layer, CONVOLUTIONS)]
    assert [layer for layer in convolutions if layer.bias is not None] == [unet.ups[-1][1]]


@pytest.mark.parametrize(("decoder", "flat"), [("transposed", False), ("resize", True)])
def test_only_the_resize_decoder_draws_flat_from_a_flat_image(decoder, flat):
    with torch.no_grad():
        drawn = UNet(1, 1, [4, 4, 4], decoder=decoder).eval()(torch.full((1, 1, 64, 64), 0.5))
    inner = drawn[..., 24:40, 24:40]  # which the padding doesn't reach
    assert (inner.std() < 1e-6) == flat
    torch.testing.assert_close(inner[..., :8, :8], inner[..., 8:, 8:], rtol=0, atol=1e-6)


@pytest.mark.parametrize("build", [build_generator, build_discriminators])
def test_weights_start_as_in_pix2pix(build):
    network = build(network_config(8), 1, seed=0)

    def weights(kind):
        layers = [layer for layer in network.modules() if isinstance(layer, kind)]
        return torch.cat([layer.weight.flatten() for layer in layers])

    kernels, scales = weights(CONVOLUTIONS), weights(nn.BatchNorm2d)
    assert kernels.mean().item() == pytest.approx(0, abs=2e-4)
    assert kernels.std().item() == pytest.approx(0.02, rel=0.01)
    assert scales.mean().item() == pytest.approx(1, abs=0.01)
    assert scales.std().item() == pytest.approx(0.02, rel=0.1)
    biases = [p for name, p in network.named_parameters() if name.endswith("bias")]
    assert all((bias == 0).all() for bias in biases)


@pytest.mark.parametrize(
    ("build", "shared"), [(build_generator, "unet."), (build_discriminators, "frame.")]
)
def test_weights_follow_the_seed_whatever_was_drawn_before_and_whatever_is_beside_them(
    build, shared
):
    def state(seed, local=True):
        torch.rand(seed)  # moves torch's own stream
        return build(network_config(local=local), 1, seed=seed).state_dict()

    first, again, other, plain = state(3), state(3), state(4), state(3, local=False)
    assert all(torch.equal(first[name], again[name]) for name in first)
    kernels = [name for name, value in first.items() if value.ndim == 4]
    assert not any(torch.equal(first[name], other[name]) for name in kernels)
    # those of parts too have weights of their own
    assert len({first[name].flatten()[0].item() for name in kernels}) == len(kernels)
    assert plain.keys() == {name for name in first if name.startswith(shared)}
    assert all(torch.equal(value, first[name]) for name, value in plain.items())


@pytest.mark.parametrize("perturbed", ["nose", "hair"])
def test_a_change_in_one_part_of_the_photo_changes_that_part_alone_before_fusion(
    generator, batch, regions, perturbed
):
    mask, own = own_pixels(regions, perturbed)

    def drawn(photo):
        torch.manual_seed(5)  # the same dropout
        return generator(photo, batch.landmarks, batch.foreground).parts

    before, after = drawn(batch.photo), drawn(torch.where(own, -batch.photo, batch.photo))

    assert changed(before, after) == [perturbed]
    differs = compose(before, regions) != compose(after, regions)
    assert differs.any()
    assert not differs[~mask].any()


def test_local_discriminators_judge_their_part_alone(discriminators, batch, regions):
    _, own = own_pixels(regions, "nose")
    before = discriminators(batch.photo, batch.sketch, regions)
    after = discriminators(batch.photo, torch.where(own, -batch.sketch, batch.sketch), regions)
    assert changed(before, after) == ["nose"]
    assert not torch.equal(before["frame"], after["frame"])


@pytest.mark.parametrize("margin", [1, 3])
def test_reflection_is_torchs_own_in_values_and_gradient(margin):
    image = torch.rand(2, 3, 9, 7, requires_grad=True)
    weights = torch.rand(2, 3, 9 + 2 * margin, 7 + 2 * margin)
    ours, theirs = (pad(image) for pad in (ReflectionPad(margin), nn.ReflectionPad2d(margin)))
    gradients = [torch.autograd.grad((each * weights).sum(), image) for each in (ours, theirs)]
    assert torch.equal(ours, theirs)
    torch.testing.assert_close(*gradients)


def test_each_face_of_a_batch_is_cut_at_its_own_points(generator, batch):
    inputs = batch.photo, batch.landmarks, batch.foreground
    generator.eval()

    with torch.no_grad():
        together = generator(*inputs)
        for i in (0, 1):
            alone = generator(*(each[[i]] for each in inputs))
            drawn = {name: part[[i]] for name, part in together.parts.items()}
            torch.testing.assert_close(together.image[[i]], alone.image, rtol=0, atol=1e-5)
            torch.testing.assert_close(drawn, alone.parts, rtol=0, atol=1e-5)


@pytest.mark.parametrize("training", [True, False])
def test_at_test_time_a_copy_draws_as_in_training_and_the_network_stays_as_it_is(
    generator, batch, training
):
    torch.manual_seed(1)
    expected = draw(generator, batch).image
    generator.train(training)
    before = {name: value.clone() for name, value in generator.state_dict().items()}
    state = torch.get_rng_state()

    copied = as_at_test_time(generator, random := torch.Generator())
    random.manual_seed(1)
    assert torch.equal(draw(copied, batch).image, expected)
    assert not torch.equal(draw(copied, batch).image, expected)  # other dropout

    assert torch.equal(torch.get_rng_state(), state)
    assert all(module.training is training for module in generator.modules())
    for shared, own in zip(generator.parameters(), copied.parameters(), strict=True):
        assert shared is own
    assert all(torch.equal(value, before[name]) for name, value in generator.state_dict().items())
    draw(generator.train(), batch)  # whose running statistics are tracked still
    tracked = "unet.ups.0.2.running_mean"
    assert not torch.equal(generator.state_dict()[tracked], before[tracked])


def test_dropout_drops_half_at_places_that_do_not_depend_on_the_memory_format():
    features = (torch.rand(2, 3, 100, 70) + 1).requires_grad_()
    dropout = HalfDropout()
    torch.manual_seed(1)
    first = dropout(features)
    torch.manual_seed(1)
    assert torch.equal(first, dropout(features.contiguous(memory_format=torch.channels_last)))
    kept = first != 0
    assert torch.equal(first[kept], 2 * features[kept])
    assert 0.48 < kept.float().mean() < 0.52
    assert not torch.equal(dropout(features), first)
    assert dropout.eval()(features) is features
    first.sum().backward()
    assert torch.equal(features.grad, 2 * kept.float())
