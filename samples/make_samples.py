"""Makes the files of this folder: `python samples/make_samples.py [FOLDER]`.

Needs rimlight's own packages and scikit-image 0.25, whose wheel carries the two NASA pictures
(`pip install "scikit-image==0.25.2"`); nothing is downloaded when it runs. Every number is drawn
from a fixed seed and the encoder uses one thread: the same versions make the same bytes.
After a change, write the sums that it prints into README.md.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage import data

from rimlight.imaging.color import bgr_to_i420
from rimlight.system.av import av

Picture = NDArray[np.uint8]
Color = tuple[int, int, int]

RATE = 30
PORTRAIT_SIZE, PORTRAIT_FRAMES = (960, 540), 150
ROAD_SIZE, ROAD_FRAMES = (640, 360), 120
SOUND_RATE = 48_000
HORIZON, ROAD_CENTER = 140, 320  # pixels of the road picture


def main() -> None:
    """Write every sample into the folder named on the command line, or beside this script."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    folder.mkdir(parents=True, exist_ok=True)
    write_video(folder / "portrait.mp4", portrait_frames(), crf=22, sound=tone(PORTRAIT_FRAMES))
    write_video(folder / "road.mp4", road_frames(), crf=26)
    cv2.imwrite(str(folder / "background.jpg"), background(), [cv2.IMWRITE_JPEG_QUALITY, 85])
    for name in ("portrait.mp4", "road.mp4", "background.jpg"):
        content = (folder / name).read_bytes()
        print(f"{hashlib.sha256(content).hexdigest()}  {name}  {len(content)} bytes")


# --- portrait: a still picture seen through a handheld camera ---


def portrait_frames() -> Iterable[Picture]:
    """Yield the portrait, framed like a webcam's picture, as uint8 (540, 960, 3) BGR."""
    portrait = cv2.cvtColor(data.astronaut(), cv2.COLOR_RGB2BGR)
    noise = np.random.default_rng(1992)
    for index in range(PORTRAIT_FRAMES):
        view = handheld_view(index / RATE)
        # The picture is mirrored past its border: a tilted view may reach a few pixels over it.
        frame = cv2.warpAffine(
            portrait,
            view,
            PORTRAIT_SIZE,
            flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REFLECT_101,
        )
        grain = noise.normal(0, 1.5, frame.shape[:2])[..., None]
        yield np.clip(frame + grain, 0, 255).astype(np.uint8)


def handheld_view(time_s: float) -> NDArray[np.float64]:
    """Return the (2, 3) map from a frame's pixels to the portrait's at `time_s`.

    Each motion is a sum of two sines whose periods do not fit each other, so it never repeats.
    """
    x = 238 + 7 * np.sin(1.3 * time_s) + 2 * np.sin(4.7 * time_s + 1)
    y = 138 + 4 * np.sin(1.7 * time_s + 2) + 1.5 * np.sin(5.3 * time_s)
    angle = np.radians(0.8 * np.sin(1.1 * time_s) + 0.3 * np.sin(3.9 * time_s + 2))
    width = 470 + 10 * np.sin(0.9 * time_s)
    scale = width / PORTRAIT_SIZE[0]
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    center = np.array([PORTRAIT_SIZE[0] / 2, PORTRAIT_SIZE[1] / 2])
    return np.column_stack([turn, np.array([x, y]) - turn @ center])


def tone(frames: int) -> NDArray[np.int16]:
    """Return a quiet chord that swells and fades, as long as `frames`, int16 (1, samples)."""
    time_s = np.arange(frames * SOUND_RATE // RATE) / SOUND_RATE
    chord = sum(np.sin(2 * np.pi * pitch * time_s) for pitch in (220.0, 277.2, 329.6))
    swell = 0.5 - 0.5 * np.cos(2 * np.pi * time_s / time_s[-1])
    return (600 * swell * chord).astype(np.int16)[None]


def background() -> Picture:
    """Return the middle of Hubble's deep field as uint8 (540, 960, 3) BGR."""
    picture = cv2.cvtColor(data.hubble_deep_field(), cv2.COLOR_RGB2BGR)
    width, height = PORTRAIT_SIZE
    top, left = (picture.shape[0] - height) // 2, (picture.shape[1] - width) // 2
    return picture[top : top + height, left : left + width]


# --- road: a drawn scene ---


def road_frames() -> Iterable[Picture]:
    """Yield a drive along a straight drawn road as uint8 (360, 640, 3) BGR."""
    noise = np.random.default_rng(7)
    texture = noise.normal(0, 4, (ROAD_SIZE[1], ROAD_SIZE[0], 1))
    for index in range(ROAD_FRAMES):
        traveled_m = 14 * index / RATE
        frame = landscape()
        draw_road(frame, traveled_m)
        draw_roadside(frame, traveled_m)
        draw_car(frame, -3.6, 90 - 1.6 * traveled_m, paint=(150, 90, 30), lights=(210, 250, 255))
        draw_car(frame, 0.0, 16 + 5 * np.sin(index / 40), paint=(40, 40, 170), lights=(40, 40, 230))
        frame = cv2.GaussianBlur(frame, (0, 0), 0.7)  # drawn edges are harder than a lens's
        yield np.clip(frame + np.roll(texture, 5 * index, axis=0), 0, 255).astype(np.uint8)


def ground(side_m: float, distance_m: float, height_m: float = 0.0) -> tuple[int, int]:
    """Return the pixel of a point: `side_m` right of our lane's middle, `height_m` up.

    A pinhole camera 1.4 m over the road with a focal length of 420 pixels.
    """
    x = ROAD_CENTER + 420 * side_m / distance_m
    return round(x), round(HORIZON + 420 * (1.4 - height_m) / distance_m)


def landscape() -> Picture:
    """Return sky over meadow, without the road."""
    width, height = ROAD_SIZE
    frame = np.empty((height, width, 3), np.uint8)
    fade = np.linspace(0, 1, HORIZON)[:, None, None]
    frame[:HORIZON] = (1 - fade) * (215, 170, 120) + fade * (240, 230, 215)
    fade = np.linspace(0, 1, height - HORIZON)[:, None, None]
    frame[HORIZON:] = (1 - fade) * (100, 145, 115) + fade * (45, 105, 70)
    hills = [(x, HORIZON - round(14 + 9 * np.sin(x / 70) + 5 * np.sin(x / 23))) for x in range(640)]
    cv2.fillPoly(frame, [np.array([*hills, (639, HORIZON), (0, HORIZON)])], (130, 140, 110))
    return frame


def draw_road(frame: Picture, traveled_m: float) -> None:
    """Draw asphalt of two lanes, its edges, and the dashes between the lanes, 3 m in every 9 m."""
    band(frame, (-6.0, 2.4), (1.5, 400), (88, 86, 84))
    band(frame, (-5.7, -5.55), (1.5, 400), (225, 225, 225))
    band(frame, (1.95, 2.1), (1.5, 400), (225, 225, 225))
    for number in range(14):
        near = 9 * number - traveled_m % 9
        if near + 3 > 1.5:
            band(frame, (-1.88, -1.73), (max(near, 1.5), near + 3), (235, 235, 235))


def band(
    frame: Picture, sides_m: tuple[float, float], reach_m: tuple[float, float], paint: Color
) -> None:
    """Fill a rectangle on the ground, from side to side and from its near end to its far one."""
    (left, right), (near, far) = sides_m, reach_m
    corners = [(left, near), (right, near), (right, far), (left, far)]
    cv2.fillPoly(frame, [np.array([ground(*corner) for corner in corners])], paint)


def draw_roadside(frame: Picture, traveled_m: float) -> None:
    """Draw trees every 12 m on the left and 15 m on the right, the far ones first."""
    for side_m, every_m in ((-9.0, 12), (6.5, 15)):
        for number in range(9, 0, -1):
            draw_tree(frame, side_m, number * every_m - traveled_m % every_m)


def draw_tree(frame: Picture, side_m: float, distance_m: float) -> None:
    foot, crown = ground(side_m, distance_m), ground(side_m, distance_m, 4.5)
    thick = max(1, round(130 / distance_m))
    cv2.line(frame, foot, crown, (40, 62, 84), thick)
    for up_m, size_m, paint in ((3.8, 1.7, (38, 84, 48)), (5.0, 1.3, (48, 104, 62))):
        middle = ground(side_m, distance_m, up_m)
        cv2.circle(frame, middle, round(420 * size_m / distance_m), paint, cv2.FILLED)


def draw_car(
    frame: Picture, side_m: float, distance_m: float, *, paint: Color, lights: Color
) -> None:
    """Draw a car and its shadow; nothing when it is behind the camera."""
    if distance_m < 4:
        return
    shadow = (side_m - 1.0, side_m + 1.0), (distance_m - 0.4, distance_m + 3)
    band(frame, *shadow, (48, 47, 46))
    for left, top, right, bottom, color in (
        (-0.85, 0.4, -0.6, 0.0, (25, 25, 25)),  # tyres
        (0.6, 0.4, 0.85, 0.0, (25, 25, 25)),
        (-0.9, 0.95, 0.9, 0.25, paint),
        (-0.72, 1.45, 0.72, 0.95, paint),
        (-0.62, 1.38, 0.62, 0.98, (90, 75, 60)),  # window
        (-0.86, 0.85, -0.6, 0.68, lights),
        (0.6, 0.85, 0.86, 0.68, lights),
        (-0.25, 0.62, 0.25, 0.5, (235, 235, 235)),  # number plate
    ):
        corner = ground(side_m + left, distance_m, top)
        opposite = ground(side_m + right, distance_m, bottom)
        cv2.rectangle(frame, corner, opposite, color, cv2.FILLED)


# --- encoding ---


def write_video(
    path: Path, frames: Iterable[Picture], *, crf: int, sound: NDArray[np.int16] | None = None
) -> None:
    """Encode BGR pictures with H.264, and `sound` with AAC where there is some."""
    with av.open(str(path), "w", options={"movflags": "+faststart"}) as out:
        out.flags |= av.container.Flags.bitexact.value
        audio = out.add_stream("aac", rate=SOUND_RATE, layout="mono") if sound is not None else None
        video = None
        for index, bgr in enumerate(frames):
            video = video or add_video(out, bgr, crf)
            frame = av.VideoFrame.from_ndarray(bgr_to_i420(bgr), "yuv420p")
            frame.pts, frame.time_base = index, Fraction(1, RATE)
            out.mux(video.encode(frame))
        out.mux(video.encode(None))
        if audio is not None:
            write_sound(out, audio, sound)


def add_video(out: av.container.OutputContainer, bgr: Picture, crf: int) -> av.VideoStream:
    # x264's result depends on its threads, and with its macroblock tree it differs between runs.
    options = {"crf": str(crf), "preset": "slow", "x264-params": "mbtree=0"}
    stream = out.add_stream("libx264", rate=RATE, options=options)
    stream.height, stream.width = bgr.shape[:2]
    stream.pix_fmt, stream.thread_count = "yuv420p", 1
    return stream


def write_sound(
    out: av.container.OutputContainer, audio: av.AudioStream, sound: NDArray[np.int16]
) -> None:
    for start in range(0, sound.shape[1], 1024):
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(sound[:, start : start + 1024]), "s16", "mono"
        )
        frame.sample_rate, frame.pts = SOUND_RATE, start
        out.mux(audio.encode(frame))
    out.mux(audio.encode(None))


if __name__ == "__main__":
    main()
