"""Several GPUs in one machine, simulated: Snakemake's limit and the locks on devices together."""

import json
import subprocess
import sys

import pytest

DEVICES = 4
TORCH = f"""\
class cuda:
    is_available = staticmethod(lambda: True)
    device_count = staticmethod(lambda: {DEVICES})
    is_initialized = staticmethod(lambda: False)
    get_arch_list = staticmethod(lambda: ["sm_80"])
    set_device = staticmethod(lambda index: None)
    synchronize = staticmethod(lambda: None)

    class get_device_properties:
        name, major, minor = "simulated", 8, 0

        def __init__(self, index):
            self.uuid = f"uuid-{{index}}"

def device(kind, index):
    return index
"""
SNAKEFILE = """\
rule all:
    input:
        expand("{number}.json", number=range(6)),

rule hold:
    output:
        "{number}.json",
    log:
        "{number}.log",
    resources:
        gpu=1,
    script:
        "hold.py"
"""
HOLD = """\
import json, sys, time
sys.path[:0] = [".", LIBRARY]
from photosketch.jobs import devices
from photosketch.jobs import job as runtime
from photosketch.jobs.code_version import code_version

with runtime.job(snakemake.log[0], 1, "infer.py", code_version("infer.py")) as console:
    device = devices.acquire_device(console, lock_folder="locks")
    start = time.time()
    time.sleep(2)
    with open(snakemake.output[0], "w") as file:
        json.dump([start, time.time(), device], file)
"""


@pytest.fixture
def run(tmp_path, root, monkeypatch):
    """Six jobs that each hold a device for two seconds; gives what snakemake printed, and jobs."""
    for told in ("CUDA_VISIBLE_DEVICES", "SLURM_JOB_ID"):
        monkeypatch.delenv(told, raising=False)
    (tmp_path / "torch.py").write_text(TORCH)
    (tmp_path / "Snakefile").write_text(SNAKEFILE)
    library = str(root / "workflow/scripts")
    (tmp_path / "hold.py").write_text(HOLD.replace("LIBRARY", repr(library)))

    def start(gpus):
        done = subprocess.run(
            [sys.executable, "-m", "snakemake", "--cores", "16", "--resources", f"gpu={gpus}"],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout, [json.loads((tmp_path / f"{i}.json").read_text()) for i in range(6)]

    return start


def devices_in_use_together(jobs):
    """For the start of each job, the devices in use at that moment."""
    return [
        [device for start, end, device in jobs if start <= moment < end] for moment, _, _ in jobs
    ]


def test_as_many_jobs_as_devices_run_at_once_on_a_device_each(run):
    printed, jobs = run(gpus=DEVICES)
    together = devices_in_use_together(jobs)
    assert all(len(set(used)) == len(used) for used in together)
    assert max(map(len, together)) == DEVICES
    assert "waiting" not in printed


def test_jobs_beyond_the_devices_wait_and_say_so(run):
    printed, jobs = run(gpus=6)
    together = devices_in_use_together(jobs)
    assert all(len(set(used)) == len(used) for used in together)
    assert "every GPU is in use (4): waiting" in printed
