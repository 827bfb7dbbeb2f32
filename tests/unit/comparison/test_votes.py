"""The tables of blind votes."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from photosketch.comparison.votes import vote_tables
from photosketch.data.pairs import Pair
from photosketch.training.samples import Samples, ids_and_subsets
from support import comparisons
from support.panels import names, panel

METHODS = names(3)
PEOPLE = [Pair("AR", str(n), "test", "p", "s", 4, 5, "0", "0") for n in range(12)]  # as in `panel`


def tables(votes: pd.DataFrame | None, **fields: Any) -> dict[str, Any]:
    """The tables by title. SSIM of each sketch rises with the method's strength, and so does FID,
    which is wrong."""
    sketches = Samples(*ids_and_subsets(PEOPLE), np.zeros((12, 5, 4), np.uint8))
    comparison = comparisons.compared(
        comparisons.scores(
            lambda index, *_: 100 - 10 * index,
            METHODS,
            epochs=(5, 10),
            counts={"AR": 12, "all": 12},
        ).assign(ssim=0.5, lpips=np.nan),
        people=PEOPLE,
        drawn=dict.fromkeys(METHODS, sketches),
        image_scores={
            name: {"ssim": np.stack([np.zeros(12), np.full(12, 1.0 - 0.1 * place)])}
            for place, name in enumerate(METHODS)
        },
        votes=votes,
        reference=METHODS[1],
        **fields,
    )
    return {table.title: table for table in vote_tables(comparison)}


def voted(voters: int = 4) -> pd.DataFrame:
    """The first method is by far the best, the others are equal."""
    return panel(np.random.default_rng(0), np.array([3.0, 0.0, 0.0]), voters, 12)


def test_scores_are_compared_with_the_reference_and_say_what_was_voted_on() -> None:
    scores = tables(voted())["What voters prefer"]
    assert scores.head == ["method", "score ↑", "difference to method1", "verdict"]
    assert [row[0] for row in scores.rows] == METHODS
    assert [row[3] for row in scores.rows] == ["better", "–", "undecided"]
    assert scores.best == {(0, 1)}
    assert "144 votes of 4 voters on 12 test people" in scores.remarks[0]
    assert "epoch 10, seed 0: the verdicts are about this run" in scores.remarks[2]


def test_shares_of_each_pair_of_methods_add_up_to_all_votes() -> None:
    shares = tables(voted())["Shares of wins"]
    assert shares.rows[0][2] == "–"
    first, other = shares.rows[0][3], shares.rows[1][2]
    assert first.endswith(" of 48")
    assert int(first.partition("%")[0]) + int(other.partition("%")[0]) == pytest.approx(100, abs=1)


def test_a_metric_that_ranks_the_methods_as_voters_do_agrees_and_its_opposite_does_not() -> None:
    found = tables(voted())["How far the metrics agree with the votes"]
    rows = {row[0]: [cell.partition(" ")[0] for cell in row[1:]] for row in found.rows}
    assert list(rows) == ["FID ↓", "FID, other people ↓", "SSIM ↑", "score of the votes"]
    assert rows["FID ↓"][0] == "–"  # only sets have FID
    assert int(rows["SSIM ↑"][0]) > 70
    assert int(rows["FID ↓"][1]) == 100 - int(rows["SSIM ↑"][0])
    assert rows["SSIM ↑"][1] == "50"  # the sets have equal values
    assert int(rows["score of the votes"][1]) >= int(rows["SSIM ↑"][0])


def test_agreement_needs_several_voters_and_without_votes_there_is_no_table() -> None:
    assert tables(None) == {}
    assert "Agreement between voters" in tables(voted())
    alone = tables(voted(1))
    assert "Agreement between voters" not in alone
    assert "of this one voter" in alone["What voters prefer"].remarks[2]


def test_methods_that_nobody_voted_on_are_left_out_and_so_is_a_reference_among_them() -> None:
    votes = voted()
    own = votes[(votes[["left", "right"]] != METHODS[1]).all(axis=1)]
    scores = tables(own)["What voters prefer"]
    assert scores.head == ["method", "score ↑"]
    assert [row[0] for row in scores.rows] == [METHODS[0], METHODS[2]]
