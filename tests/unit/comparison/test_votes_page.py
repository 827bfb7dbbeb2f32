"""The data of the page of votes; tests/browser tests the page itself."""

import json
import re
from typing import Any

import numpy as np
import pytest

from photosketch.comparison.votes_page import votes_page
from photosketch.evaluation.votes import sketch_codes
from photosketch.jobs.job import InputError
from photosketch.training.samples import Samples, ids_and_subsets


def page(listed: Any, methods: list[str], faces: int = 2, seed: int = 0) -> tuple[str, Any]:
    random, who = np.random.default_rng(0), ids_and_subsets(listed)
    sizes = (len(listed), 25, 20)
    drawn = {name: Samples(*who, random.integers(0, 256, sizes, np.uint8)) for name in methods}
    text = votes_page(listed, drawn, sketch_codes(drawn), faces, seed)
    return text, json.loads(re.search(r'id="data">(.*?)</script>', text, re.DOTALL)[1])


@pytest.mark.slow
def test_people_are_chosen_by_the_seed_and_all_are_shown_if_there_are_few(listed) -> None:
    of_two = [page(listed, ["a", "b"], 2, seed)[1]["faces"] for seed in range(4)]
    assert {len(faces) for faces in of_two} == {2}
    assert len({tuple(face["photo"] for face in faces) for faces in of_two}) > 1
    assert len(page(listed, ["a", "b"], 12)[1]["faces"]) == len(listed)


def test_sketches_are_in_no_order_of_the_methods(listed) -> None:
    for face in page(listed, list("abcdef"))[1]["faces"]:
        listed_codes = [code for code, _ in face["sketches"]]
        assert listed_codes == sorted(listed_codes)


def test_the_page_says_how_many_votes_give_what_interval(listed) -> None:
    text, _ = page(listed, list("abcd"), 3)
    assert "18 choices, which take about 1 minute" in text
    assert "±33 points at best" in text  # 0.98 / sqrt(9 votes on a method)


def test_one_method_cannot_be_voted_on(listed) -> None:
    with pytest.raises(InputError, match="this run only has a; add an ablation"):
        page(listed, ["a"])
