"""Photos drawn into a folder: sketches, contact sheets, a page, and a table of the faces.

sketches/NAME_1.png     the aligned sketch of the first face from the left
in_place/NAME.png       the sketches at the places of their faces, in the photo's size
contact_sheet.png       photo and sketch of each face; further sheets are numbered
index.html              each photo with its sketches; further pages are numbered
faces.csv               a row per face (COLUMNS)
points.html             only if photos have no face: a page to click their points on
drawn_files.txt         the list of these files, which drawing here again replaces
"""

import math
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import pandas as pd
from PIL import Image as Pillow

from photosketch.data.array_types import Image, Points
from photosketch.data.images import reduced
from photosketch.data.storage import write_table
from photosketch.draw.in_place import in_place
from photosketch.draw.photos import MODALITY, SUBSET, Photo, as_text
from photosketch.draw.sketcher import Sketch, Sketcher, read_photo
from photosketch.figures import contact_sheet
from photosketch.figures import page as pages
from photosketch.geometry.similarity import template
from photosketch.jobs.job import InputError, counted, write_atomically
from photosketch.jobs.progress import Bar
from photosketch.landmarks import click_page
from photosketch.landmarks.table import COORDINATES
from photosketch.training.determinism import deterministic_algorithms

COLUMNS = (
    *("photo", "face", "sketch", "in_place", *COORDINATES, "score", "source"),
    *(f"transform_{name}" for name in ("xx", "xy", "x", "yx", "yy", "y")),
)
ON_A_PAGE = 100  # photos
ON_A_SHEET, ACROSS, CELL = 60, 6, 150  # faces; faces in a row; width of a picture in pixels
MOST_CLICKED = 50  # photos on the page to click points on
LONGEST, QUALITY = 900, 85  # pixels of a side of the pictures in the page; quality of WebP
LIST = "drawn_files.txt"
WRITTEN = ("sketches/**/*.png", "in_place/**/*.png", "faces.csv", "points.html") + (
    *("contact_sheet.png", "contact_sheet_[0-9]*.png", "index.html", "index_[0-9]*.html"),
)


def clear(output: Path, photos: Sequence[Photo]) -> None:
    """Remove the files of the folder's list, drawn earlier, and nothing else. Raises InputError if
    other files would be overwritten, or if a photo to draw would be removed."""
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
    points: Mapping[str, Sequence[Points]],
    name: str | None = None,
    aligned: bool = False,
    *,
    then: str = "and draw again with --points points.csv",
    console: TextIO | None = None,
) -> tuple[int, list[str], list[Photo]]:
    """Draw every face of every photo into the folder `output`, one photo after another.

    Files drawn there earlier are removed (`clear`). `points`: by the photos' names, if known.
    `name` and `aligned`: as in a call of the sketcher. `then`: the next step, which the page to
    click points on names. Returns the number of faces drawn, a line for each photo that was not
    drawn, with the reasons, and the photos without a face.
    """
    clear(output, photos)
    failures: list[str] = []
    faceless: list[Photo] = []
    whitened = sketcher.background == "white" and not aligned
    album = _Album(output, sketcher.about, len(photos), whitened)
    with Bar("drawing", len(photos), console) as bar, deterministic_algorithms():
        for photo in photos:
            try:
                image = read_photo(photo.path)
                faces, reasons = sketcher.faces(image, points.get(photo.name))
                stem = as_text(Path(photo.path.stem))
                sketches = [
                    sketcher.draw(image, face, name or f"{stem}/{number}", aligned=aligned)
                    for number, face in enumerate(faces, 1)
                ]
                if sketches:
                    whole = in_place(sketches, image.shape[1::-1])
                else:
                    reasons = reasons or ["no face was found"]
                    faceless.append(photo)
            except InputError as error:
                sketches = []
                reasons = [problem.removeprefix(f"{photo.path}: ") for problem in error.problems]
            except Exception as error:  # libraries raise anything for unusual files
                traceback.print_exception(error)
                sketches, reasons = [], [f"could not be drawn ({type(error).__name__}: {error})"]
            if sketches:
                album.add(photo, image, sketches, whole, reasons)
            else:
                album.add_card({"name": photo.title, "remarks": reasons})
                failures.append(f"{as_text(photo.path)}: {'; '.join(reasons)}")
            bar.update()
    album.close()
    if faceless:
        _write_click_page(album.file("points.html"), faceless[:MOST_CLICKED], then)
    return len(album.rows), failures, faceless


class _Album:
    """The files of the folder, written photo by photo, so that little is in memory."""

    def __init__(self, output: Path, about: Mapping[str, Any], photos: int, whitened: bool) -> None:
        self.output = output
        output.mkdir(parents=True, exist_ok=True)
        self.title = f"Drawn by {about['run']}, {about['ablation']}"
        self.lead = f"seed {about['seed']}, epoch {about['epoch']}; {counted(photos, 'photo')}"
        if whitened:
            self.lead += "; the background was made white (--background keep: unchanged)"
        further = range(2, math.ceil(photos / ON_A_PAGE) + 1)
        self.pages = ["index.html", *(f"index_{number}.html" for number in further)]
        self.rows: list[list[Any]] = []
        self.cards: list[dict[str, Any]] = []  # as the page's template wants them
        self.groups: list[contact_sheet.Group] = []
        self.page = self.sheet = 0

    def file(self, name: str) -> Path:
        """Add a file that will be written to the list, and return its path."""
        with open(self.output / LIST, "a", encoding="utf-8") as file:
            print(name, file=file)
        return self.output / name

    def add(
        self, photo: Photo, image: Image, sketches: list[Sketch], whole: Image, remarks: list[str]
    ) -> None:
        """Write the sketches of a photo, and add them to table, page and contact sheet."""
        path = str(photo.path).encode("utf-8", "replace").decode()
        place = f"in_place/{photo.name}.png"
        self._save(whole, place)
        shown = []
        for number, sketch in enumerate(sketches, 1):
            file, face = f"sketches/{photo.name}_{number}.png", sketch.face
            self._save(sketch.image, file)
            by_hand = face.source == "manual"
            points = [f"{value:.3f}" for value in face.points.ravel()]
            score = "" if by_hand else f"{face.score:.6f}"
            transform = [f"{value:.8g}" for value in sketch.transform.array().ravel()]
            self.rows.append([path, number, file, place, *points, score, face.source, *transform])
            by = "placed by hand" if by_hand else f"found by MTCNN, score {face.score:.3f}"
            shown.append((data_uri(sketch.image), f"{number}: {by}"))
            pictures = [contact_sheet.cell(each, CELL) for each in (sketch.photo, sketch.image)]
            self.groups.append(contact_sheet.Group(pictures, f"{photo.name} {number}"))
            if len(self.groups) == ON_A_SHEET:
                self._write_sheet()
        card = {"name": photo.title, "remarks": remarks, "photo": data_uri(image)}
        self.add_card(card | {"in_place": data_uri(whole), "sketches": shown})

    def add_card(self, card: dict[str, Any]) -> None:
        """Add a photo to the page."""
        self.cards.append(card)
        if len(self.cards) == ON_A_PAGE:
            self._write_page()

    def close(self) -> None:
        """Write the last page, the last contact sheet and the table."""
        if self.cards:
            self._write_page()
        if self.groups:
            self._write_sheet()
        write_table(pd.DataFrame(self.rows, columns=list(COLUMNS)), self.file("faces.csv"))

    def _save(self, image: Image, name: str) -> None:
        with write_atomically(self.file(name)) as temporary:
            Pillow.fromarray(image).save(temporary)

    def _write_page(self) -> None:
        file = self.pages[self.page]
        links = ["" if each == file else each for each in self.pages]
        about = {"title": self.title, "lead": self.lead}
        text = pages.render(__file__, **about, cards=self.cards, links=links)
        with write_atomically(self.file(file)) as temporary:
            temporary.write_text(text, encoding="utf-8")
        self.page += 1
        self.cards = []

    def _write_sheet(self) -> None:
        self.sheet += 1
        name = "contact_sheet.png" if self.sheet == 1 else f"contact_sheet_{self.sheet}.png"
        picture = contact_sheet.sheet(self.title, self.groups, ACROSS)
        contact_sheet.save(picture, self.file(name))
        self.groups = []


def data_uri(image: Image) -> str:
    """An image [H, W] or [H, W, 3] uint8 as a WebP data URI, LONGEST pixels a side at most."""
    picture = Pillow.fromarray(image)
    picture.thumbnail((LONGEST, LONGEST), Pillow.Resampling.LANCZOS)
    return pages.image_uri(np.asarray(picture), quality=QUALITY)


def _write_click_page(file: Path, photos: Sequence[Photo], then: str) -> None:
    """Write the page to click the points of photos without a face on."""
    entries = []
    for photo in photos:
        image = read_photo(photo.path)
        size, picture = image.shape[1::-1], reduced(image)
        key = SUBSET, photo.name, MODALITY
        entries.append(click_page.entry(key, size, photo.name, picture, template(size)))
    text = click_page.page(entries, [], "points.csv", then, "a face that fills the photo has it")
    with write_atomically(file) as temporary:
        temporary.write_text(text, encoding="utf-8")
