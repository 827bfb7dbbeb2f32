"""The metrics, one row each, in the order of the tables.

A new metric is a row here and a function. A function of single images is in `image_metrics`, called
by `score_images`; a function of two sets in `distances`, called by `weighted_distances`. Any other
kind has its own module (as `seams`, `structure`, `recognition`) and is called by `scores.evaluate`.
Tables, differences, figures and gallery follow. A test compares rows and functions.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Metric:
    """How tables, figures and verdicts treat a metric.

    key: the column in tables of scores; columns {key}_low and {key}_high, if there are any, are the
    95% interval. per_image: images have values, and a set has their mean; otherwise only sets have
    a value. Tables show `decimals` of the value times `scale`, in `unit`; None: two decimals, or
    three digits of small values.
    """

    key: str
    name: str
    per_image: bool = False
    lower_is_better: bool = False
    scale: float = 1.0
    unit: str = ""
    decimals: int | None = None

    @property
    def heading(self) -> str:
        """The name with the unit."""
        return f"{self.name} {self.unit}".rstrip()

    @property
    def remark(self) -> str:
        """What a reader of the values has to know."""
        return _REMARKS.get(self.key, "")

    @property
    def left_out(self) -> str:
        """The remark if the metric was not computed."""
        return _LEFT_OUT.get(self.key, "")


METRICS = (
    Metric("fid", "FID", lower_is_better=True),
    Metric("kid", "KID", lower_is_better=True, scale=1000.0, unit="×1000"),
    Metric("fid_other", "FID, other people", lower_is_better=True),
    Metric("ssim", "SSIM", per_image=True, decimals=4),
    Metric("fsim", "FSIM", per_image=True, decimals=4),
    Metric("scoot", "SCOOT", per_image=True, decimals=4),
    Metric("lpips", "LPIPS", per_image=True, lower_is_better=True, decimals=4),
    Metric("seam", "seam", per_image=True, lower_is_better=True, decimals=3),
    Metric(
        "structure",
        "structure",
        per_image=True,
        lower_is_better=True,
        scale=100.0,
        unit="%",
        decimals=2,
    ),
    Metric(
        "memory", "memory", per_image=True, lower_is_better=True, scale=100.0, unit="%", decimals=1
    ),
    Metric("nlda", "NLDA", scale=100.0, unit="%", decimals=1),
    Metric("identity_rank1", "identity, rank 1", scale=100.0, unit="%", decimals=1),
    Metric("identity_auc", "identity, AUC", decimals=3),
)
BY_KEY = {metric.key: metric for metric in METRICS}
_REMARKS = {
    "kid": "KID: unbiased, over the whole sets. A drawn sketch is compared with the true sketches "
    "of all other people; [95% interval by the jackknife over people].",
    "fid_other": "FID, other people: drawn sketches of half of the people against true sketches of "
    "the other half, the mean over 20 splits (or all, if fewer exist) and both directions. "
    "Likeness to the own true sketch is not rewarded. The halves have half as many sketches: do "
    "not compare the values with FID.",
    "seam": "Seam: how much steeper a sketch is across the borders of a face's parts than beside "
    "the borders, divided by the same ratio of the true sketch; 1: no seam. Photos have no value.",
    "structure": "Structure: the mean distance between the points of a face mesh on the sketch and "
    "on the photo, in percent of the distance between the photo's eyes. The row of true sketches "
    "shows how far artists depart from the photo.",
    "memory": "Memory: the share of drawn sketches that are closer to a training sketch, relative "
    "to the true sketches of other test people, than 95% of the subset's true test sketches are. "
    "About 5% is normal if nothing is copied; less is not better.",
    "nlda": "NLDA: the people recognised at rank 1 by their drawn sketch, the mean over 20 splits.",
    "identity_rank1": "Identity: a face recognition network, trained on photos, looks up each "
    "drawn sketch among the test people's photos. Rank 1: the nearest photo is the same person's; "
    "AUC: how well the same and different people are told apart (0.5: by chance). The row of true "
    "sketches shows what an artist's sketches reach.",
}
_LEFT_OUT = {
    "fid_other": "FID, other people is left out: it needs four test people.",
    "lpips": "LPIPS is left out: evaluation.lpips names no weights.",
    "memory": "Memory is left out: it needs 19 test people in a subset.",
    "nlda": "NLDA recognition is left out: it needs 40 test people.",
    "identity_rank1": "Identity is left out (evaluation.identity).",
}
