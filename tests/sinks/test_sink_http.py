import socket
from contextlib import closing

import cv2
import numpy as np
import pytest
from fakes import make_frame, make_info

from rimlight.core.errors import SinkError
from rimlight.sinks.http import HttpSink


@pytest.fixture
def sink():
    with closing(HttpSink(HttpSink.Options(port=0), make_info())) as opened:
        yield opened


def connected(sink, request=b"", host="127.0.0.1"):
    client = socket.create_connection(("127.0.0.1", sink.port))
    client.settimeout(0.01)
    client.sendall(request and request + b" HTTP/1.1\r\nHost: " + host.encode() + b"\r\n\r\n")
    return client


def received(sink, client, until):
    """Write frames until the client has got `until`, or the connection ends."""
    got = b""
    for index in range(500):
        sink.write(make_frame(index % 20))
        try:
            more = client.recv(1 << 16)
        except TimeoutError:
            continue
        if not more:
            return got
        got += more
        if until in got:
            return got
    return got


def test_the_page_shows_the_stream(sink):
    with connected(sink, b"GET /") as client:
        got = received(sink, client, b"never")
    assert got.startswith(b"HTTP/1.1 200") and b'src="/stream"' in got


def test_the_stream_is_a_row_of_jpeg_pictures(sink):
    with connected(sink, b"GET /stream") as client:
        got = received(sink, client, b"\r\n--frame")
    head, _, rest = got.partition(b"\r\n\r\n--frame\r\n")
    assert b"multipart/x-mixed-replace" in head
    data = rest.partition(b"\r\n\r\n")[2].partition(b"\r\n--frame")[0]
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert picture.shape == (48, 64, 3)


def asked(sink, request, *headers):
    lines = "".join(f"\r\n{header}" for header in headers)
    with connected(sink) as client:
        said = f"{request} HTTP/1.1\r\nHost: 127.0.0.1:{sink.port}{lines}\r\n\r\n"
        client.sendall(said.encode())
        return received(sink, client, b"\r\n--frame").decode("latin-1")


@pytest.mark.parametrize(
    "header",
    ["Origin: https://evil.example", "Origin: null", "Origin: http://127.0.0.1:3000"]
    + [f"Sec-Fetch-Site: {site}" for site in ("cross-site", "same-site")],
)
@pytest.mark.parametrize("path", ["/", "/stream"])
def test_another_page_of_the_browser_gets_nothing(sink, path, header):
    got = asked(sink, f"GET {path}", header)
    assert got.startswith("HTTP/1.1 403") and "jpeg" not in got


def test_the_page_itself_gets_its_stream(sink):
    got = asked(
        sink,
        "GET /stream?now",
        "Sec-Fetch-Site: same-origin",
        f"Origin: http://127.0.0.1:{sink.port}",
    )
    assert got.startswith("HTTP/1.1 200") and "image/jpeg" in got
    assert "Cross-Origin-Resource-Policy: same-origin" in got


@pytest.mark.parametrize("path", ["/", "/stream"])
def test_head_gets_the_headers_alone(sink, path):
    got = asked(sink, f"HEAD {path}")
    assert got.startswith("HTTP/1.1 200") and got.endswith("\r\n\r\n")
    assert "<img" not in got and "JFIF" not in got


def test_silent_connections_shut_nobody_out(sink):
    silent = []
    for _ in range(40):
        silent.append(connected(sink))
        sink.write(make_frame())
    with connected(sink, b"GET /") as client:
        got = received(sink, client, b"never")
    for each in silent:
        each.close()
    assert got.startswith(b"HTTP/1.1 200")


def test_a_connection_on_which_nothing_moves_is_closed():
    now = [0.0]
    opened = HttpSink(HttpSink.Options(port=0), make_info(), clock=lambda: now[0])
    with closing(opened), connected(opened) as silent, connected(opened, b"GET /stream") as viewer:
        for _ in range(3):
            received(opened, viewer, b"\r\n--frame")
            now[0] += 6
        silent.settimeout(5)
        assert silent.recv(1) == b""
        assert b"--frame" in received(opened, viewer, b"--frame")


def test_a_picture_that_is_seen_through_is_refused(sink):
    clear = make_frame().with_alpha(np.zeros((48, 64), np.uint8))
    with pytest.raises(SinkError, match="transparency"):
        sink.write(clear)


def test_a_web_page_under_another_name_cannot_look_in(sink):
    with connected(sink, b"GET /stream", host="evil.example") as client:
        assert received(sink, client, b"never").startswith(b"HTTP/1.1 403")


def test_what_is_not_there_is_not_found(sink):
    with connected(sink, b"GET /etc/passwd") as client:
        assert received(sink, client, b"never").startswith(b"HTTP/1.1 404")


def test_nonsense_is_refused(sink):
    with connected(sink, b"\xff\xfe") as client:
        assert received(sink, client, b"never").startswith(b"HTTP/1.1 404")


def test_a_client_that_does_not_read_holds_nobody_up(sink):
    with connected(sink, b"GET /stream"), connected(sink, b"GET /stream") as reader:
        large = make_frame(0, size=(1280, 720))
        noise = np.random.default_rng(0).integers(0, 255, large.image.shape, np.uint8)
        for _ in range(30):
            sink.write(large.with_bgr(noise))
        assert b"--frame" in received(sink, reader, b"--frame")


def test_a_client_that_leaves_is_forgotten(sink):
    connected(sink, b"GET /stream").close()
    for index in range(20):
        sink.write(make_frame(index))
    assert sink._clients == {}


def test_it_serves_this_machine_only(sink):
    assert sink._listener.getsockname()[0] == "127.0.0.1"


def test_a_port_that_is_taken_is_an_error(sink):
    with pytest.raises(SinkError, match="cannot serve"):
        HttpSink(HttpSink.Options(port=sink.port), make_info())
