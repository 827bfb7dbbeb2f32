"""Asking Face++: against a loopback server that gives the documented answers."""

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
from photosketch.jobs.job import InputError
from photosketch.landmarks import facepp
from photosketch.landmarks.facepp import Service
from photosketch.landmarks.table import COLUMNS, points_of
from support.facepp_server import KEY, SECRET, Requests, error, face, found, serve
from support.waiting import wait_for

POINTS = [(75.0, 125.0), (126.0, 126.0), (100.0, 154.0), (80.0, 182.0), (121.0, 183.0)]
OTHER = [(x - 20, y + 5) for x, y in POINTS]
ALL_BUT_ONE = {("AR", "1", "photo"), ("AR", "2", "photo"), ("AR", "2", "sketch")}
ASKED = ("AR", "1", "sketch")


@pytest.fixture
def listed(listed: list[pairs.Pair]) -> list[pairs.Pair]:
    """Two pairs; the sketch of AR 1 is the one image that MTCNN missed."""
    return listed[:2]


def service(requests: Requests, **changes: object) -> Service:
    values = {"timeout": 2, "attempts": 3, "first_pause": 0.01, "key": KEY, "secret": SECRET}
    return Service(requests.url, **{**values, **changes})


def ask(listed, requests, folder, known=frozenset(ALL_BUT_ONE), **changes):
    return facepp.find_landmarks(listed, known, folder, lambda: service(requests, **changes))


def problem(listed, requests, folder, **changes) -> str:
    with pytest.raises(InputError) as caught:
        ask(listed, requests, folder, **changes)
    assert len(caught.value.problems) == 1
    everything = "".join(traceback.format_exception(caught.value))
    assert SECRET not in everything
    assert KEY not in everything
    return caught.value.problems[0]


def test_only_the_missed_image_is_sent_and_its_five_points_come_back(listed, tmp_path):
    with serve(found(face(POINTS))) as requests:
        table = ask(listed, requests, tmp_path / "answers")["AR"]
    assert tuple(table.columns) == COLUMNS
    assert table[["id", "modality", "source"]].to_numpy().tolist() == [["1", "sketch", "facepp"]]
    assert table["score"].isna().all()
    np.testing.assert_allclose(points_of(table, "1", "sketch"), POINTS)
    (sent,) = requests.asked
    assert sent["return_landmark"] == b"1"
    image = np.asarray(Image.open(io.BytesIO(sent["image_file"])))
    np.testing.assert_array_equal(image, pairs.read_image(listed[0], "sketch"))


def test_nothing_is_asked_twice_not_even_what_has_no_face(listed, tmp_path):
    with serve(found(), found(face(POINTS))) as requests:
        known = frozenset({("AR", "1", "photo"), ("AR", "2", "photo")})
        first = ask(listed, requests, tmp_path / "answers", known)
        assert len(requests.asked) == 2

        def nobody() -> Service:
            raise AssertionError("asked again")

        again = facepp.find_landmarks(listed, known, tmp_path / "answers", nobody)
    assert first["AR"].equals(again["AR"])
    assert list(again["AR"]["id"]) == ["2"]
    names = {path.name for path in (tmp_path / "answers").iterdir()}
    assert names == {f"{pair.sketch_sha256}.json" for pair in listed}


def test_sketches_are_not_sent_where_nothing_needs_their_points(listed, tmp_path):
    known = {("AR", "2", "photo")}
    with serve(found(face(POINTS))) as requests:
        table = facepp.find_landmarks(
            listed, known, tmp_path / "answers", lambda: service(requests), sketches=False
        )["AR"]
        assert len(requests.asked) == 1
    assert table[["id", "modality"]].to_numpy().tolist() == [["1", "photo"]]


def test_no_face_leaves_the_image_to_the_manual_file_and_says_so(listed, tmp_path, capfd):
    with serve(found()) as requests:
        table = ask(listed, requests, tmp_path / "answers")["AR"]
    assert len(table) == 0
    assert "no face in the sketch of AR 1" in capfd.readouterr().out


def test_busy_service_is_asked_again_later_one_request_at_a_time(listed, tmp_path):
    busy = error(403, "CONCURRENCY_LIMIT_EXCEEDED")
    with serve(busy, busy, found(face(POINTS))) as requests:
        table = ask(listed, requests, tmp_path / "answers")["AR"]
        assert len(requests.asked) == 3
        assert requests.busiest == 1
    assert len(table) == 1


def test_pauses_double(listed, tmp_path, monkeypatch):
    pauses: list[float] = []
    monkeypatch.setattr(facepp, "time", SimpleNamespace(sleep=pauses.append))
    with serve(error(403, "CONCURRENCY_LIMIT_EXCEEDED")) as requests:
        problem(listed, requests, tmp_path / "answers", attempts=4, first_pause=1)
    assert pauses == [1, 2, 4]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (error(403, "CONCURRENCY_LIMIT_EXCEEDED"), "busy"),
        (error(500, "INTERNAL_ERROR"), "HTTP 500, INTERNAL_ERROR"),
        ((502, "<html>Bad gateway</html>"), "HTTP 502"),
        ((0, ""), "the connection failed (ConnectionError)"),
        ((-1, ""), "no answer within 0.2 s"),
        ((200, "{nonsense"), "none of the Detect API"),
        ((200, "[]"), "none of the Detect API (no list of faces)"),
        ((200, '{"faces": [{"landmark": {"nose_tip": 3}}]}'), "none of the Detect API"),
        ((200, b"\xff\xfe\x00"), "none of the Detect API"),
    ],
)
def test_passing_trouble_is_tried_again_then_named_and_nothing_is_kept(
    listed, tmp_path, answer, expected
):
    timeout = 0.2 if answer[0] == -1 else 2
    with serve(answer) as requests:
        text = problem(listed, requests, tmp_path / "answers", timeout=timeout)
        wait_for("third request", 10, lambda: len(requests.asked) == 3)
    assert "sketch of AR 1" in text
    assert expected in text
    assert "run again later" in text
    assert not (tmp_path / "answers").exists()


def test_trouble_that_passes_ends_well(listed, tmp_path):
    with serve((0, ""), (500, "x"), found(face(POINTS))) as requests:
        assert len(ask(listed, requests, tmp_path / "answers")["AR"]) == 1


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (error(401, "AUTHENTICATION_ERROR"), "FACEPP_API_KEY"),
        (error(403, "AUTHORIZATION_ERROR:<Denied by Client>"), "FACEPP_API_KEY"),
        (error(400, "INVALID_IMAGE_SIZE:image_file"), "INVALID_IMAGE_SIZE"),
        (error(404, "API_NOT_FOUND"), "landmarks.facepp.endpoint"),
        ((302, ""), "HTTP 302"),
    ],
)
def test_refusal_is_named_at_once(listed, tmp_path, answer, expected):
    with serve(answer) as requests:
        text = problem(listed, requests, tmp_path / "answers")
        assert len(requests.asked) == 1
    assert expected in text


def test_bad_key_is_refused_by_the_server_and_shown_nowhere(listed, tmp_path, capfd):
    with serve(found(face(POINTS))) as requests:
        text = problem(listed, requests, tmp_path / "answers", key="wrong-key-5150")
    assert "FACEPP_API_KEY" in text
    output = capfd.readouterr()
    assert "wrong-key-5150" not in text + output.out + output.err


def test_secrets_that_the_service_repeats_are_kept_nowhere(listed, tmp_path, capfd):
    status, body = found(face(POINTS))
    echoing = json.dumps({**json.loads(body), "request_id": f"{KEY} {SECRET}"})
    repeated = error(500, f"bad {KEY} and {SECRET}")
    with serve(repeated, (status, echoing)) as requests:
        asking = service(requests)
        assert SECRET not in repr(asking)
        assert KEY not in repr(asking)
        facepp.find_landmarks(listed, ALL_BUT_ONE, tmp_path / "answers", lambda: asking)
    (kept,) = (tmp_path / "answers").iterdir()
    written = kept.read_text() + "".join(capfd.readouterr())
    assert "bad *** and ***" in written
    assert KEY not in written
    assert SECRET not in written


def test_answers_before_a_failure_are_kept(listed, tmp_path):
    known = frozenset({("AR", "1", "photo"), ("AR", "2", "photo")})
    with serve(found(face(POINTS)), error(401, "AUTHENTICATION_ERROR")) as requests:
        with pytest.raises(InputError):
            ask(listed, requests, tmp_path / "answers", known)
        requests.answers[:] = [found(face(OTHER))]
        table = ask(listed, requests, tmp_path / "answers", known)["AR"]
        assert len(requests.asked) == 3
    np.testing.assert_allclose(points_of(table, "1", "sketch"), POINTS)
    np.testing.assert_allclose(points_of(table, "2", "sketch"), OTHER)


def points_in(*faces: dict) -> np.ndarray | None:
    return facepp.landmarks_of(json.loads(found(*faces)[1]), (200, 250))


def test_largest_face_counts_and_one_without_landmarks_does_not():
    without = {**face(OTHER, side=190), "landmark": None}
    assert points_in(face(OTHER, 40), face(POINTS, 90), without) == pytest.approx(np.array(POINTS))
    assert facepp.answer_faults(json.loads(found(without)[1])) == ""
    assert points_in(without) is None


def test_pupils_serve_where_the_eye_centres_are_not_given():
    assert points_in(face(POINTS, pupils=True)) == pytest.approx(np.array(POINTS))


def test_left_becomes_the_viewers_left():
    mirrored = [POINTS[index] for index in (1, 0, 2, 4, 3)]
    assert points_in(face(mirrored)) == pytest.approx(np.array(POINTS))


def test_points_outside_the_image_are_no_points():
    assert points_in(face([*POINTS[:4], (200.0, 183.0)])) is None


def test_unset_variables_are_named_and_their_values_are_not(monkeypatch):
    monkeypatch.setenv("FACEPP_API_KEY", "abc123")
    monkeypatch.setenv("FACEPP_API_SECRET", " ")
    with pytest.raises(InputError, match="FACEPP_API_SECRET is not set") as caught:
        facepp.service_from_environment("https://example.org", 30)
    assert "abc123" not in str(caught.value)


def test_damaged_kept_answer_is_named(listed, tmp_path):
    folder = tmp_path / "answers"
    folder.mkdir()
    path = folder / f"{listed[0].sketch_sha256}.json"
    for text in ("{", "{}"):
        path.write_text(text)
        with serve() as requests:
            assert f"{path}: " in problem(listed, requests, folder)
            assert requests.asked == []


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
    problems = checks.config_problems(config)
    assert [problem.partition(":")[0] for problem in problems] == (
        [] if allowed else ["landmarks.facepp.endpoint"]
    )
