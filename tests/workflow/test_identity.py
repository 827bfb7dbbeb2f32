"""Identity switched on in a finished run: what is done again, and what the tables then hold."""

from importlib.util import find_spec

import pandas as pd
import pytest

from photosketch.data.weights import FACE_NETWORK

pytestmark = pytest.mark.skipif(
    find_spec("dlib") is None or FACE_NETWORK.installed() is None,
    reason="the extra for identity is not installed (make setup IDENTITY=1)",
)
KEYS = ["identity_rank1", "identity_auc"]


def test_identity_evaluates_again_and_trains_nothing(project):
    project.configure(evaluation={"identity": True})
    evaluated = {f"evaluate:{name}" for name in ("baseline", "local", "local_glad")}
    again = {"extract_real_features", *evaluated, "estimate_differences", "compare"}
    assert set(project.stale()) == again
    done = project.snakemake()
    assert done.returncode == 0, done.stdout
    assert not project.stale()

    scores = pd.read_csv(project.results / "evaluation/local/seed0.csv")
    assert scores[KEYS].notna().all(axis=None)
    assert scores[KEYS].stack().between(0, 1).all()
    references = pd.read_csv(project.results / "evaluation/reference_points.csv")
    by_name = references[references["subset"] == "all"].set_index("name")
    assert by_name.loc["photo in gray", "identity_rank1"] == 1
    assert by_name.loc["true sketches", KEYS].notna().all()
    tables = (project.results / "comparison/fid.md").read_text()
    page = (project.results / "comparison/index.html").read_text()
    assert "true sketches" in page
    assert "Identity is left out" not in tables + page

    project.configure(evaluation={"identity": False})
    assert set(project.stale()) == again
