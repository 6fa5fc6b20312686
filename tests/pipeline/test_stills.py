"""A run over single pictures, one of which a part cannot process."""

from dataclasses import replace

import pytest
from fakes import HalfSegmenter, ListSource, RecordingSink

from rimlight.core.errors import ModelError, SourceReadError
from rimlight.pipeline.pipeline import Pipeline


class Photos(ListSource):
    """Three pictures with names."""

    def __init__(self, *, endless=False):
        super().__init__(3)
        self.info = replace(self.info, is_image_sequence=True, count=None if endless else 3)

    def __iter__(self):
        yield from (replace(frame, name=f"{frame.index}.jpg") for frame in super().__iter__())


class Fails:
    """A segmenter and an effect that fails at one picture, or at all."""

    def __init__(self, error, at=(1,)):
        self.error, self.at = error, at

    def _check(self, frame):
        if frame.index in self.at:
            raise self.error

    def segment(self, frame):
        self._check(frame)
        return HalfSegmenter().segment(frame)

    def apply(self, frame, mask):
        self._check(frame)
        return frame

    def close(self): ...


@pytest.mark.parametrize("where", ["segmenter", "effect"])
def test_a_picture_at_which_a_part_fails_is_named_and_the_others_are_done(where):
    sink, part = RecordingSink(), Fails(MemoryError())
    pipeline = Pipeline(
        Photos(),
        part if where == "segmenter" else HalfSegmenter(),
        [sink],
        effects=[part] if where == "effect" else [],
        skip_failed=True,
    )
    with pytest.raises(SourceReadError, match=r"1 of 3 images .* 1\.jpg: .*not enough memory"):
        pipeline.run()
    assert sink.indices == [0, 2]


def test_a_failure_at_every_picture_is_raised_as_it_is():
    with pytest.raises(IndexError):
        Pipeline(
            Photos(), Fails(IndexError(), at=(0, 1, 2)), [RecordingSink()], skip_failed=True
        ).run()


def test_what_a_part_raises_on_purpose_ends_the_run():
    with pytest.raises(ModelError):
        Pipeline(Photos(), Fails(ModelError("broken")), [RecordingSink()], skip_failed=True).run()


def test_a_watched_folder_goes_through_failures():
    sink = RecordingSink()
    Pipeline(Photos(endless=True), Fails(ValueError("odd")), [sink], skip_failed=True).run()
    assert sink.indices == [0, 2]
