"""The networks of one run with their optimizers, and the training step in a plain and a fast form.

The step is pix2pix's: forward, update the discriminators on the detached sketch, freeze them,
update the generator. Every random number of a step derives from the seed and the count of images
seen, so that a resumed run continues the same stream, whichever form computes the step.
"""

import dataclasses
import functools
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Generic, Self, TypeVar

import torch
from torch import Tensor

from photosketch.configuration.settings import TrainConfig
from photosketch.training import checkpoint, graphs, losses, networks, tensors
from photosketch.training.memory import lack_of_memory_explained
from photosketch.training.seeds import derive_seed

WARM_UP_STEPS = 3  # before a capture: libraries choose kernels and allocate then
# Of a change's norm, where no deterministic algorithms are asked for: with them none is expected.
# A wrong batch, jitter or dropout, or an update left out, differ by tens of percent.
REPLAY_TOLERANCE = 1e-2
Module = TypeVar("Module", bound=torch.nn.Module)


@dataclass(frozen=True)
class Switches:
    """Faster ways to compute the same step; with all of them off it is plain eager PyTorch."""

    fused_adam: bool = True  # one kernel for all parameters
    channels_last: bool = True  # the order in which convolutions are fastest on a GPU
    graph: bool = True  # GPU only: the step is recorded once and replayed without host work


PLAIN = Switches(fused_adam=False, channels_last=False, graph=False)


def fastest(device: torch.device) -> Switches:
    """What training takes.

    On a CPU channels last make a step of `baseline` 1.3 and one of `local_glad` 1.5 times as long
    (AMD EPYC with AVX2; on another processor all networks but the U-Net gained by them).
    """
    return Switches(channels_last=device.type == "cuda")


@dataclass(frozen=True)
class Network(Generic[Module]):
    """A network and the optimizer of its weights."""

    module: Module
    optimizer: torch.optim.Optimizer

    def set_learning_rate(self, rate: float) -> None:
        """The rate from the next step on."""
        for group in self.optimizer.param_groups:
            if isinstance(group["lr"], Tensor):  # read by the recorded step
                group["lr"].fill_(rate)
            else:
                group["lr"] = rate

    def is_finite(self) -> bool:
        """Whether all weights, buffers and moments are; waits for the device."""
        moments = [value for each in self.optimizer.state.values() for value in each.values()]
        weights = list(self.module.state_dict().values())
        device = weights[0].device  # Adam may keep its counts of steps on the host
        finite = [value.isfinite().all().to(device) for value in (*weights, *moments)]
        return bool(torch.stack(finite).all())

    def bytes(self) -> int:
        """What weights and buffers take; each moment takes about as much again."""
        weights = self.module.state_dict().values()
        return sum(value.numel() * value.element_size() for value in weights)

    def state(self) -> dict[str, Any]:
        """Weights with buffers, and moments: the tensors in use. Options are the config's."""
        return {
            "weights": dict(self.module.state_dict()),
            "moments": self.optimizer.state_dict()["state"],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take over a saved state, before the first step."""
        self.module.load_state_dict(state["weights"])
        options = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": state["moments"], "param_groups": options})

    @torch.no_grad()
    def undo(self, before: dict[str, Any]) -> None:
        """Bring all values back to a copy of the state, in the memory they are in.

        Moments that did not exist then become 0, as a first step finds them.
        """
        for key, value in self.module.state_dict().items():
            value.copy_(before["weights"][key])
        for index, moments in self.optimizer.state_dict()["state"].items():
            for key, value in moments.items():
                if index in before["moments"]:
                    value.copy_(before["moments"][index][key])
                else:
                    value.zero_()


@dataclass
class Position:
    """How far a run has come."""

    images: int = 0  # seen so far, the clock of the run
    totals: dict[str, float] = field(default_factory=dict)  # of the epoch under way
    log: list[dict[str, Any]] = field(default_factory=list)  # one row per epoch

    def close_epoch(self, epoch: int, rate: float) -> None:
        """Turn the epoch's totals into a row of the log; `rate` was its learning rate."""
        self.log.append({"epoch": epoch, "images": self.images, "lr": rate, **self.totals})
        print(f"epoch {epoch}: " + ", ".join(f"{k} {v:.4f}" for k, v in self.totals.items()))
        self.totals = {}


@dataclass
class Trainer:
    """Generator, discriminators and position of a run, brought forward step by step."""

    config: TrainConfig
    seed: int
    sketch_channels: int
    switches: Switches
    device: torch.device
    generator: Network[networks.Generator]
    discriminators: Network[networks.Discriminators]
    position: Position = field(default_factory=Position)
    terms: tuple[str, ...] = ()  # names of what `advance` returns, known after the first step
    recordable: bool = False  # whether the step is to be recorded as a CUDA graph
    recorded: "RecordedStep | None" = None

    @classmethod
    def build(
        cls,
        config: TrainConfig,
        seed: int,
        sketch_channels: int,
        device: torch.device,
        switches: Switches | None = None,
    ) -> Self:
        """Freshly initialised networks and their optimizers, at the start of a run.

        `switches` are by default those that are fastest on the device.

        Raises runtime.InputError where the device has no memory for them.
        """
        local = config.losses.local > 0
        switches = switches or fastest(device)
        with lack_of_memory_explained(config, device):
            generator = networks.build_generator(
                config.ngf, sketch_channels, local, seed, config.fusion
            )
            discriminators = networks.build_discriminators(config.ndf, sketch_channels, local, seed)
            return cls(
                config,
                seed,
                sketch_channels,
                switches,
                device,
                _with_adam(generator, config, device, switches),
                _with_adam(discriminators, config, device, switches),
                recordable=switches.graph and device.type == "cuda",
            )

    def advance(self, data: tensors.PackedSet, indices: Tensor) -> Tensor:
        """Train on the pairs `indices` (int64 [B], on the device), the next of the run.

        Returns the unweighted terms, float32 [len(self.terms)] on the device, without waiting for
        it; to be copied before the next call, which may reuse the memory.
        """
        torch.manual_seed(derive_seed(self.seed, "step", self.position.images))
        whole = len(indices) == self.config.batch_size  # an epoch's last batch may be smaller
        if self.recordable and whole and self.recorded is None:
            self.recorded = self._record(data, indices)
            self.recordable = self.recorded is not None
        if self.recorded is not None and whole:
            values = self.recorded.replay(indices)
        else:
            values = self.compute(data, indices)
        self.position.images += len(indices)
        return values

    def _record(self, data: tensors.PackedSet, indices: Tensor) -> "RecordedStep | None":
        """The step as a CUDA graph; None, saying why, where that is not to be had."""
        try:
            return RecordedStep(self, data, indices)
        except RuntimeError as error:
            print(f"the step is not recorded as a CUDA graph, training runs eagerly: {error}")
        torch.cuda.empty_cache()  # not within `except`: the error keeps the recording's memory
        return None

    def compute(self, data: tensors.PackedSet, indices: Tensor) -> Tensor:
        """One step from torch's random state as it is, jitter and flips included; the terms [T]."""
        offsets = tensors.draw_jitter(len(indices), self.config.jitter, data.frame, self.device)
        flips = tensors.draw_flips(len(indices), self.config.flip, self.device)
        values = self.step(data.batch(indices, self.config.jitter, offsets, flips))
        self.terms = tuple(values)
        return torch.stack([value.float() for value in values.values()])

    def step(self, batch: tensors.Batch) -> dict[str, Tensor]:
        """One step of pix2pix on a batch; the unweighted terms as 0-d tensors on the device."""
        weights = self.config.losses
        if self.switches.channels_last:
            batch = dataclasses.replace(
                batch,
                photo=batch.photo.contiguous(memory_format=torch.channels_last),
                sketch=batch.sketch.contiguous(memory_format=torch.channels_last),
            )
        with self._precision():
            output = self.generator.module(batch.photo, batch.landmarks, batch.foreground)

        self.discriminators.module.requires_grad_(True)
        self.discriminators.optimizer.zero_grad(set_to_none=True)
        with self._precision():
            discriminator_total, discriminator_terms = losses.discriminator_loss(
                self.discriminators.module, batch, output
            )
        discriminator_total.backward()
        self.discriminators.optimizer.step()

        self.discriminators.module.requires_grad_(False)
        self.generator.optimizer.zero_grad(set_to_none=True)
        with self._precision():
            generator_total, generator_terms = losses.generator_loss(
                self.discriminators.module,
                batch,
                output,
                l1=weights.l1,
                glad=weights.glad,
                local=weights.local,
                glad_form=self.config.glad_form,
            )
        generator_total.backward()
        self.generator.optimizer.step()
        terms = {**discriminator_terms, **generator_terms, "generator_total": generator_total}
        return {name: value.detach() for name, value in terms.items()}

    def _precision(self) -> torch.autocast:
        """Forward passes in 16 bits where the config says so; weights and losses stay float32.

        Entered anew for each forward pass: the 16-bit copies of the weights it makes must not
        outlive an update.
        """
        enabled = self.config.precision == "bf16"
        return torch.autocast(self.device.type, torch.bfloat16, enabled=enabled)

    def set_learning_rate(self, rate: float) -> None:
        """The rate of both optimizers from the next step on."""
        self.generator.set_learning_rate(rate)
        self.discriminators.set_learning_rate(rate)

    def is_finite(self) -> bool:
        """Whether all weights, buffers and moments of the optimizers are; waits for the device."""
        return self.generator.is_finite() and self.discriminators.is_finite()

    def bytes_of_state(self) -> int:
        """About what a saved state takes: weights, buffers and two moments for each weight."""
        return 3 * (self.generator.bytes() + self.discriminators.bytes())

    def about(self) -> dict[str, Any]:
        """What the file of a generator says of it: all that it takes to build it, in builtins.

        `needs`: what it has to be told of a photo besides its pixels.
        """
        local = self.config.losses.local > 0
        parts = f", local networks of six parts, fusion {self.config.fusion}" if local else ""
        return {
            "architecture": f"unet_256{parts}",
            "needs": ["points", "labels"] if local else [],
            "frame": self.config.frame,
            "hparams": self.config.hparams(),
            "sketch_channels": self.sketch_channels,
            "seed": self.seed,
        }

    def state(self, fingerprint: str) -> dict[str, Any]:
        """All that a later process needs to go on from here; the tensors are those in use."""
        return {
            "fingerprint": fingerprint,
            "generator": self.generator.state(),
            "discriminators": self.discriminators.state(),
            **dataclasses.asdict(self.position),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take over a saved state, before the first step."""
        self.generator.restore(state["generator"])
        self.discriminators.restore(state["discriminators"])
        self.position = Position(state["images"], state["totals"], state["log"])

    def undo(self, before: dict[str, Any]) -> None:
        """Bring both networks back to a copy of the state, in the memory they are in."""
        self.generator.undo(before["generator"])
        self.discriminators.undo(before["discriminators"])


class RecordedStep:
    """A trainer's step as a CUDA graph: one launch in place of some thousand.

    Input is the batch's indices in memory of its own; jitter, flips, dropout, both updates and the
    terms are inside. Random numbers follow torch's state at each replay, as in the plain step.
    Before it is used, replays are compared with plain steps, on two batches with seeds of their
    own: the terms, and how weights, buffers and moments have changed.

    Raises:
        RuntimeError: the step cannot be recorded, or its replay differs from the plain step. The
            trainer is then as it was before.
    """

    def __init__(self, trainer: Trainer, data: tensors.PackedSet, indices: Tensor) -> None:
        self.indices = indices.clone()
        device = indices.device  # with its index, which the trainer's may lack
        random = torch.cuda.get_rng_state(device)
        before = checkpoint.copied(trainer.state(""))

        def restart() -> None:
            trainer.undo(before)
            torch.cuda.set_rng_state(random, device)
            trainer.generator.optimizer.zero_grad(set_to_none=True)
            trainer.discriminators.optimizer.zero_grad(set_to_none=True)

        side = torch.cuda.Stream(device)
        side.wait_stream(torch.cuda.current_stream(device))
        try:
            with torch.cuda.stream(side):
                for _ in range(WARM_UP_STEPS):
                    trainer.compute(data, self.indices)
            torch.cuda.current_stream(device).wait_stream(side)
            restart()
            self.graph, self.values = graphs.capture(
                lambda: trainer.compute(data, self.indices), side
            )
            for seed, batch in enumerate((indices, (indices + 1) % len(data))):
                outcomes = []
                for work in (self.replay, functools.partial(trainer.compute, data)):
                    restart()
                    torch.cuda.default_generators[device.index].manual_seed(seed)
                    self.values.copy_(torch.full(self.values.shape, torch.nan))
                    terms = work(batch)
                    outcomes.append(_outcome(trainer, terms, before))
                if unequal := disagreements(*outcomes):
                    raise RuntimeError(f"a replay is not the plain step: {'; '.join(unequal)}")
        finally:
            restart()

    def replay(self, indices: Tensor) -> Tensor:
        """The step on the pairs `indices` [B]; the terms [T], overwritten by the next replay."""
        self.indices.copy_(indices)
        self.graph.replay()
        return self.values


def _outcome(trainer: Trainer, terms: Tensor, before: dict[str, Any]) -> dict[str, Tensor]:
    """A step's terms, and how far it moved each kind of value in each network, in host memory.

    The kinds are weight, bias, the buffers of normalisation, and Adam's step and moments.
    """
    start = dict(_leaves(before))
    changes: dict[str, list[Tensor]] = {"terms": [terms.cpu()]}
    for path, value in _leaves(trainer.state("")):
        kind = f"{path[0]} {path[-1].rpartition('.')[2]}"
        change = value.cpu() - start[path].cpu() if path in start else value.cpu()
        changes.setdefault(kind, []).append(change.flatten().float())
    return {kind: torch.cat(values) for kind, values in changes.items()}


def _leaves(
    state: dict[str, Any], path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], Tensor]]:
    """The tensors of a nested dict, each with the keys that lead to it."""
    for key, value in state.items():
        if isinstance(value, dict):
            yield from _leaves(value, (*path, str(key)))
        elif isinstance(value, Tensor):
            yield (*path, str(key)), value


def disagreements(replayed: dict[str, Tensor], plain: dict[str, Tensor]) -> list[str]:
    """In which kinds of values two outcomes differ by more than rounding, and by how much."""
    unequal = []
    for kind, expected in plain.items():
        distance, size = (float(x.norm()) for x in (replayed[kind] - expected, expected))
        if not distance <= REPLAY_TOLERANCE * size:
            unequal.append(f"{kind} differs by {distance:.3g} of {size:.3g}")
    return unequal


def _with_adam(
    module: Module, config: TrainConfig, device: torch.device, switches: Switches
) -> Network[Module]:
    """The network on the device, with its optimizer."""
    module.to(device)
    if switches.channels_last:
        module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    recorded = switches.graph and device.type == "cuda"
    adam = torch.optim.Adam(
        module.parameters(),
        lr=config.lr,
        betas=(config.beta1, 0.999),
        fused=switches.fused_adam,
        capturable=recorded,
    )
    if recorded:  # a tensor given to Adam itself would be read back, which waits for the device
        for group in adam.param_groups:
            group["lr"] = torch.tensor(config.lr, device=device)
    return Network(module, adam)
