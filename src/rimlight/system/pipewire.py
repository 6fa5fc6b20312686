"""A PipeWire camera by ctypes: a video source that other programs can choose.

There are no callbacks: the state is queried, and frames are pushed (dequeue, fill, queue, trigger).
PipeWire's own thread, which is not Python's, serves the connection.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from enum import IntEnum
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from rimlight.core.errors import SinkError
from rimlight.system import spa

INSTALL = "sudo apt install pipewire pipewire-bin wireplumber   # or your distribution's packages"
START = "systemctl --user enable --now pipewire.socket pipewire.service wireplumber.service"

_LIBRARY = "libpipewire-0.3.so.0"
_MAX_BUFFERS = 16
_ANY = 0xFFFFFFFF
_DIRECTION_OUTPUT = 1
_FLAG_MAP_BUFFERS, _FLAG_DRIVER = 1 << 2, 1 << 3
_SESSION_MANAGERS = ("wireplumber", "pipewire-media-")
"""As /proc names them: in 15 characters."""


class StreamState(IntEnum):
    """The state of a camera (enum pw_stream_state)."""

    ERROR = -1
    UNCONNECTED = 0
    CONNECTING = 1
    PAUSED = 2
    STREAMING = 3


class CameraStream:
    """A camera of one size and rate in YUY2, which WebRTC, OBS and GStreamer all accept.

    All consumers share one format and one set of buffers. Nothing here waits for a consumer. Any
    thread may call any method.

    Args:
        size: (width, height) in pixels, both even.
        rate: frames per second.
        name: the name of the node, for programs.
        label: the name of the camera, for people.

    Raises:
        SinkError: there is no library, no daemon, or it accepts no camera.
    """

    def __init__(self, size: tuple[int, int], rate: Fraction, *, name: str, label: str) -> None:
        self._shape = (size[1], size[0], 2)
        self._bytes, self._stride = size[0] * size[1] * 2, size[0] * 2
        self._frames = 0
        self.dropped = 0
        """Frames that were not sent because consumers held every buffer."""
        self._lock = threading.Lock()
        self._lib = lib = load_library()
        self._stream = self._core = self._context = None
        self._loop = lib.pw_thread_loop_new(b"rimlight-camera", None)
        try:
            self._connect(size, rate, name, label)
        except SinkError:
            self.close()
            raise

    def _connect(self, size: tuple[int, int], rate: Fraction, name: str, label: str) -> None:
        lib = self._lib
        self._context = lib.pw_context_new(lib.pw_thread_loop_get_loop(self._loop), None, 0)
        if not self._context:
            raise SinkError("PipeWire's client.conf is missing", hint=INSTALL)
        lib.pw_thread_loop_start(self._loop)
        pods = (
            spa.make_yuy2_format(size, rate),
            spa.make_buffers(self._bytes, self._stride),
            spa.make_header_meta(),
        )
        memory = [ctypes.create_string_buffer(pod, len(pod)) for pod in pods]  # copied by the call
        params = (ctypes.c_void_p * len(pods))(*map(ctypes.addressof, memory))
        with self._hold_loop():
            self._core = lib.pw_context_connect(self._context, None, 0)
            if not self._core:
                raise SinkError("no PipeWire daemon answers", hint=START)
            properties = lib.pw_properties_new_string(_make_properties(name, label))
            self._stream = lib.pw_stream_new(self._core, name.encode(), properties)
            flags = _FLAG_DRIVER | _FLAG_MAP_BUFFERS
            code = lib.pw_stream_connect(
                self._stream, _DIRECTION_OUTPUT, _ANY, flags, params, len(pods)
            )
            if code < 0:
                reason = os.strerror(-code)
                raise SinkError(f"PipeWire accepts no camera: {reason}", hint=START)

    @property
    def state(self) -> StreamState:
        """STREAMING: a program watches; PAUSED: none; ERROR, UNCONNECTED: the daemon is gone."""
        with self._lock:
            if self._stream is None:
                return StreamState.UNCONNECTED
            with self._hold_loop():
                return StreamState(self._lib.pw_stream_get_state(self._stream, None))

    def send(self, fill: Callable[[NDArray[np.uint8]], None], pts_ns: int = -1) -> bool:
        """Send one frame, which `fill` writes; without a consumer `fill` is not called.

        Args:
            fill: writes YUY2 into a uint8 (height, width, 2) array, which it must not keep.
            pts_ns: when the frame is shown, in nanoseconds of the monotonic clock; -1 for unknown.

        Returns:
            False if no consumer took it.
        """
        with self._lock:
            if self._stream is None:
                return False
            with self._hold_loop():
                if self._lib.pw_stream_get_state(self._stream, None) != StreamState.STREAMING:
                    return False
                return self._push(fill, pts_ns)

    def _push(self, fill: Callable[[NDArray[np.uint8]], None], pts_ns: int) -> bool:
        lib, stream = self._lib, self._stream
        taken = self._dequeue()
        if taken is None:
            self.dropped += 1
            return False
        buffer = taken.contents.buffer.contents
        data = buffer.datas[0]
        fits = bool(data.data) and data.maxsize >= self._bytes
        if fits:
            block = (ctypes.c_uint8 * self._bytes).from_address(data.data)
            fill(np.ctypeslib.as_array(block).reshape(self._shape))
        chunk = data.chunk.contents
        chunk.offset, chunk.size, chunk.stride = 0, self._bytes if fits else 0, self._stride
        chunk.flags = 0
        for index in range(buffer.n_metas):
            if buffer.metas[index].type == spa.META_HEADER:
                header = buffer.metas[index].data.contents
                header.flags, header.pts, header.dts_offset = 0, pts_ns, 0
                header.seq = self._frames
        self._frames += 1
        lib.pw_stream_queue_buffer(stream, taken)
        if lib.pw_stream_is_driving(stream):
            lib.pw_stream_trigger_process(stream)
        return fits

    def _dequeue(self) -> Any | None:
        """Return a free buffer; a call gives none while consumers hold the one that is next."""
        tries = (self._lib.pw_stream_dequeue_buffer(self._stream) for _ in range(_MAX_BUFFERS))
        return next(filter(None, tries), None)

    def close(self) -> None:
        """Remove the camera."""
        lib = self._lib
        with self._lock:
            if not self._loop:
                return
            with self._hold_loop():
                if self._stream:
                    lib.pw_stream_destroy(self._stream)
                if self._core:
                    lib.pw_core_disconnect(self._core)
            lib.pw_thread_loop_stop(self._loop)
            if self._context:
                lib.pw_context_destroy(self._context)
            lib.pw_thread_loop_destroy(self._loop)
            self._loop = self._stream = self._core = self._context = None

    @contextmanager
    def _hold_loop(self) -> Iterator[None]:
        self._lib.pw_thread_loop_lock(self._loop)
        try:
            yield
        finally:
            self._lib.pw_thread_loop_unlock(self._loop)


def get_version() -> str:
    """Return the version of the library, such as "1.4.2".

    Raises:
        SinkError: there is no library.
    """
    return cast(bytes, load_library().pw_get_library_version()).decode()


def check_daemon() -> None:
    """Check that a daemon answers.

    Raises:
        SinkError: there is no library, or no daemon.
    """
    CameraStream((2, 2), Fraction(1), name="rimlight-check", label="Rimlight").close()


def has_session_manager() -> bool:
    """Return True if a program that links cameras to consumers runs for this user."""
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it just ended
            is_own = process.stat().st_uid == os.getuid()
            if is_own and (process / "comm").read_text().startswith(_SESSION_MANAGERS):
                return True
    return False


@cache
def load_library() -> ctypes.CDLL:
    """Load libpipewire and declare the functions that are used.

    Raises:
        SinkError: it is not installed, or this is not Linux.
    """
    if sys.platform != "linux":
        raise SinkError("PipeWire exists on Linux only", hint="use virtual-camera here")
    try:
        lib = ctypes.CDLL(_LIBRARY, use_errno=True)
    except OSError as exc:
        raise SinkError(f"PipeWire is not installed: no {_LIBRARY}", hint=INSTALL) from exc
    pointer, integer, word = ctypes.c_void_p, ctypes.c_int, ctypes.c_uint32
    text, length, buffer = ctypes.c_char_p, ctypes.c_size_t, ctypes.POINTER(spa.StreamBuffer)
    declared: dict[str, tuple[Any, ...]] = {  # result, arguments...
        "pw_init": (None, pointer, pointer),
        "pw_get_library_version": (text,),
        "pw_thread_loop_new": (pointer, text, pointer),
        "pw_thread_loop_get_loop": (pointer, pointer),
        "pw_thread_loop_start": (integer, pointer),
        "pw_thread_loop_stop": (None, pointer),
        "pw_thread_loop_destroy": (None, pointer),
        "pw_thread_loop_lock": (None, pointer),
        "pw_thread_loop_unlock": (None, pointer),
        "pw_context_new": (pointer, pointer, pointer, length),
        "pw_context_destroy": (None, pointer),
        "pw_context_connect": (pointer, pointer, pointer, length),
        "pw_core_disconnect": (integer, pointer),
        "pw_properties_new_string": (pointer, text),
        "pw_stream_new": (pointer, pointer, text, pointer),
        "pw_stream_destroy": (None, pointer),
        "pw_stream_connect": (
            (integer, pointer, integer, word, integer, ctypes.POINTER(pointer), word)
        ),
        "pw_stream_get_state": (integer, pointer, ctypes.POINTER(text)),
        "pw_stream_dequeue_buffer": (buffer, pointer),
        "pw_stream_queue_buffer": (integer, pointer, buffer),
        "pw_stream_is_driving": (ctypes.c_bool, pointer),
        "pw_stream_trigger_process": (integer, pointer),
    }
    for name, (result, *arguments) in declared.items():
        function = getattr(lib, name)
        function.restype, function.argtypes = result, arguments
    lib.pw_init(None, None)
    return lib


def _make_properties(name: str, label: str) -> bytes:
    """Return the properties of the node as JSON; portals show nodes of this class and role."""
    properties = {
        "media.type": "Video",
        "media.category": "Capture",
        "media.role": "Camera",
        "media.class": "Video/Source",
        "node.name": name,
        "node.description": label,
    }
    return json.dumps(properties, ensure_ascii=False).encode(errors="replace")
