"""A page to look at sketches: each photo with its sketches, the photo comparable with them."""

import html
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template

import numpy as np
from PIL import Image as Pillow

from photosketch.comparison import gallery
from photosketch.data.array_types import Image
from photosketch.figures import before_after

_TEMPLATE = Path(__file__).with_suffix(".html")
LONGEST = 900  # pixels of a side of the pictures in the page
QUALITY = 85  # of WebP


@dataclass(frozen=True)
class Card:
    """A photo in the page: its name, its picture and that of its sketches in their places, as data
    URIs, and the sketches with a caption each; or, without pictures, why it was not drawn."""

    name: str
    photo: str = ""
    in_place: str = ""
    sketches: Sequence[tuple[str, str]] = ()  # data URI, caption
    remarks: Sequence[str] = ()


def page(title: str, lead: str, cards: Sequence[Card], links: Sequence[str]) -> str:
    """The page, self-contained. `links`: files of all pages of the photos, this one's empty."""
    pages = [
        f'<a href="{html.escape(link)}">{number}</a>' if link else f"<b>{number}</b>"
        for number, link in enumerate(links, 1)
    ]
    fields = {
        "title": html.escape(title),
        "lead": html.escape(lead),
        "pages": f"<nav>Pages: {' '.join(pages)}</nav>" if len(pages) > 1 else "",
        "cards": "".join(map(_card, cards)),
        "divide_style": before_after.STYLE,
        "divide_script": before_after.SCRIPT,
    }
    return Template(_TEMPLATE.read_text(encoding="utf-8")).substitute(fields)


def _card(card: Card) -> str:
    name = html.escape(card.name)
    remarks = "".join(f'<p class="warning">{html.escape(text)}</p>' for text in card.remarks)
    pictures = ""
    if card.photo:
        sketches = "".join(
            f'<figure><img src="{uri}" alt="Sketch {number} of {name}">'
            f"<figcaption>{html.escape(caption)}</figcaption></figure>"
            for number, (uri, caption) in enumerate(card.sketches, 1)
        )
        pictures = (
            f'<div class="compared"><div class="stage"><img src="{card.photo}" alt="{name}">'
            f'<img class="over" src="{card.in_place}" alt="Sketches of {name} in place"></div>'
            '<input class="divide" type="range" min="0" max="100" value="50" '
            f'aria-label="Divide between {name} and its sketches"></div>'
            f'<div class="strip">{sketches}</div>'
        )
    return f"<article><h2>{name}</h2>{remarks}{pictures}</article>"


def data_uri(image: Image) -> str:
    """An image [H, W] or [H, W, 3] uint8 as a WebP data URI, LONGEST pixels a side at most."""
    picture = Pillow.fromarray(image)
    picture.thumbnail((LONGEST, LONGEST), Pillow.Resampling.LANCZOS)
    return gallery.data_uri(np.asarray(picture), QUALITY)
