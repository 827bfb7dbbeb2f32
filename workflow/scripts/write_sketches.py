"""Write the sketches of one epoch as PNG files, {subset}/{id}.png."""

from pathlib import Path

from PIL import Image

from photosketch.jobs import disk, job
from photosketch.training.samples import read_samples

with job.job(snakemake.log[0], snakemake.threads, __file__, snakemake.params.code):
    samples = read_samples(snakemake.input[0])
    for path in map(Path, snakemake.output):
        [sketch] = samples.of(path.parent.name, [path.stem])
        with disk.write_atomically(path) as temporary:
            Image.fromarray(sketch).save(temporary)
