"""Bring the sketches of one subset onto their photos, score each, and show them in a montage."""

import time
from typing import TYPE_CHECKING

from photosketch import pairs, runtime, sheets
from photosketch.landmarks import detection
from photosketch.landmarks.table import read_landmarks
from photosketch.parsing import bisenet, grabcut
from photosketch.parsing.labels import read_parsings
from photosketch.warp.files import summarize, write_warped
from photosketch.warp.montage import warp_montage
from photosketch.warp.subset import warp_pairs

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

MOST_SHOWN = 40

with runtime.job(snakemake.log[0], snakemake.threads) as console:
    hp = snakemake.params.hp
    subset = snakemake.wildcards.subset
    chosen = pairs.select(pairs.read_manifest(snakemake.input.manifest), subset=subset)
    parsed = read_parsings(snakemake.input.parsing)
    parse = grabcut.parse_grabcut
    if parser := hp.get("parser"):
        parse = bisenet.Parser(
            parser["model"], snakemake.input.weights, parser.get("weights_sha256")
        ).parse_one
    started = time.monotonic()
    warped = warp_pairs(
        chosen,
        read_landmarks(snakemake.input.landmarks),
        parsed,
        hp["mode"],
        parse=parse,
        parse_fallback=grabcut.parse_grabcut,
        detect=detection.detector("cpu", hp["min_face_size"]),
        threads=snakemake.threads,
    )
    seconds = time.monotonic() - started
    write_warped(warped, snakemake.output.arrays, snakemake.output.scores)

    shown = sheets.evenly_spaced(len(chosen), MOST_SHOWN)
    scores = warped.scores.iloc[shown]
    montage = warp_montage(
        f"{subset}, warp {hp['mode']}: {len(shown)} of {len(chosen)} pairs",
        captions=[
            f"{row.id}: head IoU {row.head_before:.3f} -> {row.tried:.3f}, "
            f"points {row.points_before:.1f} -> {row.points_after:.1f} px"
            + (", shrunk" if row.shrunk else "")
            + (", got worse: original kept" if row.worse else "")
            for row in scores.itertuples()
        ],
        flagged=(scores["worse"] | scores["shrunk"]).tolist(),
        photos=[pairs.read_image(chosen[i], "photo") for i in shown],
        labels=[parsed.photo[i] for i in shown],
        sketches=[pairs.read_image(chosen[i], "sketch") for i in shown],
        warped=[warped.sketches[i] for i in shown],
    )
    with runtime.write_atomically(snakemake.output.montage) as temporary:
        montage.save(temporary, optimize=True)
    summary = summarize(subset, hp["mode"], warped.scores)
    print(
        f"{subset}, {hp['mode']}: {len(chosen)} pairs in {seconds:.1f} s; head IoU "
        f"{summary['head_before']:.3f} -> {summary['head_after']:.3f}, points "
        f"{summary['points_before']:.2f} -> {summary['points_after']:.2f} px, "
        f"{summary['worse']} kept as they were, {summary['shrunk']} shrunk",
        file=console,
    )
