"""Published results that are numbered in the order of the test pairs."""

from photosketch.datasets.__main__ import main
from photosketch.datasets.numbered import planned_copies, write_copies

NUMBERING = [("CUHK", "f-1"), ("CUHK", "m-2"), ("AR", "7"), ("AR", "12")]


def results(folder, *names):
    folder.mkdir()
    for name in names:
        (folder / name).write_text(name)
    return folder


def test_numbers_become_the_names_of_test_pairs_with_the_suffix_of_the_file(tmp_path):
    folder = results(tmp_path / "MDAL", "1.jpg", "02.PNG", "3.png", "4.jpeg", "readme.txt")
    copies, problems = planned_copies(folder, NUMBERING, set(NUMBERING), tmp_path / "out")
    assert problems == []
    write_copies(copies)
    files = {path.relative_to(tmp_path / "out"): path for path in (tmp_path / "out").rglob("*.*")}
    assert {str(name): path.read_text() for name, path in files.items()} == {
        **{"CUHK/f-1.jpg": "1.jpg", "CUHK/m-2.png": "02.PNG"},
        **{"AR/7.png": "3.png", "AR/12.jpeg": "4.jpeg"},
    }


def test_results_may_have_the_names_of_people_but_where_these_are_numbers(tmp_path):
    numbering = [("style1", "photo1_image0110"), ("style2", "photo3_image7"), ("AR", "1")]
    folder = results(
        tmp_path / "FSGAN", "photo1_image0110_fake_B.png", "photo3_image7.jpg", "3.png"
    )
    copies, problems = planned_copies(folder, numbering, set(numbering), tmp_path / "out")
    assert problems == []
    assert [(source.name, str(to.relative_to(tmp_path / "out"))) for source, to in copies] == [
        ("photo1_image0110_fake_B.png", "style1/photo1_image0110.png"),
        ("photo3_image7.jpg", "style2/photo3_image7.jpg"),
        ("3.png", "AR/1.png"),
    ]


def test_test_pairs_that_no_result_is_of_are_told_with_the_remedy(tmp_path):
    folder = results(tmp_path / "SCA-GAN", "1.jpg", "2.jpg")
    wanted = {NUMBERING[0], NUMBERING[2]}
    [problem] = planned_copies(folder, NUMBERING[:2], wanted, tmp_path / "out")[1]
    assert problem == (
        f"{folder}: no result belongs to the test pairs AR 7; give the --split that the results "
        "were made with"
    )


def test_pairs_that_are_not_in_the_table_need_no_result_and_get_none(tmp_path):
    folder = results(tmp_path / "MDAL", "1.jpg", "3.jpg", "4.jpg")
    copies, problems = planned_copies(folder, NUMBERING, set(NUMBERING[2:]), tmp_path / "out")
    assert problems == []
    assert copies == [
        (folder / "3.jpg", tmp_path / "out/AR/7.jpg"),
        (folder / "4.jpg", tmp_path / "out/AR/12.jpg"),
    ]


def test_all_problems_are_listed_with_what_the_numbers_mean(tmp_path):
    folder = results(tmp_path / "MDAL", "1.jpg", "1.png", "2.bmp", "5.jpg", "face.jpg")
    _, problems = planned_copies(folder, NUMBERING, set(NUMBERING), tmp_path / "out")
    expected = [
        f"{folder}/face.jpg: its name is neither a number from 1 to 4 (CUHK 1 to 2, AR 3 to 4)",
        f"{folder}/1.png: 1.jpg is also result 1",
        f"{folder}/5.jpg: its name is neither a number",
        f"{folder}: lacks the results 2 (CUHK m-2), 3 (AR 7), 4 (AR 12); add them as .png, .jpg",
    ]
    assert all(map(str.startswith, problems, expected)) and len(problems) == len(expected), problems
    [empty] = planned_copies(folder / "none", NUMBERING, set(NUMBERING), tmp_path / "out")[1]
    assert empty == f"{folder}/none: is not a folder with results; correct the path"


def test_results_of_another_call_that_would_stay_among_these_are_refused(tmp_path):
    folder = results(tmp_path / "MDAL", "1.png", "2.png", "3.png", "4.png")
    target = tmp_path / "out"
    copies, _ = planned_copies(folder, NUMBERING, set(NUMBERING), target)
    write_copies(copies)
    (target / "AR/notes.txt").touch()
    assert planned_copies(folder, NUMBERING, set(NUMBERING), target) == (copies, [])
    # another kind of result, and a person who is not in the test split
    (folder / "1.png").rename(folder / "1.jpg")
    [problem] = planned_copies(folder, NUMBERING, set(NUMBERING[:3]), target)[1]
    assert problem.startswith(f"{target}: has images that are not among these results")
    assert f"results, {target}/AR/12.png, {target}/CUHK/f-1.png; move them away" in problem


def test_folders_whose_names_are_none_for_methods_are_told_with_all_else_and_nothing_is_written(
    tmp_path, capsys
):
    theirs = [results(tmp_path / name, "1.png") for name in ("My results", 65 * "a")]
    missing, output = tmp_path / "none", tmp_path / "out"
    named = [word for folder in theirs for word in ("--results", str(folder))]
    assert main(["folders", str(missing), *named, "--output", str(output)]) == 1
    *names, folder = capsys.readouterr().err.splitlines()
    for told, own in zip(names, theirs, strict=True):
        assert told.startswith(f"{own}: {own.name!r} becomes a name in `methods`")
    assert folder.startswith(f"{missing}: is not a folder")
    assert not output.exists()
