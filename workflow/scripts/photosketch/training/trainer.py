"""The networks of a run, their optimizers, and pix2pix's training step.

A step runs the generator, updates the discriminators on the detached sketch, freezes them, and
updates the generator. Every random number of a step derives from the seed and the count of images
seen. So a resumed run continues the same stream, with a CUDA graph or without.
"""

import contextlib
import dataclasses
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from photosketch.configuration.settings import FRAMES, TrainConfig
from photosketch.jobs.messages import InputError
from photosketch.training import checkpoint, losses, networks, tensors
from photosketch.training.cuda_graph import RecordedStep
from photosketch.training.determinism import derive_seed


@dataclasses.dataclass(frozen=True)
class Switches:
    """Faster ways to compute the same step; with all of them off, the step is plain PyTorch."""

    fused_adam: bool = True  # one kernel for all parameters
    channels_last: bool = True  # the memory format with the fastest convolutions on a GPU
    graph: bool = True  # GPU only: the step is recorded once and replayed without host work


PLAIN = Switches(fused_adam=False, channels_last=False, graph=False)


def fastest(device: torch.device) -> Switches:
    """The switches that training uses. On a CPU (AMD EPYC, AVX2), channels_last makes steps 1.3 to
    1.5 times as long."""
    return Switches(channels_last=device.type == "cuda")


class Network:
    """A network on the device, and Adam for its weights."""

    def __init__(
        self, module: nn.Module, config: TrainConfig, device: torch.device, switches: Switches
    ) -> None:
        self.module: Any = module.to(device)
        if switches.channels_last:
            self.module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        recorded = switches.graph and device.type == "cuda"
        self.optimizer = torch.optim.Adam(
            module.parameters(),
            lr=config.lr,
            betas=(config.beta1, 0.999),
            fused=switches.fused_adam,
            capturable=recorded,
        )
        if recorded:  # Adam would read back a tensor given to it, which waits for the device
            for group in self.optimizer.param_groups:
                group["lr"] = torch.tensor(config.lr, device=device)

    def update(self, loss: Tensor) -> None:
        """One step of Adam down the gradient of the loss."""
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()

    def bytes(self) -> int:
        """The size of weights and buffers; each of the two moments needs about the same size."""
        return sum(value.nbytes for value in self.module.state_dict().values())


@contextlib.contextmanager
def lack_of_memory_explained(config: TrainConfig, device: torch.device) -> Iterator[None]:
    """Within the block, a lack of memory becomes an InputError that says what to lower."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        lacking = isinstance(error, torch.OutOfMemoryError | MemoryError)
        if not lacking and "DefaultCPUAllocator" not in str(error):
            raise
        on_gpu = device.type == "cuda"
        hints = [f"train.batch_size (now {config.batch_size})"]
        hints += [f"train.ngf ({config.ngf})", f"train.ndf ({config.ndf})"]
        hints += [f"dataset.frame ({config.frame})"] if config.frame > FRAMES[0] else []
        hints += ["gpu_slots"] if on_gpu else []
        more = "; or set train.precision to bf16" if config.precision == "fp32" else ""
        told = f"out of {'GPU memory' if on_gpu else 'memory'}: lower {', '.join(hints)}{more}."
        raise InputError([f"{told} ({str(error).splitlines()[0]})"]) from error


class Trainer:
    """Generator and discriminators of a run, freshly initialised, and how far the run has come. The
    default of `switches` is the fastest for the device. Raises InputError if the device lacks the
    memory for the networks."""

    def __init__(
        self,
        config: TrainConfig,
        seed: int,
        sketch_channels: int,
        device: torch.device,
        switches: Switches | None = None,
    ) -> None:
        self.config, self.seed, self.sketch_channels = config, seed, sketch_channels
        self.device = device
        self.switches = switches or fastest(device)
        with lack_of_memory_explained(config, device):
            generator = networks.build_generator(config, sketch_channels, seed)
            discriminators = networks.build_discriminators(config, sketch_channels, seed)
            self.generator = Network(generator, config, device, self.switches)
            self.discriminators = Network(discriminators, config, device, self.switches)
        self.networks = {"generator": self.generator, "discriminators": self.discriminators}
        self.images = 0  # seen so far: the clock of the run
        self.totals: dict[str, float] = {}  # of each term in the epoch under way
        self.log: list[dict[str, Any]] = []  # one row per epoch
        self.terms: tuple[str, ...] = ()  # names of what `advance` returns, after the first step
        self.recordable = self.switches.graph and device.type == "cuda"
        self.recorded: RecordedStep | None = None

    def advance(self, data: tensors.PackedSet, indices: Tensor) -> Tensor:
        """Train on the pairs `indices` (int64 [B], on the device), the next of the run. Returns the
        unweighted terms, float32 [len(self.terms)] on the device, without waiting for the device.
        Copy them before the next call, which may reuse the memory."""
        torch.manual_seed(derive_seed(self.seed, "step", self.images))
        whole = len(indices) == self.config.batch_size  # an epoch's last batch may be smaller
        if self.recordable and whole and self.recorded is None:
            try:
                self.recorded = RecordedStep(self, data, indices)
            except RuntimeError as error:
                print(f"the step is not recorded as a CUDA graph, training runs eagerly: {error}")
            if self.recorded is None:
                torch.cuda.empty_cache()  # not within `except`: the error keeps memory alive
                self.recordable = False
        if self.recorded is not None and whole:
            values = self.recorded.replay(indices)
        else:
            values = self.compute(data, indices)
        self.images += len(indices)
        return values

    def compute(self, data: tensors.PackedSet, indices: Tensor) -> Tensor:
        """One step with jitter and flips from torch's current random state; the terms [T]."""
        shift = tensors.sample_jitter(len(indices), self.config.jitter, data.frame, self.device)
        flips = tensors.sample_flips(len(indices), self.config.flip, self.device)
        values = self.step(data.batch(indices, shift, flips))
        self.terms = tuple(values)
        return torch.stack([value.float() for value in values.values()])

    def step(self, batch: tensors.Batch) -> dict[str, Tensor]:
        """One step of pix2pix on a batch; the unweighted terms, 0-d tensors on the device."""
        if self.switches.channels_last:
            batch = dataclasses.replace(
                batch,
                photo=batch.photo.contiguous(memory_format=torch.channels_last),
                sketch=batch.sketch.contiguous(memory_format=torch.channels_last),
            )
        generator, discriminators = self.generator.module, self.discriminators.module
        with self._precision():
            output = generator(batch.photo, batch.landmarks, batch.foreground)

        discriminators.requires_grad_(True)
        with self._precision():
            discriminator_total, discriminator_terms = losses.discriminator_loss(
                discriminators, batch, output
            )
        self.discriminators.update(discriminator_total)

        discriminators.requires_grad_(False)
        with self._precision():
            generator_total, generator_terms = losses.generator_loss(
                discriminators, batch, output, self.config.losses, self.config.glad_form
            )
        self.generator.update(generator_total)
        total = {"generator_total": generator_total.detach()}
        return {**discriminator_terms, **generator_terms, **total}

    def _precision(self) -> torch.autocast:
        """Forward passes in 16 bits if the config says so; weights and losses stay float32. Entered
        again for each forward pass: the 16-bit copies of weights that autocast caches must not
        outlive an update."""
        enabled = self.config.precision == "bf16"
        return torch.autocast(self.device.type, torch.bfloat16, enabled=enabled)

    def set_learning_rate(self, rate: float) -> None:
        """Set the rate of both optimizers from the next step on."""
        for network in self.networks.values():
            for group in network.optimizer.param_groups:
                if isinstance(group["lr"], Tensor):  # the recorded step reads it
                    group["lr"].fill_(rate)
                else:
                    group["lr"] = rate

    def is_finite(self) -> bool:
        """Whether all weights, buffers and moments are finite; waits for the device."""
        # Adam may keep its counts of steps on the host
        finite = [
            value.isfinite().all().to(self.device) for _, value in checkpoint.leaves(self.state())
        ]
        return bool(torch.stack(finite).all())

    def bytes_of_state(self) -> int:
        """The approximate size of a saved state: weights, buffers and two moments per weight."""
        return 3 * (self.generator.bytes() + self.discriminators.bytes())

    def about(self) -> dict[str, Any]:
        """The metadata (builtins) from which a generator is built."""
        local = self.config.losses.local > 0
        parts = f", local networks of six parts, fusion {self.config.fusion}" if local else ""
        decoder = ", resize decoder" if self.config.decoder == "resize" else ""
        return {
            "architecture": f"unet_256{decoder}{parts}",
            "needs": ["points", "labels"] if local else [],  # besides a photo's pixels
            "frame": self.config.frame,
            "hparams": self.config.hparams(),
            "sketch_channels": self.sketch_channels,
            "seed": self.seed,
        }

    def state(self) -> dict[str, Any]:
        """Everything that a later process needs to resume from here; its tensors are in use. Adam's
        options come from the config."""
        states = {
            name: {
                "weights": dict(network.module.state_dict()),
                "moments": network.optimizer.state_dict()["state"],
            }
            for name, network in self.networks.items()
        }
        return {**states, "images": self.images, "totals": self.totals, "log": self.log}

    def restore(self, state: dict[str, Any]) -> None:
        """Take over a saved state, before the first step."""
        for name, network in self.networks.items():
            network.module.load_state_dict(state[name]["weights"])
            adam = network.optimizer
            adam.load_state_dict({**adam.state_dict(), "state": state[name]["moments"]})
        self.images, self.totals, self.log = state["images"], state["totals"], state["log"]

    @torch.no_grad()
    def undo(self, before: dict[str, Any]) -> None:
        """Copy an earlier state of both networks back, into the same memory. Moments that did not
        exist then become 0, as before the first step."""
        earlier = dict(checkpoint.leaves(before))
        for path, value in checkpoint.leaves(self.state()):
            if path in earlier:
                value.copy_(earlier[path])
            else:
                value.zero_()
