"""Montages of all landmarks, outliers first, and a table of where the points came from."""

from typing import TYPE_CHECKING

from photosketch.data import pairs
from photosketch.figures import contact_sheet
from photosketch.jobs import job, run_plan
from photosketch.landmarks import review
from photosketch.landmarks.table import read_tables, without_points

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job.job(snakemake.log[0], snakemake.threads, __file__, snakemake.params.code) as console:
    subsets, output = snakemake.params.hp["subsets"], snakemake.output
    annotate = run_plan.command(run_plan.plan_file(snakemake.config["run"]), "annotate")
    aligns = snakemake.params.hp["aligns"]
    tables = {
        subset: review.reviewed(table, aligns=aligns)
        for subset, table in read_tables(subsets, snakemake.input.landmarks).items()
    }
    listed = pairs.read_manifest(snakemake.input.manifest, snakemake.config["dataset"]["pairs"])
    with job.write_atomically(output.sources) as temporary:
        review.counts(tables, listed).to_csv(temporary, index=False)
    by_name = {(pair.subset, pair.id): pair for pair in listed}
    montages = iter(output.montages)
    for subset, table in tables.items():
        for modality in pairs.MODALITIES:
            rows = table[table["modality"] == modality]
            shown = [by_name[subset, name] for name in rows["id"]]
            images = (pairs.read_image(pair, modality) for pair in shown)
            missing = without_points(pairs.select(listed, subset), table, modality)
            without = ((pair.id, pairs.read_image(pair, modality)) for pair in missing)
            sizes = {pair.size(modality) for pair in [*shown, *missing]}
            # the networks see the rectangles in aligned pictures, of which there are others
            framed = {} if aligns else review.photo_points(table)
            size = sizes.pop() if len(sizes) == 1 else None
            title = f"{subset}: {modality}, five points"
            frame = snakemake.params.hp["frame"]
            picture = review.montage(title, rows, images, without, framed, size, frame)
            contact_sheet.save(picture, next(montages))
            for row in rows[rows["far"]].itertuples():
                print(
                    f"{subset} {row.id}, {modality}: points of {row.source} lie {row.distance:.1f} "
                    f"spreads from the usual shape of {subset}; look at them, and to correct them "
                    f"add {subset}/{row.id}/{modality} to landmarks.annotate, then `{annotate}`"
                )
        far = int(table["far"].sum())
        job.say(f"{subset}: {far} of {len(table)} images with points far outside", console)
