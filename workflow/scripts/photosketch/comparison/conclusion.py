"""The conclusion of a run: a few sentences made from its numbers."""

from photosketch.comparison.summary import Comparison, seeds_in_words
from photosketch.comparison.tables import number
from photosketch.evaluation.files import PHOTOS, POOLED
from photosketch.evaluation.metrics import BY_KEY

FEW_EPOCHS = 3  # of fewer evaluated epochs the deviation says little
ORDER = ("better", "worse", "undecided")


def conclusion(comparison: Comparison) -> list[str]:
    """The lowest FID, the verdicts on the differences to the reference, and reasons for doubt."""
    summary = comparison.summary
    lowest = summary.loc[summary[POOLED].idxmin()]
    people, seeds = comparison.counts[POOLED], comparison.seeds
    sentences = [
        f"{lowest['ablation']} has the lowest FID: {number(summary, lowest[POOLED])} on {people} "
        f"test people with {seeds_in_words(seeds)}.",
        *_verdicts(comparison),
    ]
    photo = comparison.without_epochs(POOLED).get(PHOTOS)
    if photo is not None and photo < lowest[POOLED]:
        sentences.append(
            f"The photo in gray has a lower FID ({number(summary, photo)}) than every drawn "
            "sketch: the generators are not trained enough yet."
        )
    if comparison.choice and comparison.choice.too_few:
        pairs = comparison.choice.count
        sentences.append(f"{pairs} validation pairs are too few to choose an epoch by.")
    if len(comparison.epochs) < FEW_EPOCHS:
        sentences.append(
            f"With {len(comparison.epochs)} evaluated epoch{'s' * (len(comparison.epochs) > 1)}, "
            "the scatter over epochs is unknown."
        )
    return sentences


def _verdicts(comparison: Comparison) -> list[str]:
    """A sentence on the primary verdicts per reference, and a caution if there is one seed."""
    differences = comparison.differences
    primary = differences[differences["role"] == "primary"] if len(differences) else differences
    if primary.empty:
        return []
    several = len(comparison.seeds) > 1
    metric = BY_KEY[primary["metric"].iloc[0]].name
    sentences = []
    for reference, lines in primary.groupby("reference", sort=False):
        by_verdict = lines.groupby("verdict" if several else "run_verdict")["ablation"].agg(list)
        said = [
            f"{' and '.join(names)} {'is' if len(names) == 1 else 'are'} {verdict}"
            for verdict in ORDER
            if (names := by_verdict.get(verdict))
        ]
        sentences.append(f"Compared with {reference} in {metric}, {'; '.join(said)}.")
    if not several:
        sentences.append("One seed: another run of the same ablations may differ.")
    return sentences
