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


@dataclass(frozen=True)
class Provenance:
    """The run's name, facts in words by name, the hyper-parameters of each ablation, and the whole
    configuration as YAML."""

    run: str
    facts: Mapping[str, str]
    hparams: Mapping[str, Mapping[str, Any]]
    configuration: str


@dataclass(frozen=True)
class Published:
    """FID by subset (`all`: the pooled test set) as printed in `source`, and the name of the
    feature network, as in tables."""

    name: str
    source: str
    features: str
    fid: Mapping[str, float]

    @property
    def label(self) -> str:
        """The name in tables and figures."""
        return f"{self.name} (published)"


@dataclass(frozen=True)
class Choice:
    """Each run's epoch with the lowest pooled `metric` (a key) on the validation pairs. scores: of
    the validation pairs, as from `read_scores`; epochs: ablation, seed, epoch."""

    metric: str
    scores: pd.DataFrame
    epochs: pd.DataFrame

    @property
    def count(self) -> int:
        """The number of validation pairs."""
        return int(self.scores.loc[self.scores["subset"] == POOLED, "n"].iloc[0])

    @property
    def too_few(self) -> bool:
        """Whether there are too few validation pairs to choose an epoch."""
        return self.count < FEWEST_TO_CHOOSE_BY

    @property
    def pairs(self) -> str:
        """The number of validation pairs in words."""
        few = f" (fewer than {FEWEST_TO_CHOOSE_BY}: too few to choose by)"
        return f"{self.count} validation pairs{few if self.too_few else ''}"

    def at_epochs(self, scores: pd.DataFrame) -> pd.DataFrame:
        """The scores of each run at its chosen epoch."""
        return scores.merge(self.epochs, on=["ablation", "seed", "epoch"])


@dataclass(frozen=True)
class Comparison:
    """The data of tables, figures and the page.

    scores: of the ablations on the test pairs, as from `read_scores`; method_scores: of the
    sketches of other methods, None without methods; references, differences: as from
    `read_references` and `read_differences`; notes: on the sketches of other methods; choice: None
    without validation pairs; reference: the ablation that others are compared with; points: the
    ablations that only belong to sweeps; published: values of other runs, with any features; costs:
    as from `read_benchmarks`. For gallery and grids, by method shown: drawn, the sketches of
    `people` (the test pairs); nearest, SUBSET/ID of the sketch of `training` nearest to each drawn
    sketch; image_scores, metrics of single sketches by key, [E, N] each, the last epoch's of the
    sketches `drawn`. in_grids: SUBSET/ID of the people chosen for the grids; votes: on sketches of
    `drawn`, as from `read_votes`, None without votes.
    """

    scores: pd.DataFrame
    references: pd.DataFrame
    differences: pd.DataFrame
    provenance: Provenance
    method_scores: pd.DataFrame | None = None
    notes: Sequence[str] = ()
    choice: Choice | None = None
    reference: str = ""
    sweeps: Sequence[Sweep] = ()
    points: Sequence[str] = ()
    published: Sequence[Published] = ()
    costs: pd.DataFrame = field(default_factory=pd.DataFrame)
    people: Sequence[Pair] = ()
    training: Sequence[Pair] = ()
    in_grids: Sequence[str] = ()
    drawn: Mapping[str, Samples] = field(default_factory=dict)
    nearest: Mapping[str, Sequence[str]] = field(default_factory=dict)
    image_scores: Mapping[str, Mapping[str, np.ndarray]] = field(default_factory=dict)
    votes: pd.DataFrame | None = None

    @cached_property
    def all_scores(self) -> pd.DataFrame:
        """The scores of ablations, then of methods."""
        return pd.concat([self.scores, self.method_scores], ignore_index=True)

    @cached_property
    def summary(self) -> pd.DataFrame:
        """`summarise` of FID for ablations and methods, with columns {s}_other (FID, other people;
        NaN below four people), and with a choice {s}_chosen of ablations."""
        names = self.all_scores["ablation"].unique()
        summary = summarise(self.all_scores, names, self.subsets)
        others = summarise(self.all_scores, names, self.subsets, "fid_other")
        for subset in self.counts:
            summary[f"{subset}_other"] = others[subset]
        if self.choice:
            at_choice = self.choice.at_epochs(self.scores).assign(epoch=0)
            means = summarise(at_choice, self.ablations, self.subsets).set_index("ablation")
            for subset in self.counts:
                summary[f"{subset}_chosen"] = summary["ablation"].map(means[subset])
        return summary

    @property
    def ablations(self) -> list[str]:
        return self.scores["ablation"].unique().tolist()

    @property
    def subsets(self) -> list[str]:
        """The subsets without `all`."""
        return [subset for subset in self.counts if subset != POOLED]

    @cached_property
    def counts(self) -> dict[str, int]:
        """The number of test images of each subset and of `all`, in the table's order."""
        first = self.scores.drop_duplicates("subset")
        return {str(subset): int(n) for subset, n in zip(first["subset"], first["n"], strict=True)}

    @property
    def columns(self) -> dict[str, int]:
        """The subsets of a table's columns: `counts`, without `all` if there is only one subset."""
        one = len(self.subsets) == 1
        return {name: n for name, n in self.counts.items() if not (one and name == POOLED)}

    @property
    def parts(self) -> list[str]:
        """The subsets with a column beside `all`; none if there is only one subset."""
        return self.subsets if POOLED in self.columns else []

    @property
    def epochs(self) -> list[int]:
        """The evaluated epochs, rising."""
        return sorted(self.scores["epoch"].unique().tolist())

    @property
    def seeds(self) -> list[int]:
        """In the order of the configuration; figures show the first seed."""
        return self.scores["seed"].unique().tolist()

    def without_epochs(self, subset: str) -> dict[str, float]:
        """FID of a subset, or of `all`, by name: of methods and of real images, which have no
        epochs."""
        rows = [table for table in (self.method_scores, self.references) if table is not None]
        known = pd.concat([table.rename(columns={"ablation": "name"}) for table in rows])
        if known.empty:
            return {}
        of_subset = known[(known["subset"] == subset) & known["fid"].notna()]
        return of_subset.set_index("name")["fid"].astype(float).to_dict()

    @property
    def features(self) -> str:
        """The name of the feature network in tables."""
        return str(self.scores["features"].iloc[0])

    @property
    def comparable(self) -> list[Published]:
        """The published values with the same features; others are not comparable."""
        return [entry for entry in self.published if entry.features == self.features]

    @property
    def note(self) -> str:
        """The note on the features in every table and figure, possibly empty."""
        return str(self.scores["note"].iloc[0])


def summarise(
    scores: pd.DataFrame, ablations: Sequence[str], subsets: Sequence[str], metric: str = "fid"
) -> pd.DataFrame:
    """A metric of `read_scores`, one row per ablation, in the given order.

    Columns: ablation, then for each subset s and for `all`: {s} (mean over epochs, then over
    seeds), {s}_epoch_sd (standard deviation over epochs, averaged over seeds; NaN with one epoch),
    {s}_seed_sd (standard deviation over seeds of their means over epochs; NaN with one seed),
    {s}_last (last epoch, mean over seeds); then features and note, as evaluated. Deviations divide
    by the number of values minus one.
    """
    rows = []
    for ablation in ablations:
        row: dict[str, object] = {"ablation": ablation}
        for subset in [*subsets, POOLED]:
            own = scores[(scores["ablation"] == ablation) & (scores["subset"] == subset)]
            curves = own.pivot(index="epoch", columns="seed", values=metric)  # epochs x seeds
            row[subset] = curves.mean().mean()
            row[f"{subset}_epoch_sd"] = curves.std(ddof=1).mean()
            row[f"{subset}_seed_sd"] = curves.mean().std(ddof=1)
            row[f"{subset}_last"] = curves.loc[curves.index.max()].mean()
        rows.append(row)
    summary = pd.DataFrame(rows)
    return summary.assign(features=scores["features"].iloc[0], note=scores["note"].iloc[0])


def choose_epochs(validation: pd.DataFrame, metric: str) -> Choice:
    """The choice by the scores of the validation pairs, as from `read_scores`."""
    pooled = validation[validation["subset"] == POOLED]
    best = pooled.loc[pooled.groupby(["ablation", "seed"], sort=False)[metric].idxmin()]
    epochs = best[["ablation", "seed", "epoch"]].reset_index(drop=True)
    return Choice(metric, validation, epochs)


def subset_name(subset: str) -> str:
    return "all subsets" if subset == POOLED else subset


def epochs_in_words(epochs: Sequence[int]) -> str:
    steps = set(np.diff(epochs).tolist())
    if len(epochs) > 3 and len(steps) == 1:
        return f"epochs {epochs[0]} to {epochs[-1]} in steps of {steps.pop()}"
    return f"epoch{'s' if len(epochs) > 1 else ''} {', '.join(map(str, epochs))}"


def seeds_in_words(seeds: Sequence[int]) -> str:
    return f"seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds))}"
