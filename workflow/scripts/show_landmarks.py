"""Montages of all landmarks, outliers first, and a table of where the points came from."""

from typing import TYPE_CHECKING

from photosketch.data import pairs
from photosketch.figures import contact_sheet
from photosketch.jobs import job, run_plan
from photosketch.landmarks import review
from photosketch.landmarks.table import read_tables

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job.job(snakemake.log[0], snakemake.threads, __file__, snakemake.params.code) as console:
    hp, config, output = snakemake.params.hp, snakemake.config, snakemake.output
    annotate = run_plan.command(run_plan.plan_file(config["run"]), "annotate")
    aligns, frame = hp["aligns"], hp["frame"]
    tables = {
        subset: review.reviewed(table, aligns=aligns)
        for subset, table in read_tables(hp["subsets"], snakemake.input.landmarks).items()
    }
    listed = pairs.read_manifest(snakemake.input.manifest, config["dataset"]["pairs"])
    with job.write_atomically(output.sources) as temporary:
        review.counts(tables, listed).to_csv(temporary, index=False)
    montages = iter(output.montages)
    for subset, table in tables.items():
        for modality in pairs.MODALITIES:
            own = pairs.select(listed, subset)
            picture = review.montage(own, table, modality, aligns=aligns, frame=frame)
            contact_sheet.save(picture, next(montages))
        far = table[table["far"]]
        for row in far.itertuples():
            print(
                f"{subset} {row.id}, {row.modality}: points of {row.source} lie {row.distance:.1f} "
                f"spreads from the usual shape of {subset}; look at them, and to correct them "
                f"add {subset}/{row.id}/{row.modality} to landmarks.annotate, then `{annotate}`"
            )
        job.say(f"{subset}: {len(far)} of {len(table)} images with points far outside", console)
