from snakemake.utils import min_version

min_version("9.27")


configfile: "config/config.yaml"


include: "workflow/rules/common.smk"


pathvars:
    results=f"results/{config['run']}",
    logs=f"results/{config['run']}/logs",
    benchmarks=f"results/{config['run']}/benchmarks",


report: "workflow/report/workflow.rst"


localrules:
    all,
    index_pairs,
    facepp_landmarks,
    merge_landmarks,
    annotate,
    fetch_weights,
    collect_sketches,
    write_sketches,
    samples_png,
    summarize_warps,
    compare,


include: "workflow/rules/data.smk"
include: "workflow/rules/landmarks.smk"
include: "workflow/rules/parsing.smk"
include: "workflow/rules/warp.smk"
include: "workflow/rules/training.smk"
include: "workflow/rules/inference.smk"
include: "workflow/rules/evaluation.smk"
include: "workflow/rules/comparison.smk"


rule all:
    default_target: True
    input:
        rules.show_landmarks.output,
        expand("<results>/parsing/{subset}.png", subset=SUBSETS),
        expand("<results>/warp/{mode}_summary.csv", mode=MODES),
        expand(
            "<results>/train/{ablation}/seed{seed}/train_log.csv",
            ablation=ABLATIONS,
            seed=SEEDS,
        ),
        rules.compare.output,


# the sketches of the last epoch as PNG files, on demand
rule samples_png:
    input:
        expand(
            rules.write_sketches.output,
            ablation=ABLATIONS,
            seed=SEEDS,
            epoch=EPOCHS[-1],
        ),
