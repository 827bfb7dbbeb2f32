"""Tables: cells, their three formats, and differences."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from photosketch.comparison import tables
from photosketch.comparison.costs import cost_table, read_benchmarks
from photosketch.comparison.tables import Table, fid_table, metric_table, other_people_table
from photosketch.comparison.verdicts import difference_tables
from support import comparisons

COUNTS = {"AR": 9, "CUHK": 4, "all": 13}
OTHERS = "other people's real sketches"
REFERENCES = pd.DataFrame(
    [
        {"name": "photo in gray", "subset": subset, "n": 9, "fid": 70.0, "kid": 0.01}
        | {"kid_low": 0.005, "kid_high": 0.015, "fid_other": 90.0}
        for subset in ("AR", "all")
    ]
    + [{"name": OTHERS, "subset": "all", "n": 9, "kid": 0.0001, "fid_other": 35.0}]
)


def compared(seeds: int = 2, fields: dict[str, Any] | None = None, **metrics: Any):
    kid = {"kid": 0.002, "kid_low": 0.001, "kid_high": 0.003}
    table = comparisons.scores(
        lambda _index, _place, seed, _epoch: 20.0 + seed,
        ("baseline", "glad_1"),
        seeds=range(seeds),
        counts=COUNTS,
        **kid | metrics,
    ).assign(ssim=lambda table: 0.5 + 0.1 * table["seed"])
    return comparisons.compared(table, **{"references": REFERENCES} | (fields or {}))


def test_every_metric_has_its_column_scale_deviation_and_remark() -> None:
    table = metric_table(compared(nlda=0.875, identity_rank1=0.875, identity_auc=0.9876))
    columns = {name: [row[i] for row in table.rows] for i, name in enumerate(table.head)}
    assert columns == {
        "method": ["baseline", "glad_1", "photo in gray", OTHERS],
        "FID ↓": ["20.50 ± 0.71"] * 2 + ["70.00", "–"],
        "KID ×1000 ↓": ["2.00 ± 0.00 [1.00, 3.00]"] * 2 + ["10.00 [5.00, 15.00]", "0.100"],
        "FID, other people ↓": ["40.00 ± 0.00"] * 2 + ["90.00", "35.00"],
        "SSIM ↑": ["0.5500 ± 0.0707"] * 2 + ["–", "–"],
        "NLDA % ↑": ["87.5 ± 0.0"] * 2 + ["–", "–"],
        "identity, rank 1 % ↑": ["87.5 ± 0.0"] * 2 + ["–", "–"],
        "identity, AUC ↑": ["0.988 ± 0.000"] * 2 + ["–", "–"],
    }
    assert metric_table(compared(1)).rows[0][1] == "20.00"


LEFT_OUT = ["LPIPS is left out", "NLDA recognition is left out"]
NO_IDENTITY = "Identity is left out"
NO_OTHERS = "FID, other people is left out: it needs four test people"
MEANS = ["SSIM, LPIPS: the mean over images", "people recognised at rank 1", "A scale for FID"]


@pytest.mark.parametrize(
    ("metrics", "said", "not_said"),
    [
        ({"lpips": 0.3, "nlda": 0.875}, MEANS, LEFT_OUT),
        ({"fid_other": float("nan")}, [*LEFT_OUT, NO_IDENTITY, NO_OTHERS], ["A scale for"]),
        ({"identity_rank1": 0.9, "identity_auc": 0.9}, ["Rank 1"], [NO_IDENTITY]),
    ],
)
def test_what_was_computed_is_explained_and_what_was_not_is_named(metrics, said, not_said) -> None:
    comparison = compared(**metrics)
    assert all(metric_table(comparison).remarks)
    remarks = "\n".join(metric_table(comparison).remarks)
    assert all(text in remarks for text in said)
    assert not any(text in remarks for text in not_said)
    others = [] if NO_OTHERS in said else ["FID, other people"]
    titles = [table.title for table in tables.metric_tables(comparison)]
    assert titles == ["All metrics, all subsets", *others]


def test_real_images_stand_only_where_they_have_the_metric() -> None:
    true = pd.DataFrame({"name": "true sketches", "subset": ["AR", "all"], "n": 9})
    references = pd.concat([REFERENCES, true.assign(identity_rank1=0.28, identity_auc=0.9)])
    comparison = compared(fields={"references": references}, identity_rank1=0.8, identity_auc=0.98)
    assert [row[0] for row in fid_table(comparison).rows] == ["baseline", "glad_1", "photo in gray"]
    true_sketches = metric_table(comparison).rows[-1]
    assert true_sketches == ["true sketches", "–", "–", "–", "–", "28.0", "0.900"]
    other = other_people_table(comparison)
    columns = ["AR (n = 2 × 4)", "CUHK (n = 2 × 2)", "all subsets (n = 2 × 6)"]
    assert other.head == ["method", *columns]
    assert other.rows == [
        *([name, "40.00", "40.00", "40.00"] for name in ("baseline", "glad_1")),
        ["photo in gray", "90.00", "–", "90.00"],
        [OTHERS, "–", "–", "35.00"],
    ]


def test_published_values_of_the_same_features_are_rows_and_others_are_named() -> None:
    printed = {
        "report_glad": comparisons.published({"all": 28.0}, "A report, 2019"),
        "later": comparisons.published({"AR": 31.5, "all": 26.96}, "A report, 2019"),
    }
    other = {"other": comparisons.published({"all": 1.0}, "A paper", "inception-imagenet")}
    plain = fid_table(compared())
    table = fid_table(compared(fields={"published": printed | other}))
    report = ["report_glad (published)", "–", "–", "28.00"]
    assert table.rows == [*plain.rows, report, ["later (published)", "31.50", "–", "26.96"]]
    assert "report_glad, later: A report, 2019." in table.remarks[-2]
    assert "other (inception-imagenet)" in table.remarks[-1]
    only = fid_table(compared(fields={"published": other}))
    assert [*plain.remarks, table.remarks[-1]] == list(only.remarks)


def test_a_run_of_one_subset_has_no_column_twice_and_the_best_is_bold() -> None:
    one = comparisons.compared(
        comparisons.scores(lambda index, *_: 20.0 - index, counts={"AR": 9, "all": 9}),
        references=REFERENCES,
        published={"report": comparisons.published({"all": 28.0})},
    )
    table = fid_table(one)
    assert list(table.head) == ["method", "AR (n = 9)"]
    assert table.rows[2:] == [["photo in gray", "70.00"], ["report (published)", "28.00"]]
    assert "**19.00 ± 0.00**" in table.markdown()
    assert r"\textbf{19.00 $\pm$ 0.00}" in table.latex()
    assert "20.00 ± 0.00**" not in table.markdown()
    assert metric_table(one).title == "All metrics"


PRIMARY = {"role": "primary", "level": 0.975}
UNDECIDED = {"difference": -0.5, "run_low": -1.25, "run_high": 0.25, "run_verdict": "undecided"}
BETTER = {"difference": -1.5, "run_low": -2.25, "run_high": -0.75, "run_verdict": "better"}
WORSE = {"difference": 2.1, "run_low": 1.5, "run_high": 2.7, "run_verdict": "worse"}
BY_SEEDS = {"low": -3.0, "high": 0.5, "verdict": "undecided"}
NO_INTERVAL = {"run_low": float("nan"), "run_high": float("nan")}


def lines(
    ablation: str, reference: str = "baseline", metric: str = "fid", **changes: dict
) -> pd.DataFrame:
    """The lines of a pair and metric, undecided and descriptive but for the `changes` by subset."""
    pair = {"ablation": ablation, "reference": reference, "metric": metric}
    usual = pair | {"role": "descriptive", "seeds": 1, "level": 0.95} | UNDECIDED | BY_SEEDS
    return pd.DataFrame(usual | {"subset": s} | changes.get(s, {}) for s in ("all", "AR", "CUHK"))


def differing(*groups: pd.DataFrame, seeds: int = 1, **fields: Any) -> list[Table]:
    return difference_tables(compared(seeds, {"differences": pd.concat(groups), **fields}))


def test_a_primary_verdict_stands_beside_the_interval_it_follows_from() -> None:
    glad = lines("glad_1", all=PRIMARY | BETTER)
    table, _ = differing(glad)
    assert table.title == "Difference to baseline: FID, all subsets (primary)"
    assert list(table.head) == ["method", "over images", "verdict on these runs"]
    assert table.rows == [["glad_1", "−1.50 [−2.25, −0.75]", "better"]]
    assert "nothing can be said about the ablations themselves" in table.remarks[1]
    several, _ = differing(glad, seeds=2)
    assert list(several.head)[3:] == ["over images and seeds", "verdict on the methods"]
    over_seeds = ["−1.50 [−3.00, +0.50]", "undecided"]
    assert several.rows == [["glad_1", "−1.50 [−2.25, −0.75]", "better", *over_seeds]]


def test_a_subset_says_better_or_worse_in_its_cell() -> None:
    glad, theirs = (
        lines("glad_1", all=PRIMARY, AR=WORSE),
        lines("theirs", all=BETTER, AR=NO_INTERVAL),
    )
    _, table = differing(glad, theirs.assign(seeds=0), points=["local-local5"])
    undecided = "−0.50 [−1.25, +0.25]"
    assert table.rows == [
        ["glad_1", "FID", "primary: above", "+2.10 [+1.50, +2.70] worse", undecided],
        ["theirs", "FID", "−1.50 [−2.25, −0.75] better", "−0.50 [–, –]", undecided],
    ]
    remarks = " ".join(table.remarks)
    assert "up to 5% of these 4 lines, 0.2, would" in remarks
    assert "without a part in the primary lines: local-local5." in remarks
    assert "without seeds, only descriptive: theirs." in remarks
    assert "[–, –]: no interval" in remarks
    assert not table.warnings


def test_pairs_of_several_references_name_both_sides() -> None:
    both = lines("both", "glad_1", all=PRIMARY | BETTER, AR=WORSE)
    primary, descriptive = differing(lines("glad_1", all=PRIMARY), both)
    assert primary.title == "Differences: FID, all subsets (primary)"
    assert [row[:2] for row in primary.rows] == [["glad_1", "baseline"], ["both", "glad_1"]]
    assert list(descriptive.head)[:3] == ["method", "compared with", "metric"]
    (warning,) = primary.warnings
    assert "both is better" in warning


def test_a_pooled_better_that_hides_a_subset_worse_is_warned_of() -> None:
    primary, descriptive = differing(
        lines("glad_1", all=PRIMARY | BETTER, AR=WORSE),
        lines("glad_1", metric="ssim", all=WORSE | {"run_verdict": "better"}),
    )
    (warning,) = primary.warnings
    assert warning.startswith("Warning: glad_1 is better by FID over all subsets, but worse on AR")
    assert f"**{warning}**" in primary.markdown()
    assert "but worse on AR" in primary.latex()
    assert not descriptive.warnings


def test_without_other_ablations_no_difference_is_primary() -> None:
    (table,) = differing(lines("theirs").assign(seeds=0))
    assert "descriptive" in table.title


def test_special_characters_are_escaped_in_markdown_and_latex() -> None:
    table = Table("A & B", ["", "100 %"], [["glad_1 | x", "1 ± 2"]], ["Mind <this>."])
    assert "| glad_1 \\| x | 1 ± 2 |" in table.markdown()
    latex = table.latex("a_network")
    assert r"glad\_1 | x & 1 $\pm$ 2 \\" in latex
    assert r" & 100 \% \\" in latex
    assert r"\caption{A \& B.}" + "\n" + r"\label{tab:a-b}" in latex
    assert r"\footnotesize a\_network. Mind \textless{}this\textgreater{}." in latex
    assert latex.count(r"\begin") == latex.count(r"\end{") == 2


def test_a_document_of_tables_has_labels_of_its_own_and_can_be_taken_into_a_paper() -> None:
    text = tables.latex_document([fid_table(compared()), metric_table(compared())], "a note")
    assert text.index(r"\documentclass") < text.index(r"\label{tab:fid}")
    assert r"\label{tab:all-metrics-all-subsets}" in text
    captions = [line for line in text.splitlines() if line.startswith(r"\caption")]
    assert all(len(caption) < 200 for caption in captions)


def test_costs_add_up_over_the_jobs_of_a_rule(tmp_path: Path) -> None:
    def write(name: str, text: str) -> None:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)

    assert not cost_table(read_benchmarks(tmp_path / "none")).rows
    for job, seconds, memory in (
        ("compare", 4, "-"),
        ("train/a/seed0", 5400, "2000.5"),
        ("train/b/seed0", 1800, "1000"),
    ):
        write(f"{job}.tsv", f"s\th:m:s\tmax_rss\tmax_vms\n{seconds}.0\t0:00:04\t{memory}\t-\n")
        write(f"logs/{job}.log", "using GPU 0: X\n")
    costs = read_benchmarks(tmp_path, tmp_path / "logs")
    assert {row[0]: row[1:] for row in cost_table(costs).rows} == {
        "train": ["2", "120.0", "90.0", "2.0"],
        "compare": ["1", "0.1", "0.1", "–"],
    }
    for name, megabytes in (("a", 2345), ("b", 1234)):
        write(f"logs/train/{name}/seed0.log", f"epoch 1\npeak GPU memory: {megabytes} MB\n")
    table = cost_table(read_benchmarks(tmp_path, tmp_path / "logs"))
    assert table.head[-1] == "peak GPU memory, GB"
    assert {row[0]: row[-1] for row in table.rows} == {"train": "2.3", "compare": "–"}


@pytest.mark.parametrize(
    ("means", "value", "shown"),
    [
        ((355.86, 1.42e-14), 355.8578418, "355.86"),  # a method with the true sketches
        ((355.86, 1.42e-14), 1.42e-14, "0.00"),
        ((355.86, 1.42e-14), -1.1e-13, "0.00"),
        ((355.86, 0.0501), 0.0501, "0.0501"),
        ((20.5, 0.00101), 0.00101, "0.00101"),
        ((0.0, 0.0), 0.0, "0.00"),
    ],
)
def test_a_value_near_zero_does_not_give_a_table_more_decimals(means, value, shown) -> None:
    scores = comparisons.scores(lambda index, *_: means[index], counts={"AR": 9, "all": 9})
    assert tables.number(comparisons.compared(scores), value) == shown
    kid = tables.BY_KEY["kid"]
    assert tables.in_unit(kid, -1.2e-17, 1e-17) == "0.00"
    assert tables.in_unit(kid, 1e-9, 1e-9) == "0.00000100"
