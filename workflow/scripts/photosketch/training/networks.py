"""The networks: pix2pix's U-Net and PatchGAN, and the local part of APDrawingGAN.

[1] Isola, Zhu, Zhou, Efros: Image-to-Image Translation with Conditional Adversarial Networks,
    CVPR 2017 (pix2pix).
[2] Yi, Liu, Lai, Rosin: APDrawingGAN: Generating Artistic Portrait Drawings From Face Photos With
    Hierarchical GANs, CVPR 2019.
[3] Odena, Dumoulin, Olah: Deconvolution and Checkerboard Artifacts, Distill 2016.

Images are [B, C, F, F] in [-1, 1], F the side of the frame; photos have three channels.
"""

import copy
from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor, nn

from photosketch.configuration.settings import DecoderName, TrainConfig
from photosketch.geometry.patches import PARTS, PATCHES
from photosketch.training.determinism import derive_seed
from photosketch.training.fusion import build_fusion
from photosketch.training.layers import HalfDropout
from photosketch.training.parts import BLACK, Regions, find_regions, split

PHOTO_CHANNELS = 3
Module = TypeVar("Module", bound=nn.Module)


class UNet(nn.Module):
    """A U-Net as in [1]: each level halves the resolution, and skips connect equal resolutions.
    `widths` are the channels after each level. On the way down, the first and the last level have
    no normalisation. On the way up, made of `doubling` layers, the `dropouts` levels above the
    innermost drop half of their values. Sides of the input: multiples of 2 ** len(widths)."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        widths: Sequence[int],
        dropouts: int = 0,
        decoder: DecoderName = "transposed",
    ) -> None:
        super().__init__()
        last = len(widths) - 1
        self.downs = nn.ModuleList()
        self.ups = nn.ModuleList()  # innermost first
        for level, width in enumerate(widths):
            before = in_channels if level == 0 else widths[level - 1]
            layers: list[nn.Module] = [] if level == 0 else [nn.LeakyReLU(0.2)]
            layers.append(nn.Conv2d(before, width, 4, stride=2, padding=1, bias=False))
            if 0 < level < last:
                layers.append(nn.BatchNorm2d(width))
            self.downs.append(nn.Sequential(*layers))
        for level in range(last, 0, -1):
            arriving = widths[level] if level == last else 2 * widths[level]
            leaving = widths[level - 1]
            up = doubling(decoder, arriving, leaving, bias=False)
            layers = [nn.ReLU(), up, nn.BatchNorm2d(leaving)]
            if 0 < last - level <= dropouts:
                layers.append(HalfDropout())
            self.ups.append(nn.Sequential(*layers))
        outermost = doubling(decoder, 2 * widths[0], out_channels, bias=True)
        self.ups.append(nn.Sequential(nn.ReLU(), outermost, nn.Tanh()))

    def forward(self, image: Tensor) -> Tensor:
        """[B, in_channels, H, W] to [B, out_channels, H, W] in [-1, 1]."""
        skips, features = [], image
        for down in self.downs:
            features = down(features)  # half the resolution
            skips.append(features)
        skips.pop()
        for up in self.ups:
            features = up(features)  # twice the resolution
            if skips:
                features = torch.cat([skips.pop(), features], dim=1)
        return features


def doubling(decoder: DecoderName, arriving: int, leaving: int, *, bias: bool) -> nn.Module:
    """A layer from `arriving` to `leaving` channels at twice the resolution. `transposed`: the
    transposed convolution of [1], a filter for each pixel of a 2x2 block. `resize`: pixels are
    repeated, then convolved, as [3] advises: the same filter for all four."""
    if decoder == "transposed":
        return nn.ConvTranspose2d(arriving, leaving, 4, stride=2, padding=1, bias=bias)
    return nn.Sequential(
        nn.Upsample(scale_factor=2), nn.Conv2d(arriving, leaving, 3, padding=1, bias=bias)
    )


class LocalGenerators(nn.Module):
    """A U-Net for each part, as in [2]: three levels for the four rectangles, four (one with
    dropout) for hair and background, which are whole frames, black outside their masks."""

    def __init__(self, ngf: int, sketch_channels: int, decoder: DecoderName) -> None:
        super().__init__()
        channels, widths = (PHOTO_CHANNELS, sketch_channels), [ngf, 2 * ngf, 4 * ngf]
        networks = {patch.name: UNet(*channels, widths, decoder=decoder) for patch in PATCHES}
        for name in ("hair", "background"):
            widths = [ngf, 2 * ngf, 2 * ngf, 2 * ngf]
            networks[name] = UNet(*channels, widths, dropouts=1, decoder=decoder)
        self.networks = nn.ModuleDict(networks)

    def forward(self, photo: Tensor, regions: Regions) -> dict[str, Tensor]:
        """Sketches of the parts of photos [B, 3, F, F]; black outside hair and background."""
        parts = split(photo, regions)
        sketches = {name: network(parts[name]) for name, network in self.networks.items()}
        for name in ("hair", "background"):
            sketches[name] = torch.where(getattr(regions, name), sketches[name], BLACK)
        return sketches


class GeneratorOutput(NamedTuple):
    """`image` [B, C, F, F]; the parts' sketches before fusion, and their regions (none and None
    without local networks)."""

    image: Tensor
    parts: dict[str, Tensor]
    regions: Regions | None


class Generator(nn.Module):
    """The U-Net of [1] on the whole frame; with a local loss, fused with the parts' sketches."""

    def __init__(self, config: TrainConfig, sketch_channels: int) -> None:
        super().__init__()
        ngf, decoder, local = config.ngf, config.decoder, config.losses.local > 0
        widths = [ngf * factor for factor in (1, 2, 4, 8, 8, 8, 8, 8)]
        self.unet = UNet(PHOTO_CHANNELS, sketch_channels, widths, dropouts=3, decoder=decoder)
        self.local = LocalGenerators(ngf, sketch_channels, decoder) if local else None
        self.fusion = build_fusion(config.fusion, ngf, sketch_channels) if local else None

    def forward(self, photo: Tensor, landmarks: Tensor, foreground: Tensor) -> GeneratorOutput:
        """Photos [B, 3, F, F] to sketches [B, C, F, F]. The local networks find the parts by the
        points [B, 5, 2] in frame pixels and the head mask [B, 1, F, F] bool."""
        image = self.unet(photo)
        if self.local is None or self.fusion is None:
            return GeneratorOutput(image, {}, None)
        regions = find_regions(landmarks, foreground)
        parts = self.local(photo, regions)
        return GeneratorOutput(self.fusion(image, parts, regions), parts, regions)


class PatchGAN(nn.Sequential):
    """The 70x70 PatchGAN of [1]: logits [B, 1, h, w], one for each overlapping patch. A frame of
    256 pixels gives 30x30 logits, its smallest rectangle (40x56) 3x5."""

    def __init__(self, in_channels: int, ndf: int) -> None:
        first = nn.Conv2d(in_channels, ndf, 4, stride=2, padding=1)
        layers: list[nn.Module] = [first, nn.LeakyReLU(0.2)]
        for factor, stride in ((1, 2), (2, 2), (4, 1)):
            before, after = factor * ndf, 2 * factor * ndf
            layers += [
                nn.Conv2d(before, after, 4, stride=stride, padding=1, bias=False),
                nn.BatchNorm2d(after),
                nn.LeakyReLU(0.2),
            ]
        layers.append(nn.Conv2d(8 * ndf, 1, 4, stride=1, padding=1))
        super().__init__(*layers)


class Discriminators(nn.Module):
    """A PatchGAN on the frame; with a local loss, another for each of the six parts, as in [2]. All
    see photo and sketch."""

    def __init__(self, config: TrainConfig, sketch_channels: int) -> None:
        super().__init__()
        channels, parts = PHOTO_CHANNELS + sketch_channels, PARTS if config.losses.local else ()
        self.frame = PatchGAN(channels, config.ndf)
        self.parts = nn.ModuleDict({name: PatchGAN(channels, config.ndf) for name in parts})

    def forward(self, photo: Tensor, sketch: Tensor, regions: Regions | None) -> dict[str, Tensor]:
        """The logits of sketches of photos: `frame`, and with local networks those of each part."""
        both = torch.cat([photo, sketch], dim=1)  # [B, 3 + C, F, F]
        pieces = split(both, regions) if self.parts and regions is not None else {}
        judged = {name: network(pieces[name]) for name, network in self.parts.items()}
        return {"frame": self.frame(both), **judged}


def build_generator(config: TrainConfig, sketch_channels: int, seed: int) -> Generator:
    """A generator with fresh weights as in [1], each of its networks from a seed of its own. So all
    generators of one `seed` have the same U-Net, and the same local networks with every fusion."""
    generator = Generator(config, sketch_channels)
    networks: dict[str, nn.Module] = {"unet": generator.unet}
    if generator.local is not None and generator.fusion is not None:
        networks |= {**generator.local.networks, "fusion": generator.fusion}
    initialise(networks, "generator", seed)
    return generator


def build_discriminators(config: TrainConfig, sketch_channels: int, seed: int) -> Discriminators:
    """Discriminators with fresh weights as in [1], each from a seed of its own."""
    discriminators = Discriminators(config, sketch_channels)
    networks = {"frame": discriminators.frame, **discriminators.parts}
    initialise(networks, "discriminator", seed)
    return discriminators


def initialise(networks: Mapping[str, nn.Module], kind: str, seed: int) -> None:
    """Convolutions from N(0, 0.02), scales of normalisations from N(1, 0.02), zero biases."""
    for name, network in networks.items():
        random = torch.Generator().manual_seed(derive_seed(seed, kind, name))
        for module in network.modules():
            if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
                nn.init.normal_(module.weight, 0.0, 0.02, generator=random)
            elif isinstance(module, nn.BatchNorm2d):
                nn.init.normal_(module.weight, 1.0, 0.02, generator=random)
            else:
                continue
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def as_at_test_time(network: Module, random: torch.Generator) -> Module:
    """A copy that shares the weights of `network` and behaves like [1] at test time. Normalisation
    uses the statistics of the current batch (one image: its own) and leaves the running statistics.
    Dropout stays on, with numbers from `random`, a generator of the device."""
    tensors = [*network.parameters(), *network.buffers()]
    own = copy.deepcopy(network, {id(tensor): tensor for tensor in tensors}).train()
    for module in own.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.track_running_stats = False
        elif isinstance(module, HalfDropout):
            module.random = random
    return own
