"""The learned parser, run with small networks whose labels are known."""

from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from photosketch.parsing.bisenet import CELEBAMASK_CLASSES, Parser
from photosketch.parsing.labels import BACKGROUND, CLASSES, HAIR, SKIN
from support import small_parser
from support.problems import problems_of
from support.small_parser import COLOURS, POINTS, face, load

# The other engine knows no GPU.
ON_GPU = [{"engine": cv2.dnn.ENGINE_CLASSIC}, cv2.dnn.DNN_BACKEND_CUDA, cv2.dnn.DNN_TARGET_CUDA]


@pytest.mark.parametrize(
    ("gpus", "targets", "refuses", "device", "asked_first", "told"),
    [
        (1, ON_GPU[2:], False, "cuda", ON_GPU, ""),
        (1, ON_GPU[2:], True, "cpu", ON_GPU, "the GPU does not run the network"),
        (1, (), True, "cpu", [{}], ""),  # OpenCV was not built for it
        (0, ON_GPU[2:], True, "cpu", [{}], ""),
    ],
)
def test_a_gpu_that_opencv_can_use_is_used_and_another_left_and_the_log_says_so(
    weights, monkeypatch, capsys, gpus, targets, refuses, device, asked_first, told
):
    asked, read = [], cv2.dnn.readNetFromONNX

    def reader(onnx, **options):
        network, chosen = read(onnx, **options), [options]
        asked.append(chosen)

        def forward():
            if refuses and len(chosen) > 1:
                raise cv2.error("a layer is not implemented")
            return network.forward()

        choose = {f"setPreferable{what}": chosen.append for what in ("Backend", "Target")}
        return SimpleNamespace(setInput=network.setInput, forward=forward, **choose)

    monkeypatch.setattr(cv2.cuda, "getCudaEnabledDeviceCount", lambda: gpus)
    monkeypatch.setattr(cv2.dnn, "getAvailableTargets", lambda backend: targets)
    monkeypatch.setattr(cv2.dnn, "readNetFromONNX", reader)
    assert load(weights).device == device
    assert asked[0] == asked_first
    out = capsys.readouterr().out
    assert f"{weights}: OpenCV {cv2.__version__} runs the network on {device}" in out
    assert told in out
    assert ("a layer is not implemented" in out) == bool(told)


def test_each_of_the_19_classes_becomes_ours(parser):
    assert set(CELEBAMASK_CLASSES.tolist()) == set(range(len(CLASSES)))
    stripes = np.repeat(COLOURS[None], 20, 0).repeat(10, 1)  # [20, 190, 3]
    (labels,) = parser.parse([stripes])
    assert labels.shape == (20, 190) and labels.dtype == np.uint8
    for column in (4, 6):
        assert (labels[:, column::10] == CELEBAMASK_CLASSES).all()


@pytest.mark.slow
def test_images_of_any_size_keep_their_order_and_edges(parser):
    random = np.random.default_rng(0)
    truth, images = [], []
    for height, width in [(250, 200), (64, 48), (520, 540), (90, 300)]:
        classes = random.choice([0, 1, 17], (4, 3))
        blocks = np.kron(classes, np.ones((height // 4, width // 3), int))
        truth.append(np.array([BACKGROUND, SKIN, HAIR])[np.searchsorted([0, 1, 17], blocks)])
        images.append(COLOURS[blocks])
    for labels, expected in zip(parser.parse(images), truth, strict=True):
        assert labels.shape == expected.shape
        assert (labels == expected).mean() > 0.95  # black on white has a gray edge, a pixel wide


@pytest.mark.slow
def test_threads_share_a_parser(parser):
    images = [np.roll(face(), 10 * i, 1) for i in range(3)]
    with ThreadPoolExecutor(3) as pool:
        together = list(pool.map(parser.parse_image, images, [POINTS] * 3))
    assert np.array_equal(together, parser.parse(images))


def test_a_missing_or_another_file_says_what_to_put_where(weights, tmp_path):
    published = "releases/download/weights/resnet34.onnx", "5b805bba7b5660ab"
    for path in (tmp_path / "absent.onnx", weights):
        (problem,) = problems_of(Parser, "resnet34", path)
        for part in (str(path), *published, "set parsing.weights to its path"):
            assert part in problem


def test_what_is_no_face_parser_is_refused(tmp_path):
    other = small_parser.write(tmp_path / "other.onnx", classes=8)
    text, cut = tmp_path / "text.onnx", tmp_path / "cut.onnx"
    text.write_bytes(b"no network")
    cut.write_bytes(other.read_bytes()[:-300])
    for path in (text, cut, other):
        (problem,) = problems_of(load, path)
        assert f"{path}: not a face-parsing network (" in problem and "parsing.weights" in problem
