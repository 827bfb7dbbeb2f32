"""The scores of the drawn sketches against the real test sketches, and how far ablations differ."""

PUBLISHED_WEIGHTS = {
    "inception-tf": "resources/weights/pt_inception-2015-12-05-6726825d.pth",
    "inception-imagenet": "resources/weights/inception_v3_google-0cc3c7bd.pth",
}


def feature_weights(wildcards):
    """The weights of the feature network: a local path, the published file, or none at all."""
    features = config["evaluation"]["features"]
    if features == "inception-random":
        return {}
    return {"weights": config["evaluation"]["weights"] or PUBLISHED_WEIGHTS[features]}


def feature_hparams():
    """What the features depend on; the hash only where it replaces the published one."""
    keys = ("features", "weights_sha256")
    return {key: config["evaluation"][key] for key in keys if config["evaluation"][key]}


def lpips_hparams():
    """LPIPS is computed where its weights are; without them nothing depends on it."""
    folder = config["evaluation"]["lpips"]
    return {"lpips": folder} if folder else {}


rule fetch_inception:
    output:
        "resources/weights/{file}.pth",
    log:
        "<logs>/fetch_inception/{file}.log",
    benchmark:
        "<benchmarks>/fetch_inception/{file}.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=30,
    params:
        hp={},
        code=code_version(
            "fetch_inception.py",
            "photosketch/features.py",
        ),
    message:
        "Downloading {wildcards.file}"
    script:
        "../scripts/fetch_inception.py"


rule extract_real_features:
    input:
        unpack(feature_weights),
        manifest="<results>/pairs.tsv",
    output:
        features="<results>/evaluation/real_features.npz",
        references="<results>/evaluation/reference_points.csv",
    log:
        "<logs>/extract_real_features.log",
    benchmark:
        "<benchmarks>/extract_real_features.tsv"
    conda:
        "../../environment.yml"
    threads: 4
    resources:
        mem_mb=4000,
        runtime=30,
        gpu=1,
    params:
        hp=feature_hparams(),
        code=code_version(
            "extract_real_features.py",
            "photosketch/evaluation.py",
            "photosketch/features.py",
            "photosketch/likeness.py",
            "photosketch/metrics.py",
            "photosketch/pairs.py",
            "photosketch/recognition.py",
        ),
    message:
        "Computing the features of the real test sketches"
    script:
        "../scripts/extract_real_features.py"


rule evaluate:
    input:
        unpack(feature_weights),
        samples=rules.infer.output,
        manifest="<results>/pairs.tsv",
        real=rules.extract_real_features.output.features,
    output:
        scores="<results>/evaluation/{ablation}/seed{seed}.csv",
        images="<results>/evaluation/{ablation}/seed{seed}_images.csv",
        features="<results>/evaluation/{ablation}/seed{seed}_features.npz",
    log:
        "<logs>/evaluate/{ablation}/seed{seed}.log",
    benchmark:
        "<benchmarks>/evaluate/{ablation}/seed{seed}.tsv"
    conda:
        "../../environment.yml"
    threads: 4
    resources:
        mem_mb=8000,
        runtime=120,
        gpu=1,
    params:
        hp={"epochs": EPOCHS, **feature_hparams(), **lpips_hparams()},
        code=code_version(
            "evaluate.py",
            "photosketch/evaluation.py",
            "photosketch/features.py",
            "photosketch/likeness.py",
            "photosketch/metrics.py",
            "photosketch/pairs.py",
            "photosketch/recognition.py",
        ),
    message:
        "Scoring {wildcards.ablation}, seed {wildcards.seed}"
    script:
        "../scripts/evaluate.py"


rule estimate_differences:
    input:
        features=expand(rules.evaluate.output.features, ablation=ABLATIONS, seed=SEEDS),
        images=expand(rules.evaluate.output.images, ablation=ABLATIONS, seed=SEEDS),
        real=rules.extract_real_features.output.features,
    output:
        "<results>/comparison/differences.csv",
    log:
        "<logs>/estimate_differences.log",
    benchmark:
        "<benchmarks>/estimate_differences.tsv"
    conda:
        "../../environment.yml"
    threads: 4
    resources:
        mem_mb=4000,
        runtime=240,
    params:
        hp={
            "runs": [ablation for ablation in ABLATIONS for _ in SEEDS],
            "reference": config["reference"],
        },
        code=code_version(
            "estimate_differences.py",
            "photosketch/comparison.py",
            "photosketch/differences.py",
            "photosketch/evaluation.py",
            "photosketch/features.py",
            "photosketch/likeness.py",
            "photosketch/metrics.py",
            "photosketch/pairs.py",
            "photosketch/recognition.py",
        ),
    message:
        "Estimating how far the ablations are from {params.hp[reference]}"
    script:
        "../scripts/estimate_differences.py"
