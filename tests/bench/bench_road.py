"""What a report of a long drive costs: python tests/bench/bench_road.py [MINUTES] [MODEL].

Makes a 720p drive of so many minutes (10) by repeating the highway clip of the shared folder. Then
runs `rimlight road --report` on it, and a bare loop that only decodes and runs the model, each in a
process of its own. Prints peak memory, wall clock and CPU time of both, and their ratio. The bars:
500 MB, and 1.2 times decoding plus inference.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

from rimlight import open_segmenter, open_source
from rimlight.system import app_paths
from rimlight.system.av import av

SIZE = (1280, 720)
CLIP = "road-highway-540p.mp4"
MOST_MB, MOST_RATIO = 500, 1.2


def make_drive(clip: Path, path: Path, minutes: float) -> int:
    """Encode `clip` once at 720p and repeat its packets; return the number of frames."""
    once = path.with_name("once.mp4")
    with av.open(str(clip)) as source, av.open(str(once), "w") as out:
        stream = out.add_stream("libx264", rate=25, options={"preset": "veryfast", "bf": "0"})
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        for frame in source.decode(video=0):
            larger = frame.reformat(*SIZE)
            larger.pts = None
            out.mux(stream.encode(larger))
        out.mux(stream.encode(None))
    with av.open(str(once)) as source, av.open(str(path), "w") as out:
        template = source.streams.video[0]
        packets = [packet for packet in source.demux(template) if packet.dts is not None]
        length = sum(packet.duration for packet in packets)
        rounds = max(1, round(minutes * 60 / float(length * template.time_base)))
        for number in range(rounds):
            source.seek(0)
            stream = out.streams.video[0] if number else out.add_stream_from_template(template)
            for packet in source.demux(template):
                if packet.dts is None:
                    continue
                packet.pts += number * length
                packet.dts += number * length
                packet.stream = stream
                out.mux(packet)
    return len(packets) * rounds


def bare(drive: str, model: str) -> None:
    """Decode and run the model, and nothing else."""
    with closing(open_source(drive)) as source, closing(open_segmenter(model)) as segmenter:
        for frame in source:
            segmenter.segment(frame)


def measured(*command: str) -> tuple[float, float, float]:
    """Run a command to its end; return its wall clock, CPU time and peak memory (s, s, MB)."""
    started = time.monotonic()
    child = subprocess.Popen(command)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise SystemExit(f"{command[:4]} ended with {child.returncode}")
    wall_s = time.monotonic() - started
    return wall_s, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1000


def main() -> None:
    """Make the drive, run both, print."""
    minutes = float(sys.argv[1]) if len(sys.argv) > 1 else 10.0
    model = sys.argv[2] if len(sys.argv) > 2 else "road"
    shared = app_paths.find_shared_folder()
    if shared is None:
        raise SystemExit("needs the shared folder (RIMLIGHT_SHARED)")
    with tempfile.TemporaryDirectory() as folder:
        drive = Path(folder) / "drive.mp4"
        frames = make_drive(shared / "clips" / CLIP, drive, minutes)
        report = ("road", str(drive), "--model", model, "--report", f"{folder}/out", "-q")
        ours = measured(sys.executable, "-m", "rimlight", *report)
        least = measured(sys.executable, __file__, "--bare", str(drive), model)
    print(f"{frames} frames at {SIZE[0]}x{SIZE[1]}, model {model}")
    for name, (wall_s, cpu_s, peak_mb) in (("report", ours), ("decode + model", least)):
        print(f"{name:15} {wall_s:7.1f} s wall {cpu_s:7.1f} s CPU {peak_mb:6.0f} MB peak")
    print(f"ratio           {ours[0] / least[0]:.3f} wall, {ours[1] / least[1]:.3f} CPU")
    good = ours[2] <= MOST_MB and ours[0] <= MOST_RATIO * least[0]
    print("bars: " + ("met" if good else "MISSED"))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--bare"]:
        bare(*sys.argv[2:])
    else:
        main()
