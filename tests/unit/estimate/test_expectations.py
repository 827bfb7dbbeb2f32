"""The expected disk of a run, and its time by past jobs or by what is timed on this machine."""

from types import SimpleNamespace

import pandas as pd
import pytest
import torch

from photosketch.configuration.loading import load_overlays
from photosketch.configuration.settings import ablation_config
from photosketch.estimate import expectations
from photosketch.estimate.__main__ import Clock, main
from photosketch.estimate.expectations import Speed
from photosketch.jobs.messages import InputError
from photosketch.jobs.provenance import PROJECT
from support.settings import loss_weights, train_config

ROWS = [{"subset": "CUHK", "split": split} for split in 268 * ["train"] + 338 * ["test"]]
CPU = torch.device("cpu")
DATASET = {"size": [200, 250], "frame": 256, "sketch_channels": 1, "pad_value": 0}


@pytest.fixture(scope="module")
def full():
    """The full configuration, with two ablations that have no local networks."""
    return {**load_overlays([]), "ablations": {"a": {}, "b": {}}}


@pytest.fixture
def config(full):
    """The same with narrow networks."""
    return changed(full, train={"ngf": 2, "ndf": 2})


def changed(config, **sections):
    """Of sections that are dicts only the given keys change."""
    return config | {
        name: {**config[name], **change} if isinstance(change, dict) else change
        for name, change in sections.items()
    }


def expected(config, rows=ROWS, **sections):
    return expectations.expected_bytes(changed(config, **sections), rows)


def test_the_full_run_needs_the_disk_that_its_generators_and_states_fill(full):
    disk = expected(full)
    assert disk["generators"] == pytest.approx(13.5e9, rel=0.01)
    # Adam keeps two moments of each of the generator's and the discriminator's weights
    state = 3 * 4 * (54.4e6 + 2.77e6)
    assert disk["states for resuming"] == pytest.approx(2 * 2 * state, rel=0.01)
    assert disk["a state being written"] == pytest.approx(state, rel=0.01)
    assert disk["features"] == ((2 * 31 + 1) * 338 + 268) * 2048 * 4
    assert disk["warps"] == disk["aligned pictures"] == 0


@pytest.mark.slow
def test_settings_change_what_they_concern(config):
    disk = expected(config)
    twice = expected(config, seeds=[0, 1])
    for kind in ("generators", "states for resuming", "samples"):
        assert twice[kind] == 2 * disk[kind]
    local = expected(config, ablations={"b": {"losses": {"local": 25}}})
    assert local["generators"] > disk["generators"]
    assert local["states for resuming"] > disk["states for resuming"]

    marked = [{**row, "split": "val"} if i < 27 else row for i, row in enumerate(ROWS)]
    for validated in (expected(config, marked), expected(config, dataset={"validation": 0.1})):
        assert validated["samples"] == disk["samples"] * (338 + 27) // 338
        assert validated["features"] == ((2 * 31 + 1) * (338 + 27) + 241) * 2048 * 4
        assert validated["tensors"] == disk["tensors"]

    warped = expected(
        config,
        train={"keep": "last"},
        evaluation={"features": "efficientnet-lite0"},
        dataset={"align": "each"},
        ablations={"a": {"warp": "face"}, "b": {"warp": "region"}},
    )
    assert disk["states for resuming"] == 2 * warped["states for resuming"]
    assert warped["features"] * 2048 == disk["features"] * 1280
    assert warped["aligned pictures"] == 606 * 6 * 200 * 250
    assert warped["warps"] == 2 * 606 * 200 * 250 * 10
    assert warped["tensors"] - disk["tensors"] == 2 * 268 * 256**2 * 5
    theirs = expected(config, dataset={"frame": 512}, methods={"theirs": "folder"})
    assert theirs["tensors"] == 4 * disk["tensors"]
    assert theirs["samples"] - disk["samples"] == 338 * 200 * 250


def test_past_jobs_are_multiplied_and_rules_without_any_are_left_out():
    past = pd.DataFrame({"rule": ["train", "infer"], "jobs": [2, 1], "seconds": [7200.0, 60.0]})
    seconds = expectations.past_seconds({"train": 4, "compare": 1}, past)
    assert seconds == {"train": pytest.approx(14400)}


def test_timed_jobs_take_as_long_as_their_images(config):
    config = changed(config, dataset={"validation": 0.1}, ablations={"b": {"epochs": 10}})
    jobs = [
        ("train", {"ablation": "a", "seed": "0"}, 4),
        ("train", {"ablation": "b", "seed": "0"}, 4),
        ("infer", {"ablation": "a", "seed": "0"}, 4),
        ("infer_validation", {"ablation": "a", "seed": "0"}, 4),
        ("parse_faces", {"subset": "CUHK"}, 2),
        ("compare", {}, 1),
    ]
    planned = [SimpleNamespace(rule_name=r, wildcards=w, threads=t) for r, w, t in jobs]
    speeds = {name: Speed(image, drawing=0.25) for name, image in (("a", 1.0), ("b", 2.0))}
    assert expectations.timed_seconds(planned, config, ROWS, speeds, parsing=0.1) == {
        "train": pytest.approx(800 * 241 + 2 * 10 * 241),
        "infer": pytest.approx(31 * 338 / 4),
        "infer_validation": pytest.approx(31 * 27 / 4),
        "parse_faces": pytest.approx(2 * 606 * 0.1 / 2),
    }
    assert expectations.timed_seconds(planned, config, ROWS, {}, None) == {}


@pytest.mark.slow
def test_steps_and_drawing_are_timed_for_an_image(monkeypatch):
    monkeypatch.setattr(expectations, "_timed", lambda work: (work(), 4.0)[1])
    train = train_config(losses=loss_weights(l1=100, local=25), jitter=286, batch_size=2)
    assert expectations.speed(train, DATASET, "instance", CPU) == Speed(image=2.0, drawing=4.0)


def test_a_step_that_takes_long_is_not_repeated(monkeypatch):
    times = iter([expectations.LONG + 1, 1.0, 1.0, 1.0, 1.0])
    monkeypatch.setattr(expectations, "_timed", lambda work: next(times))
    assert expectations._seconds(list, CPU) == expectations.LONG + 1
    assert expectations._seconds(list, CPU) == 1.0


def test_a_photo_is_parsed_at_the_size_of_the_run_or_named(listed, tmp_path, monkeypatch):
    shapes = []
    monkeypatch.setattr(
        expectations, "parse_segmentation", lambda face, points: shapes.append(face.shape)
    )
    assert expectations.parsing_seconds(str(listed[0].photo), {"size": [100, 125]}) < 60
    assert shapes == [(125, 100, 3)]
    with pytest.raises(InputError, match=r"none\.png is not there"):
        expectations.parsing_seconds(str(tmp_path / "none.png"), DATASET)


def test_bf16_is_native_by_the_flags_of_the_processor():
    native = expectations.NATIVE_BF16.search
    assert native("flags : avx512f avx512_bf16 amx_tile")
    assert native("flags : amx_bf16")
    assert native("Features : asimd bf16")
    assert not native("flags : avx2 avx512f avx512_fp16")


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
        return Speed(factor * image if train.precision == "bf16" else image, 0.1)

    monkeypatch.setattr(expectations, "speed", speed)
    monkeypatch.setattr(expectations, "computes_bf16", lambda device: native)
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


def test_another_folder_and_an_overlay_that_snakemake_cannot_read_are_named(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    assert main(["--configfile", "my.yaml"]) == 1
    assert f"{tmp_path}: not the folder of the workflow; first cd " in capsys.readouterr().err
    overlay = tmp_path / "my.yaml"
    overlay.write_text("train: {lr: [1\nrun: x\n")
    monkeypatch.chdir(PROJECT)
    assert main([str(overlay)]) == 1
    told = capsys.readouterr().err
    assert told.startswith(f"{overlay}: is not YAML (while parsing a flow sequence")
