"""Switches a live run to another camera, and lists the cameras that there are."""

from __future__ import annotations

from collections.abc import Sequence

from rimlight.core.config import RunConfig, SourceConfig
from rimlight.core.errors import ConfigError
from rimlight.core.protocols import Source
from rimlight.factory.pipeline import open_source, reconnect_camera
from rimlight.sources.reconnect import ReconnectingSource
from rimlight.system import v4l2


class CameraSwitch:
    """Replaces the camera of a run. For the run's thread.

    Frames keep the size of the first camera, and their times continue.

    Args:
        source: of the run.
        config: what the run was opened from.
    """

    def __init__(self, source: Source, config: RunConfig) -> None:
        self._source = source
        self.requested: SourceConfig = config.source
        """The source that the user chose last."""

    @property
    def device(self) -> str:
        """The camera's path or number; "" if the source is no camera."""
        is_camera = self.requested.kind == "camera"
        return str(self.requested.options.device) if is_camera else ""

    def switch(self, values: Sequence[str]) -> str:
        """Open another camera, then switch to it; return the new state.

        Raises:
            ConfigError: the run has no camera.
            SourceOpenError: the other one does not open; the run keeps its camera.
        """
        if len(values) != 1:
            raise ConfigError(
                f"this takes one value, got {len(values)}", hint="usage: camera /dev/video2"
            )
        if not isinstance(self._source, ReconnectingSource) or not self.device:
            raise ConfigError("the source of this run is no camera", hint="start another run")
        if values[0] == self.device:
            return f"camera {self.device}"
        part = self.requested.with_options(device=values[0])
        first = open_source(part)
        self._source.switch_to(first, reconnect_camera(part, first))
        self.requested = part
        return f"camera {values[0]}"


def list_camera_names() -> dict[str, str]:
    """Return the name of each camera by its path, without virtual ones that nobody feeds."""
    cameras = v4l2.list_cameras(with_formats=False)
    return {
        str(camera.path): camera.card
        for camera in cameras
        if camera.can_capture and not camera.can_output
    }
