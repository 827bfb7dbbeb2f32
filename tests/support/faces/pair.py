"""A generated pair of face photo and sketch whose every landmark, label and shift is known."""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from threadpoolctl import threadpool_limits

from support.faces import drawing as draw
from support.faces import looks
from support.faces.drawing import Array, Image
from support.faces.looks import PENCIL, Look
from support.faces.painting import paint_person
from support.faces.people import SIDES, Person


@dataclass(frozen=True)
class DemoPair:
    """A photo, its sketch and the truth about both.

    photo [250, 200, 3] uint8 RGB; sketch [250, 200] uint8 gray; landmarks [5, 2] float32 (x, y) in
    pixels, in the order of `LANDMARK_NAMES`; labels [250, 200] uint8 by `labels.CLASSES`;
    map [250, 200, 2] float32: map[y, x] is the place (x, y) in the sketch of what the photo shows
    at (x, y), so `cv2.remap(sketch, map, None, ...)` lays the sketch over the photo. Near the
    border it may point outside the sketch.
    """

    photo: Image
    sketch: Image
    photo_landmarks: Array
    sketch_landmarks: Array
    photo_labels: Image
    sketch_labels: Image
    map: Array

    def view(self, modality: str) -> tuple[Image, Array, Image]:
        """Image, landmarks and labels of the photo or of the sketch."""
        fields = modality, f"{modality}_landmarks", f"{modality}_labels"
        image, points, labels = (getattr(self, field) for field in fields)
        return image, points, labels


@lru_cache(maxsize=64)
@threadpool_limits.wrap(limits=1, user_api="blas")  # its sums depend on the number
def draw_pair(
    seed: int,
    look: Look = PENCIL,
    *,
    deformation: float = 7.0,
    mouth_shift: tuple[float, float] = (0.0, 0.0),
    ink: float = 1.0,
) -> DemoPair:
    """Draw one pair, the same for the same arguments; its arrays are read-only.

    deformation: how far the sketch strays from the photo, in pixels where it is largest (0 to 10);
    0 makes the map the identity. mouth_shift: (x, y) pixels by which the mouth is moved in photo
    and sketch: drawing, label and points alike. ink: how dark the sketch is (0 to 1); detectors
    see no face at 0.12. The same seed is the same face in every look, and neighbouring seeds
    differ in hair style.
    """
    assert 0 <= deformation <= 10 and 0 <= ink <= 1
    streams = np.random.SeedSequence(seed).spawn(6)
    form, colour, texture, sensor, stroke, stray = (np.random.default_rng(s) for s in streams)

    person = Person(form, seed)
    drift = _Drift.of(person, stray, deformation)
    person.mouth = tuple(np.add(person.mouth, mouth_shift).tolist())
    canvas = looks.blank_canvas(look, stroke)
    paint_person(canvas, person, looks.pick_palette(look, colour), look.light, texture)

    x, y = draw.axes(scale=1, margin=0)
    grid = np.stack(np.meshgrid(x, y), axis=-1)  # [H, W, 2]
    origins = drift.origins()  # [2 H, 2 W, 2]
    drawn = looks.draw_sketch(canvas, look, ink, stroke)
    pair = DemoPair(
        photo=looks.take_photo(canvas, sensor),
        sketch=looks.to_bytes(draw.shrunk(draw.sample(drawn, origins, cv2.INTER_CUBIC))),
        photo_landmarks=person.landmarks,
        sketch_landmarks=person.landmarks + drift.at(person.landmarks),
        photo_labels=_labels(canvas.labels, grid),
        sketch_labels=_labels(canvas.labels, draw.shrunk(origins)),
        map=grid + drift.on_grid(x, y),
    )
    for array in vars(pair).values():
        array.flags.writeable = False
    return pair


def _labels(labels: Image, positions: Array) -> Image:
    """The canvas's labels at positions [H, W, 2]."""
    # Pixel centres lie between canvas pixels: step off the tie, always to the same side.
    return draw.sample(labels, positions + 0.1, cv2.INTER_NEAREST)


@dataclass(frozen=True)
class _Drift:
    """How a draughtsman strays, smoothly: Gaussians of one width around some places."""

    places: Array  # [K, 2]
    weights: Array  # [K, 2]
    reach: float = 34.0  # their standard deviation

    @classmethod
    def of(cls, person: Person, rng: np.random.Generator, amplitude: float) -> "_Drift":
        """The eyes stay, as the images are aligned by them; the rest wanders.

        The displacement of each place is drawn, the field through them (ridge-regularised, which
        keeps it free of folds) is scaled to `amplitude` pixels at its largest within the frame.
        """
        c, e, w = person.centre, person.eye_line, person.half_width
        mx, my = person.mouth
        middle = [(*person.nose, 0.4), (mx, my, 0.8), (c, person.chin, 1.0), (c, e - 90, 1.0)]
        sides = ((0.85, my), (1, e - 40), (1, 235))
        outline = [(c + s * a * w, y, 1.0) for s in SIDES for a, y in sides]
        anchors = np.array([*((x, y, 0.02) for x, y in person.eyes), *middle, *outline])  # [K, 3]
        places, freedom = anchors[:, :2], anchors[:, 2:]
        wanted = freedom * rng.uniform(-1, 1, places.shape)
        square = ((places[:, None] - places) ** 2).sum(-1)
        gram = np.exp(-0.5 * square / cls.reach**2)
        weights = np.linalg.solve(gram + 0.05 * np.eye(len(places)), wanted)
        field = cls(places, weights).on_grid(*draw.axes(scale=1, margin=0))
        weights *= amplitude / np.linalg.norm(field, axis=-1).max()
        return cls(draw.vector(places), draw.vector(weights))

    def on_grid(self, x: Array, y: Array) -> Array:
        """Displacement [H, W, 2] on the grid of x [W] and y [H]."""
        reach = np.full_like(self.places, self.reach)
        columns = (np.column_stack([self.places, reach, weight]) for weight in self.weights.T)
        return np.stack([draw.bumps(rows, x, y) for rows in columns], axis=-1)

    def at(self, points: Array) -> Array:
        """Displacement [N, 2] at points [N, 2]."""
        square = ((points[:, None] - self.places) ** 2).sum(-1)  # [N, K]
        return draw.vector(np.exp(-0.5 * square / self.reach**2) @ self.weights)

    def origins(self) -> Array:
        """Where each point of the sketch lies in the undeformed one, at canvas resolution
        [2H, 2W, 2]: inverts p -> p + d(p) by iterating p = q - d(p), as d changes slowly."""
        field = self.on_grid(*draw.axes())
        origin = sketch = np.stack(np.meshgrid(*draw.axes(margin=0)), axis=-1)
        for _ in range(10):
            origin = sketch - draw.sample(field, origin)
        return origin
