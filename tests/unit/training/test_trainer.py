"""The training step: its fast forms against plain PyTorch, and taking steps back."""

import dataclasses

import pytest
import torch

from photosketch.configuration.settings import TrainConfig
from photosketch.jobs.messages import InputError
from photosketch.training import checkpoint, tensors, trainer
from photosketch.training.trainer import PLAIN, Network, Switches, Trainer
from support.face_batch import packed_pairs
from support.small_training import BASELINE, LOCAL_GLAD, small_config

CPU = torch.device("cpu")


class DoubleSet(tensors.PackedSet):
    """Batches in 64 bits."""

    def batch(self, *arguments) -> tensors.Batch:
        batch = super().batch(*arguments)
        return dataclasses.replace(batch, photo=batch.photo.double(), sketch=batch.sketch.double())


IN_64_BITS = DoubleSet(**vars(packed_pairs()))


def config(**changes) -> TrainConfig:
    return small_config(lr=0.0002, **changes)


def trained(settings, switches, steps, data=None) -> tuple[Trainer, torch.Tensor]:
    """A trainer after `steps` steps, and the terms of each [steps, T]."""
    data = data or packed_pairs()
    trainer = Trainer(settings, 0, 1, CPU, switches)
    if isinstance(data, DoubleSet):
        trainer.generator.module.double()
        trainer.discriminators.module.double()
    rows = [trainer.advance(data, torch.tensor([k % len(data)])).clone() for k in range(steps)]
    return trainer, torch.stack(rows)


def weights(trainer: Trainer) -> torch.Tensor:
    """All weights and buffers in one vector."""
    states = [each.module.state_dict() for each in (trainer.generator, trainer.discriminators)]
    return torch.cat([value.flatten().double() for state in states for value in state.values()])


def first_moments(network: Network) -> torch.Tensor:
    """Adam's first moments of all weights in one vector."""
    return torch.cat([each["exp_avg"].flatten() for each in network.optimizer.state.values()])


def relative(value: torch.Tensor, expected: torch.Tensor) -> float:
    return float((value - expected).norm().detach() / expected.norm().detach())


@pytest.fixture(scope="module")
def plain_in_64_bits():
    return trained(config(), PLAIN, 4, IN_64_BITS)


@pytest.mark.slow
@pytest.mark.parametrize("switched", ["fused_adam", "channels_last", "all"])
def test_fast_steps_give_the_weights_of_plain_ones(plain_in_64_bits, switched):
    """In 64 bits, because steps of Adam blow 32-bit rounding up to some 1e-4 of the weights: where
    a gradient is nothing but rounding, Adam still moves by the learning rate."""
    switches = Switches() if switched == "all" else dataclasses.replace(PLAIN, **{switched: True})
    plain, plain_terms = plain_in_64_bits
    fast, fast_terms = trained(config(), switches, 4, IN_64_BITS)
    start = Trainer(config(), 0, 1, CPU, PLAIN)
    assert relative(weights(fast), weights(plain)) < 1e-5
    assert relative(weights(start), weights(plain)) > 1e-3
    assert torch.allclose(fast_terms, plain_terms, rtol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("losses", "fusion"),
    [(BASELINE, "apdrawing"), (LOCAL_GLAD, "apdrawing"), (LOCAL_GLAD, "attention")],
    ids=["baseline", "local_glad", "attention"],
)
def test_a_fast_step_has_the_gradients_of_a_plain_one_in_32_bits_too(losses, fusion):
    """Adam's first moments after one step are a fixed part of the gradients. 0.1% apart at most:
    those for real and generated sketches nearly cancel, which leaves much of their rounding."""
    settings = config(losses=losses, fusion=fusion)
    plain, plain_terms = trained(settings, PLAIN, 1)
    fast, fast_terms = trained(settings, Switches(), 1)
    for name in ("generator", "discriminators"):
        first, second = (first_moments(getattr(each, name)) for each in (plain, fast))
        assert relative(second, first) < 1e-3
    assert torch.allclose(fast_terms, plain_terms, rtol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("losses", "steps", "part"),
    [(BASELINE, 12, 0.01), (LOCAL_GLAD, 1, 0.03)],
    ids=["baseline", "local_glad"],
)
def test_losses_in_16_bits_follow_those_in_32(losses, steps, part):
    """Within a part of each term, over the mean of the last 8; weights and moments stay float32."""
    _, full = trained(config(losses=losses), Switches(), steps)
    trainer, half = trained(config(losses=losses, precision="bf16"), Switches(), steps)
    assert not torch.equal(full, half)
    means = [rows[-8:].mean(dim=0).tolist() for rows in (half, full)]
    assert means[0] == pytest.approx(means[1], rel=part)
    kinds = {value.dtype for value in trainer.generator.module.parameters()}
    for moments in trainer.generator.optimizer.state.values():
        kinds |= {value.dtype for value in moments.values()}
    assert kinds == {torch.float32}


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


@pytest.mark.slow
def test_steps_taken_back_leave_no_trace():
    """What the recording of a CUDA graph does around its warm-up: at the start, and later."""
    data = packed_pairs()
    straight, expected = trained(config(), Switches(), 3)
    trainer = Trainer(config(), 0, 1, CPU, Switches())
    for k in range(3):
        state = checkpoint.copied(trainer.state())
        trainer.compute(data, torch.tensor([1]))
        trainer.undo(state)
        assert torch.equal(trainer.advance(data, torch.tensor([k])), expected[k])
    assert torch.equal(weights(trainer), weights(straight))


def test_the_learning_rate_reaches_both_optimizers_as_a_number_or_a_tensor():
    trainer = Trainer(config(), 0, 1, CPU)
    trainer.generator.optimizer.param_groups[0]["lr"] = torch.tensor(0.5)
    trainer.set_learning_rate(0.0)
    assert trainer.generator.optimizer.param_groups[0]["lr"] == torch.tensor(0.0)
    assert trainer.discriminators.optimizer.param_groups[0]["lr"] == 0.0
    start = [value.clone() for value in trainer.generator.module.parameters()]
    trainer.advance(packed_pairs(), torch.tensor([0]))
    assert all(map(torch.equal, start, trainer.generator.module.parameters()))


def test_a_step_that_cannot_be_recorded_runs_eagerly_and_says_so(monkeypatch, capsys):
    def refuse(*_):
        raise RuntimeError("no graphs on this device")

    monkeypatch.setattr(trainer, "RecordedStep", refuse)
    data, runs = packed_pairs(), [Trainer(config(), 0, 1, CPU) for _ in range(2)]
    runs[0].recordable = True  # as on a GPU
    for run in runs:
        for index in (0, 1):
            run.advance(data, torch.tensor([index]))
    told = capsys.readouterr().out
    assert told.count("training runs eagerly: no graphs on this device") == 1
    assert torch.equal(*map(weights, runs))


def test_a_lack_of_memory_for_the_networks_says_what_to_lower(monkeypatch):
    def fail(*_):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(trainer.networks, "build_generator", fail)
    with pytest.raises(InputError, match=r"lower train\.batch_size \(now 1\).*bf16"):
        Trainer(config(), 0, 1, CPU)


@pytest.mark.slow
def test_a_step_on_frames_of_512_is_taken_and_the_generator_says_so():
    settings = config(losses=LOCAL_GLAD, jitter=572, frame=512)
    trainer, terms = trained(settings, None, 1, packed_pairs(frame=512))
    assert terms.isfinite().all()
    assert trainer.about()["hparams"]["frame"] == 512
