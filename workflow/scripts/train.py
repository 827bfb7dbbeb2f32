"""Train one ablation with one seed."""

from pathlib import Path
from typing import TYPE_CHECKING

from photosketch import runtime
from photosketch.config import TrainConfig, evaluated_epochs
from photosketch.training import checkpoint, loop, tensors

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

ablation, seed = snakemake.wildcards.ablation, int(snakemake.wildcards.seed)
folder = Path(snakemake.output.log).parent
settings = snakemake.config["train"]

with runtime.job(snakemake.log[0], snakemake.threads, alone_in=folder) as console:
    device = runtime.acquire_device(console, snakemake.config["gpu_slots"])
    with runtime.staged(snakemake.input.tensors) as packed:
        data = tensors.load_packed(packed, device)
        data_sha256 = runtime.file_sha256(packed)
    config = TrainConfig.from_hparams(snakemake.params.hp)
    continuable = {k: v for k, v in snakemake.params.hp.items() if k != "epochs"}
    loop.train(
        data=data,
        config=config,
        seed=seed,
        due=evaluated_epochs(snakemake.config),
        folder=folder,
        fingerprint=checkpoint.fingerprint(
            hparams=snakemake.params.hp if config.lr_decay_epochs else continuable,
            code=snakemake.params.code,
            data=data_sha256,
            seed=seed,
        ),
        device=device,
        console=console,
        name=f"{ablation} seed {seed}",
        strip_every=settings["strip_every"],
        state_minutes=settings["state_minutes"],
        keep=settings["keep"],
    )
