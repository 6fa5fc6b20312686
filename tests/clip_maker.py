"""Writes small videos with known pictures and known times, for tests."""

from fractions import Fraction

import numpy as np

from rimlight.libav import av

TICK = Fraction(1, 1000)


def planes_of(index, size):
    """Y, U and V of picture `index`: gradients, so that shifts, turns and padding show."""
    width, height = size
    half = ((height + 1) // 2, (width + 1) // 2)
    luma = np.add.outer(np.arange(height) * 2, np.arange(width)) + index * 5
    chroma = np.add.outer(np.arange(half[0]), np.arange(half[1]) * 2)
    return [
        plane.astype(np.uint8) for plane in (16 + luma % 200, 60 + chroma % 90, 180 - chroma % 90)
    ]


def picture(index, size, pix_fmt="yuv420p"):
    frame = av.VideoFrame(*size, "yuv420p")
    for plane, values in zip(frame.planes, planes_of(index, size), strict=True):
        rows = np.zeros((plane.buffer_size // plane.line_size, plane.line_size), np.uint8)
        rows[: plane.height, : plane.width] = values
        plane.update(rows.tobytes())
    return frame if pix_fmt == "yuv420p" else frame.reformat(format=pix_fmt)


def write_video(
    path,
    *,
    size=(64, 48),
    stamps=range(0, 400, 40),
    codec="ffv1",
    pix_fmt="yuv420p",
    options=None,
    container_options=None,
    rotation=None,
    mirrored=False,
    aspect=None,
    colour=None,
    title=None,
):
    """Write one picture for each of `stamps` (milliseconds); lossless unless `codec` says not."""
    with av.open(str(path), "w", options=container_options or {}) as out:
        if title:
            out.metadata["title"] = title
        stream = out.add_stream(codec, rate=25, options=options or {})
        stream.width, stream.height, stream.pix_fmt = *size, pix_fmt
        stream.codec_context.time_base = TICK
        if colour:
            stream.codec_context.colorspace, stream.codec_context.color_range = colour
        if aspect:
            stream.codec_context.sample_aspect_ratio = aspect
        if rotation is not None:
            stream.set_display_rotation(rotation, hflip=mirrored)
        for index, stamp in enumerate(stamps):
            frame = picture(index, size, pix_fmt)
            frame.pts, frame.time_base = stamp, TICK
            if colour:
                frame.colorspace, frame.color_range = colour
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


def packet_times(path):
    """The presentation times that the container gives its packets, sorted."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stamps = [p.pts for p in container.demux(stream) if p.pts is not None]
        return [stamp * stream.time_base for stamp in sorted(stamps)]
