"""Tables: the same cells in Markdown, HTML and LaTeX, and what they say of differences."""

import dataclasses
from pathlib import Path

import pandas as pd

from photosketch.comparison import costs, provenance, tables
from photosketch.comparison.summary import Comparison
from photosketch.jobs import provenance as origin


def scores(seeds: int = 2, **metrics: float | str) -> pd.DataFrame:
    rows = [
        {"ablation": name, "seed": seed, "epoch": epoch, "subset": subset, "n": 9}
        | {"fid": 20.0 + seed, "kid": 0.002, "kid_low": 0.001, "kid_high": 0.003}
        | {"fid_other": 40.0, "features": "inception-tf", "note": ""}
        | {"ssim": 0.5 + 0.1 * seed}
        | metrics
        for name in ("baseline", "glad_1")
        for seed in range(seeds)
        for epoch in (5, 10)
        for subset in ("AR", "all")
    ]
    return pd.DataFrame(rows)


OTHERS = "other people's real sketches"
REFERENCES = pd.DataFrame(
    [
        {"name": "photo in gray", "subset": subset, "n": 9, "fid": 70.0, "kid": 0.01}
        | {"kid_low": 0.005, "kid_high": 0.015, "fid_other": 90.0}
        for subset in ("AR", "all")
    ]
    + [{"name": OTHERS, "subset": "all", "n": 9, "kid": 0.0001, "fid_other": 35.0}]
)


def compared(scores: pd.DataFrame, differences: pd.DataFrame | None = None, **rest) -> Comparison:
    nothing = provenance.Provenance("demo", {}, {}, "")
    without = pd.DataFrame() if differences is None else differences
    return Comparison(scores, REFERENCES, without, nothing, **rest)


def test_every_metric_has_its_column_scale_and_deviation() -> None:
    table = tables.metric_table(compared(scores(nlda=0.875)))
    assert list(table.head) == [
        "method",
        "FID ↓",
        "KID ×1000 ↓",
        "FID, other people ↓",
        "SSIM ↑",
        "NLDA % ↑",
    ]
    assert table.rows[0] == [
        "baseline",
        "20.50 ± 0.71",
        "2.00 ± 0.00 [1.00, 3.00]",
        "40.00 ± 0.00",
        "0.5500 ± 0.0707",
        "87.5 ± 0.0",
    ]
    assert table.rows[2] == ["photo in gray", "70.00", "10.00 [5.00, 15.00]", "90.00", "–", "–"]
    assert table.rows[3] == [OTHERS, "–", "0.100", "35.00", "–", "–"]
    assert any("A scale for FID, other people, not a floor" in text for text in table.remarks)
    assert any("LPIPS is left out" in text for text in table.remarks)
    complete = tables.metric_table(compared(scores(lpips=0.3, nlda=0.875)))
    assert "SSIM, LPIPS: the mean over images, each against its true sketch." in complete.remarks
    assert any("people recognised at rank 1" in text for text in complete.remarks)
    assert not any("LPIPS is" in text or "NLDA recognition" in text for text in complete.remarks)
    assert all(table.remarks) and all(complete.remarks)
    few = tables.metric_table(compared(scores(1)))
    assert few.rows[0][1] == "20.00"
    assert any("NLDA recognition is left out" in text for text in few.remarks)


def test_real_sketches_of_others_stand_beside_fid_of_other_people_alone() -> None:
    comparison = compared(scores())
    table = tables.other_people_table(comparison)
    assert table.title == "FID, other people"
    assert list(table.head) == ["method", "AR (n = 2 × 4)", "all subsets (n = 2 × 4)"]
    assert table.rows == [
        ["baseline", "40.00", "40.00"],
        ["glad_1", "40.00", "40.00"],
        ["photo in gray", "90.00", "90.00"],
        [OTHERS, "–", "35.00"],
    ]
    assert [row[0] for row in tables.fid_table(comparison).rows] == [
        "baseline",
        "glad_1",
        "photo in gray",
    ]
    assert [table.title for table in tables.result_tables(comparison)] == [
        "FID, other people",
        "All metrics, all subsets",
    ]


def test_too_few_people_for_halves_are_told_in_a_sentence() -> None:
    comparison = compared(scores(fid_other=float("nan")))
    [table] = tables.result_tables(comparison)
    assert "FID, other people is left out: it needs four test people." in table.remarks
    assert not any("A scale for" in text for text in table.remarks)


def test_true_sketches_stand_where_identity_does_and_not_in_the_table_of_fid() -> None:
    true = pd.DataFrame({"name": "true sketches", "subset": ["AR", "all"], "n": 9})
    references = pd.concat([REFERENCES, true.assign(identity_rank1=0.28, identity_auc=0.9)])
    compared_ = compared(scores(identity_rank1=0.875, identity_auc=0.9876, features="x", note=""))
    compared_ = dataclasses.replace(compared_, references=references)
    table = tables.metric_table(compared_)
    assert list(table.head)[-2:] == ["identity, rank 1 % ↑", "identity, AUC ↑"]
    assert table.rows[0][-2:] == ["87.5 ± 0.0", "0.988 ± 0.000"]
    assert table.rows[-1] == ["true sketches", "–", "–", "–", "–", "28.0", "0.900"]
    assert not any("Identity is left out" in text for text in table.remarks)
    assert [row[0] for row in tables.fid_table(compared_).rows] == [
        "baseline",
        "glad_1",
        "photo in gray",
    ]
    without = tables.metric_table(compared(scores()))
    assert "Identity is left out (evaluation.identity)." in without.remarks


def lines(ablation: str, subset: str, metric: str = "fid", **values) -> dict[str, object]:
    """A line of the table of differences, undecided and descriptive where nothing else is said."""
    nothing = {"role": "descriptive", "seeds": 1, "level": 0.95}
    undecided = {"difference": -0.5, "run_low": -1.25, "run_high": 0.25, "run_verdict": "undecided"}
    missing = {"low": float("nan"), "high": float("nan"), "verdict": "undecided"}
    place = {"ablation": ablation, "reference": "baseline", "subset": subset, "metric": metric}
    return place | nothing | undecided | missing | values


PRIMARY = {"role": "primary", "level": 0.975}
BETTER = {"difference": -1.5, "run_low": -2.25, "run_high": -0.75, "run_verdict": "better"}
WORSE = {"difference": 2.1, "run_low": 1.5, "run_high": 2.7, "run_verdict": "worse"}
BY_SEEDS = {"low": -3.0, "high": 0.5, "seeds": 2}


def test_a_primary_verdict_stands_beside_the_interval_it_follows_from() -> None:
    found = [lines("glad_1", "all", **PRIMARY, **BETTER), lines("glad_1", "AR")]
    table, _ = tables.difference_tables(compared(scores(1), pd.DataFrame(found)))
    assert table.title == "Difference to baseline: FID, all subsets (primary)"
    assert list(table.head) == ["method", "over images", "verdict on these runs"]
    assert table.rows == [["glad_1", "−1.50 [−2.25, −0.75]", "better"]]
    assert "nothing can be said of the ablations themselves" in table.remarks[1]
    found[0] |= BY_SEEDS
    several, _ = tables.difference_tables(compared(scores(2), pd.DataFrame(found)))
    assert list(several.head)[3:] == ["over images and seeds", "verdict on the methods"]
    assert several.rows[0][1:] == [
        "−1.50 [−2.25, −0.75]",
        "better",
        "−1.50 [−3.00, +0.50]",
        "undecided",
    ]


def test_a_subset_says_better_or_worse_in_its_cell_in_all_three_forms() -> None:
    found = [
        lines("glad_1", "all", **PRIMARY),
        lines("glad_1", "AR", **WORSE),
        lines("theirs", "all", **BETTER | {"seeds": 0}),
        lines("theirs", "AR", run_low=float("nan"), run_high=float("nan")),
    ]
    _, table = tables.difference_tables(compared(scores(1), pd.DataFrame(found)))
    assert table.rows == [
        ["glad_1", "FID", "primary: above", "+2.10 [+1.50, +2.70] worse"],
        ["theirs", "FID", "−1.50 [−2.25, −0.75] better", "−0.50 [–, –]"],
    ]
    remarks = " ".join(table.remarks)
    assert "up to 5% of these 2 lines, 0.1, would" in remarks
    assert "without seeds, only descriptive: theirs." in remarks
    assert "[–, –]: no interval" in remarks
    assert not table.warnings
    assert "+2.10 [+1.50, +2.70] worse" in table.markdown()
    assert "<span>+2.10</span> <span>[+1.50, +2.70]</span> <span>worse</span>" in table.html()
    assert "+2.10 [+1.50, +2.70] worse" in table.latex()


def test_a_pooled_better_that_hides_a_subset_worse_is_warned_of() -> None:
    found = [
        lines("glad_1", "all", **PRIMARY, **BETTER),
        lines("glad_1", "AR", **WORSE),
        lines("glad_1", "all", "ssim", **WORSE | {"run_verdict": "better"}),
        lines("glad_1", "AR", "ssim"),
    ]
    primary, descriptive = tables.difference_tables(compared(scores(1), pd.DataFrame(found)))
    (warning,) = primary.warnings
    assert warning.startswith("Warning: glad_1 is better by FID over all subsets, but worse on AR")
    assert f"**{warning}**" in primary.markdown()
    assert f'role="note">{warning}</p>' in primary.html()
    assert "but worse on AR" in primary.latex()
    assert not descriptive.warnings


def test_without_other_ablations_no_difference_is_primary() -> None:
    found = [lines("theirs", "all", seeds=0), lines("theirs", "AR", seeds=0)]
    (table,) = tables.difference_tables(compared(scores(1), pd.DataFrame(found)))
    assert "descriptive" in table.title


def test_a_table_is_the_same_in_all_three_forms() -> None:
    table = tables.Table("A & B", ["", "100 %"], [["glad_1 | x", "1 ± 2"]], ["Mind <this>."])
    assert "| glad_1 \\| x | 1 ± 2 |" in table.markdown()
    page = table.html()
    assert "<h3>A &amp; B</h3>" in page
    assert "<td><span>1 ± 2</span></td>" in page
    assert "Mind &lt;this&gt;." in page
    latex = table.latex()
    assert r"glad\_1 | x & 1 $\pm$ 2 \\" in latex
    assert r" & 100 \% \\" in latex
    assert r"\caption{A \& B. Mind \textless{}this\textgreater{}.}" in latex
    assert latex.count(r"\begin") == latex.count(r"\end") == 2


def test_a_latex_table_says_what_it_must_say_of_the_features() -> None:
    table = tables.Table("FID", ["", "AR"], [["glad", "1"]], ["Lower is better."])
    noted = table.latex("a_network: not with published FID")
    assert r"\caption{FID. a\_network: not with published FID. Lower is better.}" in noted


def test_costs_add_up_over_the_jobs_of_a_rule(tmp_path: Path) -> None:
    head = "s\th:m:s\tmax_rss\tmax_vms\n"
    for name, line in {
        "compare.tsv": "4.0\t0:00:04\t-\t-\n",
        "train/baseline/seed0.tsv": "5400.0\t1:30:00\t2000.5\t1\n",
        "train/glad/seed0.tsv": "1800.0\t0:30:00\t1000.0\t1\n",
    }.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(head + line)
    by_rule = costs.read_benchmarks(tmp_path).set_index("rule")
    assert by_rule.loc["train", ["jobs", "seconds", "longest", "memory_mb"]].tolist() == [
        2,
        7200,
        5400,
        2000.5,
    ]
    assert pd.isna(by_rule.loc["compare", "memory_mb"])
    rows = {row[0]: row[1:] for row in tables.cost_table(by_rule.reset_index()).rows}
    assert rows["train"] == ["2", "120.0", "90.0", "2.0"]
    assert rows["compare"] == ["1", "0.1", "0.1", "–"]
    assert costs.read_benchmarks(tmp_path / "train/none").empty


def test_gpu_memory_is_read_from_the_logs_of_the_jobs_that_used_one(tmp_path: Path) -> None:
    head = "s\th:m:s\tmax_rss\tmax_vms\n"
    for name in ("train/a/seed0", "train/b/seed0", "compare"):
        for kind, text in (
            ("benchmarks", f"{head}60.0\t0:01:00\t500\t1\n"),
            ("logs", "using GPU 0: X\n"),
        ):
            suffix = "tsv" if kind == "benchmarks" else "log"
            path = tmp_path / kind / f"{name}.{suffix}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    without = tables.cost_table(costs.read_benchmarks(tmp_path / "benchmarks", tmp_path / "logs"))
    assert "peak GPU memory, GB" not in without.head
    for name, megabytes in (("a", 2345), ("b", 1234)):
        log = tmp_path / f"logs/train/{name}/seed0.log"
        log.write_text(f"{log.read_text()}peak GPU memory: {megabytes} MB\n")
    table = tables.cost_table(costs.read_benchmarks(tmp_path / "benchmarks", tmp_path / "logs"))
    assert table.head[-1] == "peak GPU memory, GB"
    assert {row[0]: row[-1] for row in table.rows} == {"train": "2.3", "compare": "–"}


def test_a_commit_is_named_with_whether_the_tree_is_clean(tmp_path: Path) -> None:
    import subprocess

    def git(*arguments: str) -> None:
        identity = ["-c", "user.name=a", "-c", "user.email=a@b.c"]
        subprocess.run(["git", "-C", str(tmp_path), *identity, *arguments], check=True)

    assert "unknown" in origin.commit(tmp_path / "missing")
    git("init", "-q")
    code = tmp_path / "workflow/scripts/photosketch/a.py"
    code.parent.mkdir(parents=True)
    code.write_text("a")
    (tmp_path / ".gitignore").write_text("/workflow\n")
    git("add", ".")
    git("commit", "-q", "-m", "a")  # somebody's notes, into whose top the project was unpacked
    assert origin.commit(tmp_path) == "unknown: not a git repository of its own"
    git("add", "--force", "workflow")
    git("commit", "-q", "-m", "a")
    assert origin.commit(tmp_path).endswith(", clean")
    code.write_text("b")
    assert origin.commit(tmp_path).endswith(", with changes to 1 file")
    (tmp_path / "unpacked").mkdir()
    assert origin.commit(tmp_path / "unpacked") == "unknown: not a git repository of its own"


def test_the_project_is_the_folder_of_its_snakefile() -> None:
    assert (origin.PROJECT / "Snakefile").is_file()


def test_devices_are_those_that_the_logs_name(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_text("using GPU 0: NVIDIA X\nepoch 1\n")
    (tmp_path / "b.log").write_text("no GPU visible: running on the CPU\n")
    named = provenance.devices([tmp_path / "a.log", tmp_path / "b.log", tmp_path / "c.log"])
    assert named.startswith("NVIDIA X, CPU (")
    assert "unknown" in provenance.devices([])
    assert "torch" in origin.versions()
