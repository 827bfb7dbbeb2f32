"""The recorded step: on every device, refused where it is empty, and undone where it fails."""

import pytest
import torch

from gpu_checks.trainers import ABLATIONS
from photosketch.training import cuda_graph
from photosketch.training import trainer as training
from photosketch.training.cuda_graph import capture
from photosketch.training.trainer import Trainer
from support.face_batch import packed_pairs
from support.small_training import small_config

DEVICES = [torch.device("cuda", index) for index in (0, 1)]


def built(device, ablation="baseline", **changes) -> Trainer:
    return Trainer(small_config(**ABLATIONS[ablation], **changes), 0, 1, device)


def advance(trainer: Trainer, size: int = 1) -> None:
    indices = torch.zeros(size, dtype=torch.int64, device=trainer.device)
    trainer.advance(packed_pairs(trainer.device, trainer.config.frame), indices)


@pytest.fixture
def equal_values(monkeypatch):
    """Kernels do nothing, so what a replay gives is not compared with a plain step."""
    monkeypatch.setattr(cuda_graph, "disagreements", lambda *_: [])


def memory_of_recordings() -> list[int]:
    """Bytes of each segment that is reserved for recordings."""
    return [
        segment["total_size"]
        for segment in torch.cuda.memory_snapshot()
        if segment["segment_pool_id"] != (0, 0)
    ]


@pytest.mark.parametrize(
    ("device", "ablation", "changes"),
    [
        (DEVICES[0], "baseline", {}),
        (DEVICES[1], "local_glad", {}),
        (DEVICES[1], "local_glad", {"precision": "bf16"}),
        *(
            (DEVICES[0], ablation, {"flip": True, "batch_size": 2})
            for ablation in ("local_feather", "local_attention", "local_blend")
        ),
        (DEVICES[0], "local", {"frame": 512, "jitter": 572}),
    ],
    ids=str,
)
def test_the_step_is_recorded_on_the_device_of_its_trainer(
    device, ablation, changes, fake, equal_values
):
    trainer = built(device, ablation, **changes)
    advance(trainer, trainer.config.batch_size)
    assert trainer.recorded is not None
    assert fake.captured() > 300
    assert f"begin capture on device {device.index} mode 1" in fake.notes()  # 1: of this thread
    assert not [note for note in fake.notes() if "ERROR" in note or "HOST COPY" in note]
    assert torch.cuda.current_device() == 0
    assert torch.cuda.current_stream(device) == torch.cuda.default_stream(device)


def test_a_replay_launches_the_graph_and_nothing_else_of_the_step(fake, equal_values):
    trainer = built(DEVICES[1])
    advance(trainer)
    fake.reset()
    advance(trainer)
    assert fake.graphs() == 1
    assert fake.launches() < 20  # the batch's indices, the random state


@pytest.mark.parametrize("recorded", [True, False], ids=["recorded", "eager"])
@pytest.mark.parametrize("ablation", ["baseline", "local_glad"])
def test_a_step_never_waits_for_the_device(ablation, recorded, equal_values):
    trainer = built(DEVICES[1], ablation)
    trainer.recordable = recorded
    data = packed_pairs(trainer.device)
    indices = torch.zeros(1, dtype=torch.int64, device=trainer.device)
    trainer.advance(data, indices)
    torch.cuda.set_sync_debug_mode("error")
    try:
        with pytest.raises(RuntimeError, match="synchronizing"):
            indices.tolist()
        trainer.advance(data, indices)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert (trainer.recorded is not None) == recorded


def test_a_smaller_batch_runs_eagerly_and_leaves_the_recording_for_the_next(fake, equal_values):
    trainer = built(DEVICES[0], batch_size=2)
    launched = []
    for size in (2, 1, 2):
        fake.reset()
        advance(trainer, size)
        launched.append((fake.graphs(), fake.launches() > 300))
    assert launched[1:] == [(0, True), (1, False)]


def test_a_replay_that_computes_nothing_is_refused(capsys):
    """Here no replay computes anything: what was in its memory before is found again."""
    trainer = built(DEVICES[0])
    advance(trainer)
    assert trainer.recorded is None
    assert not trainer.recordable
    assert "a replay is not the plain step: terms differs by nan" in capsys.readouterr().out
    assert not memory_of_recordings()


def test_a_recording_of_nothing_is_refused(equal_values, monkeypatch, capsys):
    trainer = built(DEVICES[0])
    terms = torch.zeros(5, device=trainer.device)
    monkeypatch.setattr(trainer, "compute", lambda *_: terms)
    advance(trainer)
    assert trainer.recorded is None
    assert "The CUDA Graph is empty" in capsys.readouterr().out
    assert not memory_of_recordings()


def test_work_of_another_device_is_refused():
    there = torch.zeros(1000, device=DEVICES[1])
    with pytest.raises(RuntimeError, match="The CUDA Graph is empty"):
        capture(lambda: there.mul_(2), torch.cuda.Stream(DEVICES[0]))


@pytest.mark.parametrize("device", DEVICES, ids=str)
def test_a_failed_recording_leaves_stream_memory_and_weights_as_they_were(
    device, fake, equal_values, capsys
):
    trainer = built(device, "local_glad")
    weights = {name: value.cpu() for name, value in trainer.generator.module.state_dict().items()}
    fake.fail_at("vectorized_elementwise")
    advance(trainer)
    assert trainer.recorded is None
    told = capsys.readouterr().out
    # the reason, and not only that there was one
    assert "operation not permitted when stream is capturing; CUDA error: operation failed" in told
    assert torch.cuda.current_stream(device) == torch.cuda.default_stream(device)
    assert torch.cuda.current_device() == 0
    assert not memory_of_recordings()
    fake.reset()
    advance(trainer)
    assert fake.launches() > 300 and fake.graphs() == 0
    for name, value in trainer.generator.module.state_dict().items():
        assert torch.equal(value.cpu(), weights[name])  # kernels do nothing here
    for moments in trainer.generator.optimizer.state.values():
        assert all(not value.cpu().any() for value in moments.values())


def test_finite_weights_are_asked_for_with_adams_counts_on_the_host_too():
    """Adam that is not fused keeps them there."""
    config = built(DEVICES[0]).config
    trainer = Trainer(config, 0, 1, DEVICES[0], training.PLAIN)
    advance(trainer)
    counts = {each["step"].device.type for each in trainer.generator.optimizer.state.values()}
    assert counts == {"cpu"}
    trainer.is_finite()
