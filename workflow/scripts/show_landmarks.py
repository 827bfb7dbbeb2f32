"""Montages of all landmarks, outliers first, and a table of the points' sources."""

from photosketch.data import pairs
from photosketch.data.storage import write_table
from photosketch.figures import contact_sheet
from photosketch.jobs import job, run_plan
from photosketch.jobs.messages import say
from photosketch.landmarks import review
from photosketch.landmarks.table import read_tables

with job.job(snakemake.log[0], snakemake.threads, __file__, snakemake.params.code) as console:
    hp, config, files = snakemake.params.hp, snakemake.config, snakemake.input
    aligns, frame = hp["aligns"], hp["frame"]
    annotate = run_plan.command(config["run"], "annotate")
    found = [
        read_tables(hp["subsets"], paths)
        for paths in (files.detected, files.get("facepp"))
        if paths
    ]
    tables = {
        subset: review.reviewed(table, [each[subset] for each in found], aligns=aligns)
        for subset, table in read_tables(hp["subsets"], files.landmarks).items()
    }
    listed = pairs.read_pairs(files.manifest, config)
    write_table(review.counts(tables, listed), snakemake.output.sources)
    montages = iter(snakemake.output.montages)
    for subset, table in tables.items():
        own = pairs.select(listed, subset)
        for modality in pairs.MODALITIES:
            picture = review.montage(own, table, modality, aligns=aligns, frame=frame)
            contact_sheet.save(picture, next(montages))
        far, several = table[table["far"]], table[table["faces"] > 1]
        faults = [
            (row, f"lie {row.distance:.1f} spreads from the usual shape of {subset}")
            for row in far.itertuples()
        ] + [
            (row, f"belong to the largest of {row.faces} faces of about the same size")
            for row in several.itertuples()
        ]
        for row, fault in faults:
            print(
                f"{subset} {row.id}, {row.modality}: points of {row.source} {fault}; check them. "
                f"To correct points, add {subset}/{row.id}/{row.modality} to landmarks.annotate "
                f"and run `{annotate}`"
            )
        say(f"{subset}: {len(far)} of {len(table)} images with points far outside", console)
