"""Eyes, brows, nose and mouth, located from the pixels around the five points.

The points only say where to look: each feature follows the dark pixels there. Eyelids, brows and
the line between the lips are dark lines across the face. Each is found as the best path through the
columns (dynamic programming), and ends where the darkness fades. Darkness is measured against the
surroundings, so that photos and sketches, light and dark skin are treated alike. What the pixels
leave open follows the usual proportions of a face: the sides of the nose, and the shapes of the
lower lid and the lips between corner and middle.

Lengths are in units of the atlas, and `unit` pixels are a unit. Blurs are standard deviations.
"""

from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from photosketch.data import images
from photosketch.data.array_types import Field, Image, Mask, Points
from photosketch.parsing import atlas
from photosketch.parsing.atlas import FaceFrame
from photosketch.parsing.labels import BROWS, EYES, MOUTH, NOSE

_DARKEST = 2.5  # more darkness counts as this

Rows = NDArray[np.int64]


def find_features(image: Image, points: Points, frame: FaceFrame) -> Iterator[tuple[int, Mask]]:
    """Label and mask [H, W] of nose, mouth, brows and eyes of an upright face. `points` [5, 2]. If
    masks overlap, a later one wins."""
    unit = frame.unit
    gray = images.gray(image).astype(np.float32)
    # Darkness, in spreads of the gray values around.
    local = cv2.GaussianBlur(gray, (0, 0), 9 * unit)
    variance = cv2.GaussianBlur((gray - local) ** 2, (0, 0), 12 * unit)
    spread = 6 + np.sqrt(variance)  # 6 gray levels, so that noise on smooth skin does not count
    fine = cv2.GaussianBlur(gray, (0, 0), 0.7 * unit)
    dark = (local - fine) / spread
    # The strokes of a sketch run together.
    soft = (local - cv2.GaussianBlur(gray, (0, 0), 1.8 * unit)) / spread
    lips = -fine  # lips stand out because they are dark and, in a photo, red
    if image.ndim == 3:
        redness = cv2.cvtColor(image, cv2.COLOR_RGB2LAB)[..., 1].astype(np.float32)
        lips = 2 * cv2.GaussianBlur(redness, (0, 0), 1.2 * unit) - fine

    eyes, brows = np.zeros((2, *gray.shape), bool)
    irises = []
    for point, outwards in zip(points[:2], (-1, 1), strict=True):
        irises.append(_paste_eye(eyes, dark, point, unit))
        _paste_brow(brows, dark, soft, irises[-1], outwards, unit)
    nose, nostrils = _nose(dark, soft, points[2], np.mean(irises, axis=0), unit)
    mouth = _mouth(dark, lips, points[3:], nostrils, unit)
    return zip((NOSE, MOUTH, BROWS, EYES), (nose, mouth, brows, eyes), strict=True)


class _Window:
    """A window of the picture around a point; it may reach past the borders. rows [h] and columns
    [w] are its pixels; x [1, w] and y [h, 1] their positions from the point, in units."""

    def __init__(self, point: Points, unit: float, reach: tuple[float, float, float]) -> None:
        half, above, below = reach
        left, right = (round(point[0] + side * half * unit) for side in (-1, 1))
        top, bottom = (round(point[1] + y * unit) for y in (above, below))
        self.rows, self.columns = np.arange(top, bottom + 1), np.arange(left, right + 1)
        self.x = (self.columns.astype(np.float32)[None] - point[0]) / unit
        self.y = (self.rows.astype(np.float32)[:, None] - point[1]) / unit

    def of(self, field: Field) -> Field:
        """The window's part [h, w] of a picture-sized field; the border is repeated outside."""
        return field.take(self.rows, 0, mode="clip").take(self.columns, 1, mode="clip")

    def paste(self, part: Mask, mask: Mask) -> None:
        """Set the pixels of a picture-sized mask that the window's part [h, w] has set."""
        height, width = mask.shape
        down = (self.rows >= 0) & (self.rows < height)
        across = (self.columns >= 0) & (self.columns < width)
        mask[np.ix_(self.rows[down], self.columns[across])] |= part[np.ix_(down, across)]


def _paste_eye(eyes: Mask, dark: Field, point: Points, unit: float) -> Points:
    """Add the opening between an eye's lids to the mask `eyes`; return the iris's middle (x, y)."""
    window = _Window(point, unit, atlas.EYE_WINDOW)
    part = np.clip(window.of(dark), -1, _DARKEST)
    row, column = _iris(part, window, unit)

    # The upper lid.
    x, y = window.x - window.x[0, column], window.y - window.y[row, 0]  # from the iris
    first = max(column - round(13 * unit), 0)
    last = min(column + round(13 * unit), part.shape[1] - 1)
    usual = -4.3 + 5.5 * (x / 12.5) ** 2  # the corners lie lower than the middle
    off = (y - usual) ** 2
    score = np.clip(part, -1, 2) + 0.6 * ridge(part, 3 * unit) - 0.05 * off
    lid = trace(score[:, first : last + 1], stiffness=0.25)
    along = cv2.GaussianBlur(part, (0, 0), 0.8 * unit)[lid, np.arange(first, last + 1)]
    along = blurred(along, 1.2 * unit)
    level = 0.45 * float(np.quantile(along, 0.85))
    left, right = ends(along, column - first, level, 9 * unit, 13 * unit)
    start, lid = first + left, lid[left : right + 1]

    upper = smoothed(lid, 5 * unit)
    position = np.linspace(0, 1, len(lid))
    corners = upper[0] + (upper[-1] - upper[0]) * position
    middle = float(np.interp(column - start, np.arange(len(corners)), corners))
    sag = max(_lower_lid(part, row, column, unit) - middle, 1.5 * unit)
    bottom = corners + sag * (1 - (2 * position - 1) ** 2)
    rows = np.arange(len(part))[:, None]
    opening = np.zeros(part.shape, bool)
    opening[:, start : start + len(lid)] = (rows >= upper - unit) & (rows <= bottom)
    window.paste(opening, eyes)
    return np.array([window.columns[column], window.rows[row]], np.float64)


def _iris(dark: Field, window: _Window, unit: float) -> tuple[int, int]:
    """The (row, column) in an eye's window where a dark disc stands out most from the white."""
    reach = np.arange(-round(8 * unit), round(8 * unit) + 1, dtype=np.float32) / unit
    radius = np.hypot(reach[None], reach[:, None])
    disc = (radius < 4.6).astype(np.float32)
    between_lids = np.abs(reach[:, None]) < 4
    white = ((radius > 5.5) & (radius < 8) & between_lids).astype(np.float32)
    score = cv2.filter2D(dark, -1, disc / disc.sum() - 0.6 * white / white.sum())
    distance = np.hypot(window.x, window.y)
    score = np.where(distance < 6, score - distance**2 / 8**2, -np.inf)
    row, column = np.unravel_index(score.argmax(), score.shape)
    return int(row), int(column)


def _lower_lid(part: Field, row: int, column: int, unit: float) -> int:
    """The row of an eye's lower lid under the iris, where the iris's darkness ends."""
    strip = round(3 * unit)
    profile = part[:, max(column - strip, 0) : column + strip + 1].mean(1)
    skin = max(1, round(3 * unit))  # rows below the lid that the iris is compared with

    def score(reach: int) -> float:
        lid = row + reach
        contrast = profile[row : lid + 1].mean() - profile[lid + 1 : lid + 1 + skin].mean()
        return contrast - 0.1 * atlas.LOWER_LID.oddness(reach / unit)

    return row + max(atlas.LOWER_LID.searched(unit), key=score)


def _paste_brow(
    brows: Mask, dark: Field, soft: Field, iris: Points, outwards: int, unit: float
) -> None:
    """Add the brow above an iris to the mask `brows`; `outwards` is the x direction of its tail."""
    window = _Window(iris, unit, atlas.BROW_WINDOW)
    tone = np.clip(window.of(soft), -1, 2)
    x = outwards * window.x[0]
    standing = ridge(tone, 4.5 * unit)
    # The inner end and the tail of a brow lie lower.
    head = 3.0 * np.exp(-(((x + 14.0) / 6.0) ** 2))
    tail = 3.0 * np.maximum((x - 10.0) / 8.0, 0)
    off = (window.y - (-15.5 + head + tail)) ** 2
    path = trace(0.5 * tone + np.clip(standing, -1, 1) - 0.018 * off, stiffness=0.35)

    columns = np.arange(x.size)
    along = (0.5 * tone + 0.5 * np.maximum(standing, -1))[path, columns]
    along = blurred(along, 1.5 * unit)
    level = 0.4 * float(np.quantile(along[(x > -12) & (x < 14)], 0.8))  # a brow is surely there
    middle = int(np.abs(x - 2).argmin())
    left, right = ends(along, middle, level, 10 * unit, 19 * unit)

    over, under = _brow_edges(window.of(dark), path, unit)
    line = smoothed(path, 5 * unit)
    rows = np.arange(len(tone))[:, None]
    band = (rows >= line - over) & (rows <= line + under)
    window.paste(band & (columns >= left) & (columns <= right), brows)


def _brow_edges(dark: Field, path: Rows, unit: float) -> list[NDArray[np.float64]]:
    """How far a brow reaches above and below its path [W], in pixels. An edge lies halfway between
    the brow's darkness and the lightest row within reach."""
    fine = cv2.GaussianBlur(dark, (0, 0), sigmaX=1.2 * unit, sigmaY=0.4 * unit)
    away = np.arange(round(6 * unit) + 1)[:, None]
    edges = []
    for direction in (-1, 1):
        rows = np.clip(path + direction * away, 0, len(fine) - 1)
        values = fine[rows, np.arange(len(path))]  # [away, W]
        darkest, lightest = values[:3].max(0), values.min(0)
        thickness = (values < (darkest + lightest) / 2).argmax(0) - 0.5
        edges.append(smoothed(np.clip(thickness, 0.8 * unit, 4.5 * unit), 9 * unit))
    return edges


def _nose(dark: Field, soft: Field, tip: Points, eyes: Points, unit: float) -> tuple[Mask, float]:
    """The nose from the level of the eyes to below the nostrils, and the nostrils' row."""
    centre, y = _nostrils(soft, tip, unit)
    wings = _wings(dark, tip + [0, y * unit], centre, unit)
    root = (eyes[1] - tip[1]) / unit + 2
    bridge, side, base = y - 19, y - 8, y + 3
    left, right = (
        [(4.5, root), (5.5, bridge), (0.82 * wing, side), (wing, y - 1.5), (0.6 * wing, base)]
        for wing in wings
    )
    outline = [(-x, height) for x, height in left] + [(0, y + 4)] + right[::-1]
    mask = np.zeros(dark.shape, np.uint8)
    corners = (np.array(outline) + [centre, 0]) * unit + tip
    bits = 4  # of a pixel's fractions in OpenCV's polygons
    cv2.fillPoly(mask, [np.rint(corners * 2**bits).astype(np.int32)], 1, cv2.LINE_8, bits)
    return mask > 0, float(tip[1] + y * unit)


def _nostrils(soft: Field, tip: Points, unit: float) -> tuple[float, float]:
    """The middle (x, y) of both nostrils, in units from the tip of the nose."""
    window = _Window(tip, unit, atlas.NOSE_WINDOW)
    tone = np.clip(window.of(soft), -0.5, _DARKEST)
    sides = [tone - 0.25 * atlas.NOSTRIL.squared(side * window.x, window.y) for side in (-1, 1)]
    # Both nostrils lie in about the same row.
    best = [cv2.dilate(side.max(1)[:, None], np.ones((3, 1)))[:, 0] for side in sides]
    row = int((best[0] + best[1]).argmax())
    near = slice(max(row - 1, 0), row + 2)
    places = [np.unravel_index(side[near].argmax(), side[near].shape) for side in sides]
    left, right = (float(window.x[0, column]) for _, column in places)
    return (left + right) / 2, float(np.mean([window.y[near.start + r, 0] for r, _ in places]))


def _wings(dark: Field, nostrils: Points, centre: float, unit: float) -> list[float]:
    """How far the nose reaches left and right of its centre, to a dark edge, in units. `nostrils`
    is a point (x, y) in the nostrils' row; `centre` is the x of the centre from there."""
    window = _Window(nostrils, unit, atlas.WING_WINDOW)
    edge = blurred(window.of(dark).mean(0), 0.8 * unit)
    usual = atlas.WING
    widths = []
    for direction in (-1, 1):
        away = direction * (window.x[0] - centre)
        price = 0.15 * usual.oddness(away)
        price = np.where((away >= usual.least) & (away <= usual.most), price, np.inf)
        widths.append(float(away[(edge - price).argmax()]))
    return widths


def _mouth(dark: Field, lips: Field, corners: Points, nostrils: float, unit: float) -> Mask:
    """The mask of the mouth: the field `lips` [H, W] is higher on lips than on skin."""
    middle, across = corners.mean(0), corners[1] - corners[0]
    window = _Window(middle, unit, atlas.MOUTH_WINDOW)
    part = np.clip(window.of(dark), -1, _DARKEST)
    slope = across[1] / max(across[0], 1)
    # In CUHK's m-032-01 the nostrils would be taken for the mouth without these 8 units.
    top = (nostrils - middle[1]) / unit + 8
    lines = cv2.GaussianBlur(part, (0, 0), sigmaX=1.5 * unit, sigmaY=0.5 * unit)
    standing = np.clip(ridge(lines, 3 * unit), -1, 1.5)
    off = (window.y - slope * window.x) / 10
    score = 0.6 * lines + standing - off**2
    score = score - 2 * (window.y < top)  # the nostrils lie there
    path = trace(score.astype(np.float32), stiffness=0.5)  # between the lips

    # The corners, where the line between the lips fades.
    half = float(across[0]) / 2
    soft = cv2.GaussianBlur(part, (0, 0), unit)
    standing = np.maximum(ridge(soft, 3 * unit), -1)
    columns = np.arange(part.shape[1])
    along = blurred((0.5 * soft + 0.5 * standing)[path, columns], 1.2 * unit)
    sure = np.abs(window.x[0]) * unit < 0.8 * half  # there the line is dark
    level = 0.45 * float(np.quantile(along[sure], 0.85))
    least, most = max(12 * unit, half - 6 * unit), min(half + 6 * unit, 30 * unit)
    left, right = ends(along, len(columns) // 2, level, least, most)

    line = smoothed(path, 7 * unit)
    # From -1 to 1 between the corners.
    position = (columns - (left + right) / 2) / ((right - left) / 2)
    over, under = _lip_thicknesses(window.of(lips), line, np.abs(position) < 0.5, unit)
    top = line - over * np.clip(1 - np.abs(position) ** 1.7, 0, 1) ** 0.9
    bottom = line + under * np.clip(1 - np.abs(position) ** 2, 0, 1) ** 0.8
    rows = np.arange(len(part))[:, None]
    rim = 0.8 * unit  # beyond a lip's edge, still of the lip
    mask = np.zeros(dark.shape, bool)
    window.paste((rows >= top - rim) & (rows <= bottom + rim) & (np.abs(position) <= 1), mask)
    return mask


def _lip_thicknesses(
    lips: Field, line: NDArray[np.float64], central: Mask, unit: float
) -> tuple[float, float]:
    """How far the lips reach above and below the line between them, in pixels."""
    above, below = round(13 * unit), round(17 * unit)  # the lips and some skin
    away = np.arange(-above, below + 1)[:, None]
    rows = np.clip(np.rint(line + away).astype(int), 0, len(lips) - 1)
    profile = lips[rows, np.arange(len(line))][:, central].mean(1)
    profile = (profile - profile.mean()) / (profile.std() + 1e-3)  # a flat profile stays flat
    over = _thickness(profile[above::-1], unit, atlas.UPPER_LIP)
    return over, _thickness(profile[above:], unit, atlas.LOWER_LIP)


def _thickness(profile: Field, unit: float, usual: atlas.Extent) -> float:
    """How far a lip reaches along a profile from the line between the lips outwards, in pixels."""
    first = edge = usual.searched(unit).start
    best = -np.inf
    for reach in usual.searched(unit):
        beyond = profile[reach + 1 : reach + 1 + max(1, round(4 * unit))]
        if len(beyond) < 2:
            break
        contrast = profile[1 : reach + 1].mean() - beyond.mean()
        score = contrast + 0.5 * (profile[reach] - beyond[1]) - 0.4 * usual.oddness(reach / unit)
        if score > best:
            edge, best = reach, score
    # A second dark line beyond the highlight of a lip is the lip's outline or its shadow.
    outline = first + int(profile[first : edge + 1].argmax())
    if profile[outline] > profile[2 : outline + 1].min() + 0.15:
        return outline - 0.5 * unit
    return float(edge)


def trace(score: Field, stiffness: float) -> Rows:
    """The row in each column [W] of the path that gathers the most of a score [H, W]. From one
    column to the next it rises or falls by d rows, at most 2, which costs stiffness * d^2."""
    height, width = score.shape
    leap = 2
    steps = np.arange(-leap, leap + 1)
    price = (stiffness * steps**2).astype(np.float32)[:, None]
    rows = np.arange(height)
    sources = rows + steps[:, None]  # [steps, H]
    padded = np.full(height + 2 * leap, -np.inf, np.float32)
    came = np.zeros((width, height), np.int64)
    best = score[:, 0]
    for column in range(1, width):
        padded[leap:-leap] = best
        options = padded[sources + leap] - price
        choice = options.argmax(0)
        came[column] = sources[choice, rows]
        best = options[choice, rows] + score[:, column]
    path = np.empty(width, np.int64)
    path[-1] = int(best.argmax())
    for column in range(width - 1, 0, -1):
        path[column - 1] = came[column, path[column]]
    return path


def ridge(field: Field, reach: float) -> Field:
    """How far a field [H, W] rises above the pixels `reach` rows over and under, the larger."""
    steps = max(1, round(reach))
    rows = np.arange(len(field))
    over, under = np.maximum(rows - steps, 0), np.minimum(rows + steps, len(field) - 1)
    return field - np.maximum(field[over], field[under])


def ends(values: Field, middle: int, level: float, nearest: float, farthest: float) -> list[int]:
    """The first positions left and right of `middle` at which values [W] fall below a level. Both
    lie within the line, and between `nearest` and `farthest` away from the middle."""
    positions = []
    for direction in (-1, 1):
        away = np.arange(round(nearest), round(farthest) + 1)
        places = np.clip(middle + direction * away, 0, len(values) - 1)
        faded = np.flatnonzero(values[places] < level)
        positions.append(int(places[faded[0] if len(faded) else -1]))
    return positions


def blurred(values: Field, deviation: float) -> Field:
    """A line of values [W] blurred by a Gaussian of that standard deviation."""
    return cv2.GaussianBlur(values[None], (0, 0), deviation)[0]


def smoothed(values: NDArray[Any], width: float) -> NDArray[np.float64]:
    """The moving average of a line [W] over about `width` positions; its ends are repeated."""
    half = max(0, round((width - 1) / 2))
    padded = np.pad(values.astype(np.float64), half, mode="edge")
    return np.convolve(padded, np.full(2 * half + 1, 1 / (2 * half + 1)), "valid")
