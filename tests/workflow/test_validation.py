"""A validation split: it chooses the epoch, and the criterion of the choice retrains nothing."""

from collections import Counter

import pandas as pd


def test_validation_pairs_choose_the_epoch_and_another_criterion_only_compares_again(project):
    project.configure(evaluation={"chosen_by": "kid"})
    assert project.stale() == Counter()  # nothing is chosen without validation pairs
    project.configure(
        dataset={"validation": 0.5},
        ablations={"local": None, "local_glad": None},
        evaluation={"chosen_by": "fid"},
    )
    done = project.snakemake()
    assert done.returncode == 0, done.stdout
    comparison = project.results / "comparison"
    validation = pd.read_csv(project.results / "validation/baseline/seed0.csv")
    pooled = validation[validation["subset"] == "all"].set_index("epoch")
    test = pd.read_csv(project.results / "evaluation/baseline/seed0.csv")
    test = test[test["subset"] == "all"].set_index("epoch")
    fid = pd.read_csv(comparison / "fid.csv").set_index("ablation")
    assert fid.loc["baseline", "all_chosen"] == test.loc[pooled["fid"].idxmin(), "fid"]
    assert (comparison / "validation_curves.png").is_file()
    assert "On the validation pairs" in (comparison / "index.html").read_text()

    project.configure(evaluation={"chosen_by": "kid"})
    assert project.stale() == Counter({"compare": 1})
    done = project.snakemake()
    assert done.returncode == 0, done.stdout
    fid = pd.read_csv(comparison / "fid.csv").set_index("ablation")
    assert fid.loc["baseline", "all_chosen"] == test.loc[pooled["kid"].idxmin(), "fid"]
    assert "lowest KID" in (comparison / "fid.md").read_text()
