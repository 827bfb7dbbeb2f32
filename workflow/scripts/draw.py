"""Draw the faces of photos with a generator of the run."""

from pathlib import Path

from photosketch.draw import folder, inputs
from photosketch.draw.sketcher import Sketcher
from photosketch.jobs import devices, job, messages
from photosketch.jobs.messages import say

with job.job(snakemake.log[0], snakemake.threads, __file__, snakemake.params.code) as console:
    hp = snakemake.params.hp
    output = Path(snakemake.output.faces).parent
    device = devices.device_of_job(console, snakemake.config, snakemake.resources)
    sketcher = Sketcher.load(
        snakemake.input.generator, device, hp["statistics"], background=hp["background"]
    )
    listed = inputs.find_photos([hp["photos"]], output)
    points = inputs.read_points(Path(hp["points"]), listed) if hp["points"] else {}
    then = "name it in the key draw.points, and run the target draw again"
    drawn, failures, _ = folder.draw_photos(
        sketcher, listed, output, points, then=then, console=console
    )
    say(f"{messages.counted(drawn, 'face')} drawn: {output / 'index.html'}", console)
    for line in failures:
        print(line)
    for line in messages.first_of(failures, snakemake.log[0]):
        print(line, file=console)
