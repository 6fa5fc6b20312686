"""Checks of the machine: packages, processor, models, cameras. They change nothing."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, version

from rimlight.core.errors import ModelError, SinkError
from rimlight.doctor.machine import LOAD, RELOAD, Machine, get_install_command, get_join_command
from rimlight.models.catalog import Catalog
from rimlight.system import pipewire, v4l2
from rimlight.system.cpu import count_usable_cores
from rimlight.system.display import check_display

SIMD_FLAGS = ("avx2", "asimd", "neon")
"""The models run fast with any of these: x86-64 since 2013, any 64-bit ARM."""

MIN_REUSABLE_VERSION = (0, 13)
"""Devices of older v4l2loopback modules vanish after use."""
_OPENCV = tuple(f"opencv-{a}python{b}" for a in ("", "contrib-") for b in ("", "-headless"))
_ONNX = ("onnxruntime", "onnxruntime-gpu", "onnxruntime-openvino", "onnxruntime-directml")
_MODELS = ("selfie-landscape", "selfie")
_LOOPBACK = "v4l2 loopback"


class Level(StrEnum):
    """The severity of a finding."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check.

    Attributes:
        subject: such as "virtual camera".
        level: its severity.
        text: the result.
        fix: the exact command that fixes it; "" if nothing is wrong.
    """

    subject: str
    level: Level
    text: str
    fix: str = ""


def make_ok(subject: str, text: str) -> Finding:
    """Return a finding without a fault."""
    return Finding(subject, Level.OK, text)


def make_warning(subject: str, text: str, fix: str) -> Finding:
    """Return a finding of something that works with restrictions."""
    return Finding(subject, Level.WARNING, text, fix)


def make_problem(subject: str, text: str, fix: str) -> Finding:
    """Return a finding of something that does not work."""
    return Finding(subject, Level.PROBLEM, text, fix)


def run_checks(machine: Machine | None = None) -> tuple[Finding, ...]:
    """Run all checks, in the order in which a user would fix their findings."""
    machine = machine or Machine()
    camera = check_pipewire()
    return (
        *check_packages(),
        check_processor(machine),
        *check_models(),
        *check_devices(),
        check_screen(),
        *check_cameras(),
        camera,
        *check_virtual_cameras(machine, has_pipewire=camera.level is Level.OK),
        describe_license(),
    )


def has_no_problem(findings: Iterable[Finding]) -> bool:
    """Return True if no finding is a problem; warnings do not count."""
    return all(finding.level is not Level.PROBLEM for finding in findings)


def check_packages() -> Iterator[Finding]:
    """Check the Python packages that matter."""
    found = [name for name in _OPENCV if _find_version(name)]
    if len(found) > 1:
        text = f"{' and '.join(found)} overwrite each other"
        fix = f"pip uninstall -y {' '.join(found)} && pip install opencv-python"
        yield make_problem("packages", text, fix)
    if _find_version("numba"):
        yield make_ok("packages", f"numba {_find_version('numba')}: compiled compositing")
    else:
        text = "numba is not installed: compositing takes several times as long"
        yield make_warning("packages", text, "pip install 'rimlight[fast]'")


def check_processor(machine: Machine) -> Finding:
    """Check the SIMD features of the processor."""
    fast = [flag for flag in SIMD_FLAGS if flag in machine.cpu_flags]
    count = count_usable_cores()
    if fast or not machine.cpu_flags:
        return make_ok("processor", f"{count} threads" + (f", {fast[0]}" if fast else ""))
    text = f"{count} threads without AVX2: the model takes several times as long"
    return make_warning("processor", text, "rimlight live --model selfie-landscape --threads 2")


def check_models() -> Iterator[Finding]:
    """Check the default models against their checksums."""
    for name in _MODELS:
        try:
            _, path = Catalog().resolve(name)
        except ModelError as exc:
            yield make_problem(
                "model", str(exc), "pip install --force-reinstall --no-deps rimlight"
            )
        else:
            yield make_ok("model", f"{name}: {path}")


def check_devices() -> Iterator[Finding]:
    """List the devices that ONNX Runtime can use, where it is installed."""
    found = [name for name in _ONNX if _find_version(name)]
    if len(found) > 1:
        text = f"{' and '.join(found)} overwrite each other"
        fix = f"pip uninstall -y {' '.join(found)} && pip install {found[-1]}"
        yield make_problem("packages", text, fix)
    elif found:
        from rimlight.segmenters.onnx_devices import list_devices

        names = ", ".join(list_devices())
        yield make_ok("devices", f"{found[0]} {_find_version(found[0])}: {names}")


def check_screen() -> Finding:
    """Check that windows can be shown."""
    try:
        check_display()
    except SinkError as exc:
        return make_warning("display", str(exc), "rimlight live   # into a virtual camera")
    return make_ok("display", os.environ.get("DISPLAY", "") or "there is one")


def check_cameras() -> Iterator[Finding]:
    """Check permissions, formats and users of every camera."""
    if sys.platform != "linux":
        yield make_ok("camera", "not checked on this system: rimlight live tries it")
        return
    nodes = v4l2.list_device_paths()
    closed = [path for path in nodes if not os.access(path, os.R_OK | os.W_OK)]
    for path in closed:
        yield make_problem("camera", f"{path}: no permission to open it", get_join_command())
    found = [c for c in v4l2.list_cameras() if c.can_capture and c.driver != _LOOPBACK]
    for camera in found:
        yield _check_camera(camera)
    if not found and not closed:
        text = "there is no camera" + (", only virtual ones" if nodes else " (no /dev/video*)")
        yield make_problem("camera", text, "sudo modprobe uvcvideo   # after plugging one in")


def check_pipewire() -> Finding:
    """Check that a camera can be offered through PipeWire, which needs no kernel module."""
    subject = "pipewire camera"
    try:
        pipewire.check_daemon()
    except SinkError as exc:
        return make_warning(subject, str(exc), exc.hint or pipewire.START)
    if not pipewire.has_session_manager():
        text = "no session manager runs: programs do not list the camera"
        return make_warning(subject, text, pipewire.START)
    return make_ok(subject, f"PipeWire {pipewire.get_version()}: rimlight live --sink pipewire")


def check_virtual_cameras(machine: Machine, *, has_pipewire: bool = False) -> Iterator[Finding]:
    """Check the kernel module of virtual cameras and each of its devices.

    Args:
        machine: whose module it is.
        has_pipewire: PipeWire offers a camera: one without the module is a restriction only.
    """
    if sys.platform != "linux":
        yield make_ok("virtual camera", "comes with OBS here: https://obsproject.com")
        return
    if not machine.is_module_loaded:
        missing = _explain_missing_module(machine)
        if has_pipewire:
            text = f"{missing.text}: only programs that use PipeWire's cameras see rimlight's"
            missing = make_warning(missing.subject, text, missing.fix)
        yield missing
        return
    yield _check_module(machine)
    if machine.exclusive_caps and not any(machine.exclusive_caps):
        text = "loaded without exclusive_caps=1: browsers do not list the device"
        yield make_problem("virtual camera", text, RELOAD)
    devices = [c for c in v4l2.list_cameras(with_formats=False) if c.driver == _LOOPBACK]
    for device in devices:
        yield _check_virtual_camera(device)
    if not devices:
        text = "v4l2loopback is loaded, but has no device that we may open"
        yield make_problem("virtual camera", text, get_join_command())


def describe_license() -> Finding:
    """Return the licenses that matter for redistribution."""
    text = "rimlight is MIT; its virtual camera uses pyvirtualcam, which is GPL-2.0"
    return make_ok("license", text)


def _check_camera(camera: v4l2.CameraDescription) -> Finding:
    name = f"{camera.path} ({camera.card})"
    try:
        busy = v4l2.is_busy(camera.path)
    except OSError as exc:
        text = f"{name} cannot be queried: {exc.strerror}"
        return make_problem("camera", text, f"fuser -v {camera.path}")
    if busy:
        by = v4l2.list_holders(camera.path)
        if _has_rimlight(by):
            return make_ok(
                "camera", f"{name} is used by {by[0]}: rimlight ctl status, rimlight ctl stop"
            )
        text = f"{name} is busy: {', '.join(by) or 'a program of another user'} uses it"
        return make_warning("camera", text, f"fuser -k {camera.path}   # ends that program")
    return make_ok("camera", f"{name}: {_describe_formats(camera)}")


def _describe_formats(camera: v4l2.CameraDescription) -> str:
    """Describe the largest size of each format, with its highest rate."""
    words = []
    for fmt in camera.formats:
        if not fmt.modes:
            continue
        mode = max(fmt.modes, key=lambda m: (m.size[0] * m.size[1], max(m.rates, default=0)))
        rate = f"@{float(mode.rates[0]):g}" if mode.rates else ""
        words.append(f"{fmt.fourcc} {mode.size[0]}x{mode.size[1]}{rate}")
    return ", ".join(words[:4]) or "no formats listed"


def _explain_missing_module(machine: Machine) -> Finding:
    subject = "virtual camera"
    if not machine.is_module_installed:
        text = "v4l2loopback is not installed for this kernel"
        return make_problem(subject, text, f"{get_install_command(machine)} && {LOAD}")
    if machine.has_secure_boot:
        text = "v4l2loopback is not loaded; with Secure Boot its key must be enrolled first"
        return make_problem(subject, text, f"sudo mokutil --import /var/lib/dkms/mok.pub && {LOAD}")
    return make_problem(subject, "v4l2loopback is not loaded", LOAD)


def _check_module(machine: Machine) -> Finding:
    number = ".".join(map(str, machine.module_version)) or "of unknown version"
    if machine.module_version and machine.module_version < MIN_REUSABLE_VERSION:
        text = f"v4l2loopback {number}: devices vanish after use (rimlight resets them)"
        return make_warning("virtual camera", text, get_install_command(machine))
    return make_ok("virtual camera", f"v4l2loopback {number}")


def _check_virtual_camera(device: v4l2.CameraDescription) -> Finding:
    name = f"{device.path} ({device.card})"
    holders = v4l2.list_holders(device.path)
    by = ", ".join(holders)
    if device.can_output:
        return make_ok("virtual camera", f"{name} is free" + (f", open in {by}" if by else ""))
    if device.can_capture and _has_rimlight(holders):
        return make_ok("virtual camera", f"{name} is in use by {by}: rimlight ctl status")
    if device.can_capture:
        fix = f"rimlight live --sink virtual-camera:{device.path}   # after ending that program"
        return make_warning("virtual camera", f"{name} is already in use by {by or '?'}", fix)
    fix = f"rimlight live --sink virtual-camera:{device.path}"
    return make_warning(
        "virtual camera", f"{name} is stuck after its last use; a start fixes it", fix
    )


def _has_rimlight(holders: Sequence[str]) -> bool:
    return any(name.startswith("rimlight ") for name in holders)


def _find_version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
