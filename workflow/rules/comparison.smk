"""Compare the ablations: table, curves, figure grids, and one page with all of them."""

VOTES = config["evaluation"]["votes"]


rule compare:
    input:
        **IMAGES,
        **given_files(votes=VOTES),
        scores=expand(rules.evaluate.output.scores, ablation=ABLATIONS, seed=SEEDS),
        images=expand(rules.evaluate.output.images, ablation=SHOWN, seed=SEEDS[0]),
        samples=expand(
            "<results>/samples/{ablation}/seed{seed}/epoch{epoch}.npz",
            ablation=SHOWN,
            seed=SEEDS[0],
            epoch=EPOCHS[-1],
        ),
        method_scores=expand(rules.evaluate_method.output.scores, method=METHODS),
        method_images=expand(rules.evaluate_method.output.images, method=METHODS),
        method_samples=expand(rules.collect_sketches.output.sketches, method=METHODS),
        method_notes=expand(rules.collect_sketches.output.notes, method=METHODS),
        validation=expand(
            rules.evaluate_validation.output.scores,
            ablation=ABLATIONS if VALIDATED else [],
            seed=SEEDS,
        ),
        differences=rules.estimate_differences.output[0],
        references=rules.extract_real_features.output.references,
    output:
        **given_files(
            validation_curves=VALIDATED
            and report(
                "<results>/comparison/validation_curves.png",
                caption="../report/validation_curves.rst",
                category="Comparison",
                labels={"figure": "the choice of an epoch"},
            ),
            sweeps=SWEEPS
            and report(
                [f"<results>/comparison/sweep_{sweep.name}.png" for sweep in SWEEPS],
                caption="../report/sweep.rst",
                category="Comparison",
                labels={"figure": "sweep"},
            ),
        ),
        csv="<results>/comparison/fid.csv",
        markdown="<results>/comparison/fid.md",
        latex="<results>/comparison/tables.tex",
        curves=report(
            "<results>/comparison/fid_curves.png",
            caption="../report/curves.rst",
            category="Comparison",
            labels={"figure": "FID over epochs"},
        ),
        grids=expand("<results>/comparison/grid_{subset}.png", subset=SUBSETS),
        page=report(
            "<results>/comparison/index.html",
            caption="../report/page.rst",
            category="Comparison",
            labels={"figure": "tables, verdicts, gallery and grids on one page"},
        ),
    log:
        "<logs>/compare.log",
    benchmark:
        "<benchmarks>/compare.tsv"
    localrule: True
    conda:
        "../../environment.yml"
    params:
        hp={
            "run": config["run"],
            "ablations": ABLATIONS,
            "sweeps": [sweep.hparams() for sweep in SWEEPS],
            "points": SWEEP_POINTS,
            "shown": SHOWN,
            "reference": config["reference"],
            "contrasts": config["evaluation"]["contrasts"],
            "votes": VOTES and input_hashes.digest(VOTES),
            "methods": METHODS,
            "seeds": SEEDS,
            "epochs": EPOCHS,
            "subsets": SUBSETS,
            "features": FEATURES.label,
            "chosen_by": config["evaluation"]["chosen_by"] if VALIDATED else None,
            "published": config["published"],
            "people": config["comparison"]["people"],
        },
        code=code_version("compare.py"),
    message:
        "Comparing {params.hp[ablations]}"
    script:
        "../scripts/compare.py"
