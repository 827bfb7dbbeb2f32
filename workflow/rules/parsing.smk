"""Face parsing: label maps of every photo and sketch, and montages of them."""

from photosketch.parsing import manual_files

PARSER_HPARAMS = settings.parser_hparams(config)
PARSER_WEIGHTS = None
PERSON_NETWORK = weights.PERSON_NETWORK.path
if config["parsing"]["backend"] == "onnx":
    published = weights.PARSER_WEIGHTS[config["parsing"]["model"]].path
    PARSER_WEIGHTS = config["parsing"]["weights"] or published


rule parse_faces:
    input:
        **given_files(weights=PARSER_WEIGHTS),
        **IMAGES,
        person=PERSON_NETWORK,
        landmarks=POINTS,
    output:
        "<results>/parsing/machine/{subset}.npz",
    log:
        "<logs>/parse_faces/{subset}.log",
    benchmark:
        "<benchmarks>/parse_faces/{subset}.tsv"
    conda:
        "../../environment.yml"
    threads: 4
    resources:
        mem_mb=by_attempt(2000),  # 0.2 GB, a minute for 188 pairs
        runtime=by_attempt(30),
        gpu=0,
    params:
        hp=PARSER_HPARAMS,
        code=code_version("parse_faces.py"),
    message:
        "Parsing the faces of {wildcards.subset}"
    script:
        "../scripts/parse_faces.py"


# A rule of its own, so that a new map by hand parses no face again. Maps by hand are not inputs: a
# hash is safer than times.
rule merge_parsings:
    input:
        **IMAGES,
        machine="<results>/parsing/machine/{subset}.npz",
    output:
        "<results>/parsing/{subset}.npz",
    log:
        "<logs>/merge_parsings/{subset}.log",
    benchmark:
        "<benchmarks>/merge_parsings/{subset}.tsv"
    localrule: True
    conda:
        "../../environment.yml"
    params:
        hp=lambda wildcards: manual_files.hparams(
            config["parsing"]["manual"], wildcards.subset, SUBSETS
        ),
        code=code_version("merge_parsings.py"),
    message:
        "Merging label maps made by hand into those of {wildcards.subset}"
    script:
        "../scripts/merge_parsings.py"


rule show_parsings:
    input:
        **IMAGES,
        landmarks=POINTS,
        parsing="<results>/parsing/{subset}.npz",
    output:
        "<results>/parsing/{subset}.png",
    log:
        "<logs>/show_parsings/{subset}.log",
    benchmark:
        "<benchmarks>/show_parsings/{subset}.tsv"
    localrule: True
    conda:
        "../../environment.yml"
    params:
        hp={},
        code=code_version("show_parsings.py"),
    message:
        "Showing the label maps of {wildcards.subset}"
    script:
        "../scripts/show_parsings.py"
