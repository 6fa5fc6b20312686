"""What a run will come to, told before it is made."""

import pytest
from clip_maker import write_video

from rimlight.factory.presets import build_config
from rimlight.offline.estimate import estimate_run


class Clock:
    """Stands still but for a tenth of a second at each look."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        self.now += 0.1
        return self.now


def job(source, out, **more):
    return build_config(
        "process", source=str(source), sinks=[str(out)], segmenter={"kind": "threshold"},
        effects=[{"kind": "replace", "background": "white"}],
        options={"video": {"resume": "auto", "overwrite": False}}, **more,
    )  # fmt: skip


@pytest.fixture
def clip(tmp_path):
    return write_video(tmp_path / "in.mp4", codec="libx264", stamps=range(0, 12000, 40))


def test_few_frames_tell_of_all(tmp_path, clip):
    made = estimate_run(job(clip, tmp_path / "out.mp4"), clock=Clock())
    assert made.frames == 300 and 8 <= made.measured < 100
    # One look at the clock for each frame, and one before and after.
    assert made.seconds == pytest.approx(300 * 0.1 * (made.measured + 1) / made.measured, rel=0.01)
    assert made.size_bytes > 1000


def test_nothing_is_left_behind_and_a_result_that_exists_stays(tmp_path, clip):
    (tmp_path / "out.mp4").write_bytes(b"precious")
    estimate_run(job(clip, tmp_path / "out.mp4"))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in.mp4", "out.mp4"]
    assert (tmp_path / "out.mp4").read_bytes() == b"precious"


def test_a_part_of_a_video_has_the_frames_of_that_part(tmp_path, clip):
    part = {"start_s": 2, "end_s": 4, "stride": 2}
    made = estimate_run(job(clip, tmp_path / "out.mp4", source_options=part))
    assert made.frames == 25


def test_the_size_of_pictures_is_near(tmp_path, clip):
    made = estimate_run(job(clip, f"{tmp_path}/frames/"))
    assert made.frames == 300 and made.size_bytes > 300 * 100


def test_what_has_no_known_end_is_not_told_of(tmp_path):
    assert estimate_run(job("test-pattern:64x48", tmp_path / "out.mp4")) is None
