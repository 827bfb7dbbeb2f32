"""How far each method is from the reference ablation, with intervals and a verdict."""

from typing import TYPE_CHECKING

from photosketch import runtime
from photosketch.evaluation import differences
from photosketch.evaluation.files import read_features, read_run_features, read_texts_and_numbers
from photosketch.evaluation.metrics import IMAGE_METRICS

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with runtime.job(snakemake.log[0], snakemake.threads) as console:
    hp = snakemake.params.hp
    real = read_features(snakemake.input.real)
    counts = differences.resample(real.subset)
    runs: dict[str, list] = {}
    for name, path, table in zip(
        hp["runs"], snakemake.input.features, snakemake.input.images, strict=True
    ):
        print(f"resampling {name}: {path}", file=console)
        run = read_run_features(path)
        images = read_texts_and_numbers(table, "subset", "id")
        by_metric = {
            metric: images[metric].to_numpy(float).reshape(len(run.epochs), -1)  # [E, N]
            for metric in IMAGE_METRICS
            if metric in images
        }
        scores = differences.resampled_scores(
            real.features, run.features, by_metric, real.subset, counts, snakemake.threads
        )
        runs.setdefault(name, []).append(scores)
    with runtime.write_atomically(snakemake.output[0]) as temporary:
        differences.against_reference(runs, hp["reference"]).to_csv(temporary, index=False)
