"""Draw sketches of own photos with a generator of the run, on demand: the target `draw`."""

DRAWN_FILES = sorted(
    str(path)
    for path in [
        *(Path(DRAW["photos"]).rglob("[!.]*") if DRAW else ()),
        *([Path(DRAW["points"])] if DRAW and DRAW.get("points") else ()),
    ]
    if path.is_file() and Path("results", config["run"], "draw") not in path.parents
)


rule draw:
    input:
        generator=drawing_generator,
        person=PERSON_NETWORK,
    output:
        faces="<results>/draw/faces.csv",
    log:
        "<logs>/draw.log",
    benchmark:
        "<benchmarks>/draw.tsv"
    conda:
        "../../environment.yml"
    threads: 4
    resources:
        mem_mb=by_attempt(4000),
        runtime=by_attempt(120),
        gpu=gpu,
    params:
        hp=lambda wildcards: {
            "photos": DRAW["photos"],
            "points": DRAW.get("points"),
            "background": DRAW.get("background", "white"),
            "statistics": config["inference"]["statistics"],
            "content": input_hashes.digest(DRAWN_FILES, HASHES / "draw.json"),
        },
        code=code_version("draw.py"),
    message:
        "Drawing the faces of the photos in {params.hp[photos]}"
    script:
        "../scripts/draw.py"
