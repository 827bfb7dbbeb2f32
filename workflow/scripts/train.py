"""Train one ablation with one seed."""

from pathlib import Path

from photosketch.jobs import devices, job, run_plan
from photosketch.training import loop, tensorboard_log

folder = Path(snakemake.output.log).parent

with job.job(
    snakemake.log[0], snakemake.threads, __file__, snakemake.params.code, alone_in=folder
) as console:
    loop.train_packed(
        Path(snakemake.input.tensors),
        folder,
        ablation=snakemake.wildcards.ablation,
        seed=int(snakemake.wildcards.seed),
        config=snakemake.config,
        hparams=snakemake.params.hp,
        code=snakemake.params.code,
        device=devices.device_of_job(console, snakemake.config, snakemake.resources),
        page_command=run_plan.command(snakemake.config["run"], "annotate"),
        console=console,
        watch=tensorboard_log.Live,
    )
