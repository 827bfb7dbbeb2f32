"""The time of steps and of a face on this machine, and the effect of the other precision."""

import pytest
import torch

from photosketch.configuration.loading import load_overlays
from photosketch.configuration.settings import ablation_config
from photosketch.estimate import timing
from photosketch.estimate.__main__ import Clock, main
from photosketch.jobs.job import InputError
from photosketch.jobs.provenance import PROJECT
from support.settings import loss_weights, train_config

CPU = torch.device("cpu")
DATASET = {"size": [200, 250], "frame": 256, "sketch_channels": 1, "pad_value": 0}


@pytest.mark.slow
def test_steps_and_drawing_are_timed_for_an_image(monkeypatch):
    monkeypatch.setattr(timing, "_timed", lambda work: (work(), 4.0)[1])
    train = train_config(losses=loss_weights(l1=100, local=25), jitter=286, batch_size=2)
    assert timing.speed(train, DATASET, "instance", CPU) == timing.Speed(image=2.0, drawing=4.0)


def test_a_step_that_takes_long_is_not_repeated(monkeypatch):
    times = iter([timing.LONG + 1, 1.0, 1.0, 1.0, 1.0])
    monkeypatch.setattr(timing, "_timed", lambda work: next(times))
    assert timing._seconds(list, CPU) == timing.LONG + 1
    assert timing._seconds(list, CPU) == 1.0


def test_a_photo_is_parsed_at_the_size_of_the_run_or_named(listed, tmp_path, monkeypatch):
    parsed = []
    monkeypatch.setattr(
        timing, "parse_segmentation", lambda face, points: parsed.append(face.shape)
    )
    assert timing.parsing_seconds(str(listed[0].photo), {"size": [100, 125]}) < 60
    assert parsed == [(125, 100, 3)]
    with pytest.raises(InputError, match=r"none\.png is not there"):
        timing.parsing_seconds(str(tmp_path / "none.png"), DATASET)


@pytest.mark.parametrize(
    ("flags", "native"),
    [
        ("flags : avx512f avx512_bf16 amx_tile", True),
        ("flags : amx_bf16", True),
        ("Features : asimd bf16", True),
        ("flags : avx2 avx512f avx512_fp16", False),
    ],
)
def test_bf16_is_native_by_the_flags_of_the_processor(flags, native):
    assert bool(timing.NATIVE_BF16.search(flags)) == native


@pytest.mark.parametrize(
    ("native", "factor", "told"),
    [
        (True, 0.6, "save 40% of the time of training (by steps of each; this processor computes"),
        (False, 12, "take 12 times the time of training (by steps of the quickest; this"),
    ],
)
def test_the_other_precision_is_told_by_what_it_saves_or_costs(monkeypatch, native, factor, told):
    timed = []

    def speed(train, *_):
        timed.append(train.precision)
        image = 3.0 if train.losses.local else 1.0
        return timing.Speed(factor * image if train.precision == "bf16" else image, 0.1)

    monkeypatch.setattr(timing, "speed", speed)
    monkeypatch.setattr(timing, "computes_bf16", lambda device: native)
    config = {**load_overlays([]), "device": "cpu"}
    clock = Clock(config)
    [line] = clock.precision(["baseline", "local", "local"])
    assert f"bf16 would {told}" in line
    assert sorted(timed) == ["bf16"] * (2 if native else 1) + ["fp32"] * 2
    weaker = ablation_config(config, "local").model_copy(update={"lr": 0.1})
    assert clock.speed(weaker).image == 3.0
    assert len(timed) == (4 if native else 3)
    mixed = {**config["ablations"], "local": {"losses": {"local": 25}, "precision": "bf16"}}
    assert Clock({**config, "ablations": mixed}).precision(["baseline", "local"]) == []


def test_in_another_folder_it_says_where_to_go(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["--configfile", "my.yaml"]) == 1
    assert f"{tmp_path}: not the folder of the workflow; first cd " in capsys.readouterr().err


def test_an_overlay_that_snakemake_cannot_read_is_named(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(PROJECT)
    overlay = tmp_path / "my.yaml"
    overlay.write_text("train: {lr: [1\nrun: x\n")
    assert main([str(overlay)]) == 1
    told = capsys.readouterr().err
    assert told.startswith(f"{overlay}: is not YAML (while parsing a flow sequence")
