"""Five landmarks of every photo and sketch: detected, then merged with points placed by hand."""


rule detect_landmarks:
    input:
        manifest="<results>/pairs.tsv",
    output:
        "<results>/landmarks/detected/{subset}.csv",
    log:
        "<logs>/detect_landmarks/{subset}.log",
    benchmark:
        "<benchmarks>/detect_landmarks/{subset}.tsv"
    conda:
        "../../environment.yml"
    threads: 2
    resources:
        mem_mb=4000,
        runtime=60,
        gpu=1,
    params:
        hp={"min_face_size": config["landmarks"]["min_face_size"]},
        code=code_version(
            "detect_landmarks.py",
            "photosketch/landmarks.py",
            "photosketch/pairs.py",
        ),
    message:
        "Detecting the landmarks of {wildcards.subset}"
    script:
        "../scripts/detect_landmarks.py"


rule merge_landmarks:
    input:
        **given(manual=config["landmarks"]["manual"]),
        manifest="<results>/pairs.tsv",
        detected=expand("<results>/landmarks/detected/{subset}.csv", subset=SUBSETS),
    output:
        expand("<results>/landmarks/{subset}.csv", subset=SUBSETS),
    log:
        "<logs>/merge_landmarks.log",
    benchmark:
        "<benchmarks>/merge_landmarks.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        hp={"subsets": SUBSETS},
        code=code_version(
            "merge_landmarks.py",
            "photosketch/landmark_merge.py",
            "photosketch/landmarks.py",
            "photosketch/pairs.py",
        ),
    message:
        "Merging detected and manual landmarks"
    script:
        "../scripts/merge_landmarks.py"
