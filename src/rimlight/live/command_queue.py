"""Words that are heard on one thread and done on another."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from rimlight.core.errors import RimlightError

log = logging.getLogger(__name__)

Answer = dict[str, Any]

_HINT = "the run goes on; its log says more"


@dataclass(slots=True)
class Errand:
    """What somebody said, and the answer once it is done.

    Attributes:
        words: such as ("blur", "20").
        answer: None until it is done.
    """

    words: tuple[str, ...]
    answer: Answer | None = None


class Errands:
    """Does what is urgent at once, and keeps the rest for the thread that may do it.

    Args:
        do: does what the words say, and returns the answer.
        urgent: first words of what any thread may do at any moment.
    """

    def __init__(self, do: Callable[[Sequence[str]], Answer], urgent: frozenset[str]) -> None:
        self._do = do
        self._urgent = urgent
        self._waiting: deque[Errand] = deque()

    def hear(self, words: Sequence[str]) -> Errand:
        """Take an errand. Any thread; does not wait."""
        errand = Errand(tuple(words))
        if errand.words[:1] and errand.words[0] in self._urgent:
            self._run(errand)
        else:
            self._waiting.append(errand)
        return errand

    def work(self) -> None:
        """Do what waits, in order. For the thread that may do it."""
        while self._waiting:
            self._run(self._waiting.popleft())

    def _run(self, errand: Errand) -> None:
        try:
            errand.answer = self._do(errand.words)
        except RimlightError as exc:
            errand.answer = {"ok": False, "text": str(exc), "hint": exc.hint or ""}
        except Exception as exc:  # whatever was said, it does not end the run
            log.warning("cannot do %r", " ".join(errand.words), exc_info=exc)
            errand.answer = {"ok": False, "text": f"that cannot be done: {exc}", "hint": _HINT}
