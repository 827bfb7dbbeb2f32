"""The metrics, one row each, in the order of the tables.

A new metric is a row here and a function that computes it: of single images in `image_metrics`,
called by `score_images`; of two sets in `distances`, called by `weighted_distances`; of any other
kind (as in `seams`, `recognition` and `cross_identity_fid`) called by `scores.evaluate`.
Tables, differences, figures and gallery follow; a test holds rows and functions together.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Metric:
    """What tables, figures and verdicts have to know of a metric.

    key: its column in tables of scores; where there are columns {key}_low and {key}_high, they are
    its 95% interval. per_image: a value per image, and the mean over a set; else of whole sets
    alone. Shown are `decimals` of a value times `scale`, in `unit`; None: two decimals, or three
    digits of small values. remark: what a reader has to know; left_out: what is said in its place
    if it could not be computed.
    """

    key: str
    name: str
    per_image: bool = False
    lower_is_better: bool = False
    scale: float = 1.0
    unit: str = ""
    decimals: int | None = None
    remark: str = ""
    left_out: str = ""

    @property
    def heading(self) -> str:
        """The name with the unit of what is shown."""
        return f"{self.name} {self.unit}".rstrip()


METRICS = (
    Metric("fid", "FID", lower_is_better=True),
    Metric(
        "kid",
        "KID",
        lower_is_better=True,
        scale=1000.0,
        unit="×1000",
        remark="KID: over the whole sets, unbiased: a drawn sketch is compared with the true "
        "sketches of all people but its own; [95% interval by the jackknife over people].",
    ),
    Metric(
        "fid_other",
        "FID, other people",
        lower_is_better=True,
        remark="FID, other people: drawn sketches of half of the people against true sketches of "
        "the other half, the mean over 20 splits (or all there are) and both directions, so that "
        "likeness to one's own true sketch earns nothing. Of half as many sketches: not to be "
        "compared with FID.",
        left_out="FID, other people is left out: it needs four test people.",
    ),
    Metric("ssim", "SSIM", per_image=True, decimals=4),
    Metric("fsim", "FSIM", per_image=True, decimals=4),
    Metric("scoot", "SCOOT", per_image=True, decimals=4),
    Metric(
        "lpips",
        "LPIPS",
        per_image=True,
        lower_is_better=True,
        decimals=4,
        left_out="LPIPS is left out: its weights are not there (evaluation.lpips).",
    ),
    Metric(
        "seam",
        "seam",
        per_image=True,
        lower_is_better=True,
        decimals=3,
        remark="Seam: how much steeper a sketch is across the borders of the parts of a face than "
        "beside them, over the same in the true sketch; 1: no seam. Of photos it is not computed.",
    ),
    Metric(
        "memory",
        "memory",
        per_image=True,
        lower_is_better=True,
        scale=100.0,
        unit="%",
        decimals=1,
        remark="Memory: the share of drawn sketches that lie nearer to a training sketch, relative "
        "to the true sketches of other test people, than 95% of the true test sketches of their "
        "subset do. Sketches that copy nothing reach about 5%; less is no better.",
        left_out="Memory is left out: it needs 19 test people in a subset.",
    ),
    Metric(
        "nlda",
        "NLDA",
        scale=100.0,
        unit="%",
        decimals=1,
        remark="NLDA: people recognised at rank 1 by their drawn sketch, the mean over 20 splits.",
        left_out="NLDA recognition is left out: it needs 40 test people.",
    ),
    Metric(
        "identity_rank1",
        "identity, rank 1",
        scale=100.0,
        unit="%",
        decimals=1,
        remark="Identity: the test people's photos are looked up by each drawn sketch, with a face "
        "recognition network that was trained on photos. Rank 1: the nearest is that of the same "
        "person; AUC: how surely same and different people are told apart (0.5: by chance). The "
        "row of true sketches shows what an artist's reach.",
        left_out="Identity is left out (evaluation.identity).",
    ),
    Metric("identity_auc", "identity, AUC", decimals=3),
)
BY_KEY = {metric.key: metric for metric in METRICS}
