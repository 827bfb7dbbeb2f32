"""The target `draw`: a run's own generator on a folder of photos; other targets by name."""

import re

import pandas as pd
from PIL import Image

from support.faces.pair import draw_pair


def test_photos_are_drawn_once_and_again_when_there_are_others(project):
    photos = project.folder / "photos"
    photos.mkdir()
    Image.fromarray(draw_pair(3).photo).save(photos / "anna.jpg", quality=95)
    draw = ("draw", "--config", "draw={photos: photos, ablation: local, seed: 0, epoch: 3}")
    done = project.snakemake(*draw)
    assert done.returncode == 0, done.stdout
    faces = pd.read_csv(project.results / "draw/faces.csv")
    assert faces["photo"].tolist() == ["photos/anna.jpg"]
    assert (project.results / "draw/sketches/anna_1.png").is_file()
    assert "Nothing to be done" in project.snakemake("-n", *draw).stdout
    (photos / "anna.jpg").rename(photos / "berta.jpg")
    planned = project.snakemake("-n", *draw).stdout
    assert re.search(r"^draw +1$", planned, re.MULTILINE)
    assert "Params have changed" in planned


def test_an_untrained_generator_is_named_with_the_command_that_makes_it(unrun):
    (unrun.folder / "photos").mkdir()
    draw = ("draw", "--config", "draw={photos: photos, ablation: local, seed: 0, epoch: 3}")
    refused = unrun.snakemake("-n", *draw)
    assert refused.returncode != 0
    target = "results/small/train/local/seed0/generator_epoch3.safetensors"
    assert f"snakemake {target} --cores 2 --configfile overlay.yaml --config" in refused.stdout
    planned = unrun.snakemake("-n", target)
    assert planned.returncode == 0, planned.stdout


def test_targets_that_readme_and_docs_name_can_be_asked_for(unrun):
    sheets = [f"results/small/{kind}/local/seed0_epoch3.png" for kind in ("seams", "memory")]
    done = unrun.snakemake("annotate", "samples_png", *sheets, "-n", "--quiet", "rules")
    assert done.returncode == 0, done.stdout
    for rule in ("annotate", "write_sketches", "show_seams", "show_memory"):
        assert f"\n{rule} " in done.stdout
