"""A preview in the browser, or in OBS as a media source: MJPEG over HTTP, on this machine only."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from rimlight.core import options
from rimlight.core.errors import SinkError
from rimlight.core.frame import Frame, SourceInfo
from rimlight.web import require_web

MAX_FPS = 60.0


class HttpSink:
    """Serves http://127.0.0.1:PORT/; waits for no client.

    `/` is a page, `/stream` the moving picture. A client that is too slow misses frames, a silent
    one is closed. Requests whose Host is another name, or that another page makes, are refused, so
    that a web page elsewhere cannot look in.

    Raises:
        MissingDependencyError: the web server is not installed.
        SinkError: the port is taken.
    """

    class Options(options.Options):
        """Where, and how good."""

        positional: ClassVar[str | None] = "port"

        port: Annotated[int, Field(ge=0, le=65535, description="0: any that is free")] = 8787
        quality: Annotated[int, Field(ge=1, le=100, description="of the JPEG pictures")] = 80

    def __init__(self, options: Options, info: SourceInfo) -> None:
        require_web("sink 'http'")
        from rimlight.web.guard import Access, Guard
        from rimlight.web.pictures import PictureFeed
        from rimlight.web.server import WebServer, listen
        from rimlight.web.stream import make_stream_app

        listener = listen(options.port)
        self.port: int = listener.getsockname()[1]
        """Where it serves."""
        self._feed = PictureFeed(quality=options.quality, max_fps=MAX_FPS)
        app, access = make_stream_app(self._feed), Access(self.port)
        self._server = WebServer(listener, lambda trust: Guard(app, access, trust))
        self._is_closed = False

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should know: where to look."""
        return (f"preview: http://127.0.0.1:{self.port}/",)

    def write(self, frame: Frame) -> None:
        """Show `frame` to those who look.

        Raises:
            SinkError: the frame is transparent, which no JPEG picture is.
            ValueError: the sink is closed.
        """
        if self._is_closed:
            raise ValueError("write to a closed sink")
        if frame.alpha is not None:
            raise SinkError(
                "a stream of JPEG pictures cannot show transparency",
                hint="put a picture, a color or a blur behind the person",
            )
        self._feed.put(frame)

    def write_immediately(self, frame: Frame) -> None:
        """Show `frame` in the place of one that is being sent. Any thread."""
        self._feed.put(frame, is_urgent=True)

    def close(self) -> None:
        """Hang up."""
        if not self._is_closed:
            self._is_closed = True
            self._feed.close()
            self._server.close()

    def abort(self) -> None:
        """Hang up."""
        self.close()
