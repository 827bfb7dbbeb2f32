"""Painting a generated person: the colours of the photo, the tones and contours of the sketch.

Light and shadow come from a height map of the face lit from one side, because the shading of nose,
sockets and lips is what a face detector looks for.
"""

from typing import NamedTuple

import cv2
import numpy as np

from photosketch.parsing.labels import BROWS, CLOTHES, EYES, HAIR, MOUTH, NOSE, SKIN
from support.faces import drawing as draw
from support.faces.drawing import Array, Canvas, Shape, arch, curve, ellipse, fill, ribbon, vector
from support.faces.people import SIDES, Person

Rgb = tuple[float, float, float]


class Palette(NamedTuple):
    """Colours of one person, RGB 0..255."""

    skin: Rgb
    hair: Rgb
    iris: Rgb
    lips: Rgb
    clothes: Rgb


class Light(NamedTuple):
    """Where the light comes from (x right, y down, z to the viewer) and how hard it is."""

    direction: tuple[float, float, float]
    ambient: float
    gloss: float  # of the hair


def paint_person(
    canvas: Canvas, person: Person, palette: Palette, light: Light, rng: np.random.Generator
) -> None:
    """Paint a person from back to front over whatever background the canvas has."""
    outer, hairline = person.hair_outlines()
    skin = _skin(person, palette, light, rng)
    hair = _hair(person, palette, light, rng)

    if person.hair.behind:
        back = _ragged(fill(np.concatenate([outer, hairline[-1:]])), hair.grain)
        canvas.paint(back, 0.55 * hair.rgb, np.minimum(hair.tone + 0.2, 0.97), HAIR, hair.grain)
    if person.hair.bun:
        knot = ellipse((person.centre, person.eye_line - 100), (19, 14))
        canvas.paint(_ragged(fill(knot), hair.grain), 0.9 * hair.rgb, hair.tone, HAIR, hair.grain)
        canvas.line(knot, 1.0, 0.8)
    _paint_neck(canvas, person, palette)
    _paint_clothes(canvas, person, palette, rng)
    _paint_ears(canvas, person, palette)

    front = fill(np.concatenate([outer, hairline[::-1]]))
    cast = 1 - 0.25 * cv2.GaussianBlur(front.on_canvas(), (0, 0), 4.0 * draw.SCALE)
    shaded = skin.rgb * cast[..., None]
    if not person.hair.behind:
        crown = np.array([person.centre, person.eye_line])
        reach = 0.95 if person.hair.cover == 1 else 0.99  # not to show past the edge of the hair
        scalp = crown + reach * (outer - crown)
        canvas.paint(fill(scalp, 0.5), shaded, skin.tone, SKIN)
    outline = person.face_outline()
    canvas.paint(fill(outline, 0.5), shaded, skin.tone, SKIN)
    middle = np.argmin(np.abs(outline - [person.centre, person.eye_line - 82]).sum(1))
    jaw = np.roll(outline, -int(middle), axis=0)
    canvas.line(jaw[jaw[:, 1] > person.eye_line], 1.3, 0.75)

    for (ex, ey), side in zip(person.eyes, SIDES, strict=True):
        _paint_eye(canvas, person, palette, ex, ey, side)
    _paint_nose(canvas, person, palette)
    _paint_mouth(canvas, person, palette, skin.grain)
    _paint_brows(canvas, person, palette, hair.grain)
    ragged = _ragged(front, hair.grain)
    canvas.mark(ragged, HAIR)
    canvas.paint(ragged.times(person.hair.cover), hair.rgb, hair.tone, grain=hair.grain)
    canvas.line(outer, 0.9, 0.5)


class _Layer(NamedTuple):
    rgb: Array  # [ROWS, COLUMNS, 3]
    tone: Array  # [ROWS, COLUMNS]
    grain: Array  # [ROWS, COLUMNS]: strands of hair, 0..1; the skin's shade, 1 on the forehead


def _skin(person: Person, palette: Palette, light: Light, rng: np.random.Generator) -> _Layer:
    x, y = draw.axes()
    c, e, w = person.centre, person.eye_line, person.half_width
    shade = _lit(_relief(person, x, y), light)
    column, row = draw.to_canvas((c, e - 40)).astype(int)
    shade /= shade[row, column]
    rgb = _shaded_skin(palette.skin, shade * (1 + 0.007 * draw.cloud(rng, 1.5)))
    cheeks = [(c + side * 0.55 * w, e + 30, 12, 10, 1) for side in SIDES]
    rgb *= 1 - draw.bumps(vector(cheeks), x, y)[..., None] * vector([0, 0.07, 0.06])
    beard = vector([(c + s, person.chin - 26, 15, 15, 0.62) for s in (-20, 0, 20)])
    beard = person.stubble * np.minimum(draw.bumps(beard, x, y), 0.7)
    beard *= 1 + 0.12 * draw.cloud(rng, 0.7)
    rgb += 0.9 * beard[..., None] * (0.4 * vector(palette.hair) + 20 - 0.5 * rgb)
    tone = _darkness(palette.skin) + 1.05 * (0.93 - shade) + 0.16 * beard
    return _Layer(rgb, np.clip(tone, 0.01, 0.85), shade)


def _darkness(skin: Rgb) -> float:
    """How dark a skin is drawn, before shading."""
    return 0.3 * (1 - sum(skin) / 3 / 215)


def _shaded_skin(skin: Rgb, shade: Array) -> Array:
    """A skin colour under a shade [H, W] -> [H, W, 3]; its shadows turn red, not gray."""
    return vector(skin) * shade[..., None] ** vector([0.82, 1.05, 1.14])


def _relief(person: Person, x: Array, y: Array) -> Array:
    """The height [H, W] of the face above the picture, in pixels."""
    c, e, w = person.centre, person.eye_line, person.half_width
    (nx, ny), nw = person.nose, person.nose_width
    (mx, my), lip = person.mouth, person.lips
    middle = e + 8
    across = ((x - c) / (1.06 * w))[None, :]
    down = ((y - middle) / np.where(y > middle, person.chin - e + 2, 108))[:, None]
    dome = 0.85 * w * np.sqrt(1 - np.minimum(np.abs(across) ** 2.3 + np.abs(down) ** 2.6, 0.97))
    rows = [
        (nx, ny - 2.5, 6.6, 5.5, 8.0),  # tip of the nose
        (nx, ny - 12.5, 6.0, 10.0, 6.0),  # its bridge
        (nx, e + 2, 5.5, 12.0, 3.0),
        (c, e - 22, 26.0, 9.0, 2.2),  # brow ridge
        (mx, my + 1, 24.0, 16.0, 3.0),  # muzzle
        (mx, my + 0.7 * lip, 10.0, 2.8, 2.4),  # lower lip
        (mx, my + lip + 4.5, 11.0, 3.2, -1.2),  # groove under it
        (mx, my - lip - 4.5, 2.2, 4.0, -0.9),  # groove under the nose
        (c, person.chin - 9, 12.0, 7.0, 3.2),  # chin
    ]
    for (ex, ey), side in zip(person.eyes, SIDES, strict=True):
        rows += [
            (nx + side * 0.66 * nw, ny + 2.0, 3.4, 3.6, 4.6),  # wing of the nose
            (c + side * 0.58 * w, e + 25, 13.0, 11.0, 2.6),  # cheekbone
            (mx + side * 4, my - 0.6 * lip, 7.0, 2.2, 1.5),  # upper lip
            (ex + side * 3, ey, 13.0, 7.0, -4.2),  # socket
            (ex - side * 13, ey + 1, 5.0, 6.0, -1.8),  # its inner corner
            (ex, ey, 8.0, 4.5, 2.0),  # eyeball
        ]
    return dome + draw.bumps(vector(rows), x, y)


def _lit(height: Array, light: Light) -> Array:
    """How bright the light makes a surface [H, W], 1 where it is met head on (Lambert's law)."""
    gx = cv2.Sobel(height, -1, 1, 0, ksize=3, scale=draw.SCALE / 8)
    gy = cv2.Sobel(height, -1, 0, 1, ksize=3, scale=draw.SCALE / 8)
    lx, ly, lz = vector(light.direction) / np.linalg.norm(light.direction)
    facing = (lz - gx * lx - gy * ly) / np.sqrt(1 + gx**2 + gy**2)
    return light.ambient + (1 - light.ambient) * np.maximum(facing, 0)


def _hair(person: Person, palette: Palette, light: Light, rng: np.random.Generator) -> _Layer:
    x, y = draw.axes()
    strands = _strands(person, rng, x, y)
    dx = ((x - person.centre) / person.half_width)[None, :]
    dy = (y - person.eye_line)[:, None]
    level = 1 - np.abs(dx / 1.5) ** 2.4 - np.abs(np.minimum(dy - 10, 0) / 125) ** 2.4
    bright = _lit(70 * np.sqrt(np.maximum(level, 0.02)), light)
    ring = np.hypot(dx / 1.2, np.minimum(dy, 0) / 100)  # 1 at the outline of the head
    gloss = light.gloss * np.exp(-(((ring - 0.74) / 0.11) ** 2))
    shade = bright * (0.62 + 0.48 * strands) + 0.5 * gloss * (0.4 + 0.6 * strands)
    rgb = vector(palette.hair) * shade[..., None] + 10 * strands[..., None]
    darkness = (1 - sum(palette.hair) / 3 / 255) ** 0.6
    tone = np.clip(darkness * (1.15 - 0.35 * bright - 0.55 * gloss), 0.12, 0.96)
    return _Layer(rgb, tone, strands)


def _strands(person: Person, rng: np.random.Generator, x: Array, y: Array) -> Array:
    """The texture of the hair, 0..1: strands leave the crown sideways, then fall."""
    if person.hair.coils:
        return draw.uniform(draw.cloud(rng, 1.5) + 0.8 * draw.cloud(rng, 3.2))
    drop = np.maximum(y - person.eye_line + 98 + person.volume, 1.0)[:, None]
    parting = person.hair.parting * person.half_width * (-1 if person.flipped else 1)
    # A strand is a line of constant `across`: x grows with the square root of the drop, then stays.
    across = ((x - person.centre)[None, :] - parting * np.exp(-drop / 70)) * np.sqrt(1 + 24 / drop)
    across += person.hair.curl * np.sin(drop / 8.5 + 1.6 * draw.cloud(rng, 34.0))
    across += 0.8 * draw.cloud(rng, 12.0)
    noise = rng.standard_normal((256, 1024), dtype=np.float32)
    fine = cv2.GaussianBlur(noise, (0, 0), sigmaX=0.8, sigmaY=14)
    locks = cv2.GaussianBlur(noise[:, ::-1], (0, 0), sigmaX=5, sigmaY=30)
    texture = draw.uniform(fine / fine.std() + 0.4 * locks / locks.std())
    columns = (2.6 * across + 512).astype(np.float32)
    rows = (drop + 0.25 * np.abs(across)).astype(np.float32)
    return cv2.remap(texture, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)


def _ragged(shape: Shape, strands: Array) -> Shape:
    """A hair shape whose edge follows the strands."""
    soft = cv2.GaussianBlur(shape.mask, (0, 0), 2.2 * draw.SCALE)
    edge = soft - 0.5 + 0.8 * (strands[shape.window] - 0.5) * (1 - np.abs(2 * soft - 1))
    return Shape(np.clip(0.5 + 3.0 * edge, 0, 1), shape.window)


def _paint_neck(canvas: Canvas, person: Person, palette: Palette) -> None:
    c, w, chin = person.centre, person.half_width, person.chin
    x, y = draw.axes()
    side = np.abs((x - c) / (0.66 * w))[None, :]
    below_chin = np.clip((y - chin + 2) / 26, 0, 1)[:, None]
    shade = (0.62 + 0.3 * below_chin) * (1 - 0.3 * np.minimum(side, 1.2) ** 3)
    tone = np.clip(_darkness(palette.skin) + 0.75 * (1 - shade), 0, 0.9)
    left = [(-1.2 * w, 275), (-0.72 * w, chin + 24), (-0.64 * w, chin + 4), (-0.66 * w, chin - 40)]
    neck = draw.mirrored([*left, (0, chin - 60)], c)
    canvas.paint(fill(neck, 0.5), _shaded_skin(palette.skin, shade), tone, SKIN)
    for sign in SIDES:
        edge = [(0.65, chin - 12), (0.65, chin + 6), (0.74, chin + 24)]
        canvas.line(curve(vector(edge) * [sign * w, 1] + [c, 0]), 1.2, 0.7)


def _paint_clothes(
    canvas: Canvas, person: Person, palette: Palette, rng: np.random.Generator
) -> None:
    c, w, top = person.centre, person.half_width, person.chin + 10
    depth = {"round": 16.0, "shirt": 24.0, "vee": 34.0, "high": 2.0}[person.collar]
    x, _ = draw.axes()
    side = ((x - c) / (0.66 * w))[None, :]
    folds = 1 + 0.05 * draw.cloud(rng, 16.0) + 0.02 * draw.cloud(rng, 0.8)
    shade = np.clip(1.02 - 0.03 * side**2, 0.6, 1.1) * folds
    rgb = vector(palette.clothes) * shade[..., None]
    luminance = float(np.dot(palette.clothes, (0.299, 0.587, 0.114))) / 255
    tone = np.clip(0.75 * (1 - luminance) + 0.9 * (1 - shade) + 0.04, 0.03, 0.9)

    shoulder = [(-2.3 * w, top + 30), (-1.4 * w, top + 12), (-0.72 * w, top)]
    dip = [shoulder[-1], (-0.36 * w, top + 0.55 * depth), (0, top + depth)]
    edge = draw.mirrored(dip, c)
    neckline = edge if person.collar in ("shirt", "vee") else curve(edge)
    left, right = (curve(vector(shoulder) * [sign, 1] + [c, 0]) for sign in (1, -1))
    corners = [(c - 2.4 * w, 280), (c + 2.4 * w, 280)]
    body = np.concatenate([corners[:1], left, neckline, right[::-1], corners[1:]])
    canvas.paint(fill(body, 0.45), rgb, tone, CLOTHES)
    for line, width, strength in ((left, 1.2, 0.7), (right, 1.2, 0.7), (neckline, 1.3, 0.8)):
        canvas.line(line, width, strength)
    if person.collar == "shirt":
        for sign in SIDES:
            flap = [(0.72, -6), (0.95, 12), (0.5, 32), (0.02, depth), (0.3, 0.5 * depth)]
            outline = vector(flap) * [sign * w, 1] + [c, top]
            canvas.paint(fill(outline), np.minimum(1.08 * rgb + 6, 255), 0.8 * tone, CLOTHES)
            canvas.line(outline[:4], 1.1, 0.8)
    elif person.collar != "vee":
        thickness = 5.0 if person.collar == "round" else 14.0
        band = ribbon(neckline + [0, thickness / 2 + 0.5], thickness, 0.8, 1, 0.8)
        canvas.paint(fill(band), 0.88 * rgb, np.minimum(tone + 0.08, 1), CLOTHES)
        canvas.line(neckline + [0, thickness + 1], 0.9, 0.6)


def _paint_ears(canvas: Canvas, person: Person, palette: Palette) -> None:
    skin = vector(palette.skin)
    for side in SIDES:
        x, y = person.centre + side * (person.half_width + 3.5), person.eye_line + 13
        outline = ellipse((x, y), (7.0, 18.0), side * 0.16)
        hollow = ellipse((x - side * 0.5, y - 1), (3.6, 11.5), side * 0.16)
        canvas.paint(fill(outline), 0.85 * skin, 0.22, SKIN)
        canvas.paint(fill(hollow, 1.2), 0.68 * skin, 0.42, SKIN)
        canvas.line(outline, 1.1, 0.7, 0.6, 1.0, 0.6)


def _paint_eye(
    canvas: Canvas, person: Person, palette: Palette, x: float, y: float, side: int
) -> None:
    a, h = person.eye_width, person.eye_opening
    skin = vector(palette.skin)

    def placed(*points: tuple[float, float]) -> Array:
        """A line through points relative to the eye, x towards the temple, which may be raised."""
        p = vector(points)
        columns = [x + side * p[:, 0], y + p[:, 1] - person.eye_tilt * p[:, 0]]
        return curve(np.stack(columns, axis=1))

    inner, outer = (-a, 2.2), (a, 0.8)
    upper = placed(inner, (-0.62 * a, -0.55 * h), (-0.1 * a, -h), (0.55 * a, -0.72 * h), outer)
    lower = placed(inner, (-0.45 * a, 0.72 * h), (0.15 * a, 0.9 * h), (0.65 * a, 0.62 * h), outer)
    crease = placed(
        *((-0.95 * a, -0.1 * h), (-0.55 * a, -1.35 * h), (0, -1.95 * h)),
        *((0.6 * a, -1.6 * h), (1.1 * a, -0.3 * h)),
    )
    canvas.paint(fill(ribbon(crease, 2.2), 0.7).times(0.5), 0.55 * skin, 0.5)
    canvas.line(crease, 0.9, 0.6)

    opening = fill(np.concatenate([upper, lower[::-1]]), 0.3)
    inside = opening.on_canvas()
    canvas.paint(opening, (214, 208, 204), 0.06, EYES)
    iris, glow = ellipse((x, y - 0.3), (4.9, 4.9)), ellipse((x, y + 0.5), (3.6, 3.4))
    pupil, glint = ellipse((x, y - 0.3), (2.1, 2.1)), ellipse((x - 1.5, y - 2.0), (1.0, 1.0))
    canvas.paint(fill(iris, 0.3).times(inside), 0.45 * vector(palette.iris), 0.85)
    canvas.paint(fill(glow, 0.6).times(inside), palette.iris, 0.62)
    canvas.paint(fill(pupil, 0.25).times(inside), (12, 10, 10), 0.98)
    under_lid = fill(ribbon(upper + vector([0, 1.6]), 3.0), 0.6).times(inside)
    canvas.paint(under_lid.times(0.55), (60, 45, 40), 0.6)
    canvas.paint(fill(glint, 0.25).times(inside).times(0.9), (250, 250, 250), 0.0)

    lashes = (0.4, 1.0, 1.0, 0.9, 0.5)
    canvas.paint(fill(ribbon(upper, 2.2, *lashes), 0.3), (32, 24, 22), 0.97, EYES)
    canvas.line(upper, 1.8, 0.95, *lashes)
    canvas.paint(fill(ribbon(lower, 1.3), 0.4).times(0.6), 0.42 * skin, 0.6)
    canvas.line(lower, 0.8, 0.55)


def _paint_nose(canvas: Canvas, person: Person, palette: Palette) -> None:
    (x, y), w = person.nose, person.nose_width
    base = y + 2.2  # the tip, the landmark, lies above the nostrils
    skin = vector(palette.skin)
    left = [(-4.5, person.eye_line + 2), (-5.5, base - 16), (-0.82 * w, base - 5), (-w, base + 1.5)]
    left += [(-0.6 * w, base + 6), (0, base + 7)]
    canvas.mark(fill(curve(draw.mirrored(left, x), closed=True)), NOSE)
    under = arch([(-0.8 * w, base + 4.0), (-0.4 * w, base + 4.6), (0, base + 6.4)], x)
    canvas.paint(fill(ribbon(under, 3.4), 1.0).times(0.5), 0.47 * skin, 0.5)
    for side in SIDES:
        nostril = ellipse((x + side * 0.42 * w, base + 3.2), (2.9, 1.5), -side * 0.25)
        canvas.paint(fill(nostril, 0.4).times(0.9), 0.2 * skin, 0.92)
        edge = [(0.74 * w, -5), (1.02 * w, -0.5), (0.98 * w, 3.4), (0.66 * w, 4.4)]
        wing = curve(vector(edge) * [side, 1] + [x, base])
        canvas.paint(fill(ribbon(wing, 2.0), 0.6).times(0.55), 0.47 * skin, 0.55)
        canvas.line(wing, 1.1, 0.75)
    canvas.line(under, 1.0, 0.5)


def _paint_mouth(canvas: Canvas, person: Person, palette: Palette, shade: Array) -> None:
    (x, y), w, t = person.mouth, person.mouth_width, person.lips
    middle = y + person.mouth_curve
    corner = (-w, y)
    between = (-0.5 * w, y + 0.7 * person.mouth_curve)
    line = arch([corner, between, (-0.14 * w, middle - 0.6), (0, middle + 0.3)], x)
    peak = [(-0.55 * w, y - 0.6 * t), (-0.2 * w, y - 1.05 * t), (0, y - 0.78 * t)]
    top = arch([corner, *peak], x)
    bottom = arch([corner, (-0.55 * w, y + 0.75 * t), (0, y + 1.25 * t)], x)
    lips = vector(palette.lips)
    lower = fill(np.concatenate([line, bottom[::-1]]), 0.6).times(0.9)
    upper = fill(np.concatenate([top, line[::-1]]), 0.5).times(0.9)
    gleam = fill(ellipse((x, y + 0.7 * t), (0.35 * w, 0.22 * t)), 1.0).times(0.25)
    lower_tone = np.clip(0.25 + 0.8 * (1 - shade), 0.1, 0.6)
    upper_tone = np.clip(0.42 + 0.8 * (1 - shade), 0.2, 0.75)
    canvas.paint(lower, lips * np.minimum(shade, 1.1)[..., None], lower_tone, MOUTH)
    canvas.paint(upper, 0.8 * lips * shade[..., None], upper_tone, MOUTH)
    canvas.paint(gleam, (255, 235, 230), 0.05)
    canvas.paint(fill(ribbon(line, 1.9, 0.5, 0.8, 1.0, 0.8, 0.5), 0.35), 0.3 * lips, 0.92, MOUTH)
    canvas.line(line, 1.3, 0.9, 0.6, 0.9, 1.0, 0.9, 0.6)
    canvas.line(bottom[8:-8], 0.9, 0.4)
    canvas.line(top, 0.8, 0.4)


def _paint_brows(canvas: Canvas, person: Person, palette: Palette, strands: Array) -> None:
    colour = vector(palette.hair) * min(0.62, 80 / max(palette.hair)) + 6
    x = vector([-12.0, -4.5, 5.5, 12.5, 18.5])  # from the nose to the temple
    bow = person.brow_arch * vector([0.0, 0.7, 1.2, 0.9, -0.5])
    y = -person.brow_height - bow - person.brow_tilt * x
    for (ex, ey), side in zip(person.eyes, SIDES, strict=True):
        line = curve(np.stack([ex + side * x, ey + y], axis=1))
        brow = fill(ribbon(line, person.brow_thickness, 0.65, 1.0, 0.95, 0.7, 0.15), 0.5)
        canvas.paint(brow.times(0.8 + 0.2 * strands), colour, 0.85, BROWS)
