"""Eyes, brows, nose and mouth, located from the pixels around the five points.

The points only say where to look: each feature follows what is dark there. Eyelids, brows and the
line between the lips are dark lines across the face, found as the best path through the columns
(dynamic programming); their ends lie where the darkness fades. Darkness is measured against the
surroundings, so that photos and sketches, light and dark skin, are treated alike.

Shapes that the pixels leave open (the lower lid, the sides of the nose, the lips' outline between
corner and middle) are completed by the usual proportions of a face.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from photosketch.arrays import Field, Image, Mask, Points
from photosketch.parsing.atlas import FaceFrame
from photosketch.parsing.lines import ends, ridge, smoothed, trace

_OUTLINE = 0.15  # how far a lip's outline stands out of it, in spreads of the profile


@dataclass(frozen=True)
class Features:
    """Masks [H, W] of the four features; they may overlap."""

    brows: Mask
    eyes: Mask
    nose: Mask
    mouth: Mask


def find_features(image: Image, points: Points, frame: FaceFrame) -> Features:
    """The features of an upright face with its five points [5, 2]."""
    shape = image.shape[:2]
    unit = frame.unit
    gray = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    gray = gray.astype(np.float32)
    local = cv2.GaussianBlur(gray, (0, 0), 9 * unit)
    spread = 6 + np.sqrt(cv2.GaussianBlur((gray - local) ** 2, (0, 0), 12 * unit))
    fine = cv2.GaussianBlur(gray, (0, 0), 0.7 * unit)
    dark = (local - fine) / spread
    soft = (local - cv2.GaussianBlur(gray, (0, 0), 1.8 * unit)) / spread
    lips = -fine
    if image.ndim == 3:
        redness = cv2.cvtColor(image, cv2.COLOR_RGB2LAB)[..., 1].astype(np.float32)
        lips = 2 * cv2.GaussianBlur(redness, (0, 0), 1.2 * unit) - fine

    eyes, brows, centres = np.zeros(shape, bool), np.zeros(shape, bool), []
    for point, outwards in zip(points[:2], (-1, 1), strict=True):
        centre = _paste_eye(eyes, dark, point, unit)
        _paste_brow(brows, dark, soft, centre, outwards, unit)
        centres.append(centre)
    nose, nostrils = _nose(dark, soft, points[2], np.mean(centres, axis=0), unit)
    mouth = _mouth(dark, lips, points[3:], nostrils, unit)
    return Features(brows=brows, eyes=eyes, nose=nose, mouth=mouth)


@dataclass(frozen=True)
class _Window:
    """A window of the picture around a point; it may reach past the borders.

    x [1, w] and y [h, 1]: the pixels' distance from the point, in units.
    """

    left: int
    top: int
    x: Field
    y: Field

    @classmethod
    def around(
        cls, point: Points, unit: float, x: tuple[float, float], y: tuple[float, float]
    ) -> "_Window":
        left, right = (round(point[0] + reach * unit) for reach in x)
        top, bottom = (round(point[1] + reach * unit) for reach in y)
        columns = np.arange(left, right + 1, dtype=np.float32)[None]
        rows = np.arange(top, bottom + 1, dtype=np.float32)[:, None]
        return cls(left, top, (columns - point[0]) / unit, (rows - point[1]) / unit)

    def of(self, field: Field) -> Field:
        """The window's part of a picture-sized field [h, w]; the border is repeated outside."""
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
    """Add the opening between one eye's lids to a mask; the middle of its iris (x, y)."""
    window = _Window.around(point, unit, (-20, 20), (-20, 20))
    part = np.clip(window.of(dark), -1, 2.5)
    row, column = _iris(part, window, unit)
    x, y = window.x - window.x[0, column], window.y - window.y[row, 0]  # from the iris

    first, last = (
        int(np.clip(column + s * round(13 * unit), 0, part.shape[1] - 1)) for s in (-1, 1)
    )
    usual = -4.3 + 5.5 * (x / 12.5) ** 2
    score = np.clip(part, -1, 2) + 0.6 * ridge(part, 3 * unit) - 0.05 * (y - usual) ** 2
    lid = trace(score[:, first : last + 1], 0.25)
    along = cv2.GaussianBlur(part, (0, 0), 0.8 * unit)[lid, np.arange(first, last + 1)]
    along = cv2.GaussianBlur(along[None], (0, 0), 1.2 * unit)[0]
    level = 0.45 * float(np.quantile(along, 0.85))
    left, right = ends(along, column - first, level, 9 * unit, 13 * unit)

    # The lower lid crosses the iris where its darkness ends.
    profile = part[:, max(column - round(3 * unit), 0) : column + round(3 * unit) + 1].mean(1)
    lower, best = row, -np.inf
    for reach in range(round(2.5 * unit), round(7 * unit) + 1):
        beyond = profile[row + reach + 1 : row + reach + 1 + max(1, round(3 * unit))]
        contrast = profile[row : row + reach + 1].mean() - beyond.mean()
        score = contrast - 0.1 * ((reach / unit - 4.6) / 1.5) ** 2
        if score > best:
            lower, best = row + reach, score

    upper = smoothed(lid[left : right + 1], 5 * unit)
    position = np.linspace(0, 1, right - left + 1)
    corners = upper[0] + (upper[-1] - upper[0]) * position
    middle = float(np.interp(column - first - left, np.arange(len(corners)), corners))
    sag = max(lower - middle, 1.5 * unit)
    bottom = corners + sag * (1 - (2 * position - 1) ** 2)
    rows = np.arange(len(part))[:, None]
    opening = np.zeros(part.shape, bool)
    opening[:, first + left : first + right + 1] = (rows >= upper - unit) & (rows <= bottom)
    window.paste(opening, eyes)
    return np.array([column + window.left, row + window.top], np.float64)


def _iris(dark: Field, window: _Window, unit: float) -> tuple[int, int]:
    """The (row, column) in an eye's window where a dark disc stands out most."""
    reach = np.arange(-round(8 * unit), round(8 * unit) + 1, dtype=np.float32) / unit
    radius = np.hypot(reach[None], reach[:, None])
    disc = (radius < 4.6).astype(np.float32)
    ring = ((radius > 5.5) & (radius < 8) & (np.abs(reach[:, None]) < 4)).astype(np.float32)
    score = cv2.filter2D(dark, -1, disc / disc.sum() - 0.6 * ring / ring.sum())
    distance = np.hypot(window.x, window.y)
    score = np.where(distance < 6, score - distance**2 / 64, -np.inf)
    row, column = np.unravel_index(score.argmax(), score.shape)
    return int(row), int(column)


def _paste_brow(
    brows: Mask, dark: Field, soft: Field, iris: Points, outwards: int, unit: float
) -> None:
    """Add the brow above one iris to a mask; `outwards` is the x direction of its tail."""
    window = _Window.around(iris, unit, (-22, 22), (-26, -7))
    tone = np.clip(window.of(soft), -1, 2)
    fine = window.of(dark)
    height, width = tone.shape
    x = outwards * window.x[0]
    usual = -15.5 + 3 * np.exp(-(((x + 14) / 6) ** 2)) + 3 * np.maximum((x - 10) / 8, 0)
    standing = ridge(tone, 4.5 * unit)
    score = 0.5 * tone + np.clip(standing, -1, 1) - 0.018 * (window.y - usual) ** 2
    path = trace(score, 0.35)
    columns = np.arange(width)
    along = (0.5 * tone + 0.5 * np.maximum(standing, -1))[path, columns]
    along = cv2.GaussianBlur(along[None], (0, 0), 1.5 * unit)[0]
    level = 0.4 * float(np.quantile(along[(x > -12) & (x < 14)], 0.8))
    middle = int(np.abs(x - 2).argmin())
    left, right = ends(along, middle, level, 10 * unit, 19 * unit)

    # On both sides the brow reaches as far as it is darker than halfway to what lies beyond it.
    fine = cv2.GaussianBlur(fine, (0, 0), sigmaX=1.2 * unit, sigmaY=0.4 * unit)
    away = np.arange(round(6 * unit) + 1)[:, None]
    edges = []
    for direction in (-1, 1):
        values = fine[np.clip(path + direction * away, 0, height - 1), columns]  # [away, W]
        darkest, lightest = values[:3].max(0), values.min(0)
        thickness = (values < (darkest + lightest) / 2).argmax(0) - 0.5
        edges.append(smoothed(np.clip(thickness, 0.8 * unit, 4.5 * unit), 9 * unit))
    line = smoothed(path, 5 * unit)
    rows = np.arange(height)[:, None]
    band = (rows >= line - edges[0]) & (rows <= line + edges[1])
    window.paste(band & (columns >= left) & (columns <= right), brows)


def _nose(dark: Field, soft: Field, tip: Points, eyes: Points, unit: float) -> tuple[Mask, float]:
    """The nose, from the level of the eyes to under the nostrils, and the nostrils' row."""
    window = _Window.around(tip, unit, (-22, 22), (-10, 18))
    tone = np.clip(window.of(soft), -0.5, 2.5)
    sides = [
        tone - 0.25 * (((window.x - s * 6.5) / 3.2) ** 2 + ((window.y - 5) / 5) ** 2)
        for s in (-1, 1)
    ]
    # Both nostrils lie in about the same row.
    best = [cv2.dilate(side.max(1)[:, None], np.ones((3, 1)))[:, 0] for side in sides]
    row = int((best[0] + best[1]).argmax())
    first = max(row - 1, 0)
    places = [
        np.unravel_index(side[first : row + 2].argmax(), (row + 2 - first, side.shape[1]))
        for side in sides
    ]
    nostrils = [float(window.x[0, column]) for _, column in places]
    centre = sum(nostrils) / 2
    y = float(np.mean([window.y[first + below, 0] for below, _ in places]))

    # The wings end in a dark edge outside the nostrils.
    level = _Window.around(tip + [0, y * unit], unit, (-22, 22), (-7, 1))
    edge = cv2.GaussianBlur(level.of(dark).mean(0)[None], (0, 0), 0.8 * unit)[0]
    widths = []
    for direction in (-1, 1):
        away = direction * (level.x[0] - centre)
        usual = np.where((away >= 10) & (away <= 19), 0.15 * ((away - 13.5) / 3) ** 2, np.inf)
        widths.append(float(away[(edge - usual).argmax()]))
    top = (eyes[1] - tip[1]) / unit + 2
    halves = [
        [(4.5, top), (5.5, y - 19), (0.82 * w, y - 8), (w, y - 1.5), (0.6 * w, y + 3)]
        for w in widths
    ]
    outline = [(centre - x, y) for x, y in halves[0]] + [(centre, y + 4)]
    outline += [(centre + x, y) for x, y in reversed(halves[1])]
    mask = np.zeros(dark.shape, np.uint8)
    corners = np.array(outline) * unit + tip
    cv2.fillPoly(mask, [np.rint(corners * 16).astype(np.int32)], 1, cv2.LINE_8, 4)
    return mask > 0, float(tip[1] + y * unit)


def _mouth(dark: Field, lips: Field, corners: Points, nostrils: float, unit: float) -> Mask:
    """The lips: `lips` [H, W] is higher on them than on the skin around."""
    middle = corners.mean(0)
    window = _Window.around(middle, unit, (-32, 32), (-16, 20))
    part = np.clip(window.of(dark), -1, 2.5)
    across = corners[1] - corners[0]
    usual = across[1] / max(across[0], 1) * window.x
    lines = cv2.GaussianBlur(part, (0, 0), sigmaX=1.5 * unit, sigmaY=0.5 * unit)
    score = 0.6 * lines + np.clip(ridge(lines, 3 * unit), -1, 1.5) - ((window.y - usual) / 10) ** 2
    score = score - 2 * (window.y < (nostrils - middle[1]) / unit + 8)
    path = trace(score.astype(np.float32), 0.5)

    height, width = part.shape
    columns = np.arange(width)
    blurred = cv2.GaussianBlur(part, (0, 0), unit)
    along = (0.5 * blurred + 0.5 * np.maximum(ridge(blurred, 3 * unit), -1))[path, columns]
    along = cv2.GaussianBlur(along[None], (0, 0), 1.2 * unit)[0]
    half = float(across[0]) / 2
    level = 0.45 * float(np.quantile(along[np.abs(window.x[0]) * unit < 0.8 * half], 0.85))
    left, right = ends(
        along, width // 2, level, max(12 * unit, half - 6 * unit), min(half + 6 * unit, 30 * unit)
    )

    line = smoothed(path, 7 * unit)
    position = (columns - (left + right) / 2) / ((right - left) / 2)  # -1 to 1 between the corners
    central = np.abs(position) < 0.5
    away = np.arange(-round(13 * unit), round(17 * unit) + 1)[:, None]
    rows = np.clip(np.rint(line + away).astype(int), 0, height - 1)
    profile = window.of(lips)[rows, columns][:, central].mean(1)
    profile = (profile - profile.mean()) / (profile.std() + 1e-3)
    start = round(13 * unit)
    over = _thickness(profile[start::-1], unit, usual=5.5, spread=2.0, most=10)
    under = _thickness(profile[start:], unit, usual=8.0, spread=2.5, most=13)
    top = over * np.clip(1 - np.abs(position) ** 1.7, 0, 1) ** 0.9
    bottom = under * np.clip(1 - position**2, 0, 1) ** 0.8
    rows = np.arange(height)[:, None]
    between = (rows >= line - top - 0.8 * unit) & (rows <= line + bottom + 0.8 * unit)
    mask = np.zeros(dark.shape, bool)
    window.paste(between & (np.abs(position) <= 1), mask)
    return mask


def _thickness(profile: Field, unit: float, usual: float, spread: float, most: float) -> float:
    """How far a lip reaches along a profile that starts at the line between the lips, in pixels."""
    first = round(0.55 * usual * unit)
    best, found = -np.inf, first
    for reach in range(first, round(most * unit) + 1):
        beyond = profile[reach + 1 : reach + 1 + max(1, round(4 * unit))]
        if len(beyond) < 2:
            break
        contrast = profile[1 : reach + 1].mean() - beyond.mean()
        edge = profile[reach] - beyond[1]
        score = contrast + 0.5 * edge - 0.4 * ((reach / unit - usual) / spread) ** 2
        if score > best:
            best, found = score, reach
    # A second dark line beyond the light on a lip is its outline, or the shadow it casts.
    outline = first + int(profile[first : found + 1].argmax())
    if profile[outline] > profile[2 : outline + 1].min() + _OUTLINE:
        return outline - 0.5 * unit
    return float(found)
