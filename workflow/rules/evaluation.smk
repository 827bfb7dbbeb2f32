"""The scores of the drawn sketches against the real test sketches, and how far ablations differ."""

FEATURES = settings.FeatureConfig.from_config(config["evaluation"])
FEATURE_HPARAMS = FEATURES.hparams()
# weights that come with a package are no input: the job finds them, and its code has their hash
DOWNLOADED = weights.FEATURE_WEIGHTS.get(FEATURES.name) if not FEATURES.onnx else None
WEIGHTS = settings.feature_file(config) or (DOWNLOADED and DOWNLOADED.path)
LPIPS_WEIGHTS = settings.lpips_files(config)
LPIPS_HPARAMS = (
    {
        "lpips": {
            "files": input_hashes.digest(LPIPS_WEIGHTS, HASHES / "lpips.json"),
            **without_null(sha256=config["evaluation"]["lpips_sha256"]),
        }
    }
    if LPIPS_WEIGHTS
    else {}
)
SCORING_HPARAMS = settings.scoring_hparams(config)
IDENTITY = config["evaluation"]["identity"]
IDENTITY_HPARAMS = {"identity": True} if IDENTITY else {}
GALLERY = {"gallery": "<results>/evaluation/gallery.npz"} if IDENTITY else {}
PARSINGS = expand("<results>/parsing/{subset}.npz", subset=SUBSETS)


rule extract_real_features:
    input:
        **without_null(weights=WEIGHTS, lpips=LPIPS_WEIGHTS),
        **({"landmarks": LANDMARKS} if IDENTITY else {}),
        **IMAGES,
    output:
        **(
            {"validation": "<results>/evaluation/validation_features.npz"}
            if VALIDATED
            else {}
        ),
        **GALLERY,
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
        mem_mb=by_attempt(4000),  # 1.4 GB
        runtime=by_attempt(30),
        gpu=1,
    params:
        hp={
            **FEATURE_HPARAMS,
            **LPIPS_HPARAMS,
            **SCORING_HPARAMS,
            **IDENTITY_HPARAMS,
            **({"subsets": SUBSETS} if IDENTITY else {}),
        },
        code=code_version("extract_real_features.py"),
    message:
        "Computing the features of the true test sketches"
    script:
        "../scripts/extract_real_features.py"


rule evaluate:
    input:
        **without_null(weights=WEIGHTS, lpips=LPIPS_WEIGHTS),
        **GALLERY,
        **IMAGES,
        samples=rules.infer.output,
        landmarks=LANDMARKS,
        parsing=PARSINGS,
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
        mem_mb=by_attempt(4000),  # 1.4 GB, a minute an epoch on two CPUs
        runtime=by_attempt(120),
        gpu=1,
    params:
        hp={
            "epochs": EPOCHS,
            "subsets": SUBSETS,
            **without_null(frame=LARGE_FRAME),
            **FEATURE_HPARAMS,
            **LPIPS_HPARAMS,
            **SCORING_HPARAMS,
            **IDENTITY_HPARAMS,
        },
        code=code_version("evaluate.py"),
    message:
        "Scoring {wildcards.ablation}, seed {wildcards.seed}"
    script:
        "../scripts/evaluate.py"


use rule evaluate as evaluate_validation with:
    input:
        **without_null(weights=WEIGHTS),
        **IMAGES,
        samples=rules.infer_validation.output,
        real="<results>/evaluation/validation_features.npz",
    output:
        scores="<results>/validation/{ablation}/seed{seed}.csv",
        images="<results>/validation/{ablation}/seed{seed}_images.csv",
        features="<results>/validation/{ablation}/seed{seed}_features.npz",
    log:
        "<logs>/evaluate_validation/{ablation}/seed{seed}.log",
    benchmark:
        "<benchmarks>/evaluate_validation/{ablation}/seed{seed}.tsv"
    params:
        hp={"epochs": EPOCHS, "split": "val", **FEATURE_HPARAMS, **SCORING_HPARAMS},
        code=rules.evaluate.params.code,
    message:
        "Scoring {wildcards.ablation}, seed {wildcards.seed}, on the validation pairs"


# where seams were found, on demand
rule show_seams:
    input:
        **IMAGES,
        samples="<results>/samples/{ablation}/seed{seed}/epoch{epoch}.npz",
        landmarks=LANDMARKS,
        parsing=PARSINGS,
    output:
        "<results>/seams/{ablation}/seed{seed}_epoch{epoch}.png",
    log:
        "<logs>/show_seams/{ablation}/seed{seed}_epoch{epoch}.log",
    benchmark:
        "<benchmarks>/show_seams/{ablation}/seed{seed}_epoch{epoch}.tsv"
    localrule: True
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=by_attempt(2000),
        runtime=10,
    params:
        hp={
            "subsets": SUBSETS,
            **without_null(frame=LARGE_FRAME),
            **SCORING_HPARAMS,
        },
        code=code_version("show_seams.py"),
    message:
        "Showing the seams of {wildcards.ablation}, seed {wildcards.seed}, epoch {wildcards.epoch}"
    script:
        "../scripts/show_seams.py"


rule collect_sketches:
    input:
        # the folder's images are no input: their hash says more than their times
        **IMAGES,
    output:
        sketches="<results>/samples/{method}/sketches.npz",
        notes="<results>/samples/{method}/notes.txt",
    log:
        "<logs>/collect_sketches/{method}.log",
    benchmark:
        "<benchmarks>/collect_sketches/{method}.tsv"
    localrule: True
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        hp=lambda wildcards: {
            "folder": config["methods"][wildcards.method],
            "images": input_hashes.digest(
                method_sketches.image_files(config["methods"][wildcards.method]),
                HASHES / f"method-{wildcards.method}.json",
            ),
        },
        code=code_version("collect_sketches.py"),
    message:
        "Collecting the sketches of {wildcards.method}"
    script:
        "../scripts/collect_sketches.py"


use rule evaluate as evaluate_method with:
    input:
        **without_null(weights=WEIGHTS, lpips=LPIPS_WEIGHTS),
        **GALLERY,
        **IMAGES,
        samples=[rules.collect_sketches.output.sketches],
        landmarks=LANDMARKS,
        parsing=PARSINGS,
        real=rules.extract_real_features.output.features,
    output:
        scores="<results>/evaluation/{method}/seed0.csv",
        images="<results>/evaluation/{method}/seed0_images.csv",
        features="<results>/evaluation/{method}/seed0_features.npz",
    log:
        "<logs>/evaluate_method/{method}.log",
    benchmark:
        "<benchmarks>/evaluate_method/{method}.tsv"
    resources:
        mem_mb=by_attempt(4000),
        runtime=by_attempt(30),
        gpu=1,
    params:
        hp={
            "epochs": [0],
            "subsets": SUBSETS,
            **without_null(frame=LARGE_FRAME),
            **FEATURE_HPARAMS,
            **LPIPS_HPARAMS,
            **SCORING_HPARAMS,
            **IDENTITY_HPARAMS,
        },
        code=rules.evaluate.params.code,
    message:
        "Scoring {wildcards.method}"


rule estimate_differences:
    input:
        features=[
            *expand(rules.evaluate.output.features, ablation=ABLATIONS, seed=SEEDS),
            *expand(rules.evaluate_method.output.features, method=METHODS),
        ],
        images=[
            *expand(rules.evaluate.output.images, ablation=ABLATIONS, seed=SEEDS),
            *expand(rules.evaluate_method.output.images, method=METHODS),
        ],
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
        mem_mb=by_attempt(4000),
        runtime=by_attempt(240),
    params:
        hp={
            "runs": [ablation for ablation in ABLATIONS for _ in SEEDS] + METHODS,
            **({"methods": METHODS} if METHODS else {}),
            **({"points": SWEEP_POINTS} if SWEEP_POINTS else {}),
            "reference": config["reference"],
            "primary": config["evaluation"]["primary"],
            "lower_is_better": [m.key for m in metrics.METRICS if m.lower_is_better],
        },
        code=code_version("estimate_differences.py"),
    message:
        "Estimating how far the ablations are from {params.hp[reference]}"
    script:
        "../scripts/estimate_differences.py"
