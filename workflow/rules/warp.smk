"""Warp the sketches onto their photos (T with Px = T(Py)), for ablations that train on these."""

WARPS = {name: settings.ablation_config(config, name).warp for name in ABLATIONS}
MODES = sorted(set(WARPS.values()) - {"none"})
# the packed training pairs of each ablation, with warped or original sketches
TRAINING_TENSORS = {
    name: f"<results>/tensors/{settings.training_tensors(warp)}"
    for name, warp in WARPS.items()
}


rule warp_sketches:
    input:
        **given_files(weights=PARSER_WEIGHTS),
        **IMAGES,
        person=PERSON_NETWORK,
        landmarks=POINTS,
        parsing="<results>/parsing/{subset}.npz",
    output:
        arrays="<results>/warp/{mode}/{subset}.npz",
        scores=report(
            "<results>/warp/{mode}/{subset}.csv",
            caption="../report/warp_scores.rst",
            category="Warp",
            labels={"warp": "{mode}", "what": "scores of {subset}"},
        ),
    log:
        "<logs>/warp_sketches/{mode}/{subset}.log",
    benchmark:
        "<benchmarks>/warp_sketches/{mode}/{subset}.tsv"
    conda:
        "../../environment.yml"
    threads: 4
    resources:
        mem_mb=by_attempt(2000),  # 0.3 GB, two minutes for 188 pairs
        runtime=by_attempt(30),
        gpu=0,
    params:
        hp=lambda wildcards: {
            "mode": wildcards.mode,
            "min_face_size": settings.warp_min_face_size(config),
            "parser": PARSER_HPARAMS,
        },
        code=code_version("warp_sketches.py"),
    message:
        "Warping the sketches of {wildcards.subset} ({wildcards.mode})"
    script:
        "../scripts/warp_sketches.py"


rule show_warps:
    input:
        **IMAGES,
        parsing="<results>/parsing/{subset}.npz",
        arrays="<results>/warp/{mode}/{subset}.npz",
        scores="<results>/warp/{mode}/{subset}.csv",
    output:
        "<results>/warp/{mode}/{subset}.png",
    log:
        "<logs>/show_warps/{mode}/{subset}.log",
    benchmark:
        "<benchmarks>/show_warps/{mode}/{subset}.tsv"
    localrule: True
    conda:
        "../../environment.yml"
    params:
        hp={},
        code=code_version("show_warps.py"),
    message:
        "Showing the warped sketches of {wildcards.subset} ({wildcards.mode})"
    script:
        "../scripts/show_warps.py"


rule summarise_warps:
    input:
        manifest=IMAGES["manifest"],
        scores=expand("<results>/warp/{{mode}}/{subset}.csv", subset=SUBSETS),
    output:
        report(
            "<results>/warp/{mode}_summary.csv",
            caption="../report/warp_scores.rst",
            category="Warp",
            labels={"warp": "{mode}", "what": "means of all subsets"},
        ),
    log:
        "<logs>/summarise_warps/{mode}.log",
    benchmark:
        "<benchmarks>/summarise_warps/{mode}.tsv"
    localrule: True
    conda:
        "../../environment.yml"
    params:
        hp=lambda wildcards: {"mode": wildcards.mode, "subsets": SUBSETS},
        code=code_version("summarise_warps.py"),
    message:
        "Summarising the warp {wildcards.mode}"
    script:
        "../scripts/summarise_warps.py"


rule pack_warped_tensors:
    input:
        tensors="<results>/tensors/train.npz",
        warps=expand("<results>/warp/{{mode}}/{subset}.npz", subset=SUBSETS),
        parsing=expand("<results>/parsing/{subset}.npz", subset=SUBSETS),
    output:
        "<results>/tensors/train_{mode}.npz",
    log:
        "<logs>/pack_warped_tensors/{mode}.log",
    benchmark:
        "<benchmarks>/pack_warped_tensors/{mode}.tsv"
    localrule: True
    conda:
        "../../environment.yml"
    params:
        hp={"subsets": SUBSETS},
        code=code_version("pack_warped_tensors.py"),
    message:
        "Packing training pairs with sketches warped by {wildcards.mode}"
    script:
        "../scripts/pack_warped_tensors.py"
