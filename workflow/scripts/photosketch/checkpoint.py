"""Training states on disk: written whole, checked on load, kept for one fingerprint only.

A state file is the sha256 of its payload (32 bytes) followed by the payload, a `torch.save` of
builtins and tensors. The newest two are kept, so that a damaged one has a predecessor.
"""

import hashlib
import io
import json
import os
import shutil
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file

from photosketch import runtime


def fingerprint(**parts: Any) -> str:
    """Hash of everything a run depends on; `parts` are builtins."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def file_sha256(path: Path | str) -> str:
    """Hash of a file's content."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def save_state(folder: Path, state: dict[str, Any]) -> None:
    """Write `state` (with its count of `images`) beside the previous one; drop older ones."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    payload = buffer.getbuffer()
    with (
        runtime.write_atomically(folder / f"state-{state['images']:012d}.bin") as temporary,
        open(temporary, "wb") as file,
    ):
        file.write(hashlib.sha256(payload).digest())
        file.write(payload)
    for old in sorted(folder.glob("state-*.bin"))[:-2]:
        old.unlink()


def load_state(folder: Path, expected: str) -> dict[str, Any] | None:
    """The newest sound state with the `expected` fingerprint, on the CPU; None to start afresh.

    A damaged file is named, removed and its predecessor taken. A state of another fingerprint
    (changed weight, code or data) is named and the whole folder emptied.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for leftover in folder.glob(".*"):  # of a write that was killed
        leftover.unlink()
    for path in sorted(folder.glob("state-*.bin"), reverse=True):
        content = memoryview(path.read_bytes())
        digest, payload = content[:32], content[32:]
        if hashlib.sha256(payload).digest() != digest:
            print(f"{path} is damaged: removed, trying the state before it")
            path.unlink()
            continue
        state = torch.load(io.BytesIO(payload), map_location="cpu", weights_only=True)
        if state["fingerprint"] == expected:
            return state
        print(f"{path} belongs to other hyper-parameters, code or data: discarded, starting afresh")
        clear(folder)
        return None
    return None


def clear(folder: Path) -> None:
    """Empty the folder of states and generators."""
    shutil.rmtree(folder)
    folder.mkdir()


def generator_path(folder: Path, epoch: int) -> Path:
    """Where the generator of an epoch lies."""
    return folder / f"generator_epoch{epoch}.safetensors"


def save_generator(
    folder: Path, epoch: int, generator: torch.nn.Module, about: dict[str, Any]
) -> None:
    """Write weights and buffers, with `about` (builtins) as JSON in the metadata."""
    tensors = {
        name: value.detach().cpu().contiguous() for name, value in generator.state_dict().items()
    }
    with runtime.write_atomically(generator_path(folder, epoch)) as temporary:
        save_file(tensors, temporary, metadata={"photosketch": json.dumps(about)})


def read_generator(path: Path | str) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """The state dict of a generator file and what was written about it."""
    with safe_open(path, framework="pt") as file:
        about = json.loads(file.metadata()["photosketch"])
        return {name: file.get_tensor(name) for name in file.keys()}, about  # noqa: SIM118


def publish(source: Path, target: Path) -> None:
    """Give `source` a second name, `target`; copies where the file system has no hard links."""
    with runtime.write_atomically(target) as temporary:
        try:
            os.link(source, temporary)
        except OSError:
            shutil.copyfile(source, temporary)
    os.utime(target)  # newer than the inputs, however old the resumed state is
