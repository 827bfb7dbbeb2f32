"""The page of a person's own photos, each compared with its sketches."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image as Pillow

from photosketch.data.array_types import Image
from photosketch.figures import page as pages

LONGEST = 900  # pixels of a side of the pictures in the page
QUALITY = 85  # of WebP


@dataclass(frozen=True)
class Card:
    """A photo in the page: its name, data URIs of the photo and of the sketches in place, and each
    sketch with a caption. Without pictures, `remarks` say why the photo was not drawn."""

    name: str
    photo: str = ""
    in_place: str = ""
    sketches: Sequence[tuple[str, str]] = ()  # data URI, caption
    remarks: Sequence[str] = ()


def page(title: str, lead: str, cards: Sequence[Card], links: Sequence[str]) -> str:
    """The self-contained page. `links`: the files of all pages; the current page's is empty."""
    return pages.render(__file__, title=title, lead=lead, cards=cards, links=links)


def data_uri(image: Image) -> str:
    """An image [H, W] or [H, W, 3] uint8 as a WebP data URI, LONGEST pixels a side at most."""
    picture = Pillow.fromarray(image)
    picture.thumbnail((LONGEST, LONGEST), Pillow.Resampling.LANCZOS)
    return pages.image_uri(np.asarray(picture), quality=QUALITY)
