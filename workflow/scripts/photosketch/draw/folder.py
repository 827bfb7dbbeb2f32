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
from photosketch.draw.inputs import MODALITY, SUBSET, Photo, as_text
from photosketch.draw.sketcher import Sketch, Sketcher, read_photo
from photosketch.figures import contact_sheet
from photosketch.figures import page as pages
from photosketch.geometry.resampling import resampled
from photosketch.geometry.similarity import Similarity, template
from photosketch.jobs.disk import write_atomically
from photosketch.jobs.messages import InputError, counted
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
PAPER = 90  # percentile of a sketch's gray levels that counts as paper; the border may be dark


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
    output.mkdir(parents=True, exist_ok=True)
    about = sketcher.about
    album = _Album(output, f"Drawn by {about['run']}, {about['ablation']}")
    lead = f"seed {about['seed']}, epoch {about['epoch']}; {counted(len(photos), 'photo')}"
    if sketcher.background == "white" and not aligned:
        lead += "; the background was made white (--background keep: unchanged)"
    further = range(2, math.ceil(len(photos) / ON_A_PAGE) + 1)
    files = ["index.html", *(f"index_{number}.html" for number in further)]
    failures: list[str] = []
    faceless: list[Photo] = []
    cards: list[dict[str, Any]] = []  # photos, as the page's template wants them
    with Bar("drawing", len(photos), console) as bar, deterministic_algorithms():
        for number, photo in enumerate(photos):
            try:
                image = read_photo(photo.path)
                faces, reasons = sketcher.faces(image, points.get(photo.name))
                stem = as_text(Path(photo.path.stem))
                sketches = [
                    sketcher.draw(image, face, name or f"{stem}/{place}", aligned=aligned)
                    for place, face in enumerate(faces, 1)
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
            cards.append({"name": photo.title, "remarks": reasons})
            if sketches:
                cards[-1] |= album.add(photo, image, sketches, whole)
            else:
                failures.append(f"{as_text(photo.path)}: {'; '.join(reasons)}")
            if len(cards) == ON_A_PAGE or number == len(photos) - 1:
                file = files[number // ON_A_PAGE]
                links = ["" if each == file else each for each in files]
                heading = {"title": album.title, "lead": lead}
                text = pages.render(__file__, **heading, cards=cards, links=links)
                album.write_text(file, text)
                cards = []
            bar.update()
    if album.groups:
        album.write_sheet()
    write_table(pd.DataFrame(album.rows, columns=list(COLUMNS)), album.file("faces.csv"))
    if faceless:
        album.write_text("points.html", _click_page(faceless[:MOST_CLICKED], then))
    return len(album.rows), failures, faceless


class _Album:
    """The files of the folder, and the rows of its table. A contact sheet is written as soon as it
    is full, so that little is in memory."""

    def __init__(self, output: Path, title: str) -> None:
        self.output, self.title = output, title
        self.rows: list[list[Any]] = []
        self.groups: list[contact_sheet.Group] = []
        self.sheets = 0

    def file(self, name: str) -> Path:
        """Add a file that will be written to the list, and return its path."""
        with open(self.output / LIST, "a", encoding="utf-8") as file:
            print(name, file=file)
        return self.output / name

    def write_text(self, name: str, text: str) -> None:
        with write_atomically(self.file(name)) as temporary:
            temporary.write_text(text, encoding="utf-8")

    def write_image(self, name: str, image: Image) -> None:
        with write_atomically(self.file(name)) as temporary:
            Pillow.fromarray(image).save(temporary)

    def add(
        self, photo: Photo, image: Image, sketches: list[Sketch], whole: Image
    ) -> dict[str, Any]:
        """Write the sketches of a photo, and add them to table and contact sheet. Returns what the
        page shows."""
        path = str(photo.path).encode("utf-8", "replace").decode()
        place = f"in_place/{photo.name}.png"
        self.write_image(place, whole)
        shown = []
        for number, sketch in enumerate(sketches, 1):
            file, face = f"sketches/{photo.name}_{number}.png", sketch.face
            self.write_image(file, sketch.image)
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
                self.write_sheet()
        return {"photo": data_uri(image), "in_place": data_uri(whole), "sketches": shown}

    def write_sheet(self) -> None:
        self.sheets += 1
        name = "contact_sheet.png" if self.sheets == 1 else f"contact_sheet_{self.sheets}.png"
        picture = contact_sheet.sheet(self.title, self.groups, ACROSS)
        contact_sheet.save(picture, self.file(name))
        self.groups = []


def in_place(sketches: Sequence[Sketch], size: tuple[int, int]) -> Image:
    """A picture [H, W] uint8 of the photo's `size` (width, height) with every sketch in its place.

    The rest is paper of the sketches' mean gray. If pictures of several faces overlap, a pixel
    belongs to the face with the nearest middle, in units of each face's size.
    """
    width, height = size
    papers = [np.percentile(sketch.image, PAPER) for sketch in sketches]
    canvas = np.full((height, width), round(float(np.mean(papers))), np.uint8)
    nearest = np.full((height, width), np.inf, np.float32)
    for sketch in sketches:
        back = sketch.transform.inverse()
        rows, columns = sketch.image.shape
        corners = back(np.array([(x, y) for x in (-0.5, columns) for y in (-0.5, rows)]))
        left, top = np.maximum(np.floor(corners.min(0)), 0).astype(int)
        right, bottom = np.minimum(np.ceil(corners.max(0)) + 1, size).astype(int)
        if right <= left or bottom <= top:
            continue
        shifted = Similarity(back.matrix, back.shift - (left, top))
        gray = np.repeat(sketch.image[..., None], 3, axis=2)
        drawn = resampled(gray, shifted, (right - left, bottom - top))[..., 0]
        # The places of the rectangle's pixels in the aligned picture.
        across = np.arange(left, right, dtype=np.float32)[None]
        down = np.arange(top, bottom, dtype=np.float32)[:, None]
        (a, b), (c, d) = sketch.transform.matrix.astype(np.float32)
        shift_x, shift_y = sketch.transform.shift.astype(np.float32)
        x, y = a * across + b * down + shift_x, c * across + d * down + shift_y
        inside = (x >= -0.5) & (x <= columns - 0.5) & (y >= -0.5) & (y <= rows - 0.5)
        middle_x, middle_y = sketch.transform(sketch.face.points).mean(axis=0)
        distance = np.hypot(x - middle_x, y - middle_y)
        place = slice(top, bottom), slice(left, right)
        own = inside & (distance < nearest[place])
        canvas[place][own] = drawn[own]
        nearest[place][own] = distance[own]
    return canvas


def data_uri(image: Image) -> str:
    """An image [H, W] or [H, W, 3] uint8 as a WebP data URI, LONGEST pixels a side at most."""
    picture = Pillow.fromarray(image)
    picture.thumbnail((LONGEST, LONGEST), Pillow.Resampling.LANCZOS)
    return pages.image_uri(np.asarray(picture), quality=QUALITY)


def _click_page(photos: Sequence[Photo], then: str) -> str:
    """The page to click the points of photos without a face on."""
    entries = []
    for photo in photos:
        image = read_photo(photo.path)
        size, picture = image.shape[1::-1], reduced(image)
        key = SUBSET, photo.name, MODALITY
        entries.append(click_page.entry(key, size, photo.name, picture, template(size)))
    return click_page.page(entries, [], "points.csv", then, "a face that fills the photo has it")
