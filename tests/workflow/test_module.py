"""The workflow as a module of another one."""

import subprocess
import sys

import yaml

HOST = """
rule all:
    input:
        "summary.csv",

module faces:
    snakefile:
        "{snakefile}"
    config:
        config["faces"]

use rule * from faces as faces_*

rule compare:
    input:
        rules.faces_compare.output.csv,
    output:
        "summary.csv",
    shell:
        "cp {{input}} {{output}}"
"""


def test_another_workflow_uses_the_rules_with_defaults_from_beside_the_snakefile(fresh, tmp_path):
    (tmp_path / "Snakefile").write_text(HOST.format(snakefile=fresh.folder / "Snakefile"))
    ours = yaml.safe_load(fresh.overlay.read_text())
    ours["dataset"]["pairs"] = str(fresh.folder / "faces/pairs.tsv")
    ours["landmarks"]["manual"] = str(fresh.folder / "faces/manual_landmarks.csv")

    def snakemake(*arguments: str) -> str:
        (tmp_path / "host.yaml").write_text(
            yaml.safe_dump({"others": {"of": "host"}, "faces": ours})
        )
        done = subprocess.run(
            [*(sys.executable, "-m", "snakemake", "--cores", "1"), *arguments],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        return done.stdout

    planned = snakemake("--dry-run", "--configfile", "host.yaml")
    counts = dict(line.split() for line in planned.splitlines() if len(line.split()) == 2)
    # the host's own target, its own rule of a name that is ours too
    assert [counts.get(rule) for rule in ("all", "compare", "faces_compare")] == ["1", "1", "1"]
    assert counts["faces_train"] == "3"
    assert "faces_all" not in counts

    printed = snakemake("--configfile", "host.yaml", "--", "results/small/pairs.tsv")
    assert (tmp_path / "results/small/pairs.tsv").exists(), printed

    ours["train"]["epochz"] = 3
    assert "train.epochz: unknown key" in snakemake("--dry-run", "--configfile", "host.yaml")
