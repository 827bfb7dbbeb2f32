"""Training states on disk: written whole, checked on load, kept by fingerprint.

results/{run}/train/{ablation}/seed{seed}/
    generator_epoch{epoch}.safetensors, train_log.csv   published by hard links at the end
    strips/, events.out.tfevents.*                      what people watch of the training in use
    .state/{fingerprint}-{number}/                      a training, in use or set aside:
        training.json                                   what it is made of (`kept_trainings`)
        state-{images}.bin                              all that a later process needs to go on
        generator_epoch{epoch}.safetensors              those due so far
        strips/, events.out.tfevents.*                  while it is set aside

The fingerprint hashes hyper-parameters, code, tensors and seed. The training in use is the one
whose training.json was written last. `number` counts trainings that differ in the evaluated epochs
alone.

A state file is a `torch.save` of builtins and tensors followed by its sha256 (32 bytes). The newest
two are kept, so that a damaged one has a predecessor, or on request the newest alone.
"""

import hashlib
import io
import os
import shutil
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import torch
from safetensors import SafetensorError

from photosketch.data.storage import intact, read_tensors, write_tensors
from photosketch.jobs import job
from photosketch.jobs.job import file_sha256

DIGEST_BYTES = 32
Weights = dict[str, torch.Tensor]


def save_state(folder: Path, state: dict[str, Any], states: int = 2) -> None:
    """Write `state` (with its count of `images`), then drop all but the newest `states`."""
    path = folder / f"state-{state['images']:012d}.bin"
    with job.write_atomically(path) as temporary:
        torch.save(state, temporary)
        digest = bytes.fromhex(file_sha256(temporary))
        with open(temporary, "ab") as file:
            file.write(digest)
    for old in sorted(folder.glob("state-*.bin"))[:-states]:
        old.unlink()


def load_state(folder: Path) -> dict[str, Any] | None:
    """The newest sound state, on the CPU; None to start afresh.

    A damaged file is named, removed and its predecessor taken.
    """
    job.remove_hidden_files(folder)
    for path in sorted(folder.glob("state-*.bin"), reverse=True):
        with intact(path, "train"):
            content = memoryview(path.read_bytes())
        payload, digest = content[:-DIGEST_BYTES], content[-DIGEST_BYTES:]
        if hashlib.sha256(payload).digest() == digest:
            return torch.load(io.BytesIO(payload), map_location="cpu", weights_only=True)
        print(f"{path} is damaged: removed, trying the state before it")
        path.unlink()
    return None


def generator_path(folder: Path, epoch: int) -> Path:
    """Where the generator of an epoch lies."""
    return folder / f"generator_epoch{epoch}.safetensors"


def save_generator(folder: Path, epoch: int, weights: Weights, about: dict[str, Any]) -> None:
    """Write a state dict and `about` (builtins)."""
    tensors = {name: value.detach().cpu().contiguous() for name, value in weights.items()}
    write_tensors(generator_path(folder, epoch), tensors, about)


def read_generator(path: Path | str) -> tuple[Weights, dict[str, Any]]:
    """The state dict of a generator file and what was written about it.

    Weights stored as float16 become float32. Raises InputError if they are not what was written.
    """
    weights, about = read_tensors(path, "train")
    widened = {
        name: value.float() if value.dtype == torch.float16 else value
        for name, value in weights.items()
    }
    return widened, about


def publish(source: Path, target: Path) -> None:
    """Give `source` a second name, `target`; copies if the file system has no hard links."""
    with job.write_atomically(target) as temporary:
        try:
            os.link(source, temporary)
        except OSError:
            shutil.copyfile(source, temporary)
    os.utime(target)  # newer than the inputs, however old the resumed state is


def copied(value: Any, to_host: bool = False) -> Any:
    """A nested state of dicts, lists and builtins with its tensors copied, where they are or to
    host memory (there those that are in it already stay as they are)."""
    if isinstance(value, torch.Tensor):
        return value.detach().cpu() if to_host else value.detach().clone()
    if isinstance(value, dict):
        return {key: copied(item, to_host) for key, item in value.items()}
    if isinstance(value, list):
        return [copied(item, to_host) for item in value]
    return value


def _behind(copy: dict[str, Any]) -> torch.cuda.Event | None:
    """What to wait for before another thread reads a copy on a GPU, whose streams have no order
    among themselves; None if all of it is in host memory."""
    device = next((value.device for value in _tensors(copy) if value.is_cuda), None)
    if device is None:
        return None
    event = torch.cuda.Event()
    event.record(torch.cuda.current_stream(device))
    return event


def _tensors(value: Any) -> Iterator[torch.Tensor]:
    """The tensors in a nested state."""
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _tensors(item)


class Saver:
    """Writes states in a thread while training goes on, one save at a time.

    A save is a state, preceded by the generator of the same moment if that is due, so that no
    state on disk is past a generator that is not there. An error of the thread is raised by the
    next call; what was on disk before is left alone.
    """

    def __init__(self, folder: Path, states: int = 2) -> None:
        self.folder = folder
        self.states = states
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="saver")
        self._pending: Future[None] | None = None

    def save(self, state: dict[str, Any], due: tuple[int, dict[str, Any]] | None = None) -> None:
        """Copy `state` and start writing it; waits for the save before it.

        With `due`, an epoch and what is to be said about it, the generator in the state is also
        written as that of the epoch. Raises InputError if the save before failed.
        """
        self.wait()
        copy = copied(state)
        self._pending = self._thread.submit(self._write, copy, _behind(copy), due)

    def poll(self) -> None:
        """Raise the error of a save that has failed, without waiting for one under way."""
        if self._pending is not None and self._pending.done():
            self.wait()

    def wait(self) -> None:
        """Wait until all is on disk. Raises InputError if it cannot be written."""
        pending, self._pending = self._pending, None
        if pending is not None:
            pending.result()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None
    ) -> None:
        """Finish the save under way, also after an error; its own error must not hide that one."""
        try:
            if kind is None:
                self.wait()
        finally:
            self._thread.shutdown(wait=True)

    def _write(
        self,
        state: dict[str, Any],
        copied_on_device: torch.cuda.Event | None,
        due: tuple[int, dict[str, Any]] | None,
    ) -> None:
        try:
            if copied_on_device is not None:
                # this thread's own device is the first, which may be another job's
                with torch.cuda.device(copied_on_device.device):
                    copied_on_device.synchronize()
            state = copied(state, to_host=True)
            if due is not None:
                epoch, about = due
                save_generator(self.folder, epoch, state["generator"]["weights"], about)
            save_state(self.folder, state, self.states)
        except (OSError, RuntimeError, SafetensorError, job.InputError) as error:
            free = job.size_in_words(shutil.disk_usage(self.folder).free)
            raise job.InputError(
                [
                    f"{self.folder}: the state after {state['images']} images cannot be written "
                    f"({error}); {free} are free there. The state before it is kept: "
                    "make room, or set train.keep to last, and run again"
                ]
            ) from error


def check_space(folder: Path, needed: int) -> None:
    """Raise InputError if less than `needed` bytes are free for `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise job.InputError(
            [
                f"{folder}: the run will write {job.size_in_words(needed)} more, and "
                f"{job.size_in_words(free)} are free there; make room (make clean-replaced), "
                "evaluate fewer epochs "
                "(evaluation.epochs), or keep one state instead of two (train.keep: last)"
            ]
        )
