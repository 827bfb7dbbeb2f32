"""Train one ablation with one seed."""

from pathlib import Path
from typing import TYPE_CHECKING

from photosketch import checkpoint, runtime, tensors, training
from photosketch.config import TrainConfig, evaluated_epochs

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with runtime.job(snakemake.log[0], snakemake.threads) as console:
    device = runtime.acquire_device(".snakemake/locks", console, snakemake.config["gpu_slots"])
    ablation, seed = snakemake.wildcards.ablation, int(snakemake.wildcards.seed)
    config = TrainConfig.from_hparams(snakemake.params.hp)
    continuable = {k: v for k, v in snakemake.params.hp.items() if k != "epochs"}
    training.train(
        data=tensors.load_packed(snakemake.input.tensors, device),
        config=config,
        seed=seed,
        due=evaluated_epochs(snakemake.config),
        folder=Path(snakemake.output.log).parent,
        fingerprint=checkpoint.fingerprint(
            hparams=snakemake.params.hp if config.lr_decay_epochs else continuable,
            code=snakemake.params.code,
            data=checkpoint.file_sha256(snakemake.input.tensors),
            seed=seed,
        ),
        device=device,
        console=console,
        name=f"{ablation} seed {seed}",
        strip_every=snakemake.config["train"]["strip_every"],
        state_minutes=snakemake.config["train"]["state_minutes"],
        keep=snakemake.config["train"]["keep"],
    )
