"""The backgrounds that the panel offers: pictures of a few folders, known to the page by number."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2

from rimlight.imaging.geometry import fit_image
from rimlight.imaging.image_files.read import read_image_file
from rimlight.system.folders import list_files

MAX_ITEMS = 200
THUMBNAIL_SIZE = (240, 135)
_MAX_FILE_BYTES = 64 << 20
_MAX_THUMBNAILS = 256


@dataclass(frozen=True, slots=True)
class GalleryItem:
    """A picture that can stand behind the person.

    Attributes:
        id: what the page calls it; tells nothing of its path.
        path: of the file.
    """

    id: str
    path: Path


class Gallery:
    """Lists the pictures of some folders, and makes thumbnails of them.

    Args:
        folders: in this order; one that cannot be read is skipped.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = tuple(folders)
        self._items: dict[str, GalleryItem] = {}
        self._thumbnails: OrderedDict[tuple[str, int], bytes] = OrderedDict()

    def list_items(self, also: Iterable[Path] = ()) -> list[GalleryItem]:
        """Return the pictures that are there now, at most `MAX_ITEMS`.

        Args:
            also: more folders, such as that of the current background.
        """
        paths: dict[Path, None] = {}
        for folder in (*self._folders, *also):
            paths.update(dict.fromkeys(_list_pictures(folder)))
        items = [GalleryItem(_make_id(path), path) for path in list(paths)[:MAX_ITEMS]]
        self._items.update({item.id: item for item in items})
        return items

    def find(self, item_id: str) -> GalleryItem | None:
        """Return the item of that id, None if it was never listed."""
        return self._items.get(item_id)

    def add(self, path: Path) -> GalleryItem:
        """Return the item of a picture that was just added to one of the folders."""
        item = GalleryItem(_make_id(path), path.resolve())
        self._items[item.id] = item
        return item

    def find_path(self, path: str) -> GalleryItem | None:
        """Return the item of that file, None if it was never listed."""
        return self._items.get(_make_id(Path(path)))

    def make_thumbnail(self, item: GalleryItem) -> bytes:
        """Return a JPEG of `THUMBNAIL_SIZE`.

        Raises:
            OSError: the file cannot be read, or is larger than a background should be.
            ValueError: it holds no picture.
        """
        status = item.path.stat()
        if status.st_size > _MAX_FILE_BYTES:
            raise ValueError("the file is too large for a thumbnail")
        key = item.id, status.st_mtime_ns
        if key not in self._thumbnails:
            bgr = fit_image(read_image_file(item.path).bgr, THUMBNAIL_SIZE, mode="fill")
            _, jpeg = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, 80])
            self._thumbnails[key] = jpeg.tobytes()
            while len(self._thumbnails) > _MAX_THUMBNAILS:
                self._thumbnails.popitem(last=False)
        return self._thumbnails[key]


def _list_pictures(folder: Path) -> list[Path]:
    try:
        return [path.resolve() for path in list_files(folder)]
    except OSError:
        return []


def _make_id(path: Path) -> str:
    return hashlib.sha256(str(path.resolve()).encode(errors="surrogateescape")).hexdigest()[:16]
