"""Draw the faces of photos with a trained generator.

    photosketch draw my_photos --output drawn
    photosketch draw results/RUN/train/ABLATION/seed0/generator_epoch800.safetensors \\
        my_photos --output drawn
    photosketch draw --export GENERATOR generator.onnx
    photosketch draw --export GENERATOR half_as_large.safetensors
"""

import argparse
import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from photosketch.data.array_types import Points
from photosketch.draw import inputs
from photosketch.jobs import devices, job, messages
from photosketch.jobs.code_version import SCRIPTS
from photosketch.jobs.job import command
from photosketch.jobs.messages import InputError, counted


@command
def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code: 0 if a face was drawn or a file exported."""
    asked = _parser().parse_args(arguments)
    asked.generator, asked.photos = inputs.INCLUDED_GENERATOR, asked.paths
    if Path(asked.paths[0]).suffix == ".safetensors":
        asked.generator, asked.photos = Path(asked.paths[0]), asked.paths[1:]
    if not asked.export:
        return _draw(asked)
    if len(asked.photos) != 1:
        raise InputError(["--export: name a generator and the file to write"])
    from photosketch.draw.export import export

    export(asked.generator, Path(asked.photos[0]), force=asked.force)
    print(f"wrote {asked.photos[0]}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="photosketch draw",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    paths = "a generator (NAME.safetensors; default: the included one), then photos or folders"
    add("paths", nargs="+", metavar="PATH", help=paths)
    add("--output", type=Path, metavar="DIR", help="the folder to draw into")
    add("--points", type=Path, metavar="CSV", help="points placed by hand (DIR/points.html)")
    add("--name", metavar="SUBSET/ID", help="the test pair whose dropout the only photo gets")
    add("--aligned", action="store_true", help="draw whole photos, aligned like the training's")
    add("--statistics", choices=("instance", "running"), default="instance")
    add("--seed", type=int, help="of dropout (default: the training's seed)")
    add("--background", choices=("white", "keep"), default="white", help="behind the person")
    add("--device", choices=("auto", "cpu", "cuda"), default="auto")
    add("--threads", type=int, metavar="N", help="CPU threads (default: all)")
    add("--force", action="store_true", help="overwrite files drawn earlier into DIR")
    add("--export", action="store_true", help="write the generator to NAME.onnx or .safetensors")
    return parser


def _checked(asked: argparse.Namespace) -> tuple[list[inputs.Photo], dict[str, list[Points]]]:
    """The photos, and the points given for them. Raises InputError with every wrong argument."""
    photos: list[inputs.Photo] = []
    points: dict[str, list[Points]] = {}
    output, problems = asked.output, inputs.generator_faults(asked.generator)
    if output is None:
        problems.append("--output: name the folder to draw into")
    elif output.exists() and not output.is_dir():
        problems.append(f"{output}: is not a folder; name another path")
    elif output.is_dir() and any(output.iterdir()) and not asked.force:
        problems.append(
            f"{output}: already has files; name another folder, or overwrite files drawn earlier "
            "with --force"
        )
    if not asked.photos:
        problems.append(f"{asked.generator}: name the photos after the generator")
    try:
        photos = inputs.find_photos(asked.photos, output or Path(os.devnull))
    except InputError as error:
        problems += error.problems
    problems += job.threads_problems(asked.threads)
    if asked.name and len(photos) > 1:
        problems.append(f"--name {asked.name}: names one photo, and {len(photos)} are given")
    try:
        points = inputs.read_points(asked.points, photos) if asked.points else {}
    except InputError as error:
        problems += error.problems
    if problems:
        raise InputError(problems)
    output.mkdir(parents=True, exist_ok=True)  # here, so that a failure is reported at once
    return photos, points


def _draw(asked: argparse.Namespace) -> int:
    photos, points = _checked(asked)
    from photosketch.draw.folder import MOST_CLICKED, draw_photos  # torch takes seconds
    from photosketch.draw.sketcher import Sketcher

    if asked.threads:
        job.set_threads(asked.threads)
    device = devices.acquire_device(sys.stderr, asked.device, in_short=True)
    sketcher = Sketcher.load(
        asked.generator, device, asked.statistics, asked.seed, asked.background
    )
    drawn, failures, faceless = draw_photos(
        sketcher, photos, asked.output, points, asked.name, asked.aligned, console=sys.stderr
    )
    done, index = len(photos) - len(failures), asked.output / "index.html"
    print(f"{counted(drawn, 'face')} in {done} of {counted(len(photos), 'photo')}: see {index}")
    for line in messages.first_of(failures, index):
        print(line, file=sys.stderr)
    if faceless:
        first = f", the first {MOST_CLICKED}" if len(faceless) > MOST_CLICKED else ""
        page = asked.output / "points.html"
        print(
            f"{counted(len(faceless), 'photo')} without a face: click their points on {page}"
            f"{first}, then run\n{_again(asked)}",
            file=sys.stderr,
        )
    return 0 if drawn else 1


def _again(asked: argparse.Namespace) -> str:
    """The same command with points, for any shell."""
    given = [asked.generator, *asked.photos, "--output", f"{asked.output}_again"]
    for option in ("statistics", "seed", "background", "device", "threads"):
        value = getattr(asked, option)
        if value not in (None, _parser().get_default(option)):
            given += [f"--{option}", value]
    given += ["--aligned"] if asked.aligned else []
    command = [sys.executable, "-m", "photosketch.draw", *given, "--points", "points.csv"]
    return f"PYTHONPATH={shlex.quote(str(SCRIPTS))} {shlex.join(map(str, command))}"


if __name__ == "__main__":
    sys.exit(main())
