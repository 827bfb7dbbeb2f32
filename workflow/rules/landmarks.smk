"""Five landmarks of every photo and sketch: detect, ask Face++, click, merge, and show."""

# the mesh needs a rough place of the face, which is not known before alignment
MESH = config["landmarks"]["mesh"] and not ALIGNS


rule detect_landmarks:
    input:
        **given_files(mesh=MESH and weights.MESH_NETWORK.path),
        manifest="<results>/pairs.tsv",
    output:
        "<results>/landmarks/detected/{subset}.csv",
    log:
        "<logs>/detect_landmarks/{subset}.log",
    benchmark:
        "<benchmarks>/detect_landmarks/{subset}.tsv"
    priority: FIRST
    conda:
        "../../environment.yml"
    threads: 2
    resources:
        mem_mb=by_attempt(2000),  # 1.1 GB for any number of images; half a minute for 376
        runtime=by_attempt(30),
        gpu=gpu,
    params:
        hp={"min_face_size": config["landmarks"]["min_face_size"], "mesh": MESH},
        code=code_version("detect_landmarks.py"),
    message:
        "Detecting the landmarks of {wildcards.subset}"
    script:
        "../scripts/detect_landmarks.py"


MANUAL = config["landmarks"]["manual"]
MANUAL_HASH = input_hashes.digest([MANUAL]) if MANUAL else None

# only if Face++ is enabled does a rule need its tables
FACEPP = "<results>/landmarks/facepp/{subset}.csv"
FACEPP_TABLES = config["landmarks"]["facepp"]["enabled"] and expand(
    FACEPP, subset=SUBSETS
)


# One local job for all subsets, because a key limits simultaneous requests and cluster nodes have
# no internet. The stored answers beside the tables are not declared as outputs.
rule facepp_landmarks:
    input:
        **given_files(manual=MANUAL),
        manifest="<results>/pairs.tsv",
        detected=expand("<results>/landmarks/detected/{subset}.csv", subset=SUBSETS),
    output:
        expand(FACEPP, subset=SUBSETS),
    log:
        "<logs>/facepp_landmarks.log",
    benchmark:
        "<benchmarks>/facepp_landmarks.tsv"
    priority: FIRST
    localrule: True
    conda:
        "../../environment.yml"
    params:
        hp={
            "subsets": SUBSETS,
            "manual": MANUAL_HASH,
            # sketches are sent to the company only if their points are needed
            "sketches": bool(settings.sketch_points_needed_by(config)),
        },
        code=code_version("facepp_landmarks.py"),
    message:
        "Asking Face++ for the faces that MTCNN missed"
    script:
        "../scripts/facepp_landmarks.py"


rule merge_landmarks:
    input:
        **given_files(manual=MANUAL, facepp=FACEPP_TABLES),
        manifest="<results>/pairs.tsv",
        detected=expand("<results>/landmarks/detected/{subset}.csv", subset=SUBSETS),
    output:
        expand("<results>/landmarks/{subset}.csv", subset=SUBSETS),
    log:
        "<logs>/merge_landmarks.log",
    benchmark:
        "<benchmarks>/merge_landmarks.tsv"
    priority: FIRST
    localrule: True
    conda:
        "../../environment.yml"
    params:
        hp={"subsets": SUBSETS, "manual": MANUAL_HASH},
        code=code_version("merge_landmarks.py"),
    message:
        "Merging the landmarks of all sources"
    script:
        "../scripts/merge_landmarks.py"


rule show_landmarks:
    input:
        **given_files(facepp=FACEPP_TABLES),
        manifest="<results>/pairs.tsv",
        detected=expand("<results>/landmarks/detected/{subset}.csv", subset=SUBSETS),
        landmarks=expand("<results>/landmarks/{subset}.csv", subset=SUBSETS),
    output:
        sources=report(
            "<results>/landmarks/review/sources.csv",
            caption="../report/sources.rst",
            category="Landmarks",
            labels={"figure": "points by source"},
        ),
        montages=expand(
            "<results>/landmarks/review/{subset}_{modality}.png",
            subset=SUBSETS,
            modality=pair_table.MODALITIES,
        ),
    log:
        "<logs>/show_landmarks.log",
    benchmark:
        "<benchmarks>/show_landmarks.tsv"
    priority: FIRST
    localrule: True
    conda:
        "../../environment.yml"
    params:
        hp={"subsets": SUBSETS, "aligns": ALIGNS, "frame": FRAME},
        code=code_version("show_landmarks.py"),
    message:
        "Showing the landmarks of every image, outliers first"
    script:
        "../scripts/show_landmarks.py"


# on demand (snakemake ... annotate)
rule annotate:
    input:
        **given_files(manual=MANUAL, facepp=FACEPP_TABLES),
        manifest="<results>/pairs.tsv",
        detected=expand("<results>/landmarks/detected/{subset}.csv", subset=SUBSETS),
    output:
        "<results>/landmarks/annotate.html",
    log:
        "<logs>/annotate.log",
    benchmark:
        "<benchmarks>/annotate.tsv"
    localrule: True
    conda:
        "../../environment.yml"
    params:
        hp={
            "subsets": SUBSETS,
            "annotate": config["landmarks"]["annotate"],
            "manual": MANUAL_HASH,
        },
        code=code_version("annotate.py"),
    message:
        "Writing the page to click missing landmarks"
    script:
        "../scripts/annotate.py"
