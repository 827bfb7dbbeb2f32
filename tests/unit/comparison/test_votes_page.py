"""The data of the page of votes; tests/browser tests the page itself."""

import json
import re
from typing import Any

import numpy as np
import pytest

from photosketch.comparison.votes_page import votes_page
from photosketch.evaluation.votes import sketch_codes
from photosketch.jobs.messages import InputError
from photosketch.training.samples import Samples, ids_and_subsets

METHODS = ["baseline", "local_glad", "their_method", "one_more"]


def page(listed: Any, methods: list[str] = METHODS, faces: int = 2, seed: int = 0) -> str:
    random, who = np.random.default_rng(0), ids_and_subsets(listed)
    sizes = (len(listed), 25, 20)
    drawn = {name: Samples(*who, random.integers(0, 256, sizes, np.uint8)) for name in methods}
    return votes_page(listed, drawn, sketch_codes(drawn), faces, seed)


def shown(page: str) -> list[Any]:
    return json.loads(re.search(r'id="data">(.*?)</script>', page, re.DOTALL)[1])["faces"]


@pytest.mark.slow
def test_people_are_chosen_by_the_seed_and_all_are_shown_if_there_are_few(listed) -> None:
    of_two = [shown(page(listed, seed=seed)) for seed in range(4)]
    assert {len(faces) for faces in of_two} == {2}
    assert len({tuple(face["photo"] for face in faces) for faces in of_two}) > 1
    assert len(shown(page(listed, faces=12))) == len(listed)


def test_the_page_names_no_method_no_other_file_and_the_exactness_of_votes(listed) -> None:
    text = page(listed, faces=3)
    assert "18 choices, which take about 1 minute" in text
    assert "±33 points at best" in text  # 0.98 / sqrt(9 votes on a method)
    for face in shown(text):
        codes = [code for code, _ in face["sketches"]]
        assert len(set(codes)) == 4 and codes == sorted(codes)  # in no order of the methods
    text = re.sub(r"data:image/[^\"]*", "", text)
    assert [name for name in METHODS if name in text] == []
    assert not re.findall(r"""(?:src|href)=["'](?!data:)[^"']+""", text)
    assert "default-src 'none'" in text


def test_one_method_cannot_be_voted_on(listed) -> None:
    with pytest.raises(InputError, match="this run only has a; add an ablation"):
        page(listed, ["a"])
