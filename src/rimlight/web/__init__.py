"""Pages for the browser on this machine: the server, who may use it, pictures, the panel."""

from __future__ import annotations

from importlib.util import find_spec

from rimlight.core.errors import MissingDependencyError

_PACKAGES = ("starlette", "uvicorn", "prometheus_client")


def require_web(what: str) -> None:
    """Check that what the pages are served with is installed.

    Args:
        what: needs it, for the message.

    Raises:
        MissingDependencyError: it is not.
    """
    missing = [name for name in _PACKAGES if find_spec(name) is None]
    if missing:
        raise MissingDependencyError(
            f"{what} needs {', '.join(missing)}, not installed here",
            hint="pip install 'rimlight[panel]'",
        )
