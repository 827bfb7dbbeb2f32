"""Check and hash the pairs and their images, and download published weights."""

# whether there are validation pairs: a share of the training pairs, or pairs marked `val`
VALIDATED = config["dataset"]["validation"] > 0 or any(
    row["split"] == "val" for row in PAIRS
)
# only existing images: the rule reports missing images together with all other problems
IMAGE_FILES = pair_table.image_files(config["dataset"]["pairs"], PAIRS)


rule index_pairs:
    input:
        # images are not inputs: a hash is safer than times, and messages would list all inputs
        table=config["dataset"]["pairs"],
    output:
        "<results>/pairs.tsv",
    log:
        "<logs>/index_pairs.log",
    benchmark:
        "<benchmarks>/index_pairs.tsv"
    priority: FIRST
    localrule: True
    conda:
        "../../environment.yml"
    params:
        hp=lambda wildcards: {
            # with alignment images may have any size
            "size": None if ALIGNS else config["dataset"]["size"],
            "table": input_hashes.digest([config["dataset"]["pairs"]]),
            "images": input_hashes.digest(IMAGE_FILES, HASHES / "pairs.json"),
            "validation": config["dataset"]["validation"],
        },
        code=code_version("index_pairs.py"),
    message:
        "Checking and hashing the pairs of {input.table}"
    script:
        "../scripts/index_pairs.py"


rule fetch_weights:
    output:
        f"{weights.weights_folder()}/{{file}}",
    log:
        "<logs>/fetch_weights/{file}.log",
    benchmark:
        "<benchmarks>/fetch_weights/{file}.tsv"
    wildcard_constraints:
        file="|".join(map(re.escape, weights.FILES)),
    localrule: True
    conda:
        "../../environment.yml"
    params:
        hp={},
        code=code_version("fetch_weights.py"),
    message:
        "Downloading {wildcards.file}"
    script:
        "../scripts/fetch_weights.py"
