"""Face++: a local server gives the documented answers."""

import io
import json
import traceback
from types import SimpleNamespace

import numpy as np
import pytest
import yaml
from PIL import Image

from photosketch.configuration import checks
from photosketch.data import pairs
from photosketch.jobs.messages import InputError
from photosketch.landmarks import facepp
from photosketch.landmarks.table import COLUMNS, points_of
from support.facepp_server import KEY, SECRET, error, face, found, serve

POINTS = [(75.0, 125.0), (126.0, 126.0), (100.0, 154.0), (80.0, 182.0), (121.0, 183.0)]
OTHER = [(x - 20, y + 5) for x, y in POINTS]
SMALL = [(x / 2, y / 2) for x, y in POINTS]
PHOTOS = frozenset({("AR", "1", "photo"), ("AR", "2", "photo")})
ALL_BUT_ONE = PHOTOS | {("AR", "2", "sketch")}
FOUND = found(face(POINTS))
BUSY = error(403, "CONCURRENCY_LIMIT_EXCEEDED")
REFUSED = error(401, "AUTHENTICATION_ERROR")


@pytest.fixture(autouse=True)
def pauses(monkeypatch):
    """Key and secret, three attempts, and the pauses between them, which take no time."""
    monkeypatch.setenv("FACEPP_API_KEY", KEY)
    monkeypatch.setenv("FACEPP_API_SECRET", SECRET)
    monkeypatch.setattr(facepp, "ATTEMPTS", 3)
    pauses = []
    monkeypatch.setattr(facepp, "time", SimpleNamespace(sleep=pauses.append))
    return pauses


@pytest.fixture
def answers(tmp_path):
    return tmp_path / "answers"


@pytest.fixture
def ask(listed, answers):
    """A function that asks a server for two pairs, of which MTCNN missed the sketch of AR 1."""

    def ask(requests, known=ALL_BUT_ONE, timeout=2, sketches=True):
        given = listed[:2], known, answers, requests.url, timeout
        return facepp.find_landmarks(*given, sketches=sketches)["AR"]

    return ask


def problem(ask, requests, timeout=2):
    with pytest.raises(InputError) as caught:
        ask(requests, timeout=timeout)
    everything = "".join(traceback.format_exception(caught.value))
    assert SECRET not in everything and KEY not in everything
    [text] = caught.value.problems
    return text


def test_only_the_missed_image_is_sent_and_its_five_points_come_back(ask, listed):
    with serve(FOUND) as requests:
        table = ask(requests)
    assert tuple(table.columns) == (*COLUMNS, "faces")
    assert table[["id", "modality", "source"]].to_numpy().tolist() == [["1", "sketch", "facepp"]]
    assert table["score"].isna().all()
    np.testing.assert_allclose(points_of(table, "1", "sketch"), POINTS)
    (sent,) = requests.asked
    assert sent["return_landmark"] == b"1"
    image = np.asarray(Image.open(io.BytesIO(sent["image_file"])))
    np.testing.assert_array_equal(image, pairs.read_image(listed[0], "sketch"))


def test_nothing_is_asked_twice_not_even_what_has_no_face_nor_without_need(
    ask, listed, answers, capfd, monkeypatch
):
    with serve(found(), FOUND) as requests:
        assert ask(requests, PHOTOS, sketches=False).empty
        assert requests.asked == []
        first = ask(requests, PHOTOS)
        monkeypatch.delenv("FACEPP_API_KEY")
        again = ask(requests, PHOTOS)
        assert len(requests.asked) == 2
    assert first.equals(again)
    assert list(again["id"]) == ["2"]
    names = {path.name for path in answers.iterdir()}
    assert names == {f"{pair.sketch_sha256}.json" for pair in listed[:2]}
    assert "no face in the sketch of AR 1" in capfd.readouterr().out


def test_trouble_that_passes_ends_well_one_request_at_a_time(ask, monkeypatch):
    monkeypatch.setattr(facepp, "ATTEMPTS", 4)
    with serve(BUSY, (0, ""), (500, "x"), FOUND) as requests:
        assert len(ask(requests)) == 1
        assert len(requests.asked) == 4
        assert requests.busiest == 1


PASSING = [
    (BUSY, "busy"),
    (error(500, "INTERNAL_ERROR"), "HTTP 500, INTERNAL_ERROR"),
    ((502, "<html>Bad gateway</html>"), "HTTP 502"),
    ((0, ""), "the connection failed (ConnectionError)"),
    ((-1, ""), "no answer within 0.2 s"),
    ((200, "{nonsense"), "not of the Detect API"),
    ((200, "[]"), "not of the Detect API"),
    ((200, '{"faces": [{"landmark": {"nose_tip": 3}}]}'), "not of the Detect API"),
    (found({**face(POINTS), "landmark": {}, "face_rectangle": 3}), "not of the Detect API"),
    (found({**face(POINTS), "landmark": {"nose_tip": {"x": 1, "y": 2}}}), "left_eye_center"),
    ((200, b"\xff\xfe\x00"), "not of the Detect API"),
]
REFUSALS = [
    (REFUSED, "FACEPP_API_KEY"),
    (error(403, "AUTHORIZATION_ERROR:<Denied by Client>"), "FACEPP_API_KEY"),
    (error(400, "INVALID_IMAGE_SIZE:image_file"), "INVALID_IMAGE_SIZE"),
    (error(404, "API_NOT_FOUND"), "landmarks.facepp.endpoint"),
    ((302, ""), "HTTP 302"),
]


@pytest.mark.parametrize(("answer", "expected"), PASSING + REFUSALS)
def test_trouble_is_named_and_nothing_kept_and_what_may_pass_is_tried_again_before(
    ask, answers, pauses, answer, expected
):
    with serve(answer) as requests:
        text = problem(ask, requests, timeout=0.2 if answer[0] == -1 else 2)
    passing = (answer, expected) in PASSING
    assert pauses == ([1, 2] if passing else [])
    assert len(requests.asked) == (3 if passing else 1)
    assert "sketch of AR 1" in text and expected in text
    assert ("run again later" in text) == passing
    assert not answers.exists()


def test_secrets_that_the_service_repeats_are_shown_and_kept_nowhere(
    ask, answers, capfd, monkeypatch
):
    status, body = FOUND
    echoing = json.dumps({**json.loads(body), "request_id": f"{KEY} {SECRET}"})
    with serve(error(500, f"bad {KEY} and {SECRET}"), (status, echoing)) as requests:
        monkeypatch.setenv("FACEPP_API_KEY", "wrong-key-5150")
        assert "FACEPP_API_KEY" in problem(ask, requests)
        monkeypatch.setenv("FACEPP_API_KEY", KEY)
        requests.asked.clear()
        ask(requests)
    (kept,) = answers.iterdir()
    written = kept.read_text() + "".join(capfd.readouterr())
    assert "bad *** and ***" in written
    for secret in (KEY, SECRET, "wrong-key-5150"):
        assert secret not in written


def test_answers_before_a_failure_are_kept(ask):
    with serve(FOUND, REFUSED) as requests:
        with pytest.raises(InputError):
            ask(requests, PHOTOS)
        requests.answers[:] = [found(face(OTHER))]
        table = ask(requests, PHOTOS)
        assert len(requests.asked) == 3
    np.testing.assert_allclose(points_of(table, "1", "sketch"), POINTS)
    np.testing.assert_allclose(points_of(table, "2", "sketch"), OTHER)


WITHOUT = {**face(OTHER, side=190), "landmark": None}


@pytest.mark.parametrize(
    ("faces", "points"),
    [
        ([face(OTHER, 40), face(POINTS, 90), WITHOUT], POINTS),  # the largest with landmarks
        ([face(POINTS, 90), face(SMALL, 80)], POINTS),
        ([WITHOUT], None),
        ([face([POINTS[index] for index in facepp.MIRRORED])], POINTS),  # the viewer's left
        ([face([*POINTS[:4], (200.0, 183.0)])], None),  # beyond the border
    ],
)
def test_points_of_an_answer(faces, points):
    read = facepp.landmarks_of(found(*faces)[1], (200, 250))
    assert (read is None) == (points is None)
    if points:
        np.testing.assert_allclose(read[0], points)
        assert read[1] == 1 + (len(faces) == 3)  # OTHER is as large by its points


def test_unset_variables_are_named_and_their_values_are_not(monkeypatch):
    monkeypatch.setenv("FACEPP_API_KEY", "abc123")
    monkeypatch.setenv("FACEPP_API_SECRET", " ")
    with pytest.raises(InputError, match="does not set FACEPP_API_SECRET") as caught:
        facepp.key_and_secret()
    assert "abc123" not in str(caught.value)


@pytest.mark.parametrize("text", ["{", "{}"])
def test_damaged_kept_answer_is_named(ask, listed, answers, text):
    answers.mkdir()
    path = answers / f"{listed[0].sketch_sha256}.json"
    path.write_text(text)
    assert f"{path}: is damaged (" in problem(ask, SimpleNamespace(url=""))


@pytest.mark.parametrize(
    ("endpoint", "allowed"),
    [
        ("https://api-us.faceplusplus.com/facepp/v3/detect", True),
        ("http://127.0.0.1:8000/detect", True),
        ("http://api-us.faceplusplus.com/facepp/v3/detect", False),
        ("http://127.0.0.1.example.org/detect", False),
        ("http://localhost:x@example.org/", False),
        ("http://localhost:80@example.org/", False),
        ("http://localhost\\@example.org/", False),
        ("http://localhost:x/", False),
        ("https://name:secret@example.org/", False),
        ("https:///detect", False),
        ("ftp://localhost/", False),
    ],
)
def test_key_and_secret_never_leave_this_machine_unencrypted(root, endpoint, allowed):
    config = yaml.safe_load((root / "config/config.yaml").read_text())
    config["landmarks"]["facepp"]["endpoint"] = endpoint
    named = [problem.partition(":")[0] for problem in checks.config_problems(config)]
    assert named == ([] if allowed else ["landmarks.facepp.endpoint"])
