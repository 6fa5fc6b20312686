"""A camera that other programs can choose. The one place that uses pyvirtualcam (GPL-2.0)."""

from __future__ import annotations

import os
from typing import Annotated, ClassVar

import pyvirtualcam
from pydantic import Field

from rimlight.core import options
from rimlight.core.errors import SinkError
from rimlight.core.frame import Frame, SourceInfo
from rimlight.imaging.color import round_up_to_even
from rimlight.sinks.camera_frames import check_opaque, make_camera_i420
from rimlight.system.v4l2loopback import ConsumerCounter, list_loopbacks, reset_stuck_device

_USUAL_RATE = 30
MODPROBE = 'sudo modprobe v4l2loopback exclusive_caps=1 card_label="Rimlight" video_nr=10'


class VirtualCameraSink:
    """Sends each frame to a virtual camera at once; it waits for nobody.

    Frames of another size than the camera's are stretched to it.

    Raises:
        SinkError: there is no virtual camera, it is busy, or it may not be opened.
    """

    class Options(options.Options):
        """Options of the virtual camera."""

        positional: ClassVar[str | None] = "device"

        device: Annotated[
            str | None, Field(description="for example /dev/video10; None: the first there is")
        ] = None
        fps: Annotated[
            options.Rate | None, Field(description="that it announces; None: the source's")
        ] = None
        size: Annotated[options.Size | None, Field(description="in pixels; None: the source's")] = (
            None
        )

    def __init__(self, options: Options, info: SourceInfo) -> None:
        self._size = round_up_to_even(options.size or info.size)
        self.rate = float(options.fps or info.rate or _USUAL_RATE)
        """Frames a second that it announces."""
        if options.device is not None and not os.path.exists(options.device):
            raise SinkError(f"there is no virtual camera {options.device}", hint=MODPROBE)
        _reset_stuck(options.device)
        try:
            camera = pyvirtualcam.Camera(
                *self._size, self.rate, fmt=pyvirtualcam.PixelFormat.I420, device=options.device
            )
        except RuntimeError as exc:
            raise _explain(str(exc), options.device) from exc
        self._camera: pyvirtualcam.Camera | None = camera
        self.device = str(camera.device)
        """Its node, for example /dev/video10."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should know: which programs see it."""
        return (f"choose the camera {self.device} in any program that lists webcams",)

    def open_consumer_counter(self) -> ConsumerCounter:
        """Return what counts the programs that watch; the caller closes it."""
        return ConsumerCounter(self.device)

    def write(self, frame: Frame) -> None:
        """Send one frame.

        Raises:
            SinkError: the frame is transparent, which no camera is, or the device is gone.
            ValueError: the sink is closed.
        """
        if self._camera is None:
            raise ValueError("write to a closed sink")
        check_opaque(frame)
        try:
            self._camera.send(make_camera_i420(frame, self._size))
        except RuntimeError as exc:
            raise SinkError(f"the virtual camera stopped taking frames: {exc}") from exc

    def close(self) -> None:
        """Release the device."""
        if self._camera is not None:
            self._camera.close()
            self._camera = None

    def abort(self) -> None:
        """Release the device."""
        self.close()


def _reset_stuck(device: str | None) -> None:
    for each in list_loopbacks():
        if each.is_stuck and device in (None, each.path):
            reset_stuck_device(each.path)


def _explain(problem: str, device: str | None) -> SinkError:
    """Turn pyvirtualcam's text into what it means and what to do."""
    if "No v4l2 loopback device" in problem:
        return SinkError("there is no virtual camera that is free", hint=MODPROBE)
    if "already in use" in problem:
        return SinkError(f"{device} is busy: this run feeds it twice", hint="name it only once")
    if "not a video output device" in problem:
        others = [each.path for each in list_loopbacks() if each.can_output]
        known = any(each.path == device for each in list_loopbacks())
        what = "is busy: another program feeds it" if known else "is not a virtual camera"
        hint = f"free: {', '.join(others)}" if others else f"end that program, or: {MODPROBE}"
        return SinkError(f"{device} {what}", hint=hint)
    if "missing permissions" in problem:
        hint = "sudo usermod -a -G video $USER, then log out and in again"
        return SinkError(f"no permission to open {device or 'the virtual camera'}", hint=hint)
    return SinkError(f"the virtual camera does not open: {problem}", hint=MODPROBE)
