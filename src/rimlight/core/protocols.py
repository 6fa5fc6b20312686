"""What the pipeline needs from its parts.

Constructed means open; whoever opened a part closes it; closing twice is fine. Parts are built as

    Source(options)   Segmenter(options, ...)   Refiner(options)   Effect(options)
    Sink(options, info)                          info: the `SourceInfo` of the run

with `options` an instance of the class's own `Options`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import IntEnum
from typing import Any, ClassVar, Protocol, runtime_checkable

from rimlight.core.frame import Frame, Mask, SourceInfo


class Source(Protocol):
    """Where frames come from."""

    @property
    def info(self) -> SourceInfo:
        """What the source is, known as soon as it is open."""
        ...

    def __iter__(self) -> Iterator[Frame]:
        """Yield frames with rising `index` and `pts` until the stream ends.

        Raises:
            SourceReadError: the stream broke before its end; the frames before it were yielded.
        """
        ...

    def close(self) -> None:
        """Release the device or file. May be called from another thread than the reader's."""
        ...


@runtime_checkable
class Interruptible(Protocol):
    """A source that may wait for its next frame for ever, such as a folder that is watched."""

    def stop_waiting(self) -> None:
        """Let the iteration end. Any thread."""
        ...


class Segmenter(Protocol):
    """Says what the pixels of a frame are."""

    def segment(self, frame: Frame) -> Mask:
        """Return a new mask that covers the whole of `frame`, at the model's own resolution."""
        ...

    def close(self) -> None:
        """Release the model."""
        ...


class Refiner(Protocol):
    """Improves a mask. May keep a state between the frames of one stream."""

    def refine(self, mask: Mask, frame: Frame) -> Mask:
        """Return a mask of the same classes; neither argument is changed."""
        ...

    def close(self) -> None:
        """Forget the state."""
        ...


class Lookahead(Protocol):
    """Improves masks by those of later frames; frames wait for that, in order."""

    def push(self, frame: Frame, mask: Mask) -> Iterable[tuple[Frame, Mask]]:
        """Add the next frame; return the frames that are ready, in order and unchanged."""
        ...

    def flush(self) -> Iterable[tuple[Frame, Mask]]:
        """Return the frames that still wait, at the end of the stream."""
        ...

    def close(self) -> None:
        """Forget what waits."""
        ...


class Effect(Protocol):
    """Makes the picture that is shown."""

    def apply(self, frame: Frame, mask: Mask) -> Frame:
        """Return a new frame of the same index, pts and name; neither argument is changed."""
        ...

    def close(self) -> None:
        """Release what the effect opened, such as a background video."""
        ...


class Sink(Protocol):
    """Where frames go."""

    def write(self, frame: Frame) -> None:
        """Take one frame; frames come in order.

        Raises:
            SinkError: the frame could not be delivered.
            StopStream: the user asked to end the run, for example by closing a window.
        """
        ...

    def close(self) -> None:
        """Finish and keep what was written: a file takes its final name here."""
        ...

    def abort(self) -> None:
        """Release without keeping an unfinished result. After close() it does nothing."""
        ...


@runtime_checkable
class HasFixedRate(Protocol):
    """A sink whose readers expect frames at a constant rate, such as a virtual camera."""

    @property
    def rate(self) -> float:
        """Frames a second that it announces."""
        ...


@runtime_checkable
class HasNotes(Protocol):
    """A sink or segmenter that tells the user something about itself once it is open."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should know, such as which programs see a virtual camera."""
        ...


def read_notes(*parts: object) -> tuple[str, ...]:
    """Return the notes of the parts that have some, each once."""
    notes = (note for part in parts if isinstance(part, HasNotes) for note in part.notes)
    return tuple(dict.fromkeys(notes))


class ConsumerCount(Protocol):
    """Counts the programs that watch a virtual camera."""

    @property
    def interval_s(self) -> float:
        """How often, in seconds, it is worth counting."""
        ...

    def count(self) -> int:
        """Return the number of consumers; 1 where it is only known that there are some."""
        ...

    def close(self) -> None:
        """Release what counts."""
        ...


@runtime_checkable
class SupportsOnDemand(Protocol):
    """A sink that knows whether a program watches, such as a virtual camera."""

    def open_consumer_counter(self) -> ConsumerCount:
        """Return what counts its consumers; the caller closes it."""
        ...


@runtime_checkable
class SupportsPlanning(Protocol):
    """A sink that knows from its options alone whether it can hold what it is asked to."""

    @staticmethod
    def plan(options: Any) -> Any:
        """Return how it writes.

        Raises:
            ConfigError: it cannot hold what is asked for.
        """
        ...


@runtime_checkable
class SupportsParallelWrites(Protocol):
    """A sink whose frames do not depend on each other: `write` may be called by many threads."""

    @property
    def writers(self) -> int:
        """How many threads should write at once."""
        ...


@runtime_checkable
class SupportsKeyboard(Protocol):
    """A sink in which keys can be pressed, such as a window."""

    def take_keys(self) -> str:
        """Return the keys that were pressed since this was last asked."""
        ...

    def describe_keys(self, text: str) -> None:
        """Show the keys that the run handles, in one line."""
        ...


class PendingCommand(Protocol):
    """A command that was submitted, and its answer once there is one."""

    @property
    def answer(self) -> dict[str, Any] | None:
        """What `rimlight ctl` would print; None until the command has run."""
        ...


@runtime_checkable
class SupportsCommands(Protocol):
    """A sink with controls, such as the panel."""

    @property
    def url(self) -> str:
        """The address at which the user finds the controls."""
        ...

    def accept_commands(self, submit: Callable[[Sequence[str]], PendingCommand] | None) -> None:
        """Submit what the user does there; None: nowhere, the run has ended."""
        ...


@runtime_checkable
class SupportsImmediateWrite(Protocol):
    """A sink whose `write` never waits, and which any thread may interrupt."""

    def write_immediately(self, frame: Frame) -> None:
        """Show `frame` next, in the place of what waits to be shown. Raises nothing."""
        ...


@runtime_checkable
class TransformsMask(Protocol):
    """An effect that moves the frame's content, so that later effects need another mask."""

    def transform_mask(self, mask: Mask) -> Mask:
        """Return the mask of the frame that `apply` has just returned for `mask`."""
        ...


@runtime_checkable
class ShowsScreen(Protocol):
    """An effect whose background may be what a screen shows."""

    @property
    def shows_screen(self) -> bool:
        """True if it is."""
        ...


@runtime_checkable
class SupportsReducedRate(Protocol):
    """An effect that can do a part of its work less often."""

    def set_reduced_rate(self, *, on: bool) -> None:
        """Do so, or no longer."""
        ...


@runtime_checkable
class SupportsDownscaling(Protocol):
    """A source that can take smaller pictures from its device, and still gives its own size."""

    def can_downscale(self) -> bool:
        """Say whether the device has a smaller size of the same shape."""
        ...

    def set_downscaled(self, *, on: bool) -> None:
        """Take them, or no longer. Any thread; frames pause while the device changes."""
        ...


class SourceTraits:
    """What is known of a kind of source before it is opened; sources override what differs."""

    has_media_clock: ClassVar[bool] = False
    """Frames have times of their own, which a live run keeps to."""


class RefinerTraits:
    """What is known of a kind of refiner before it is opened; refiners override what differs."""

    stateful: ClassVar[bool] = False
    """May remember objects since the first frame: such a run cannot begin in the middle."""
    optional: ClassVar[bool] = False
    """Only improves how the mask looks, so that an overloaded run may skip it."""


class EffectPosition(IntEnum):
    """Where an effect belongs among others."""

    CONTENT = 0
    """Before the background: it changes the person, or where they are."""
    LAYOUT = 1
    """Before the background, too, after what changes the person: where the person stands."""
    FRAME = 2
    """With the background, or on the finished frame."""
    TOP = 3
    """Last: it lies over everything and is not mirrored."""


class EffectTraits:
    """What is known of a kind of effect before it is opened; effects override what differs."""

    position: ClassVar[EffectPosition] = EffectPosition.FRAME

    hides_background: ClassVar[bool] = False
    """Leaves nothing of the background visible."""
    redacts: ClassVar[bool] = False
    """Covers what must not be seen, wherever the frames go."""
    composites: ClassVar[bool] = False
    """Puts one image over another pixel by pixel, in JIT-compiled loops where there are any."""
    person_only: ClassVar[bool] = False
    """Needs no class but people, unless `keep` names another."""
    is_repeatable: bool = False
    """The same frame and mask give the same result, whatever came before: may be applied twice."""

    @classmethod
    def is_stateful(cls, options: Any) -> bool:
        """Return True if it depends on earlier frames: a run cannot begin in the middle."""
        del options
        return False

    @classmethod
    def outputs_alpha(cls, options: Any, *, has_alpha: bool) -> bool:
        """Return True if its frames have alpha, for frames with or without alpha."""
        del options
        return has_alpha
