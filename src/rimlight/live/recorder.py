"""Records a live run to a file from one command to the next."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from rimlight.core.config import SinkConfig
from rimlight.core.errors import ConfigError
from rimlight.core.frame import SourceInfo
from rimlight.core.protocols import Sink
from rimlight.factory.sinks import open_sink
from rimlight.pipeline.live import LivePipeline
from rimlight.system import app_paths
from rimlight.system.atomic_io import make_folder


class LiveRecorder:
    """Adds a video file to the sinks of a run, and removes it again. For the run's thread.

    The recording gets what the other sinks get, without sound. If it fails, it ends, and the run
    continues.

    Args:
        pipeline: of the run.
        info: the run's source.
    """

    def __init__(self, pipeline: LivePipeline, info: SourceInfo) -> None:
        self._pipeline = pipeline
        self._info = replace(info, is_live=True)
        self._sink: Sink | None = None
        self._path = Path()

    @property
    def path(self) -> str:
        """The file that it records to; "" for none."""
        is_on = self._sink is not None and self._pipeline.has_sink(self._sink)
        return str(self._path) if is_on else ""

    def record(self, values: Sequence[str]) -> str:
        """Start, end, or without a value toggle a recording; return the new state.

        Args:
            values: "on", "off", or the file to record to.

        Raises:
            ConfigError: it records already, or the file is none that a video can be written to.
            SinkError: the file cannot be created, or its end cannot be written.
        """
        if len(values) > 1:
            raise ConfigError(
                f"this takes one value, got {len(values)}", hint="usage: record on, off or FILE"
            )
        word = values[0] if values else ("off" if self.path else "on")
        if word == "off":
            return self._stop()
        if word == "on":
            path = make_path()
            make_folder(path.parent)
            return self._start(path)
        return self._start(Path(os.path.expanduser(word)))

    def close(self) -> None:
        """End the recording, if any."""
        sink, self._sink = self._sink, None
        if sink is not None and self._pipeline.remove_sink(sink):
            sink.close()

    def _start(self, path: Path) -> str:
        if self.path:
            raise ConfigError(f"it records to {self._path} already", hint="end it with: record off")
        options = {"kind": "video", "path": str(path), "audio": "none"}
        sink = open_sink(SinkConfig.model_validate(options), self._info)
        self._path = Path(getattr(getattr(sink, "sink", sink), "path", path))
        self._sink = sink
        self._pipeline.add_sink(sink)
        return f"recording to {self._path}"

    def _stop(self) -> str:
        if not self.path:
            return "not recording"
        self.close()
        return f"recorded to {self._path}"


def make_path() -> Path:
    """Return the file of a recording that begins now, in the user's folder of videos."""
    return app_paths.get_videos_folder() / f"rimlight {datetime.now():%Y-%m-%d %H.%M.%S}.mp4"
