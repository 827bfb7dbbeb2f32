"""Drawing tools behind the generated faces: curves, antialiased shapes, textures, a layered canvas.

Points are (x, y) in pixels of the finished 200x250 image, pixel centres at integers. The canvas is
`SCALE` times finer and reaches `MARGIN` pixels past each side, so that a deformed sketch still
finds drawing, not a replicated border, where it looks beyond the frame.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

Array = np.ndarray  # float32
Image = np.ndarray  # uint8
Points = npt.ArrayLike  # [N, 2]
Colour = Sequence[float] | Array  # one RGB triple, or one for each pixel of the canvas
Tone = float | Array

WIDTH, HEIGHT = 200, 250
MARGIN = 12
SCALE = 2
ROWS, COLUMNS = SCALE * (HEIGHT + 2 * MARGIN), SCALE * (WIDTH + 2 * MARGIN)
_FRACTION_BITS = 4  # OpenCV draws at sixteenths of a pixel


def vector(values: npt.ArrayLike) -> Array:
    """Numbers as a float32 array."""
    return np.asarray(values, np.float32)


def axes(scale: int = SCALE, margin: int = MARGIN) -> tuple[Array, Array]:
    """x [W] of the columns and y [H] of the rows of a grid, in finished pixels."""
    x, y = (
        vector((np.arange(scale * (size + 2 * margin)) + 0.5) / scale - 0.5 - margin)
        for size in (WIDTH, HEIGHT)
    )
    return x, y


def to_canvas(points: Points) -> Array:
    """Finished pixels to canvas pixels (pixel centres at integers in both)."""
    return (vector(points) + 0.5 + MARGIN) * SCALE - 0.5


def shrunk(fine: Array) -> Array:
    """From canvas resolution to that of the images, by the mean."""
    return cv2.resize(fine, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)


def curve(points: Points, closed: bool = False, steps: int = 8) -> Array:
    """A smooth (Catmull-Rom) line through the points, `steps` pieces between each two."""
    p = vector(points)
    if closed:
        p = np.concatenate([p[-1:], p, p[:2]])
    else:
        p = np.concatenate([2 * p[:1] - p[1:2], p, 2 * p[-1:] - p[-2:-1]])
    t = (np.arange(steps, dtype=np.float32) / steps)[None, :, None]  # [1, steps, 1]
    a, b, c, d = (p[i : len(p) - 3 + i, None] for i in range(4))  # [pieces, 1, 2] each
    line = b + t / 2 * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)))
    line = line.reshape(-1, 2)
    return line if closed else np.concatenate([line, p[-2:-1]])


def mirrored(points: Points, centre: float) -> Array:
    """A line and its mirror image after it; x is counted from the middle line, where it ends."""
    left = vector(points)
    right = left[::-1] * [-1, 1]
    return vector(np.concatenate([left, right[1:]]) + [centre, 0])


def arch(points: Points, centre: float) -> Array:
    """The curve through a line and its mirror image."""
    return curve(mirrored(points, centre))


def ellipse(centre: Sequence[float], radii: Sequence[float], angle: float = 0.0) -> Array:
    """The outline of an ellipse, turned by `angle` radians."""
    t = np.linspace(0, 2 * np.pi, 48, endpoint=False, dtype=np.float32)
    x, y = radii[0] * np.cos(t), radii[1] * np.sin(t)
    turned = [x * np.cos(angle) - y * np.sin(angle), x * np.sin(angle) + y * np.cos(angle)]
    return np.stack(turned, axis=1) + vector(centre)


def ribbon(line: Array, width: float, *taper: float) -> Array:
    """The outline of a pen stroke along a line; `taper`: its relative widths from end to end."""
    taper = taper or (0.15, 1.0, 0.15)
    along = np.gradient(line, axis=0)
    normal = np.stack([-along[:, 1], along[:, 0]], axis=1)
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-6)
    position = np.linspace(0, 1, len(line))
    half = width / 2 * np.interp(position, np.linspace(0, 1, len(taper)), taper)[:, None]
    return vector(np.concatenate([line + half * normal, (line - half * normal)[::-1]]))


def bumps(rows: Points, x: Array, y: Array) -> Array:
    """The sum of Gaussian bumps (centre x, centre y, sigma x, sigma y, height) on a grid [H, W]."""
    cx, cy, sx, sy, height = np.asarray(rows).T[:, :, None]  # [K, 1] each
    across = np.exp(-0.5 * ((x - cx) / sx) ** 2)  # [K, W]
    down = np.exp(-0.5 * ((y - cy) / sy) ** 2)  # [K, H]
    return vector((height * down).T @ across)


def uniform(texture: Array) -> Array:
    """A bell-shaped texture brought to values spread evenly over 0..1."""
    z = (texture - texture.mean()) / texture.std()
    return vector(0.5 + 0.5 * np.tanh(0.8 * z))


def sample(layer: Array, points: Array, interpolation: int = cv2.INTER_LINEAR) -> Array:
    """A layer of the canvas at points [H, W, 2]; beyond its border the border's values."""
    border = cv2.BORDER_REPLICATE
    return cv2.remap(layer, to_canvas(points), None, interpolation, borderMode=border)


def strokes(rng: np.random.Generator, angle: float, length: float, width: float) -> Array:
    """Canvas-sized texture of straight strokes, values spread over 0..1; angle in degrees."""
    noise = rng.standard_normal((ROWS, COLUMNS), dtype=np.float32)
    size = int(length * SCALE) | 1
    kernel = np.zeros((size, size), np.float32)
    reach = (size // 2) * np.array([np.cos(np.radians(angle)), -np.sin(np.radians(angle))])
    start, end = (np.round((size // 2 + sign * reach) * 16).astype(int) for sign in (-1, 1))
    cv2.line(kernel, start.tolist(), end.tolist(), 1.0, 1, cv2.LINE_AA, 4)
    return uniform(cv2.GaussianBlur(cv2.filter2D(noise, -1, kernel), (0, 0), width * SCALE))


def cloud(rng: np.random.Generator, size: float) -> Array:
    """Canvas-sized smooth noise with zero mean, unit spread and grains of about `size` pixels."""
    coarse = rng.standard_normal((int(HEIGHT / size) + 4, int(WIDTH / size) + 4), dtype=np.float32)
    noise = cv2.resize(coarse, (COLUMNS, ROWS), interpolation=cv2.INTER_CUBIC)
    return (noise - noise.mean()) / noise.std()


@dataclass(frozen=True)
class Shape:
    """A soft mask (0..1) over a window of the canvas."""

    mask: Array
    window: tuple[slice, slice]

    def times(self, opacity: Tone) -> "Shape":
        """This shape made more transparent, everywhere or by a mask of the whole canvas."""
        return Shape(self.mask * _within(opacity, self.window), self.window)

    def on_canvas(self) -> Array:
        """The mask over the whole canvas."""
        whole = np.zeros((ROWS, COLUMNS), np.float32)
        whole[self.window] = self.mask
        return whole


def _within(values: Colour | Tone, window: tuple[slice, slice]) -> Array:
    """What a window shows of values, of one for all pixels or one for each."""
    values = vector(values)
    return values[window] if values.ndim > 1 else values


def fill(outline: Points, softness: float = 0.35) -> Shape:
    """The inside of an outline, its edge blurred by `softness` pixels."""
    points = to_canvas(outline)
    reach = int(3 * softness * SCALE) + 2
    low = np.clip(np.floor(points.min(0)).astype(int) - reach, 0, [COLUMNS - 1, ROWS - 1])
    high = np.clip(np.ceil(points.max(0)).astype(int) + reach + 1, low + 1, [COLUMNS, ROWS])
    mask = np.zeros((high - low)[::-1], np.uint8)
    fixed = np.round((points - low) * 2**_FRACTION_BITS).astype(np.int32)
    cv2.fillPoly(mask, [fixed], 255, cv2.LINE_AA, _FRACTION_BITS)
    soft = cv2.GaussianBlur(mask.astype(np.float32) / 255, (0, 0), softness * SCALE)
    return Shape(soft, (slice(low[1], high[1]), slice(low[0], high[0])))


class Canvas:
    """A picture in layers that are covered together: whatever is painted hides all that lies below.

    rgb [ROWS, COLUMNS, 3]: the photo's colours, 0..255. tone: how dark the sketch is to be, 0..1.
    grain: the texture of its strokes, 0..1. lines: its contour strokes, 0..1. labels: classes.
    """

    def __init__(self, colour: Array, grain: Array) -> None:
        self.rgb = colour
        self.hatch, self.grain = grain, grain.copy()
        self.tone, self.lines = np.zeros((2, ROWS, COLUMNS), np.float32)
        self.labels = np.zeros((ROWS, COLUMNS), np.uint8)

    def paint(
        self,
        shape: Shape,
        colour: Colour,
        tone: Tone,
        label: int | None = None,
        grain: Array | None = None,
    ) -> None:
        """Cover a shape; colour, tone and grain may be arrays over the whole canvas."""
        window, mask = shape.window, shape.mask
        self.rgb[window] += mask[..., None] * (_within(colour, window) - self.rgb[window])
        self.lines[window] *= 1 - mask
        texture = self.hatch if grain is None else grain
        for layer, values in ((self.tone, tone), (self.grain, texture)):
            layer[window] += mask * (_within(values, window) - layer[window])
        if label is not None:
            self.mark(shape, label)

    def mark(self, shape: Shape, label: int) -> None:
        """Label a shape without painting it."""
        self.labels[shape.window][shape.mask > 0.5] = label

    def line(self, points: Array, width: float, strength: float, *taper: float) -> None:
        """A contour stroke of the sketch, absent from the photo."""
        shape = fill(ribbon(points, width, *(taper or (0.3, 1.0, 0.3))), 0.3)
        below = self.lines[shape.window]
        np.maximum(below, strength * shape.mask, out=below)
