"""The HTTP preview over real sockets: the page, the stream, and who is let in."""

import socket
import threading
from contextlib import closing, contextmanager

import cv2
import numpy as np
import pytest
from fakes import make_frame, make_info
from web.http_client import Browser, speak

from rimlight.core.errors import SinkError
from rimlight.sinks.http import HttpSink


@pytest.fixture(scope="module")
def sink():
    with closing(HttpSink(HttpSink.Options(port=0), make_info())) as opened:
        yield opened


def test_the_address_is_told(sink):
    assert sink.notes == (f"preview: http://127.0.0.1:{sink.port}/",)


@pytest.fixture
def browser(sink):
    return Browser(sink.port)


@contextmanager
def streaming(sink, make=make_frame):
    """Write frames on another thread, as a run would, while the block lasts."""
    ended = threading.Event()

    def write():
        index = 0
        while not ended.wait(0.005):
            sink.write(make(index % 20))
            index += 1

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def read_parts(sink, count, *headers):
    """Return what a viewer gets until it has `count` whole parts, or the connection ends."""
    lines = "".join(f"{line}\r\n" for line in (f"Host: 127.0.0.1:{sink.port}", *headers))
    got = b""
    with socket.create_connection(("127.0.0.1", sink.port), timeout=10) as link:
        link.sendall(f"GET /stream HTTP/1.1\r\n{lines}\r\n".encode())
        while got.count(b"--frame\r\n") <= count:
            more = link.recv(1 << 16)
            if not more:
                break
            got += more
    return got


def test_the_page_shows_the_stream(browser):
    answer = browser.ask("/")
    assert answer.status == 200 and b'src="/stream"' in answer.body


def test_the_stream_is_a_row_of_jpeg_pictures(sink):
    with streaming(sink):
        got = read_parts(sink, 3)
    head, _, rest = got.partition(b"--frame\r\n")
    assert b"multipart/x-mixed-replace; boundary=frame" in head
    for part in rest.split(b"--frame\r\n")[:3]:
        fields, _, data = part.partition(b"\r\n\r\n")
        assert b"Content-Type: image/jpeg" in fields
        picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        assert picture.shape == (48, 64, 3)


@pytest.mark.parametrize(
    "header",
    ["Origin: https://evil.example", "Origin: null", "Origin: http://127.0.0.1:3000"]
    + [f"Sec-Fetch-Site: {site}" for site in ("cross-site", "same-site")],
)
def test_another_page_of_the_browser_gets_nothing(sink, browser, header):
    sink.write(make_frame())
    got = read_parts(sink, 1, header)
    name, _, value = header.partition(": ")
    assert got.startswith(b"HTTP/1.1 403") and b"JFIF" not in got
    assert browser.ask("/", **{name: value}).status == 403


def test_a_web_page_under_another_name_cannot_look_in(browser):
    for host in ("evil.example", f"evil.example:{browser.port}"):
        assert browser.ask("/", Host=host).status == 403


def test_the_page_itself_gets_its_stream(sink):
    with streaming(sink):
        origin = f"Origin: http://127.0.0.1:{sink.port}"
        got = read_parts(sink, 1, "Sec-Fetch-Site: same-origin", origin)
    assert got.startswith(b"HTTP/1.1 200") and b"JFIF" in got
    assert b"cross-origin-resource-policy: same-origin" in got.lower()


@pytest.mark.parametrize("path", ["/", "/stream"])
def test_head_gets_the_headers_alone(browser, path):
    answer = browser.ask(path, "HEAD")
    assert answer.status == 200 and answer.body == b""


@pytest.mark.parametrize("path", ["/etc/passwd", "/panel.js", "/command", "/status"])
def test_what_is_not_there_is_not_found(browser, path):
    assert browser.ask(path).status == 404


@pytest.mark.parametrize("data", [b"\xff\xfe\r\n\r\n", b"GET\r\n\r\n", b"x" * 100_000])
def test_nonsense_is_refused(sink, browser, data):
    assert not speak(sink.port, data).startswith(b"HTTP/1.1 200")
    assert browser.ask("/").status == 200


def test_silent_connections_shut_nobody_out(sink, browser):
    silent = [socket.create_connection(("127.0.0.1", sink.port)) for _ in range(100)]
    assert browser.ask("/").status == 200
    for each in silent:
        each.close()


def test_a_client_that_does_not_read_holds_nobody_up(sink):
    noise = np.random.default_rng(0).integers(0, 255, (720, 1280, 3), np.uint8)
    request = f"GET /stream HTTP/1.1\r\nHost: 127.0.0.1:{sink.port}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", sink.port)) as deaf:
        deaf.sendall(request.encode())
        with streaming(sink, lambda index: make_frame(index).with_bgr(noise)):
            assert read_parts(sink, 3).count(b"JFIF") >= 3


def test_a_picture_that_is_seen_through_is_refused(sink):
    clear = make_frame().with_alpha(np.zeros((48, 64), np.uint8))
    with pytest.raises(SinkError, match="transparency"):
        sink.write(clear)


def test_a_closed_sink_takes_nothing(sink):
    with closing(HttpSink(HttpSink.Options(port=0), make_info())) as other:
        other.close()
        with pytest.raises(ValueError, match="closed"):
            other.write(make_frame())


def test_a_viewer_is_sent_away_when_the_sink_is_closed():
    other = HttpSink(HttpSink.Options(port=0), make_info())
    with streaming(other):
        read_parts(other, 1)
    request = f"GET /stream HTTP/1.1\r\nHost: 127.0.0.1:{other.port}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", other.port), timeout=5) as link:
        link.sendall(request.encode())
        assert link.recv(1 << 16)
        other.close()
        while link.recv(1 << 16):
            pass


def test_a_port_that_is_taken_is_an_error(sink):
    with pytest.raises(SinkError, match="cannot serve"):
        HttpSink(HttpSink.Options(port=sink.port), make_info())
