"""Measures what an open panel costs a live run, and how it bears 200 slow clients.

    python tests/bench/panel_cost.py                        # 5 rounds of 8 s, 720p, blur
    python tests/bench/panel_cost.py CLIP.mp4 --rounds 10
    python tests/bench/panel_cost.py --browser            # and the time of a first use

One run, watched and unwatched in turn: the CPU time of its process for each frame, so that
the load of the machine falls on both. The viewer asks for pictures as fast as the panel gives them
(15 a second) and once a second for the status, as the page does; it is a process of its own.
"""

import argparse
import http.client
import os
import socket
import statistics
import sys
import tempfile
import time
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from live_program import Program

TICKS = os.sysconf("SC_CLK_TCK")


def look_on(port, cookie, pictures):
    """Be a page of the panel for ever; count the pictures."""
    link = http.client.HTTPConnection("127.0.0.1", port)
    headers, number, asked_at = {"Cookie": cookie}, "0", 0.0
    while True:
        if time.monotonic() - asked_at > 1:
            asked_at = time.monotonic()
            link.request("GET", "/status", headers=headers)
            link.getresponse().read()
        link.request("GET", f"/picture?after={number}", headers=headers)
        answer = link.getresponse()
        number = answer.headers["X-Number"]
        answer.read()
        pictures.value += 1


@contextmanager
def watching(url):
    """Look at the panel in another process while the block lasts; yield the count of pictures."""
    port, token = int(url.split(":")[2].partition("/")[0]), url.rpartition("/")[2]
    context = get_context("spawn")
    pictures = context.Value("i", 0)
    cookie = f"rimlight-{port}={token}"
    viewer = context.Process(target=look_on, args=(port, cookie, pictures), daemon=True)
    viewer.start()
    try:
        while not pictures.value:
            time.sleep(0.05)
        yield pictures
    finally:
        viewer.kill()
        viewer.join()


def read_cpu_s(pid):
    """Return the CPU time of a process, in seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def find_pid(program):
    """Return the process of the run."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (entry / "environ").exists():
            try:
                if f"XDG_RUNTIME_DIR={program.folder}/run" in (entry / "environ").read_text():
                    return int(entry.name)
            except OSError:
                continue
    raise SystemExit("the run is gone")


def measure(program, pid, seconds):
    """Return (CPU milliseconds a frame, frames a second) over some seconds."""
    frames = program.control("status")["status"]["frames"]
    cpu, start = read_cpu_s(pid), time.monotonic()
    time.sleep(seconds)
    made = program.control("status")["status"]["frames"] - frames
    return (read_cpu_s(pid) - cpu) * 1000 / made, made / (time.monotonic() - start)


def measure_viewer(program, pid, url, rounds, seconds):
    """Print what a viewer costs."""
    alone, watched, rates = [], [], []
    for _ in range(rounds):
        alone.append(measure(program, pid, seconds)[0])
        with watching(url) as pictures:
            before, start = pictures.value, time.monotonic()
            watched.append(measure(program, pid, seconds)[0])
            rates.append((pictures.value - before) / (time.monotonic() - start))
    extra = statistics.median(w / a - 1 for w, a in zip(watched, alone, strict=True))
    print(f"CPU a frame: {statistics.median(alone):.2f} ms alone, ", end="")
    print(
        f"{statistics.median(watched):.2f} ms watched at {statistics.median(rates):.1f} fps: ",
        end="",
    )
    print(f"{extra:+.1%} (median of {rounds} pairs)")


def measure_slow_clients(program, pid, url, seconds):
    """Print the rate with and without 200 clients that send nothing, or read nothing."""
    port = int(url.split(":")[2].partition("/")[0])
    alone = measure(program, pid, seconds)[1]
    slow = []
    for index in range(200):
        client = socket.create_connection(("127.0.0.1", port))
        client.sendall(b"GET /picture HTTP/1.1\r\nX: " if index % 2 else b"G")
        slow.append(client)
    with watching(url) as pictures:
        before = pictures.value
        held = measure(program, pid, seconds)[1]
        shown = pictures.value - before
    for client in slow:
        client.close()
    print(f"rate: {alone:.2f} fps alone, {held:.2f} fps with 200 slow clients, ", end="")
    print(f"while a viewer got {shown / seconds:.1f} pictures a second")


def measure_first_use(url):
    """Print the seconds from the panel's address to a changed background in chromium."""
    from playwright.sync_api import sync_playwright
    from web.browser import IS_CORNER, need_browser

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=need_browser(), args=["--no-sandbox"])
        for _ in range(5):
            page = browser.new_context().new_page()
            start = time.monotonic()
            page.goto(url)
            page.get_by_role("button", name="Color #d9cab3").click()
            page.wait_for_function(IS_CORNER, arg=[217, 202, 179])
            print(f"first use: {time.monotonic() - start:.2f} s")
            page.get_by_role("button", name="Color #1f2933").click()
            page.wait_for_function(IS_CORNER, arg=[31, 41, 51])
            page.context.close()
        browser.close()


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("clip", nargs="?", help="720p; default: the test pattern")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--browser", action="store_true", help="time a first use in chromium too")
    given = parser.parse_args()
    source = (
        [str(Path(given.clip).resolve()), "--loop"] if given.clip else ["test-pattern:1280x720"]
    )
    with tempfile.TemporaryDirectory() as folder:
        program = Program(Path(folder))
        words = (
            "--source",
            *source,
            "--sink",
            "null",
            "--panel",
            "--panel-port",
            "0",
            "--blur",
            "20",
        )
        with program.start("live", *words) as url:
            pid = find_pid(program)
            time.sleep(3)
            measure_viewer(program, pid, url, given.rounds, given.seconds)
            measure_slow_clients(program, pid, url, given.seconds)
            if given.browser:
                measure_first_use(url)


if __name__ == "__main__":
    main()
