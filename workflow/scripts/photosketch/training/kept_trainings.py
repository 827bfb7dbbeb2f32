"""The trainings of one ablation and seed that are kept for reuse.

A changed value sets a training aside; changing it back brings the training back.
training/checkpoint.py lists the files.

python -m photosketch.training.kept_trainings RESULTS removes the trainings that are set aside.
"""

import dataclasses
import hashlib
import itertools
import json
import shutil
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from photosketch.jobs.disk import write_atomically
from photosketch.jobs.messages import duration_in_words, size_in_words

RECORD = "training.json"
# What people watch. It lies beside the published files, or with the states of a training set aside.
SHOWN = ("strips", "events.out.tfevents.*")


@dataclasses.dataclass
class Training:
    """The inputs of a training, and its progress."""

    hparams: dict[str, Any]
    code: str  # version of the training code
    data: str  # sha256 of the packed tensors
    seed: int
    commit: str = "unknown"
    epochs: int = 0  # completed
    seconds: float = 0.0  # spent on them
    finished: bool = False
    used: float = 0.0  # when the record was last written, in seconds since 1970

    @property
    def fingerprint(self) -> str:
        """Hash of everything that the weights depend on. With a constant learning rate this leaves
        out the number of epochs, because more epochs continue the training."""
        hparams = dict(self.hparams)
        if not hparams["lr_decay_epochs"]:
            del hparams["epochs"]
        inputs = [hparams, self.code, self.data, self.seed]
        return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()[:16]

    @classmethod
    def read(cls, folder: Path) -> Self:
        """The record in a folder of states."""
        return cls(**json.loads((folder / RECORD).read_text(encoding="utf-8")))

    def write(self, folder: Path) -> None:
        self.used = time.time()
        with write_atomically(folder / RECORD) as temporary:
            temporary.write_text(json.dumps(dataclasses.asdict(self)), encoding="utf-8")


def folders(place: Path) -> list[Path]:
    """The folders of states below `place`, train/{ablation}/seed{seed}, the one in use first."""
    there = [path.parent for path in place.glob(f".state/*/{RECORD}")]
    return sorted(there, key=lambda folder: Training.read(folder).used, reverse=True)


def generator_path(folder: Path, epoch: int) -> Path:
    return folder / f"generator_epoch{epoch}.safetensors"


def missing_generators(folder: Path, due: Sequence[int]) -> list[int]:
    """The due epochs without a generator."""
    return [epoch for epoch in due if not generator_path(folder, epoch).exists()]


def open_folder(
    place: Path, training: Training, due: Sequence[int], pairs: int, keep: int
) -> tuple[Path, list[str]]:
    """The folder of states in which the training goes on, and what happened to other trainings. A
    folder past a due epoch without its generator cannot serve, so a new folder is begun. All but
    `keep` of the other trainings are removed: those by other code first, then unfinished ones, then
    those used longest ago. `training` gets the progress so far."""

    def serves(folder: Path) -> bool:
        images = max((int(path.stem[6:]) for path in folder.glob("state-*.bin")), default=0)
        is_past = any(epoch * pairs <= images for epoch in missing_generators(folder, due))
        return folder.name.startswith(training.fingerprint) and not is_past

    present = folders(place)
    numbered = (place / ".state" / f"{training.fingerprint}-{n}" for n in itertools.count(1))
    serving = next(filter(serves, present), None)
    chosen = serving or next(path for path in numbered if not path.exists())
    if serving:
        before = Training.read(serving)
        training.epochs, training.seconds = before.epochs, before.seconds
    removed, lines = _replaced(present, chosen, training, keep)
    if present and chosen != present[0]:
        _move(place, present[0])
        _move(chosen, place)
    for folder in removed:
        shutil.rmtree(folder)
    training.write(chosen)
    return chosen, lines


def lines_at_start(place: Path, hparams: dict[str, Any], code: str, keep: int) -> list[str]:
    """The lines of `open_folder`, as if the training data had not changed."""
    present = folders(place)
    if not present:
        return []
    training = dataclasses.replace(Training.read(present[0]), hparams=hparams, code=code)
    own = (folder for folder in present if folder.name.startswith(training.fingerprint))
    return _replaced(present, next(own, None), training, keep)[1]


def _replaced(
    present: Sequence[Path], chosen: Path | None, training: Training, keep: int
) -> tuple[list[Path], list[str]]:
    """The folders to remove if the training goes on in `chosen` (None: a new folder), and a line
    for each training that is set aside or removed."""
    others = {folder: Training.read(folder) for folder in present if folder != chosen}

    def rank(folder: Path) -> tuple[bool, bool, float]:
        other = others[folder]
        return other.code != training.code, not other.finished, -other.used

    removed, lines = [], []
    for place, folder in enumerate(sorted(others, key=rank)):
        told = f"the training with {_described(others[folder], training)} is"
        if place >= keep:
            removed.append(folder)
            lines.append(f"{told} removed (train.keep_replaced: {keep})")
        elif folder == present[0]:
            change = "if you change that back, the next run uses it again"
            lines.append(f"{told} set aside; {change}")
    return removed, lines


def _move(source: Path, target: Path) -> None:
    """Move what people watch of a training, unless a killed job has already moved it."""
    for path in itertools.chain(*map(source.glob, SHOWN)):
        if not (target / path.name).exists():
            path.rename(target / path.name)


def _described(earlier: Training, training: Training) -> str:
    """How an earlier training differs from this one, and how long it took."""
    present = dict(_flat(training.hparams))
    flat = _flat(earlier.hparams)
    differing = [f"{key} {value}" for key, value in flat if present.get(key, value) != value]
    if earlier.code != training.code:
        differing.append(f"other code (commit {earlier.commit:.8})")
    if earlier.data != training.data:
        differing.append("other training data")
    if earlier.fingerprint == training.fingerprint:
        differing = ["other evaluated epochs"]
    took = f"{earlier.epochs} epochs, {duration_in_words(earlier.seconds)}"
    return f"{', '.join(differing)} ({took})"


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Dotted keys with their values as text."""
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", f"{value:g}" if isinstance(value, float) else str(value)


def set_aside(results: Path) -> dict[Path, int]:
    """The paths beside the states in use in results/{run}, with their sizes in bytes."""
    return {
        path: sum(file.stat().st_size for file in (path, *path.rglob("*")) if file.is_file())
        for states in results.glob("train/*/*/.state")
        for path in {*states.iterdir()} - {*folders(states.parent)[:1]}
    }


def main(results: Path) -> None:
    if not results.is_dir():
        sys.exit(f"{results}: does not exist; set RUN to the name of a folder in results")
    removed = set_aside(results)
    for path in removed:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    size = size_in_words(sum(removed.values()))
    print(f"{results}: {size} removed of trainings that were set aside")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
