"""Points of faces that MTCNN missed, from the Face++ Detect API v3 (return_landmark).

https://console.faceplusplus.com/documents/5679127 describes the service. Key and secret are only
read from the environment, only sent in the body of a request, and removed from every answer. Every
answer is stored in a file named after the image's sha256, so no image is sent twice. Images are
sent one after another, because a free key allows one request at a time.
"""

import io
import json
import os
import time
from collections.abc import Container, Iterable
from pathlib import Path

import numpy as np
import pandas as pd
import requests
from PIL import Image

from photosketch.data.array_types import Points
from photosketch.data.images import points_before, reduced, reduced_size
from photosketch.data.pairs import MODALITIES, Modality, Pair, read_image
from photosketch.data.storage import intact
from photosketch.jobs.disk import write_atomically
from photosketch.jobs.messages import InputError
from photosketch.landmarks.table import DETECTED, ImageKey, face_row, faces_alike, faults_of

KEY_VARIABLE, SECRET_VARIABLE = "FACEPP_API_KEY", "FACEPP_API_SECRET"
CONFIG_KEY = "landmarks.facepp"
ATTEMPTS = 7
FIRST_PAUSE = 1.0  # seconds before the second attempt; doubled after each attempt
# the service's names of the points, in the order of LANDMARK_NAMES
LANDMARKS = (
    *("left_eye_center", "right_eye_center", "nose_tip"),
    *("mouth_left_corner", "mouth_right_corner"),
)
MIRRORED = [1, 0, 2, 4, 3]  # the five points with left and right exchanged


def find_landmarks(
    pairs: Iterable[Pair],
    known: Container[ImageKey],
    answers: Path,
    endpoint: str,
    timeout: float,
    *,
    sketches: bool = True,
) -> dict[str, pd.DataFrame]:
    """Landmark tables by subset, with a row for each image in which the service finds a face.

    `known` images are not sent; sketches are sent only with `sketches`. `answers` is the folder of
    stored answers; no key is needed if every answer is stored. `timeout`: seconds until a
    connection, and between two parts of an answer. Raises InputError if a request fails; the
    answers so far are kept.
    """
    rows: dict[str, list[tuple[object, ...]]] = {}
    for pair in pairs:
        own = rows.setdefault(pair.subset, [])
        for modality in MODALITIES if sketches else MODALITIES[:1]:
            if (pair.subset, pair.id, modality) in known:
                continue
            digest = pair.photo_sha256 if modality == "photo" else pair.sketch_sha256
            path = answers / f"{digest}.json"
            if not path.exists():
                text = _ask(endpoint, timeout, pair, modality)
                with write_atomically(path) as temporary:
                    temporary.write_text(text, encoding="utf-8")
            with intact(path, "facepp_landmarks"):
                found = landmarks_of(path.read_bytes(), reduced_size(pair.size(modality)))
            if found is None:
                print(f"Face++ finds no face in the {modality} of {pair.subset} {pair.id}")
                continue
            points, alike = points_before(found[0], pair.size(modality)), found[1]
            # no score: the service does not return a probability that this is a face
            own.append(face_row(pair, modality, points, np.nan, "facepp", alike))
    return {subset: pd.DataFrame(rows[subset], columns=DETECTED) for subset in rows}


def landmarks_of(answer: str | bytes, size: tuple[int, int]) -> tuple[Points, int] | None:
    """The points [5, 2] float32 of the largest face in an answer (JSON), and its `faces_alike`.

    None if there is no upright face in an image of `size` (width, height). Left is always the
    viewer's left. Raises ValueError if this is not an answer of the Detect API.
    """
    found = []  # area, points
    try:
        for face in json.loads(answer)["faces"]:
            area = face["face_rectangle"]["width"] * face["face_rectangle"]["height"]
            if named := face.get("landmark"):  # only the largest faces have landmarks
                points = [(float(named[n]["x"]), float(named[n]["y"])) for n in LANDMARKS]
                found.append((area, points))
    except (LookupError, TypeError, AttributeError) as error:
        raise ValueError(f"{type(error).__name__}: {error}") from None
    if not found:
        return None
    largest = np.array(max(found)[1], np.float32)  # [5, 2]
    if largest[0, 0] > largest[1, 0]:
        largest = largest[MIRRORED]
    alike = faces_alike(np.array(points) for _, points in found)
    return None if faults_of(largest, *size) else (largest, alike)


def key_and_secret() -> tuple[str, str]:
    """Key and secret from the environment. Raises InputError if one is not set."""
    values = {name: os.environ.get(name, "").strip() for name in (KEY_VARIABLE, SECRET_VARIABLE)}
    if unset := " and ".join(name for name, value in values.items() if not value):
        fault = f"{CONFIG_KEY}.enabled is true, but the environment does not set {unset}"
        raise InputError([f"{fault}; export {unset}, or set {CONFIG_KEY}.enabled to false"])
    return values[KEY_VARIABLE], values[SECRET_VARIABLE]


def _ask(endpoint: str, timeout: float, pair: Pair, modality: Modality) -> str:
    """The answer for an image, after several attempts if needed. Raises InputError if all fail, or
    if the service would refuse every further request."""
    key, secret = key_and_secret()
    picture = io.BytesIO()
    Image.fromarray(reduced(read_image(pair, modality))).save(picture, format="PNG")
    what, pause = f"Face++, {modality} of {pair.subset} {pair.id}", FIRST_PAUSE
    reason = ""
    for _ in range(ATTEMPTS):
        if reason:
            print(f"{what}: {reason}; asking again in {pause:g} s", flush=True)
            time.sleep(pause)
            pause *= 2
        try:
            response = requests.post(
                endpoint,
                data={"api_key": key, "api_secret": secret, "return_landmark": "1"},
                files={"image_file": ("image.png", picture.getvalue(), "image/png")},
                timeout=timeout,
                allow_redirects=False,  # key and secret go to the configured address only
            )
        except requests.RequestException as error:
            # only the class, because the text may quote the request
            reason = f"the connection failed ({type(error).__name__})"
            if isinstance(error, requests.Timeout):
                reason = f"no answer within {timeout:g} s"
            continue
        text = response.text.replace(key, "***").replace(secret, "***")
        try:
            message = str(json.loads(text).get("error_message") or "")
        except (ValueError, AttributeError):
            message = ""
        status = response.status_code
        said = f"HTTP {status}, {message or repr(text[:80])}"
        if status >= 500 or status == 429:
            reason = f"the service is failing ({said})"
        elif message.startswith("CONCURRENCY_LIMIT_EXCEEDED"):
            reason = f"the service is busy ({said})"
        elif status in (401, 403):
            remedy = f"check {KEY_VARIABLE} and {SECRET_VARIABLE} in the environment"
            raise InputError([f"{what}: {said}; the service does not accept the key: {remedy}"])
        elif status != 200 or message:
            remedy = f"check {CONFIG_KEY}.endpoint, or place the points of this image by hand"
            raise InputError([f"{what}: {said}; {remedy}"])
        else:
            try:
                landmarks_of(text, (1, 1))
                return text
            except ValueError as error:
                reason = f"an answer that is not of the Detect API ({error})"
    remedy = (
        "run again later (the answers so far are kept), or set "
        f"{CONFIG_KEY}.enabled to false and place the points by hand"
    )
    raise InputError([f"{what}: {reason}, {ATTEMPTS} times in a row; {remedy}"])
