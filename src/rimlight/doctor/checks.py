"""Everything the doctor looks at. Nothing here changes anything or starts a stream."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from importlib.metadata import PackageNotFoundError, version

from rimlight.core.errors import ModelError, SinkError
from rimlight.doctor.findings import Finding, ok, problem, warning
from rimlight.doctor.machine import Machine
from rimlight.doctor.setup import LOAD, RELOAD, install_command, join_command
from rimlight.models.catalog import Catalog
from rimlight.system import v4l2
from rimlight.system.cpu import count_usable_cores
from rimlight.system.display import check_display

FAST_FLAGS = ("avx2", "asimd", "neon")
"""One of these the model's kernels need to be quick: x86-64 since 2013, any 64-bit ARM."""

NO_REUSE_BEFORE = (0, 13)
_OPENCV = tuple(f"opencv-{a}python{b}" for a in ("", "contrib-") for b in ("", "-headless"))
_MODELS = ("selfie-landscape", "selfie")
_LOOPBACK = "v4l2 loopback"


def examine(machine: Machine | None = None) -> tuple[Finding, ...]:
    """Look at everything; the order is that in which a user would mend things."""
    machine = machine or Machine()
    return (
        *packages(),
        processor(machine),
        *models(),
        display(),
        *cameras(),
        *virtual_cameras(machine),
        license(),
    )


def packages() -> Iterator[Finding]:
    """The Python packages that make a difference."""
    found = [name for name in _OPENCV if _version(name)]
    if len(found) > 1:
        text = f"{' and '.join(found)} overwrite each other"
        mend = f"pip uninstall -y {' '.join(found)} && pip install opencv-python"
        yield problem("packages", text, mend)
    if _version("numba"):
        yield ok("packages", f"numba {_version('numba')}: compiled compositing")
    else:
        text = "numba is not installed: compositing takes several times as long"
        yield warning("packages", text, "pip install 'rimlight[fast]'")


def processor(machine: Machine) -> Finding:
    """What the model runs on."""
    fast = [flag for flag in FAST_FLAGS if flag in machine.cpu_flags]
    count = count_usable_cores()
    if fast or not machine.cpu_flags:
        return ok("processor", f"{count} threads" + (f", {fast[0]}" if fast else ""))
    text = f"{count} threads without AVX2: the model takes several times as long"
    return warning("processor", text, "rimlight live --model selfie-landscape --threads 2")


def models() -> Iterator[Finding]:
    """The models that are used when none is named, checked against their sums."""
    for name in _MODELS:
        try:
            _, path = Catalog().resolve(name)
        except ModelError as exc:
            yield problem("model", str(exc), "pip install --force-reinstall --no-deps rimlight")
        else:
            yield ok("model", f"{name}: {path}")


def display() -> Finding:
    """Whether a window can be shown."""
    try:
        check_display()
    except SinkError as exc:
        return warning("display", str(exc), "rimlight live --sink virtual-camera")
    return ok("display", os.environ.get("DISPLAY", "") or "there is one")


def cameras() -> Iterator[Finding]:
    """Every camera: what it can do, and who has it."""
    if sys.platform != "linux":
        yield ok("camera", "is not looked at on this system: rimlight live tries it")
        return
    nodes = v4l2.list_device_paths()
    closed = [path for path in nodes if not os.access(path, os.R_OK | os.W_OK)]
    for path in closed:
        yield problem("camera", f"{path}: no permission to open it", join_command())
    found = [c for c in v4l2.list_cameras() if c.can_capture and c.driver != _LOOPBACK]
    for camera in found:
        yield _camera(camera)
    if not found and not closed:
        text = "there is no camera" + (", only virtual ones" if nodes else " (no /dev/video*)")
        yield problem("camera", text, "sudo modprobe uvcvideo   # after plugging one in")


def virtual_cameras(machine: Machine) -> Iterator[Finding]:
    """The kernel module behind virtual cameras, and each of its devices."""
    if sys.platform != "linux":
        yield ok("virtual camera", "comes with OBS here: https://obsproject.com")
        return
    if not machine.module_loaded:
        yield _no_module(machine)
        return
    yield _module(machine)
    if machine.exclusive_caps and not any(machine.exclusive_caps):
        text = "loaded without exclusive_caps=1: browsers do not list the device"
        yield problem("virtual camera", text, RELOAD)
    devices = [c for c in v4l2.list_cameras(with_formats=False) if c.driver == _LOOPBACK]
    for device in devices:
        yield _virtual(device)
    if not devices:
        text = "v4l2loopback is loaded, but has no device that we may open"
        yield problem("virtual camera", text, join_command())


def license() -> Finding:
    """What whoever passes the whole on has to know."""
    text = "rimlight is MIT; its virtual camera uses pyvirtualcam, which is GPL-2.0"
    return ok("license", text)


def _camera(camera: v4l2.CameraDescription) -> Finding:
    name = f"{camera.path} ({camera.card})"
    try:
        busy = v4l2.is_busy(camera.path)
    except OSError as exc:
        text = f"{name} cannot be asked: {exc.strerror}"
        return problem("camera", text, f"fuser -v {camera.path}")
    if busy:
        by = v4l2.list_holders(camera.path)
        if _is_ours(by):
            return ok(
                "camera", f"{name} is used by {by[0]}: rimlight ctl status, rimlight ctl stop"
            )
        text = f"{name} is busy: {', '.join(by) or 'a program of another user'} uses it"
        return warning("camera", text, f"fuser -k {camera.path}   # ends that program")
    return ok("camera", f"{name}: {_best(camera)}")


def _best(camera: v4l2.CameraDescription) -> str:
    """Name the largest picture of each format, with its fastest rate."""
    words = []
    for each in camera.formats:
        if not each.modes:
            continue
        mode = max(each.modes, key=lambda m: (m.size[0] * m.size[1], max(m.rates, default=0)))
        rate = f"@{float(mode.rates[0]):g}" if mode.rates else ""
        words.append(f"{each.fourcc} {mode.size[0]}x{mode.size[1]}{rate}")
    return ", ".join(words[:4]) or "no formats listed"


def _no_module(machine: Machine) -> Finding:
    what = "virtual camera"
    if not machine.module_installed:
        text = "v4l2loopback is not installed for this kernel"
        return problem(what, text, f"{install_command(machine)} && {LOAD}")
    if machine.secure_boot:
        text = "v4l2loopback is not loaded; with Secure Boot its key must be enrolled first"
        return problem(what, text, f"sudo mokutil --import /var/lib/dkms/mok.pub && {LOAD}")
    return problem(what, "v4l2loopback is not loaded", LOAD)


def _module(machine: Machine) -> Finding:
    number = ".".join(map(str, machine.module_version)) or "of unknown version"
    if machine.module_version and machine.module_version < NO_REUSE_BEFORE:
        text = f"v4l2loopback {number}: devices vanish after use (rimlight revives them)"
        return warning("virtual camera", text, install_command(machine))
    return ok("virtual camera", f"v4l2loopback {number}")


def _virtual(device: v4l2.CameraDescription) -> Finding:
    name = f"{device.path} ({device.card})"
    holders = v4l2.list_holders(device.path)
    by = ", ".join(holders)
    if device.can_output:
        return ok("virtual camera", f"{name} is free" + (f", open in {by}" if by else ""))
    if device.can_capture and _is_ours(holders):
        return ok("virtual camera", f"{name} is fed, open in {by}: rimlight ctl status")
    if device.can_capture:
        mend = f"rimlight live --sink virtual-camera:{device.path}   # after ending that program"
        return warning("virtual camera", f"{name} is fed already, open in {by or '?'}", mend)
    mend = f"rimlight live --sink virtual-camera:{device.path}"
    return warning("virtual camera", f"{name} is stuck after its last use; a start cures it", mend)


def _is_ours(holders: Sequence[str]) -> bool:
    return any(each.startswith("rimlight ") for each in holders)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
