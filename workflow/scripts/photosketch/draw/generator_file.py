"""Check by a file's header, without torch, that the file is a generator that can draw."""

import json
from pathlib import Path

from safetensors import safe_open

from photosketch.configuration.settings import TrainConfig
from photosketch.data.storage import intact
from photosketch.jobs import provenance
from photosketch.jobs.job import InputError

DESCRIBED = ("hparams", "size", "pad_value", "template", "needs", "frame", "seed", "epoch")
# The default generator; docs/model-card.md describes it.
INCLUDED = provenance.PROJECT / "resources" / "models" / "cufs.safetensors"
NAME_ONE = "name a generator_epoch*.safetensors of a run"


def faults(path: str | Path) -> list[str]:
    """The reason why the file cannot draw: missing, not a generator, damaged, or without metadata.
    The weights are not checked here, but when they are read."""
    path = Path(path)
    if not path.is_file():
        is_what = "is a folder" if path.is_dir() else "is not there"
        return [f"{path.absolute()}: {is_what}; {NAME_ONE}"]
    try:
        with intact(path, "train"), open(path, "rb") as file:
            if file.read(9)[8:] not in (b"{", b""):  # after its length: the header, which is JSON
                return [f"{path}: is not a generator (it is not a safetensors file); {NAME_ONE}"]
            with safe_open(path, framework="numpy") as tensors:
                about = json.loads((tensors.metadata() or {}).get("photosketch", "{}"))
    except InputError as error:
        return [mended(error)]
    if not about:
        return [f"{path}: is not a generator (its metadata are missing); {NAME_ONE}"]
    if missing := [key for key in DESCRIBED if key not in about]:
        return [f"{path}: lacks the metadata {', '.join(missing)}; train it again, or use another"]
    try:
        TrainConfig.from_hparams(about["hparams"])
    except InputError as error:
        return [f"{path}: {error.problems[0]}"]
    return []


def mended(damage: InputError) -> str:
    """The message of `storage.intact`, with a remedy for people who did not train the generator."""
    remedy = "get the file again, or train it again"
    return damage.problems[0].replace("delete it: train writes it again", remedy)
