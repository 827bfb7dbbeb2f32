"""Feature extraction against pytorch-fid's own, with weights of the real files' format."""

import hashlib
import socket
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import pytorch_fid.inception
import torch
import torchvision
from PIL import Image
from pytorch_fid.fid_score import get_activations

from photosketch.evaluation import extractors
from photosketch.runtime import InputError
from photosketch.weights import FEATURE_WEIGHTS


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


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


@pytest.fixture(scope="module")
def image_files(sketches: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("sketches")
    files = [folder / f"{index}.png" for index in range(len(sketches))]
    for file, sketch in zip(files, sketches, strict=True):
        Image.fromarray(sketch).save(file)
    return files


def he_state(network: torch.nn.Module) -> Mapping[str, torch.Tensor]:
    """Random weights that keep the signal, unlike the default ones, and uneven statistics."""
    generator = torch.Generator().manual_seed(7)
    for module in network.modules():
        if isinstance(module, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(module.weight, generator=generator)
        elif isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.uniform_(-0.1, 0.1, generator=generator)
    return network.state_dict()


@pytest.fixture(scope="module")
def tensorflow_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random state dict in the format of pytorch-fid's file."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pytorch_fid.inception, "load_state_dict_from_url", lambda *_, **__: {})
        patch.setattr(torchvision.models.Inception3, "load_state_dict", lambda *_, **__: None)
        network = pytorch_fid.inception.fid_inception_v3()
    path = tmp_path_factory.mktemp("weights") / "random_tf.pth"
    torch.save(he_state(network), path)
    return path


@pytest.fixture(scope="module")
def imagenet_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random state dict in the format of torchvision's file."""
    network = torchvision.models.inception_v3(weights=None, init_weights=False)
    path = tmp_path_factory.mktemp("weights") / "random_imagenet.pth"
    torch.save(he_state(network), path)
    return path


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def _offline(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("tried to reach the network")

    monkeypatch.setattr(socket, "socket", refuse)


@pytest.mark.usefixtures("_offline")
def test_tensorflow_features_are_those_of_pytorch_fid_on_the_same_image_files(
    sketches: np.ndarray,
    image_files: list[Path],
    tensorflow_weights: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hub = torch.hub.get_dir()
    network = extractors.load("inception-tf", tensorflow_weights, sha256(tensorflow_weights))
    assert torch.hub.get_dir() == hub
    found = extractors.extract(sketches, network)

    state = torch.load(tensorflow_weights, weights_only=True)
    monkeypatch.setattr(pytorch_fid.inception, "load_state_dict_from_url", lambda *_, **__: state)
    expected = get_activations(
        image_files, pytorch_fid.inception.InceptionV3([3]), batch_size=4, num_workers=0
    )
    assert found.shape == (4, 2048)
    assert found.dtype == np.float32
    assert found.std(axis=0).mean() > 1e-3 * found.mean()
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5 * expected.max())


@pytest.mark.usefixtures("_offline")
def test_imagenet_features_are_those_of_pytorch_fid_with_torchvisions_weights(
    sketches: np.ndarray, image_files: list[Path], imagenet_weights: Path, tmp_path: Path
) -> None:
    network = extractors.load("inception-imagenet", imagenet_weights, sha256(imagenet_weights))
    found = extractors.extract(sketches, network)

    hub = torch.hub.get_dir()
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / FEATURE_WEIGHTS["inception-imagenet"].name).symlink_to(
        imagenet_weights
    )
    torch.hub.set_dir(tmp_path)
    try:
        reference = pytorch_fid.inception.InceptionV3([3], use_fid_inception=False)
    finally:
        torch.hub.set_dir(hub)
    expected = get_activations(image_files, reference, batch_size=4, num_workers=0)
    assert found.std(axis=0).mean() > 1e-3 * found.mean()
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5 * expected.max())


def test_random_features_need_no_file_are_the_same_each_time_and_tell_images_apart(
    sketches: np.ndarray,
) -> None:
    torch.manual_seed(1)
    first = extractors.extract(sketches, extractors.load("inception-random"))
    torch.manual_seed(2)
    second = extractors.extract(sketches, extractors.load("inception-random"))
    np.testing.assert_array_equal(first, second)
    assert 1e-2 < first.mean() < 1e2
    assert first.std(axis=0).mean() > 1e-2 * first.mean()


def test_batch_norms_are_folded_into_their_convolutions() -> None:
    network = extractors.load("inception-random")
    kinds = [type(module) for module in network.modules()]
    assert kinds.count(torch.nn.Conv2d) == 94
    assert torch.nn.BatchNorm2d not in kinds


def test_batch_size_does_not_change_features(sketches: np.ndarray) -> None:
    network = extractors.load("inception-random")
    together = extractors.extract(sketches, network, batch_size=4)
    in_parts = extractors.extract(sketches, network, batch_size=3)
    np.testing.assert_allclose(in_parts, together, rtol=1e-4, atol=1e-5 * together.max())


def test_extraction_leaves_the_precision_settings_as_they_were(sketches: np.ndarray) -> None:
    before = torch.backends.cudnn.allow_tf32, torch.backends.cudnn.enabled
    extractors.extract(sketches[:1], extractors.load("inception-random"))
    assert (torch.backends.cudnn.allow_tf32, torch.backends.cudnn.enabled) == before


def test_only_random_features_are_labelled_as_not_comparable() -> None:
    assert extractors.comparable("inception-tf")
    assert extractors.comparable("inception-imagenet")
    assert not extractors.comparable("inception-random")
    assert extractors.note("inception-tf") == ""
    assert (
        extractors.note("inception-random") == "random features, not comparable with published FID"
    )


@pytest.mark.parametrize("name", ["inception-tf", "inception-imagenet"])
def test_a_missing_weights_file_says_what_to_put_where(name: str, tmp_path: Path) -> None:
    weights = FEATURE_WEIGHTS[name]
    with pytest.raises(InputError) as error:
        extractors.load(name, tmp_path / "absent.pth")
    message = str(error.value)
    for part in ("absent.pth", weights.name, weights.url, weights.sha256):
        assert part in message
    assert "evaluation.weights" in message
    with pytest.raises(InputError, match=f"{name} needs weights"):
        extractors.load(name)


def test_another_file_than_the_published_one_is_refused_with_both_hashes(tmp_path: Path) -> None:
    path = tmp_path / FEATURE_WEIGHTS["inception-tf"].name
    path.write_bytes(b"half a download")
    with pytest.raises(InputError) as error:
        extractors.load("inception-tf", path)
    message = str(error.value)
    for part in (
        str(path),
        sha256(path),
        FEATURE_WEIGHTS["inception-tf"].sha256,
        "95,628,359 bytes",
    ):
        assert part in message
    assert f"set evaluation.weights_sha256 to {sha256(path)}" in message


def test_imagenet_weights_are_checked_against_the_digits_in_their_name(tmp_path: Path) -> None:
    path = tmp_path / FEATURE_WEIGHTS["inception-imagenet"].name
    path.write_bytes(b"half a download")
    with pytest.raises(InputError, match="expected sha256 0cc3c7bd"):
        extractors.load("inception-imagenet", path)


@pytest.mark.parametrize("name", ["inception-tf", "inception-imagenet"])
def test_a_file_with_the_right_hash_but_other_contents_is_refused(
    name: str, tmp_path: Path
) -> None:
    no_weights = tmp_path / "text.pth"
    no_weights.write_text("no weights")
    with pytest.raises(InputError, match=f"text.pth: not the weights of {name}"):
        extractors.load(name, no_weights, sha256(no_weights))
    another_network = tmp_path / "another.pth"
    torch.save({"weight": torch.zeros(3)}, another_network)
    with pytest.raises(InputError, match=f"another.pth: not the weights of {name}"):
        extractors.load(name, another_network, sha256(another_network))
