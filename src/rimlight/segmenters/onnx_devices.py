"""The processors that ONNX Runtime can use here: its execution providers, by short names."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import onnxruntime as ort

from rimlight.core.errors import ConfigError
from rimlight.segmenters.onnx_shapes import drop_shapes
from rimlight.segmenters.runtime import Device

_PROVIDERS: dict[Device, str] = {
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
    "rocm": "MIGraphXExecutionProvider",
    "openvino": "OpenVINOExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
    "directml": "DmlExecutionProvider",
    "cpu": "CPUExecutionProvider",
}
_AUTO: tuple[Device, ...] = ("cuda", "rocm", "coreml", "directml", "cpu")
"""Tried in this order. TensorRT compiles for minutes; OpenVINO is no faster on most CPUs."""
_PACKAGES: dict[Device, str] = {
    "cuda": "onnxruntime-gpu",
    "tensorrt": "onnxruntime-gpu",
    "openvino": "onnxruntime-openvino",
    "rocm": "onnxruntime-migraphx",
    "directml": "onnxruntime-directml",
}
_ERRORS_ONLY = 3


class Backend(Protocol):
    """What opens model files."""

    def list_providers(self) -> list[str]:
        """Return the names of the execution providers of this build."""
        ...

    def open(self, file: Path, providers: list[str], *, threads: int) -> Any:
        """Return an `onnxruntime.InferenceSession`; raises whatever ONNX Runtime raises."""
        ...


class OrtBackend:
    """The installed ONNX Runtime."""

    def list_providers(self) -> list[str]:
        """Return the names of the execution providers of this build."""
        return list(ort.get_available_providers())

    def open(self, file: Path, providers: list[str], *, threads: int) -> Any:
        """Return a session that prefers the first of `providers`."""
        if _PROVIDERS["cuda"] in providers and hasattr(ort, "preload_dlls"):
            ort.preload_dlls()  # CUDA's libraries of PyPI packages are on no library path
        options = ort.SessionOptions()
        options.log_severity_level = _ERRORS_ONLY
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        # Threads that spin between two frames take the processor from decoder and effects.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        return ort.InferenceSession(self._read(file), options, providers=providers)

    def _read(self, file: Path) -> str | bytes:
        """Return what a session is made of: the path, or the bytes of a model."""
        return str(file)


class OpenSizeBackend(OrtBackend):
    """Opens files for inputs of any size, also those that declare one; see `drop_shapes`."""

    def _read(self, file: Path) -> str | bytes:
        return drop_shapes(file.read_bytes())


def list_devices(backend: Backend | None = None) -> tuple[Device, ...]:
    """Return the devices that the installed ONNX Runtime was built for, the CPU last."""
    here = (backend or OrtBackend()).list_providers()
    return tuple(name for name, provider in _PROVIDERS.items() if provider in here)


def choose_device(asked: Device, backend: Backend) -> Device:
    """Return the device to try.

    Raises:
        ConfigError: the installed ONNX Runtime was not built for it.
    """
    here = list_devices(backend)
    if asked == "auto":
        return next(name for name in _AUTO if name in here)
    if asked in here:
        return asked
    package = _PACKAGES.get(asked)
    install = f"pip uninstall onnxruntime && pip install {package}; " if package else ""
    raise ConfigError(
        f"the installed ONNX Runtime cannot use the device {asked!r}",
        hint=f"{install}available: {', '.join(here)}",
    )


def open_session(file: Path, device: Device, backend: Backend, *, threads: int) -> Any:
    """Return a session on `device`, with the CPU for what the device cannot compute."""
    names: list[Device] = [device] if device == "cpu" else [device, "cpu"]
    return backend.open(file, [_PROVIDERS[name] for name in names], threads=threads)


def read_device(session: Any) -> Device:
    """Return the device that a session prefers; it may have fallen back to the CPU."""
    first = session.get_providers()[0]
    return next((name for name, provider in _PROVIDERS.items() if provider == first), "cpu")
