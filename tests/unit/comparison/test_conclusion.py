"""The first sentences of a run's page agree with its numbers and name reasons for doubt."""

import pandas as pd
import pytest

from photosketch.comparison.conclusion import conclusion
from photosketch.comparison.summary import Choice
from photosketch.comparison.tables import fid_table, latex_document, metric_table
from support import comparisons

NAMES = ("baseline", "glad", "local", "both")
VERDICTS = pd.DataFrame(
    {
        "ablation": NAMES[1:],
        "metric": "fid",
        "role": "primary",
        "reference": "baseline",
        "run_verdict": ["worse", "better", "better"],
        "verdict": ["undecided", "better", "undecided"],
    }
)


def said(seeds=(0,), epochs=(5, 10, 15), photo: float = 10.0, **fields) -> str:
    references = pd.DataFrame({"name": ["photo in gray"], "subset": ["all"], "fid": [photo]})
    scores = comparisons.scores(lambda index, *_: 30.0 - index, NAMES, seeds=seeds, epochs=epochs)
    compared = comparisons.compared(scores, references=references, differences=VERDICTS, **fields)
    return " ".join(conclusion(compared))


@pytest.mark.parametrize(
    ("asked", "expected", "not_expected"),
    [
        ({}, "both has the lowest FID: 27.00 on 12 test people with seed 0.", "evaluated"),
        ({}, "Compared with baseline in FID, local and both are better; glad is worse.", "few"),
        ({}, "One seed: another run", "undecided"),
        ({"seeds": (0, 1)}, "local is better; glad and both are undecided.", "One seed"),
        ({}, "photo in gray has a lower FID (10.00) than every drawn sketch", "validation"),
        ({"photo": 27.5}, "lowest", "photo in gray"),
        ({"epochs": (5, 10)}, "With 2 evaluated epochs, the scatter over epochs is", "validation"),
    ],
)
def test_the_conclusion_follows_from_the_numbers(asked, expected, not_expected) -> None:
    text = said(**asked)
    assert expected in text
    assert not_expected not in text


@pytest.mark.parametrize(("pairs", "too_few"), [(19, True), (20, False)])
def test_few_validation_pairs_are_named(pairs, too_few) -> None:
    scores = comparisons.scores(
        lambda index, *_: 30.0 - index, NAMES, epochs=(5, 10, 15), counts={"a": pairs, "all": pairs}
    )
    epochs = pd.DataFrame({"ablation": NAMES, "seed": 0, "epoch": 5})
    text = said(choice=Choice("fid", scores, epochs))
    assert (f"{pairs} validation pairs are too few" in text) == too_few


def test_a_document_of_tables_has_labels_of_its_own_and_can_be_taken_into_a_paper() -> None:
    table = comparisons.compared(comparisons.scores(lambda *_: 30.0))
    text = latex_document([fid_table(table), metric_table(table)], "a note")
    assert text.index(r"\documentclass") < text.index(r"\label{tab:fid}")
    assert r"\label{tab:all-metrics-all-subsets}" in text
    captions = [line for line in text.splitlines() if line.startswith(r"\caption")]
    assert all(len(caption) < 200 for caption in captions)
