"""Points of faces that MTCNN missed, from the Face++ Detect API v3 (return_landmark).

https://console.faceplusplus.com/documents/5679127 describes the service. Key and secret come from
the environment alone and go out in the body of the request alone: they are cut from every answer
before it is written or shown. Every answer is kept, a file per image named after the sha256 of the
image, so nothing is asked twice. Images are asked for one after another: a free key may have one
request at a time.
"""

import io
import json
import os
import time
from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import requests
from PIL import Image
from pydantic import BaseModel, FiniteFloat, ValidationError

from photosketch.data.array_types import Points
from photosketch.data.images import points_before, reduced, reduced_size
from photosketch.data.pairs import MODALITIES, Modality, Pair, read_image
from photosketch.data.storage import intact
from photosketch.jobs.job import InputError, write_atomically
from photosketch.landmarks.table import (
    COLUMNS,
    FACES,
    ImageKey,
    faces_alike,
    faults_of,
    several_faces,
)

KEY_VARIABLE, SECRET_VARIABLE = "FACEPP_API_KEY", "FACEPP_API_SECRET"
CONFIG_KEY = "landmarks.facepp"
# The service's names of our points, in the order of LANDMARK_NAMES; the first that is there counts.
LANDMARKS = (
    ("left_eye_center", "left_eye_pupil"),
    ("right_eye_center", "right_eye_pupil"),
    ("nose_tip",),
    ("mouth_left_corner",),
    ("mouth_right_corner",),
)
MIRRORED = [1, 0, 2, 4, 3]  # the five points with left and right exchanged


@dataclass(frozen=True)
class Service:
    """Where to ask, as whom, and how patiently. `repr` shows neither key nor secret."""

    endpoint: str
    key: str = field(repr=False)
    secret: str = field(repr=False)
    timeout: float = 30  # seconds until a connection, and between two parts of an answer
    attempts: int = 7
    first_pause: float = 1  # seconds before the second attempt; doubled before each later one


class Point(BaseModel):
    """A point, pixels."""

    x: FiniteFloat
    y: FiniteFloat


class Rectangle(BaseModel):
    """The size of a face, pixels."""

    width: FiniteFloat
    height: FiniteFloat


class Face(BaseModel):
    """A face of an answer; only the largest faces have landmarks."""

    face_rectangle: Rectangle
    landmark: dict[str, Point] | None = None


class Answer(BaseModel):
    """What is read of an answer of the Detect API."""

    faces: list[Face]


class _UnavailableError(Exception):
    """No usable answer this time; another attempt may get one."""


def service_from_environment(endpoint: str, timeout: float) -> Service:
    """The service with key and secret from the environment. Raises InputError if one is not set."""
    values = {name: os.environ.get(name, "").strip() for name in (KEY_VARIABLE, SECRET_VARIABLE)}
    unset = [name for name, value in values.items() if not value]
    if unset:
        raise InputError(
            [
                f"{CONFIG_KEY}.enabled is true, but {' and '.join(unset)} "
                f"{'is' if len(unset) == 1 else 'are'} not set in the environment; export "
                f"{'it' if len(unset) == 1 else 'them'}, or set {CONFIG_KEY}.enabled to false"
            ]
        )
    return Service(endpoint, values[KEY_VARIABLE], values[SECRET_VARIABLE], timeout)


def find_landmarks(
    pairs: Iterable[Pair],
    known: Container[ImageKey],
    answers: Path,
    service: Callable[[], Service],
    *,
    sketches: bool = True,
) -> dict[str, pd.DataFrame]:
    """Landmark tables by subset, with a row for each image that the service finds a face in.

    The `known` images (subset, id, modality) are not sent, and without `sketches` no sketch is.
    `answers` is the folder of the answers kept. `service` is called when an image has to be asked
    for: nobody needs a key if every answer is there. Prints what was not found.

    Raises InputError if an image can't be asked for; the answers so far are kept.
    """
    rows: dict[str, list[tuple[object, ...]]] = {}
    for pair in pairs:
        subset_rows = rows.setdefault(pair.subset, [])
        for modality in MODALITIES if sketches else MODALITIES[:1]:
            if (pair.subset, pair.id, modality) in known:
                continue
            digest = pair.photo_sha256 if modality == "photo" else pair.sketch_sha256
            path = answers / f"{digest}.json"
            if not path.exists():
                text = _ask(service(), pair, modality)
                with write_atomically(path) as temporary:
                    temporary.write_text(text, encoding="utf-8")
            with intact(path, "facepp_landmarks"):
                found = landmarks_of(path.read_bytes(), reduced_size(pair.size(modality)))
            if found is None:
                print(f"Face++ finds no face in the {modality} of {pair.subset} {pair.id}")
                continue
            points, alike = found
            if alike > 1:
                print(several_faces(alike, modality, pair))
            values = points_before(points, pair.size(modality)).ravel().tolist()
            # no score: the service gives no probability that this is a face
            subset_rows.append((pair.id, modality, *values, np.nan, "facepp", alike))
    return {subset: pd.DataFrame(rows[subset], columns=[*COLUMNS, FACES]) for subset in rows}


def landmarks_of(answer: str | bytes, size: tuple[int, int]) -> tuple[Points, int] | None:
    """The points [5, 2] float32 of the largest face in an answer (JSON), and how many faces are
    about as large (`faces_alike`); None without a face.

    None as well if the points cannot be those of an upright face in an image of `size` (width,
    height): no table has such points. Left becomes the viewer's left, whichever way the service
    means it. Raises ValueError if it is not an answer of the Detect API.
    """
    try:
        faces = Answer.model_validate_json(answer).faces
    except ValidationError as error:
        first = error.errors()[0]
        raise ValueError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None
    found = []  # area, points
    for face in faces:
        if named := face.landmark:
            points = []
            for names in LANDMARKS:
                point = next((named[name] for name in names if name in named), None)
                if point is None:
                    raise ValueError(f"a face without {' or '.join(names)}")
                points.append((point.x, point.y))
            found.append((face.face_rectangle.width * face.face_rectangle.height, points))
    if not found:
        return None
    largest = np.array(max(found)[1], np.float32)  # [5, 2]
    if largest[0, 0] > largest[1, 0]:
        largest = largest[MIRRORED]
    alike = faces_alike(np.array(points) for _, points in found)
    return None if faults_of(largest, *size) else (largest, alike)


def _ask(service: Service, pair: Pair, modality: Modality) -> str:
    """The answer for an image, after some patience. Raises InputError without one."""
    picture = io.BytesIO()
    Image.fromarray(reduced(read_image(pair, modality))).save(picture, format="PNG")
    what, pause = f"Face++, {modality} of {pair.subset} {pair.id}", service.first_pause
    for attempt in range(1, service.attempts + 1):
        try:
            return _post(service, picture.getvalue(), what)
        except _UnavailableError as error:
            reason = str(error)
        if attempt < service.attempts:
            print(f"{what}: {reason}; asking again in {pause:g} s", flush=True)
            time.sleep(pause)
            pause *= 2
    raise InputError(
        [
            f"{what}: {reason}, {service.attempts} times in a row; run again later (the answers so "
            f"far are kept), or set {CONFIG_KEY}.enabled to false and place the points by hand"
        ]
    )


def _post(service: Service, picture: bytes, what: str) -> str:
    """The answer of one request. Raises _UnavailableError, and InputError if another request would
    be refused too."""
    try:
        response = requests.post(
            service.endpoint,
            data={"api_key": service.key, "api_secret": service.secret, "return_landmark": "1"},
            files={"image_file": ("image.png", picture, "image/png")},
            timeout=service.timeout,
            allow_redirects=False,  # key and secret go to the configured address only
        )
    except requests.Timeout:
        raise _UnavailableError(f"no answer within {service.timeout:g} s") from None
    except requests.RequestException as error:
        # Only the kind: the text may quote the request.
        raise _UnavailableError(f"the connection failed ({type(error).__name__})") from None
    text = response.text.replace(service.key, "***").replace(service.secret, "***")
    try:
        message = str(json.loads(text).get("error_message") or "")
    except (ValueError, AttributeError):
        message = ""
    status = response.status_code
    said = f"HTTP {status}, {message or repr(text[:80])}"
    busy = status == 403 and message.startswith("CONCURRENCY_LIMIT_EXCEEDED")
    if busy or status >= 500 or status == 429:
        raise _UnavailableError(f"the service is {'busy' if busy else 'failing'} ({said})")
    if status in (401, 403):
        raise InputError(
            [
                f"{what}: {said}; the service does not accept the key: check {KEY_VARIABLE} and "
                f"{SECRET_VARIABLE} in the environment"
            ]
        )
    if status != 200 or message:
        raise InputError(
            [
                f"{what}: {said}; check {CONFIG_KEY}.endpoint, or place the points of this image "
                "by hand"
            ]
        )
    try:
        landmarks_of(text, (1, 1))
    except ValueError as error:
        raise _UnavailableError(f"an answer that is not of the Detect API ({error})") from None
    return text
