"""The checked configuration, the wildcards' values, and what params are made of: `hp` and `code`."""

import hashlib
import re
import sys
from functools import cache
from pathlib import Path

import yaml
from snakemake.exceptions import WorkflowError

SCRIPTS = Path(workflow.basedir) / "workflow" / "scripts"
sys.path.insert(0, str(SCRIPTS))

from photosketch import config as settings
from photosketch import method_sketches
from photosketch import pairs as pair_table
from photosketch import published
from photosketch.runtime import InputError


def yaml_file(*parts):
    return yaml.safe_load(Path(workflow.basedir, *parts).read_text())


def refuse(heading, problems):
    raise WorkflowError("\n  ".join([heading, *problems]))


config = settings.without_dropped_ablations(config)
schema = yaml_file("workflow", "schemas", "config.schema.yaml")
mistakes = settings.problems(config, schema) or settings.missing_files(config)
if mistakes:
    refuse("The configuration has mistakes:", mistakes)

try:
    PAIRS = pair_table.read_table(config["dataset"]["pairs"])
except InputError as error:
    refuse("The table of pairs (dataset.pairs) cannot be used:", error.problems)

SUBSETS = pair_table.subsets(PAIRS)
SEEDS = config["seeds"]
EPOCHS = settings.evaluated_epochs(config)
ABLATIONS = settings.ablation_order(
    config["ablations"], yaml_file("config", "config.yaml")["ablations"]
)
METHODS = list(config["methods"])


wildcard_constraints:
    subset="|".join(map(re.escape, SUBSETS)),
    ablation="|".join(map(re.escape, ABLATIONS)),
    method="|".join(map(re.escape, METHODS)) or "(?!)",
    seed="|".join(map(str, SEEDS)),
    epoch="|".join(map(str, EPOCHS)),
    mode="face|region",


@cache
def code_version(*modules):
    """Hash of the modules (below workflow/scripts) that a stage's result depends on.

    config.py and runtime.py are left out: they decide what is computed only through `hp`.
    """
    digest = hashlib.sha256()
    for module in modules:
        digest.update(module.encode() + b"\0" + (SCRIPTS / module).read_bytes() + b"\0")
    return digest.hexdigest()


def hparams(ablation):
    """The canonical hyper-parameters of one ablation."""
    return settings.ablation_config(config, ablation).hparams()


def given(**values):
    """The values that are not null."""
    return {name: value for name, value in values.items() if value is not None}
