"""Reading back what the sinks wrote, and inputs made for them, all with real codecs."""

from fractions import Fraction
from pathlib import Path

import numpy as np

from rimlight.core.frame import Frame, SourceInfo
from rimlight.system.av import av


def source_frames(path):
    """Yield every picture of a video as an I420 frame at its own time."""
    with av.open(str(path)) as clip:
        for index, picture in enumerate(clip.decode(video=0)):
            size = (picture.width, picture.height)
            pts = picture.pts * picture.time_base
            image = picture.to_ndarray(format="yuv420p")
            yield Frame.from_i420(image, size=size, index=index, pts=pts, captured_at=0.0)


def source_info(path):
    with av.open(str(path)) as clip:
        video = clip.streams.video[0]
        return SourceInfo(
            str(path),
            (video.width, video.height),
            rate=video.average_rate,
            time_base=video.time_base,
            duration_s=float(video.duration * video.time_base) if video.duration else None,
            media_path=Path(path),
        )


def packets(path, kind="video"):
    """Return (pts, bytes) of every packet of the streams of one kind, in seconds, by pts."""
    with av.open(str(path)) as clip:
        wanted = [stream for stream in clip.streams if stream.type == kind]
        stored = clip.demux(wanted) if wanted else ()  # demux([]) means all streams
        found = [(p.pts * p.time_base, bytes(p)) for p in stored if p.size]
    return sorted(found)


def times(path):
    return [pts for pts, _ in packets(path)]


def pictures(path, *, pixels="bgr24", decoder=None):
    """Return every picture as an array. `decoder` replaces FFmpeg's own choice."""
    with av.open(str(path)) as clip:
        video = clip.streams.video[0]
        if decoder is None:
            return [p.to_ndarray(format=pixels) for p in clip.decode(video)]
        context = av.CodecContext.create(decoder, "r")
        shown = [picture for p in clip.demux(video) for picture in context.decode(p)]
        return [p.reformat(format=pixels).to_ndarray() for p in shown]


def make_clip(path, *, seconds=2, codec="aac", start=Fraction(0)):
    """Write a small gray clip of 10 fps with a tone; return its path."""
    with av.open(str(path), "w") as clip:
        video = clip.add_stream("libx264", rate=10, width=64, height=48, pix_fmt="yuv420p")
        sound = clip.add_stream(codec, rate=48000, layout="mono") if codec else None
        for index in range(seconds * 10):
            picture = av.VideoFrame.from_ndarray(np.full((72, 64), 90, np.uint8), format="yuv420p")
            picture.time_base = Fraction(1, 10)
            picture.pts = index + int(start * 10)
            clip.mux(video.encode(picture))
        clip.mux(video.encode(None))
        for block in range(seconds * 50 if sound else 0):
            clip.mux(sound.encode(_tone(sound, block, start)))
        if sound:
            clip.mux(sound.encode(None))
    return path


def _tone(stream, block, start):
    rng = np.random.default_rng(block)
    wave = rng.integers(-3000, 3000, (1, 960), dtype=np.int16)
    frame = av.AudioFrame.from_ndarray(wave, format="s16", layout="mono")
    frame.sample_rate = 48000
    frame.pts = block * 960 + int(start * 48000)
    frame.time_base = Fraction(1, 48000)
    return frame
