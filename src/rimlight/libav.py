"""The only door to PyAV.

`import av` before `import cv2` makes `cv2.imshow` hang for ever, because both wheels bundle
libxcb helpers and the first one loaded wins. So cv2 is imported first, here and nowhere else.
"""

import cv2  # noqa: F401  isort: skip
import av  # isort: skip
import av.error  # isort: skip
import av.logging  # isort: skip

# Its exceptions say what failed. With a level set, every remark on a damaged frame would go through
# Python's logging to the terminal, and take the GIL inside FFmpeg's own threads to get there.
av.logging.set_level(None)

__all__ = ["av"]
