"""The slurm profile on a real SLURM: the same table, the right requests, nothing lost."""

import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import yaml

from support.slurm import NODES
from support.waiting import wait_for

TRAINING = "results/small/train/baseline/seed0/train_log.csv"
BEYOND_THE_LIMIT = 100_000  # epochs: no machine gets there in a test


def profile_of(project) -> dict:
    return yaml.safe_load((project.folder / "profiles/slurm/config.yaml").read_text())


def value_after(call: list[str], flag: str) -> str:
    return call[call.index(flag) + 1]


def most_at_a_time(jobs: list[dict[str, str]]) -> int:
    """How many of the jobs ran at the same moment, at most."""
    moments = []
    for job in jobs:
        moments.append((datetime.fromisoformat(job["StartTime"]), 1))
        moments.append((datetime.fromisoformat(job["EndTime"]), -1))
    running = [0]
    for _, change in sorted(moments):
        running.append(running[-1] + change)
    return max(running)


def requested(call: list[str]) -> dict[str, str]:
    """What a call of sbatch asks for, by flag."""
    flags = {"-t": "", "--mem": "", "--gpus": "", "--cpus-per-task": "", "--signal": ""}
    for at, word in enumerate(call):
        name, _, value = word.partition("=")
        if word in ("-t", "--mem"):
            flags[word] = call[at + 1]
        elif name in flags:
            flags[name] = value
    return flags


def wanted(project, rules: list[str]) -> dict[str, str]:
    """What the rules and the profile ask for, for one job of `rules` one after the other."""
    files = (project.folder / "workflow/rules").glob("*.smk")
    text = "\n".join(path.read_text() for path in files)

    def number(rule: str, name: str) -> int:
        """What the rule's first attempt asks for."""
        return int(re.search(rf"^rule {rule}:.*?{name}=by_attempt\((\d+)\)", text, re.S | re.M)[1])

    on_gpu = rules[0] not in ("detect_landmarks", "parse_faces")
    return {
        "-t": str(sum(number(rule, "runtime") for rule in rules)),
        "--mem": str(max(number(rule, "mem_mb") for rule in rules)),
        "--gpus": "1" if on_gpu else "",
        "--cpus-per-task": "1",  # the threads that the tests set
        "--signal": "TERM@300" if rules == ["train"] else "",
    }


def test_the_cluster_gives_the_table_of_a_local_run_by_the_requests_of_the_profile(
    on_cluster, local_run
):
    before = len(on_cluster.cluster.jobs())
    done = on_cluster.snakemake()
    assert done.returncode == 0, done.stdout
    table = "comparison/fid.csv"
    assert (on_cluster.results / table).read_text() == (local_run.results / table).read_text()

    trainings = [
        job
        for job in on_cluster.cluster.jobs()[before:]
        if job["Comment"].startswith("rule_train_")
    ]
    assert len(trainings) == 3
    assert most_at_a_time(trainings) == 2

    asked = {}
    for call in on_cluster.sbatch_calls():
        assert "--no-requeue" in call
        rule = value_after(call, "--comment").partition("_wildcards")[0]
        assert asked.setdefault(rule, requested(call)) == requested(call)
    assert asked == {
        "rule_detect_landmarks": wanted(on_cluster, ["detect_landmarks"]),
        "rule_extract_real_features": wanted(on_cluster, ["extract_real_features"]),
        "rule_parse_faces": wanted(on_cluster, ["parse_faces"]),
        "rule_train": wanted(on_cluster, ["train"]),
        "rule_score_evaluate_infer": wanted(on_cluster, ["infer", "evaluate"]),
        "rule_estimate_differences": {
            **wanted(on_cluster, ["estimate_differences"]),
            "--gpus": "",
        },
    }


@contextmanager
def running(project, *targets: str) -> Iterator[subprocess.Popen]:
    """A run in the background, which ends with its jobs at the end of the block."""
    run = project.start(*targets)
    try:
        yield run
    finally:
        run.kill()
        run.wait()
        project.cluster.run("scancel", "--user=root")
        wait_for("free nodes", 60, lambda: project.cluster.idle_nodes() == len(NODES))


def saved_images(project) -> int:
    """The images seen by the newest saved state of the training, 0 without one."""
    names = project.results.glob("train/baseline/seed0/.state/*/state-*.bin")
    return max((int(path.stem.removeprefix("state-")) for path in names), default=0)


def training_log(project, seed: int = 0) -> str:
    path = project.results / f"logs/train/baseline/seed{seed}.log"
    return path.read_text() if path.exists() else ""


def assert_continued(project, images: int, seed: int = 0) -> None:
    """The last job of the training went on from at least so many images."""
    log = training_log(project, seed)
    (resumed,) = re.findall(r"resuming after .* (\d+) images in all", log)
    assert int(resumed) >= images > 0
    assert "epoch 1:" not in log


def interrupt(project, run: subprocess.Popen, ending: Callable[[], object]) -> None:
    """End the training's job, and wait for the next one, which goes on from what was saved."""
    images = saved_images(project)
    (project.results / "logs/train/baseline/seed0.log").unlink()  # the next job's is another file
    ending()
    wait_for(
        "the next job",
        project.patience,
        lambda: "resuming after" in training_log(project),
        run,
        project.printed,
    )
    assert_continued(project, images)


def test_scancel_a_crashed_node_and_sigkill_of_snakemake_lose_nothing(prepared):
    cluster = prepared.cluster
    with running(prepared, TRAINING) as run:
        wait_for(
            "saved state", prepared.patience, lambda: saved_images(prepared), run, prepared.printed
        )
        interrupt(prepared, run, lambda: cluster.run("scancel", cluster.jobs()[-1]["JobId"]))

        crashed = cluster.jobs()[-1]
        try:
            interrupt(prepared, run, lambda: cluster.crash(crashed["NodeList"]))
            states = {job["JobId"]: job["JobState"] for job in cluster.jobs()}
            assert states[crashed["JobId"]] == "NODE_FAIL"
        finally:
            cluster.start_node(crashed["NodeList"])
        memory = [requested(call)["--mem"] for call in prepared.sbatch_calls()]
        assert memory == ["8000", "16000", "24000"]

        run.send_signal(signal.SIGKILL)
        run.wait()
        (run_id,) = re.findall(r"SLURM run ID: (\S+)", prepared.printed())
        cluster.run("scancel", f"--name={run_id}")
        wait_for("end of the job", 60, lambda: cluster.idle_nodes() == len(NODES))
    images = saved_images(prepared)
    locked = prepared.snakemake(TRAINING)
    assert locked.returncode != 0 and "--unlock" in locked.stdout
    unlocked = prepared.snakemake("--unlock")
    assert unlocked.returncode == 0, unlocked.stdout
    done = prepared.snakemake(TRAINING)
    assert done.returncode == 0, done.stdout
    assert (prepared.folder / TRAINING).exists()
    assert_continued(prepared, images)


def test_trainings_that_reach_their_time_limit_are_submitted_again_and_continue(prepared):
    profile = profile_of(prepared)
    profile["set-resources"]["train"] |= {
        # two minutes, then six: SLURM's signal may come a minute early, and not before the start
        "runtime": "4 * attempt - 2",
        # seed 0 is told ahead of the limit and ends by itself, seed 1 is ended by SLURM
        "slurm_extra": "'--signal=TERM@20' if wildcards.seed == '0' else ''",
    }
    file = prepared.folder / "profiles/slurm/config.yaml"
    file.write_text(yaml.safe_dump(profile, sort_keys=False))
    prepared.configure(train={"epochs": BEYOND_THE_LIMIT})
    before = len(prepared.cluster.jobs())
    with running(prepared, TRAINING, TRAINING.replace("seed0", "seed1")) as run:
        for seed in (0, 1):
            wait_for(
                f"second job of seed {seed}",
                prepared.patience,
                lambda seed=seed: "resuming" in training_log(prepared, seed),
                run,
                prepared.printed,
            )
        jobs = prepared.cluster.jobs()[before:]
    ahead, at_limit = (
        [job for job in jobs if job["Comment"].endswith(name)]
        for name in ("baseline_0", "baseline_1")
    )
    assert [job["JobState"] for job in ahead] == ["FAILED", "RUNNING"]
    assert [job["JobState"] for job in at_limit] == ["TIMEOUT", "RUNNING"]
    said = Path(ahead[0]["StdOut"]).read_text()
    (images,) = re.findall(r"told to stop after (\d+) images", said)
    assert_continued(prepared, int(images), seed=0)
    assert_continued(prepared, 1, seed=1)
