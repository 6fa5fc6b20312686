"""The tracks of a film that no result takes, in words."""

from __future__ import annotations

from collections.abc import Iterator

from rimlight.system.av import av

_TIME_CODE = "time code"


def tracks_left_out(
    container: av.container.InputContainer, chosen: av.VideoStream
) -> tuple[str, ...]:
    """Return what to call each track that is neither `chosen`, nor sound, subtitles or a font.

    A time code that is only a tag counts as a track: muxers make one of it.
    """
    names = list(_named(container, chosen))
    tags = [*container.metadata, *chosen.metadata]
    if _TIME_CODE not in names and any(tag.lower() == "timecode" for tag in tags):
        names.append(_TIME_CODE)
    return tuple(names)


def _named(container: av.container.InputContainer, chosen: av.VideoStream) -> Iterator[str]:
    cover = av.stream.Disposition.attached_pic
    for stream in container.streams:
        if stream is chosen or stream.type in ("audio", "subtitle", "attachment"):
            continue
        if "timecode" in stream.metadata:
            yield _TIME_CODE
        elif stream.type != "video":
            facts = [stream.metadata.get("handler_name", ""), getattr(stream, "name", None) or ""]
            told = next((fact for fact in facts if fact.strip()), "")
            yield f"{stream.type} track" + (f" ({told.strip()})" if told else "")
        elif stream.disposition & cover:
            yield "cover picture"
        elif stream.codec_context is None:
            yield "picture track of an unknown codec"
        else:
            context = stream.codec_context
            assert isinstance(context, av.VideoCodecContext)
            yield f"picture track ({context.name}, {context.width}x{context.height})"
