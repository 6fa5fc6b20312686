"""Tracks that no result takes are named once."""

from clip_maker import write_video

from rimlight.core.config import parse_run
from rimlight.factory.sinks import predict_track_changes
from rimlight.sinks.video.sink import VideoSink
from rimlight.sources.concat import ConcatSource
from rimlight.sources.video import VideoSource
from rimlight.system.av import av


def front_and_rear(path):
    """Write a film of two video tracks, as dashcams with two cameras do."""
    plain = write_video(path.with_name("plain.mkv"), codec="libx264")
    with av.open(str(plain)) as source, av.open(str(path), "w") as out:
        streams = [out.add_stream_from_template(source.streams.video[0], opaque=True) for _ in "12"]
        for packet in source.demux():
            for stream in streams:
                if packet.size:
                    packet.stream = stream
                    out.mux(packet)
    return path


def with_sound(path, codec="pcm_alaw"):
    with av.open(str(path), "w") as out:
        video = out.add_stream("mpeg4", rate=25, width=64, height=48)
        sound = out.add_stream(codec, rate=8000, layout="mono")
        for index in range(5):
            picture = av.VideoFrame(64, 48, "yuv420p")
            picture.pts = index
            out.mux(video.encode(picture))
        out.mux(video.encode(None))
        block = av.AudioFrame("s16", "mono", 1600)
        block.sample_rate, block.pts = 8000, 0
        out.mux(sound.encode(block))
        out.mux(sound.encode(None))
    return path


def test_a_second_picture_track_is_named(tmp_path):
    path = front_and_rear(tmp_path / "two.mp4")
    source = VideoSource(VideoSource.Options(path=str(path)))
    source.close()
    assert source.info.notes == ("two.mp4: left out: video track (h264, 64x48)",)


def test_a_drive_of_several_files_says_that_it_has_no_sound(tmp_path):
    paths = [str(with_sound(tmp_path / f"{n}.mov")) for n in "ab"]
    source = ConcatSource(ConcatSource.Options(paths=tuple(paths)))
    source.close()
    assert "the sound of 2 files is left out of the drive" in source.info.notes


def test_a_plan_says_which_sound_will_be_converted(tmp_path):
    path = with_sound(tmp_path / "a.mov")
    run = parse_run(
        {
            "source": {"kind": "video", "path": str(path)},
            "segmenter": {"kind": "whole"},
            "sinks": [{"kind": "video", "path": str(tmp_path / "out.mp4")}],
        },
        where="a test",
    )
    assert predict_track_changes(run) == [
        "a.mov: sound (pcm_alaw) converted to AAC: mp4 cannot hold it"
    ]
    assert [file.name for file in tmp_path.iterdir()] == ["a.mov"]


def test_a_time_code_that_is_a_tag_is_named_and_makes_no_track(tmp_path):
    path, out = tmp_path / "a.mkv", tmp_path / "out.mp4"
    plain = write_video(tmp_path / "plain.mkv", codec="libx264")
    with av.open(str(plain)) as source, av.open(str(path), "w") as copy:
        stream = copy.add_stream_from_template(source.streams.video[0], opaque=True)
        copy.metadata["TIMECODE"] = "01:00:00:00"
        for packet in source.demux():
            if packet.size:
                packet.stream = stream
                copy.mux(packet)
    film = VideoSource(VideoSource.Options(path=str(path)))
    sink = VideoSink(VideoSink.Options(path=out), film.info)
    for frame in film:
        sink.write(frame)
    sink.close()
    film.close()
    assert film.info.notes == ("a.mkv: left out: time code",)
    with av.open(str(out)) as result:
        assert [stream.type for stream in result.streams] == ["video"]
