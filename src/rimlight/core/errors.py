"""Every error that rimlight raises on purpose.

RimlightError                            exit 1
|- ConfigError                           exit 2   a file, a flag or an option is wrong
|- SourceError                           exit 3
|  |- SourceOpenError (OSError)          the camera or the file does not open
|  `- SourceReadError (OSError)          it opened, then stopped delivering
|- ModelError                            exit 4
|  |- ModelNotFoundError (FileNotFoundError)
|  `- ModelFormatError (ValueError)      the file is not the model that its card describes
|- SinkError (OSError)                   exit 5   a result cannot be shown, sent or written
|  `- PartialOutputError                 some images were not written, all others were
`- MissingDependencyError (ImportError)  exit 6

The command line ends with 70 after an error that is none of these: a bug of rimlight.

A caller's mistake (a wrong shape, a wrong dtype) is a plain TypeError or ValueError.
"""

from __future__ import annotations

from rimlight.core.addresses import hide_secrets_in


class RimlightError(Exception):
    """Base class. `hint` says what to do next; the command line prints it under the message.

    Addresses in both lose their passwords and tokens: messages end up in logs and reports.
    """

    exit_code = 1

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        self.message = hide_secrets_in(message)
        super().__init__(self.message)
        self.hint = hint and hide_secrets_in(hint)

    def __str__(self) -> str:
        return self.message  # OSError's own __str__ would look for errno


class ConfigError(RimlightError):
    """A file, a flag or an option is wrong."""

    exit_code = 2


class SourceError(RimlightError):
    """Base class of what goes wrong with a source."""

    exit_code = 3


class SourceOpenError(SourceError, OSError):
    """The camera or the file does not open."""


class SourceReadError(SourceError, OSError):
    """The source opened, then stopped delivering before its end."""


class ModelError(RimlightError):
    """Base class of what goes wrong with a model."""

    exit_code = 4


class ModelNotFoundError(ModelError, FileNotFoundError):
    """There is no such model, or its file is not here and cannot be fetched."""


class ModelFormatError(ModelError, ValueError):
    """The file is not the model that its card describes."""


class SinkError(RimlightError, OSError):
    """A result cannot be shown, sent or written."""

    exit_code = 5


class PartialOutputError(SinkError):
    """Some pictures could not be written; all others were."""


class MissingDependencyError(RimlightError, ImportError):
    """A part needs a package that is not installed; the hint holds the command."""

    exit_code = 6


class StopStream(Exception):  # noqa: N818 - a signal, like StopIteration, not an error
    """Raised by a sink to end the run normally (the user closed the window)."""
