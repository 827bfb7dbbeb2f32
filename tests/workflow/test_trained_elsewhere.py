"""A training made by the command on another machine is brought back to the workflow."""

import shutil
import subprocess
import sys


def test_the_workflow_takes_over_its_states_without_a_step(project, tmp_path):
    place = project.results / "train/local/seed0"
    usual = {path.name: path.read_bytes() for path in place.glob("*.safetensors")}
    program = [sys.executable, "-m", "photosketch.training", "results/small/tensors/train.npz"]
    options = ["--ablation", "local", "--config", project.overlay, "--output", tmp_path / "trained"]
    subprocess.run(
        [*program, *options, "--threads", "1"],
        cwd=project.folder,
        env={**project.environment(), "PYTHONPATH": "workflow/scripts"},
        check=True,
    )
    shutil.rmtree(place)
    shutil.copytree(tmp_path / "trained/.state", place / ".state")
    done = project.snakemake(str((place / "train_log.csv").relative_to(project.folder)))
    assert done.returncode == 0, done.stdout
    log = (project.results / "logs/train/local/seed0.log").read_text()
    assert "resuming after epoch 3 and 0 images" in log
    assert "epoch 1:" not in log
    assert {path.name: path.read_bytes() for path in place.glob("*.safetensors")} == usual
    assert not [job for job in project.stale() if job.startswith("train")]
