"""Targets that README and docs name are there."""


def test_targets_that_are_named_can_be_asked_for(unrun):
    seams = "results/small/seams/local/seed0_epoch3.png"
    done = unrun.snakemake("annotate", "samples_png", seams, "-n", "--quiet", "rules")
    assert done.returncode == 0, done.stdout
    for rule in ("annotate", "write_sketches", "show_seams"):
        assert f"\n{rule} " in done.stdout
