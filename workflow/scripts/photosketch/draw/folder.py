"""Photos drawn into a folder: sketches, contact sheets, a page, and a table of the faces.

sketches/NAME_1.png     the aligned sketch of the first face from the left
in_place/NAME.png       the sketches at the places of their faces, in the photo's size
contact_sheet.png       photo and sketch of each face; further sheets are numbered
index.html              each photo with its sketches; further pages are numbered
faces.csv               a row per face (COLUMNS)
points.html             only if photos have no face: a page to click their points on
drawn_files.txt         the list of these files, which drawing here again replaces
"""

import csv
import math
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from PIL import Image as Pillow

from photosketch.data import images
from photosketch.data.array_types import Image, Points
from photosketch.draw import page
from photosketch.draw.in_place import in_place
from photosketch.draw.photos import MODALITY, SUBSET, Photo
from photosketch.draw.sketcher import Sketch, Sketcher, read_photo, stem_of
from photosketch.figures import contact_sheet
from photosketch.geometry.similarity import template
from photosketch.jobs.job import InputError, counted, write_atomically
from photosketch.jobs.progress import Bar
from photosketch.landmarks import click_page
from photosketch.landmarks.table import COORDINATES
from photosketch.training.determinism import deterministic_algorithms

TRANSFORM = ("xx", "xy", "x", "yx", "yy", "y")
COLUMNS = (
    *("photo", "face", "sketch", "in_place", *COORDINATES, "score", "source"),
    *(f"transform_{name}" for name in TRANSFORM),
)
ON_A_PAGE = 100  # photos
ON_A_SHEET, ACROSS, CELL = 60, 6, 150  # faces; faces in a row; width of a picture in pixels
MOST_CLICKED = 50  # photos on the page to click points on
LIST = "drawn_files.txt"
WRITTEN = ("sketches/**/*.png", "in_place/**/*.png", "faces.csv", "points.html") + (
    *("contact_sheet.png", "contact_sheet_[0-9]*.png", "index.html", "index_[0-9]*.html"),
)


@dataclass
class Drawn:
    """The number of faces drawn, and by the photos' paths the reasons why others were not drawn."""

    faces: int = 0
    failures: dict[str, list[str]] = field(default_factory=dict)
    faceless: list[Photo] = field(default_factory=list)


def clear(output: Path, photos: Sequence[Photo]) -> None:
    """Remove the files of the folder's list, drawn earlier, and nothing else.

    Raises InputError if other files would be overwritten, or if a photo to draw would be removed.
    """
    file = output / LIST
    lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
    there = {path for pattern in WRITTEN for path in output.glob(pattern)}
    drawn = there & {output / line for line in lines}
    problems = [
        f"{path}: would be overwritten, but {file} does not list it as drawn; move it away, or "
        "name another folder"
        for path in sorted(there - drawn)
    ]
    paths = {path.resolve() for path in drawn}
    problems += [
        f"{photo.path}: was drawn into {output} before and would be overwritten; copy it elsewhere"
        for photo in photos
        if photo.path.resolve() in paths
    ]
    if problems:
        raise InputError(problems)
    for path in (*drawn, file):
        path.unlink(missing_ok=True)


def draw_photos(
    sketcher: Sketcher,
    photos: Sequence[Photo],
    output: Path,
    *,
    points: Mapping[str, Sequence[Points]] | None = None,
    name: str | None = None,
    aligned: bool = False,
    then: str = "and draw again with --points points.csv",
    console: TextIO | None = None,
) -> Drawn:
    """Draw every face of every photo into the folder `output`, one photo after another.

    Files drawn there earlier are removed (`clear`). `points`: by the photos' names, if known.
    `name` and `aligned`: as in a call of the sketcher. `then`: the next step, which the page to
    click points on names. If a photo cannot be drawn, the result says why, and drawing goes on.
    `console` shows the progress.
    """
    clear(output, photos)
    drawn = Drawn()
    whitened = sketcher.background == "white" and not aligned
    album = _Album(output, sketcher.about, len(photos), whitened)
    with Bar("drawing", len(photos), console) as bar, deterministic_algorithms():
        for photo in photos:
            try:
                image = read_photo(photo.path)
                faces, remarks = sketcher.faces(image, (points or {}).get(photo.name))
                keys = [name or f"{stem_of(photo.path)}/{n}" for n in range(1, len(faces) + 1)]
                sketches = [
                    sketcher.draw(image, face, key, aligned=aligned)
                    for face, key in zip(faces, keys, strict=True)
                ]
                whole = in_place(sketches, image.shape[1::-1]) if sketches else None
            except Exception as error:  # libraries raise anything for unusual files
                drawn.failures[str(photo.path)] = _reasons(photo, error)
                album.add_failure(photo, drawn.failures[str(photo.path)])
            else:
                if whole is not None:
                    album.add(photo, image, sketches, whole, remarks)
                    drawn.faces += len(sketches)
                else:
                    reasons = remarks or ["no face was found"]
                    drawn.failures[str(photo.path)] = reasons
                    drawn.faceless.append(photo)
                    album.add_failure(photo, reasons)
            bar.update()
    album.close()
    if drawn.faceless:
        _write_click_page(album.file("points.html"), drawn.faceless[:MOST_CLICKED], then)
    return drawn


def _reasons(photo: Photo, error: Exception) -> list[str]:
    """Why a photo was not drawn, without its path; an unexpected error prints its traceback."""
    if isinstance(error, InputError):
        return [problem.removeprefix(f"{photo.path}: ") for problem in error.problems]
    traceback.print_exception(error)
    return [f"could not be drawn ({type(error).__name__}: {error})"]


class _Album:
    """The files of the folder, written photo by photo, so that little is in memory."""

    def __init__(self, output: Path, about: Mapping[str, Any], photos: int, whitened: bool) -> None:
        self.output = output
        output.mkdir(parents=True, exist_ok=True)
        self.title = f"Drawn by {about['run']}, {about['ablation']}"
        self.lead = f"seed {about['seed']}, epoch {about['epoch']}; {counted(photos, 'photo')}"
        if whitened:
            self.lead += "; the background was made white (--background keep: unchanged)"
        self.pages = math.ceil(photos / ON_A_PAGE)
        self.rows: list[list[Any]] = []
        self.cards: list[page.Card] = []
        self.groups: list[contact_sheet.Group] = []
        self.page = self.sheet = 0

    def file(self, name: str) -> Path:
        """Add a file that will be written to the list, and return its path."""
        with open(self.output / LIST, "a", encoding="utf-8") as file:
            print(name, file=file)
        return self.output / name

    def add(
        self,
        photo: Photo,
        image: Image,
        sketches: Sequence[Sketch],
        whole: Image,
        remarks: Sequence[str],
    ) -> None:
        """Write the sketches of a photo, and add them to table, page and contact sheet."""
        place = f"in_place/{photo.name}.png"
        _save(whole, self.file(place))
        shown = []
        for number, sketch in enumerate(sketches, 1):
            file = f"sketches/{photo.name}_{number}.png"
            _save(sketch.image, self.file(file))
            self.rows.append(_row(photo, number, file, place, sketch))
            score, source = sketch.face.score, sketch.face.source
            by = "placed by hand" if source == "manual" else f"found by MTCNN, score {score:.3f}"
            shown.append((page.data_uri(sketch.image), f"{number}: {by}"))
            pictures = [contact_sheet.cell(each, CELL) for each in (sketch.photo, sketch.image)]
            self.groups.append(contact_sheet.Group(pictures, f"{photo.name} {number}"))
            if len(self.groups) == ON_A_SHEET:
                self._write_sheet()
        self._add_card(
            page.Card(photo.title, page.data_uri(image), page.data_uri(whole), shown, remarks)
        )

    def add_failure(self, photo: Photo, reasons: Sequence[str]) -> None:
        """Write the reasons why a photo was not drawn to the page."""
        self._add_card(page.Card(photo.title, remarks=reasons))

    def close(self) -> None:
        """Write the last page, the last contact sheet and the table."""
        if self.cards:
            self._write_page()
        if self.groups:
            self._write_sheet()
        with (
            write_atomically(self.file("faces.csv")) as temporary,
            open(temporary, "w", newline="", encoding="utf-8") as file,
        ):
            writer = csv.writer(file, lineterminator="\n")
            writer.writerows([COLUMNS, *self.rows])

    def _add_card(self, card: page.Card) -> None:
        self.cards.append(card)
        if len(self.cards) == ON_A_PAGE:
            self._write_page()

    def _write_page(self) -> None:
        files = [_numbered("index", number, "html") for number in range(1, self.pages + 1)]
        links = ["" if number == self.page else file for number, file in enumerate(files)]
        text = page.page(self.title, self.lead, self.cards, links)
        with write_atomically(self.file(files[self.page])) as temporary:
            temporary.write_text(text, encoding="utf-8")
        self.page += 1
        self.cards = []

    def _write_sheet(self) -> None:
        self.sheet += 1
        picture = contact_sheet.sheet(self.title, self.groups, ACROSS)
        contact_sheet.save(picture, self.file(_numbered("contact_sheet", self.sheet, "png")))
        self.groups = []


def _numbered(name: str, number: int, suffix: str) -> str:
    return f"{name}.{suffix}" if number == 1 else f"{name}_{number}.{suffix}"


def _row(photo: Photo, number: int, file: str, place: str, sketch: Sketch) -> list[Any]:
    face = sketch.face
    numbers = [f"{value:.3f}" for value in face.points.ravel()]
    score = f"{face.score:.6f}" if face.source != "manual" else ""
    transform = [f"{value:.8g}" for value in sketch.transform.array().ravel()]
    path = str(photo.path).encode("utf-8", "replace").decode()
    return [path, number, file, place, *numbers, score, face.source, *transform]


def _save(image: Image, path: Path) -> None:
    with write_atomically(path) as temporary:
        Pillow.fromarray(image).save(temporary)


def _write_click_page(file: Path, photos: Sequence[Photo], then: str) -> None:
    """Write the page to click the points of photos without a face on."""
    entries = []
    for photo in photos:
        image = read_photo(photo.path)
        height, width = image.shape[:2]
        entries.append(
            click_page.entry(
                (SUBSET, photo.name, MODALITY),
                (width, height),
                photo.name,
                np.asarray(images.reduced(image)),
                hint=click_page.listed(template((width, height))),
            )
        )
    text = click_page.page(entries, [], "points.csv", then, "a face that fills the photo has it")
    with write_atomically(file) as temporary:
        temporary.write_text(text, encoding="utf-8")
