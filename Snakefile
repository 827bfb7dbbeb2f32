import atexit
import gc
import sys
from pathlib import Path

from snakemake.utils import min_version

min_version("9.27")

PROJECT = Path(str(workflow.current_basedir))
# whether this is a module of another workflow
HOSTED = PROJECT.resolve() != Path(workflow.basedir).resolve()

LIBRARY = f"{PROJECT}/workflow/scripts"

if not HOSTED:  # these settings hold for the whole process
    # 100 ablations of 5 seeds make a graph of 33,000 files with hardly any garbage. Collecting at
    # every 700 new objects would take a tenth of a dry run.
    gc.set_threshold(100_000, 20, 20)
    # A script replaces its shell (exec). Otherwise bash before 5.1 would stay, and the signal that
    # tells the script to stop would kill bash.
    shell.prefix("set -euo pipefail; exec ")


configfile: f"{PROJECT}/config/config.yaml"


include: "workflow/rules/common.smk"


pathvars:
    results=f"results/{config['run']}",
    logs=f"results/{config['run']}/logs",
    benchmarks=f"results/{config['run']}/benchmarks",


report: "workflow/report/workflow.rst"


include: "workflow/rules/align.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/landmarks.smk"
include: "workflow/rules/parsing.smk"
include: "workflow/rules/warp.smk"
include: "workflow/rules/training.smk"
include: "workflow/rules/inference.smk"
include: "workflow/rules/evaluation.smk"
include: "workflow/rules/comparison.smk"
include: "workflow/rules/votes.smk"
include: "workflow/rules/draw.smk"


if not HOSTED and workflow.is_main_process:

    onsuccess:
        page = Path("results", config["run"], "comparison", "index.html")
        if page.is_file() and page.stat().st_mtime >= PLAN.stat().st_mtime:
            print(f"the comparison is ready: {page}", file=sys.stderr)

    onerror:
        # Snakemake reports jobs that a person stopped as failed, so the last line corrects this.
        logged = "".join(Path(file).read_text(errors="replace") for file in log)
        if "Terminating processes on user request" in logged:
            atexit.register(print, STOPPED.format("Ctrl-C"), file=sys.stderr)
        elif "Will exit after finishing currently running jobs" in logged:
            atexit.register(print, STOPPED.format("SIGTERM"), file=sys.stderr)


rule all:
    default_target: not HOSTED
    input:
        rules.show_landmarks.output,
        expand(rules.show_aligned.output, subset=SUBSETS) if ALIGNS else [],
        expand(rules.show_parsings.output, subset=SUBSETS),
        expand(rules.show_warps.output, mode=MODES, subset=SUBSETS),
        expand(rules.summarise_warps.output, mode=MODES),
        expand(
            "<results>/train/{ablation}/seed{seed}/train_log.csv",
            ablation=ABLATIONS,
            seed=SEEDS,
        ),
        rules.compare.output,
