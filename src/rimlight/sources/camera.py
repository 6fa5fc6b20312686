"""Webcams, read by OpenCV; on Linux through V4L2."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, ClassVar, cast

import cv2
import numpy as np
from pydantic import BeforeValidator, Field

from rimlight.core import options
from rimlight.core.errors import SourceOpenError, SourceReadError
from rimlight.core.frame import Frame, SourceInfo
from rimlight.core.protocols import SourceTraits
from rimlight.imaging.color import Image, bgr_to_i420, pad_even, round_up_to_even
from rimlight.imaging.pool import ArrayPool
from rimlight.media.interruptible import ReleaseGuard
from rimlight.system import v4l2

# OpenCV waits 10 s for a frame of a camera that hangs; it reads this when it first opens one.
os.environ.setdefault("OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT", "2")

_IS_LINUX = sys.platform == "linux"
_MICROSECONDS = 1_000_000

# A torn JPEG, or a signal during the read, makes one read fail; an unplugged camera fails for ever,
# and one that hangs fails after the time that is set above, which is not worth waiting for again.
_ATTEMPTS = 3
_PATIENCE_S = 2

# Frames that wait in the driver are old when we get them; with one it could not fill the next.
_DRIVER_BUFFERS = 2


def _parse_device(value: Any) -> Any:
    return int(value) if isinstance(value, str) and options.is_number(value) else value


def _pad_fourcc(value: Any) -> Any:
    """Return a pixel format with the blank at its end, which YAML and shells take away."""
    return f"{value} " if isinstance(value, str) and len(value) == 3 else value


class CameraSource(SourceTraits):
    """Reads a camera as BGR frames, stamped with the time they arrived.

    What the camera would not give, such as a size it does not have, stands in `info.notes`.

    Raises:
        SourceOpenError: the camera is absent, busy, not ours to open, or sends no picture.
    """

    class Options(options.Options):
        """Which camera, and what to ask of it."""

        positional: ClassVar[str | None] = "device"

        device: Annotated[
            int | str,
            BeforeValidator(_parse_device),
            Field(description="a number, or a path such as /dev/video0"),
        ] = 0
        size: Annotated[
            options.Size | None, Field(description="WIDTHxHEIGHT to ask for; else the camera's own")
        ] = None
        rate: Annotated[options.Rate | None, Field(description="frames a second to ask for")] = None
        fourcc: Annotated[
            str | None,
            BeforeValidator(_pad_fourcc),
            Field(pattern=r"^[ -~]{4}$", description="pixel format, such as YUYV; MJPG is tried"),
        ] = None

    def __init__(self, options: Options) -> None:
        self._name, self._capture = _open(options.device)
        self._guard = ReleaseGuard(self._capture.release)
        self._pool = ArrayPool()
        self._shape: tuple[int, ...] = ()
        try:
            _configure(self._capture, options)
            self.info = self._describe(options, self._read_first())
        except BaseException:
            self.close()
            raise

    def __iter__(self) -> Iterator[Frame]:
        """Yield frames as they arrive, until the camera is closed.

        Raises:
            SourceReadError: the camera stopped delivering.
        """
        start, last, index = None, -1, 0
        while (picture := self._read()) is not None:
            now = time.monotonic_ns() // 1000
            start = now if start is None else start
            last = max(now - start, last + 1)
            yield Frame.from_i420(
                self._convert(picture),
                size=(picture.shape[1], picture.shape[0]),
                index=index,
                pts=Fraction(last, _MICROSECONDS),
                captured_at=time.monotonic(),
            )
            index += 1

    def _convert(self, picture: Image) -> Image:
        """Convert once, here: from this on everything to the virtual camera speaks I420."""
        columns, rows = round_up_to_even((picture.shape[1], picture.shape[0]))
        return bgr_to_i420(pad_even(picture), dst=self._pool.acquire((rows * 3 // 2, columns)))

    def close(self) -> None:
        """Release the camera; a read under way in another thread ends first."""
        self._guard.close()

    def _read(self) -> Image | None:
        """Return the next picture, None once the camera is closed."""
        give_up = time.monotonic() + _PATIENCE_S
        for _ in range(_ATTEMPTS):
            with self._guard as is_open:
                if not is_open:
                    return None
                buffer = self._pool.acquire(self._shape) if self._shape else None
                ok, picture = read_capture(self._capture, self._name, buffer)
            if ok:
                self._shape = picture.shape
                return picture
            if time.monotonic() > give_up:
                break
        if self._guard.is_closed:
            return None
        raise SourceReadError(
            f"{self._name} stopped delivering pictures",
            hint="is it still plugged in? another USB port or cable often helps",
        )

    def _read_first(self) -> Image:
        """Return a picture, to know what the camera gives instead of what it promises."""
        try:
            picture = self._read()
        except _UnknownFormatError as exc:
            raise SourceOpenError(str(exc), hint=exc.hint) from exc
        except SourceReadError as exc:
            raise SourceOpenError(
                f"{self._name} opens, but sends no picture",
                hint="unplug it and plug it in again, or try another size or fourcc",
            ) from exc
        return cast(Image, picture)  # None would mean closed, and nobody else has us yet

    def _describe(self, asked: Options, picture: Image) -> SourceInfo:
        size = (picture.shape[1], picture.shape[0])
        rate = Fraction(self._capture.get(cv2.CAP_PROP_FPS)).limit_denominator(1001)
        return SourceInfo(
            self._name,
            size,
            rate=rate if rate > 0 else None,
            is_live=True,
            time_base=Fraction(1, _MICROSECONDS),
            notes=_describe_differences(asked, size, rate, _get_fourcc(self._capture)),
        )


def read_capture(capture: cv2.VideoCapture, name: str, buffer: Image | None) -> tuple[bool, Image]:
    """Return whether there was a picture, and it: uint8 (height, width, 3), BGR.

    Args:
        capture: an open camera.
        name: what to call it.
        buffer: where the picture may go.

    Raises:
        SourceReadError: its pictures are in a format that OpenCV cannot convert.
    """
    try:
        ok, picture = capture.read(buffer)
    except cv2.error as exc:
        raise _make_format_error(name, _get_fourcc(capture)) from exc
    if ok and (picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype != np.uint8):
        raise _make_format_error(name, _get_fourcc(capture))
    return ok, cast(Image, picture)


def _get_fourcc(capture: cv2.VideoCapture) -> str:
    code = int(capture.get(cv2.CAP_PROP_FOURCC))
    return code.to_bytes(4, "little", signed=code < 0).decode("ascii", "replace")


class _UnknownFormatError(SourceReadError):
    """The pictures of a camera are in a format that OpenCV cannot convert."""


def _make_format_error(camera: str, fourcc: str) -> SourceReadError:
    return _UnknownFormatError(
        f"{camera} sends pictures in the format {fourcc.strip()}, which cannot be read",
        hint="choose another that `rimlight devices` lists: --set source.fourcc=YUYV",
    )


def _describe_differences(
    asked: CameraSource.Options, size: tuple[int, int], rate: Fraction, fourcc: str
) -> tuple[str, ...]:
    """Say in words what the camera gives instead of what the user asked for."""
    notes = []
    if asked.size and asked.size != size:
        wanted = "x".join(map(str, asked.size))
        notes.append(f"asked for {wanted}, the camera gives {size[0]}x{size[1]}")
    if asked.rate and abs(asked.rate - rate) > Fraction(1, 2):
        notes.append(
            f"asked for {float(asked.rate):g} frames a second, the camera gives {float(rate):g}"
        )
    if asked.fourcc and asked.fourcc != fourcc:
        notes.append(f"asked for {asked.fourcc}, the camera gives {fourcc}")
    return tuple(notes)


def _configure(capture: cv2.VideoCapture, asked: CameraSource.Options) -> None:
    """Ask for a format, then a size, then a rate: setting the format resets the other two."""
    code = cv2.VideoWriter.fourcc(*(asked.fourcc or "MJPG"))
    capture.set(cv2.CAP_PROP_FOURCC, code)
    if asked.size:
        capture.set(cv2.CAP_PROP_FRAME_WIDTH, asked.size[0])
        capture.set(cv2.CAP_PROP_FRAME_HEIGHT, asked.size[1])
    if asked.rate:
        capture.set(cv2.CAP_PROP_FPS, float(asked.rate))
    capture.set(cv2.CAP_PROP_BUFFERSIZE, _DRIVER_BUFFERS)


def _open(device: int | str) -> tuple[str, cv2.VideoCapture]:
    """Return a name for the camera and its open capture."""
    if not _IS_LINUX:
        capture = cv2.VideoCapture(device, cv2.CAP_ANY)
        if not capture.isOpened():
            raise SourceOpenError(
                f"cannot open camera {device}", hint="is another program using it?"
            )
        return f"camera {device}", capture
    path = Path(f"/dev/video{device}" if isinstance(device, int) else device)
    card = _check_device(path)
    capture = cv2.VideoCapture(str(path), cv2.CAP_V4L2)
    if not capture.isOpened():
        raise _make_open_error(path)
    return f"{card} ({path})", capture


def _check_device(path: Path) -> str:
    """Return the device's own name, or say why it cannot be a camera for us."""
    try:
        camera = v4l2.describe_device(path, with_formats=False)
    except FileNotFoundError as exc:
        raise SourceOpenError(f"there is no camera {path}", hint=_list_present()) from exc
    except PermissionError as exc:
        raise SourceOpenError(
            f"no permission to open {path}",
            hint="sudo usermod -aG video $USER, then log in again",
        ) from exc
    except OSError as exc:
        raise SourceOpenError(
            f"{path} is not a camera: {exc.strerror}", hint=_list_present()
        ) from exc
    if not camera.can_capture:
        raise SourceOpenError(
            f"{path} ({camera.card}) is not a camera that can be read now",
            hint="a virtual camera delivers only while a program writes to it; " + _list_present(),
        )
    return camera.card


def _list_present() -> str:
    """Name the cameras that there are."""
    cameras = [c for c in v4l2.list_cameras(with_formats=False) if c.can_capture]
    if cameras:
        return "cameras here: " + ", ".join(f"{c.path} ({c.card})" for c in cameras)
    if paths := v4l2.list_device_paths():
        return "video devices here: " + ", ".join(map(str, paths)) + " (none can be read)"
    return "no camera is plugged in (there is no /dev/video*)"


def _make_open_error(path: Path) -> SourceOpenError:
    try:
        busy = v4l2.is_busy(path)
    except OSError as exc:
        return SourceOpenError(f"cannot open camera {path}: {exc.strerror}", hint=_list_present())
    if not busy:
        return SourceOpenError(
            f"OpenCV cannot open camera {path}", hint="its pixel formats may be unknown to OpenCV"
        )
    by = v4l2.list_holders(path)
    return SourceOpenError(
        f"camera {path} is busy" + (f": {', '.join(by)} uses it" if by else ""),
        hint="end the other program, or choose another camera",
    )
