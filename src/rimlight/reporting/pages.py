"""Rendering of HTML pages from templates."""

from __future__ import annotations

import base64
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from rimlight.core.interchange import to_json
from rimlight.system.atomic_io import GENERATOR

if TYPE_CHECKING:
    import numpy as np
    from jinja2 import Environment
    from markupsafe import Markup
    from numpy.typing import NDArray

_SHARED = Path(__file__).with_name("templates")


def render_page(template: Path, *, title: str, **values: Any) -> str:
    """Return a whole HTML page.

    Args:
        template: extends layout.html.
        title: of the window, and the heading.
        values: what the template names; escaped unless they are Markup.
    """
    environment = open_environment(template.parent)
    page: str = environment.get_template(template.name).render(title=title, **values)
    return page


@cache
def open_environment(folder: Path = _SHARED) -> Environment:
    """Return the environment of the templates in `folder` and of those that all pages share."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=FileSystemLoader([folder, _SHARED]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )

    def inline(name: str) -> Markup:
        """Return a file of ours as it is: a script or a style sheet."""
        path = next(p for p in (folder / name, _SHARED / name) if p.is_file())
        return Markup(path.read_text(encoding="utf-8"))

    environment.policies["json.dumps_function"] = to_json
    environment.policies["json.dumps_kwargs"] = {}
    environment.globals |= {
        "generator": Markup(GENERATOR),
        "inline": inline,
        "jpeg_uri": jpeg_uri,
    }
    return environment


def file_href(path: str) -> str:
    """Return the link to a file, given by its path from the page or by its address.

    A name such as javascript:x.mp4 is a file and no protocol. Bytes that are no text stay.
    """
    if "://" in path:
        return quote(path, safe="/:%?&=+,;@~", errors="surrogateescape")
    is_anchored = path.startswith(("/", "../"))
    return quote(path if is_anchored else f"./{path}", errors="surrogateescape")


def jpeg_uri(image: NDArray[np.uint8], *, quality: int = 80) -> str:
    """Return BGR uint8 (h, w, 3) `image` as a data URI, the source of an HTML image."""
    import cv2

    _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return f"data:image/jpeg;base64,{base64.b64encode(data.tobytes()).decode('ascii')}"
