"""The panel of a live run in the browser: the picture, and the controls of `rimlight ctl`."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from typing import Annotated, ClassVar

from pydantic import Field

from rimlight.core import options
from rimlight.core.frame import Frame, SourceInfo
from rimlight.core.protocols import PendingCommand
from rimlight.system import app_paths
from rimlight.web import require_web

MAX_FPS = 15.0
_WIDTH_PX = 640
_QUALITY = 75
_ALTERNATIVE_PORTS = 10
_WATCHED_WITHIN_S = 3.0


class ViewerCounter:
    """Tells whether a page of the panel is looking.

    Args:
        is_watched: returns True if one is.
    """

    interval_s = 0.2
    """How often it is worth asking."""

    def __init__(self, is_watched: Callable[[], bool]) -> None:
        self._is_watched = is_watched

    def count(self) -> int:
        """Return 1 if a page is looking, else 0."""
        return int(self._is_watched())

    def close(self) -> None:
        """There is nothing to release."""


class PanelSink:
    """Serves the panel at http://127.0.0.1:PORT/ to the user who has its address.

    It shows what the other sinks get, and waits for nobody. The address holds a token, which is
    another one for every run.

    Raises:
        MissingDependencyError: the web server is not installed.
        SinkError: no port can be had.
    """

    class Options(options.Options):
        """Where it is, and which backgrounds it offers."""

        positional: ClassVar[str | None] = "port"

        port: Annotated[
            int,
            Field(ge=0, le=65535, description="the next free one if it is taken; 0: any"),
        ] = 8787
        backgrounds: Annotated[
            options.FilePath | None,
            Field(description="folder of images for the gallery; None: that of the background"),
        ] = None

    def __init__(self, options: Options, info: SourceInfo) -> None:
        require_web("the panel")
        from rimlight.web.gallery import Gallery
        from rimlight.web.guard import Access, Guard
        from rimlight.web.panel import OPEN_PATHS, Panel
        from rimlight.web.pictures import PictureFeed
        from rimlight.web.server import WebServer, listen

        more = range(options.port + 1, options.port + _ALTERNATIVE_PORTS) if options.port else ()
        listener = listen(options.port, alternatives=(port for port in more if port <= 65535))
        access = Access(listener.getsockname()[1], secrets.token_urlsafe(24), OPEN_PATHS)
        uploads = app_paths.get_data_folder() / "backgrounds"
        folders = [uploads, *([options.backgrounds] if options.backgrounds else [])]
        samples = app_paths.find_data_folder("samples")
        self._feed = PictureFeed(quality=_QUALITY, max_fps=MAX_FPS, max_width=_WIDTH_PX)
        self._panel = Panel(self._feed, Gallery([*folders, samples]), uploads)
        app = self._panel.make_app()
        self._server = WebServer(listener, lambda trust: Guard(app, access, trust))
        self._is_closed = False
        self._wanted_port = options.port
        self.port: int = access.port
        """Where it serves."""
        self.url = access.url
        """The address of the first visit, with the token."""

    @property
    def notes(self) -> tuple[str, ...]:
        """Where it is."""
        taken = self._wanted_port and self._wanted_port != self.port
        why = f" (port {self._wanted_port} is taken)" if taken else ""
        return (f"panel: {self.url}{why}",)

    def accept_commands(self, submit: Callable[[Sequence[str]], PendingCommand] | None) -> None:
        """Send the commands of the page there; None for nowhere."""
        self._panel.accept_commands(submit)

    def write(self, frame: Frame) -> None:
        """Show `frame` to those who look.

        Raises:
            ValueError: the sink is closed.
        """
        if self._is_closed:
            raise ValueError("write to a closed sink")
        self._feed.put(frame)

    def write_immediately(self, frame: Frame) -> None:
        """Show `frame` in the place of one that is being sent. Any thread."""
        self._feed.put(frame, is_urgent=True)

    def open_consumer_counter(self) -> ViewerCounter:
        """Return a counter of the pages that look: an open page keeps the camera on."""
        return ViewerCounter(lambda: self._feed.is_watched(_WATCHED_WITHIN_S))

    def close(self) -> None:
        """Hang up."""
        if not self._is_closed:
            self._is_closed = True
            self._panel.accept_commands(None)
            self._feed.close()
            self._server.close()

    def abort(self) -> None:
        """Hang up."""
        self.close()
