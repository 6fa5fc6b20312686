"""High dynamic range is refused: read as ordinary video it would come out gray and flat."""

from __future__ import annotations

from rimlight.core.errors import SourceOpenError
from rimlight.system.av import av

# ITU-T H.273 table 3: transfer characteristics that only HDR pictures have.
_HDR = {16: "PQ, as in HDR10 and Dolby Vision", 18: "HLG"}


def refuse_hdr(first: av.VideoFrame, name: str) -> None:
    """Check that a stream whose first picture is `first` has ordinary brightness.

    Raises:
        SourceOpenError: it declares an HDR transfer curve.
    """
    curve = _HDR.get(int(first.color_trc))
    if curve is not None:
        raise SourceOpenError(
            f"{name} is HDR ({curve}), which cannot be processed",
            hint="tone-map it first: ffmpeg -i IN -vf zscale=t=linear:npl=100,tonemap=hable,"
            "zscale=p=bt709:t=bt709:m=bt709:r=tv,format=yuv420p OUT.mp4",
        )
