import pytest
import torch
from torch import nn

from photosketch.geometry.patches import PARTS, PATCHES
from photosketch.training.layers import HalfDropout, ReflectionPad
from photosketch.training.networks import (
    PatchGAN,
    UNet,
    build_discriminators,
    build_generator,
    instance_statistics,
)
from photosketch.training.parts import compose, find_regions, inside
from support.face_batch import FRAME, face_batch

NARROW = 4


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)
    torch.manual_seed(0)


def parameters(network):
    return sum(parameter.numel() for parameter in network.parameters())


def draw(generator, batch):
    return generator(batch.photo, batch.landmarks, batch.foreground)


def test_the_unet_has_as_many_parameters_as_the_published_one():
    widths = [64 * factor for factor in (1, 2, 4, 8, 8, 8, 8, 8)]

    with torch.device("meta"):
        network = UNet(3, 3, widths, dropouts=3)

    assert parameters(network) == 54_413_955  # published as 54.41 M


def test_the_patch_gan_has_as_many_parameters_as_the_published_one():
    with torch.device("meta"):
        network = PatchGAN(6, 64)

    assert parameters(network) == 2_768_705  # published as 2.77 M


def test_without_local_networks_the_generator_is_the_unet_alone():
    plain = build_generator(NARROW, 1, local=False, seed=0)
    local = build_generator(NARROW, 1, local=True, seed=0)

    output = draw(plain, face_batch())

    assert {name.split(".")[0] for name in plain.state_dict()} == {"unet"}
    assert parameters(plain) == parameters(local.unet)
    assert parameters(build_discriminators(NARROW, 1, local=False, seed=0)) == parameters(
        PatchGAN(4, NARROW)
    )
    assert output.parts == {}
    assert output.regions is None


def test_every_part_has_networks_of_its_own():
    generator = build_generator(NARROW, 1, local=True, seed=0)
    discriminators = build_discriminators(NARROW, 1, local=True, seed=0)

    networks = generator.local.networks
    levels = {name: len(network.downs) for name, network in networks.items()}
    assert levels == {name: 4 if name in ("hair", "background") else 3 for name in PARTS}
    assert tuple(discriminators.parts) == PARTS
    for owner in (networks, discriminators.parts):
        stored = {id(p) for network in owner.values() for p in network.parameters()}
        assert len(stored) == sum(len(list(network.parameters())) for network in owner.values())


@pytest.mark.parametrize("channels", [1, 3])
def test_shapes_of_images_parts_and_logits(channels):
    batch = face_batch(count=2, sketch_channels=channels)
    generator = build_generator(NARROW, channels, local=True, seed=0)
    discriminators = build_discriminators(NARROW, channels, local=True, seed=0)

    output = draw(generator, batch)
    logits = discriminators(batch.photo, output.image, output.regions)

    sizes = {patch.name: (patch.height, patch.width) for patch in PATCHES}
    assert output.image.shape == (2, channels, FRAME, FRAME)
    assert output.image.abs().max() <= 1
    for name in PARTS:
        assert output.parts[name].shape == (2, channels, *sizes.get(name, (FRAME, FRAME)))
    assert logits.frame.shape == (2, 1, 30, 30)
    found = {name: tuple(part.shape[-2:]) for name, part in logits.parts.items()}
    assert found == {
        "left_eye": (3, 5),
        "right_eye": (3, 5),
        "nose": (4, 4),
        "mouth": (3, 6),
        "hair": (30, 30),
        "background": (30, 30),
    }


def test_frames_of_512_go_through_the_same_networks_down_to_four_pixels():
    generator = build_generator(NARROW, 1, local=True, seed=0)
    discriminators = build_discriminators(NARROW, 1, local=True, seed=0)
    batch = face_batch(frame=512)
    seen = []
    generator.unet.downs[-1].register_forward_hook(lambda _, __, out: seen.append(out.shape[-2:]))

    output = draw(generator, batch)
    logits = discriminators(batch.photo, output.image, output.regions)

    assert seen == [(2, 2)]
    assert output.image.shape == (1, 1, 512, 512)
    assert output.parts["mouth"].shape == (1, 1, 80, 128)
    assert logits.frame.shape[-2:] == (62, 62)
    assert logits.parts["left_eye"].shape[-2:] == (8, 12)


def test_a_logit_sees_seventy_pixels_square():
    network = PatchGAN(4, NARROW).eval()
    image = torch.rand(1, 4, FRAME, FRAME, requires_grad=True)

    network(image)[0, 0, 15, 15].backward()

    seen = image.grad[0].abs().amax(0) > 0
    assert (seen.any(dim=0).sum(), seen.any(dim=1).sum()) == (70, 70)


def levels_with(kind, blocks):
    return [
        level
        for level, block in enumerate(blocks)
        if any(isinstance(layer, kind) for layer in block)
    ]


def test_the_unet_has_its_layers_where_pix2pix_has_them():
    unet = build_generator(NARROW, 1, local=False, seed=0).unet

    assert levels_with(nn.LeakyReLU, unet.downs) == [1, 2, 3, 4, 5, 6, 7]
    assert levels_with(nn.BatchNorm2d, unet.downs) == [1, 2, 3, 4, 5, 6]
    assert levels_with(nn.ReLU, unet.ups) == [0, 1, 2, 3, 4, 5, 6, 7]  # innermost is 0
    assert levels_with(nn.BatchNorm2d, unet.ups) == [0, 1, 2, 3, 4, 5, 6]
    assert levels_with(nn.Dropout, unet.ups) == [1, 2, 3]
    with_bias = [
        layer
        for layer in unet.modules()
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d) and layer.bias is not None
    ]
    assert with_bias == [unet.ups[-1][1]]


def test_of_the_local_unets_those_of_hair_and_background_have_one_dropout():
    networks = build_generator(NARROW, 1, local=True, seed=0).local.networks

    dropouts = {name: levels_with(nn.Dropout, network.ups) for name, network in networks.items()}
    assert dropouts == {name: [1] if name in ("hair", "background") else [] for name in PARTS}


def test_weights_start_as_in_pix2pix():
    generator = build_generator(16, 1, local=True, seed=0)
    discriminators = build_discriminators(16, 1, local=True, seed=0)

    for network in (generator, discriminators):
        layers = list(network.modules())
        kernels = torch.cat(
            [
                layer.weight.flatten()
                for layer in layers
                if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d)
            ]
        )
        scales = torch.cat([layer.weight for layer in layers if isinstance(layer, nn.BatchNorm2d)])
        biases = [p for name, p in network.named_parameters() if name.endswith("bias")]
        assert kernels.mean().item() == pytest.approx(0, abs=1e-4)
        assert kernels.std().item() == pytest.approx(0.02, rel=0.01)
        assert scales.mean().item() == pytest.approx(1, abs=0.005)
        assert scales.std().item() == pytest.approx(0.02, rel=0.1)
        assert all((bias == 0).all() for bias in biases)


def test_the_same_seed_gives_the_same_weights_whatever_was_drawn_before():
    def states(seed):
        torch.rand(seed)  # moves torch's own stream
        networks = (build_generator, build_discriminators)
        return [build(NARROW, 1, local=True, seed=seed).state_dict() for build in networks]

    for first, second, other in zip(states(3), states(3), states(4), strict=True):
        assert all(torch.equal(first[name], second[name]) for name in first)
        kernels = [name for name, value in first.items() if value.ndim == 4]
        assert not any(torch.equal(first[name], other[name]) for name in kernels)


def test_ablations_of_one_seed_start_from_the_same_unet_and_frame_discriminator():
    for build, shared in ((build_generator, "unet."), (build_discriminators, "frame.")):
        plain, local = (
            build(NARROW, 1, local=local, seed=5).state_dict() for local in (False, True)
        )

        assert plain.keys() == {name for name in local if name.startswith(shared)}
        assert all(torch.equal(value, local[name]) for name, value in plain.items())


def test_networks_of_the_same_shape_start_from_weights_of_their_own():
    generators = build_generator(NARROW, 1, local=True, seed=0).local.networks
    discriminators = build_discriminators(NARROW, 1, local=True, seed=0).parts

    eyes = [generators[name].downs[0][0].weight for name in ("left_eye", "right_eye")]
    judges = [discriminators[name][0].weight for name in PARTS]
    assert not torch.equal(*eyes)
    assert len({weight.flatten()[0].item() for weight in judges}) == len(PARTS)


@pytest.mark.parametrize("perturbed", PARTS)
def test_a_change_in_one_part_of_the_photo_changes_that_part_alone_before_fusion(perturbed):
    batch = face_batch()
    generator = build_generator(NARROW, 1, local=True, seed=0)
    regions = find_regions(batch.landmarks, batch.foreground)
    masks = {
        patch.name: inside(regions.corners[:, index], patch.height, patch.width, FRAME)
        for index, patch in enumerate(PATCHES)
    } | {"hair": regions.hair, "background": regions.background}
    elsewhere = torch.stack([masks[name] for name in PARTS if name != perturbed]).any(dim=0)
    own = masks[perturbed] & ~elsewhere
    assert own.any()

    def drawn(photo):
        torch.manual_seed(5)  # the same dropout
        return generator(photo, batch.landmarks, batch.foreground)

    before, after = drawn(batch.photo), drawn(torch.where(own, -batch.photo, batch.photo))

    changed = [n for n in PARTS if not torch.equal(before.parts[n], after.parts[n])]
    assert changed == [perturbed]
    differs = compose(before.parts, regions) != compose(after.parts, regions)
    assert differs.any()
    assert not differs[~masks[perturbed]].any()


def test_reflection_mirrors_at_the_border_pixels():
    row = torch.arange(1.0, 5).expand(1, 1, 3, 4)

    padded = ReflectionPad(2)(row)

    assert padded.shape == (1, 1, 7, 8)
    assert (padded == torch.tensor([3.0, 2, 1, 2, 3, 4, 3, 2])).all()


@pytest.mark.parametrize("margin", [1, 3])
def test_reflection_is_torchs_own_in_values_and_gradient(margin):
    image = torch.rand(2, 3, 9, 7, requires_grad=True)
    weights = torch.rand(2, 3, 9 + 2 * margin, 7 + 2 * margin)
    results = []
    for pad in (ReflectionPad(margin), nn.ReflectionPad2d(margin)):
        padded = pad(image)
        (gradient,) = torch.autograd.grad((padded * weights).sum(), image)
        results.append((padded, gradient))

    (ours, our_gradient), (theirs, their_gradient) = results
    assert torch.equal(ours, theirs)
    torch.testing.assert_close(our_gradient, their_gradient)


def test_fusion_reflects_at_every_convolution_and_pads_with_zeros_at_none():
    fusion = build_generator(NARROW, 1, local=True, seed=0).fusion
    layers = list(fusion.modules())

    convolutions = [layer for layer in layers if isinstance(layer, nn.Conv2d)]
    margins = [layer.margin for layer in layers if isinstance(layer, ReflectionPad)]
    assert margins == [layer.kernel_size[0] // 2 for layer in convolutions] == [3, 1, 1, 1, 1, 3]
    assert all(layer.padding == (0, 0) for layer in convolutions)


def test_hair_and_background_are_drawn_black_outside_their_masks():
    output = draw(build_generator(NARROW, 1, local=True, seed=0), face_batch())

    for name, mask in (("hair", output.regions.hair), ("background", output.regions.background)):
        assert (output.parts[name][~mask] == -1).all()
        assert (output.parts[name][mask] > -1).any()


def test_each_face_of_a_batch_is_cut_at_its_own_points():
    batch = face_batch(count=2)
    batch.landmarks[1] += torch.tensor([9.0, -14.0])
    generator = build_generator(NARROW, 1, local=True, seed=0).eval()

    with torch.no_grad():
        together = draw(generator, batch)
        alone = [
            generator(batch.photo[[i]], batch.landmarks[[i]], batch.foreground[[i]]) for i in (0, 1)
        ]

    for i in (0, 1):
        torch.testing.assert_close(together.image[[i]], alone[i].image, rtol=0, atol=1e-5)
        for name in PARTS:
            torch.testing.assert_close(
                together.parts[name][[i]], alone[i].parts[name], rtol=0, atol=1e-5
            )


def test_local_discriminators_judge_their_part_alone():
    batch = face_batch()
    discriminators = build_discriminators(NARROW, 1, local=True, seed=0)
    regions = find_regions(batch.landmarks, batch.foreground)
    nose = inside(regions.corners[:, 2], 48, 48, FRAME)
    eyes = inside(regions.corners[:, 0], 40, 56, FRAME) | inside(
        regions.corners[:, 1], 40, 56, FRAME
    )
    mouth = inside(regions.corners[:, 3], 40, 64, FRAME)
    changed_sketch = torch.where(nose & ~eyes & ~mouth, -batch.sketch, batch.sketch)

    before = discriminators(batch.photo, batch.sketch, regions)
    after = discriminators(batch.photo, changed_sketch, regions)

    changed = [n for n in PARTS if not torch.equal(before.parts[n], after.parts[n])]
    assert changed == ["nose"]
    assert not torch.equal(before.frame, after.frame)


def test_instance_statistics_leave_the_running_statistics_alone():
    generator = build_generator(NARROW, 1, local=True, seed=0)
    batch = face_batch()
    draw(generator, batch)
    before = {name: value.clone() for name, value in generator.state_dict().items()}

    with torch.no_grad(), instance_statistics(generator):
        draw(generator, batch)

    assert all(torch.equal(value, before[name]) for name, value in generator.state_dict().items())
    draw(generator, batch)  # and afterwards they are tracked again
    tracked = "unet.ups.0.2.running_mean"
    assert not torch.equal(generator.state_dict()[tracked], before[tracked])


@pytest.mark.parametrize("training", [True, False])
def test_instance_statistics_draw_as_in_training_whatever_the_mode(training):
    generator = build_generator(NARROW, 1, local=True, seed=0)
    batch = face_batch()
    torch.manual_seed(1)
    expected = draw(generator, batch).image
    generator.train(training)

    with instance_statistics(generator):
        torch.manual_seed(1)
        same = draw(generator, batch).image
        other_dropout = draw(generator, batch).image

    assert torch.equal(same, expected)
    assert not torch.equal(other_dropout, expected)
    assert all(module.training is training for module in generator.modules())


def test_instance_statistics_end_with_an_error_too():
    generator = build_generator(NARROW, 1, local=False, seed=0).eval()

    with pytest.raises(RuntimeError, match="on purpose"), instance_statistics(generator):
        raise RuntimeError("on purpose")

    norms = [module for module in generator.modules() if isinstance(module, nn.BatchNorm2d)]
    assert all(norm.track_running_stats for norm in norms)
    assert not any(module.training for module in generator.modules())


def test_dropout_drops_half_at_places_that_do_not_depend_on_the_memory_format():
    features = torch.rand(2, 3, 100, 70) + 1
    dropout = HalfDropout()
    torch.manual_seed(1)
    first = dropout(features)
    torch.manual_seed(1)
    second = dropout(features.contiguous(memory_format=torch.channels_last))
    assert torch.equal(first, second)
    kept = first != 0
    assert torch.equal(first[kept], 2 * features[kept])
    assert 0.48 < kept.float().mean() < 0.52
    assert not torch.equal(dropout(features), first)
    assert dropout.eval()(features) is features


def test_dropped_values_get_no_gradient_and_the_others_twice_theirs():
    features = torch.rand(1, 2, 8, 8).requires_grad_()
    dropped = HalfDropout()(features)
    dropped.sum().backward()
    assert torch.equal(features.grad, 2 * (dropped != 0).float())
