"""Show the drawn sketches of one epoch beside the nearest training sketches, most similar first."""

from photosketch.data import pairs
from photosketch.evaluation.files import read_features, read_run_features
from photosketch.evaluation.memory import Memory
from photosketch.evaluation.sheets import memory_sheet
from photosketch.figures import contact_sheet
from photosketch.jobs import job
from photosketch.training.samples import read_samples

with job.job(snakemake.log[0], snakemake.threads, __file__, snakemake.params.code):
    files, run = snakemake.input, snakemake.wildcards
    manifest = pairs.read_pairs(files.manifest, snakemake.config)
    people, training = (pairs.select(manifest, split=split) for split in ("test", "train"))
    real = read_features(files.real)
    drawn = read_run_features(files.features, real)
    sheet = memory_sheet(
        f"{run.ablation}, seed {run.seed}, epoch {run.epoch}",
        people,
        training,
        read_samples(files.samples, [(pair.subset, pair.id) for pair in people]).sketches,
        drawn.features[drawn.epochs.tolist().index(int(run.epoch))],
        Memory.of(read_features(files.training), real),
    )
    contact_sheet.save(sheet, snakemake.output[0])
