"""Pack tensors, and train one ablation with one seed."""


rule pack_tensors:
    input:
        **IMAGES,
        landmarks=LANDMARKS,
        parsing=expand("<results>/parsing/{subset}.npz", subset=SUBSETS),
    output:
        **given_files(val="<results>/tensors/val.npz" if VALIDATED else None),
        train="<results>/tensors/train.npz",
        test="<results>/tensors/test.npz",
    log:
        "<logs>/pack_tensors.log",
    benchmark:
        "<benchmarks>/pack_tensors.tsv"
    localrule: True
    conda:
        "../../environment.yml"
    params:
        hp={
            "subsets": SUBSETS,
            "pad_value": config["dataset"]["pad_value"],
            "sketch_channels": config["dataset"]["sketch_channels"],
            "frame": FRAME,
        },
        code=code_version("pack_tensors.py"),
    message:
        "Packing photos, sketches, landmarks and parsings"
    script:
        "../scripts/pack_tensors.py"


rule train:
    input:
        tensors=lambda wildcards: TRAINING_TENSORS[wildcards.ablation],
    output:
        generators=expand(
            "<results>/train/{{ablation}}/seed{{seed}}/generator_epoch{epoch}.safetensors",
            epoch=EPOCHS,
        ),
        log="<results>/train/{ablation}/seed{seed}/train_log.csv",
    log:
        "<logs>/train/{ablation}/seed{seed}.log",
    benchmark:
        "<benchmarks>/train/{ablation}/seed{seed}.tsv"
    conda:
        "../../environment.yml"
    threads: network_threads
    resources:
        mem_mb=by_attempt(8000),  # 3.8 GB with the local networks, 5.6 with frames of 512
        runtime=by_attempt(480),
        gpu=gpu,
    params:
        hp=lambda wildcards: hparams(wildcards.ablation),
        code=code_version("train.py"),
    message:
        "Training {wildcards.ablation} with seed {wildcards.seed}"
    script:
        "../scripts/train.py"
