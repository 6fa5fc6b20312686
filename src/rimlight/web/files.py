"""The files of the pages: a fixed list, so that no path of a request is ever looked up."""

from __future__ import annotations

from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, Response

PAGE_FOLDER = Path(__file__).with_name("page")
_MEDIA_TYPES = {
    ".html": "text/html",
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}


async def send_file(name: str, _: Request) -> Response:
    """Send a file of the pages."""
    path = PAGE_FOLDER / name
    return FileResponse(path, media_type=_MEDIA_TYPES[path.suffix])
