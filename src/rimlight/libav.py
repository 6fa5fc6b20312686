"""The only door to PyAV.

`import av` before `import cv2` makes `cv2.imshow` hang for ever, because both wheels bundle
libxcb helpers and the first one loaded wins. So cv2 is imported first, here and nowhere else.
"""

import cv2  # noqa: F401  isort: skip
import av  # isort: skip
import av.error  # isort: skip
import av.logging  # isort: skip

# FFmpeg's own messages go to the log of the container that raised, not to the user's terminal.
av.logging.set_level(av.logging.ERROR)
av.logging.set_skip_repeated(True)

__all__ = ["av"]
