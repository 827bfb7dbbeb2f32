"""FID and KID of the drawn sketches against the real test sketches, per subset and epoch."""

FEATURES = config["evaluation"]["features"]
PUBLISHED_WEIGHTS = {
    "inception-tf": "resources/weights/pt_inception-2015-12-05-6726825d.pth",
    "inception-imagenet": "resources/weights/inception_v3_google-0cc3c7bd.pth",
}
WEIGHTS = config["evaluation"]["weights"] or PUBLISHED_WEIGHTS.get(FEATURES)
FEATURE_HPARAMS = given(
    features=FEATURES, weights_sha256=config["evaluation"]["weights_sha256"]
)


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
        **given(weights=WEIGHTS),
        manifest="<results>/pairs.tsv",
    output:
        "<results>/evaluation/real_features.npz",
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
        hp=FEATURE_HPARAMS,
        code=code_version(
            "extract_real_features.py",
            "photosketch/features.py",
            "photosketch/pairs.py",
        ),
    message:
        "Computing the features of the real test sketches"
    script:
        "../scripts/extract_real_features.py"


rule evaluate:
    input:
        **given(weights=WEIGHTS),
        samples=rules.infer.output,
        real="<results>/evaluation/real_features.npz",
    output:
        scores="<results>/evaluation/{ablation}/seed{seed}.csv",
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
        hp={"epochs": EPOCHS, **FEATURE_HPARAMS},
        code=code_version(
            "evaluate.py",
            "photosketch/features.py",
            "photosketch/metrics.py",
        ),
    message:
        "Scoring {wildcards.ablation}, seed {wildcards.seed}"
    script:
        "../scripts/evaluate.py"
