"""What is compared: the scores of every run, and of these one row per method."""

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

FEWEST_TO_CHOOSE_BY = 20  # validation pairs: of fewer another draw easily has another lowest value


@dataclass(frozen=True)
class Provenance:
    """Of the run named `run`: `facts` in words, by name; the hyper-parameters of each ablation; the
    whole configuration as YAML."""

    run: str
    facts: Mapping[str, str]
    hparams: Mapping[str, Mapping[str, Any]]
    configuration: str


@dataclass(frozen=True)
class Published:
    """FID by subset (`all`: the pooled test set) as printed in `source`, and the network of its
    features, as tables name it."""

    name: str
    source: str
    features: str
    fid: Mapping[str, float]

    @property
    def label(self) -> str:
        """What tables and figures call it."""
        return f"{self.name} (published)"


@dataclass(frozen=True)
class Choice:
    """The epoch of each run that has the lowest pooled `metric` (its key) on the validation pairs.

    scores: of the validation pairs, as `read_scores` gives them; epochs: ablation, seed, epoch.
    """

    metric: str
    scores: pd.DataFrame
    epochs: pd.DataFrame

    @property
    def count(self) -> int:
        """How many validation pairs there are."""
        return int(self.scores.loc[self.scores["subset"] == POOLED, "n"].iloc[0])

    @property
    def too_few(self) -> bool:
        """Whether there are too few validation pairs to choose by."""
        return self.count < FEWEST_TO_CHOOSE_BY

    @property
    def pairs(self) -> str:
        """How many validation pairs there are, in words."""
        few = f" (fewer than {FEWEST_TO_CHOOSE_BY}: too few to choose by)"
        return f"{self.count} validation pairs{few if self.too_few else ''}"

    def at_epochs(self, scores: pd.DataFrame) -> pd.DataFrame:
        """The scores of each run at its chosen epoch alone."""
        return scores.merge(self.epochs, on=["ablation", "seed", "epoch"])


@dataclass(frozen=True)
class Comparison:
    """All that tables, figures and the page are made from.

    scores: of the ablations on the test pairs, as `read_scores` gives them; method_scores: of the
    sketches of others' methods, None without them; references, differences: as `read_references`
    and `read_differences` give them; notes: on the others' sketches; choice: None without
    validation pairs; reference: the ablation that others are compared with; points: the ablations
    that are there for sweeps alone; published: values of other runs, of any features; costs:
    as `read_benchmarks` gives them. For gallery and grids, by method shown: drawn, the sketches of
    `people`, the test pairs; nearest, SUBSET/ID of the training sketch nearest to each, one of
    `training`; in_grids: SUBSET/ID of the people asked for; image_scores, metrics of single
    sketches by key, [E, N] each, of which the last epoch's are those of `drawn`; votes: on
    sketches of `drawn`, as `read_votes` gives them, None without any.
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
        """The scores of ablations and methods, in this order."""
        return pd.concat([self.scores, self.method_scores], ignore_index=True)

    @cached_property
    def summary(self) -> pd.DataFrame:
        """`summarise` of FID for ablations and methods, {s}_other (FID, other people; missing below
        four people), and with a choice {s}_chosen of ablations."""
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
        """Without `all`."""
        return [subset for subset in self.counts if subset != POOLED]

    @cached_property
    def counts(self) -> dict[str, int]:
        """Number of test images of each subset and of `all`, in the table's order."""
        first = self.scores.drop_duplicates("subset")
        return {str(subset): int(n) for subset, n in zip(first["subset"], first["n"], strict=True)}

    @property
    def columns(self) -> dict[str, int]:
        """The subsets of a table's columns: `counts`, without `all` if there is only one subset."""
        one = len(self.subsets) == 1
        return {name: n for name, n in self.counts.items() if not (one and name == POOLED)}

    @property
    def parts(self) -> list[str]:
        """The subsets that have columns beside that of `all`; none if there is only one subset."""
        return self.subsets if POOLED in self.columns else []

    @property
    def epochs(self) -> list[int]:
        """The evaluated ones, rising."""
        return sorted(self.scores["epoch"].unique().tolist())

    @property
    def seeds(self) -> list[int]:
        """In the order of the configuration: the figures show the first one."""
        return self.scores["seed"].unique().tolist()

    def without_epochs(self, subset: str) -> dict[str, float]:
        """FID of a subset, or of `all`, by name, of what is not drawn epoch by epoch: methods, and
        real images that have one."""
        rows = [table for table in (self.method_scores, self.references) if table is not None]
        known = pd.concat([table.rename(columns={"ablation": "name"}) for table in rows])
        if known.empty:
            return {}
        of_subset = known[(known["subset"] == subset) & known["fid"].notna()]
        return of_subset.set_index("name")["fid"].astype(float).to_dict()

    @property
    def features(self) -> str:
        """The network of the features, as tables name it."""
        return str(self.scores["features"].iloc[0])

    @property
    def comparable(self) -> list[Published]:
        """The published values of the same features; others can't stand beside these scores."""
        return [entry for entry in self.published if entry.features == self.features]

    @property
    def note(self) -> str:
        """What every table and figure must say of the features; empty if nothing."""
        return str(self.scores["note"].iloc[0])


def summarise(
    scores: pd.DataFrame, ablations: Sequence[str], subsets: Sequence[str], metric: str = "fid"
) -> pd.DataFrame:
    """One row per ablation, in the given order, of one metric of `read_scores`.

    Columns: ablation, then for each subset s and for `all`: {s} (mean over epochs, then over
    seeds), {s}_epoch_sd (standard deviation over epochs, averaged over seeds; missing with one
    epoch), {s}_seed_sd (standard deviation over seeds of their means over epochs; missing with
    one seed), {s}_last (last epoch, mean over seeds); then features and note, as evaluated.
    Deviations divide by one less than the number of values.
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
    """The choice by the scores of the validation pairs, as `read_scores` gives them."""
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
