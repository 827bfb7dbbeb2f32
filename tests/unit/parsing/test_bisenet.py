"""The learned parser, run with small networks whose labels are known."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import cv2
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from photosketch.data.pairs import MODALITIES, Pair
from photosketch.jobs.job import InputError
from photosketch.landmarks.table import COLUMNS
from photosketch.parsing.bisenet import CELEBAMASK_CLASSES, Parser, finds_face, parse_pairs
from photosketch.parsing.grabcut import parse_grabcut
from photosketch.parsing.labels import (
    BACKGROUND,
    CLASSES,
    HAIR,
    SKIN,
    Parsings,
    read_parsings,
    write_parsings,
)
from photosketch.warp.warp_pairs import warp_pairs
from support import small_parser
from support.faces.pair import draw_pair
from support.small_parser import COLOURS

POINTS = np.array([(75, 126), (125, 126), (100, 155), (80, 180), (120, 180)], np.float32)


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def load(path):
    return Parser("resnet18", path, sha256(path))


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return small_parser.write(tmp_path_factory.mktemp("weights") / "small.onnx")


@pytest.fixture(scope="module")
def parser(weights):
    return load(weights)


@pytest.fixture(scope="module")
def blind(tmp_path_factory):
    return load(small_parser.write(tmp_path_factory.mktemp("weights") / "blind.onnx", blind=True))


def face(background=small_parser.WHITE):
    """A square gray face [250, 200, 3] under black hair."""
    image = np.full((250, 200, 3), COLOURS[background], np.uint8)
    image[60:90, 50:150] = COLOURS[small_parser.BLACK]
    image[90:200, 50:150] = COLOURS[small_parser.GRAY]
    return image


def as_pairs(folder, images):
    """Pairs of these photos and sketches by id, as files, and their landmark table."""
    pairs, rows = [], []
    for id, (photo, sketch) in images.items():
        files = [folder / f"{id}-{modality}.png" for modality in MODALITIES]
        for file, image in zip(files, (photo, sketch), strict=True):
            Image.fromarray(image).save(file)
        pairs.append(Pair("a", id, "train", *map(str, files), 200, 250, *map(sha256, files)))
        rows += [(id, modality, *POINTS.ravel().tolist(), 1.0, "mtcnn") for modality in MODALITIES]
    return pairs, pd.DataFrame(rows, columns=list(COLUMNS))


@pytest.fixture
def demo_pairs(tmp_path):
    drawn = [draw_pair(seed) for seed in range(2)]
    return as_pairs(tmp_path, {str(i): (pair.photo, pair.sketch) for i, pair in enumerate(drawn)})


@pytest.mark.skipif(cv2.cuda.getCudaEnabledDeviceCount() > 0, reason="OpenCV has a GPU here")
def test_without_a_gpu_the_network_runs_on_the_cpu_and_the_log_says_so(weights, capsys):
    assert load(weights).device == "cpu"
    assert f"{weights}: OpenCV {cv2.__version__} runs the network on cpu" in capsys.readouterr().out


@pytest.fixture
def as_if_with_gpu(monkeypatch):
    """Makes OpenCV seem to have a GPU, which runs networks or refuses to.

    Returns a list of what is then asked of each network that is read: options, backend, target.
    """

    def prepare(refuses):
        asked, read = [], cv2.dnn.readNetFromONNX

        def reader(onnx, **options):
            network, chosen = read(onnx, **options), [options]
            asked.append(chosen)

            def forward():
                if refuses and len(chosen) > 1:
                    raise cv2.error("a layer is not implemented")
                return network.forward()

            return SimpleNamespace(
                setPreferableBackend=chosen.append,
                setPreferableTarget=chosen.append,
                setInput=network.setInput,
                forward=forward,
            )

        monkeypatch.setattr(cv2.cuda, "getCudaEnabledDeviceCount", lambda: 1)
        targets = (cv2.dnn.DNN_TARGET_CUDA,)
        monkeypatch.setattr(cv2.dnn, "getAvailableTargets", lambda backend: targets)
        monkeypatch.setattr(cv2.dnn, "readNetFromONNX", reader)
        return asked

    return prepare


def test_a_gpu_that_opencv_can_use_is_used(weights, as_if_with_gpu, capsys):
    asked = as_if_with_gpu(refuses=False)
    assert load(weights).device == "cuda"
    options = {"engine": cv2.dnn.ENGINE_CLASSIC}  # the other engine knows no GPU
    assert asked == [[options, cv2.dnn.DNN_BACKEND_CUDA, cv2.dnn.DNN_TARGET_CUDA]]
    assert "runs the network on cuda" in capsys.readouterr().out


def test_a_gpu_that_does_not_run_the_network_is_left_and_the_log_says_so(
    weights, as_if_with_gpu, capsys
):
    as_if_with_gpu(refuses=True)
    assert load(weights).device == "cpu"
    out = capsys.readouterr().out
    assert "the GPU does not run the network" in out and "a layer is not implemented" in out
    assert "runs the network on cpu" in out


def test_a_gpu_that_opencv_was_not_built_for_is_not_asked(weights, monkeypatch):
    monkeypatch.setattr(cv2.cuda, "getCudaEnabledDeviceCount", lambda: 1)
    monkeypatch.setattr(cv2.dnn, "getAvailableTargets", lambda backend: ())
    assert load(weights).device == "cpu"


def test_each_of_the_19_classes_becomes_ours(parser):
    assert set(CELEBAMASK_CLASSES.values()) == set(range(len(CLASSES)))
    stripes = np.repeat(COLOURS[None], 20, 0).repeat(10, 1)  # [20, 190, 3]
    (labels,) = parser.parse([stripes])
    assert labels.shape == (20, 190) and labels.dtype == np.uint8
    expected = list(CELEBAMASK_CLASSES.values())
    for columns in (slice(4, None, 10), slice(6, None, 10)):
        assert (labels[:, columns] == expected).all()


def test_more_images_than_a_batch_of_any_size_keep_their_order_and_edges(parser):
    random = np.random.default_rng(0)
    truth, images = [], []
    for height, width in [(250, 200), (64, 48), (600, 700), (128, 128), (250, 200), (90, 300)]:
        classes = random.choice([0, 1, 17], (4, 3))
        blocks = np.kron(classes, np.ones((height // 4, width // 3), int))
        truth.append(np.array([BACKGROUND, SKIN, HAIR])[np.searchsorted([0, 1, 17], blocks)])
        images.append(COLOURS[blocks])
    for labels, expected in zip(parser.parse(images), truth, strict=True):
        assert labels.shape == expected.shape
        assert (labels == expected).mean() > 0.95  # black on white has a gray edge, a pixel wide


def test_gray_sketches_are_parsed_as_their_rgb_copies(parser):
    image = face()
    gray, colour = parser.parse([image[..., 0], image])
    assert np.array_equal(gray, colour)
    assert (gray[130, 100], gray[70, 100], gray[20, 20]) == (SKIN, HAIR, BACKGROUND)


def test_threads_share_a_parser(parser):
    images = [np.roll(face(), 10 * i, 1) for i in range(6)]
    with ThreadPoolExecutor(3) as pool:
        together = list(pool.map(parser.parse_image, images, [POINTS] * 6))
    assert np.array_equal(together, parser.parse(images))


def test_a_face_must_be_as_large_as_its_points_say(parser):
    (labels,) = parser.parse([face()])
    assert finds_face(labels, POINTS)
    assert not finds_face(labels, POINTS * 4)
    assert not finds_face(np.full((250, 200), HAIR, np.uint8), POINTS)
    for seed in range(4):
        pair = draw_pair(seed)
        assert finds_face(pair.photo_labels, pair.photo_landmarks)


def test_pairs_are_parsed_photo_and_sketch(parser, tmp_path):
    moved = np.roll(face(), 5, 1)
    pairs, table = as_pairs(tmp_path, {"1": (face(), moved[..., 0]), "2": (moved, face()[..., 0])})
    parsed = parse_pairs(pairs, table, parser)
    assert parsed.ids == ("1", "2") and parsed.fallback == ()
    assert parsed.photo.shape == (2, 250, 200)
    assert np.array_equal(parsed.photo, parsed.sketch[::-1])
    assert not np.array_equal(*parsed.photo)


def test_every_photo_without_a_face_is_blank_and_listed(parser, tmp_path):
    white = np.full((250, 200), 255, np.uint8)
    images = {"1": (face(), white), "2": (np.dstack([white] * 3), face()[..., 0])}
    images |= {str(i): (face(), face()[..., 0]) for i in range(3, 7)}
    images |= {"7": (np.dstack([white] * 3), white)}
    parsed = parse_pairs(*as_pairs(tmp_path, images), parser)
    assert parsed.faceless == ("2", "7")
    assert parsed.unparsed == ("1", "7")
    assert parsed.photo.any(axis=(1, 2)).tolist() == [id not in "27" for id in images]
    write_parsings(parsed, tmp_path / "a.npz")
    assert read_parsings(tmp_path / "a.npz").faceless == parsed.faceless


def test_sketches_without_a_face_or_points_have_no_labels_and_are_named(parser, tmp_path):
    white = np.full((250, 200), 255, np.uint8)
    sketches = {"1": face()[..., 0], "2": white, "3": face()[..., 0], "4": face()[..., 0]}
    pairs, table = as_pairs(tmp_path, {id: (face(), sketch) for id, sketch in sketches.items()})
    table = table.drop(table.index[(table["id"] == "3") & (table["modality"] == "sketch")])
    parsed = parse_pairs(pairs, table, parser)
    assert parsed.unparsed == ("2", "3")
    assert parsed.sketch.any(axis=(1, 2)).tolist() == [True, False, False, True]
    assert np.array_equal(parsed.sketch[0], parsed.sketch[3])


def test_the_fallback_is_grabcut_and_recorded(blind, demo_pairs, tmp_path):
    pairs, table = demo_pairs
    parsed = parse_pairs(pairs, table, blind, fallback=True)
    expected = [parse_grabcut(draw_pair(seed).photo, POINTS) for seed in range(2)]
    assert np.array_equal(parsed.photo, expected)
    assert set(parsed.fallback) == {(id, modality) for id in "01" for modality in MODALITIES}
    write_parsings(parsed, tmp_path / "a.npz")
    assert read_parsings(tmp_path / "a.npz").fallback == parsed.fallback


def test_a_warped_sketch_is_parsed_again_by_what_parsed_it(blind, demo_pairs):
    pairs, table = demo_pairs
    both = [
        np.stack([parse_grabcut(getattr(draw_pair(s), modality), POINTS) for s in range(2)])
        for modality in MODALITIES
    ]
    parsings = Parsings(("0", "1"), *both, fallback=(("1", "sketch"),))
    _, scores = warp_pairs(
        pairs,
        table,
        parsings,
        "face",
        blind.parse_image,
        parse_grabcut,
        lambda sketches: [POINTS] * 2,
    )
    # the network sees no head in the first, grabcut one in the second
    assert scores["tried"][0] == 0 and scores["worse"][0]
    assert scores["tried"][1] > 0.8


def test_a_missing_or_another_file_says_what_to_put_where(weights, tmp_path):
    for path in (tmp_path / "absent.onnx", weights):
        with pytest.raises(InputError) as caught:
            Parser("resnet34", path)
        message = str(caught.value)
        for part in (str(path), "releases/download/weights/resnet34.onnx", "5b805bba7b5660ab"):
            assert part in message
        assert "set parsing.weights to its path" in message


def test_what_is_no_face_parser_is_refused(tmp_path):
    text = tmp_path / "text.onnx"
    text.write_bytes(b"no network")
    other = small_parser.write(tmp_path / "other.onnx", classes=8)
    cut = tmp_path / "cut.onnx"
    cut.write_bytes(other.read_bytes()[:-300])
    for path in (text, cut, other):
        with pytest.raises(InputError, match=f"{path.name}: not a face-parsing network"):
            load(path)
