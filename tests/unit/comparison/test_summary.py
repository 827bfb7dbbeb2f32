"""The comparison table: its numbers, and evaluations that it refuses to mix."""

import json
from dataclasses import replace
from itertools import product
from pathlib import Path

import pandas as pd
import pytest

from photosketch.comparison import tables
from photosketch.comparison.summary import Choice, summarise
from photosketch.data.pairs import COLUMNS_OF_SUBSETS, RESERVED_SUBSETS
from photosketch.evaluation.files import read_scores
from photosketch.jobs.messages import InputError
from support.comparisons import compared

IMAGES = {"CUHK": 6, "AR": 4}
COUNTS = {**IMAGES, "all": 10}
EPOCHS = (20, 10, 30)
Fids = dict[int, tuple[float, float, float]]  # by epoch: CUHK, AR, all


def write_scores(folder: Path, ablation: str, seed: int, fids: Fids, **changes: object) -> Path:
    rows = [
        {"epoch": epoch, "subset": subset, "n": n, "fid": fid, "kid": fid / 1000}
        | {"fid_other": fid + 10}
        for epoch, values in fids.items()
        for (subset, n), fid in zip(COUNTS.items(), values, strict=True)
    ]
    table = pd.DataFrame(rows).assign(
        **{"features": "inception-tf", "note": "", "made_with": "{}", **changes}
    )
    path = folder / ablation / f"seed{seed}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(path, index=False)
    return path


def read(folder: Path, ablations: dict[str, list[Fids]], **changes: object) -> pd.DataFrame:
    """Scores by ablation and seed, written and read."""
    paths = [
        write_scores(folder, name, seed, fids, **changes)
        for name, seeds in ablations.items()
        for seed, fids in enumerate(seeds)
    ]
    first = next(iter(ablations.values()))
    return read_scores(paths, list(ablations), [*range(len(first))], IMAGES, sorted(first[0]))


@pytest.fixture(scope="module")
def scores(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """Two ablations, two seeds, three epochs (written out of order)."""
    baseline = [{20: (2, 5, 8), 10: (1, 5, 7), 30: (6, 5, 9)}, dict.fromkeys(EPOCHS, (4, 7, 8))]
    local = [dict.fromkeys(EPOCHS, (9, 9, 9)), dict.fromkeys(EPOCHS, (1, 1, 1))]
    return read(tmp_path_factory.mktemp("scores"), {"baseline": baseline, "local": local})


def test_scores_are_read_in_the_order_of_ablation_seed_epoch_and_subset(scores) -> None:
    rows = scores[["ablation", "seed", "epoch", "subset"]].itertuples(index=False, name=None)
    assert list(rows) == [*product(["baseline", "local"], [0, 1], sorted(EPOCHS), COUNTS)]
    assert compared(scores).counts == COUNTS


def test_summary_has_means_deviations_and_the_last_epoch(scores: pd.DataFrame) -> None:
    summary = summarise(scores)
    names = [f"{s}{end}" for s in COUNTS for end in ("", "_epoch_sd", "_seed_sd", "_last")]
    assert summary.columns.tolist() == ["ablation", *names, "features", "note"]
    assert summary["ablation"].tolist() == ["baseline", "local"]
    baseline = summary.set_index("ablation").loc["baseline"]
    assert baseline["CUHK"] == pytest.approx(3.5)  # seeds: (1 + 2 + 6) / 3 = 3 and 4
    assert baseline["CUHK_epoch_sd"] == pytest.approx(7**0.5 / 2)  # sqrt((4 + 1 + 9) / 2) and 0
    assert baseline["CUHK_seed_sd"] == pytest.approx(0.5**0.5)  # of 3 and 4
    assert baseline["CUHK_last"] == pytest.approx(5)  # of 6 and 4
    assert baseline[["AR", "all"]].tolist() == pytest.approx([6, 8])
    assert summary["all"][1] == pytest.approx(5)
    kid = summarise(scores, "kid")
    assert kid["CUHK"][0] == pytest.approx(0.0035)


def test_fid_of_other_people_is_a_mean_over_epochs_then_seeds_as_fid_is(scores) -> None:
    summary = compared(scores).summary.set_index("ablation")
    assert summary.loc["baseline", "CUHK_other"] == pytest.approx(13.5)  # 13 and 14
    assert summary.loc["local", "all_other"] == pytest.approx(15)
    few = scores.assign(fid_other=scores["fid_other"].where(scores["subset"] != "AR"))
    summary = compared(few).summary
    assert summary["AR_other"].isna().all()
    assert summary["all_other"].notna().all()


def test_no_subset_may_have_the_name_of_another_column(scores: pd.DataFrame) -> None:
    """`pairs` refuses every column name that is not of a subset."""
    choice = Choice("fid", scores)
    summary = compared(scores, choice=choice).summary
    of_subsets = {form.format(subset) for form in COLUMNS_OF_SUBSETS for subset in COUNTS}
    others = set(summary.columns) - set(COUNTS)
    assert others == of_subsets | (set(RESERVED_SUBSETS) - {"all", "missing"})


def test_deviations_are_empty_with_one_epoch_and_one_seed(tmp_path: Path) -> None:
    scores = read(tmp_path, {"baseline": [{10: (1, 2, 3)}]}, note="not comparable")
    header, row = summarise(scores).to_csv(index=False).splitlines()
    cells = dict(zip(header.split(","), row.split(","), strict=True))
    assert cells["CUHK"] == cells["CUHK_last"] == "1.0"
    assert cells["note"] == "not comparable"
    assert cells["CUHK_epoch_sd"] == cells["CUHK_seed_sd"] == cells["all_seed_sd"] == ""


def test_a_subset_named_na_or_by_a_number_is_kept_as_text(tmp_path: Path) -> None:
    path = tmp_path / "baseline" / "seed0.csv"
    path.parent.mkdir()
    path.write_text(
        "epoch,subset,n,fid,kid,fid_other,features,note,made_with\n"
        "1,NA,2,1.5,0.1,,inception-tf,,{}\n1,007,2,2.5,0.1,,inception-tf,,{}\n"
        "1,all,4,3.5,0.1,7.5,inception-tf,,{}\n"
    )
    scores = read_scores([path], ["baseline"], [0], {"NA": 2, "007": 2}, [1])
    assert compared(scores).counts == {"NA": 2, "007": 2, "all": 4}
    assert summarise(scores)["007"].tolist() == [2.5]


ALIKE = {10: (1, 2, 3)}


def test_evaluations_that_were_not_made_alike_are_refused_all_at_once(tmp_path: Path) -> None:
    changes = {
        "a": (ALIKE, {}, ""),
        "b": ({20: (1, 2, 3)}, {}, "lacks 10 CUHK, 10 AR, 10 all; has besides 20 CUHK, 20 AR"),
        "c": (ALIKE, {"features": "efficientnet-lite0"}, "remarks than"),
        "d": (ALIKE, {"subset": "CUHK"}, "lacks 10 AR, 10 all; repeats 10 CUHK"),
        "e": (ALIKE, {}, "lacks the column "),
        "f": ({10: (3, 2, 1)}, {}, ""),
        "g": (ALIKE, {}, "has besides 10 XM2VTS; delete it"),
        "h": (ALIKE, {"n": 5}, "number of images (n) than there are (CUHK 6, AR 4, all 10)"),
        "i": (ALIKE, {"subset": ["CUHK", "all", "all"]}, "lacks 10 AR; repeats 10 all"),
        "j": ({10: (1, float("nan"), 3)}, {}, "lacks values of fid"),
    }
    paths = {
        name: write_scores(tmp_path, name, 0, fids, **columns)
        for name, (fids, columns, _) in changes.items()
    }
    with open(paths["g"], "a") as file:
        file.write("10,XM2VTS,5,1,1,1,inception-tf,,{}\n")
    paths["e"].write_text("epoch,subset,fid\n10,CUHK,1\n")
    with pytest.raises(InputError) as error:
        read_scores(list(paths.values()), list(paths), [0], IMAGES, [10])
    expected = {name: words for name, (_, _, words) in changes.items() if words}
    assert len(error.value.problems) == len(expected) == 8
    for name, words in expected.items():
        assert any(f"{name}/seed0.csv" in text and words in text for text in error.value.problems)


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({}, None),
        ({"epochs": 12}, None),  # a longer run
        ({"epochs": 12, "lr_decay_epochs": 2}, "epochs 10, not 12, lr_decay_epochs 0, not 2 as"),
        ({"losses": {"l1": 50.0}}, r"losses.l1 100.0, not 50.0 as .*delete .*train/a/seed0, which"),
        ({"statistics": "running"}, "statistics instance, not running as .* and its samples"),
        ({"features": "efficientnet-lite0"}, "features inception-tf, not efficientnet-lite0"),
        ({"fusion": "blend"}, "fusion None, not blend"),
    ],
)
def test_scores_that_were_made_with_something_else_are_refused(tmp_path, wanted, said) -> None:
    made = {"statistics": "instance", "epochs": 10, "lr_decay_epochs": 0, "losses": {"l1": 100.0}}
    path = write_scores(tmp_path / "evaluation", "a", 0, {1: (1, 1, 1)}, made_with=json.dumps(made))
    given = [path], ["a"], [0], IMAGES, [1], {"a": {**made, "features": "inception-tf", **wanted}}
    if said is None:
        assert len(read_scores(*given)) == 3
        return
    with pytest.raises(InputError, match=f"seed0.csv: was made with {said}"):
        read_scores(*given)


def test_the_epoch_is_chosen_by_the_validation_scores_and_reported_on_the_test_scores(
    tmp_path: Path, scores: pd.DataFrame
) -> None:
    validation = [{10: (0, 0, 5), 20: (9, 9, 3)}, {10: (0, 0, 2), 20: (0, 0, 6)}]
    validation_scores = read(tmp_path / "val", {"baseline": validation})
    choice = Choice("fid", validation_scores)
    assert choice.epochs["epoch"].tolist() == [20, 10]  # by the pooled FID, for each seed
    turned = validation_scores.assign(kid=-validation_scores["kid"])
    assert Choice("kid", turned).epochs["epoch"].tolist() == [10, 20]
    at_chosen = choice.at_epochs(scores)
    pooled = at_chosen[at_chosen["subset"] == "all"].set_index("seed")
    assert pooled["fid"].to_dict() == {0: 8, 1: 8}
    assert at_chosen.query("seed == 0 and subset == 'CUHK'")["fid"].tolist() == [2]
    references = pd.DataFrame(
        {"name": "photo in gray", "subset": ["AR", "all"], "n": [4, 10]}
        | {"fid": [70.0, 80.0], "kid": 0.01, "kid_low": 0.005, "kid_high": 0.015}
    )
    of_baseline = scores[scores["ablation"] == "baseline"]
    comparison = compared(of_baseline, references=references, choice=choice)
    table = tables.chosen_table(comparison)
    assert table.rows == [
        ["baseline", "20, 10", "8.00 ± 0.00", "8.00 ± 0.00", "8.00 ± 0.00"]
        + ["3.00 ± 1.41", "6.00 ± 1.41"],
        ["photo in gray", "–", "80.00", "80.00", "10.00 [5.00, 15.00]", "–", "70.00"],
    ]
    few = "10 validation pairs (fewer than 20: too few to choose by)"
    assert f"lowest FID of all {few} together" in table.remarks[0]
    at_least = Choice("fid", validation_scores.assign(n=20))
    assert at_least.pairs == "20 validation pairs"
    by_kid = tables.chosen_table(replace(comparison, choice=replace(choice, metric="kid")))
    assert "lowest KID of" in by_kid.remarks[0]


def test_methods_come_after_the_ablations_and_have_no_chosen_epoch(tmp_path, scores) -> None:
    fids = [{10: (9, 9, 9), 20: (1, 1, 1)}] * 2
    validation_scores = read(tmp_path / "val", {"baseline": fids, "local": fids})
    path = write_scores(tmp_path, "theirs", 0, {0: (7, 6, 5)})
    comparison = compared(
        scores,
        method_scores=read_scores([path], ["theirs"], [0], IMAGES, [0]),
        choice=Choice("fid", validation_scores),
    )
    assert comparison.ablations == ["baseline", "local"]
    assert comparison.subsets == ["CUHK", "AR"]
    assert (comparison.epochs, comparison.seeds) == ([10, 20, 30], [0, 1])
    summary = comparison.summary.set_index("ablation")
    assert list(summary.index) == ["baseline", "local", "theirs"]
    assert summary["CUHK"].tolist() == [3.5, 5, 7]
    assert summary["CUHK_chosen"].tolist()[:2] == [3, 5]  # at epoch 20: of 2 and 4, of 9 and 1
    assert summary.loc["theirs", ["CUHK_chosen", "AR_chosen", "all_chosen"]].isna().all()
