"""Train one ablation with one seed on packed pairs, on a machine without the workflow.

    photosketch train results/RUN/tensors/train.npz --ablation local --config my.yaml \\
        --output trained

It needs torch, numpy, safetensors, tqdm, psutil, PyYAML and pydantic. After a stop, the same
command resumes from the last state. The workflow continues a training if trained/.state is copied
to results/RUN/train/ABLATION/seedN/.state: docs/gpu.md.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from photosketch.configuration import loading
from photosketch.configuration.settings import ablation_config, training_tensors
from photosketch.jobs import devices
from photosketch.jobs.code_version import code_version
from photosketch.jobs.disk import sole_writer
from photosketch.jobs.job import INTERRUPTED, command, threads_problems
from photosketch.jobs.messages import InputError, InterruptedJobError


@command
def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    parser = argparse.ArgumentParser(
        prog="photosketch train",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("tensors", type=Path, metavar="TENSORS", help="packed pairs of results/RUN/tensors")
    add("--ablation", required=True, metavar="NAME", help="an ablation of the configuration")
    add("--config", type=Path, nargs="+", default=[], metavar="YAML", help="overlays of the run")
    add("--output", type=Path, required=True, metavar="FOLDER", help="generators, log and states")
    add("--seed", type=int, metavar="N", help="a seed of the configuration (default: the first)")
    add("--threads", type=int, metavar="N", help="CPU threads (default: all)")
    asked = parser.parse_args(arguments)
    config = loading.load_overlays(asked.config)
    seed = config["seeds"][0] if asked.seed is None else asked.seed
    problems = [
        f"--{name} {value}: not in the configuration; choose one of "
        f"{', '.join(map(str, config[f'{name}s']))}, or add it to the overlay"
        for name, value in {"ablation": asked.ablation, "seed": seed}.items()
        if value not in config[f"{name}s"]
    ]
    problems += threads_problems(asked.threads)
    if not asked.tensors.is_file():
        problems.append(f"{asked.tensors}: is not a file; correct the path")
    if problems:
        raise InputError(problems)
    hparams = ablation_config(config, asked.ablation).hparams()
    if asked.tensors.name != (needed := training_tensors(hparams["warp"])):
        fault = f"ablation {asked.ablation} trains on {needed}; give it that file"
        raise InputError([f"{asked.tensors}: {fault}"])
    import torch  # here, because it takes seconds

    from photosketch.training import loop

    if asked.threads:
        torch.set_num_threads(asked.threads)
    device = devices.acquire_device(sys.stderr, config["device"], config["gpu_slots"])
    try:
        with sole_writer(asked.output, sys.stderr):
            loop.train_packed(
                asked.tensors,
                asked.output,
                ablation=asked.ablation,
                seed=seed,
                config=config,
                hparams=hparams,
                code=code_version("train.py"),
                device=device,
                page_command="snakemake annotate --cores 1",
                console=sys.stderr,
            )
    except InterruptedJobError as stop:
        print(stop, file=sys.stderr)
        return INTERRUPTED
    return 0


if __name__ == "__main__":
    sys.exit(main())
