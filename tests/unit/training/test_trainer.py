"""The training step: its fast forms against plain PyTorch, and taking steps back."""

import dataclasses

import pytest
import torch

from photosketch.configuration.settings import TrainConfig
from photosketch.jobs import job
from photosketch.training import checkpoint, tensors, trainer
from photosketch.training.trainer import PLAIN, Network, Switches, Trainer
from support.face_batch import packed_pairs
from support.small_training import BASELINE, LOCAL_GLAD, small_config

CPU = torch.device("cpu")


FAST_ON_CPU = [
    dataclasses.replace(PLAIN, fused_adam=True),
    dataclasses.replace(PLAIN, channels_last=True),
    Switches(),
]
NAMES = ["fused_adam", "channels_last", "all"]


class DoubleSet(tensors.PackedSet):
    """Batches in 64 bits."""

    def batch(self, *arguments) -> tensors.Batch:
        batch = super().batch(*arguments)
        return dataclasses.replace(batch, photo=batch.photo.double(), sketch=batch.sketch.double())


def config(**changes) -> TrainConfig:
    return small_config(lr=0.0002, **changes)


def trained(settings, switches, steps, device=CPU, data=None) -> tuple[Trainer, torch.Tensor]:
    """A trainer after `steps` steps, and the terms of each [steps, T]."""
    data = data or packed_pairs(device)
    trainer = Trainer(settings, 0, 1, device, switches)
    if isinstance(data, DoubleSet):
        trainer.generator.module.double()
        trainer.discriminators.module.double()
    size = settings.batch_size
    batches = [torch.arange(k, k + size, device=device) % len(data) for k in range(steps)]
    rows = [trainer.advance(data, indices).clone() for indices in batches]
    return trainer, torch.stack(rows).cpu()


def weights(trainer: Trainer) -> torch.Tensor:
    """All weights and buffers in one vector."""
    values = [
        *trainer.generator.module.state_dict().values(),
        *trainer.discriminators.module.state_dict().values(),
    ]
    return torch.cat([value.flatten().double().cpu() for value in values])


def first_moments(network: Network) -> torch.Tensor:
    """Adam's first moments of all weights in one vector."""
    return torch.cat([each["exp_avg"].flatten() for each in network.optimizer.state.values()])


def relative(value: torch.Tensor, expected: torch.Tensor) -> float:
    return float((value - expected).norm().detach() / expected.norm().detach())


@pytest.fixture(scope="module")
def plain_in_64_bits():
    return trained(config(), PLAIN, 8, data=DoubleSet(**vars(packed_pairs())))


@pytest.mark.parametrize("switches", FAST_ON_CPU, ids=NAMES)
def test_fast_steps_give_the_weights_of_plain_ones(plain_in_64_bits, switches):
    """In 64 bits, because steps of Adam blow 32-bit rounding up to some 1e-4 of the weights: where
    a gradient is nothing but rounding, Adam still moves by the learning rate."""
    plain, plain_terms = plain_in_64_bits
    fast, fast_terms = trained(config(), switches, 8, data=DoubleSet(**vars(packed_pairs())))
    start = Trainer(config(), 0, 1, CPU, PLAIN)
    assert relative(weights(fast), weights(plain)) < 1e-5
    assert relative(weights(start), weights(plain)) > 1e-3
    assert torch.allclose(fast_terms, plain_terms, rtol=1e-5)


@pytest.mark.parametrize(
    ("losses", "fusion"),
    [(BASELINE, "apdrawing"), (LOCAL_GLAD, "apdrawing"), (LOCAL_GLAD, "attention")],
    ids=["baseline", "local_glad", "attention"],
)
def test_a_fast_step_has_the_gradients_of_a_plain_one_in_32_bits_too(losses, fusion):
    """Adam's first moments after one step are a fixed part of the gradients. 0.1% apart at most:
    those for real and generated sketches nearly cancel, which leaves much of their rounding."""
    plain, plain_terms = trained(config(losses=losses, fusion=fusion), PLAIN, 1)
    fast, fast_terms = trained(config(losses=losses, fusion=fusion), Switches(), 1)
    for first, second in (
        (plain.generator, fast.generator),
        (plain.discriminators, fast.discriminators),
    ):
        assert relative(first_moments(second), first_moments(first)) < 1e-3
    assert torch.allclose(fast_terms, plain_terms, rtol=1e-4)


def test_losses_in_16_bits_follow_those_in_32():
    """Within 1% of each term, over the mean of steps 5 to 12; weights and moments stay float32."""
    _, full = trained(config(), Switches(), 12)
    trainer, half = trained(config(precision="bf16"), Switches(), 12)
    assert not torch.equal(full, half)
    assert half[4:].mean(dim=0).tolist() == pytest.approx(full[4:].mean(dim=0).tolist(), rel=0.01)
    kinds = {value.dtype for value in trainer.generator.module.parameters()}
    for moments in trainer.generator.optimizer.state.values():
        kinds |= {value.dtype for value in moments.values()}
    assert kinds == {torch.float32}


def test_a_step_of_all_terms_in_16_bits_has_the_losses_of_32():
    """All of them are computed before or right after the first update: 3% of each term."""
    _, full = trained(config(losses=LOCAL_GLAD), Switches(), 1)
    _, half = trained(config(losses=LOCAL_GLAD, precision="bf16"), Switches(), 1)
    assert half.flatten().tolist() == pytest.approx(full.flatten().tolist(), rel=0.03)


def test_flips_are_drawn_for_each_step_and_leave_the_jitter_as_it_is(monkeypatch):
    seen = []
    monkeypatch.setattr(
        Trainer, "step", lambda _, batch: seen.append(batch) or {"l1": torch.ones(1)}
    )
    trained(config(), PLAIN, 8)
    trained(config(flip=True), PLAIN, 8)
    flips = []
    for plain, flipped in zip(seen[:8], seen[8:], strict=True):
        mirrored = torch.equal(flipped.photo, plain.photo.flip(-1))
        assert mirrored or torch.equal(flipped.photo, plain.photo)
        flips.append(mirrored)
    assert set(flips) == {False, True}


def test_steps_taken_back_leave_no_trace():
    """What the recording of a CUDA graph does around its warm-up: at the start, and later."""
    data = packed_pairs()
    straight, expected = trained(config(), Switches(), 3, data=data)
    trainer = Trainer(config(), 0, 1, CPU, Switches())
    for k in range(3):
        state = checkpoint.copied(trainer.state(""))
        trainer.compute(data, torch.tensor([1]))
        trainer.undo(state)
        values = trainer.advance(data, torch.tensor([k]))
        assert torch.equal(values, expected[k])
    assert torch.equal(weights(trainer), weights(straight))


def test_the_learning_rate_reaches_both_optimizers_as_a_number_or_a_tensor():
    data = packed_pairs()
    trainer = Trainer(config(), 0, 1, CPU)
    trainer.generator.optimizer.param_groups[0]["lr"] = torch.tensor(0.5)
    trainer.set_learning_rate(0.0)
    assert trainer.generator.optimizer.param_groups[0]["lr"] == torch.tensor(0.0)
    start = [value.clone() for value in trainer.generator.module.parameters()]
    trainer.advance(data, torch.tensor([0]))
    assert all(map(torch.equal, start, trainer.generator.module.parameters()))


def test_a_step_that_cannot_be_recorded_runs_eagerly_and_says_so(monkeypatch, capsys):
    def refuse(*_):
        raise RuntimeError("no graphs on this device")

    monkeypatch.setattr(trainer, "RecordedStep", refuse)
    runs = [Trainer(config(), 0, 1, CPU) for _ in range(2)]
    runs[0].recordable = True  # as on a GPU
    data = packed_pairs()
    for run in runs:
        for index in (0, 1):
            run.advance(data, torch.tensor([index]))
    told = capsys.readouterr().out
    assert told.count("training runs eagerly: no graphs on this device") == 1
    weights = [run.generator.module.state_dict() for run in runs]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


def test_a_lack_of_memory_for_the_networks_says_what_to_lower(monkeypatch):
    def fail(*_):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(trainer.networks, "build_generator", fail)
    with pytest.raises(job.InputError, match=r"lower train\.batch_size \(now 1\).*bf16"):
        Trainer(config(), 0, 1, CPU)


def test_a_step_on_frames_of_512_moves_every_network():
    def first_layers(trainer: Trainer) -> list[torch.Tensor]:
        generator, discriminators = trainer.generator.module, trainer.discriminators.module
        networks = (generator.unet, *generator.local.networks.values(), generator.fusion)
        networks += (discriminators.frame, *discriminators.parts.values())
        return [next(network.parameters()).detach() for network in networks]

    settings = config(losses=LOCAL_GLAD, jitter=572, frame=512)
    fresh = Trainer(settings, 0, 1, CPU)

    trainer, terms = trained(settings, None, 1, data=packed_pairs(frame=512))

    assert terms.isfinite().all()
    pairs = list(zip(first_layers(fresh), first_layers(trainer), strict=True))
    assert len(pairs) == 1 + 6 + 1 + 1 + 6
    assert all((before != after).any() for before, after in pairs)
    assert trainer.about()["hparams"]["frame"] == 512
