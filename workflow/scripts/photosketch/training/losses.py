"""The loss terms, one function each, and their weighted sum.

Images are in [-1, 1]. Every term is a float32 scalar tensor on the device; nothing here reads one
back, so that a training step runs without waiting for the device.
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

LOCAL_ADVERSARIAL = 0.25  # weight of the local discriminators against the one on the frame
GRADIENT_EPSILON = 1e-6
# GENRE's 1e-7, of gradients six times as large: it adds up three channels and doesn't halve
DIRECTION_EPSILON = 1e-7 / 36
GRADIENT_MARGIN = 2  # pixels beside the padding that the gradient loss leaves out


def discriminator_loss(
    discriminators: Discriminators, batch: Batch, output: GeneratorOutput
) -> tuple[Tensor, dict[str, Tensor]]:
    """The discriminators' loss on the real sketches and the generator's, and its terms for the log.

    The generated sketch is detached: no gradient reaches the generator. Halved, as in pix2pix, to
    slow the discriminators down against the generator. Each local discriminator is trained with
    full weight, since the networks share no weights. Terms: discriminator_real and
    discriminator_fake (the frame, not halved), discriminator_local (sum over the parts, halved).
    """
    real = discriminators(batch.photo, batch.sketch, output.regions)
    fake = discriminators(batch.photo, output.image.detach(), output.regions)
    terms = {
        "discriminator_real": adversarial(real.frame, real=True),
        "discriminator_fake": adversarial(fake.frame, real=False),
    }
    weights = {"discriminator_real": 0.5, "discriminator_fake": 0.5}
    if real.parts:
        errors = [
            adversarial(real.parts[part], real=True) + adversarial(fake.parts[part], real=False)
            for part in PARTS
        ]
        terms["discriminator_local"] = 0.5 * torch.stack(errors).sum()
        weights["discriminator_local"] = 1.0
    return weighted_sum(terms, weights), _detached(terms)


def generator_loss(
    discriminators: Discriminators,
    batch: Batch,
    output: GeneratorOutput,
    weights: LossWeights,
    glad_form: GladForm = "magnitude",
) -> tuple[Tensor, dict[str, Tensor]]:
    """The generator's loss, and its unweighted terms for the log.

    A term of weight 0 is not computed. adversarial_local is there if local discriminators are; its
    weight is 0.25 of the adversarial term's, as APDrawingGAN's authors have it. Freeze the
    discriminators' parameters before the call, so that no gradient is computed for them.
    """
    judged = discriminators(batch.photo, output.image, output.regions)
    terms = {"adversarial": adversarial(judged.frame, real=True)}
    if judged.parts:
        errors = [adversarial(judged.parts[part], real=True) for part in PARTS]
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
    return weighted_sum(terms, by_term), _detached(terms)


def weighted_sum(terms: Mapping[str, Tensor], weights: Mapping[str, float]) -> Tensor:
    """The sum of weight times term over `terms`."""
    return torch.stack([weights[name] * term for name, term in terms.items()]).sum()


def adversarial(logits: Tensor, *, real: bool) -> Tensor:
    """Binary cross entropy of a discriminator's logits against one answer for all patches.

    Goodfellow et al.: Generative Adversarial Nets, NIPS 2014, in the non-saturating form; on
    patches as in Isola et al., CVPR 2017.
    """
    answer = torch.full_like(logits, float(real), dtype=torch.float32)
    return F.binary_cross_entropy_with_logits(logits.float(), answer)


def pixel_l1(image: Tensor, target: Tensor) -> Tensor:
    """Mean absolute difference over the whole frame, its padding included.

    Isola et al., CVPR 2017, section 3.1.
    """
    return F.l1_loss(image.float(), target)


def gradient_loss(
    image: Tensor, target: Tensor, valid: Tensor, form: GladForm = "magnitude"
) -> Tensor:
    """The generalised gradient loss: how far the gradients of two images differ.

    The report that names it gives no formula: this one is ours, docs/how-it-works.md has its scale.
    The mean of |G(image) - G(target)|; with `form` "squared" of (G(image) - G(target))^2, the mixed
    gradient error of Lu and Chen: Single Image Super Resolution based on a Modified U-Net with
    Mixed Gradient Loss, arXiv 1911.09428, 2019; with "cosine" of `direction_error`, the target
    being the photo. G is `gradient_magnitude`. The mean is over those image pixels (`valid`
    [B, 1, H, W]) with at least two image pixels between them and the padding, so that the padding's
    edge does not count; the frame's edge, where the jitter cuts images off, is treated like
    padding. Channels are averaged. An image whose pixels are all left out counts as 0.
    """
    if form == "cosine":
        error = direction_error(image.float(), target)
    else:
        difference = gradient_magnitude(image.float()) - gradient_magnitude(target)
        error = difference.square() if form == "squared" else difference.abs()
    inner = erode(valid, GRADIENT_MARGIN)[..., 1:-1, 1:-1]  # where the magnitude is defined
    return masked_mean(error, inner)


def gradient_magnitude(image: Tensor) -> Tensor:
    """sqrt(gx^2 + gy^2 + 1e-6) by Sobel's filters over 8: [B, C, H, W] to [B, C, H - 2, W - 2].

    A ramp of slope 1 a pixel has magnitude 1. The epsilon keeps the derivative finite on flat
    paper.
    """
    gx, gy = gradient(image, middle=2)
    return (gx.square() + gy.square() + GRADIENT_EPSILON).sqrt()


def direction_error(image: Tensor, photo: Tensor) -> Tensor:
    """1 - cosine of the angle between the gradients of two images: [B, 1, H - 2, W - 2] in 0..2.

    The geometric loss of Li, Gao, Huang: High-quality Face Sketch Synthesis via Geometric
    Normalization and Regularization (GENRE), ICME 2021, as in model/loss/gmsd_loss.py of
    github.com/fei-hdu/genre, which compares the drawn sketch with the *photo*. Gradients are
    Prewitt's, of the mean of an image's channels: images may differ in their number. The cosine is
    g . h / (sqrt(g^2 + e) sqrt(h^2 + e)), e = 2.8e-9: where a gradient vanishes the error is 1, as
    for a right angle, and where the photo's does, it moves nothing.
    """
    (gx, gy), (hx, hy) = (
        gradient(each.mean(dim=1, keepdim=True), middle=1) for each in (image, photo)
    )
    lengths = [
        (x.square() + y.square() + DIRECTION_EPSILON).sqrt() for x, y in ((gx, gy), (hx, hy))
    ]
    return 1 - (gx * hx + gy * hy) / (lengths[0] * lengths[1])


def gradient(image: Tensor, middle: int) -> tuple[Tensor, Tensor]:
    """gx and gy, each [B, C, H - 2, W - 2], of [B, C, H, W]: 1 for a slope of 1 a pixel.

    The middle of three differences weighs `middle`: 2 as Sobel has it, 1 as Prewitt.
    """
    # Differences and sums rather than a convolution, which autocast would round to 16 bits.
    across = image[..., 2:] - image[..., :-2]  # [B, C, H, W - 2]
    down = image[..., 2:, :] - image[..., :-2, :]  # [B, C, H - 2, W]
    gx = across[..., :-2, :] + middle * across[..., 1:-1, :] + across[..., 2:, :]
    gy = down[..., :-2] + middle * down[..., 1:-1] + down[..., 2:]
    return gx / (4 + 2 * middle), gy / (4 + 2 * middle)


def local_l1(parts: Mapping[str, Tensor], target: Tensor, regions: Regions) -> Tensor:
    """The sum over the six parts of the mean absolute difference from the target's part.

    Yi et al.: APDrawingGAN, CVPR 2019, the local transfer loss. The mean of hair and background is
    over the whole frame, in which they are black outside their masks: what these cover a third of
    weighs a third, and 25 is calibrated for that.
    """
    wanted = split(target, regions)
    return torch.stack([F.l1_loss(parts[name].float(), wanted[name]) for name in PARTS]).sum()


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """The batch's mean of each sample's mean of `values` [B, C, H, W] in `mask` [B, 1, H, W].

    A sample with an empty mask counts as 0.
    """
    total = torch.where(mask, values, 0).sum(dim=(1, 2, 3))  # [B]
    count = mask.sum(dim=(1, 2, 3)) * values.shape[1]  # [B]
    return (total / count.clamp(min=1)).mean()


def erode(mask: Tensor, margin: int) -> Tensor:
    """`mask` [B, 1, H, W] without the pixels that lie within `margin` of an unset one.

    Beyond the frame everything is unset. Distances are in rows and columns, whichever is larger.
    """
    unset = F.pad((~mask).float(), [margin] * 4, value=1.0)
    return F.max_pool2d(unset, 2 * margin + 1, stride=1) == 0


def _detached(terms: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: term.detach() for name, term in terms.items()}
