"""Votes of people, from the page's sketches to the comparison."""

import os
from collections import Counter

import pandas as pd

HEAD = "voter,left,right,choice,true_sketch"


def test_votes_enter_the_comparison_by_their_content_and_nothing_else_runs_again(project):
    made = project.snakemake("votes")
    assert made.returncode == 0, made.stdout
    page = project.results / "comparison/votes.html"
    assert str(page.relative_to(project.folder)) in made.stdout
    key = pd.read_csv(project.results / "comparison/votes_key.csv", dtype=str)
    assert set(key["method"]) == {"baseline", "local", "local_glad"}
    codes = key.pivot(index=["subset", "id"], columns="method", values="code")

    for voter, favourite in {"ann": "local", "ben": "local", "cleo": "baseline"}.items():
        other = {"local": "baseline", "baseline": "local"}[favourite]
        votes = codes.iloc[:: 1 if voter == "ann" else 2]  # cleo and ben did not go on to the end
        rows = [f"{voter},{own[other]},{own[favourite]},right,no" for _, own in votes.iterrows()]
        (project.folder / f"votes_{voter}.csv").write_text("\n".join([HEAD, *rows, ""]))
    project.configure(evaluation={"votes": ["votes_ann.csv", "votes_ben.csv", "votes_cleo.csv"]})
    assert project.stale() == Counter(["compare"])
    done = project.snakemake()
    assert done.returncode == 0, done.stdout
    told = (project.results / "comparison/fid.md").read_text()
    for title in ("What voters prefer", "Shares of wins", "Agreement between voters"):
        assert f"## {title}\n" in told
    assert f"{2 * len(codes.iloc[::2]) + len(codes)} votes of 3 voters" in told
    assert 'id="votes"' in (project.results / "comparison/index.html").read_text()
    assert project.stale() == Counter()

    changed = project.folder / "votes_cleo.csv"
    times = changed.stat()
    changed.write_text("\n".join(changed.read_text().splitlines()[:-1]) + "\n")
    os.utime(changed, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert project.stale() == Counter(["compare"])
    changed.write_text(f"{HEAD}\ncleo,s0,s1,left,no\n")
    refused = project.snakemake()
    assert refused.returncode == 1
    assert "votes_cleo.csv: 1 of 1 votes are not on two sketches" in refused.stdout
