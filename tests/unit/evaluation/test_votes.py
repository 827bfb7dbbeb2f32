"""The statistics of votes in cases with a known truth."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from photosketch.evaluation import votes
from photosketch.jobs.messages import InputError
from photosketch.training.samples import Samples
from support.panels import coverage, names, panel

METHODS = ["a", "b"]


def table(rows: Sequence[str]) -> pd.DataFrame:
    """Votes from texts such as `voter id left right choice`."""
    cells = pd.DataFrame(
        [row.split() for row in rows], columns=["voter", "id", "left", "right", "choice"]
    )
    return cells.assign(subset="AR", true_sketch="no")


def codes() -> pd.DataFrame:
    """The codes of two people's sketches by two methods."""
    sketches = np.random.default_rng(0).integers(0, 256, (2, 2, 5, 4), np.uint8)
    people = np.array(["1", "2"]), np.array(["AR", "AR"])
    drawn = {name: Samples(*people, own) for name, own in zip(METHODS, sketches, strict=True)}
    return votes.sketch_codes(drawn)


def test_the_scores_of_two_methods_are_half_the_logarithm_of_their_odds():
    scores, inverse = votes.bradley_terry(np.array([[0, 30], [10, 0]]), prior=0)
    assert scores == pytest.approx([np.log(3) / 2, -np.log(3) / 2])
    # the variance of a logarithm of odds is 1 / won + 1 / lost; a score is half of it
    assert inverse[0, 0] == pytest.approx((1 / 30 + 1 / 10) / 4)


def test_scores_explain_all_pairs_and_a_method_that_always_wins_has_a_finite_one():
    strengths = np.array([1.2, 0.3, -1.5])
    shares = 1 / (1 + np.exp(strengths - strengths[:, None]))
    np.fill_diagonal(shares, 0)
    scores, _ = votes.bradley_terry(1e6 * shares)
    assert scores == pytest.approx(strengths, abs=1e-4)
    scores, inverse = votes.bradley_terry(np.array([[0.0, 12, 12], [0, 0, 6], [0, 6, 0]]))
    assert 2 < scores[0] < 6
    assert np.isfinite(inverse).all()


def test_votes_that_do_not_depend_on_each_other_give_the_textbook_interval():
    rows = [f"v{n} {n} a b {'left' if n % 3 else 'right'}" for n in range(60)]
    won = votes.won_by_left(table(rows))
    spread = votes.spread(table(rows), (won - won.mean()) / 60)
    assert spread.variance == pytest.approx(won.var(ddof=1) / 60)


def test_with_one_voter_people_alone_count_and_one_person_gives_no_interval():
    own = panel(np.random.default_rng(0), np.array([1.0, 0, 0]), 1, 12)
    _, influence = votes.scores(own, names(3))
    sums = pd.Series(influence[:, 0]).groupby(own["id"]).sum()
    spread = votes.spread(own, influence[:, 0])
    assert (spread.variance, spread.freedom) == pytest.approx(((sums**2).sum() * 12 / 11, 11))
    one = own["id"] == "0"
    assert np.isnan(votes.spread(own[one], influence[one, 0]).variance)


@pytest.mark.slow
@pytest.mark.parametrize(("voters", "scatter"), [(5, (0.0, 0.0)), (5, (0.5, 0.5)), (1, (0.0, 0.5))])
def test_intervals_hold_the_true_scores(voters, scatter):
    """In few panels; tests/bench_votes.py has 200 of each of many kinds."""
    covered, width = coverage(40, np.array([1.0, 0.5, 0.0, -0.5]), voters, 12, *scatter)
    assert covered >= 0.92
    assert 0.2 < width < 0.8


def test_shares_scatter_as_the_page_promises():
    shares = []
    for seed in range(80):
        own = panel(np.random.default_rng(seed), np.zeros(4), 1, 12)
        shares.append(votes.wins(own, names(4))[0].sum() / 36)
    found = 1.96 * np.std(shares)
    assert 0.8 < found / votes.expected_half_width(4, 12, 1) < 1  # ties scatter less than wins


def test_agreement_counts_equal_votes_whichever_side_a_sketch_was_on():
    rows = ["ann 1 a b left", "ben 1 b a right"]  # the same
    rows += ["ann 2 a b left", "ben 2 a b right", "ann 3 a b tie", "ben 3 b a tie"]
    found = votes.agreement(table([*rows, "cleo 9 a b left"])).set_index("voter")
    assert found.loc[["ann", votes.ALL], "agreement"].tolist() == pytest.approx([2 / 3] * 2)
    assert np.isnan(found.loc["cleo", "agreement"])
    assert found["votes"].tolist() == [3, 3, 1, 7]
    assert found.loc["ann", ["ties", "left"]].tolist() == pytest.approx([1 / 3, 1.0])
    assert votes.agreement_by_chance(0.0) == 0.5
    assert votes.agreement_by_chance(1.0) == 1.0


def test_a_metric_agrees_where_the_sketch_of_the_higher_value_is_chosen():
    own = table(["v 1 a b left", "v 2 b a left", "v 3 a b right", "v 4 a b left", "v 5 a b tie"])
    values = {("AR", str(n), "a"): 0.5 for n in range(1, 6)}
    values |= {
        ("AR", str(n), "b"): b for n, b in zip(range(1, 6), [0, 1, 0, np.nan, 0], strict=True)
    }
    share, low, high = votes.agreement_with(own, values)  # yes, yes, no, not known, a tie
    assert share == pytest.approx(2 / 3)
    assert low < share < high
    nothing = votes.agreement_with(own, dict.fromkeys(values, np.nan))
    assert np.isnan(nothing).all()


def test_codes_follow_from_method_and_sketch_and_tell_neither():
    first = codes()
    assert first["code"].is_unique
    assert first["code"].str.fullmatch("s[0-9a-f]{12}").all()
    pd.testing.assert_frame_equal(first, codes())
    other = Samples(np.array(["1"]), np.array(["AR"]), np.zeros((1, 5, 4), np.uint8))
    assert not set(votes.sketch_codes({"a": other})["code"]) & set(first["code"])


def write(path: Path, voter: str, rows: Sequence[tuple[int, int, str]]) -> Path:
    """A voter's file of votes on the sketches in these rows of `codes`."""
    code = codes()["code"].tolist()
    lines = [f"{voter},{code[left]},{code[right]},{choice},no" for left, right, choice in rows]
    path.write_text("\n".join([",".join(votes.COLUMNS), *lines, ""]))
    return path


def test_files_of_votes_are_read_as_one_table_with_the_names_of_the_methods(tmp_path):
    files = [
        write(tmp_path / "ann.csv", "ann", [(0, 2, "left"), (3, 1, "tie")]),
        write(tmp_path / "ben.csv", "ben", [(2, 0, "right")]),
    ]
    read = votes.read_votes(files, codes())
    assert read[["voter", "id", "left", "right", "choice"]].to_numpy().tolist() == [
        ["ann", "1", "a", "b", "left"],
        ["ann", "2", "b", "a", "tie"],
        ["ben", "1", "b", "a", "right"],
    ]
    assert votes.wins(read, METHODS).tolist() == [[0, 2.5], [0.5, 0]]


HEAD = "voter,left,right,choice,true_sketch\n"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", r"is not a file of votes \(No columns"),
        ("voter,choice\nann,left\n", r"is not a file of votes \(columns voter,left"),
        (HEAD, "is not a file of votes"),
        (f"{HEAD}ann,{{0}},{{2}},up,no\n", "is not a file of votes"),
        (f"{HEAD}ann,{{0}},sffff,left,no\n", "1 of 1 votes are not on"),
        (f"{HEAD}ann,{{0}},{{3}},left,no\n", "1 of 1 votes are not on"),
        (f"{HEAD}ann,{{0}},{{0}},left,no\n", "1 of 1 votes are not on"),
    ],
)
def test_a_file_that_holds_no_votes_of_this_run_is_an_error(tmp_path, text, told):
    (tmp_path / "votes.csv").write_text(text.format(*codes()["code"]))
    with pytest.raises(InputError, match=rf"votes\.csv: {told}"):
        votes.read_votes([tmp_path / "votes.csv"], codes())


def test_two_votes_of_one_voter_on_the_same_two_sketches_are_an_error(tmp_path):
    files = [
        write(tmp_path / "ann.csv", "ann", [(0, 2, "left")]),
        write(tmp_path / "again.csv", "ann", [(2, 0, "left")]),
    ]
    with pytest.raises(InputError, match=r"ann\.csv, .*again\.csv: ann votes more than once"):
        votes.read_votes(files, codes())
