"""Face parsing: label maps of every photo and sketch, and a montage for the eye."""

LEARNED_PARSER = config["parsing"]["backend"] == "onnx"
PARSER_WEIGHTS = (
    config["parsing"]["weights"] or published.PARSERS[config["parsing"]["model"]].path
    if LEARNED_PARSER
    else None
)
PARSER_HPARAMS = {"backend": config["parsing"]["backend"]}
if LEARNED_PARSER:
    PARSER_HPARAMS |= given(
        model=config["parsing"]["model"],
        weights_sha256=config["parsing"]["weights_sha256"],
        fallback=config["parsing"]["fallback"] or None,
    )


rule parse_faces:
    input:
        **given(weights=PARSER_WEIGHTS),
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
        hp=PARSER_HPARAMS,
        code=code_version(
            "parse_faces.py",
            "photosketch/landmarks.py",
            "photosketch/montages.py",
            "photosketch/mtcnn.py",
            "photosketch/pairs.py",
            "photosketch/parsing.py",
            "photosketch/parsing_features.py",
            "photosketch/parsing_head.py",
            "photosketch/parsing_onnx.py",
            "photosketch/parsing_path.py",
            "photosketch/parsing_regions.py",
            "photosketch/published.py",
            "photosketch/spacing.py",
        ),
    message:
        "Parsing the faces of {wildcards.subset}"
    script:
        "../scripts/parse_faces.py"
