"""How similar each generated sketch is to the true one: SSIM, FSIM, SCOOT and LPIPS.

Values of one image alone are computed once per image, so the true sketches are measured once for
all epochs. SSIM and FSIM equal piq's, which measures both images at every call. As their authors
say, images are first shrunk until the shorter side is near 256 pixels. LPIPS uses piq's network.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise, product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch
from torch import nn

from photosketch.data.weights import LPIPS_NETWORK, verify_weights
from photosketch.jobs.messages import InputError
from photosketch.jobs.progress import Bar
from photosketch.jobs.threads import workers

if TYPE_CHECKING:
    from piq.perceptual import ContentLoss

BLOCKS = 4  # SCOOT: blocks per side
LEVELS = 6  # SCOOT: gray levels
_DIRECTIONS = ((0, 1), (1, 1), (1, 0), (1, -1))  # SCOOT: (rows up, columns right), half of all
_SIDE = 256  # pixels, the shorter side that SSIM and FSIM are made for
_WINDOW, _SIGMA = 11, 1.5  # pixels, the gaussian window of SSIM
_SSIM_MEANS, _SSIM_VARIANCES = 0.01**2, 0.03**2  # SSIM's constants for images in 0..1
_FSIM_CONGRUENCY, _FSIM_GRADIENT = 0.85, 160.0  # FSIM's constants for gray in 0..255
_ORIENTATIONS, _SCALES = 4, 4  # of the filters of phase congruency
_SHORTEST = 6  # pixels, the wavelength of the finest scale; the next scale's is twice as long
_BANDWIDTH = 0.55  # of a filter: deviation over centre frequency
_ANGULAR_DEVIATION = math.pi / _ORIENTATIONS / 1.2
_CUTOFF, _ORDER = 0.45, 15  # of the Butterworth low-pass, which removes the corners
_NOISE_DEVIATIONS = 2.0
_NOISE_SCALE = 1.7  # this form of congruency overestimates the noise by this factor
_EPSILON = torch.finfo(torch.float32).eps
_BATCH = 16  # images, on a GPU
# of VGG16, and their channels
_LPIPS_LAYERS = {"relu1_2": 64, "relu2_2": 128, "relu3_3": 256, "relu4_3": 512, "relu5_3": 512}


@dataclass(frozen=True)
class Measured:
    """Sketches [N, H, W] uint8 and the values that the metrics compute from each sketch alone.

    Tensors are on one device: pixels [N, H, W] float32 in 0..1; small [N, h, w], the pixels shrunk
    for SSIM and FSIM; means and variances of SSIM's windows [N, h - 10, w - 10] float64, because
    float32 loses the variance of white paper; congruency and gradient [N, h, w] float32 for FSIM;
    texture: the features of SCOOT.
    """

    sketches: np.ndarray
    pixels: torch.Tensor
    small: torch.Tensor
    means: torch.Tensor
    variances: torch.Tensor
    congruency: torch.Tensor
    gradient: torch.Tensor
    texture: np.ndarray

    @classmethod
    def of(
        cls,
        sketches: np.ndarray,
        device: torch.device | str = "cpu",
        bar: Bar | None = None,
        share: float = 1.0,
    ) -> "Measured":
        """`bar` advances by `share` per image."""
        pixels = torch.from_numpy(sketches).to(device).float().div_(255)
        factor = max(1, round(min(pixels.shape[1:]) / _SIDE))
        small = nn.functional.avg_pool2d(pixels, factor) if factor > 1 else pixels
        bank = _filter_bank(small.shape[1], small.shape[2], device)
        left, right = _window(small)

        def measured(images: torch.Tensor) -> tuple[torch.Tensor, ...]:
            precise = images.double()
            means = left @ precise @ right
            variances = left @ precise**2 @ right - means**2
            gray = images * 255
            found = means, variances, phase_congruency(gray, *bank), _gradient(gray)
            if bar is not None:
                bar.update(share * len(images))
            return found

        parts = zip(*_by_batches(measured, small), strict=True)
        means, variances, congruency, gradient = map(torch.cat, parts)
        texture = scoot_features(sketches)
        return cls(sketches, pixels, small, means, variances, congruency, gradient, texture)


def score_images(
    real: Measured, generated: Measured, lpips_network: "ContentLoss | None" = None
) -> pd.DataFrame:
    """One row per image: ssim, fsim, scoot, and lpips if its network is given."""
    columns = {metric.__name__: metric(real, generated) for metric in (ssim, fsim, scoot)}
    if lpips_network is not None:
        columns["lpips"] = lpips(real, generated, lpips_network)
    return pd.DataFrame(columns)


def ssim(real: Measured, generated: Measured) -> np.ndarray:
    """Structural similarity (Wang et al. 2004), gaussian window of 11 pixels, sigma 1.5."""
    left, right = _window(real.small)

    def likeness(*sides: torch.Tensor) -> np.ndarray:
        a, b, mean_a, mean_b, variance_a, variance_b = sides
        both = mean_a * mean_b
        covariance = left @ (a.double() * b.double()) @ right - both
        means = (2 * both + _SSIM_MEANS) / (mean_a**2 + mean_b**2 + _SSIM_MEANS)
        structure = (2 * covariance + _SSIM_VARIANCES) / (variance_a + variance_b + _SSIM_VARIANCES)
        return (means * structure).mean(dim=(1, 2)).cpu().numpy()

    means, variances = (real.means, generated.means), (real.variances, generated.variances)
    return np.concatenate(_by_batches(likeness, real.small, generated.small, *means, *variances))


def fsim(real: Measured, generated: Measured) -> np.ndarray:
    """Feature similarity (Zhang et al. 2011) of gray images: phase congruency and gradients."""

    def likeness(*sides: torch.Tensor) -> np.ndarray:
        a, b, slope_a, slope_b = sides
        congruency = _similarity(a, b, _FSIM_CONGRUENCY)
        gradient = _similarity(slope_a, slope_b, _FSIM_GRADIENT)
        weight = torch.maximum(a, b)
        score = (congruency * gradient * weight).sum(dim=(1, 2)) / weight.sum(dim=(1, 2))
        return score.double().cpu().numpy()

    sides = (real.congruency, generated.congruency, real.gradient, generated.gradient)
    return np.concatenate(_by_batches(likeness, *sides))


def phase_congruency(
    images: torch.Tensor, filters: torch.Tensor, thresholds: torch.Tensor
) -> torch.Tensor:
    """The phase congruency [N, H, W], 0 to 1, of images [N, H, W] float32, 0 to 255.

    Kovesi 1999, "Image Features from Phase Congruency", with the parameters and the form of FSIM's
    program, which piq follows. `filters`, `thresholds`: of `_filter_bank`.
    """
    spectrum = torch.fft.fft2(images)[:, None]  # [N, 1, H, W]
    energy, amplitude = torch.zeros_like(images), torch.zeros_like(images)
    for own_filters, threshold in zip(filters, thresholds, strict=True):
        responses = torch.fft.ifft2(spectrum * own_filters)  # [N, SCALES, H, W]
        even, odd = responses.real.contiguous(), responses.imag.contiguous()
        amplitudes = (even**2 + odd**2).sqrt_()
        sum_even, sum_odd = even.sum(dim=1), odd.sum(dim=1)
        total = (sum_even**2 + sum_odd**2).sqrt_()  # [N, H, W]
        even *= (sum_odd / (total + _EPSILON))[:, None]
        odd *= (sum_even / (total + _EPSILON))[:, None]
        # responses along the mean phase add up to the total; responses across are subtracted
        along = total**2 / (total + _EPSILON)
        across = (even - odd).abs_().sum(dim=1)
        median = amplitudes[:, 0].flatten(1).median(dim=1).values
        noise = (threshold * median)[:, None, None]
        energy += (along - across - noise).clamp_(min=0)
        amplitude += amplitudes.sum(dim=1)
    return (energy + _EPSILON) / (amplitude + _EPSILON)


def _filter_bank(
    height: int, width: int, device: torch.device | str
) -> tuple[torch.Tensor, torch.Tensor]:
    """Log-Gabor filters in the frequency plane [ORIENTATIONS, SCALES, H, W] for images [H, W], and
    each orientation's noise threshold of the energy, in units of the median amplitude at the finest
    scale; float32."""
    y, x = torch.meshgrid(_frequencies(height), _frequencies(width), indexing="ij")
    # Angles from the vertical, as in piq. With angles from the horizontal, some filters would be
    # mirrored at the origin. That conjugates their responses: the congruency would be the same
    # except at frequency 1/2.
    radius, angle = torch.hypot(y, x), torch.atan2(-x, y)
    low_pass = 1 / (1 + (radius / _CUTOFF) ** (2 * _ORDER))
    radius[0, 0] = 1  # any positive number: the filters are zero there
    waves = _SHORTEST * 2.0 ** torch.arange(_SCALES, dtype=torch.float64)[:, None, None]
    radial = torch.exp(-(torch.log(radius * waves) ** 2) / (2 * math.log(_BANDWIDTH) ** 2))
    radial *= low_pass  # [SCALES, H, W]
    radial[:, 0, 0] = 0
    directions = torch.arange(_ORIENTATIONS, dtype=torch.float64)[:, None, None]
    turned = angle - directions * math.pi / _ORIENTATIONS
    turned = torch.atan2(torch.sin(turned), torch.cos(turned))
    spread = torch.exp(-(turned**2) / (2 * _ANGULAR_DEVIATION**2))  # [ORIENTATIONS, H, W]
    filters = spread[:, None] * radial

    # The squared amplitude of gaussian noise has the median log(2) times its mean. The noise's
    # energy is Rayleigh distributed and follows from the power of the filters and their sum.
    together = torch.fft.ifft2(filters.sum(dim=1)).real
    power = height * width * (together**2).sum(dim=(1, 2))
    finest = (filters[:, 0] ** 2).sum(dim=(1, 2))
    tau = torch.sqrt(power / finest / math.log(2))
    mean, deviation = math.sqrt(math.pi / 2), math.sqrt(2 - math.pi / 2)
    thresholds = tau * (mean + _NOISE_DEVIATIONS * deviation) / _NOISE_SCALE
    return filters.float().to(device), thresholds.float().to(device)


def _frequencies(length: int) -> torch.Tensor:
    """Cycles per pixel in the FFT's order, float64. As in FSIM's program, odd lengths reach 1/2."""
    steps = torch.fft.ifftshift(torch.arange(length, dtype=torch.float64) - length // 2)
    return steps / (length - length % 2)


def _by_batches(work: Callable[..., Any], *images: torch.Tensor) -> list[Any]:
    """The results of `work` for tensors [N, ...], batch by batch. On a CPU a batch is one image,
    which fits into the cache, and torch's number of threads works on batches in parallel. Results
    are the same for every number of threads."""
    on_cpu = images[0].device.type == "cpu"
    batches = zip(*(part.split(1 if on_cpu else _BATCH) for part in images), strict=True)
    with workers(torch.get_num_threads() if on_cpu else 1) as pool:
        return list(pool.map(lambda batch: torch.inference_mode()(work)(*batch), batches))


def _similarity(a: torch.Tensor, b: torch.Tensor, constant: float) -> torch.Tensor:
    return (2 * a * b + constant) / (a**2 + b**2 + constant)


def _window(images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """SSIM's gaussian window for images [..., H, W]: float64 matrices, left [H - 10, H] and right
    [W, W - 10]. left @ images @ right are the means over whole windows."""
    matrices = []
    for length in images.shape[-2:]:
        offsets = torch.arange(length) - torch.arange(length - _WINDOW + 1)[:, None]
        distances = (offsets - _WINDOW // 2).double()
        weights = torch.exp(-(distances**2) / (2 * _SIGMA**2))
        weights *= (offsets >= 0) & (offsets < _WINDOW)
        matrices.append((weights / weights.sum(dim=1, keepdim=True)).to(images.device))
    return matrices[0], matrices[1].T


def _gradient(gray: torch.Tensor) -> torch.Tensor:
    """The magnitude of Scharr's gradient of images [N, H, W] padded by zeros: [N, H, W]."""
    padded = nn.functional.pad(gray, (1, 1, 1, 1))
    side, middle = 3 / 16, 10 / 16
    down = side * (padded[:, :-2] + padded[:, 2:]) + middle * padded[:, 1:-1]  # smoothed
    across = side * (padded[..., :-2] + padded[..., 2:]) + middle * padded[..., 1:-1]
    return torch.hypot(down[..., 2:] - down[..., :-2], across[:, 2:] - across[:, :-2])


def scoot(real: Measured, generated: Measured) -> np.ndarray:
    """Structure co-occurrence texture (Fan et al. 2019, "Scoot: A Perceptual Metric for Facial
    Sketches", and their scoot_measure.m): 1 / (1 + |difference of the features|), 0 to 1."""
    return 1 / (1 + np.linalg.norm(real.texture - generated.texture, axis=1))


def scoot_features(sketches: np.ndarray) -> np.ndarray:
    """Contrast and energy of the co-occurrence matrices, [N, 2 * BLOCKS^2].

    As in the authors' program, gray is cut into 6 levels, sixths of 255 (255 is in the last level),
    and the image into 4 x 4 blocks, edges rounded down. In each block, pairs of levels of
    neighbouring pixels are counted for four directions. P is the mean of the four matrices of
    counts, rounded to integers and normalised to sum 1. Contrast is the sum of P (i - j)^2, energy
    the sum of P^2.
    """
    count, height, width = sketches.shape
    levels = np.minimum(sketches.astype(np.int64) * LEVELS // 255, LEVELS - 1)  # [N, H, W]
    base = np.arange(count)[:, None, None] * LEVELS**2
    gap = (np.arange(LEVELS)[:, None] - np.arange(LEVELS)) ** 2  # [LEVELS, LEVELS]
    features = []
    edges_y, edges_x = (side * np.arange(BLOCKS + 1) // BLOCKS for side in (height, width))
    for (top, bottom), (left, right) in product(pairwise(edges_y), pairwise(edges_x)):
        block = levels[:, top:bottom, left:right]
        first_code = block * LEVELS + base
        h, w = block.shape[1:]
        total = np.zeros(count * LEVELS**2, np.int64)  # counts of all directions
        for up, across in _DIRECTIONS:
            begin, end = max(0, -across), w - max(0, across)
            code = first_code[:, up:, begin:end] + block[:, : h - up, begin + across : end + across]
            total += np.bincount(code.ravel(), minlength=len(total))
        # the mean of four directions, half a count rounded up
        mean = ((total + 2) // 4).reshape(count, LEVELS, LEVELS)
        shares = mean / mean.sum(axis=(1, 2), keepdims=True)
        features += [(shares * gap).sum(axis=(1, 2)), (shares**2).sum(axis=(1, 2))]
    return np.stack(features, axis=1)


def load_lpips(
    vgg: str | Path, linear_weights: str | Path, sha256: str | None = None
) -> "ContentLoss":
    """The network of LPIPS (Zhang et al. 2018) from two weights files: torchvision's VGG16, checked
    against `sha256` (by default the published hash), and piq's weights of the layers, for which no
    hash is published. Raises InputError if a file is missing, has another hash or other content."""
    if missing := [path for path in (vgg, linear_weights) if not Path(path).is_file()]:
        fault = "no such weights file; put torchvision's VGG16 and piq's LPIPS weights there"
        raise InputError([f"{path}: {fault}, or set evaluation.lpips to null" for path in missing])
    verify_weights(LPIPS_NETWORK, Path(vgg), sha256)
    import torchvision  # seconds of imports, which only LPIPS needs
    from piq.perceptual import VGG16_LAYERS, ContentLoss

    with torch.device("meta"):  # random weights would take seconds
        network = torchvision.models.vgg16(weights=None, init_weights=False).features
    try:
        state = torch.load(vgg, map_location="cpu", weights_only=True)
        found = {name[9:]: value for name, value in state.items() if name.startswith("features.")}
        network.load_state_dict(found, assign=True)
        linear = torch.load(linear_weights, map_location="cpu", weights_only=True)
        if [tuple(each.shape) for each in linear] != [(1, c, 1, 1) for c in _LPIPS_LAYERS.values()]:
            raise RuntimeError("other shapes than those of LPIPS on VGG16")
    except Exception as error:  # a broken file can raise any kind of error in torch's reader
        reason, *_ = str(error).splitlines() or [type(error).__name__]
        fault = f"{vgg} and {linear_weights} are not the weights of LPIPS ({reason}); replace them"
        raise InputError([fault]) from error
    layers = [VGG16_LAYERS[name] for name in _LPIPS_LAYERS]
    return ContentLoss(network.eval(), layers, linear, normalize_features=True, reduction="none")


def lpips(real: Measured, generated: Measured, network: "ContentLoss") -> np.ndarray:
    """Learned perceptual distance, 0 if equal. `network` must be on the sketches' device."""

    def distance(a: torch.Tensor, b: torch.Tensor) -> np.ndarray:
        a, b = (side[:, None].expand(-1, 3, -1, -1) for side in (a, b))  # [B, 3, H, W] in 0..1
        return network(a, b).double().cpu().numpy()

    with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
        return np.concatenate(_by_batches(distance, real.pixels, generated.pixels))
