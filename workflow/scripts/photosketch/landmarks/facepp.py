"""Points of faces that MTCNN missed, from the Face++ Detect API v3 (return_landmark).

https://console.faceplusplus.com/documents/5679127 describes the service. Key and secret come from
the environment alone and go out in the body of the request alone: an answer or a message of the
service is searched for them before it is written or shown. Every answer is kept, a file per image
named after the sha256 of the image, so nothing is asked twice. Images are asked for one after
another: a free key may have one request at a time.
"""

import io
import json
import os
import time
from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import requests
from PIL import Image

from photosketch.data.images import points_before, reduced, reduced_size
from photosketch.data.pairs import MODALITIES, Modality, Pair, read_image
from photosketch.jobs.job import InputError, write_atomically
from photosketch.landmarks.table import COLUMNS, COORDINATES, ImageKey, point_faults

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
BUSY = "CONCURRENCY_LIMIT_EXCEEDED"


@dataclass(frozen=True)
class Service:
    """Where to ask, as whom, and how patiently. `repr` shows neither key nor secret."""

    endpoint: str
    key: str = field(repr=False)
    secret: str = field(repr=False)
    timeout: float = 30  # seconds until a connection, and between two parts of an answer
    attempts: int = 7
    first_pause: float = 1  # seconds before the second attempt; doubled before each later one

    def without_secrets(self, text: str) -> str:
        for value in (self.key, self.secret):
            text = text.replace(value, "***")
        return text


class _UnavailableError(Exception):
    """No usable answer this time; another attempt may get one."""


class _RefusalError(Exception):
    """The service does not serve this request, and asking again would not help."""


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

    The `known` images (subset, id, modality) are not sent, and without `sketches` none of those.
    `answers` is the folder of the answers kept. `service` is called before the first request, so
    that nobody needs a key when every answer is there. Prints what was not found.

    Raises InputError if an image can't be asked for; the answers so far are kept.
    """
    rows: dict[str, list[tuple[object, ...]]] = {}
    session: _Session | None = None
    try:
        for pair in pairs:
            subset_rows = rows.setdefault(pair.subset, [])
            for modality in MODALITIES if sketches else MODALITIES[:1]:
                if (pair.subset, pair.id, modality) in known:
                    continue
                path = answers / f"{_digest(pair, modality)}.json"
                answer = _kept_answer(path)
                if answer is None:
                    session = session or _Session(service())
                    answer = session.ask(pair, modality)
                    with write_atomically(path) as temporary:
                        temporary.write_text(json.dumps(answer, indent=1), encoding="utf-8")
                size = pair.size(modality)
                points = landmarks_of(answer, reduced_size(size))
                if points is None:
                    print(f"Face++ finds no face in the {modality} of {pair.subset} {pair.id}")
                    continue
                # no score: the service gives no probability that this is a face
                subset_rows.append(
                    (
                        pair.id,
                        modality,
                        *points_before(points, size).ravel().tolist(),
                        np.nan,
                        "facepp",
                    )
                )
    finally:
        if session:
            session.close()
    return {
        subset: pd.DataFrame(subset_rows, columns=list(COLUMNS))
        for subset, subset_rows in rows.items()
    }


def landmarks_of(answer: Mapping[str, Any], size: tuple[int, int]) -> np.ndarray | None:
    """The points [5, 2] float32 of the largest face in a checked answer, None without a face.

    None as well where the points cannot be those of an upright face in an image of `size` (width,
    height): no table has such points. Left becomes the viewer's left, whichever way the service
    means it.
    """
    faces = [face for face in answer["faces"] if face.get("landmark")]
    if not faces:
        return None
    largest = max(faces, key=lambda f: f["face_rectangle"]["width"] * f["face_rectangle"]["height"])
    named = largest["landmark"]
    points = np.array(
        [
            next((named[name]["x"], named[name]["y"]) for name in names if name in named)
            for names in LANDMARKS
        ],
        np.float32,
    )  # [5, 2]
    if points[0, 0] > points[1, 0]:
        points = points[MIRRORED]
    named_values = dict(zip(COORDINATES, points.ravel().tolist(), strict=True))
    return None if point_faults(named_values, *size) else points


class _Session:
    """One connection, asking for one image at a time."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.http = requests.Session()

    def close(self) -> None:
        self.http.close()

    def ask(self, pair: Pair, modality: Modality) -> dict[str, Any]:
        """The checked answer for an image, after some patience. Raises InputError without one."""
        picture = io.BytesIO()
        Image.fromarray(reduced(read_image(pair, modality))).save(picture, format="PNG")
        pause = self.service.first_pause
        what = f"{modality} of {pair.subset} {pair.id}"
        reason = ""
        for attempt in range(self.service.attempts):
            if attempt:
                print(f"Face++, {what}: {reason}; asking again in {pause:g} s", flush=True)
                time.sleep(pause)
                pause *= 2
            try:
                return self._post(picture.getvalue())
            except _UnavailableError as error:
                reason = str(error)
            except _RefusalError as error:
                raise InputError([f"Face++, {what}: {error}"]) from None
        raise InputError(
            [
                f"Face++, {what}: {reason}, {self.service.attempts} times in a row; run again later"
                f" (the answers so far are kept), or set {CONFIG_KEY}.enabled to false and place "
                "the points by hand"
            ]
        )

    def _post(self, picture: bytes) -> dict[str, Any]:
        service = self.service
        try:
            response = self.http.post(
                service.endpoint,
                data={
                    "api_key": service.key,
                    "api_secret": service.secret,
                    "return_landmark": "1",
                },
                files={"image_file": ("image.png", picture, "image/png")},
                timeout=service.timeout,
                allow_redirects=False,  # key and secret go to the configured address only
            )
        except requests.Timeout:
            raise _UnavailableError(f"no answer within {service.timeout:g} s") from None
        except requests.RequestException as error:
            # Only the kind: the text may quote the request.
            raise _UnavailableError(f"the connection failed ({type(error).__name__})") from None
        text = service.without_secrets(response.text)
        try:
            answer = json.loads(text)
        except json.JSONDecodeError:
            answer = None
        message = answer.get("error_message") if isinstance(answer, dict) else None
        said = f"HTTP {response.status_code}, {message if message else repr(text[:80])}"
        if response.status_code == 403 and str(message).startswith(BUSY):
            raise _UnavailableError(f"busy ({message})")
        if response.status_code >= 500 or response.status_code == 429:
            raise _UnavailableError(f"the service fails ({said})")
        if response.status_code in (401, 403):
            raise _RefusalError(
                f"{said}; the service does not accept the key: check {KEY_VARIABLE} and "
                f"{SECRET_VARIABLE} in the environment"
            )
        if response.status_code != 200 or message:
            raise _RefusalError(
                f"{said}; check {CONFIG_KEY}.endpoint, or place the points of this image by hand"
            )
        faults = answer_faults(answer)
        if faults:
            raise _UnavailableError(f"an answer that is none of the Detect API ({faults})")
        assert isinstance(answer, dict)
        return answer


def answer_faults(answer: object) -> str:
    """What keeps parsed JSON from being an answer of the Detect API; empty if nothing does."""
    if not isinstance(answer, dict) or not isinstance(answer.get("faces"), list):
        return "no list of faces"
    for face in answer["faces"]:
        if not isinstance(face, dict):
            return "a face that is no object"
        named = face.get("landmark")
        if named is None:
            continue  # landmarks are given for the largest faces only
        if not isinstance(named, dict):
            return "landmarks that are no object"
        rectangle = face.get("face_rectangle")
        if not isinstance(rectangle, dict) or not all(
            _is_number(rectangle.get(side)) for side in ("width", "height")
        ):
            return "a face without its rectangle"
        for names in LANDMARKS:
            point = next((named[name] for name in names if name in named), None)
            if not isinstance(point, dict) or not all(_is_number(point.get(a)) for a in "xy"):
                return f"a face without {' or '.join(names)}"
    return ""


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and np.isfinite(value)


def _kept_answer(path: Path) -> dict[str, Any] | None:
    if not path.exists():
        return None
    try:
        answer = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError([f"{path}: cannot be read ({error}); delete it to ask again"]) from None
    if faults := answer_faults(answer):
        raise InputError([f"{path}: is no answer of Face++ ({faults}); delete it to ask again"])
    return dict(answer)


def _digest(pair: Pair, modality: Modality) -> str:
    return pair.photo_sha256 if modality == "photo" else pair.sketch_sha256
