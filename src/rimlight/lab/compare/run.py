"""Runs contenders over data, frame by frame in turns, and collects their figures."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field, replace

from rimlight.core.config import SegmenterConfig
from rimlight.core.errors import ConfigError
from rimlight.core.frame import Frame
from rimlight.core.protocols import Segmenter
from rimlight.factory.segmenter import open_segmenter
from rimlight.lab.compare.moments import Moments
from rimlight.lab.compare.worker import Answer, Contender, Worker
from rimlight.lab.evaluation.datasets import Dataset, Sample
from rimlight.lab.evaluation.metrics import Alpha
from rimlight.lab.evaluation.results import Result
from rimlight.lab.evaluation.run import MotionFollower
from rimlight.lab.evaluation.scorer import SetupScorer
from rimlight.lab.evaluation.setups import upscale_raw
from rimlight.lab.evaluation.temporal_metrics import LagMeter, choose_working_size, shrink_alpha

MIN_LAG_FRAMES = 60
"""Frames from which a lag without truth is told."""
MIN_LAG_CONTRAST = 3
"""The worst delay must fit this many times worse than the best, or the scene hardly moves."""

OnFrame = Callable[[Dataset], None]


def check_names(what: str, names: Sequence[str]) -> None:
    """Check that no two of `what` have one name, which reports could not tell apart.

    Raises:
        ConfigError: two have.
    """
    if len(set(names)) < len(names):
        raise ConfigError(f"{what} need different names, got {', '.join(names)}")


@contextmanager
def open_workers(contenders: Sequence[Contender]) -> Iterator[list[Worker]]:
    """Start the contenders; end them with the block.

    Raises:
        ConfigError: two have one name.
        RimlightError: one does not start.
    """
    check_names("contenders", [contender.name for contender in contenders])
    with ExitStack() as stack:
        yield [stack.enter_context(closing(Worker(contender))) for contender in contenders]


@dataclass
class Comparison:
    """The figures of one data set, complete up to the last frame that all contenders made.

    Without truth, lag is measured against the default model's mask of each frame alone: what
    comes from one frame cannot be late. It is not told where the scene moves too little.

    Attributes:
        data: the frames.
        workers: the open contenders.
        moments: the frames to show.
        count: number of frames so far.
    """

    data: Dataset
    workers: Sequence[Worker]
    moments: Moments = field(default_factory=Moments)
    count: int = 0

    def __post_init__(self) -> None:
        names = [worker.contender.name for worker in self.workers]
        self._judges = {name: SetupScorer(name, self.data) for name in names}
        self._lags = {name: LagMeter() for name in names}
        self._cpu_ms: dict[str, list[float]] = {name: [] for name in names}
        self._peak_mb: dict[str, float | None] = {}
        self._follower = MotionFollower()

    def run(self, on_frame: OnFrame) -> None:
        """Go through the data; `on_frame` is called after each frame.

        Raises:
            RimlightError: the data cannot be read, or a contender failed.
        """
        if self.data.scheme is not None:
            raise ConfigError(f"{self.data.name} has classes", hint="use rimlight eval for it")
        config = SegmenterConfig(kind="model")
        with closing(open_segmenter(config, self.data.size)) as reference:
            for index, sample in enumerate(self.data):
                is_new = index == 0 or self.data.rate is None
                answers = {
                    worker.contender.name: worker.segment(sample.frame, is_new=is_new)
                    for worker in self.workers
                }
                self._judge(sample, answers, reference)
                on_frame(self.data)

    def results(self) -> list[Result]:
        """Return the figures of each contender."""
        return [self._summarize(name, judge.get_result()) for name, judge in self._judges.items()]

    def _judge(self, sample: Sample, answers: Mapping[str, Answer], reference: Segmenter) -> None:
        is_video = self.data.rate is not None
        motion = self._follower.advance(sample) if is_video else None
        expected = None
        if is_video and sample.alpha is None:
            expected = self._shrink(upscale_raw(reference.segment(sample.frame), sample.frame))
        for name, answer in answers.items():
            self._judges[name].add_alpha(sample, answer.alpha, motion)
            if expected is not None:
                self._lags[name].add(self._shrink(answer.alpha), expected)
            self._judges[name].add_times({"frame": answer.wall_ms})
            self._cpu_ms[name].append(answer.cpu_ms)
            self._peak_mb[name] = answer.peak_mb
        alphas = {name: answer.alpha for name, answer in answers.items()}
        self.moments.add(_name_frame(sample.frame, is_video=is_video), sample.frame.bgr, alphas)
        self.count += 1

    def _shrink(self, alpha: Alpha) -> Alpha:
        return shrink_alpha(alpha, choose_working_size(self.data.size))

    def _summarize(self, name: str, result: Result) -> Result:
        figures: dict[str, float | None] = dict(result.figures)
        if self._cpu_ms[name]:
            figures["cpu_ms"] = statistics.median(self._cpu_ms[name])
        figures["peak_mb"] = self._peak_mb.get(name)
        lag = self._lags[name].find_lag()
        is_clear = (
            self.count >= MIN_LAG_FRAMES and self._lags[name].measure_contrast() >= MIN_LAG_CONTRAST
        )
        if lag is not None and is_clear and self.data.rate is not None:
            figures["lag_ms"] = lag * 1000 / float(self.data.rate)
        return replace(result, figures=figures)


def _name_frame(frame: Frame, *, is_video: bool) -> str:
    return f"{float(frame.pts):.2f} s" if is_video else frame.name or str(frame.index)
