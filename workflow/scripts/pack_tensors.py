"""Pack the photos, sketches, points and labels of every split for training and inference."""

from photosketch.data import pairs
from photosketch.jobs import job
from photosketch.training import pack
from photosketch.training.packed import write_packed

with job.job(snakemake.log[0], snakemake.threads, __file__, snakemake.params.code) as console:
    hp = snakemake.params.hp
    manifest = pairs.read_pairs(snakemake.input.manifest, snakemake.config)
    landmark_files = dict(zip(hp["subsets"], snakemake.input.landmarks, strict=True))
    parsing_files = dict(zip(hp["subsets"], snakemake.input.parsing, strict=True))
    for split, path in snakemake.output.items():
        arrays = pack.pack(
            pairs.select(manifest, split=split),
            landmark_files,
            parsing_files,
            frame=hp["frame"],
            pad_value=hp["pad_value"],
            sketch_channels=hp["sketch_channels"],
        )
        write_packed(arrays, path, f"packing {split}", console)
        print(f"{split}: {len(arrays['ids'])} pairs")
