"""Face parsing: label maps of every photo and sketch, and a montage for the eye."""


rule parse_faces:
    input:
        manifest="<results>/pairs.tsv",
        landmarks="<results>/landmarks/{subset}.csv",
    output:
        labels="<results>/parsing/{subset}.npz",
        montage=report(
            "<results>/parsing/{subset}.png",
            caption="../report/parsing.rst",
            category="Parsing",
            labels={"subset": "{subset}"},
        ),
    log:
        "<logs>/parse_faces/{subset}.log",
    benchmark:
        "<benchmarks>/parse_faces/{subset}.tsv"
    conda:
        "../../environment.yml"
    threads: 4
    resources:
        mem_mb=4000,
        runtime=60,
    params:
        hp={"backend": config["parsing"]["backend"]},
        code=code_version(
            "parse_faces.py",
            "photosketch/landmarks.py",
            "photosketch/montages.py",
            "photosketch/mtcnn.py",
            "photosketch/pairs.py",
            "photosketch/parsing.py",
            "photosketch/parsing_features.py",
            "photosketch/parsing_head.py",
            "photosketch/parsing_path.py",
            "photosketch/parsing_regions.py",
        ),
    message:
        "Parsing the faces of {wildcards.subset}"
    script:
        "../scripts/parse_faces.py"
