"""Panels of made-up voters: how strong each method is, is known."""

from itertools import combinations

import numpy as np
import pandas as pd
from scipy.special import expit

from photosketch.evaluation import votes

TIE = 0.3  # of the strength: closer sketches are a tie


def names(count: int) -> list[str]:
    return [f"method{place}" for place in range(count)]


def panel(
    random: np.random.Generator,
    strengths: np.ndarray,
    voters: int,
    people: int,
    voter_sd: float = 0.0,
    person_sd: float = 0.0,
) -> pd.DataFrame:
    """Everyone's votes on all pairs of methods of all people, on random sides.

    strengths [M]; the standard deviations are those of a method's strength between voters and
    between people.
    """
    by_voter = random.normal(0, voter_sd, (voters, len(strengths)))
    by_person = random.normal(0, person_sd, (people, len(strengths)))
    pairs = np.array(list(combinations(range(len(strengths)), 2)))
    voter, person, pair = (axis.ravel() for axis in np.indices((voters, people, len(pairs))))
    sides = random.permuted(pairs[pair], axis=1).T
    left, right = (strengths[s] + by_voter[voter, s] + by_person[person, s] for s in sides)
    seen = left - right + random.logistic(size=len(pair))
    methods = np.array(names(len(strengths)))
    return pd.DataFrame(
        {
            "voter": np.char.add("voter", voter.astype(str)),
            "subset": "AR",
            "id": person.astype(str),
            "left": methods[sides[0]],
            "right": methods[sides[1]],
            "choice": np.select([seen > TIE, seen < -TIE], ["left", "right"], "tie"),
            "true_sketch": "no",
        }
    )


def true_scores(strengths: np.ndarray, voter_sd: float = 0.0, person_sd: float = 0.0) -> np.ndarray:
    """The scores [M] that endlessly many voters and people would give."""
    points, weights = np.polynomial.hermite_e.hermegauss(60)
    scatter = (2 * (voter_sd**2 + person_sd**2)) ** 0.5 * points
    ahead = (strengths[:, None] - strengths)[..., None] + scatter
    won = (expit(ahead - TIE) + expit(ahead + TIE)) / 2 @ weights / weights.sum()
    np.fill_diagonal(won, 0)
    return votes.bradley_terry(won, prior=0)[0]


def coverage(
    repeats: int, strengths: np.ndarray, voters: int, people: int, *scatter: float
) -> tuple[float, float]:
    """The share of all methods' 95% intervals that hold the true score, in so many panels, and the
    median half-width. `scatter` as of `panel`."""
    truth, methods = true_scores(strengths, *scatter), names(len(strengths))
    hits, widths = [], []
    for repeat in range(repeats):
        table = panel(np.random.default_rng(repeat), strengths, voters, people, *scatter)
        estimates, influence = votes.scores(table, methods)
        for place, true in enumerate(truth):
            _, low, high = votes.with_interval(table, estimates[place], influence[:, place])
            hits.append(low <= true <= high)
            widths.append((high - low) / 2)
    return float(np.mean(hits)), float(np.median(widths))
