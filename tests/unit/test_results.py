"""The pages on results, README and the model card have the numbers of the CSV files."""

import re
from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).parents[2]
RUNS = {"cufs-cpu": "results", "cuhk-cpu": "results-cuhk"}  # of a run: its page
PAGES = {run: (ROOT / f"docs/{page}.md").read_text() for run, page in RUNS.items()}
# of a column: its key, what it is multiplied by, decimals
COLUMNS = (
    ("fid", 1, 2),
    ("kid", 1000, 2),
    ("fid_other", 1, 2),
    ("ssim", 1, 4),
    ("fsim", 1, 4),
    ("scoot", 1, 4),
    ("seam", 1, 3),
)


def table_of(run: str, name: str) -> pd.DataFrame:
    return pd.read_csv(ROOT / f"docs/results/{run}-{name}.csv")


SCORES = {run: table_of(run, "scores") for run in RUNS}
ABLATIONS = [(run, name) for run in RUNS for name in SCORES[run]["ablation"].unique()]


def of_all_people(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of all subsets together, or of the only subset."""
    return table[table["subset"] == table["subset"].iloc[-1]]


def rows_of(text: str) -> dict[str, list[str]]:
    """The cells of every row of tables, by the first cell; the first row of each name."""
    lines = re.findall(r"^\|(.+)\|$", text, re.MULTILINE)
    cells = [[cell.strip() for cell in line.split("|")] for line in lines]
    return {first: rest for first, *rest in reversed(cells)}


def after(text: str, words: str) -> str:
    return text[text.index(words) :]


def written(value: float, factor: float, decimals: int) -> str:
    return "–" if pd.isna(value) else f"{value * factor:.{decimals}f}"


def signed(value: float, decimals: int = 2) -> str:
    return f"{value:+.{decimals}f}".replace("-", "−")


def fid_with_scatter(run: str, own: pd.DataFrame) -> str:
    """FID of one ablation with its standard deviation over the seeds.

    In a run of one seed, over the epochs. An ablation of one seed in a run of several has none.
    """
    by_seed = own.groupby("seed")["fid"].mean()
    mean = f"{by_seed.mean():.2f}"
    if SCORES[run]["seed"].nunique() == 1:
        return f"{mean} ± {own['fid'].std():.2f}"
    return (
        f"{mean} ± {by_seed.std():.2f}"
        if len(by_seed) > 1
        else f"{mean} (seed {own['seed'].iloc[0]})"
    )


@pytest.mark.parametrize(("run", "ablation"), ABLATIONS)
def test_the_table_has_means_over_the_epochs_and_seeds(run, ablation):
    own = of_all_people(SCORES[run][SCORES[run]["ablation"] == ablation])
    means = [written(own[key].mean(), factor, decimals) for key, factor, decimals in COLUMNS]
    means[0] = fid_with_scatter(run, own)
    assert rows_of(after(PAGES[run], "What came out"))[ablation] == means


@pytest.mark.parametrize(("key", "decimals"), [("fid", 2), ("seam", 3)])
@pytest.mark.parametrize("ablation", SCORES["cufs-cpu"]["ablation"].unique())
def test_the_tables_per_subset_have_means_over_the_epochs(key, decimals, ablation):
    own = SCORES["cufs-cpu"][SCORES["cufs-cpu"]["ablation"] == ablation]
    means = own.groupby("subset")[key].mean()
    table = rows_of(after(PAGES["cufs-cpu"], f"| {'FID' if key == 'fid' else key} ↓ | CUHK"))
    assert table[ablation] == [f"{means[name]:.{decimals}f}" for name in ("CUHK", "AR", "XM2VTS")]


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("name", ["photo in gray", "other people's real sketches"])
def test_the_reference_rows_are_those_of_the_run(run, name):
    references = table_of(run, "references")
    row = of_all_people(references[references["name"] == name]).iloc[0]
    expected = [written(row.get(key), factor, decimals) for key, factor, decimals in COLUMNS]
    assert rows_of(PAGES[run])[name] == expected


def test_the_verdicts_on_cuhk_are_those_of_the_run():
    differences = table_of("cuhk-cpu", "differences")
    primary = differences[differences["role"] == "primary"]
    assert len(primary) == 3
    table = rows_of(after(PAGES["cuhk-cpu"], "shows the difference from"))
    for _, row in primary.iterrows():
        low, high = signed(row["run_low"]), signed(row["run_high"])
        cell = f"{signed(row['difference'])} [{low}, {high}]"
        assert table[row["ablation"]] == [cell, row["run_verdict"]]


def test_the_verdicts_on_cufs_are_those_of_the_run():
    differences = table_of("cufs-cpu", "differences")
    fid = differences[differences["metric"] == "fid"]
    table = rows_of(PAGES["cufs-cpu"])
    for (ablation, reference), group in fid.groupby(["ablation", "reference"]):
        rows = group.set_index("subset").loc[["CUHK", "AR", "XM2VTS", "all"]]
        own = "run_" if rows["seeds"].max() == 1 else ""
        cells = [
            f"{signed(row['difference'])} [{signed(row[f'{own}low'])}, {signed(row[f'{own}high'])}]"
            for _, row in rows.iterrows()
        ]
        assert table[f"{ablation} − {reference}"] == [*cells, rows.loc["all", f"{own}verdict"]]


@pytest.mark.parametrize("run", RUNS)
def test_the_overlay_scores_the_epochs_of_the_page(run):
    epochs = sorted(SCORES[run]["epoch"].unique())
    step = epochs[1] - epochs[0]
    overlay = (ROOT / f"config/{run}.yaml").read_text()
    assert f"{{start: {epochs[0]}, stop: {epochs[-1]}, step: {step}}}" in overlay


def test_the_readme_has_the_same_numbers():
    table = rows_of((ROOT / "README.md").read_text())
    scores = SCORES["cufs-cpu"]
    for ablation in scores["ablation"].unique():
        own = of_all_people(scores[scores["ablation"] == ablation])
        fid = fid_with_scatter("cufs-cpu", own)
        assert table[f"{ablation} on CUFS"][:2] == [fid, f"{own['seam'].mean():.3f}"]


def test_the_model_card_has_the_scores_of_the_included_generator():
    table = rows_of((ROOT / "docs/model-card.md").read_text())
    scores = pd.read_csv(ROOT / "docs/results/included-generator-scores.csv")
    for _, row in scores.iterrows():
        expected = [written(row[key], factor, decimals) for key, factor, decimals in COLUMNS]
        assert table[row["subset"]] == [str(row["n"]), *expected]
