"""Tables of blind votes: what people prefer, and how far they and the metrics agree."""

import math
from collections.abc import Iterable

import numpy as np
import pandas as pd

from photosketch.comparison.summary import Comparison, epochs_in_words, seeds_in_words
from photosketch.comparison.tables import Table, best_cells, shown_metrics, with_arrow
from photosketch.evaluation import votes as statistics
from photosketch.evaluation.files import POOLED
from photosketch.evaluation.intervals import verdict
from photosketch.jobs.messages import counted


def vote_tables(comparison: Comparison) -> list[Table]:
    """Scores, shares of wins, agreement between several voters, and agreement with the metrics."""
    votes = comparison.votes
    if votes is None:
        return []
    voted = {*votes["left"], *votes["right"]}
    methods = [name for name in comparison.drawn if name in voted]
    several = votes["voter"].nunique() > 1
    return [
        _score_table(comparison, votes, methods),
        _share_table(votes, methods),
        *([_agreement_table(votes)] if several else []),
        _metric_table(comparison, votes, methods),
    ]


def _score_table(comparison: Comparison, votes: pd.DataFrame, methods: list[str]) -> Table:
    scores, influence = statistics.scores(votes, methods)
    reference = comparison.reference if comparison.reference in methods else None
    rows = []
    for name, score, own in zip(methods, scores, influence.T, strict=True):
        row = [name, _signed(statistics.with_interval(votes, score, own))]
        if name == reference:
            row += ["–", "–"]
        elif reference:
            other = methods.index(reference)
            between = score - scores[other], own - influence[:, other]
            difference = statistics.with_interval(votes, *between)
            row += [_signed(difference), verdict(*difference[1:], lower_is_better=False)]
        rows.append(row)
    voters, people = votes["voter"].nunique(), votes.groupby(statistics.PERSON).ngroups
    shown = (votes["true_sketch"] == "yes").mean()
    over = "voters and test people" if voters > 1 else "test people, of this one voter,"
    return Table(
        "What voters prefer",
        ["method", "score ↑", *([f"difference to {reference}", "verdict"] if reference else [])],
        rows,
        [
            f"{counted(len(votes), 'vote')} of {counted(voters, 'voter')} on {people} test people; "
            f"the true sketch was shown for {shown:.0%} of the votes. Two sketches of one person "
            "were shown without names, in random order and on random sides.",
            "Bradley-Terry scores, whose sum is 0: the odds that a sketch of one method is "
            "preferred to a sketch of another are exp(difference of the scores). A tie is half a "
            "win.",
            f"[95% intervals] over {over} each line by itself. The sketches are those of "
            f"{epochs_in_words(comparison.epochs[-1:])}, {seeds_in_words(comparison.seeds[:1])}: "
            "the verdicts are about this run.",
        ],
        best=best_cells([(scores.tolist(), False)]),
    )


def _share_table(votes: pd.DataFrame, methods: list[str]) -> Table:
    wins = statistics.wins(votes, methods)
    counts = wins + wins.T
    rows = []
    for name, won, count in zip(methods, wins, counts, strict=True):
        pairs = zip(won, count, strict=True)
        shares = [f"{own / number:.0%} of {number:.0f}" if number else "–" for own, number in pairs]
        rows.append([name, f"{won.sum() / count.sum():.0%}", *shares])
    return Table(
        "Shares of wins",
        ["method", "all", *(f"against {name}" for name in methods)],
        rows,
        ["The share of the votes on the method's sketches; a tie is half a win."],
        best=best_cells([((wins.sum(axis=1) / counts.sum(axis=1)).tolist(), False)]),
    )


def _agreement_table(votes: pd.DataFrame) -> Table:
    rows = []
    for voter, count, *shares in statistics.agreement(votes).itertuples(index=False):
        rows.append([voter, str(count), *(_written(share, ".0%") for share in shares)])
    ties, _, agreement = shares  # the last row's, of all voters
    chance = statistics.agreement_by_chance(ties)
    beyond = (agreement - chance) / (1 - chance)
    return Table(
        "Agreement between voters",
        ["voter", "votes", "ties", "left side", "agrees with the others"],
        rows,
        [
            "Left side: the share of the decided votes; far from 50%, the voter preferred a side. "
            "Agrees: the share of equal votes (left, right or tie) among pairs of votes of two "
            "voters on the same two sketches.",
            f"By chance {chance:.0%} of such votes would be equal. Agreement beyond chance (0: "
            f"none, 1: full): {_written(beyond, '.2f')}.",
        ],
    )


def _metric_table(comparison: Comparison, votes: pd.DataFrame, methods: list[str]) -> Table:
    """How often voters prefer the sketch that a metric calls better."""
    people = [(pair.subset, pair.id) for pair in comparison.people]
    pooled = comparison.all_scores[comparison.all_scores["subset"] == POOLED]
    last = {  # of each method's drawn sketches
        name: own[own["seed"] == own["seed"].iloc[0]].iloc[-1]
        for name, own in pooled.groupby("ablation")
    }

    def share(values: Iterable[np.ndarray | float]) -> tuple[float, ...]:
        """By the values of each method: of its sketches, or one of all."""
        by_sketch = {
            (*person, name): float(value)
            for name, own in zip(methods, values, strict=True)
            for person, value in zip(people, np.broadcast_to(own, len(people)), strict=True)
        }
        return statistics.agreement_with(votes, by_sketch)

    rows, found = [], []
    for metric in shown_metrics(pooled):
        sign = -1 if metric.lower_is_better else 1
        drawn = (comparison.image_scores[name] for name in methods)
        own = share(sign * d[metric.key][-1] if metric.per_image else math.nan for d in drawn)
        whole = share(sign * last[name][metric.key] for name in methods)
        found.append((own[0], whole[0]))
        rows.append([with_arrow(metric), _share(own), _share(whole)])
    rows.append(["score of the votes", "–", _share(share(statistics.scores(votes, methods)[0]))])
    return Table(
        "How far the metrics agree with the votes",
        ["metric", "sketch by sketch, %", "method by method, %"],
        rows,
        [
            "The share of the decided votes for the sketch that the metric calls better (50%: by "
            "chance), [95% interval]: by the value of the sketch itself, and by the value of its "
            "method over all test people. The last row is at or near the highest share that any "
            "order of the methods can reach.",
        ],
        best=best_cells([(column, False) for column in zip(*found, strict=True)]),
    )


def _written(value: float, form: str) -> str:
    return "–" if math.isnan(value) else f"{value:{form}}".replace("-", "−")


def _signed(values: tuple[float, float, float]) -> str:
    estimate, low, high = (_written(value, "+.2f") for value in values)
    return f"{estimate} [{low}, {high}]"


def _share(values: tuple[float, ...]) -> str:
    """In percent, without the percent sign."""
    estimate, low, high = (_written(100 * float(np.clip(value, 0, 1)), ".0f") for value in values)
    return "–" if estimate == "–" else f"{estimate} [{low}, {high}]"
