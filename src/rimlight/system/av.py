"""The only module that imports PyAV.

`import av` before `import cv2` makes `cv2.imshow` hang for ever, because both wheels bundle
libxcb helpers and the first one loaded wins. So cv2 is imported first, here and nowhere else.
"""

from typing import Any

import cv2  # noqa: F401  isort: skip
import av  # isort: skip
import av.error  # isort: skip
import av.logging  # isort: skip
import av.sidedata.sidedata  # isort: skip
import av.video.reformatter  # isort: skip

# Exceptions report failures. With a log level, every message about a damaged frame would go through
# Python's logging and take the GIL inside FFmpeg's threads.
av.logging.set_level(None)


def _make_unknown(kinds: Any, value: int) -> Any:
    """Return an enum member for a kind of side data that PyAV does not list.

    Without it, one such kind, such as EXIF, makes all side data of a frame unreadable.
    """
    kind = object.__new__(kinds)
    kind._name_, kind._value_ = f"UNKNOWN_{value}", value
    return kind


setattr(av.sidedata.sidedata.Type, "_missing_", classmethod(_make_unknown))  # noqa: B010

__all__ = ["av"]
