"""The panel: a page that shows a live run and sends it the commands of `rimlight ctl`.

Pictures are asked for one by one, so that a slow or hidden page costs nothing and never shows a
picture from before a panic.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from anyio import CapacityLimiter, to_thread
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from rimlight.core.errors import RimlightError
from rimlight.core.protocols import PendingCommand
from rimlight.imaging.palette import is_color
from rimlight.web.files import send_file
from rimlight.web.gallery import Gallery
from rimlight.web.metrics import is_healthy, render_metrics
from rimlight.web.pictures import PictureFeed
from rimlight.web.requests import parse_command, read_body
from rimlight.web.uploads import MAX_UPLOAD_BYTES, store_background

Submit = Callable[[Sequence[str]], PendingCommand]
Answer = dict[str, Any]

_FILES = {
    "/": "index.html",
    "/panel.css": "panel.css",
    "/panel.js": "panel.js",
    "/plots.js": "plots.js",
    "/icon.svg": "icon.svg",
}
OPEN_PATHS = frozenset({"/healthz", "/metrics"})
"""What needs no token: numbers alone."""
ALLOWED_VERBS = frozenset(
    {
        "background",
        "blur",
        "camera",
        "choices",
        "framing",
        "freeze",
        "max-cpu",
        "mirror",
        "model",
        "next",
    }
    | {"panic", "profile", "quality", "record", "status"}
)
"""What the page may ask of the run; `rimlight ctl` may ask more."""
MAX_COMMAND_BYTES = 4096
PICTURE_TIMEOUT_S = 10.0
_COMMAND_TIMEOUT_S = 5.0
_POLL_S = 0.01

_HANG_UP = {"Connection": "close"}
_STARTING = {"ok": False, "text": "the run is starting, or has ended", "hint": ""}
_BUSY = {"ok": False, "text": "the run is busy; it runs the command as soon as it can", "hint": ""}


class Panel:
    """Answers the requests of the page. Methods run on the server's thread, unless they say so.

    Args:
        feed: the pictures.
        gallery: the backgrounds.
        uploads: folder of the pictures that are dropped on the page; one of the gallery's.
    """

    def __init__(self, feed: PictureFeed, gallery: Gallery, uploads: Path) -> None:
        self._feed = feed
        self._gallery = gallery
        self._uploads = uploads
        self._submit: Submit | None = None
        self._cameras: frozenset[str] = frozenset()
        self._picture_turn = CapacityLimiter(1)

    def accept_commands(self, submit: Submit | None) -> None:
        """Use another way to submit commands; None for none. Any thread."""
        self._submit = submit

    def make_app(self) -> Starlette:
        """Return the application, without the guard that belongs before it."""
        pages = [Route(path, partial(send_file, name)) for path, name in _FILES.items()]
        return Starlette(
            routes=[
                *pages,
                Route("/picture", self.send_picture),
                Route("/status", self.send_status),
                Route("/choices", self.send_choices),
                Route("/thumbnails/{id}", self.send_thumbnail),
                Route("/command", self.run_command, methods=["POST"]),
                Route("/backgrounds", self.add_background, methods=["POST"]),
                Route("/healthz", self.send_health),
                Route("/metrics", self.send_metrics),
            ]
        )

    async def send_picture(self, request: Request) -> Response:
        """Send the first picture after the number `after`; 204 if none comes in time."""
        after = request.query_params.get("after", "0")
        picture = await self._feed.wait_newer(
            int(after) if after.isdecimal() and len(after) < 16 else 0, PICTURE_TIMEOUT_S
        )
        if picture is None:
            return Response(status_code=204)
        number = str(picture.number)
        return Response(picture.jpeg, media_type="image/jpeg", headers={"X-Number": number})

    async def send_status(self, _: Request) -> Response:
        """Send what `rimlight ctl status` shows; files are named without their folders."""
        answer = await self._execute(["status"])
        if answer["ok"]:
            status = answer["status"]
            item = self._gallery.find_path(status["background"])
            status["background_id"] = item.id if item else ""
            status["background"] = Path(status["background"]).name
            status["recording"] = Path(status["recording"]).name
        return JSONResponse(answer)

    async def send_choices(self, _: Request) -> Response:
        """Send what can be chosen: backgrounds, models, profiles, qualities."""
        answer = await self._execute(["choices"])
        if not answer["ok"]:
            return JSONResponse(answer)
        status = await self._execute(["status"])
        shown = Path(status["status"]["background"]) if status["ok"] else Path()
        folders = [_find_folder(shown)] if shown.is_absolute() else []
        self._cameras = frozenset(answer["status"].get("cameras", ()))
        items = await to_thread.run_sync(self._gallery.list_items, folders)
        backgrounds = [{"id": item.id, "name": item.path.stem} for item in items]
        return JSONResponse({**answer["status"], "ok": True, "backgrounds": backgrounds})

    async def send_thumbnail(self, request: Request) -> Response:
        """Send a small picture of a background."""
        item = self._gallery.find(request.path_params["id"])
        if item is None:
            return Response(status_code=404)
        make = partial(self._gallery.make_thumbnail, item)
        try:
            jpeg = await to_thread.run_sync(make, limiter=self._picture_turn)
        except (OSError, ValueError):
            return Response(status_code=404)
        return Response(jpeg, media_type="image/jpeg")

    async def run_command(self, request: Request) -> Response:
        """Run {"command": [...]}, and send the answer of `rimlight ctl`."""
        try:
            words = parse_command(await read_body(request, MAX_COMMAND_BYTES))
            words = self._resolve(words)
        except ValueError as exc:
            return JSONResponse({"ok": False, "text": str(exc), "hint": ""}, 400)
        return JSONResponse(await self._execute(words))

    async def add_background(self, request: Request) -> Response:
        """Add the picture in the body to the gallery, and send its number."""
        name = request.query_params.get("name", "")
        try:
            data = await read_body(request, MAX_UPLOAD_BYTES)
            store = partial(store_background, data, name, self._uploads)
            path = await to_thread.run_sync(store, limiter=self._picture_turn)
        except ValueError as exc:
            return JSONResponse({"ok": False, "text": str(exc), "hint": ""}, 413, _HANG_UP)
        except RimlightError as exc:
            return JSONResponse({"ok": False, "text": str(exc), "hint": exc.hint or ""}, 400)
        item = self._gallery.add(path)
        return JSONResponse({"ok": True, "id": item.id, "name": path.stem})

    async def send_health(self, _: Request) -> Response:
        """Send 200 while the run is well, else 503."""
        status = await self._read_status()
        text = status["state"] if status else "starting, or ended"
        return PlainTextResponse(f"{text}\n", 200 if is_healthy(status) else 503)

    async def send_metrics(self, _: Request) -> Response:
        """Send the figures of the run in the format of Prometheus."""
        content = render_metrics(await self._read_status())
        return Response(content, media_type="text/plain; version=0.0.4; charset=utf-8")

    async def _read_status(self) -> dict[str, Any] | None:
        answer = await self._execute(["status"])
        return answer.get("status")

    def _resolve(self, words: list[str]) -> list[str]:
        """Return the command of the run for that of the page, which names no files.

        Raises:
            ValueError: it is not one that the page may send.
        """
        verb, *values = words
        if verb not in ALLOWED_VERBS:
            raise ValueError("the panel has no such command")
        if verb == "background" and values and values[0].startswith("id:"):
            item = self._gallery.find(values[0].removeprefix("id:"))
            if item is None:
                raise ValueError("this background is not in the gallery any more")
            return [verb, str(item.path)]
        if verb == "background" and not (len(values) == 1 and is_color(values[0])):
            raise ValueError("a background of the panel is a color or a picture of the gallery")
        if verb == "record" and values not in ([], ["on"], ["off"]):
            raise ValueError("the panel starts and ends recordings, and names no files")
        if verb == "camera" and values not in [[each] for each in self._cameras]:
            raise ValueError("there is no such camera")
        if verb != "camera" and any(
            "/" in value or value.endswith((".yaml", ".yml")) for value in values
        ):
            raise ValueError("the panel takes names, not files")
        return words

    async def _execute(self, words: Sequence[str]) -> Answer:
        submit = self._submit
        if submit is None:
            return _STARTING
        command = submit(words)
        end = asyncio.get_running_loop().time() + _COMMAND_TIMEOUT_S
        while command.answer is None and asyncio.get_running_loop().time() < end:
            await asyncio.sleep(_POLL_S)
        return _BUSY if command.answer is None else command.answer


def _find_folder(background: Path) -> Path:
    """Return the folder whose pictures are offered with a background: its own, if it is one."""
    return background if background.is_dir() else background.parent
