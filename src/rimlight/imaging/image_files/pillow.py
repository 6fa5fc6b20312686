"""What only Pillow reads: GIF, AVIF, HEIC, animations, CMYK and gray TIFF with alpha.

Imported when the first such file comes: most runs need none of it. Pillow raises whatever it
likes for a damaged file; here all of it becomes ValueError.
"""

from __future__ import annotations

import io
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import IO, Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pil
from PIL import ImageFile

from rimlight.imaging.image_files.headers import set_alpha_flag
from rimlight.system.file_kinds import can_read_heif, detect_image_format, read_header

Image = NDArray[np.uint8]

logging.getLogger("PIL").setLevel(logging.CRITICAL)  # what it says, its exceptions say too

_LIMIT = threading.Lock()
"""Held while Pillow's own limit of pixels, which is one for all threads, is that of one caller."""

_SHORTEST_MS, _USUAL_MS = 20, 100
"""Browsers show a frame with a shorter time, such as 0, for the usual one."""

_EXACT = {"I;16": "<u2", "I;16L": "<u2", "I;16B": ">u2"}


@dataclass(frozen=True, slots=True)
class OpenedImage:
    """The first picture of a file.

    Attributes:
        size: (width, height).
        count: how many pictures are in the file.
        exif: the EXIF block; empty where there is none.
        icc: the ICC profile; empty where there is none.
        image: Pillow's, not decoded yet.
    """

    size: tuple[int, int]
    count: int
    exif: bytes
    icc: bytes
    image: Any


@contextmanager
def open_image(data: bytes) -> Iterator[OpenedImage]:
    """Open a picture file without decoding it.

    Raises:
        ValueError: Pillow does not know it, or it is damaged; or HEIC without pillow-heif.
    """
    with _as_value_error(), _open(io.BytesIO(data), data[:64]) as image:
        exif = image.getexif()
        yield OpenedImage(
            image.size,
            getattr(image, "n_frames", 1),
            exif.tobytes() if exif else b"",
            image.info.get("icc_profile") or b"",
            image,
        )


def decode_pixels(image: Any) -> tuple[Image, Image | None]:
    """Decode to BGR, uint8 (h, w, 3), and alpha, uint8 (h, w); None where all is opaque.

    Raises:
        ValueError: the pixels are floating point, or 32 bit.
    """
    if image.mode in _EXACT:
        deep = np.frombuffer(image.tobytes(), _EXACT[image.mode])
        gray = np.round(deep / 257).astype(np.uint8).reshape(image.height, image.width)
        return np.asarray(cv2.cvtColor(gray, cv2.COLOR_GRAY2BGR), np.uint8), None
    if image.mode in {"F", "I"}:
        raise ValueError("its pixels are 32 bit; only 8 and 16 bit are supported")
    if image.mode in {"RGBA", "LA", "PA", "RGBa", "La"} or "transparency" in image.info:
        rgba = np.asarray(image.convert("RGBA"))
        return np.ascontiguousarray(rgba[..., 2::-1]), np.ascontiguousarray(rgba[..., 3])
    return np.ascontiguousarray(np.asarray(image.convert("RGB"))[..., ::-1]), None


@dataclass(frozen=True, slots=True)
class AnimationFrame:
    """A frame of an animation.

    Attributes:
        bgr: uint8 (h, w, 3).
        alpha: uint8 (h, w); None where all is opaque.
        lasts: how many seconds it is shown.
    """

    bgr: Image
    alpha: Image | None
    duration: Fraction


class Animation:
    """A GIF, APNG, animated WebP or AVIF sequence.

    Attributes:
        size: (width, height).
        count: of frames.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is damaged.
    """

    def __init__(self, path: Path) -> None:
        with _as_value_error():
            head = read_header(str(path))
            self._image = _open(_with_alpha(path, head) or path, head)
        self.size: tuple[int, int] = self._image.size
        # An APNG may begin with a picture for those who do not know APNG.
        self._first = int(bool(self._image.info.get("default_image")))
        try:
            with _as_value_error():
                self.count = int(getattr(self._image, "n_frames", 1)) - self._first
        except ValueError:
            self._image.close()
            raise

    def __iter__(self) -> Iterator[AnimationFrame]:
        """Yield the frames as they are shown, each whole.

        Raises:
            ValueError: one is damaged.
        """
        for number in range(self._first, self._first + self.count):
            with _as_value_error():
                # A frame of a damaged GIF may reach far beyond the picture, and enlarge it.
                with _max_pixels(self.size[0] * self.size[1]):
                    self._image.seek(number)
                bgr, alpha = decode_pixels(self._image)
                lasts = float(self._image.info.get("duration") or 0)
            shown_ms = lasts if lasts >= _SHORTEST_MS else _USUAL_MS
            yield AnimationFrame(bgr, alpha, Fraction(round(shown_ms * 1000), 1_000_000))

    def close(self) -> None:
        """Close the file."""
        self._image.close()


def open_animation(path: Path, max_megapixels: float) -> Animation:
    """Open an animation whose frames have at most `max_megapixels` million pixels.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is no file, is damaged, or its frames are larger.
    """
    if not path.is_file():
        path.stat()
        raise ValueError("it is not a file")
    animation = Animation(path)
    width, height = animation.size
    if width * height > max_megapixels * 1e6:
        animation.close()
        raise ValueError(f"its {width}x{height} pixels are more than {max_megapixels} million")
    return animation


def _with_alpha(path: Path, head: bytes) -> IO[bytes] | None:
    """Make an animated WebP announce alpha: uncovered parts of its canvas are transparent."""
    return io.BytesIO(set_alpha_flag(path.read_bytes())) if head[12:16] == b"VP8X" else None


def _open(file: Path | IO[bytes], head: bytes) -> ImageFile.ImageFile:
    if detect_image_format(head) == "heif":
        if not can_read_heif():
            raise ValueError("HEIC is not read here: pip install 'rimlight[heic]'")
        import pillow_heif

        pillow_heif.register_heif_opener()
    with _max_pixels(None):  # the callers check the size against a limit of their own
        return Pil.open(file)


@contextmanager
def _max_pixels(count: int | None) -> Iterator[None]:
    """Let Pillow refuse what has more than twice `count` pixels; None for nothing."""
    with _LIMIT:
        before, Pil.MAX_IMAGE_PIXELS = Pil.MAX_IMAGE_PIXELS, count
        try:
            yield
        finally:
            Pil.MAX_IMAGE_PIXELS = before


@contextmanager
def _as_value_error() -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise
    except ValueError:
        raise
    except MemoryError as exc:
        raise ValueError("there is not enough memory for it") from exc
    except Exception as exc:  # Pillow's plugins raise SyntaxError, struct.error, OSError, ...
        raise ValueError("it is damaged, or not a picture") from exc
