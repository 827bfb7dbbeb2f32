"""The numbers of docs/results.md and of README are those of the committed CSV files."""

import re
from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/results.md").read_text()
SCORES, DIFFERENCES, REFERENCES = (
    pd.read_csv(ROOT / f"docs/results/cuhk-cpu-{name}.csv")
    for name in ("scores", "differences", "references")
)
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


def rows_of(text: str) -> dict[str, list[str]]:
    """The cells of every row of tables, by the first cell."""
    lines = re.findall(r"^\|(.+)\|$", text, re.MULTILINE)
    cells = [[cell.strip() for cell in line.split("|")] for line in lines]
    return {first: rest for first, *rest in cells}


def written(value: float, factor: float, decimals: int) -> str:
    return "–" if pd.isna(value) else f"{value * factor:.{decimals}f}"


@pytest.mark.parametrize("ablation", SCORES["ablation"].unique())
def test_the_table_has_means_over_the_epochs(ablation):
    own = SCORES[SCORES["ablation"] == ablation]
    means = [written(own[key].mean(), factor, decimals) for key, factor, decimals in COLUMNS]
    means[0] += f" ± {own['fid'].std():.2f}"
    table = rows_of(PAGE[PAGE.index("## CUHK alone") : PAGE.index("Difference to")])
    assert table[ablation] == means


@pytest.mark.parametrize("name", REFERENCES["name"])
def test_the_reference_rows_are_those_of_the_run(name):
    row = REFERENCES[REFERENCES["name"] == name].iloc[0]
    expected = [written(row.get(key), factor, decimals) for key, factor, decimals in COLUMNS]
    assert rows_of(PAGE)[name] == expected


def test_the_verdicts_are_those_of_the_run():
    primary = DIFFERENCES[DIFFERENCES["role"] == "primary"]
    assert len(primary) == 3
    table = rows_of(PAGE[PAGE.index("Difference to") :])
    for _, row in primary.iterrows():
        difference, low, high = (
            f"{row[key]:+.2f}".replace("-", "−") for key in ("difference", "run_low", "run_high")
        )
        assert table[row["ablation"]] == [f"{difference} [{low}, {high}]", row["run_verdict"]]


def test_the_overlay_trains_and_scores_what_the_page_says():
    overlay = (ROOT / "config/cuhk-cpu.yaml").read_text()
    epochs = sorted(SCORES["epoch"].unique())
    step = epochs[1] - epochs[0]
    assert f"{{start: {epochs[0]}, stop: {epochs[-1]}, step: {step}}}" in overlay
    assert f"seeds: {sorted(SCORES['seed'].unique())}".replace("np.int64(1)", "1") in overlay


def test_the_readme_has_the_same_numbers():
    table = rows_of((ROOT / "README.md").read_text())
    for ablation, own in SCORES.groupby("ablation"):
        cells = [table[f"{ablation} on CUHK"][0], table[f"{ablation} on CUHK"][1]]
        assert cells == [
            f"{own['fid'].mean():.2f} ± {own['fid'].std():.2f}",
            f"{own['seam'].mean():.3f}",
        ]


def test_the_model_card_has_the_scores_of_the_included_generator():
    table = rows_of((ROOT / "docs/model-card.md").read_text())
    scores = pd.read_csv(ROOT / "docs/results/included-generator-scores.csv")
    for _, row in scores.iterrows():
        expected = [written(row[key], factor, decimals) for key, factor, decimals in COLUMNS]
        assert table[row["subset"]] == [str(row["n"]), *expected]
