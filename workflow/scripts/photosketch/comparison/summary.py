"""What is compared: the scores of every run, and their summary with one row per method."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from photosketch.configuration.sweeps import Sweep
from photosketch.data.pairs import Pair
from photosketch.evaluation.files import POOLED
from photosketch.training.samples import Samples

FEWEST_TO_CHOOSE_BY = 20  # validation pairs: fewer choose an epoch almost by chance


@dataclass
class Choice:
    """The choice of each run's epoch by the lowest pooled `metric` (a key) on the validation pairs,
    whose `scores` are as from `read_scores`."""

    metric: str
    scores: pd.DataFrame

    def __post_init__(self) -> None:
        pooled = self.scores[self.scores["subset"] == POOLED]
        best = pooled.groupby(["ablation", "seed"], sort=False)[self.metric].idxmin()
        self.epochs = pooled.loc[best, ["ablation", "seed", "epoch"]]  # the chosen ones
        self.count = int(pooled["n"].iloc[0])  # of validation pairs
        self.too_few = self.count < FEWEST_TO_CHOOSE_BY
        few = f" (fewer than {FEWEST_TO_CHOOSE_BY}: too few to choose by)" if self.too_few else ""
        self.pairs = f"{self.count} validation pairs{few}"

    def at_epochs(self, scores: pd.DataFrame) -> pd.DataFrame:
        """The scores of each run at its chosen epoch."""
        return scores.merge(self.epochs, on=["ablation", "seed", "epoch"])


@dataclass
class Comparison:
    """The data of tables, figures and the page."""

    scores: pd.DataFrame  # of the ablations on the test pairs, as from `read_scores`
    references: pd.DataFrame  # as from `read_references`
    differences: pd.DataFrame  # as from `read_differences`
    run: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)  # on the run, in words by name
    hparams: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # of each ablation
    configuration: str = ""  # the whole, as YAML
    method_scores: pd.DataFrame | None = None  # of the sketches of other methods, if there are any
    notes: Sequence[str] = ()  # on these sketches
    choice: Choice | None = None  # if there are validation pairs
    reference: str = ""  # the ablation that others are compared with
    sweeps: Sequence[Sweep] = ()
    points: Sequence[str] = ()  # the ablations that only belong to sweeps
    # FID of other runs by name: source, features, and fid by subset, as in the configuration
    published: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    costs: pd.DataFrame = field(default_factory=pd.DataFrame)  # as from `read_benchmarks`
    people: Sequence[Pair] = ()  # the test pairs
    training: Sequence[Pair] = ()  # the training pairs
    in_grids: Sequence[str] = ()  # SUBSET/ID of the people chosen for the grids
    votes: pd.DataFrame | None = None  # on sketches of `drawn`, as from `read_votes`
    # For gallery and grids, by method shown: the sketches of `people`; SUBSET/ID of the training
    # sketch nearest to each; and metrics of single sketches by key, [E, N] each, the last epoch's
    # of the sketches `drawn`.
    drawn: Mapping[str, Samples] = field(default_factory=dict)
    nearest: Mapping[str, Sequence[str]] = field(default_factory=dict)
    image_scores: Mapping[str, Mapping[str, np.ndarray]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        first = self.scores.drop_duplicates("subset")
        self.all_scores = pd.concat([self.scores, self.method_scores], ignore_index=True)
        self.ablations: list[str] = self.scores["ablation"].unique().tolist()
        self.seeds: list[int] = self.scores["seed"].unique().tolist()  # figures show the first
        self.epochs: list[int] = sorted(self.scores["epoch"].unique().tolist())
        # test images by subset and of `all`, in the table's order
        self.counts: dict[str, int] = dict(zip(first["subset"], first["n"].tolist(), strict=True))
        self.subsets = [subset for subset in self.counts if subset != POOLED]
        # with a column beside `all`: none if there is only one subset, which then stands for `all`
        self.parts = self.subsets if len(self.subsets) > 1 else []
        self.columns = {s: n for s, n in self.counts.items() if self.parts or s != POOLED}
        self.features = str(first["features"].iloc[0])  # the network's name in tables
        self.note = str(first["note"].iloc[0])  # on it, in every table and figure, or empty
        published = self.published.items()
        self.comparable = {name: one for name, one in published if one["features"] == self.features}

    @cached_property
    def summary(self) -> pd.DataFrame:
        """`summarise` of FID for ablations and methods, with columns {s}_other (FID, other people;
        NaN below four people), and with a choice {s}_chosen of ablations."""
        subsets = list(self.counts)
        others = summarise(self.all_scores, "fid_other")[subsets].add_suffix("_other")
        summary = summarise(self.all_scores).join(others)
        if self.choice:
            at_choice = summarise(self.choice.at_epochs(self.scores).assign(epoch=0))
            chosen = at_choice.set_index("ablation")[subsets].add_suffix("_chosen")
            summary = summary.join(chosen, on="ablation")
        return summary

    @cached_property
    def smallest(self) -> float:
        """The smallest mean FID. A mean below a hundred-thousandth of the largest counts as 0."""
        means = self.summary[list(self.counts)].abs()
        return means.where(means > 1e-5 * means.max().max()).min().min()

    def without_epochs(self, subset: str) -> dict[str, float]:
        """FID of a subset, or of `all`, by name: of methods and of real images, which have no
        epochs."""
        real = self.references.rename(columns={"name": "ablation"})
        known = pd.concat([self.method_scores, real]).set_index("ablation")
        return known.loc[known["subset"] == subset, "fid"].dropna().astype(float).to_dict()


def summarise(scores: pd.DataFrame, metric: str = "fid") -> pd.DataFrame:
    """A metric of `read_scores`, one row per ablation.

    Columns: ablation, then for each subset s and for `all`: {s} (mean over epochs, then over
    seeds), {s}_epoch_sd (standard deviation over epochs, averaged over seeds; NaN with one epoch),
    {s}_seed_sd (standard deviation over seeds of their means over epochs; NaN with one seed),
    {s}_last (last epoch, mean over seeds); then features and note, as evaluated. Deviations divide
    by the number of values minus one.
    """
    rows = []
    for ablation, of_ablation in scores.groupby("ablation", sort=False):
        row: dict[str, object] = {"ablation": ablation}
        for subset, own in of_ablation.groupby("subset", sort=False):
            curves = own.pivot(index="epoch", columns="seed", values=metric)  # epochs x seeds
            row[subset] = curves.mean().mean()
            row[f"{subset}_epoch_sd"] = curves.std(ddof=1).mean()
            row[f"{subset}_seed_sd"] = curves.mean().std(ddof=1)
            row[f"{subset}_last"] = curves.loc[curves.index.max()].mean()
        rows.append(row)
    summary = pd.DataFrame(rows)
    return summary.assign(features=scores["features"].iloc[0], note=scores["note"].iloc[0])


def subset_name(subset: str) -> str:
    return "all subsets" if subset == POOLED else subset


def epochs_in_words(epochs: Sequence[int]) -> str:
    steps = set(np.diff(epochs).tolist())
    if len(epochs) > 3 and len(steps) == 1:
        return f"epochs {epochs[0]} to {epochs[-1]} in steps of {steps.pop()}"
    return f"epoch{'s' if len(epochs) > 1 else ''} {', '.join(map(str, epochs))}"


def seeds_in_words(seeds: Sequence[int]) -> str:
    return f"seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds))}"
