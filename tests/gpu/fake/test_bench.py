"""`make bench` where it finds a GPU."""

import torch

import bench_training


def test_every_variant_of_a_step_is_timed_with_deterministic_algorithms(monkeypatch):
    torch.use_deterministic_algorithms(False)
    asked = []
    advance = bench_training.Trainer.advance

    def noted(trainer, data, indices):
        asked.append(torch.are_deterministic_algorithms_enabled())
        return advance(trainer, data, indices)

    monkeypatch.setattr(bench_training.Trainer, "advance", noted)
    few = ["--width", "2", "--repeats", "1", "--steps", "1", "--no-memory"]
    result = bench_training.main(["--ablations", "baseline", *few])
    timed = {row["variant"] for row in result["rows"]}
    assert timed == set(bench_training.variants_on(torch.device("cuda")))
    assert "fp32 graph" in timed
    assert asked and all(asked)


def test_peak_memory_is_measured_with_an_adam_that_is_not_fused_too(capsys):
    bench_training.train_for_memory("baseline", "eager fp32", "2", "256", "cuda", "1")
    assert float(capsys.readouterr().out) > 0
