"""Train one ablation with one seed."""

from pathlib import Path
from typing import TYPE_CHECKING

from photosketch.configuration.settings import RunSettings, TrainConfig, evaluated_epochs
from photosketch.jobs import devices, job, run_plan
from photosketch.training import checkpoint, checks, loop, tensorboard_log, tensors
from photosketch.training.trainer import Trainer

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

ablation, seed = snakemake.wildcards.ablation, int(snakemake.wildcards.seed)
folder = Path(snakemake.output.log).parent

with job.job(
    snakemake.log[0], snakemake.threads, __file__, snakemake.params.code, alone_in=folder
) as console:
    device = devices.device_of_job(console, snakemake.config, snakemake.resources)
    checks.check_room(Path(snakemake.input.tensors), device, console)
    with job.staged(snakemake.input.tensors) as packed:
        data = tensors.load_packed(packed, device)
        data_sha256 = job.file_sha256(packed)
    config = TrainConfig.from_hparams(snakemake.params.hp)
    aligned = snakemake.config["dataset"]["align"] != "none"
    if config.losses.local:
        page_command = run_plan.command(run_plan.plan_file(snakemake.config["run"]), "annotate")
        checks.check_faces(data, ablation, aligned=aligned, page_command=page_command)
    continuable = {k: v for k, v in snakemake.params.hp.items() if k != "epochs"}
    run = loop.Run(
        name=f"{ablation}, seed {seed}",
        folder=folder,
        due=evaluated_epochs(snakemake.config),
        fingerprint=checkpoint.fingerprint(
            hparams=snakemake.params.hp if config.lr_decay_epochs else continuable,
            code=snakemake.params.code,
            data=data_sha256,
            seed=seed,
        ),
        settings=RunSettings.from_config(snakemake.config["train"]),
        about=loop.describe_run(
            data,
            data_sha256=data_sha256,
            aligned=aligned,
            run=snakemake.config["run"],
            ablation=ablation,
            code=snakemake.params.code,
        ),
    )
    trainer = Trainer(config, seed, data.sketch_channels, device)
    loop.train(trainer, data, run, console, tensorboard_log.Live)
