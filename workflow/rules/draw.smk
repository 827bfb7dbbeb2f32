"""Draw sketches of own photos with a generator of the run, on demand: the target `draw`."""

DRAWN_FILES = sorted(
    str(path)
    for path in [
        *(Path(DRAW["photos"]).rglob("[!.]*") if DRAW else ()),
        *([Path(DRAW["points"])] if DRAW and DRAW.get("points") else ()),
    ]
    if path.is_file() and Path("results", config["run"], "draw") not in path.parents
)


def drawing_generator(wildcards):
    """The generator to draw with, by absolute path: no rule produces it, so Snakemake does not
    train it."""
    if not DRAW:
        raise Refused(
            "draw: is not set; add for example --config "
            f"'draw={{photos: my_photos, ablation: {ABLATIONS[-1]}, seed: {SEEDS[0]}, "
            f"epoch: {EPOCHS[-1]}}}'"
        )
    if mistakes := checks.draw_problems(DRAW, ABLATIONS, SEEDS, EPOCHS):
        refuse(MISTAKES, mistakes)
    path = Path(
        f"results/{config['run']}/train/{DRAW['ablation']}/seed{DRAW['seed']}",
        f"generator_epoch{DRAW['epoch']}.safetensors",
    )
    if not path.is_file():
        command = run_plan.typed(OPTIONS, str(path))
        raise Refused(
            f"draw: {path} is not trained yet; first run (with your profile, if any)\n{command}"
        )
    return str(path.absolute())


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
