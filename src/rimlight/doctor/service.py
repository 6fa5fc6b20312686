"""Installs a live run as a systemd user service with a desktop menu entry."""

from __future__ import annotations

import os
import shlex
import sys
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rimlight.core.errors import ConfigError
from rimlight.system.app_paths import get_user_folder
from rimlight.system.atomic_io import make_folder, translate_os_errors, write_text

UNIT = "rimlight.service"
DESKTOP = "rimlight.desktop"
ICON = "rimlight"
ICON_FILE = Path(__file__).with_name("rimlight.svg")
START = f"systemctl --user daemon-reload && systemctl --user enable --now {UNIT}"
STOP = f"systemctl --user disable --now {UNIT}"

_RETRY_S = 5
_RESERVED = " \t\n\"'\\><~|&;$*?#()`"
"""Characters that the Desktop Entry Specification requires to be quoted."""


def make_unit(words: Sequence[str], program: Sequence[str]) -> str:
    """Return the text of the systemd unit.

    Args:
        words: the arguments of `rimlight live`.
        program: the command that starts rimlight, for example (python, "-m", "rimlight").
    """
    command = " ".join(_quote_systemd(word) for word in (*program, "live", *words))
    return f"""[Unit]
Description=Rimlight: a webcam with another background
PartOf=graphical-session.target
# The session's PipeWire serves the camera where there is no v4l2loopback device.
Wants=pipewire.service
After=graphical-session.target pipewire.service wireplumber.service

[Service]
ExecStart={command}
Restart=on-failure
RestartSec={_RETRY_S}
# Retry while a camera or virtual camera is missing, but not after a usage error.
RestartPreventExitStatus=2 4 6
TimeoutStopSec=10
NoNewPrivileges=yes
UMask=0077

[Install]
WantedBy=graphical-session.target
"""


def make_desktop_entry(program: Sequence[str]) -> str:
    """Return the text of the desktop entry, which opens the panel.

    Args:
        program: the command that starts rimlight.

    Raises:
        ConfigError: a word of it cannot be part of an entry.
    """
    command = " ".join(_quote_desktop(word) for word in program)
    return f"""[Desktop Entry]
Type=Application
Name=Rimlight
Comment=A webcam with another background
Exec={command} panel
Icon={ICON}
Categories=AudioVideo;Video;
Keywords=webcam;background;blur;camera;
Actions=panic;stop;

[Desktop Action panic]
Name=Cover everything
Exec={command} ctl panic

[Desktop Action stop]
Name=Stop
Exec={command} ctl stop
"""


def get_unit_path() -> Path:
    """Return the path of the systemd user unit."""
    return get_user_folder("XDG_CONFIG_HOME", ".config") / "systemd" / "user" / UNIT


def get_desktop_path() -> Path:
    """Return the path of the desktop menu entry."""
    return get_user_folder("XDG_DATA_HOME", ".local/share") / "applications" / DESKTOP


def get_icon_path() -> Path:
    """Return the path of the icon of the menu entry."""
    folder = get_user_folder("XDG_DATA_HOME", ".local/share") / "icons" / "hicolor"
    return folder / "scalable" / "apps" / f"{ICON}.svg"


def install(words: Sequence[str]) -> tuple[Path, ...]:
    """Write the unit, the entry and its icon, readable by the user only.

    The command `START` starts the unit.

    Raises:
        ConfigError: the path of Python cannot be part of a menu entry.
        SinkError: they cannot be written.
    """
    program = (sys.executable, "-m", "rimlight")
    texts = {
        get_unit_path(): make_unit(words, program),
        get_desktop_path(): make_desktop_entry(program),
        get_icon_path(): ICON_FILE.read_text(encoding="utf-8"),
    }
    for path, text in texts.items():
        make_folder(path.parent)
        with _restrict_umask():
            write_text(path, text)
    return tuple(texts)


def uninstall() -> tuple[Path, ...]:
    """Remove these files and return those that existed.

    Raises:
        SinkError: they cannot be removed.
    """
    paths = (get_unit_path(), get_desktop_path(), get_icon_path())
    existing = tuple(path for path in paths if path.exists())
    for path in existing:
        with translate_os_errors(path):
            path.unlink()
    return existing


@contextmanager
def _restrict_umask() -> Iterator[None]:
    """Create files that only the user can read; a URL in the unit may contain a password."""
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)


def _quote_systemd(word: str) -> str:
    """Quote a word for systemd.service(5): C escapes; % and $ are doubled."""
    safe = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    safe = _escape(safe)
    return f'"{safe}"' if safe != shlex.quote(word) or "#" in word else word


def _escape(text: str) -> str:
    """Escape control characters, which end lines, and invalid UTF-8."""
    plain = "".join(c for c in text if c.isprintable())
    if plain == text:
        return text
    return "".join(
        c if c.isprintable() else "".join(f"\\x{byte:02x}" for byte in os.fsencode(c)) for c in text
    )


def _quote_desktop(word: str) -> str:
    """Quote a word for the Desktop Entry Specification.

    Raises:
        ConfigError: the word contains a line break, which cannot be quoted.
    """
    if any(unicodedata.category(c) in {"Cc", "Cs"} for c in word):
        raise ConfigError(
            f"a menu entry cannot start {word!a}", hint="move Python to another folder"
        )
    escapes = {"\\": "\\\\\\\\", "%": "%%"} | {char: f"\\\\{char}" for char in '"`$'}
    safe = "".join(escapes.get(c, c) for c in word)
    is_plain = bool(word) and not any(c in _RESERVED for c in word)
    return safe if is_plain else f'"{safe}"'
