"""What a video file holds, read back with PyAV."""

import hashlib

from rimlight.system.av import av


def decoded(path):
    """A hash of every picture, with its time."""
    with av.open(str(path)) as clip:
        return [
            (p.pts * p.time_base, hashlib.md5(p.to_ndarray(format="yuv420p")).hexdigest())
            for p in clip.decode(video=0)
        ]


def frame_times(path):
    with av.open(str(path)) as clip:
        packets = clip.demux(clip.streams.video[0])
        return sorted(p.pts * p.time_base for p in packets if p.size)


def sound_packets(path):
    with av.open(str(path)) as clip:
        if not clip.streams.audio:
            return []
        packets = clip.demux(clip.streams.audio[0])
        return [(p.pts * p.time_base, bytes(p)) for p in packets if p.size]
