"""The workflow and its library: what others installed, and trainings made by the library alone."""

import shutil
import subprocess
import sys


def test_the_workflow_takes_over_its_states_without_a_step(project, tmp_path):
    tensors, trained = "results/small/tensors/train.npz", tmp_path / "trained"
    place = project.results / "train/local/seed0"
    shutil.rmtree(place)
    subprocess.run(
        [
            *(sys.executable, "-m", "photosketch.training", tensors, "--ablation", "local"),
            *("--config", project.overlay, "--output", trained, "--threads", "1"),
        ],
        cwd=project.folder,
        env={**project.environment(), "PYTHONPATH": "workflow/scripts"},
        check=True,
    )
    shutil.copytree(trained / ".state", place / ".state")
    log = str((place / "train_log.csv").relative_to(project.folder))
    done = project.snakemake(log)
    assert done.returncode == 0, done.stdout
    said = (project.results / "logs/train/local/seed0.log").read_text()
    assert "resuming after epoch 3 and 0 images" in said
    assert "epoch 1:" not in said
    for file in (*trained.glob("*.safetensors"), trained / "train_log.csv"):
        assert (place / file.name).read_bytes() == file.read_bytes(), file.name
    assert "Nothing to be done" in project.snakemake(log, "--dry-run").stdout


def test_jobs_take_the_library_of_their_project_whatever_is_installed(unrun, tmp_path):
    (tmp_path / "photosketch").mkdir()
    (tmp_path / "photosketch/__init__.py").write_text("raise ImportError('of another folder')")
    done = unrun.snakemake("results/small/pairs.tsv", PYTHONPATH=str(tmp_path))
    assert done.returncode == 0, done.stdout
