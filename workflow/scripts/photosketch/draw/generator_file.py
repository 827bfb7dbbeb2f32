"""Whether a file is a generator that can be drawn with, as far as its header tells.

Free of torch, so that the command can tell of mistakes at once.
"""

import json
from pathlib import Path

from safetensors import safe_open

from photosketch.configuration.settings import TrainConfig
from photosketch.data.storage import intact
from photosketch.jobs import provenance
from photosketch.jobs.job import InputError

DESCRIBED = ("hparams", "size", "pad_value", "template", "needs", "frame", "seed", "epoch")
# what draws if no generator is named; docs/model-card.md describes it
INCLUDED = provenance.PROJECT / "resources" / "models" / "cufs.safetensors"
NAME_ONE = "name a generator_epoch*.safetensors of a run"


def faults(path: str | Path) -> list[str]:
    """Why the file can't be drawn with: not there, no generator, damaged, or saying too little.

    Weights are not looked at; whether they are those that were written is known when they are read.
    """
    path = Path(path)
    if not path.is_file():
        is_what = "is a folder" if path.is_dir() else "is not there"
        return [f"{path.absolute()}: {is_what}; {NAME_ONE}"]
    about = None
    try:
        with intact(path, "train"):
            with open(path, "rb") as file:
                length_and_brace = file.read(9)  # of the header, which is JSON
            if length_and_brace[8:] in (b"{", b""):
                with safe_open(path, framework="numpy") as tensors:
                    about = json.loads((tensors.metadata() or {}).get("photosketch", "{}"))
    except InputError as error:
        return [mended(error)]
    if about is None:
        return [f"{path}: is no generator (it doesn't begin as safetensors do); {NAME_ONE}"]
    if not about:
        return [f"{path}: is no generator (nothing says what its weights are of); {NAME_ONE}"]
    if missing := [key for key in DESCRIBED if key not in about]:
        return [f"{path}: doesn't say its {', '.join(missing)}; train it again, or take another"]
    try:
        TrainConfig.from_hparams(about["hparams"])
    except InputError as error:
        return [f"{path}: {error.problems[0]}"]
    return []


def mended(damage: InputError) -> str:
    """What `storage.intact` says of a damaged generator, with the remedy of who was given it."""
    remedy = "get the file again, or train it again"
    return damage.problems[0].replace("delete it: train writes it again", remedy)
