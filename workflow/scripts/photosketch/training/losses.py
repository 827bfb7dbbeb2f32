"""The loss terms, one function each, and their weighted sum.

Images are in [-1, 1]. Every term is a float32 scalar tensor on the device. Nothing here reads a
term back, so that a training step does not wait for the device.
"""

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional as F

from photosketch.configuration.settings import GladForm, LossWeights
from photosketch.geometry.patches import PARTS
from photosketch.training.networks import Discriminators, GeneratorOutput
from photosketch.training.parts import Regions, split
from photosketch.training.tensors import Batch

LOCAL_ADVERSARIAL = 0.25  # weight of the local discriminators relative to the frame's
GRADIENT_EPSILON = 1e-6
# GENRE uses 1e-7 for gradients six times as large: the sum of three channels, not halved.
DIRECTION_EPSILON = 1e-7 / 36
GRADIENT_MARGIN = 2  # pixels beside the padding that the gradient loss leaves out


def discriminator_loss(
    discriminators: Discriminators, batch: Batch, output: GeneratorOutput
) -> tuple[Tensor, dict[str, Tensor]]:
    """The discriminators' loss on real and generated sketches, and its terms for the log. The
    generated sketch is detached: no gradient reaches the generator. The loss is halved, as in
    pix2pix, to slow the discriminators down. Terms: discriminator_real and discriminator_fake (the
    frame, not halved), discriminator_local (sum over the parts, halved)."""
    real = discriminators(batch.photo, batch.sketch, output.regions)
    fake = discriminators(batch.photo, output.image.detach(), output.regions)
    terms = {
        "discriminator_real": adversarial(real["frame"], real=True),
        "discriminator_fake": adversarial(fake["frame"], real=False),
    }
    if discriminators.parts:
        errors = [
            adversarial(real[part], real=True) + adversarial(fake[part], real=False)
            for part in PARTS
        ]
        terms["discriminator_local"] = 0.5 * torch.stack(errors).sum()
    weights = {"discriminator_real": 0.5, "discriminator_fake": 0.5, "discriminator_local": 1.0}
    return weighted_sum(terms, weights)


def generator_loss(
    discriminators: Discriminators,
    batch: Batch,
    output: GeneratorOutput,
    weights: LossWeights,
    glad_form: GladForm = "magnitude",
) -> tuple[Tensor, dict[str, Tensor]]:
    """The generator's loss, and its unweighted terms for the log. A term of weight 0 is not
    computed. With local discriminators there is adversarial_local, whose weight is 0.25 of the
    adversarial term's, as in APDrawingGAN. Freeze the discriminators first, so that no gradient is
    computed for their parameters."""
    judged = discriminators(batch.photo, output.image, output.regions)
    terms = {"adversarial": adversarial(judged["frame"], real=True)}
    if discriminators.parts:
        errors = [adversarial(judged[part], real=True) for part in PARTS]
        terms["adversarial_local"] = torch.stack(errors).sum()
    if weights.l1:
        terms["l1"] = pixel_l1(output.image, batch.sketch)
    if weights.glad:
        target = batch.photo if glad_form == "cosine" else batch.sketch
        terms["glad"] = gradient_loss(output.image, target, batch.valid, glad_form)
    if weights.local:
        assert output.regions is not None, "the local loss needs a generator with local networks"
        terms["local"] = local_l1(output.parts, batch.sketch, output.regions)
    by_term = {"adversarial": 1.0, "adversarial_local": LOCAL_ADVERSARIAL, **vars(weights)}
    return weighted_sum(terms, by_term)


def weighted_sum(
    terms: Mapping[str, Tensor], weights: Mapping[str, float]
) -> tuple[Tensor, dict[str, Tensor]]:
    """The sum of weight times term over `terms`, and the terms, detached."""
    total = torch.stack([weights[name] * term for name, term in terms.items()]).sum()
    return total, {name: term.detach() for name, term in terms.items()}


def adversarial(logits: Tensor, *, real: bool) -> Tensor:
    """Binary cross entropy of a discriminator's logits against one answer for all patches.
    Goodfellow et al.: Generative Adversarial Nets, NIPS 2014, in the non-saturating form, on
    patches as in Isola et al., CVPR 2017."""
    answer = torch.full_like(logits, float(real), dtype=torch.float32)
    return F.binary_cross_entropy_with_logits(logits.float(), answer)


def pixel_l1(image: Tensor, target: Tensor) -> Tensor:
    """Mean absolute difference over the frame with its padding: Isola et al., CVPR 2017, 3.1."""
    return F.l1_loss(image.float(), target)


def gradient_loss(
    image: Tensor, target: Tensor, valid: Tensor, form: GladForm = "magnitude"
) -> Tensor:
    """The generalised gradient loss: how much the gradients of two images differ.

    The report that names this loss gives no formula; this one is ours (docs/how-it-works.md gives
    its scale). With G = `gradient_magnitude`, the loss is the mean of:

    magnitude  |G(image) - G(target)|
    squared    (G(image) - G(target))^2, the mixed gradient error of Lu and Chen: Single Image Super
               Resolution based on a Modified U-Net with Mixed Gradient Loss, arXiv 1911.09428, 2019
    cosine     `direction_error`; the target is the photo

    The mean is over channels and over the image pixels (`valid` [B, 1, H, W]) with at least two
    image pixels between them and the padding or the frame's edge, at which the jitter cuts images
    off. An image without such pixels counts as 0.
    """
    if form == "cosine":
        error = direction_error(image.float(), target)
    else:
        difference = gradient_magnitude(image.float()) - gradient_magnitude(target)
        error = difference.square() if form == "squared" else difference.abs()
    unset = F.pad((~valid).float(), [GRADIENT_MARGIN] * 4, value=1.0)
    inner = F.max_pool2d(unset, 2 * GRADIENT_MARGIN + 1, stride=1) == 0
    inner = inner[..., 1:-1, 1:-1]  # the pixels that have a gradient
    total = torch.where(inner, error, 0).sum(dim=(1, 2, 3))  # [B]
    count = inner.sum(dim=(1, 2, 3)) * error.shape[1]  # [B]
    return (total / count.clamp(min=1)).mean()


def gradient_magnitude(image: Tensor) -> Tensor:
    """sqrt(gx^2 + gy^2 + 1e-6) by Sobel's filters over 8: [B, C, H, W] to [B, C, H - 2, W - 2]. The
    epsilon keeps the derivative finite on flat paper."""
    gx, gy = gradient(image, middle=2)
    return (gx.square() + gy.square() + GRADIENT_EPSILON).sqrt()


def direction_error(image: Tensor, photo: Tensor) -> Tensor:
    """1 - cosine of the angle between the gradients of two images: [B, 1, H - 2, W - 2] in 0..2.

    The geometric loss of Li, Gao, Huang: High-quality Face Sketch Synthesis via Geometric
    Normalization and Regularization (GENRE), ICME 2021, as in model/loss/gmsd_loss.py of
    github.com/fei-hdu/genre, which compares the drawn sketch with the *photo*. The gradients are
    Prewitt's, of the mean over the channels, whose numbers may differ. The cosine is
    g . h / (sqrt(g^2 + e) sqrt(h^2 + e)), e = 2.8e-9. If a gradient vanishes, the error is 1, as
    for a right angle; if it is the photo's, the error has no gradient.
    """
    gx, gy = gradient(image.mean(dim=1, keepdim=True), middle=1)
    hx, hy = gradient(photo.mean(dim=1, keepdim=True), middle=1)
    drawn = (gx.square() + gy.square() + DIRECTION_EPSILON).sqrt()
    seen = (hx.square() + hy.square() + DIRECTION_EPSILON).sqrt()
    return 1 - (gx * hx + gy * hy) / (drawn * seen)


def gradient(image: Tensor, middle: int) -> tuple[Tensor, Tensor]:
    """gx and gy, each [B, C, H - 2, W - 2], of [B, C, H, W]: 1 for a slope of 1 per pixel. `middle`
    is the weight of the middle one of three differences: 2 for Sobel, 1 for Prewitt."""
    # Not a convolution, which autocast would round to 16 bits.
    across = image[..., 2:] - image[..., :-2]  # [B, C, H, W - 2]
    down = image[..., 2:, :] - image[..., :-2, :]  # [B, C, H - 2, W]
    gx = across[..., :-2, :] + middle * across[..., 1:-1, :] + across[..., 2:, :]
    gy = down[..., :-2] + middle * down[..., 1:-1] + down[..., 2:]
    return gx / (4 + 2 * middle), gy / (4 + 2 * middle)


def local_l1(parts: Mapping[str, Tensor], target: Tensor, regions: Regions) -> Tensor:
    """The sum over the six parts of the mean absolute difference from the target's part. Yi et al.:
    APDrawingGAN, CVPR 2019, the local transfer loss. For hair and background the mean is over the
    whole frame, black outside their masks; the usual loss weight of 25 is made for that."""
    wanted = split(target, regions)
    return torch.stack([F.l1_loss(parts[name].float(), wanted[name]) for name in PARTS]).sum()
