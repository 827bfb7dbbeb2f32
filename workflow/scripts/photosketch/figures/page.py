"""Self-contained HTML pages with one base template (`page.html`) and one style (`page.css`).

A page's own template, style and script have the name of the module that fills them, and lie beside
it. Values are escaped. `page.js` shows two pictures on either side of a line that the reader moves.
"""

import base64
import io
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
from PIL import Image

_LIBRARY = Path(__file__).parents[1]
_ENVIRONMENT = jinja2.Environment(
    loader=jinja2.FileSystemLoader(_LIBRARY),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_ENVIRONMENT.policies["json.dumps_kwargs"] = {"separators": (",", ":"), "allow_nan": False}


def render(module: str, **values: Any) -> str:
    """The page of the template beside a module, given by its `__file__`."""
    name = Path(module).with_suffix("").relative_to(_LIBRARY).as_posix()
    return _ENVIRONMENT.get_template(f"{name}.html").render(values, name=name)


def image_uri(image: np.ndarray, kind: str = "webp", **options: Any) -> str:
    """An image, gray [H, W] or RGB [H, W, 3] uint8, as a data URI; `options` go to Pillow."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, kind, **options)
    return data_uri(buffer.getvalue(), kind)


def data_uri(content: bytes, kind: str) -> str:
    """The content of an image file as a data URI."""
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
