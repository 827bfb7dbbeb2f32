"""Phase congruency of gray images, the feature that FSIM compares.

Kovesi 1999, "Image Features from Phase Congruency", with the parameters and the form of FSIM's
program (Zhang et al. 2011, "FSIM: A Feature Similarity Index for Image Quality Assessment"), which
piq follows: log-Gabor filters of 4 orientations and 4 scales.
"""

import math
from dataclasses import dataclass

import torch

ORIENTATIONS = 4
SCALES = 4
_SHORTEST = 6  # pixels, the wavelength of the finest scale; the next scale's is twice as long
_BANDWIDTH = 0.55  # of a filter: deviation over centre frequency
_ANGULAR_DEVIATION = math.pi / ORIENTATIONS / 1.2
_CUTOFF, _ORDER = 0.45, 15  # of the Butterworth low-pass, which removes the corners
_NOISE_DEVIATIONS = 2.0
_NOISE_SCALE = 1.7  # this form of congruency overestimates the noise by this factor
_EPSILON = torch.finfo(torch.float32).eps


@dataclass(frozen=True)
class FilterBank:
    """Filters in the frequency plane [ORIENTATIONS, SCALES, H, W] float32, and each orientation's
    noise threshold of the energy, in units of the median amplitude at the finest scale."""

    filters: torch.Tensor
    thresholds: torch.Tensor

    @classmethod
    def of(cls, height: int, width: int, device: torch.device | str = "cpu") -> "FilterBank":
        """For images [height, width]."""
        y, x = torch.meshgrid(_frequencies(height), _frequencies(width), indexing="ij")
        # Angles from the vertical, as in piq. With angles from the horizontal, some filters would
        # be mirrored at the origin. That conjugates their responses: the congruency would be the
        # same except at frequency 1/2.
        radius, angle = torch.hypot(y, x), torch.atan2(-x, y)
        low_pass = 1 / (1 + (radius / _CUTOFF) ** (2 * _ORDER))
        radius[0, 0] = 1  # any positive number: the filters are zero there
        waves = _SHORTEST * 2.0 ** torch.arange(SCALES, dtype=torch.float64)[:, None, None]
        radial = torch.exp(-(torch.log(radius * waves) ** 2) / (2 * math.log(_BANDWIDTH) ** 2))
        radial = radial * low_pass  # [SCALES, H, W]
        radial[:, 0, 0] = 0
        directions = torch.arange(ORIENTATIONS, dtype=torch.float64)[:, None, None]
        turned = angle - directions * math.pi / ORIENTATIONS
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
        return cls(filters.float().to(device), thresholds.float().to(device))

    def congruency(self, images: torch.Tensor) -> torch.Tensor:
        """The congruency [N, H, W], 0 to 1, of images [N, H, W] float32, 0 to 255."""
        spectrum = torch.fft.fft2(images)[:, None]  # [N, 1, H, W]
        energy, amplitude = torch.zeros_like(images), torch.zeros_like(images)
        for filters, threshold in zip(self.filters, self.thresholds, strict=True):
            responses = torch.fft.ifft2(spectrum * filters)  # [N, SCALES, H, W]
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


def _frequencies(length: int) -> torch.Tensor:
    """Cycles per pixel in the FFT's order, float64. As in FSIM's program, odd lengths reach 1/2."""
    steps = torch.fft.ifftshift(torch.arange(length, dtype=torch.float64) - length // 2)
    return steps / (length - length % 2)
