"""Score the drawn sketches against the real test sketches, and estimate how ablations differ."""

FEATURES = settings.FeatureConfig.from_config(config["evaluation"])
# weights in a package are not an input: the job finds them, and the code has their hash
DOWNLOADED = weights.FEATURE_WEIGHTS.get(FEATURES.name) if not FEATURES.onnx else None
LPIPS_WEIGHTS = settings.lpips_files(config)
WEIGHTS = given_files(
    weights=settings.feature_file(config) or (DOWNLOADED and DOWNLOADED.path),
    lpips=LPIPS_WEIGHTS,
)
IDENTITY = config["evaluation"]["identity"]
MESH_NETWORK = weights.MESH_NETWORK.path
GALLERY = given_files(gallery="<results>/evaluation/gallery.npz" if IDENTITY else None)
VALIDATION_FEATURES = "<results>/evaluation/validation_features.npz"
PARSINGS = expand("<results>/parsing/{subset}.npz", subset=SUBSETS)
SCORING = {
    **FEATURES.hparams(),
    "scored_as": config["evaluation"]["scored_as"],
    "lpips": LPIPS_WEIGHTS
    and {
        "files": input_hashes.digest(LPIPS_WEIGHTS, HASHES / "lpips.json"),
        "sha256": config["evaluation"]["lpips_sha256"],
    },
    "identity": IDENTITY,
    "subsets": SUBSETS,
}


rule extract_real_features:
    input:
        **WEIGHTS,
        **IMAGES,
        landmarks=LANDMARKS,
        mesh=MESH_NETWORK,
    output:
        **given_files(validation=VALIDATION_FEATURES if VALIDATED else None),
        **GALLERY,
        features="<results>/evaluation/real_features.npz",
        training="<results>/evaluation/training_features.npz",
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
        gpu=gpu,
    params:
        hp=SCORING,
        code=code_version("extract_real_features.py"),
    message:
        "Computing the features of the true sketches"
    script:
        "../scripts/extract_real_features.py"


SCORED = {
    **WEIGHTS,
    **GALLERY,
    **IMAGES,
    "landmarks": LANDMARKS,
    "mesh": MESH_NETWORK,
    "parsing": PARSINGS,
    "real": rules.extract_real_features.output.features,
    "training": rules.extract_real_features.output.training,
}


rule evaluate:
    input:
        **SCORED,
        samples=rules.infer.output,
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
        gpu=gpu,
    params:
        hp={**SCORING, "epochs": EPOCHS, "frame": FRAME, "split": "test"},
        code=code_version("evaluate.py"),
    message:
        "Scoring {wildcards.ablation}, seed {wildcards.seed}"
    script:
        "../scripts/evaluate.py"


use rule evaluate as evaluate_validation with:
    input:
        **given_files(weights=WEIGHTS.get("weights")),
        **IMAGES,
        samples=rules.infer_validation.output,
        real=VALIDATION_FEATURES,
    output:
        scores="<results>/validation/{ablation}/seed{seed}.csv",
        images="<results>/validation/{ablation}/seed{seed}_images.csv",
        features="<results>/validation/{ablation}/seed{seed}_features.npz",
    log:
        "<logs>/evaluate_validation/{ablation}/seed{seed}.log",
    benchmark:
        "<benchmarks>/evaluate_validation/{ablation}/seed{seed}.tsv"
    params:
        hp={
            **rules.evaluate.params.hp,
            "lpips": None,
            "identity": False,
            "split": "val",
        },
        code=rules.evaluate.params.code,
    message:
        "Scoring {wildcards.ablation}, seed {wildcards.seed}, on the validation pairs"


# on demand
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
    params:
        hp={
            "subsets": SUBSETS,
            "frame": FRAME,
            "scored_as": config["evaluation"]["scored_as"],
        },
        code=code_version("show_seams.py"),
    message:
        "Showing the seams of {wildcards.ablation}, seed {wildcards.seed}, epoch {wildcards.epoch}"
    script:
        "../scripts/show_seams.py"


# on demand
rule show_memory:
    input:
        **IMAGES,
        samples="<results>/samples/{ablation}/seed{seed}/epoch{epoch}.npz",
        features=rules.evaluate.output.features,
        real=rules.extract_real_features.output.features,
        training=rules.extract_real_features.output.training,
    output:
        "<results>/memory/{ablation}/seed{seed}_epoch{epoch}.png",
    log:
        "<logs>/show_memory/{ablation}/seed{seed}_epoch{epoch}.log",
    benchmark:
        "<benchmarks>/show_memory/{ablation}/seed{seed}_epoch{epoch}.tsv"
    localrule: True
    conda:
        "../../environment.yml"
    params:
        hp={},
        code=code_version("show_memory.py"),
    message:
        "Showing the nearest training sketches of {wildcards.ablation}, seed {wildcards.seed}, epoch {wildcards.epoch}"
    script:
        "../scripts/show_memory.py"


rule collect_sketches:
    input:
        # the folder's images are not inputs: a hash is safer than times
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
        **SCORED,
        samples=[rules.collect_sketches.output.sketches],
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
        gpu=gpu,
    params:
        hp={**rules.evaluate.params.hp, "epochs": [0]},
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
        gpu=0,
    params:
        hp={
            "runs": [ablation for ablation in ABLATIONS for _ in SEEDS] + METHODS,
            "methods": METHODS,
            "points": SWEEP_POINTS,
            "reference": config["reference"],
            "contrasts": config["evaluation"]["contrasts"],
            "networks": {
                name: settings.ablation_config(config, name).networks
                for name in ABLATIONS
            },
            "primary": config["evaluation"]["primary"],
            "lower_is_better": [m.key for m in metrics.METRICS if m.lower_is_better],
        },
        code=code_version("estimate_differences.py"),
    message:
        "Estimating the differences of the ablations to {params.hp[reference]}"
    script:
        "../scripts/estimate_differences.py"
