"""The panel over real HTTP: who is let in, what it shows, and what a page may ask for."""

import re
import socket
import struct
import subprocess
import sys
import threading
import time
import zlib
from contextlib import closing, suppress
from pathlib import Path
from urllib.parse import quote

import cv2
import numpy as np
import pytest
from fakes import make_frame, make_info
from prometheus_client.parser import text_string_to_metric_families
from web.http_client import Browser, speak

from rimlight.core.errors import SinkError
from rimlight.live.command_queue import CommandQueue
from rimlight.sinks.panel import PanelSink
from rimlight.web.guard import Access, Guard
from rimlight.web.server import WebServer, listen

STATUS = {
    "background": "",
    "panic": False,
    "frozen": False,
    "fps": 30.0,
    "state": "live",
    "frames": 90,
    "fallback_frames": 1,
    "repeats": 0,
    "losses": 0,
    "dropped": {'too "late"': 2},
    "errors": {},
    "latency_ms": 8.5,
    "delay_ms": 9.0,
    "mask_age_ms": 0.0,
    "cpu": 0.3,
    "degraded": [],
    "stages": {"segment": 3.0},
}


def execute(words):
    """What a run would do, as far as a page can tell."""
    if words[0] == "status":
        return {"ok": True, "status": dict(STATUS)}
    if words[0] == "choices":
        return {"ok": True, "status": {"profiles": ["calm"], "qualities": ["fast"]}}
    return {"ok": True, "text": " ".join(words)}


VERBS = frozenset({"background", "blur", "choices", "panic", "profile", "status", "stop"})


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("backgrounds")


@pytest.fixture(scope="module")
def data_folder(tmp_path_factory):
    return tmp_path_factory.mktemp("data") / "rimlight" / "backgrounds"


@pytest.fixture(scope="module")
def opened(folder, data_folder):
    options = PanelSink.Options(port=0, backgrounds=folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_DATA_HOME", str(data_folder.parents[1]))
        with closing(PanelSink(options, make_info())) as opened:
            yield opened


@pytest.fixture
def panel(opened):
    opened.accept_commands(CommandQueue(execute, VERBS).submit)
    return opened


@pytest.fixture
def browser(panel):
    return Browser(panel.port, panel.url.rpartition("/")[2])


@pytest.fixture
def stranger(panel):
    return Browser(panel.port)


def decode(jpeg):
    return cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)


def test_the_address_is_exchanged_for_a_cookie_that_no_script_and_no_other_site_gets(
    panel, stranger
):
    answer = stranger.ask(panel.url.removeprefix(f"http://127.0.0.1:{panel.port}"))
    cookie = answer.headers["Set-Cookie"]
    assert (answer.status, answer.headers["Location"]) == (303, "/")
    assert "HttpOnly" in cookie and re.search("samesite=strict", cookie, re.IGNORECASE)
    page = stranger.ask("/", Cookie=cookie.partition(";")[0])
    assert page.status == 200 and b"Cover everything" in page.body


PATHS = ("/", "/picture", "/status", "/choices", "/panel.js", "/thumbnails/x", "/open/", "/open/x")


@pytest.mark.parametrize("path", PATHS)
def test_without_the_token_nothing_is_shown(panel, stranger, path):
    panel.write(make_frame())
    answer = stranger.ask(path)
    assert answer.status == 403 and b"JFIF" not in answer.body
    assert b"rimlight ctl panel" in answer.body


def test_the_token_of_an_earlier_run_is_refused_with_a_way_out(panel):
    answer = Browser(panel.port, "x" * 32).ask("/")
    assert answer.status == 403 and b"changes with every run" in answer.body


FOREIGN = [
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://127.0.0.1:3000"},
    {"Host": "evil.example"},
    {"Host": "evil.example:8787"},
    {"Host": "127.0.0.1"},
    {"Host": "127.0.0.1.evil.example"},
    {"Sec_Fetch_Site": "cross-site"},
    {"Sec_Fetch_Site": "same-site"},
]


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
@pytest.mark.parametrize("path", ["/", "/picture", "/status", "/choices"])
def test_another_page_sees_nothing_even_with_the_cookie(panel, browser, path, headers):
    panel.write(make_frame())
    answer = browser.ask(path, **headers)
    assert answer.status == 403 and b"JFIF" not in answer.body


@pytest.mark.parametrize("headers", [*FOREIGN, {"Origin": None}], ids=str)
def test_another_page_presses_no_button_even_with_the_cookie(panel, browser, headers):
    ran = []
    panel.accept_commands(CommandQueue(ran.append, VERBS).submit)
    assert browser.command("panic", **headers).status == 403
    assert ran == []


@pytest.mark.parametrize("path", ["/", "/picture", "/command", "/nowhere"])
def test_no_answer_may_be_embedded_kept_or_read_by_another_site(panel, browser, path):
    panel.write(make_frame())
    headers = browser.ask(path).headers
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert headers["Cache-Control"] == "no-store"
    assert not [name for name in headers if name.lower().startswith("access-control")]


def test_the_page_needs_nothing_from_the_network(browser):
    for path in ("/", "/panel.css", "/panel.js", "/icon.svg"):
        text = browser.ask(path).body.decode()
        addresses = set(re.findall(r"https?://[^\s\"'<>)]+", text))
        assert addresses <= {"http://www.w3.org/2000/svg"}, path


def test_it_shows_the_newest_frame(panel, browser):
    panel.write(make_frame(0))
    first = int(browser.ask("/picture").headers["X-Number"])
    panel.write(make_frame(8))
    panel.write(make_frame(16))
    answer = browser.ask(f"/picture?after={first}")
    assert int(answer.headers["X-Number"]) > first
    assert abs(int(decode(answer.body)[0, 0, 2]) - 128) < 8


def test_a_page_waits_for_the_frame_after_the_one_that_it_has(panel, browser):
    panel.write(make_frame(0))
    got = []
    first = browser.ask("/picture").headers["X-Number"]
    asking = threading.Thread(target=lambda: got.append(browser.ask(f"/picture?after={first}")))
    asking.start()
    while asking.is_alive():
        panel.write(make_frame(5))
        asking.join(0.01)
    assert got[0].status == 200 and int(got[0].headers["X-Number"]) > int(first)


@pytest.mark.parametrize("after", ["-1", "x", "9" * 400, ""])
def test_a_number_that_is_none_counts_as_zero(panel, browser, after):
    panel.write(make_frame())
    assert browser.ask(f"/picture?after={after}").status == 200


def test_a_wide_frame_is_reduced_for_the_page(panel, browser):
    panel.write_immediately(make_frame(size=(1280, 720)))
    assert decode(browser.ask("/picture").body).shape == (360, 640, 3)


def test_a_command_takes_the_path_of_ctl_and_its_answer_comes_back(browser):
    assert browser.command("blur", "20").json == {"ok": True, "text": "blur 20"}


@pytest.mark.parametrize(
    "words",
    [
        ["stop"],
        ["keep", "background"],
        ["background", "/etc/passwd"],
        ["background", "../secret.png"],
        ["background", "id:0000000000000000"],
        ["background", "file:///etc/passwd"],
        ["profile", "/tmp/evil.yaml"],
        ["profile", "evil.yaml"],
        ["model", "../evil.tflite"],
    ],
    ids=" ".join,
)
def test_the_page_names_no_files_and_does_not_end_the_run(browser, words):
    answer = browser.command(*words)
    assert answer.status == 400 and answer.json["ok"] is False


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"command": 3}', b"[" * 3000, b"\xff", b"x" * 9999]
)
def test_what_is_no_command_is_refused(browser, body):
    origin = f"http://127.0.0.1:{browser.port}"
    assert browser.ask("/command", "POST", body, Origin=origin).status == 400


def test_before_a_run_has_begun_and_after_it_has_ended_commands_are_answered(panel, browser):
    panel.accept_commands(None)
    assert "starting" in browser.command("panic").json["text"]


def test_the_gallery_offers_pictures_by_number_and_shows_them_small(folder, browser):
    path = folder / "<b>beach & co.png"
    cv2.imwrite(str(path), np.full((90, 160, 3), (0, 0, 255), np.uint8))
    (folder / "broken.png").write_bytes(b"no picture")
    items = {item["name"]: item["id"] for item in browser.ask("/choices").json["backgrounds"]}
    small = decode(browser.ask(f"/thumbnails/{items['<b>beach & co']}").body)
    assert small.shape == (135, 240, 3) and small[60, 60].tolist() == [0, 0, 254]
    assert browser.ask(f"/thumbnails/{items['broken']}").status == 404
    chosen = browser.command("background", f"id:{items['<b>beach & co']}")
    assert chosen.json["text"] == f"background {path}"


def test_the_slides_of_a_folder_that_is_the_background_are_offered(panel, browser, tmp_path):
    slides = tmp_path / "slides"
    slides.mkdir()
    for path in (tmp_path / "beside.png", slides / "first slide.png"):
        cv2.imwrite(str(path), np.zeros((9, 16, 3), np.uint8))

    def show_slides(words):
        answer = execute(words)
        if words[0] == "status":
            answer["status"]["background"] = str(slides)
        return answer

    panel.accept_commands(CommandQueue(show_slides, VERBS).submit)
    names = {item["name"] for item in browser.ask("/choices").json["backgrounds"]}
    assert "first slide" in names and "beside" not in names


@pytest.mark.parametrize(
    "path",
    [
        "/../../etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/thumbnails/..%2f..%2fetc%2fpasswd",
        "//etc/passwd",
        "/page/index.html",
        "http://evil.example/",
    ],
)
def test_tricks_with_paths_lead_nowhere(browser, path):
    assert browser.ask(path).status in (400, 404)


def test_a_header_of_10_mb_is_cut_off(panel, browser):
    got = speak(panel.port, b"GET / HTTP/1.1\r\nX: " + b"x" * 10_000_000)
    assert b"200" not in got.partition(b"\r\n")[0]
    assert browser.ask("/").status == 200


def test_slow_clients_shut_nobody_out_and_hold_up_no_frame(panel, browser):
    frame = make_frame()
    slow = []
    for index in range(200):
        link = socket.create_connection(("127.0.0.1", panel.port))
        link.sendall(b"GET / HTTP/1.1\r\nHost: " if index % 2 else b"")
        slow.append(link)
        panel.write(frame)
    before = time.thread_time()
    for _ in range(1000):
        panel.write(frame)
    assert time.thread_time() - before < 0.2  # 0.2 ms a frame, and no wait: thread time
    assert browser.ask("/picture").status == 200
    assert browser.command("panic").json["ok"]
    for link in slow:
        link.close()


def test_a_viewer_that_reads_nothing_holds_up_no_other(panel, browser):
    noise = np.random.default_rng(0).integers(0, 255, (360, 640, 3), np.uint8)
    panel.write(make_frame().with_bgr(noise))
    request = f"GET /picture HTTP/1.1\r\nHost: 127.0.0.1:{panel.port}\r\n"
    request += f"Cookie: {browser.headers['Cookie']}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", panel.port)) as deaf:
        deaf.settimeout(0.05)
        with suppress(TimeoutError):
            for _ in range(200):
                deaf.sendall(request.encode())
        assert browser.ask("/picture").status == 200


def test_a_dropped_picture_is_stored_offered_and_put_behind_the_person(panel, browser, data_folder):
    jpeg = cv2.imencode(".jpg", np.full((90, 160, 3), (0, 0, 255), np.uint8))[1].tobytes()
    said = drop(browser, "my beach.png", jpeg).json
    assert (data_folder / "my beach.jpg").read_bytes() == jpeg  # named by what it is
    assert said["id"] in {item["id"] for item in browser.ask("/choices").json["backgrounds"]}
    chosen = browser.command("background", f"id:{said['id']}").json["text"]
    assert chosen == f"background {data_folder / 'my beach.jpg'}"


def drop(browser, name, data):
    path = f"/backgrounds?name={quote(name)}"
    return browser.ask(path, "POST", data, Origin=f"http://127.0.0.1:{browser.port}")


def test_a_dropped_picture_replaces_no_file_and_is_stored_once(browser, data_folder):
    one, other = (
        cv2.imencode(".png", np.full((9, 16, 3), level, np.uint8))[1].tobytes() for level in (1, 2)
    )
    names = [drop(browser, "a.png", data).json["name"] for data in (one, other, one)]
    assert names == ["a", "a-2", "a"]
    assert (data_folder / "a.png").read_bytes() == one
    assert (data_folder / "a-2.png").read_bytes() == other


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("<b onclick=x>.png", "_b onclick_x"),
        ("../../../.ssh/authorized_keys", "authorized_keys"),
        ("..\\..\\evil.png", "evil"),
        ("a\nb\0c.png", "a_b_c"),
        ("...", "background"),
        ("", "background"),
        ("x" * 5000 + ".png", "x" * 60),
        ("Küche 2.png", "Küche 2"),
    ],
)
def test_the_name_of_a_dropped_picture_holds_no_path_and_no_markup(
    browser, data_folder, name, stem
):
    png = cv2.imencode(".png", np.full((9, 16, 3), 7, np.uint8))[1].tobytes()
    said = drop(browser, name, png).json
    assert said["ok"] and re.sub(r"_$|-\d+$", "", said["name"]) == stem
    assert {path.parent for path in data_folder.rglob("*")} == {data_folder}


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "no picture"),
        (b"#!/bin/sh", "no picture"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "no picture"),
        (b"\x89PNG\r\n\x1a\n" + b"x" * 100, "cannot be read"),
        (b"\xff\xd8\xff", "cannot be read"),
    ],
)
def test_what_is_no_picture_is_refused_and_not_stored(browser, data_folder, data, words):
    before = sorted(data_folder.iterdir())
    answer = drop(browser, "x.png", data)
    assert answer.status == 400 and words in answer.json["text"]
    assert sorted(data_folder.iterdir()) == before


def test_a_picture_of_too_many_pixels_is_refused_before_it_is_decoded(browser):
    bomb = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + bomb
    png = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk
    png += struct.pack(">I", zlib.crc32(chunk)) + struct.pack(">I", 0) + b"IEND\xaeB`\x82"
    assert "pixels" in drop(browser, "bomb.png", png).json["text"]


def test_200_mb_are_refused_before_they_are_sent(panel, browser):
    head = f"POST /backgrounds?name=a HTTP/1.1\r\nHost: 127.0.0.1:{panel.port}\r\n"
    head += f"Origin: http://127.0.0.1:{panel.port}\r\nCookie: {browser.headers['Cookie']}\r\n"
    got = speak(panel.port, f"{head}Content-Length: 200000000\r\n\r\n".encode())
    assert got.startswith(b"HTTP/1.1 413") and b"more than 33554432 bytes" in got


def test_another_page_drops_nothing(panel, stranger, browser):
    for who, origin in (
        (browser, "https://evil.example"),
        (stranger, f"http://127.0.0.1:{panel.port}"),
    ):
        assert who.ask("/backgrounds?name=a", "POST", b"x", Origin=origin).status == 403


def test_a_supervisor_learns_whether_the_run_is_well_without_a_token(panel, stranger):
    assert (stranger.ask("/healthz").status, stranger.ask("/healthz").body) == (200, b"live\n")
    panel.accept_commands(None)
    assert stranger.ask("/healthz").status == 503


def test_prometheus_reads_the_figures_without_a_token(stranger):
    answer = stranger.ask("/metrics")
    families = {each.name: each for each in text_string_to_metric_families(answer.body.decode())}
    assert families["rimlight_frames"].samples[0].value == 90
    assert families["rimlight_latency_seconds"].samples[0].value == pytest.approx(0.0085)
    dropped = families["rimlight_dropped_frames"].samples[0]
    assert (dropped.labels, dropped.value) == ({"cause": 'too "late"'}, 2)
    assert families["rimlight_up"].samples[0].value == 1


def test_the_figures_are_for_this_machine_too(stranger):
    for path in ("/metrics", "/healthz"):
        assert stranger.ask(path, Host="evil.example").status == 403
        assert stranger.ask(path, Sec_Fetch_Site="cross-site").status == 403


def test_without_a_run_the_figures_say_that_it_is_down(panel, stranger):
    panel.accept_commands(None)
    assert b"rimlight_up 0.0" in stranger.ask("/metrics").body


def test_a_connection_on_which_nothing_moves_is_closed():
    listener, is_released = listen(0), threading.Event()
    port = listener.getsockname()[1]

    async def answer(_, __, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(200):  # waits for the client until that is hung up on
            await send({"type": "http.response.body", "body": b"x" * 65536, "more_body": True})
        is_released.set()

    def make_app(trust):
        return Guard(answer, Access(port), trust)

    with closing(WebServer(listener, make_app, timeout_s=0.05)):
        silent = socket.create_connection(("127.0.0.1", port), timeout=5)
        with silent, suppress(ConnectionResetError):
            assert silent.recv(1) == b""
        with socket.create_connection(("127.0.0.1", port), timeout=5) as deaf:
            deaf.sendall(f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
            assert is_released.wait(5)


def test_it_serves_this_machine_only(panel):
    listening = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    port = f"{panel.port:04X}"
    here = {line[1] for line in listening if line[1].endswith(f":{port}") and line[3] == "0A"}
    assert here == {f"0100007F:{port}"}


def test_a_port_that_is_taken_leads_to_the_next_and_the_note_says_so(panel):
    options = PanelSink.Options(port=panel.port)
    with closing(PanelSink(options, make_info())) as other:
        assert other.port != panel.port
        assert f"port {panel.port} is taken" in other.notes[0] and other.url in other.notes[0]


def test_two_panels_have_tokens_of_their_own(panel, browser):
    with closing(PanelSink(PanelSink.Options(port=0), make_info())) as other:
        both = Browser(other.port, panel.url.rpartition("/")[2])
        assert both.ask("/").status == 403
        assert browser.ask("/").status == 200


def test_a_port_that_is_taken_is_an_error_where_no_other_will_do(panel):
    with pytest.raises(SinkError, match="cannot serve") as caught:
        listen(panel.port)
    assert str(panel.port + 1) in caught.value.hint


def test_a_picture_from_before_a_panic_is_never_sent_after_it(panel, browser):
    panel.write(make_frame(16))
    browser.ask("/picture")
    panel.write_immediately(make_frame(0))
    assert decode(browser.ask("/picture").body)[0, 0, 2] < 8


def test_an_open_page_counts_as_a_consumer_of_a_camera_on_demand(panel, browser):
    with closing(PanelSink(PanelSink.Options(port=0), make_info())) as other:
        counter = other.open_consumer_counter()
        assert counter.count() == 0
        other.write(make_frame())
        Browser(other.port, other.url.rpartition("/")[2]).ask("/picture")
        assert counter.count() == 1


@pytest.mark.parametrize("kind", ["panel", "http"])
def test_without_the_web_server_a_hint_tells_what_to_install(kind):
    code = f"""
import sys
sys.modules["starlette"] = None
from rimlight.core.errors import MissingDependencyError
from rimlight.sinks import SINKS
cls = SINKS.load({kind!r})
try:
    cls(cls.Options(port=0), None)
except MissingDependencyError as exc:
    print(exc, exc.hint)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "needs starlette" in done.stdout and "pip install 'rimlight[panel]'" in done.stdout
