"""Draw the faces of photos with a generator of the run."""

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from photosketch import devices, runtime
from photosketch.draw import folder, photos
from photosketch.draw.sketcher import Sketcher

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with runtime.job(snakemake.log[0], snakemake.threads, __file__, snakemake.params.code) as console:
    hp = snakemake.params.hp
    output = Path(snakemake.output.faces).parent
    device = devices.acquire_device(
        console,
        snakemake.config["device"],
        snakemake.config["gpu_slots"],
        asked=bool(snakemake.resources.get("gpu")),
    )
    sketcher = Sketcher.load(snakemake.input.generator, device, hp["statistics"])
    listed = photos.find_photos([hp["photos"]], output)
    points = photos.read_points(Path(hp["points"]), listed) if hp.get("points") else {}
    shutil.rmtree(output, ignore_errors=True)  # of photos that were there before
    drawn = folder.draw_photos(sketcher, listed, output, points=points, console=console)
    runtime.say(f"{folder.counted(drawn.faces, 'face')} drawn: {output / 'index.html'}", console)
    for path, reasons in drawn.failures.items():
        runtime.say(f"{path}: {'; '.join(reasons)}", console)
