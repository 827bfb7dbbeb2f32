"""The comparison of all ablations: table, curves, grids and the page that holds them."""

from typing import TYPE_CHECKING

from photosketch import comparison, config, features, figures, page, pairs, runtime

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

ROWS = 6  # test people in a grid

with runtime.job(snakemake.log[0], snakemake.threads) as console:
    output, hp = snakemake.output, snakemake.params.hp
    ablations, seeds, subsets = hp["ablations"], hp["seeds"], hp["subsets"]
    scores = comparison.read_scores(snakemake.input.scores, ablations, seeds, subsets)
    summary = comparison.summarise(scores, ablations, subsets)
    note = scores["note"].iloc[0]
    with runtime.write_atomically(output.csv) as temporary:
        summary.to_csv(temporary, index=False)
    with runtime.write_atomically(output.markdown) as temporary:
        temporary.write_text(page.fid_markdown(summary, scores, hp["run"]), encoding="utf-8")
    figures.save(figures.curves(scores, ablations, subsets, note=note), output.curves)

    test = pairs.select(pairs.read_manifest(snakemake.input.manifest), split="test")
    drawn = {
        ablation: features.read_samples(path)
        for ablation, path in zip(ablations, snakemake.input.samples, strict=True)
    }
    title = f"epoch {hp['epochs'][-1]}, seed {seeds[0]}"
    for subset, path in zip(subsets, output.grids, strict=True):
        people = pairs.select(test, subset=subset)
        shown = [people[i] for i in figures.evenly_spaced(len(people), ROWS)]
        names = [pair.id for pair in shown]
        columns = {
            "photo": [pairs.read_image(pair, "photo") for pair in shown],
            "real sketch": [pairs.read_image(pair, "sketch") for pair in shown],
            **{ablation: samples.of(subset, names) for ablation, samples in drawn.items()},
        }
        figures.save(figures.grid(columns, names, f"{subset}: {title}", note), path)
    with runtime.write_atomically(output.page) as temporary:
        text = page.index_html(
            summary,
            scores,
            hp["run"],
            {name: config.ablation_config(snakemake.config, name).hparams() for name in ablations},
            output.curves,
            dict(zip(subsets, output.grids, strict=True)),
        )
        temporary.write_text(text, encoding="utf-8")
    print(output.markdown, output.page, sep="\n", file=console)
