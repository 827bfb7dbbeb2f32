"""The page of blind votes: one HTML file that shows two sketches of one person at a time.

Sketches have codes instead of names (`sketch_codes`), so the page does not show which method drew
them. Order and sides are random and follow from the seed and the voter's name.
"""

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from photosketch.data.pairs import MODALITIES, Pair, read_image
from photosketch.evaluation.votes import COLUMNS, PERSON, expected_half_width
from photosketch.figures import page as pages
from photosketch.jobs.messages import InputError, counted
from photosketch.training.samples import Samples

SECONDS = 4  # per vote


def votes_page(
    people: Sequence[Pair], drawn: Mapping[str, Samples], codes: pd.DataFrame, faces: int, seed: int
) -> str:
    """The page as text. `drawn`: by method, the sketches of `people`, the test pairs; `codes`: as
    from `sketch_codes`; `faces`: how many people are shown, all if there are fewer. Raises
    InputError if there are fewer than two methods."""
    if len(drawn) < 2:
        fault = f"votes compare two methods, but this run only has {', '.join(drawn)}"
        raise InputError([f"{fault}; add an ablation, or a folder of sketches to methods"])
    faces = min(faces, len(people))
    shown = sorted(np.random.default_rng(seed).choice(len(people), faces, replace=False).tolist())
    code_of = codes.set_index([*PERSON, "method"])["code"]
    entries = []
    for index in shown:
        pair = people[index]
        sketches = {
            code_of[pair.subset, pair.id, name]: pages.image_uri(samples.sketches[index])
            for name, samples in drawn.items()
        }
        photo, true = (pages.image_uri(read_image(pair, kind)) for kind in MODALITIES)
        by_code = sorted(sketches.items())  # which hides the methods' order
        entries.append({"photo": photo, "trueSketch": true, "sketches": by_code})
    pairs = faces * len(drawn) * (len(drawn) - 1) // 2
    known = "\0".join(code for entry in entries for code, _ in entry["sketches"])
    return pages.render(
        __file__,
        title="Which sketch is better?",
        pairs=pairs,
        minutes=counted(max(1, round(pairs * SECONDS / 60)), "minute"),
        reach={n: round(100 * expected_half_width(len(drawn), faces, n)) for n in (1, 5, 10)},
        data={
            "columns": COLUMNS,
            "seed": seed,
            # the browser keeps votes only for a page with these sketches
            "key": f"votes {seed} {hashlib.sha256(known.encode()).hexdigest()}",
            "faces": entries,
        },
    )
