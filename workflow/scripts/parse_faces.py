"""Parse the faces of one subset, and show the label maps in a montage."""

import time
from typing import TYPE_CHECKING

from photosketch import pairs, runtime, sheets
from photosketch.landmarks.table import read_landmarks
from photosketch.parsing import bisenet, grabcut
from photosketch.parsing.labels import write_parsings
from photosketch.parsing.montage import parsing_montage

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

MOST_SHOWN = 40

with runtime.job(snakemake.log[0], snakemake.threads) as console:
    subset = snakemake.wildcards.subset
    hp = snakemake.params.hp
    chosen = pairs.select(pairs.read_manifest(snakemake.input.manifest), subset=subset)
    table = read_landmarks(snakemake.input.landmarks)
    started = time.monotonic()
    if hp["backend"] == "onnx":
        parser = bisenet.Parser(hp["model"], snakemake.input.weights, hp.get("weights_sha256"))
        parsed = bisenet.parse_pairs(chosen, table, parser, hp.get("fallback", False))
    else:
        parsed = grabcut.parse_pairs(chosen, table, snakemake.threads)
    seconds = time.monotonic() - started
    write_parsings(parsed, snakemake.output.labels)
    by_grabcut: dict[str, list[str]] = {}
    for id, modality in parsed.fallback:
        message = f"{subset} {id}: no face found in the {modality}: parsed by grabcut"
        print(message)
        print(message, file=console)
        by_grabcut.setdefault(id, []).append(modality)

    shown = sheets.evenly_spaced(len(chosen), MOST_SHOWN)
    montage = parsing_montage(
        f"{subset}: {len(shown)} of {len(chosen)} pairs",
        ids=[
            f"{id} ({', '.join(by_grabcut[id])}: grabcut)" if id in by_grabcut else id
            for id in (chosen[i].id for i in shown)
        ],
        photos=[pairs.read_image(chosen[i], "photo") for i in shown],
        photo_labels=[parsed.photo[i] for i in shown],
        sketches=[pairs.read_image(chosen[i], "sketch") for i in shown],
        sketch_labels=[parsed.sketch[i] for i in shown],
    )
    with runtime.write_atomically(snakemake.output.montage) as temporary:
        montage.save(temporary, optimize=True)
    print(f"{subset}: {len(chosen)} pairs parsed in {seconds:.1f} s", file=console)
