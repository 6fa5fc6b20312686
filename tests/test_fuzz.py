"""Files of others, damaged at random: nothing but a RimlightError comes out of any reader.

RIMLIGHT_FUZZ is the number of damaged files of each kind (default 300); a failure names the seed.
"""

import contextlib
import json
import os
import random
import resource
import socket
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from clip_maker import write_video
from PIL import Image

from rimlight import open_source
from rimlight.batch.manifest import Manifest
from rimlight.core.config import read_yaml
from rimlight.core.errors import RimlightError
from rimlight.core.model_card import load_card
from rimlight.live.control_socket import ControlServer
from rimlight.road.gpx import read_gpx
from rimlight.sinks.video.segment_index import SegmentIndex, get_index_folder
from rimlight.system.app_paths import find_data_folder

pytestmark = pytest.mark.slow

COUNT = int(os.environ.get("RIMLIGHT_FUZZ", "300"))
LONGEST_S = 20  # of processor time, for one file
MOST_MB = 700  # more than the peak of what ran before: decoders of large pictures take some

GPX = """<?xml version="1.0" encoding="UTF-8"?>
<gpx version="1.1" xmlns="http://www.topografix.com/GPX/1/1"><trk><trkseg>
<trkpt lat="47.3769" lon="8.5417"><ele>400</ele><time>2026-05-01T10:15:00Z</time></trkpt>
<trkpt lat="47.3770" lon="8.5418"><ele>401</ele><time>2026-05-01T10:15:01Z</time></trkpt>
</trkseg></trk></gpx>
"""
CONFIG = "source: {kind: video, path: a.mp4, stride: 2}\nsinks:\n- {kind: video, path: o.mp4}\n"
MANIFEST = (
    '{"source": "a.mp4", "target": "o.mp4", "state": "done", "identity": "x", "settings": "y"}\n'
)
STATE = {"run": "r", "complete": False, "segments": [{"name": "00000000.mkv", "start": "0"}]}

NASTY = [b"\x00" * 4, b"\xff" * 4, b"\x7f\xff\xff\xff", b"\x80\x00\x00\x00", b"99999999999", b"-1"]
NASTY += [b"NaN", b"[" * 200, b"{", b'"', b"<", b"&a *a", b"\xe9", b"../", b"\n", b"null", b"1e999"]


def make_pictures(to):
    noise = np.random.default_rng(1).integers(0, 255, (24, 32, 4), np.uint8)
    for suffix in (".png", ".jpg", ".webp", ".bmp", ".tif"):
        cv2.imwrite(str(to / f"a{suffix}"), noise[..., : 3 + (suffix == ".png")])
    cv2.imwrite(str(to / "gray.png"), noise[..., 0])
    cv2.imwrite(str(to / "deep.png"), noise[..., 0].astype(np.uint16) * 256)
    exif = Image.Exif()
    exif[0x112], exif[0x110], exif[0x11A], exif[0x128] = 6, "Phone", 72.0, 2
    whole = Image.fromarray(noise)
    whole.convert("RGB").save(to / "exif.jpg", exif=exif, icc_profile=b"\0" * 128)
    whole.convert("CMYK").save(to / "cmyk.jpg")
    whole.convert("LA").save(to / "la.tif")
    frames = [whole.convert("RGB").rotate(90 * n) for n in range(3)]
    for name in ("a.gif", "moving.png", "moving.webp"):
        frames[0].save(to / name, save_all=True, append_images=frames[1:], duration=40)
    return sorted(to.iterdir())


def make_videos(to):
    stamps = range(0, 160, 40)
    write_video(to / "a.mkv", stamps=stamps)
    write_video(to / "a.mp4", stamps=stamps, codec="libx264")
    write_video(to / "b.mov", stamps=stamps, codec="prores_ks", pix_fmt="yuv422p10le")
    write_video(to / "a.avi", stamps=stamps, codec="mjpeg", pix_fmt="yuvj420p")
    write_video(to / "a.ts", stamps=stamps, codec="libx264")
    write_video(to / "a.webm", stamps=stamps, codec="libvpx")
    return sorted(to.iterdir())


def make_texts(name, text):
    def make(to):
        (to / name).write_text(text)
        return [to / name]

    return make


def damage(content, chance):
    """Return `content` with a few random faults: bytes, pieces cut, doubled, moved or replaced."""
    data = bytearray(content)
    for _ in range(chance.choice((1, 1, 2, 4, 16))):
        at = chance.randrange(len(data) + 1)
        length = chance.choice((1, 2, 4, 16, 256))
        how = chance.randrange(6)
        if how == 0 and at < len(data):
            data[at] ^= 1 << chance.randrange(8)
        elif how == 1:
            del data[at : at + length]
        elif how == 2:
            data[at:at] = data[at : at + length]
        elif how == 3:
            data[at : at + length] = chance.choice(NASTY)
        elif how == 4:
            data[at : at + length] = chance.randbytes(length)
        elif chance.random() < 0.3:
            del data[at:]
    return bytes(data)


def read_frames(path):
    with contextlib.closing(open_source(str(path))) as source:
        for index, _ in enumerate(source):
            if index > 50:
                break


def read_journal(path):
    result = path.with_name("o.mkv")
    get_index_folder(result).mkdir(exist_ok=True)
    (get_index_folder(result) / "state.json").write_bytes(path.read_bytes())
    SegmentIndex(result, "r").close()


def read_manifest(path):
    path.replace(path.with_name("manifest.jsonl"))
    Manifest(path.parent)


def ask_run(path):
    """Send a file's bytes to a live run's control socket, as any program of the user can."""
    place = path.with_name("s")
    control = ControlServer(place, lambda words: pytest.fail(f"{words} are no words to a run"))
    try:
        with socket.socket(socket.AF_UNIX) as talk:
            talk.connect(str(place))
            talk.sendall(path.read_bytes()[:4000])
            control.poll()
            control.poll()
    finally:
        control.close()


KINDS = {
    "pictures": (make_pictures, read_frames),
    "videos": (make_videos, read_frames),
    "config": (make_texts("a.yaml", CONFIG), read_yaml),
    "card": (
        make_texts("a.yaml", (find_data_folder("models") / "selfie.yaml").read_text()),
        load_card,
    ),
    "gpx": (make_texts("a.gpx", GPX), read_gpx),
    "journal": (make_texts("a.json", json.dumps(STATE)), read_journal),
    "manifest": (make_texts("a.jsonl", MANIFEST), read_manifest),
    "control": (make_texts("a.txt", '{"command": 3}\n'), ask_run),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_file_gives_an_error_of_ours_or_its_content(kind, tmp_path):
    make, read = KINDS[kind]
    before = find_peak_mb()
    (tmp_path / "whole").mkdir()
    corpus = [(path.suffix, path.read_bytes()) for path in make(tmp_path / "whole")]
    for seed in range(COUNT):
        chance = random.Random(f"{kind} {seed}")
        suffix, content = chance.choice(corpus)
        path = Path(tmp_path, f"damaged{suffix}")
        path.write_bytes(damage(content, chance))
        started = time.process_time()
        with contextlib.suppress(RimlightError):
            try:
                read(path)
            except RimlightError:
                raise
            except Exception as exc:
                raise AssertionError(f"{kind}, seed {seed}: {exc!r}") from exc
        assert time.process_time() - started < LONGEST_S, f"{kind}, seed {seed} takes too long"
    grown = find_peak_mb() - before
    assert grown < MOST_MB, f"{kind}: {grown:.0f} MB more"


def find_peak_mb():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
