"""Which rules alignment adds, what its jobs read, and faces that local networks do not fit."""

import re

from photosketch.landmarks.table import COORDINATES, read_landmarks, write_landmarks


def jobs(printed: str) -> set[str]:
    return set(re.findall(r"^(\w+) +\d+$", printed, re.MULTILINE))


def readers(project) -> dict[str, set[str]]:
    """Rule -> the rules that read what it writes."""
    printed = project.snakemake("--rulegraph").stdout
    names = dict(re.findall(r'^\s*(\d+)\[label = "(\w+)"', printed, re.MULTILINE))
    edges: dict[str, set[str]] = {name: set() for name in names.values()}
    for maker, reader in re.findall(r"^\s*(\d+) -> (\d+)$", printed, re.MULTILINE):
        edges[names[maker]].add(names[reader])
    return edges


def test_with_alignment_later_stages_read_what_was_aligned_and_nothing_before_it(unrun):
    unrun.configure(dataset={"align": "each"}, ablations={"local": {"warp": "face"}})
    edges = readers(unrun)
    before = {"detect_landmarks", "merge_landmarks", "show_landmarks", "align_faces"}
    assert edges["index_pairs"] == before
    assert edges["merge_landmarks"] == {"show_landmarks", "align_faces"}
    reading = {"parse_faces", "merge_parsings", "show_parsings"}
    reading |= {"warp_sketches", "show_warps", "summarise_warps", "pack_tensors"}
    scoring = {"extract_real_features", "evaluate", "compare", "show_aligned"}
    assert edges["align_faces"] == reading | scoring


def test_without_alignment_nothing_of_it_runs(unrun):
    assert not jobs(unrun.snakemake("-n").stdout) & {"align_faces", "show_aligned"}


def test_faces_of_half_the_size_stop_local_networks_and_are_a_warning_without_them(project):
    tables = sorted((project.results / "landmarks/detected").glob("*.csv"))
    for path in tables:
        table = read_landmarks(path)
        points = table[list(COORDINATES)]
        table[list(COORDINATES)] = points / 2 + [50, 60] * 5
        write_landmarks(table, path)
    merged = [f"results/small/landmarks/{path.name}" for path in tables]

    done = project.snakemake(*merged)
    assert done.returncode != 0
    assert "the eyes are 24 px apart instead of 40 to 62" in done.stdout
    stopped = "12 photos have faces that the local networks of [a-z_, ]+ do not fit"
    assert re.search(stopped, done.stdout)
    assert "(photo of" in done.stdout
    assert "(sketch of" not in done.stdout, "local networks use no points of sketches"
    assert "set dataset.align" in done.stdout

    project.configure(ablations={"local": None, "local_glad": None})
    done = project.snakemake(*merged)
    assert done.returncode == 0, done.stdout
    warning = r"12 photos and \d+ sketches have faces that do not lie as in CUFS"
    assert re.search(warning, done.stdout)
    log = (project.results / "logs/merge_landmarks.log").read_text()
    assert "the eyes are 24 px apart" in log
