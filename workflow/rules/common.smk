"""The checked configuration, the wildcards' values, and the parts of params: `hp` and `code`."""

import re
import sys
from functools import cache
from pathlib import Path

from snakemake.exceptions import WorkflowError

# use this library even if the environment has another one installed
sys.path.insert(0, LIBRARY)

from photosketch.configuration import checks, loading, settings, sweeps
from photosketch.data import input_hashes, weights
from photosketch.data import pairs as pair_table
from photosketch.evaluation import method_sketches, metrics
from photosketch.jobs import code_version as code_versions
from photosketch.jobs import devices, run_plan
from photosketch.jobs.job import tell_ctrl_c, told
from photosketch.jobs.messages import InputError, counted
from photosketch.training import kept_trainings

sys.path.remove(LIBRARY)  # a host may have modules with the names of the scripts
STOPPED = "stopped by {}: run the same command again to continue"
if not HOSTED:  # jobs import this library too; this holds for the whole process
    run_plan.let_jobs_import(LIBRARY)
    if workflow.is_main_process:
        tell_ctrl_c(STOPPED.format("Ctrl-C"))

MISTAKES = "The configuration has mistakes:"


class Refused(WorkflowError):
    """A mistake that a person has to correct. Without a traceback, because below a traceback
    Snakemake prints lines of the workflow's files, which are not at fault."""

    __traceback__ = None


def refuse(heading, problems):
    """Stop with at most 20 problems and the number of the others; a file has all."""
    raise Refused("\n  ".join([heading, *told(problems, heading)]))


for what, path in {"The project": str(PROJECT), "Python": sys.executable}.items():
    if re.search(r"[\s{}]", path):
        refuse(
            f"{what} has a path with a space or a brace, with which no job starts; move it:",
            [path],
        )

# a host workflow gives the configuration in `config`; its files are not read
others = [] if HOSTED else map(Path, workflow.configfiles)
given = {} if HOSTED else workflow.config_settings.config
try:
    # Snakemake lists the defaults too
    files = loading.read_overlays(dict.fromkeys([loading.DEFAULTS, *others]))
    if HOSTED:
        files.append(dict(config))
        config = loading.merged(*files)
    written, config, SWEEPS = loading.load(config, files, given)
except InputError as error:
    refuse(MISTAKES, error.problems)
try:
    PAIRS = pair_table.read_table(config["dataset"]["pairs"])
except InputError as error:
    refuse("The table of pairs (dataset.pairs) cannot be used:", error.problems)

images = [
    (f"{modality} of {row['subset']} {row['id']}", row[modality])
    for row in PAIRS
    for modality in pair_table.MODALITIES
]
images += [
    (f"methods.{name}", path)
    for name, folder in config["methods"].items()
    for path in method_sketches.image_files(folder)
]
if mistakes := checks.paths_with_placeholders(images):
    refuse("Images cannot be used:", mistakes)
if mistakes := checks.unknown_in_pairs(config, PAIRS):
    refuse(MISTAKES, mistakes)

SUBSETS = pair_table.subsets(PAIRS)
SEEDS = config["seeds"]
EPOCHS = settings.evaluated_epochs(config)
ABLATIONS = settings.ablation_order(config["ablations"], files[0]["ablations"])
SWEEP_POINTS = [name for name in ABLATIONS if name not in written["ablations"]]
SHOWN = sweeps.shown(ABLATIONS, SWEEP_POINTS, SWEEPS)
METHODS = list(config["methods"])
FRAME = config["dataset"]["frame"]
DRAW = config["draw"]
HASHES = Path(".snakemake/contents")  # stored hashes of the images


# Local rules say so one by one, because the names in one `localrules:` would be wrong if
# this workflow is a module of another workflow.
#
# The priority of all rules up to the points, so that a person learns of missing points before heavy
# jobs run (the features of real sketches, for example, only need the pairs).
FIRST = 10


wildcard_constraints:
    subset="|".join(map(re.escape, SUBSETS)),
    ablation="|".join(map(re.escape, ABLATIONS)),
    method="|".join(map(re.escape, METHODS)) or "(?!)",
    seed="|".join(map(str, SEEDS)),
    epoch="|".join(map(str, EPOCHS)),
    mode="face|region",


PLAN = run_plan.plan_file(config["run"])
OPTIONS = run_plan.options(
    workflow.resource_settings.cores,
    Path(workflow.main_snakefile),
    workflow.config_settings.configfiles,
    workflow.config_settings.config,
)


onstart:
    run_plan.write_plan(PLAN, OPTIONS)
    due = list(workflow.dag.needrun_jobs())
    print(
        f"results/{config['run']}: {counted(len(ABLATIONS), 'ablation')} "
        f"({', '.join(ABLATIONS)}), {counted(len(SEEDS), 'seed')} "
        f"({', '.join(map(str, SEEDS))}); {len(due)} of {len(workflow.dag.jobs)} jobs are new",
        file=sys.stderr,
    )
    for ablation, seed in sorted(
        tuple(job.wildcards) for job in due if job.rule.name == "train"
    ):
        for line in kept_trainings.lines_at_start(
            Path(f"results/{config['run']}/train/{ablation}/seed{seed}"),
            hparams(ablation),
            code_version("train.py"),
            config["train"]["keep_replaced"],
        ):
            print(f"{ablation}, seed {seed}: {line}", file=sys.stderr)


def code_version(script):
    """The hash of a script and its imports at the time when the run was planned."""
    planned = run_plan.planned_version(PLAN, script) if workflow.remote_exec else None
    return planned or code_versions.code_version(script)


def drawing_generator(wildcards):
    """The generator to draw with, by absolute path: no rule produces it, so Snakemake does not
    train it."""
    if not DRAW:
        raise Refused(
            "draw: is not set; add for example --config "
            f"'draw={{photos: my_photos, ablation: {ABLATIONS[-1]}, seed: {SEEDS[0]}, "
            f"epoch: {EPOCHS[-1]}}}'"
        )
    if mistakes := checks.draw_problems(DRAW, ABLATIONS, SEEDS, EPOCHS):
        refuse(MISTAKES, mistakes)
    path = Path(
        f"results/{config['run']}/train/{DRAW['ablation']}/seed{DRAW['seed']}",
        f"generator_epoch{DRAW['epoch']}.safetensors",
    )
    if not path.is_file():
        command = run_plan.typed(OPTIONS, str(path))
        raise Refused(
            f"draw: {path} is not trained yet; first run (with your profile, if any)\n{command}"
        )
    return str(path.absolute())


def hparams(ablation):
    """The hyper-parameters of one ablation."""
    return settings.ablation_config(config, ablation).hparams()


def given_files(**files):
    """Named inputs or outputs, without empty ones."""
    return {name: paths for name, paths in files.items() if paths}


@cache
def on_cpu():
    """Whether the jobs compute on this machine's CPU. False if jobs are submitted elsewhere."""
    is_here = workflow.local_exec and not workflow.remote_exec
    return is_here and not devices.may_use_gpu(config["device"])


def gpu(wildcards):
    """The resource gpu: 0 if the jobs compute on the CPU, so that only cores limit them."""
    return 0 if on_cpu() else 1


def network_threads(wildcards):
    """Threads of a job that runs an ablation's networks. Narrow networks gain nothing from two."""
    train = settings.ablation_config(config, wildcards.ablation)
    return 1 if on_cpu() and max(train.ngf, train.ndf) <= 16 else 4


def by_attempt(amount):
    """A resource that grows by the same amount each time the job is submitted again.

    Memory (MB) was measured on CPUs, on 188 pairs and one full-size training step. Time (minutes)
    is a guess for the full experiment, because no GPU was available.
    """
    return lambda wildcards, attempt: amount * attempt
