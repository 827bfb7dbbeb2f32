"""Eyes, brows, nose and mouth, located from the pixels around the five points.

The points only say where to look: each feature follows the dark pixels there. Eyelids, brows and
the line between the lips are dark lines across the face. Each is found as the best path through the
columns (dynamic programming), and ends where the darkness fades. Darkness is measured against the
surroundings, so that photos and sketches, light and dark skin are treated alike.

Shapes that the pixels leave open are completed by the usual proportions of a face: the lower lid,
the sides of the nose, the lips' outline between corner and middle.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from photosketch.data import images
from photosketch.data.array_types import Field, Image, Mask, Points
from photosketch.parsing import atlas
from photosketch.parsing.atlas import FaceFrame
from photosketch.parsing.labels import BROWS, EYES, MOUTH, NOSE
from photosketch.parsing.lines import Rows, blurred, ends, ridge, smoothed, trace

# Lengths are in units, blurs are standard deviations, unless a line says otherwise.

# Darkness, in spreads of the gray values around.
_SURROUNDINGS_BLUR = 9
_SPREAD_BLUR = 12
_LEAST_SPREAD = 6  # gray levels, added so that noise on smooth skin does not count
_FINE_BLUR = 0.7
_SOFT_BLUR = 1.8  # the strokes of a sketch run together
_DARKEST = 2.5  # more counts as this

# The lips stand out because they are dark and, in a photo, red.
_REDNESS_BLUR = 1.2
_REDNESS_WEIGHT = 2


@dataclass(frozen=True)
class _DarkLine:
    """How a dark line across the face is followed."""

    ridge: float  # the line is darker than the pixels this far above and below
    stiffness: float  # what a step by one row costs the path
    end_blur: float  # along the line, before its ends are looked for
    faded: float  # the line ends where its darkness falls below this share of
    quantile: float  # this quantile of its darkness
    smoothing: float  # width of the moving average of its rows

    def end_level(self, along: Field) -> float:
        """The darkness at which a line with this darkness along it ends."""
        return self.faded * float(np.quantile(along, self.quantile))


_LID = _DarkLine(3, stiffness=0.25, end_blur=1.2, faded=0.45, quantile=0.85, smoothing=5)
_BROW = _DarkLine(4.5, stiffness=0.35, end_blur=1.5, faded=0.4, quantile=0.8, smoothing=5)
_LIPS = _DarkLine(3, stiffness=0.5, end_blur=1.2, faded=0.45, quantile=0.85, smoothing=7)

# Eyes.
_WHITE_WEIGHT = 0.6  # of the white, from which the iris's darkness has to stand out
_LID_RIDGE_WEIGHT = 0.6
_LID_PLACE_WEIGHT = 0.05  # of the squared distance from the usual place
_LID_BLUR = 0.8  # before the lid's ends are looked for
_STRIP = 3  # half the width of the strip through the iris that the lower lid crosses
_SKIN_BELOW = 3  # rows below the lid that the iris is compared with
_LOWER_LID_PLACE_WEIGHT = 0.1

# Brows.
_BROW_PLACE_WEIGHT = 0.018  # of the squared distance from the usual place
_BROW_BLUR = (1.2, 0.4)  # along and across, before the edges are looked for
_BROW_EDGE_REACH = 6  # the largest distance from the path at which edges are looked for
_BROW_DARKEST_ROWS = 3  # rows from the path outwards: the darkest counts as the brow
_BROW_EDGE_SMOOTHING = 9  # width of the moving average of the edges

# The nose.
_NOSTRIL_PLACE_WEIGHT = 0.25
_WING_PLACE_WEIGHT = 0.15
_WING_BLUR = 0.8
_SUBPIXEL_BITS = 4  # of the coordinates of OpenCV's polygons

# The mouth.
_LIPS_BLUR = (1.5, 0.5)  # along and across
_LIPS_DARKNESS_WEIGHT = 0.6
_LIPS_LARGEST_RIDGE = 1.5  # more counts as this
_LIPS_PLACE_SPREAD = 10  # distance from the line through the corners that costs 1
_NOSTRILS_PRICE = 2  # of a path through the nostrils
_LIPS_SURE = 0.8  # of the mouth's half width: within, the line between the lips is surely dark
_LIPS_RIM = 0.8  # beyond a lip's edge that still belongs to the lip
_SKIN_BEYOND = 4  # rows beyond its edge that a lip is compared with
_LIP_STEP_WEIGHT = 0.5  # of the step at a lip's edge
_LIP_PLACE_WEIGHT = 0.4
_LIP_OUTLINE = 0.15  # how far a lip's outline stands out, in spreads of the profile
_LEAST_PROFILE_SPREAD = 1e-3  # added, so that a flat profile stays flat


def find_features(image: Image, points: Points, frame: FaceFrame) -> Iterator[tuple[int, Mask]]:
    """Label and mask [H, W] of nose, mouth, brows and eyes of an upright face.

    `points` [5, 2]. If masks overlap, a later one wins.
    """
    shape = image.shape[:2]
    unit = frame.unit
    gray = images.gray(image).astype(np.float32)
    local = cv2.GaussianBlur(gray, (0, 0), _SURROUNDINGS_BLUR * unit)
    variance = cv2.GaussianBlur((gray - local) ** 2, (0, 0), _SPREAD_BLUR * unit)
    spread = _LEAST_SPREAD + np.sqrt(variance)
    fine = cv2.GaussianBlur(gray, (0, 0), _FINE_BLUR * unit)
    dark = (local - fine) / spread
    soft = (local - cv2.GaussianBlur(gray, (0, 0), _SOFT_BLUR * unit)) / spread
    lips = -fine
    if image.ndim == 3:
        redness = cv2.cvtColor(image, cv2.COLOR_RGB2LAB)[..., 1].astype(np.float32)
        lips = _REDNESS_WEIGHT * cv2.GaussianBlur(redness, (0, 0), _REDNESS_BLUR * unit) - fine

    eyes, brows, irises = np.zeros(shape, bool), np.zeros(shape, bool), []
    for point, outwards in zip(points[:2], (-1, 1), strict=True):
        iris = _paste_eye(eyes, dark, point, unit)
        _paste_brow(brows, dark, soft, iris, outwards, unit)
        irises.append(iris)
    nose, nostrils = _nose(dark, soft, points[2], np.mean(irises, axis=0), unit)
    mouth = _mouth(dark, lips, points[3:], nostrils, unit)
    return zip((NOSE, MOUTH, BROWS, EYES), (nose, mouth, brows, eyes), strict=True)


@dataclass(frozen=True)
class _Window:
    """A window of the picture around a point; it may reach past the borders.

    x [1, w] and y [h, 1]: the pixels' positions relative to the point, in units.
    """

    left: int
    top: int
    x: Field
    y: Field

    @classmethod
    def around(cls, point: Points, unit: float, box: atlas.Box) -> "_Window":
        left, right = (round(point[0] + side * box.half_width * unit) for side in (-1, 1))
        top, bottom = (round(point[1] + y * unit) for y in (box.top, box.bottom))
        columns = np.arange(left, right + 1, dtype=np.float32)[None]
        rows = np.arange(top, bottom + 1, dtype=np.float32)[:, None]
        return cls(left, top, (columns - point[0]) / unit, (rows - point[1]) / unit)

    def of(self, field: Field) -> Field:
        """The window's part [h, w] of a picture-sized field; the border is repeated outside."""
        rows = np.clip(self.top + np.arange(self.y.size), 0, field.shape[0] - 1)
        columns = np.clip(self.left + np.arange(self.x.size), 0, field.shape[1] - 1)
        return field[np.ix_(rows, columns)]

    def paste(self, part: Mask, mask: Mask) -> None:
        """Set the pixels of a picture-sized mask that the window's part [h, w] has set."""
        rows, columns = np.nonzero(part)
        rows, columns = rows + self.top, columns + self.left
        inside = (rows >= 0) & (rows < mask.shape[0]) & (columns >= 0) & (columns < mask.shape[1])
        mask[rows[inside], columns[inside]] = True


def _paste_eye(eyes: Mask, dark: Field, point: Points, unit: float) -> Points:
    """Add the opening between an eye's lids to the mask `eyes`; return the iris's middle (x, y)."""
    window = _Window.around(point, unit, atlas.EYE_WINDOW)
    part = np.clip(window.of(dark), -1, _DARKEST)
    row, column = _iris(part, window, unit)
    start, lid = _upper_lid(part, window, row, column, unit)
    lower = _lower_lid(part, row, column, unit)

    upper = smoothed(lid, _LID.smoothing * unit)
    position = np.linspace(0, 1, len(lid))
    corners = upper[0] + (upper[-1] - upper[0]) * position
    middle = float(np.interp(column - start, np.arange(len(corners)), corners))
    sag = max(lower - middle, atlas.LEAST_SAG * unit)
    bottom = corners + sag * (1 - (2 * position - 1) ** 2)
    rows = np.arange(len(part))[:, None]
    opening = np.zeros(part.shape, bool)
    opening[:, start : start + len(lid)] = (rows >= upper - unit) & (rows <= bottom)
    window.paste(opening, eyes)
    return np.array([column + window.left, row + window.top], np.float64)


def _iris(dark: Field, window: _Window, unit: float) -> tuple[int, int]:
    """The (row, column) in an eye's window where a dark disc stands out most from the white."""
    inner, outer = atlas.EYE_WHITE
    reach = np.arange(-round(outer * unit), round(outer * unit) + 1, dtype=np.float32) / unit
    radius = np.hypot(reach[None], reach[:, None])
    disc = (radius < atlas.IRIS_RADIUS).astype(np.float32)
    between_lids = np.abs(reach[:, None]) < atlas.EYE_WHITE_HALF_HEIGHT
    white = ((radius > inner) & (radius < outer) & between_lids).astype(np.float32)
    score = cv2.filter2D(dark, -1, disc / disc.sum() - _WHITE_WEIGHT * white / white.sum())
    distance = np.hypot(window.x, window.y)
    likely = score - distance**2 / atlas.IRIS_SPREAD**2
    score = np.where(distance < atlas.IRIS_DRIFT, likely, -np.inf)
    row, column = np.unravel_index(score.argmax(), score.shape)
    return int(row), int(column)


def _upper_lid(
    part: Field, window: _Window, row: int, column: int, unit: float
) -> tuple[int, Rows]:
    """The first column of an eye's upper lid in the window, and the lid's row in each column."""
    x, y = window.x - window.x[0, column], window.y - window.y[row, 0]  # from the iris
    nearest, farthest = (reach * unit for reach in atlas.EYE_HALF_WIDTHS)
    first, last = (
        int(np.clip(column + side * round(farthest), 0, part.shape[1] - 1)) for side in (-1, 1)
    )
    off = (y - atlas.upper_lid(x)) ** 2
    standing = ridge(part, _LID.ridge * unit)
    score = np.clip(part, -1, 2) + _LID_RIDGE_WEIGHT * standing - _LID_PLACE_WEIGHT * off
    lid = trace(score[:, first : last + 1], _LID.stiffness)
    along = cv2.GaussianBlur(part, (0, 0), _LID_BLUR * unit)[lid, np.arange(first, last + 1)]
    along = blurred(along, _LID.end_blur * unit)
    level = _LID.end_level(along)
    left, right = ends(along, column - first, level, nearest, farthest)
    return first + left, lid[left : right + 1]


def _lower_lid(part: Field, row: int, column: int, unit: float) -> int:
    """The row of an eye's lower lid under the iris, where the iris's darkness ends."""
    strip = round(_STRIP * unit)
    profile = part[:, max(column - strip, 0) : column + strip + 1].mean(1)
    usual = atlas.LOWER_LID
    lower, best = row, -np.inf
    for reach in range(round(usual.least * unit), round(usual.most * unit) + 1):
        below = profile[row + reach + 1 : row + reach + 1 + max(1, round(_SKIN_BELOW * unit))]
        contrast = profile[row : row + reach + 1].mean() - below.mean()
        score = contrast - _LOWER_LID_PLACE_WEIGHT * usual.oddness(reach / unit)
        if score > best:
            lower, best = row + reach, score
    return lower


def _paste_brow(
    brows: Mask, dark: Field, soft: Field, iris: Points, outwards: int, unit: float
) -> None:
    """Add the brow above an iris to the mask `brows`; `outwards` is the x direction of its tail."""
    window = _Window.around(iris, unit, atlas.BROW_WINDOW)
    tone = np.clip(window.of(soft), -1, 2)
    x = outwards * window.x[0]
    standing = ridge(tone, _BROW.ridge * unit)
    off = (window.y - atlas.brow(x)) ** 2
    score = 0.5 * tone + np.clip(standing, -1, 1) - _BROW_PLACE_WEIGHT * off
    path = trace(score, _BROW.stiffness)

    columns = np.arange(x.size)
    along = (0.5 * tone + 0.5 * np.maximum(standing, -1))[path, columns]
    along = blurred(along, _BROW.end_blur * unit)
    inner, outer = atlas.BROW_BODY
    level = _BROW.end_level(along[(x > inner) & (x < outer)])
    middle = int(np.abs(x - atlas.BROW_MIDDLE).argmin())
    nearest, farthest = (reach * unit for reach in atlas.BROW_HALF_WIDTHS)
    left, right = ends(along, middle, level, nearest, farthest)

    over, under = _brow_edges(window.of(dark), path, unit)
    line = smoothed(path, _BROW.smoothing * unit)
    rows = np.arange(len(tone))[:, None]
    band = (rows >= line - over) & (rows <= line + under)
    window.paste(band & (columns >= left) & (columns <= right), brows)


def _brow_edges(dark: Field, path: Rows, unit: float) -> list[NDArray[np.float64]]:
    """How far a brow reaches above and below its path [W], in pixels.

    An edge lies halfway between the brow's darkness and the lightest row within reach.
    """
    along, across = _BROW_BLUR
    fine = cv2.GaussianBlur(dark, (0, 0), sigmaX=along * unit, sigmaY=across * unit)
    away = np.arange(round(_BROW_EDGE_REACH * unit) + 1)[:, None]
    thinnest, thickest = (reach * unit for reach in atlas.BROW_HALF_THICKNESSES)
    edges = []
    for direction in (-1, 1):
        rows = np.clip(path + direction * away, 0, len(fine) - 1)
        values = fine[rows, np.arange(len(path))]  # [away, W]
        darkest, lightest = values[:_BROW_DARKEST_ROWS].max(0), values.min(0)
        thickness = (values < (darkest + lightest) / 2).argmax(0) - 0.5
        thickness = np.clip(thickness, thinnest, thickest)
        edges.append(smoothed(thickness, _BROW_EDGE_SMOOTHING * unit))
    return edges


def _nose(dark: Field, soft: Field, tip: Points, eyes: Points, unit: float) -> tuple[Mask, float]:
    """The nose from the level of the eyes to below the nostrils, and the nostrils' row."""
    centre, y = _nostrils(soft, tip, unit)
    wings = _wings(dark, tip + [0, y * unit], centre, unit)
    root = (eyes[1] - tip[1]) / unit + atlas.NOSE_ROOT
    left, right = (atlas.nose_outline(root, y, wing) for wing in wings)
    outline = [(centre - x, y) for x, y in left] + [(centre, y + atlas.NOSE_BOTTOM)]
    outline += [(centre + x, y) for x, y in reversed(right)]
    mask = np.zeros(dark.shape, np.uint8)
    corners = np.array(outline) * unit + tip
    fixed_point = np.rint(corners * 2**_SUBPIXEL_BITS).astype(np.int32)
    cv2.fillPoly(mask, [fixed_point], 1, cv2.LINE_8, _SUBPIXEL_BITS)
    return mask > 0, float(tip[1] + y * unit)


def _nostrils(soft: Field, tip: Points, unit: float) -> tuple[float, float]:
    """The middle (x, y) of both nostrils, in units from the tip of the nose."""
    window = _Window.around(tip, unit, atlas.NOSE_WINDOW)
    tone = np.clip(window.of(soft), -0.5, _DARKEST)
    sides = [
        tone - _NOSTRIL_PLACE_WEIGHT * atlas.NOSTRIL.squared(side * window.x, window.y)
        for side in (-1, 1)
    ]
    # Both nostrils lie in about the same row.
    best = [cv2.dilate(side.max(1)[:, None], np.ones((3, 1)))[:, 0] for side in sides]
    row = int((best[0] + best[1]).argmax())
    first, last = max(row - 1, 0), row + 1
    places = [
        np.unravel_index(side[first : last + 1].argmax(), (last + 1 - first, side.shape[1]))
        for side in sides
    ]
    left, right = (float(window.x[0, column]) for _, column in places)
    return (left + right) / 2, float(np.mean([window.y[first + below, 0] for below, _ in places]))


def _wings(dark: Field, nostrils: Points, centre: float, unit: float) -> list[float]:
    """How far the nose reaches left and right of its centre, to a dark edge, in units.

    `nostrils` is a point (x, y) in the nostrils' row; `centre` is the x of the centre from there.
    """
    window = _Window.around(nostrils, unit, atlas.WING_WINDOW)
    edge = blurred(window.of(dark).mean(0), _WING_BLUR * unit)
    usual = atlas.WING
    widths = []
    for direction in (-1, 1):
        away = direction * (window.x[0] - centre)
        price = _WING_PLACE_WEIGHT * usual.oddness(away)
        price = np.where((away >= usual.least) & (away <= usual.most), price, np.inf)
        widths.append(float(away[(edge - price).argmax()]))
    return widths


def _mouth(dark: Field, lips: Field, corners: Points, nostrils: float, unit: float) -> Mask:
    """The mask of the mouth: the field `lips` [H, W] is higher on lips than on skin."""
    middle, across = corners.mean(0), corners[1] - corners[0]
    window = _Window.around(middle, unit, atlas.MOUTH_WINDOW)
    part = np.clip(window.of(dark), -1, _DARKEST)
    slope = across[1] / max(across[0], 1)
    top = (nostrils - middle[1]) / unit + atlas.MOUTH_BELOW_NOSTRILS
    path = _line_between_lips(part, window, slope, top, unit)
    left, right = _mouth_corners(part, path, window, float(across[0]) / 2, unit)

    line = smoothed(path, _LIPS.smoothing * unit)
    # From -1 to 1 between the corners.
    position = (np.arange(part.shape[1]) - (left + right) / 2) / ((right - left) / 2)
    over, under = _lip_thicknesses(window.of(lips), line, np.abs(position) < 0.5, unit)
    top = line - over * atlas.lip(position, atlas.UPPER_LIP_SHAPE)
    bottom = line + under * atlas.lip(position, atlas.LOWER_LIP_SHAPE)
    rows = np.arange(len(part))[:, None]
    between = (rows >= top - _LIPS_RIM * unit) & (rows <= bottom + _LIPS_RIM * unit)
    mask = np.zeros(dark.shape, bool)
    window.paste(between & (np.abs(position) <= 1), mask)
    return mask


def _line_between_lips(part: Field, window: _Window, slope: float, top: float, unit: float) -> Rows:
    """The row of the line between the lips in each column [W] of the mouth's window.

    `slope`: of the line through the corners. The nostrils lie above y = `top`.
    """
    along, across = _LIPS_BLUR
    lines = cv2.GaussianBlur(part, (0, 0), sigmaX=along * unit, sigmaY=across * unit)
    standing = np.clip(ridge(lines, _LIPS.ridge * unit), -1, _LIPS_LARGEST_RIDGE)
    off = (window.y - slope * window.x) / _LIPS_PLACE_SPREAD
    score = _LIPS_DARKNESS_WEIGHT * lines + standing - off**2
    score = score - _NOSTRILS_PRICE * (window.y < top)
    return trace(score.astype(np.float32), _LIPS.stiffness)


def _mouth_corners(part: Field, path: Rows, window: _Window, half: float, unit: float) -> list[int]:
    """The columns of the mouth's corners, where the line between the lips fades.

    `half` is half the distance between the corners' points, in pixels.
    """
    width = part.shape[1]
    soft = cv2.GaussianBlur(part, (0, 0), unit)
    standing = np.maximum(ridge(soft, _LIPS.ridge * unit), -1)
    along = (0.5 * soft + 0.5 * standing)[path, np.arange(width)]
    along = blurred(along, _LIPS.end_blur * unit)
    sure = np.abs(window.x[0]) * unit < _LIPS_SURE * half
    level = _LIPS.end_level(along[sure])
    least, most = (reach * unit for reach in atlas.MOUTH_HALF_WIDTHS)
    drift = atlas.MOUTH_CORNER_DRIFT * unit
    return ends(along, width // 2, level, max(least, half - drift), min(half + drift, most))


def _lip_thicknesses(
    lips: Field, line: NDArray[np.float64], central: Mask, unit: float
) -> tuple[float, float]:
    """How far the lips reach above and below the line between them, in pixels."""
    above, below = (round(reach * unit) for reach in atlas.LIPS_SURROUNDS)
    away = np.arange(-above, below + 1)[:, None]
    rows = np.clip(np.rint(line + away).astype(int), 0, len(lips) - 1)
    profile = lips[rows, np.arange(len(line))][:, central].mean(1)
    profile = (profile - profile.mean()) / (profile.std() + _LEAST_PROFILE_SPREAD)
    over = _thickness(profile[above::-1], unit, atlas.UPPER_LIP)
    return over, _thickness(profile[above:], unit, atlas.LOWER_LIP)


def _thickness(profile: Field, unit: float, usual: atlas.Extent) -> float:
    """How far a lip reaches along a profile from the line between the lips outwards, in pixels."""
    first = round(usual.least * unit)
    edge, best = first, -np.inf
    for reach in range(first, round(usual.most * unit) + 1):
        beyond = profile[reach + 1 : reach + 1 + max(1, round(_SKIN_BEYOND * unit))]
        if len(beyond) < 2:
            break
        contrast = profile[1 : reach + 1].mean() - beyond.mean()
        drop = profile[reach] - beyond[1]
        price = _LIP_PLACE_WEIGHT * usual.oddness(reach / unit)
        score = contrast + _LIP_STEP_WEIGHT * drop - price
        if score > best:
            edge, best = reach, score
    # A second dark line beyond the highlight of a lip is the lip's outline or its shadow.
    outline = first + int(profile[first : edge + 1].argmax())
    if profile[outline] > profile[2 : outline + 1].min() + _LIP_OUTLINE:
        return outline - 0.5 * unit
    return float(edge)
