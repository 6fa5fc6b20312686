"""What would fail in every worker, found once and before any work."""

from __future__ import annotations

from rimlight.core.config import RunConfig
from rimlight.factory.sinks import check_sinks


def try_parts(run: RunConfig) -> None:
    """Read the files that effects name, and ask whether the outputs can hold what is made.

    Raises:
        RimlightError: a background cannot be read, or a container cannot hold the video.
    """
    check_sinks(run)
    for part in run.effects:
        part.open().close()
