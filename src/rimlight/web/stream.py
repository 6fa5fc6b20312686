"""A page with the moving picture alone, and the picture as MJPEG, for browsers and OBS."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from rimlight.web.files import send_file
from rimlight.web.pictures import PictureFeed

_WAIT_S = 5.0


def make_stream_app(feed: PictureFeed) -> Starlette:
    """Return the application, without the guard that belongs before it."""
    return Starlette(
        routes=[
            Route("/", partial(send_file, "stream.html")),
            Route("/stream.css", partial(send_file, "stream.css")),
            Route("/stream", partial(_send_stream, feed)),
        ]
    )


async def _send_stream(feed: PictureFeed, request: Request) -> Response:
    """Send pictures until the client leaves or the sink is closed."""
    media_type = "multipart/x-mixed-replace; boundary=frame"
    if request.method == "HEAD":
        return Response(media_type=media_type)
    return StreamingResponse(_iterate_parts(feed), media_type=media_type)


async def _iterate_parts(feed: PictureFeed) -> AsyncIterator[bytes]:
    number = 0
    while not feed.is_closed:
        picture = await feed.wait_newer(number, _WAIT_S)
        if picture is not None:
            number, size = picture.number, len(picture.jpeg)
            head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {size}\r\n\r\n"
            yield head.encode() + picture.jpeg + b"\r\n"
