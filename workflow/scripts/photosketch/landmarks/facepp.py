"""Points of faces that MTCNN missed, from the Face++ Detect API v3 (return_landmark).

https://console.faceplusplus.com/documents/5679127 describes the service. Key and secret are only
read from the environment and only sent in the body of a request. They are removed from every answer
before it is written or shown. Every answer is stored in a file named after the image's sha256, so
no image is sent twice. Images are sent one after another, because a free key allows one request at
a time.
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
# The service's names of the points, in the order of LANDMARK_NAMES. The first name found counts.
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
    """The service's address, key and patience. `repr` shows neither key nor secret."""

    endpoint: str
    key: str = field(repr=False)
    secret: str = field(repr=False)
    timeout: float = 30  # seconds until a connection, and between two parts of an answer
    attempts: int = 7
    first_pause: float = 1  # seconds before the second attempt; doubled after each attempt


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
    """An answer of the Detect API, without the fields that are not used."""

    faces: list[Face]


class _UnavailableError(Exception):
    """This attempt got no usable answer; another attempt may succeed."""


def service_from_environment(endpoint: str, timeout: float) -> Service:
    """The service with key and secret from the environment. Raises InputError if one is not set."""
    values = {name: os.environ.get(name, "").strip() for name in (KEY_VARIABLE, SECRET_VARIABLE)}
    if unset := " and ".join(name for name, value in values.items() if not value):
        fault = f"{CONFIG_KEY}.enabled is true, but the environment does not set {unset}"
        raise InputError([f"{fault}; export {unset}, or set {CONFIG_KEY}.enabled to false"])
    return Service(endpoint, values[KEY_VARIABLE], values[SECRET_VARIABLE], timeout)


def find_landmarks(
    pairs: Iterable[Pair],
    known: Container[ImageKey],
    answers: Path,
    service: Callable[[], Service],
    *,
    sketches: bool = True,
) -> dict[str, pd.DataFrame]:
    """Landmark tables by subset, with a row for each image in which the service finds a face.

    `known` images (subset, id, modality) are not sent; sketches are sent only with `sketches`.
    `answers` is the folder of stored answers. `service` is called only if an image has to be sent,
    so no key is needed if every answer is stored. Prints images without a face.

    Raises InputError if a request fails; the answers so far are kept.
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
            # no score: the service does not return a probability that this is a face
            subset_rows.append((pair.id, modality, *values, np.nan, "facepp", alike))
    return {subset: pd.DataFrame(rows[subset], columns=[*COLUMNS, FACES]) for subset in rows}


def landmarks_of(answer: str | bytes, size: tuple[int, int]) -> tuple[Points, int] | None:
    """The points [5, 2] float32 of the largest face in an answer (JSON), and the number of faces
    about as large (`faces_alike`).

    None if there is no face, or if the points are not those of an upright face in an image of
    `size` (width, height). Left is always the viewer's left. Raises ValueError if this is not an
    answer of the Detect API.
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
    """The answer for an image, after several attempts if needed. Raises InputError if all fail."""
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
    remedy = (
        "run again later (the answers so far are kept), or set "
        f"{CONFIG_KEY}.enabled to false and place the points by hand"
    )
    raise InputError([f"{what}: {reason}, {service.attempts} times in a row; {remedy}"])


def _post(service: Service, picture: bytes, what: str) -> str:
    """The answer to one request. Raises _UnavailableError, or InputError if the service would also
    refuse another request."""
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
        # only the class, because the text may quote the request
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
        remedy = f"check {KEY_VARIABLE} and {SECRET_VARIABLE} in the environment"
        raise InputError([f"{what}: {said}; the service does not accept the key: {remedy}"])
    if status != 200 or message:
        remedy = f"check {CONFIG_KEY}.endpoint, or place the points of this image by hand"
        raise InputError([f"{what}: {said}; {remedy}"])
    try:
        landmarks_of(text, (1, 1))
    except ValueError as error:
        raise _UnavailableError(f"an answer that is not of the Detect API ({error})") from None
    return text
