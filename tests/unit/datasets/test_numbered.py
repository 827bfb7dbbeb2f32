"""Published results that are numbered in the order of the test pairs."""

from pathlib import Path

from photosketch.datasets.numbered import Copy, planned, write

NUMBERING = [("CUHK", "f-1"), ("CUHK", "m-2"), ("AR", "7"), ("AR", "12")]


def results(folder: Path, *names: str) -> Path:
    folder.mkdir()
    for name in names:
        (folder / name).write_text(name)
    return folder


def test_numbers_become_the_names_of_test_pairs_with_the_suffix_of_the_file(tmp_path: Path) -> None:
    folder = results(tmp_path / "MDAL", "1.jpg", "02.PNG", "3.png", "4.jpeg", "readme.txt")
    copies, problems = planned(folder, NUMBERING, set(NUMBERING), tmp_path / "out")
    assert problems == []
    write(copies)
    written = {
        str(path.relative_to(tmp_path / "out")): path.read_text()
        for path in (tmp_path / "out").rglob("*.*")
    }
    assert written == {
        "CUHK/f-1.jpg": "1.jpg",
        "CUHK/m-2.png": "02.PNG",
        "AR/7.png": "3.png",
        "AR/12.jpeg": "4.jpeg",
    }


def test_pairs_that_are_not_in_the_table_need_no_result_and_get_none(tmp_path: Path) -> None:
    folder = results(tmp_path / "MDAL", "1.jpg", "3.jpg", "4.jpg")
    copies, problems = planned(folder, NUMBERING, set(NUMBERING[2:]), tmp_path / "out")
    assert problems == []
    assert copies == [
        Copy(folder / "3.jpg", tmp_path / "out/AR/7.jpg"),
        Copy(folder / "4.jpg", tmp_path / "out/AR/12.jpg"),
    ]


def test_all_problems_are_listed_with_what_the_numbers_mean(tmp_path: Path) -> None:
    folder = results(tmp_path / "MDAL", "1.jpg", "1.png", "2.bmp", "5.jpg", "face.jpg")
    results(folder / "more", "1.jpg")
    _, problems = planned(folder, NUMBERING, set(NUMBERING), tmp_path / "out")
    expected = [
        f"{folder}/more: holds images",
        f"{folder}/face.jpg: is called by no number from 1 to 4 (CUHK 1 to 2, AR 3 to 4)",
        f"{folder}/1.png: 1.jpg is result 1 too",
        f"{folder}/2.bmp: results are read as .png, .jpg, .jpeg",
        f"{folder}/5.jpg: is called by no number",
        f"{folder}: lacks the results 2 (CUHK m-2), 3 (AR 7), 4 (AR 12)",
    ]
    assert len(problems) == len(expected), problems
    for problem, beginning in zip(problems, expected, strict=True):
        assert problem.startswith(beginning)
    [empty] = planned(folder / "none", NUMBERING, set(NUMBERING), tmp_path / "out")[1]
    assert empty == f"{folder}/none: is no folder; give one with results 1 to 4"
