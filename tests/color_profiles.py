"""A color profile other than sRGB, for tests."""

import struct

from PIL import ImageCms


def wide_profile():
    """The sRGB profile with its red, green and blue moved out to those of Adobe RGB."""
    data = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    corners = {
        b"rXYZ": (0.60974, 0.31111, 0.01947),
        b"gXYZ": (0.20528, 0.62567, 0.06087),
        b"bXYZ": (0.14919, 0.06322, 0.74457),
    }
    for name, place in corners.items():
        at = struct.unpack_from(">I", data, data.find(name, 128) + 4)[0]
        data[at + 8 : at + 20] = b"".join(struct.pack(">i", round(v * 65536)) for v in place)
    return bytes(data)
