"""Peak memory of one `process` job: python tests/bench/bench_memory.py [SECONDS...] [-- FLAGS...]

Makes a 1920x1080 video of each length out of the shipped sample, runs the command line on it in a
process of its own, and prints the most memory that ever was resident. The bar is 400 MB, and the
same for every length. FLAGS replace `-b white`: for instance `-- -b none --look-ahead 20`.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory

from rimlight.system import app_paths
from rimlight.system.av import av

SIZE = (1920, 1080)
RATE = 30
BAR_MB = 400


def make_video(path: Path, seconds: int) -> None:
    """Write the sample enlarged, over and over."""
    sample = app_paths.find_data_folder("samples") / "portrait.mp4"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=RATE, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        count = 0
        while count < seconds * RATE:
            with av.open(str(sample)) as container:
                for frame in container.decode(video=0):
                    large = frame.reformat(*SIZE, format="yuv420p")
                    large.pts, large.time_base = count, Fraction(1, RATE)
                    out.mux(stream.encode(large))
                    count += 1
                    if count == seconds * RATE:
                        break
        out.mux(stream.encode(None))


def peak_mb(source: Path, flags: Sequence[str]) -> float:
    """Run `rimlight process` on `source`; return its peak resident memory."""
    target = source.with_name("out.mov" if "none" in flags else "out.mp4")
    command = [sys.executable, "-m", "rimlight", "process", str(source), "-o", str(target), "-q"]
    running = subprocess.Popen([*command, "--overwrite", *flags])
    _, status, usage = os.wait4(running.pid, 0)
    running.returncode = os.waitstatus_to_exitcode(status)
    if running.returncode:
        raise SystemExit(running.returncode)
    return usage.ru_maxrss * 1024 / 1e6


def main(arguments: Sequence[str]) -> None:
    """Measure each length and print a line for it."""
    cut = arguments.index("--") if "--" in arguments else len(arguments)
    flags = list(arguments[cut + 1 :]) or ["-b", "white"]
    for seconds in [int(text) for text in arguments[:cut]] or [10, 60]:
        with TemporaryDirectory() as folder:
            source = Path(folder) / "in.mp4"
            make_video(source, seconds)
            print(f"{seconds} s: {peak_mb(source, flags):.0f} MB (bar {BAR_MB})", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
