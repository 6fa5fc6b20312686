"""`rimlight panel`: the panel of the live run, or of the last set-up."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated

import typer

from rimlight.cli.flags import LIVE
from rimlight.core.errors import ConfigError

if TYPE_CHECKING:
    from rimlight.live.last_setup import LastSetup


def panel(
    *,
    browser: Annotated[
        bool,
        typer.Option(
            "--browser/--no-browser",
            help="Open the panel in the browser; else print its address only.",
            rich_help_panel=LIVE,
            show_default=False,
        ),
    ] = True,
) -> None:
    """Open the panel of the live run, or start the last set-up with a panel.

    What was changed in the panel, such as the background, is part of the last set-up. Without
    one, the camera starts with a blurred background.

      rimlight panel
    """
    from rimlight.cli.live import add_panel, run_live

    if url := _find_url():
        _show(url, browser=browser)
        return
    setup = _read_setup()
    config = add_panel(setup.config, None)
    run_live(config, setup.options, quiet=False, on_panel=lambda url: _show(url, browser=browser))


def _find_url() -> str:
    """Return the address of the panel of the live run; "" if no run is live.

    Raises:
        ConfigError: the run has no panel, or does not answer.
    """
    from rimlight.live.control_socket import NoLiveRunError, get_default_socket, send_command

    try:
        answer = send_command(get_default_socket(), ["panel"])
    except NoLiveRunError:
        return ""
    if not answer["ok"]:
        raise ConfigError(answer["text"], hint=answer["hint"])
    return str(answer["text"])


def _read_setup() -> LastSetup:
    """Return the last set-up, its working directory entered, or the default one.

    Raises:
        ConfigError: it cannot be used.
    """
    from pathlib import Path

    from rimlight.factory.presets import build_config
    from rimlight.live.last_setup import LastSetup, load_setup
    from rimlight.live.session import LiveOptions

    setup = load_setup() or LastSetup(build_config("live"), LiveOptions(), Path.cwd())
    try:
        os.chdir(setup.folder)
    except OSError as exc:
        raise ConfigError(
            f"the last set-up was started in {setup.folder}: {exc.strerror}",
            hint="rimlight live --panel starts a new one",
        ) from exc
    return setup


def _show(url: str, *, browser: bool) -> None:
    """Print the address, and open it where there is a display."""
    typer.echo(url)
    if browser and (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        import webbrowser

        webbrowser.open(url)
