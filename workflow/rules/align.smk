"""Move the faces of all pairs to one place (dataset.align), for pairs that are not aligned.

Only this file decides the input of later stages: `IMAGES` is the manifest and, with alignment, the
files of its pictures. `POINTS` is a subset's table of points in these pictures.
"""

ALIGNS = config["dataset"]["align"] != "none"
ALIGNED_IMAGES = "<results>/align/{subset}.npz"
ALIGNED_POINTS = "<results>/align/{subset}.csv"
IMAGES = {"manifest": "<results>/pairs.tsv"}
POINTS = "<results>/landmarks/{subset}.csv"
if ALIGNS:
    IMAGES = {
        "manifest": "<results>/align/pairs.tsv",
        "aligned": expand(ALIGNED_IMAGES, subset=SUBSETS),
    }
    POINTS = ALIGNED_POINTS
    # imported here because it loads numpy
    from photosketch.geometry import patch_checks, similarity

    width, height = config["dataset"]["size"]
    usual = similarity.template((width, height))
    faults = patch_checks.face_problems(usual, (width, height), FRAME)
    local = ", ".join(settings.local_ablations(config))
    if local and faults:
        mistake = (
            f"dataset.size: {width}x{height} pixels leave too little of a face for the local "
            f"networks of {local} ({'; '.join(faults)}); enlarge it, or leave out losses.local"
        )
        refuse(MISTAKES, [mistake])
LANDMARKS = expand(POINTS, subset=SUBSETS)


# one job for all subsets, because one manifest lists their pairs
rule align_faces:
    input:
        manifest="<results>/pairs.tsv",
        landmarks=expand("<results>/landmarks/{subset}.csv", subset=SUBSETS),
    output:
        images=expand(ALIGNED_IMAGES, subset=SUBSETS),
        landmarks=expand(ALIGNED_POINTS, subset=SUBSETS),
        manifest="<results>/align/pairs.tsv",
    log:
        "<logs>/align_faces.log",
    benchmark:
        "<benchmarks>/align_faces.tsv"
    conda:
        "../../environment.yml"
    threads: 4
    resources:
        mem_mb=by_attempt(4000),  # a thread has a few pictures in memory, of up to 0.2 GB each
        runtime=by_attempt(60),
        gpu=0,
    params:
        hp={
            "align": config["dataset"]["align"],
            "size": config["dataset"]["size"],
            "subsets": SUBSETS,
        },
        code=code_version("align_faces.py"),
    message:
        "Aligning the faces"
    script:
        "../scripts/align_faces.py"


rule show_aligned:
    input:
        manifest="<results>/align/pairs.tsv",
        aligned=ALIGNED_IMAGES,
        landmarks=ALIGNED_POINTS,
    output:
        "<results>/align/{subset}.png",
    log:
        "<logs>/show_aligned/{subset}.log",
    benchmark:
        "<benchmarks>/show_aligned/{subset}.tsv"
    localrule: True
    conda:
        "../../environment.yml"
    params:
        hp={"frame": FRAME},
        code=code_version("show_aligned.py"),
    message:
        "Showing the aligned faces of {wildcards.subset}"
    script:
        "../scripts/show_aligned.py"
