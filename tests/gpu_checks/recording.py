"""The recorded step: equal to the unrecorded one to the bit, on every device, without waiting."""

import torch

from gpu_checks import trainers
from gpu_checks.result import Result, verdict
from photosketch.training.determinism import deterministic_algorithms
from photosketch.training.trainer import Trainer
from support.face_batch import packed_pairs

STEPS = 20


def equals_unrecorded(
    device: str, width: int, ablation: str, precision: str, frame: str = "256"
) -> Result:
    """Weights, buffers, moments and terms after 20 steps: recorded, again, and not recorded.

    The larger batch with flips. Jitter is the same share of any frame.
    """
    problems = []
    side = int(frame)
    for batch_size in (1, 4):
        config = trainers.configuration(
            ablation,
            width,
            precision,
            batch_size=batch_size,
            flip=batch_size > 1,
            frame=side,
            jitter=286 * side // 256,
        )
        with deterministic_algorithms():
            recorded, again = (_trained(config, recordable=True) for _ in range(2))
            plain = _trained(config, recordable=False)
            fresh = trainers.build(config, device).generator.module.state_dict()
        name = f"batch {batch_size}"
        if recorded[0].recorded is None:
            problems.append(f"{name}: not recorded")
            continue
        trained = recorded[0].generator.module.state_dict()
        still = [key for key in fresh if key.endswith("weight") and trained[key].equal(fresh[key])]
        if still:
            problems.append(f"{name}: {len(still)} weights have not changed")
        for what, other in (("repeated run", again), ("unrecorded run", plain)):
            if count := trainers.unequal(recorded[1], other[1]):
                problems.append(f"{name}: {count} of {len(other[1])} differ from the {what}")
    return verdict(problems, f"recorded; equal to the bit after {STEPS} steps")


def _trained(config, recordable: bool) -> tuple[Trainer, list[torch.Tensor]]:
    """A trainer after the steps, and all its values with the terms of each step."""
    trainer = trainers.build(config, "cuda")
    trainer.recordable = recordable
    terms = trainers.advance(trainer, STEPS)
    return trainer, [*trainers.values(trainer.state()), terms.cpu()]


def on_every_device(device: str, width: int) -> Result:
    """The baseline's step is recorded on each visible device, as on the first."""
    problems = []
    count = torch.cuda.device_count()
    for index in range(count):
        trainer = trainers.build(
            trainers.configuration("baseline", width), torch.device("cuda", index)
        )
        with deterministic_algorithms():
            trainers.advance(trainer, 2)
        if trainer.recorded is None:
            problems.append(f"not recorded on device {index}")
    return verdict(problems, f"{count} devices")


def does_not_wait(device: str, width: int, ablation: str) -> Result:
    """No step, recorded or not, waits for the device."""
    problems = []
    config = trainers.configuration(ablation, width)
    for recordable in (True, False):
        trainer = trainers.build(config, device)
        trainer.recordable = recordable
        data = packed_pairs(trainer.device)
        indices = torch.zeros(1, dtype=torch.int64, device=trainer.device)
        with deterministic_algorithms():
            trainer.advance(data, indices)
            if recordable and trainer.recorded is None:
                problems.append("not recorded")
            torch.cuda.synchronize()
            torch.cuda.set_sync_debug_mode("error")
            try:
                for _ in range(3):
                    trainer.advance(data, indices)
            except RuntimeError as error:
                kind = "recorded" if trainer.recorded else "unrecorded"
                problems.append(f"the {kind} step waits: {str(error).splitlines()[0]}")
            finally:
                torch.cuda.set_sync_debug_mode("default")
    return verdict(problems, "no wait in three steps, recorded and not")
