"""Blind votes between two drawn sketches of one person, and their agreement with metrics.

A table of votes has a row per vote: voter; subset, id (the person); left, right (the methods);
choice (left, right or tie); true_sketch (yes: it was shown). A tie counts as half a win.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import expit

from photosketch.evaluation.intervals import LEVEL, Spread, interval
from photosketch.jobs.messages import InputError
from photosketch.training.samples import Samples

COLUMNS = ("voter", "left", "right", "choice", "true_sketch")  # of a voter's file
WON_BY_LEFT = {"left": 1.0, "tie": 0.5, "right": 0.0}
PERSON = ["subset", "id"]
ALL = "all voters"


def sketch_codes(drawn: Mapping[str, Samples]) -> pd.DataFrame:
    """A code for each sketch of each method: code, subset, id, method. The code depends on the
    names and the pixels, so votes never count for a sketch that was drawn later."""
    rows = []
    for method, samples in drawn.items():
        people = zip(samples.subset.tolist(), samples.ids.tolist(), samples.sketches, strict=True)
        for subset, id, sketch in people:
            digest = hashlib.sha256("\0".join([method, subset, id, ""]).encode())
            digest.update(np.ascontiguousarray(sketch).data)
            # begins with a letter, because spreadsheets read 12e34 as a number
            rows.append((f"s{digest.hexdigest()[:12]}", subset, id, method))
    return pd.DataFrame(rows, columns=["code", *PERSON, "method"])


def read_votes(paths: Iterable[str | Path], codes: pd.DataFrame) -> pd.DataFrame:
    """The table of votes of all files; `codes`: as from `sketch_codes`.

    Raises InputError with every file that is not one of votes or has votes on sketches that the run
    does not have, and every voter with two votes on the same two sketches.
    """
    sketches = codes.set_index("code")
    needed = f"columns {','.join(COLUMNS)}; choices {', '.join(WON_BY_LEFT)}; at least one row"
    tables, problems = [], []
    for path in paths:
        try:
            table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
            is_like_votes = tuple(table) == COLUMNS and set(table["choice"]) <= set(WON_BY_LEFT)
            if table.empty or not is_like_votes:
                raise ValueError(needed)
        except (OSError, ValueError) as error:
            fault = f"is not a file of votes ({error}); save it from the page again"
            problems.append(f"{path}: {fault}")
            continue
        left, right = (sketches.reindex(table[s]).reset_index(drop=True) for s in ("left", "right"))
        same = (left[PERSON] == right[PERSON]).all(axis=1)  # missing values differ
        if unknown := int((~same | (left["method"] == right["method"])).sum()):
            problems.append(
                f"{path}: {unknown} of {len(table)} votes are not on two sketches of "
                "one person that this run has (were they drawn again?); vote on the page that "
                "`snakemake votes` makes, or remove the file from evaluation.votes"
            )
            continue
        methods = {"left": left["method"], "right": right["method"]}
        tables.append(table.assign(**left[PERSON], **methods, file=str(path)))
    if problems:
        raise InputError(problems)
    votes = pd.concat(tables, ignore_index=True)
    again = votes.assign(pair=_pairs(votes)).duplicated(["voter", "pair"], keep=False)
    for voter, own in votes[again].groupby("voter", sort=False):
        problems.append(
            f"{', '.join(own['file'].unique())}: {voter} votes more than once on the same two "
            "sketches; remove one of the files from evaluation.votes, or change the name in the "
            "column voter if these are two people"
        )
    if problems:
        raise InputError(problems)
    return votes[["voter", *PERSON, *COLUMNS[1:]]]


def _pairs(votes: pd.DataFrame) -> pd.Series:
    """The person and the two methods of each vote, independent of the sides."""
    methods = np.sort(votes[["left", "right"]].to_numpy(str), axis=1)
    people = zip(votes["subset"], votes["id"], *methods.T, strict=True)
    return pd.Series(list(people), index=votes.index)


def won_by_left(votes: pd.DataFrame) -> np.ndarray:
    """What the left sketch of each vote won: 1, 0, or 0.5 for a tie."""
    return votes["choice"].map(WON_BY_LEFT).to_numpy(float)


def wins(votes: pd.DataFrame, methods: Sequence[str]) -> np.ndarray:
    """How often the row's method won against the column's method, float [M, M]."""
    left, right = _sides(votes, methods)
    counts, won = np.zeros((len(methods), len(methods))), won_by_left(votes)
    np.add.at(counts, (left, right), won)
    np.add.at(counts, (right, left), 1 - won)
    return counts


def _sides(votes: pd.DataFrame, methods: Sequence[str]) -> list[np.ndarray]:
    """The positions of the left and of the right method of each vote."""
    return [votes[side].map(list(methods).index).to_numpy() for side in ("left", "right")]


def bradley_terry(wins: np.ndarray, prior: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Scores [M] with the sum 0, and the inverse [M, M] of their information.

    wins [M, M]: as from `wins`. In the model, a sketch of method i is preferred to a sketch of
    method j with the odds exp(score i - score j) (Bradley & Terry 1952). `prior` times M - 1 ties,
    spread evenly over all pairs, are added. They keep scores finite and remove most of the bias of
    few votes, like Firth's penalty (1993), which has the same weight.
    """
    size = len(wins)
    wins = wins + prior / size * (1 - np.eye(size))
    votes, scores = wins + wins.T, np.zeros(size)
    for _ in range(100):  # Newton's method
        chance = expit(scores[:, None] - scores)
        weights = votes * chance * (1 - chance)
        inverse = np.linalg.pinv(np.diag(weights.sum(axis=1)) - weights)
        step = inverse @ (wins - votes * chance).sum(axis=1)
        scores = scores + step
        if np.abs(step).max() < 1e-10:
            return scores, inverse
    raise AssertionError("the likelihood has one maximum, which Newton's method finds from zero")


def scores(votes: pd.DataFrame, methods: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """The Bradley-Terry scores [M] of the methods, and the influence [n, M] of each vote."""
    estimates, inverse = bradley_terry(wins(votes, methods))
    left, right = _sides(votes, methods)
    surprise = won_by_left(votes) - expit(estimates[left] - estimates[right])
    return estimates, (inverse[left] - inverse[right]) * surprise[:, None]


def spread(votes: pd.DataFrame, influence: np.ndarray) -> Spread:
    """The scatter of an estimate if voters and people in the sketches were others.

    influence [n]: how much each vote moves the estimate. The variance is that of sums by voter,
    plus that of sums by person, minus that of sums by both (Cameron, Gelbach & Miller 2011), and at
    least the larger of the first two. The degrees of freedom are Satterthwaite's. With one voter
    the scatter is over people only.
    """
    voter, person = (votes.groupby(by).ngroup().to_numpy() for by in ("voter", PERSON))
    both = np.unique(voter * len(votes) + person, return_inverse=True)[1]
    groupings = [voter, person, both] if voter.any() else [person]
    sums = [np.bincount(group, influence) for group in groupings]
    freedom = np.array([len(by) - 1 for by in sums])
    if not freedom.min() or not influence.any():  # one person, or equal votes
        return Spread(float("nan"), float("nan"))
    parts = np.array([(by**2).sum() for by in sums]) * (freedom + 1) / freedom
    variance = max(parts[0] + parts[1] - parts[2], *parts[:2]) if len(parts) > 1 else parts[0]
    return Spread(float(variance), float(variance**2 / (parts**2 / freedom).sum()))


def with_interval(
    votes: pd.DataFrame, estimate: float, influence: np.ndarray
) -> tuple[float, float, float]:
    """An estimate and its 95% interval over voters and people."""
    return (float(estimate), *interval(float(estimate), LEVEL, spread(votes, influence)))


def expected_half_width(methods: int, people: int, voters: int) -> float:
    """The smallest half-width of the 95% interval of a method's share of wins: for equal methods
    and equal voters and people."""
    return 1.96 * 0.5 / (voters * people * (methods - 1)) ** 0.5


def agreement(votes: pd.DataFrame) -> pd.DataFrame:
    """One row per voter by name, then one for all voters: voter, votes, share of `ties`, share of
    the `left` sketch among decided votes, and `agreement`: the share of equal votes among pairs of
    votes by two voters on the same two sketches (NaN without such pairs)."""
    won = won_by_left(votes)
    won = np.where(votes["left"] < votes["right"], won, 1 - won)
    items = pd.DataFrame({"voter": votes["voter"], "pair": _pairs(votes), "won": won})
    both = items.merge(items, on="pair").query("voter_x != voter_y")
    equal = both["won_x"] == both["won_y"]
    rows = []
    for voter, own in [*votes.groupby("voter"), (ALL, votes)]:
        decided = own.loc[own["choice"] != "tie", "choice"]
        agreed = equal[(both["voter_x"] == voter) | (voter is ALL)].mean()
        ties, left = 1 - len(decided) / len(own), (decided == "left").mean()
        rows.append((voter, len(own), ties, left, agreed))
    return pd.DataFrame(rows, columns=["voter", "votes", "ties", "left", "agreement"])


def agreement_by_chance(ties: float) -> float:
    """The share of equal votes of two people who vote at random with this share of ties."""
    return ties**2 + (1 - ties) ** 2 / 2


def agreement_with(
    votes: pd.DataFrame, values: Mapping[tuple[str, str, str], float]
) -> tuple[float, float, float]:
    """The share of decided votes for the sketch with the higher value, with its 95% interval.

    values: by subset, id and method of a sketch. Votes on a sketch without a value (NaN) are left
    out; equal values count as half. NaN without any vote.
    """
    decided = votes[votes["choice"] != "tie"]
    left, right = (
        np.array([values[key] for key in zip(*(decided[c] for c in (*PERSON, side)), strict=True)])
        for side in ("left", "right")
    )
    known = ~np.isnan(left - right)
    decided, larger = decided[known], np.sign(left - right)[known]
    if not len(decided):
        return (float("nan"),) * 3
    right_or_not = np.where(decided["choice"] == "left", 1 + larger, 1 - larger) / 2
    share = right_or_not.mean()
    return with_interval(decided, share, (right_or_not - share) / len(decided))
