"""`make gpu-check`: whether training, drawing and scoring are right on a GPU, and how fast.

A table of verdicts, and results/gpu-check.json with the figures. Each check runs in a process of
its own with a time limit, so that one that hangs or crashes takes none with it. The checks of
recording and training need torch, numpy, OpenCV, safetensors, tqdm and threadpoolctl; the others
say which package is missing. Exit code 1 where a check failed.
"""

import argparse
import importlib
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

TESTS = Path(__file__).resolve().parent
sys.path[:0] = [str(TESTS), str(TESTS.parent / "workflow" / "scripts")]

from gpu_checks.result import Result  # noqa: E402

ABLATIONS = ("baseline", "glad", "local", "local_glad")
OTHER_FUSIONS = ("local_feather", "local_attention", "local_blend")
PRECISIONS = ("fp32", "bf16")
RESULT = Path("results/gpu-check.json")
TRAINING = ("torch", "numpy", "cv2", "safetensors", "tqdm", "threadpoolctl")
FEATURES = ("torchvision", "pytorch_fid", "efficientnet_lite_pytorch")


@dataclass(frozen=True)
class Check:
    """A function of a module in tests/gpu_checks, its arguments, and what it needs."""

    module: str
    function: str
    arguments: tuple[str, ...] = ()
    seconds: int = 90  # the limit
    packages: tuple[str, ...] = TRAINING
    gpu: bool = True  # whether there is nothing to check without one

    @property
    def name(self) -> str:
        return " ".join([self.module, self.function, *self.arguments])


def all_checks() -> list[Check]:
    """In the order of the table; their time limits are for a hang, not what they take."""
    runs = [(ablation, precision) for ablation in ABLATIONS for precision in PRECISIONS]
    fused = [(ablation, precision) for ablation in OTHER_FUSIONS for precision in PRECISIONS]
    extremes = [("baseline",), ("local_glad",)]
    return [
        Check("environment", "describe", packages=("torch", "threadpoolctl")),
        Check("environment", "two_processes_take_devices", packages=("torch", "threadpoolctl")),
        *(Check("recording", "equals_unrecorded", run, 120) for run in (*runs, *fused)),
        Check("recording", "equals_unrecorded", ("local", "fp32", "512"), 240),
        Check("recording", "on_every_device"),
        *(Check("recording", "does_not_wait", ablation) for ablation in extremes),
        Check("saving", "killed_and_resumed", seconds=180, gpu=False),
        Check("saving", "while_training_goes_on", gpu=False),
        *(Check("numerics", "first_step_as_on_the_cpu", run, 120) for run in (*runs, *fused)),
        *(Check("drawing", "twice", ablation, gpu=False) for ablation in extremes),
        Check("drawing", "memory_over_30_generators"),
        Check("scoring", "features", packages=(*TRAINING, *FEATURES)),
        Check("scoring", "image_metrics", packages=(*TRAINING, "torchvision", "pandas", "piq")),
        Check("scoring", "landmarks", packages=(*TRAINING, "pandas", "PIL", "facenet_pytorch")),
        *(Check("speed", "of_a_step", run, 120, gpu=False) for run in runs),
        Check("speed", "of_several_jobs", seconds=120),
        *(Check("speed", "of_kernels", ablation) for ablation in extremes),
    ]


def run_here(check: Check, device: str, width: int) -> Result:
    """The check's result, in this process."""
    for package in check.packages:
        try:
            importlib.import_module(package)
        except ImportError as error:
            return Result("SKIP", f"the package {package} is missing ({error})")
    function = getattr(importlib.import_module(f"gpu_checks.{check.module}"), check.function)
    return function(device, width, *check.arguments)


def run_apart(check: Check, device: str, width: int) -> Result:
    """The check's result, from a process of its own, with what else that printed if it fails."""
    if check.gpu and device == "cpu":
        return Result("SKIP", "needs a GPU")
    command = [sys.executable, __file__, "--device", device, "--width", str(width)]
    process = subprocess.Popen(
        [*command, "--run", check.name],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        env={"CUBLAS_WORKSPACE_CONFIG": ":4096:8", **os.environ},
    )
    try:
        printed, _ = process.communicate(timeout=check.seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)  # with the processes it started
        printed, _ = process.communicate()
        return Result("FAIL", f"not done after {check.seconds} s", {"printed": printed[-4000:]})
    lines = printed.splitlines()
    results = [line for line in lines if line.startswith('{"verdict"')]  # libraries print, too
    if process.returncode or not results:
        last = lines[-1] if lines else "ended without a word"
        return Result("FAIL", last, {"printed": printed[-4000:]})
    result = Result(**json.loads(results[-1]))
    if result.verdict == "FAIL":
        result.figures["printed"] = printed[-4000:]
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")
    parser.add_argument("--width", type=int, default=0, help="ngf and ndf (default 64; CPU 4)")
    parser.add_argument("--only", default="", help="checks whose name begins so")
    parser.add_argument("--json", type=Path, default=RESULT, help=f"default {RESULT}")
    parser.add_argument("--run", help=argparse.SUPPRESS)
    options = parser.parse_args()
    checks = {check.name: check for check in all_checks() if check.name.startswith(options.only)}
    if not checks:
        parser.error(f"no check begins with {options.only!r}")
    if options.run:
        result = run_here(checks[options.run], options.device, options.width)
        print(json.dumps(asdict(result)))
        return
    device = options.device if options.device != "auto" else device_at_hand()
    width = options.width or (4 if device == "cpu" else 64)
    rows = {}
    start = time.monotonic()
    for name, check in checks.items():
        began = time.monotonic()
        result = run_apart(check, device, width)
        rows[name] = {**asdict(result), "seconds": round(time.monotonic() - began, 1)}
        print(f"{result.verdict:5s}{name:52s}{result.remark}", flush=True)
    verdicts = [row["verdict"] for row in rows.values()]
    counted = ", ".join(f"{verdicts.count(kind)} {kind}" for kind in ("ok", "FAIL", "SKIP"))
    print(f"{counted} on {device}, width {width}, in {time.monotonic() - start:.0f} s")
    if device == "cpu":
        print("No GPU here: nothing was checked on one.")
    options.json.parent.mkdir(parents=True, exist_ok=True)
    report = {"device": device, "width": width, "checks": rows}
    options.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    print(f"written to {options.json}")
    sys.exit("FAIL" in verdicts)


def device_at_hand() -> str:
    """cuda where torch sees a GPU or the machine has one, so that a GPU unseen is a failure."""
    code = "import torch; print(torch.cuda.is_available())"
    seen = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    return "cuda" if "True" in seen.stdout or [*Path("/dev").glob("nvidia[0-9]*")] else "cpu"


if __name__ == "__main__":
    main()
