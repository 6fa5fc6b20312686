"""Writes small videos with known pictures and known times, for tests."""

from fractions import Fraction

import numpy as np

from rimlight.system.av import av

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
    color=None,
    title=None,
    transfer=None,
):
    """Write one picture for each of `stamps` (milliseconds); lossless unless `codec` says not."""
    with av.open(str(path), "w", options=container_options or {}) as out:
        if title:
            out.metadata["title"] = title
        stream = out.add_stream(codec, rate=25, options=options or {})
        stream.width, stream.height, stream.pix_fmt = *size, pix_fmt
        stream.codec_context.time_base = TICK
        if color:
            stream.codec_context.colorspace, stream.codec_context.color_range = color
        if transfer:
            stream.codec_context.color_trc = transfer
        if aspect:
            stream.codec_context.sample_aspect_ratio = aspect
        if rotation is not None:
            stream.set_display_rotation(rotation, hflip=mirrored)
        for index, stamp in enumerate(stamps):
            frame = picture(index, size, pix_fmt)
            frame.pts, frame.time_base = stamp, TICK
            if color:
                frame.colorspace, frame.color_range = color
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


SEE_THROUGH = [
    ("a.mov", "prores_ks", "yuva444p10le"),
    ("q.mov", "qtrle", "argb"),
    ("p.mov", "png", "rgba"),
    ("v8.webm", "libvpx", "yuva420p"),
    ("v9.webm", "libvpx-vp9", "yuva420p"),
    ("f.mkv", "ffv1", "yuva420p"),
    ("g.gif", "gif", "pal8"),
]
"""Film files that can hold transparency: (name, encoder, pixel format)."""


def write_half_transparent(path, *, codec, pix_fmt, count=4, size=(64, 48)):
    """Write a film whose left half is transparent over red, and whose right half is opaque blue."""
    bgra = np.zeros((size[1], size[0], 4), np.uint8)
    bgra[:, : size[0] // 2] = (0, 0, 255, 0)
    bgra[:, size[0] // 2 :] = (255, 0, 0, 255)
    options = {"auto-alt-ref": "0"} if codec.startswith("libvpx") else {}
    with av.open(str(path), "w") as out:
        stream = out.add_stream(codec, rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = *size, pix_fmt
        if codec.startswith("libvpx"):
            stream.metadata["alpha_mode"] = "1"
        for index in range(count):
            frame = _as(bgra, pix_fmt)
            frame.pts, frame.time_base = index, Fraction(1, 25)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


def _as(bgra, pix_fmt):
    if pix_fmt != "pal8":
        return av.VideoFrame.from_ndarray(bgra, "bgra").reformat(format=pix_fmt)
    palette = np.zeros((256, 4), np.uint8)  # ARGB
    palette[1] = (255, 0, 0, 255)
    return av.VideoFrame.from_ndarray(((bgra[..., 3] > 0).astype(np.uint8), palette), "pal8")


def packet_times(path):
    """The presentation times that the container gives its packets, sorted."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stamps = [p.pts for p in container.demux(stream) if p.pts is not None]
        return [stamp * stream.time_base for stamp in sorted(stamps)]
