"""A live run as a service of the user's own session, and as an entry of the desktop's menu."""

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
START = f"systemctl --user daemon-reload && systemctl --user enable --now {UNIT}"
STOP = f"systemctl --user disable --now {UNIT}"

_RETRY_S = 5
_RESERVED = " \t\n\"'\\><~|&;$*?#()`"
"""Signs for which the Desktop Entry Specification asks for quotes."""


def unit_text(words: Sequence[str], program: Sequence[str]) -> str:
    """Return the systemd unit.

    Args:
        words: the arguments of `rimlight live`.
        program: what starts rimlight, for example (python, "-m", "rimlight").
    """
    command = " ".join(_for_systemd(word) for word in (*program, "live", *words))
    return f"""[Unit]
Description=Rimlight: a webcam with another background
PartOf=graphical-session.target
After=graphical-session.target

[Service]
ExecStart={command}
Restart=on-failure
RestartSec={_RETRY_S}
# A camera or a virtual camera that is not there yet is worth another try; a wrong word is not.
RestartPreventExitStatus=2 4 6
TimeoutStopSec=10
NoNewPrivileges=yes
UMask=0077

[Install]
WantedBy=graphical-session.target
"""


def desktop_text(program: Sequence[str]) -> str:
    """Return the desktop entry: it starts and stops the service."""
    command = " ".join(_for_desktop(word) for word in program)
    return f"""[Desktop Entry]
Type=Application
Name=Rimlight
Comment=A webcam with another background
Exec=systemctl --user start {UNIT}
Icon=camera-web
Categories=AudioVideo;Video;
Actions=stop;panic;

[Desktop Action stop]
Name=Stop
Exec=systemctl --user stop {UNIT}

[Desktop Action panic]
Name=Cover everything
Exec={command} ctl panic
"""


def unit_path() -> Path:
    """Return where the user's own units lie."""
    return get_user_folder("XDG_CONFIG_HOME", ".config") / "systemd" / "user" / UNIT


def desktop_path() -> Path:
    """Return where the user's own menu entries lie."""
    return get_user_folder("XDG_DATA_HOME", ".local/share") / "applications" / DESKTOP


def install(words: Sequence[str]) -> tuple[Path, Path]:
    """Write the unit and the entry, for nobody else to read; starting it is left to `START`.

    Raises:
        ConfigError: the path of Python is none for a menu entry.
        SinkError: they cannot be written.
    """
    program = (sys.executable, "-m", "rimlight")
    written = (unit_path(), desktop_path())
    for path, text in zip(written, (unit_text(words, program), desktop_text(program)), strict=True):
        make_folder(path.parent)
        with _for_the_user_alone():
            write_text(path, text)
    return written


def uninstall() -> tuple[Path, ...]:
    """Remove both files; return those that there were.

    Raises:
        SinkError: they cannot be removed.
    """
    there = tuple(path for path in (unit_path(), desktop_path()) if path.exists())
    for path in there:
        with translate_os_errors(path):
            path.unlink()
    return there


@contextmanager
def _for_the_user_alone() -> Iterator[None]:
    """Create files that nobody else can read: an address in the unit may hold a password."""
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)


def _for_systemd(word: str) -> str:
    """Quote a word as systemd.service(5) reads it: C escapes; % and $ are doubled."""
    safe = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    safe = _escaped(safe)
    return f'"{safe}"' if safe != shlex.quote(word) or "#" in word else word


def _escaped(text: str) -> str:
    """Return a text without control characters, which end lines, and without broken UTF-8."""
    plain = "".join(c for c in text if c.isprintable())
    if plain == text:
        return text
    return "".join(
        c if c.isprintable() else "".join(f"\\x{byte:02x}" for byte in os.fsencode(c)) for c in text
    )


def _for_desktop(word: str) -> str:
    """Quote a word as the Desktop Entry Specification reads it.

    Raises:
        ConfigError: the word holds a line break, which no quoting can keep in one entry.
    """
    if any(unicodedata.category(c) in {"Cc", "Cs"} for c in word):
        raise ConfigError(
            f"a menu entry cannot start {word!a}", hint="move Python to another folder"
        )
    signs = {"\\": "\\\\\\\\", "%": "%%"} | {sign: f"\\\\{sign}" for sign in '"`$'}
    safe = "".join(signs.get(c, c) for c in word)
    plain = bool(word) and not any(c in _RESERVED for c in word)
    return safe if plain else f'"{safe}"'
