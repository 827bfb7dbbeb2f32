"""The page of blind votes, on which people choose between sketches of unnamed methods."""


# on demand (snakemake ... votes)
rule votes:
    input:
        **IMAGES,
        samples=[
            *rules.compare.input.samples,
            *rules.compare.input.method_samples,
        ],
    output:
        page="<results>/comparison/votes.html",
        key="<results>/comparison/votes_key.csv",
    log:
        "<logs>/votes.log",
    benchmark:
        "<benchmarks>/votes.tsv"
    localrule: True
    conda:
        "../../environment.yml"
    params:
        hp={
            "methods": [*SHOWN, *METHODS],
            "voting": config["comparison"]["voting"],
        },
        code=code_version("votes.py"),
    message:
        "Writing the page of blind votes"
    script:
        "../scripts/votes.py"
