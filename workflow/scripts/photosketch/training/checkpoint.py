"""Training states on disk: written whole, checked on load, kept by fingerprint.

results/{run}/train/{ablation}/seed{seed}/
    generator_epoch{epoch}.safetensors, train_log.csv   published by hard links at the end
    strips/, events.out.tfevents.*                      what people watch of the training in use
    .state/{fingerprint}-{number}/                      a training, in use or set aside:
        training.json                                   inputs and progress (`kept_trainings`)
        state-{images}.bin                              everything that resuming needs
        generator_epoch{epoch}.safetensors              for the due epochs so far
        strips/, events.out.tfevents.*                  while the training is set aside

The fingerprint hashes hyper-parameters, code, tensors and seed. The training in use has the newest
training.json. `number` counts trainings that differ only in the evaluated epochs.

A state file is a `torch.save` of builtins and tensors, followed by its sha256 (32 bytes).
"""

import hashlib
import io
import os
import shutil
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Self

import torch
from safetensors import SafetensorError

from photosketch.data.storage import intact, read_tensors, write_tensors
from photosketch.jobs import disk
from photosketch.jobs.messages import InputError, size_in_words
from photosketch.training.kept_trainings import generator_path

DIGEST_BYTES = 32
Weights = dict[str, torch.Tensor]


def save_state(folder: Path, state: dict[str, Any], states: int = 2) -> None:
    """Write `state` (with its count of `images`), then drop all but the newest `states`."""
    path = folder / f"state-{state['images']:012d}.bin"
    with disk.write_atomically(path) as temporary:
        torch.save(state, temporary)
        digest = bytes.fromhex(disk.file_sha256(temporary))
        with open(temporary, "ab") as file:
            file.write(digest)
    for old in sorted(folder.glob("state-*.bin"))[:-states]:
        old.unlink()


def load_state(folder: Path) -> dict[str, Any] | None:
    """The newest undamaged state, on the CPU, or None. A damaged file is named and removed."""
    disk.remove_hidden_files(folder)
    for path in sorted(folder.glob("state-*.bin"), reverse=True):
        with intact(path, "train"):
            content = memoryview(path.read_bytes())
        payload, digest = content[:-DIGEST_BYTES], content[-DIGEST_BYTES:]
        if hashlib.sha256(payload).digest() == digest:
            return torch.load(io.BytesIO(payload), map_location="cpu", weights_only=True)
        print(f"{path} is damaged: removed, trying the state before it")
        path.unlink()
    return None


def save_generator(folder: Path, epoch: int, weights: Weights, about: dict[str, Any]) -> None:
    """Write a state dict and its metadata `about` (builtins)."""
    tensors = {name: value.detach().cpu().contiguous() for name, value in weights.items()}
    write_tensors(generator_path(folder, epoch), tensors, about)


def read_generator(path: Path | str) -> tuple[Weights, dict[str, Any]]:
    """The state dict and the metadata of a generator file. Weights stored as float16 become
    float32. Raises InputError if the file is damaged."""
    weights, about = read_tensors(path, "train")
    for name, value in weights.items():
        weights[name] = value.float() if value.dtype == torch.float16 else value
    return weights, about


def publish(source: Path, target: Path) -> None:
    """Hard-link `source` to `target`, or copy it if the file system has no hard links."""
    with disk.write_atomically(target) as temporary:
        try:
            os.link(source, temporary)
        except OSError:
            shutil.copyfile(source, temporary)
    os.utime(target)  # newer than the inputs, even if the state is old


def copied(value: Any, to_host: bool = False) -> Any:
    """A nested state of dicts, lists and builtins, with copies of its tensors on their device; with
    `to_host` in host memory, where tensors that are there already are not copied."""
    if isinstance(value, torch.Tensor):
        return value.detach().cpu() if to_host else value.detach().clone()
    if isinstance(value, dict):
        return {key: copied(item, to_host) for key, item in value.items()}
    if isinstance(value, list):
        return [copied(item, to_host) for item in value]
    return value


def leaves(
    state: dict[str, Any], path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], torch.Tensor]]:
    """The tensors of a nested dict, each with the keys that lead to it."""
    for key, value in state.items():
        if isinstance(value, dict):
            yield from leaves(value, (*path, str(key)))
        elif isinstance(value, torch.Tensor):
            yield (*path, str(key)), value


class Saver:
    """Writes states in a thread while training goes on, one save at a time. If a generator is due,
    it is written before the state of the same moment, so that no state is past a missing generator.
    The next call raises an error of the thread; files on disk from before stay as they are."""

    def __init__(self, folder: Path, states: int = 2) -> None:
        self.folder, self.states = folder, states
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="saver")
        self._pending: Future[None] | None = None

    def save(self, state: dict[str, Any], due: tuple[int, dict[str, Any]] | None = None) -> None:
        """Copy `state` and start writing it, after the previous save has ended; with `due`, an
        epoch and its metadata, the generator in it too. Raises InputError as `wait` does."""
        self.wait()
        copy, ready = copied(state), None
        device = next((value.device for _, value in leaves(copy) if value.is_cuda), None)
        if device is not None:  # the thread has a stream of its own, without order to this one
            ready = torch.cuda.Event()
            ready.record(torch.cuda.current_stream(device))
        self._pending = self._thread.submit(self._write, copy, ready, due)

    def poll(self) -> None:
        """Raise the error of a save that has failed, without waiting for a save in progress."""
        if self._pending is not None and self._pending.done():
            self.wait()

    def wait(self) -> None:
        """Wait until the save is on disk. Raises InputError if it cannot be written."""
        if self._pending is not None:
            pending, self._pending = self._pending, None
            pending.result()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Finish the save in progress. Its own error must not hide an error of the block."""
        self._thread.shutdown(wait=True)
        if kind is None:
            self.wait()

    def _write(
        self,
        state: dict[str, Any],
        ready: torch.cuda.Event | None,
        due: tuple[int, dict[str, Any]] | None,
    ) -> None:
        try:
            if ready is not None:
                # the default device of this thread is the first, which another job may use
                with torch.cuda.device(ready.device):
                    ready.synchronize()
            state = copied(state, to_host=True)
            if due is not None:
                epoch, about = due
                save_generator(self.folder, epoch, state["generator"]["weights"], about)
            save_state(self.folder, state, self.states)
        except (OSError, RuntimeError, SafetensorError, InputError) as error:
            free = size_in_words(shutil.disk_usage(self.folder).free)
            problem = (
                f"{self.folder}: the state after {state['images']} images cannot be written "
                f"({error}); {free} are free there. The previous state is kept: make room, or set "
                "train.keep to last, and run again"
            )
            raise InputError([problem]) from error


def check_space(folder: Path, needed: int) -> None:
    """Raise InputError if less than `needed` bytes are free for `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free
    if free < needed:
        problem = (
            f"{folder}: the run will write {size_in_words(needed)} more, but only "
            f"{size_in_words(free)} are free there; make room (make clean-replaced), evaluate "
            "fewer epochs (evaluation.epochs), or keep one state instead of two (train.keep: last)"
        )
        raise InputError([problem])
