"""Draw the test photos with every evaluated generator of one training run."""

import numpy as np

from photosketch.jobs import devices, disk, job
from photosketch.jobs.progress import Bar
from photosketch.training import inference, tensors
from photosketch.training.determinism import deterministic_algorithms
from photosketch.training.samples import Samples, write_samples

with job.job(snakemake.log[0], snakemake.threads, __file__, snakemake.params.code) as console:
    hp = snakemake.params.hp
    device = devices.device_of_job(console, snakemake.config, snakemake.resources)
    data = tensors.load_packed(snakemake.input.tensors, device)
    ids, subset = np.array(data.ids), np.array(data.subset)
    seed = int(snakemake.wildcards.seed)
    jobs = list(zip(hp["epochs"], snakemake.input.generators, snakemake.output, strict=True))
    training_set = disk.file_sha256(snakemake.input.training)
    trained = {"hparams": hp["hparams"], "training_set_sha256": training_set}
    drawn_by = {"statistics": hp["statistics"], **hp["hparams"]}
    name = f"{snakemake.wildcards.ablation}, seed {seed}"
    with Bar(name, len(jobs) * len(data), console) as bar, deterministic_algorithms():
        for place, (epoch, source, target) in enumerate(jobs, 1):
            bar.part = f"drawing epoch {epoch} ({place}/{len(jobs)})"
            expected = {**trained, "seed": seed, "epoch": epoch}
            generator = inference.load_generator(source, device, expected)
            sketches = inference.draw(generator, data, hp["statistics"], seed, epoch, device, bar)
            write_samples(Samples(ids, subset, sketches, drawn_by), target)
