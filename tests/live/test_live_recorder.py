"""Recordings that begin and end while a run goes on."""

import errno
from contextlib import closing
from pathlib import Path

import av
import pytest
from fakes import HalfSegmenter, ListSource, RecordingSink

from rimlight.core.errors import ConfigError, RimlightError
from rimlight.core.frame_queue import Overflow
from rimlight.live.recorder import LiveRecorder
from rimlight.pipeline.live import LivePipeline
from rimlight.pipeline.settings import Settings


@pytest.fixture
def play(tmp_path, monkeypatch):
    """Run 30 frames; do `actions[index](recorder)` and add `sinks[index]` before that frame."""
    monkeypatch.setenv("XDG_VIDEOS_DIR", str(tmp_path / "Videos"))

    def play(actions, sinks=()):
        source, sink = ListSource(30, size=(64, 48)), RecordingSink()

        def on_frame(_):
            if len(sink.frames) in actions:
                actions.pop(len(sink.frames))(recorder)
            if len(sink.frames) in sinks:
                pipeline.add_sink(sinks[len(sink.frames)])

        settings = Settings(overflow=Overflow.BLOCK, mask_sync="exact")
        pipeline = LivePipeline(
            source, HalfSegmenter(), [sink], settings=settings, on_frame=on_frame
        )
        recorder = LiveRecorder(pipeline, source.info)
        with closing(recorder):
            pipeline.run()
        assert actions == {}
        return pipeline, sink

    return play


def count_frames(path):
    with av.open(path) as clip:
        return sum(1 for _ in clip.decode(video=0))


def test_a_recording_holds_the_frames_between_two_commands(play, tmp_path):
    said = []
    _, sink = play(
        {
            10: lambda recorder: said.append(recorder.record(["on"])),
            20: lambda recorder: said.extend([recorder.path, recorder.record(["off"])]),
            21: lambda recorder: said.append(recorder.path),
        }
    )
    (path,) = (tmp_path / "Videos").iterdir()
    assert said == [f"recording to {path}", str(path), f"recorded to {path}", ""]
    assert count_frames(path) == 10
    assert len(sink.frames) == 30


def test_without_a_value_it_toggles_and_the_end_of_the_run_ends_it(play, tmp_path):
    path = tmp_path / "a.mp4"
    play({5: lambda recorder: recorder.record([str(path)])})
    assert count_frames(path) == 25
    play({1: lambda recorder: recorder.record([]), 4: lambda recorder: recorder.record([])})
    (other,) = (tmp_path / "Videos").iterdir()
    assert count_frames(other) == 3


def test_no_recording_replaces_another(play, tmp_path):
    path = tmp_path / "a.mp4"
    path.write_bytes(b"mine")
    play({5: lambda recorder: recorder.record([str(path)])})
    assert path.read_bytes() == b"mine"
    assert count_frames(tmp_path / "a-2.mp4") == 25


@pytest.mark.parametrize("words", [["/nowhere/a.mp4"], ["a.txt"], ["on", "off"], ["a.png"]])
def test_what_cannot_be_recorded_to_changes_nothing(play, words):
    def fail(recorder):
        with pytest.raises(RimlightError):
            recorder.record(words)
        assert recorder.path == ""

    _, sink = play({5: fail})
    assert len(sink.frames) == 30


def test_a_second_recording_is_refused_with_the_way_out(play, tmp_path):
    def again(recorder):
        with pytest.raises(ConfigError, match="already") as caught:
            recorder.record(["on"])
        assert "record off" in caught.value.hint

    path = tmp_path / "a.mp4"
    play({5: lambda recorder: recorder.record([str(path)]), 8: again})
    assert count_frames(path) == 25


def test_a_sink_that_was_added_and_fails_leaves_the_run_alone_and_its_result_good(play):
    full = RecordingSink(fail_at=12, error=OSError(errno.ENOSPC, "No space left on device"))
    pipeline, sink = play({}, sinks={5: full})
    assert len(sink.frames) == 30 and pipeline.failures == ()
    assert pipeline.errors.counts["sinks"] == 1
    assert not pipeline.has_sink(full) and not pipeline.remove_sink(full)


def test_the_folder_of_videos_is_that_of_the_user(monkeypatch):
    from rimlight.live.recorder import make_path

    monkeypatch.setenv("XDG_VIDEOS_DIR", "/films")
    assert make_path().parent == Path("/films") and make_path().suffix == ".mp4"
