"""Draw the test photos with every evaluated generator of a training run."""


rule infer:
    input:
        tensors="<results>/tensors/test.npz",
        generators=rules.train.output.generators,
        # a generator has the hash of its training pairs
        training=lambda wildcards: TRAINING_TENSORS[wildcards.ablation],
    output:
        expand(
            "<results>/samples/{{ablation}}/seed{{seed}}/epoch{epoch}.npz",
            epoch=EPOCHS,
        ),
    log:
        "<logs>/infer/{ablation}/seed{seed}.log",
    benchmark:
        "<benchmarks>/infer/{ablation}/seed{seed}.tsv"
    conda:
        "../../environment.yml"
    threads: network_threads
    resources:
        mem_mb=by_attempt(4000),  # 0.6 GB with narrow networks
        runtime=by_attempt(60),
        gpu=gpu,
    params:
        hp=lambda wildcards: {
            "epochs": EPOCHS,
            "statistics": config["inference"]["statistics"],
            "hparams": hparams(wildcards.ablation),
        },
        code=code_version("infer.py"),
    message:
        "Drawing the test photos with {wildcards.ablation}, seed {wildcards.seed}"
    script:
        "../scripts/infer.py"


use rule infer as infer_validation with:
    input:
        tensors="<results>/tensors/val.npz",
        generators=rules.train.output.generators,
        training=lambda wildcards: TRAINING_TENSORS[wildcards.ablation],
    output:
        expand(
            "<results>/validation/{{ablation}}/seed{{seed}}/epoch{epoch}.npz",
            epoch=EPOCHS,
        ),
    log:
        "<logs>/infer_validation/{ablation}/seed{seed}.log",
    benchmark:
        "<benchmarks>/infer_validation/{ablation}/seed{seed}.tsv"
    message:
        "Drawing the validation photos with {wildcards.ablation}, seed {wildcards.seed}"


TEST_NAMES = [f"{row['subset']}/{row['id']}" for row in PAIRS if row["split"] == "test"]


rule write_sketches:
    input:
        "<results>/samples/{ablation}/seed{seed}/epoch{epoch}.npz",
    output:
        expand(
            "<results>/png/{{ablation}}/seed{{seed}}/epoch{{epoch}}/{name}.png",
            name=TEST_NAMES,
        ),
    log:
        "<logs>/write_sketches/{ablation}/seed{seed}/epoch{epoch}.log",
    benchmark:
        "<benchmarks>/write_sketches/{ablation}/seed{seed}/epoch{epoch}.tsv"
    localrule: True
    conda:
        "../../environment.yml"
    params:
        hp={},
        code=code_version("write_sketches.py"),
    message:
        "Writing the sketches of {wildcards.ablation}, seed {wildcards.seed}, as PNG"
    script:
        "../scripts/write_sketches.py"


# the sketches of the last epoch as PNG files, on demand
rule samples_png:
    input:
        expand(
            rules.write_sketches.output,
            ablation=ABLATIONS,
            seed=SEEDS,
            epoch=EPOCHS[-1],
        ),
    localrule: True
