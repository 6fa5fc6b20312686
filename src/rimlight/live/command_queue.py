"""A command queue: commands arrive on the control thread and run on the pipeline's thread."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from rimlight.core.errors import RimlightError

log = logging.getLogger(__name__)

Answer = dict[str, Any]

_HINT = "the run continues; its log has details"


@dataclass(slots=True)
class Command:
    """A command of the user, and its answer.

    Attributes:
        words: such as ("blur", "20").
        answer: None until the command has run.
    """

    words: tuple[str, ...]
    answer: Answer | None = None


class CommandQueue:
    """Runs urgent commands immediately, and queues the others for the pipeline's thread.

    Args:
        execute: executes the words of a command and returns the answer.
        urgent: first words of the commands that any thread may run at any moment.
    """

    def __init__(self, execute: Callable[[Sequence[str]], Answer], urgent: frozenset[str]) -> None:
        self._execute = execute
        self._urgent = urgent
        self._pending: deque[Command] = deque()

    def submit(self, words: Sequence[str]) -> Command:
        """Run an urgent command, or queue it. Any thread; does not wait."""
        command = Command(tuple(words))
        if command.words[:1] and command.words[0] in self._urgent:
            self._run(command)
        else:
            self._pending.append(command)
        return command

    def run_pending(self) -> None:
        """Run the queued commands, in order. For the pipeline's thread."""
        while self._pending:
            self._run(self._pending.popleft())

    def _run(self, command: Command) -> None:
        try:
            command.answer = self._execute(command.words)
        except RimlightError as exc:
            command.answer = {"ok": False, "text": str(exc), "hint": exc.hint or ""}
        except Exception as exc:  # no command may end the run
            log.warning("cannot execute %r", " ".join(command.words), exc_info=exc)
            command.answer = {"ok": False, "text": f"the command failed: {exc}", "hint": _HINT}
