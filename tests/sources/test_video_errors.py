import os
import socket
import struct
import threading
import wave
from contextlib import suppress
from fractions import Fraction
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
from clip_maker import write_video

from rimlight.core.errors import SourceOpenError, SourceReadError
from rimlight.sources.video import VideoSource


def open_video(path, **more):
    return VideoSource(VideoSource.Options(path=str(path), **more))


def message_of(path, **more):
    with pytest.raises(SourceOpenError) as caught:
        open_video(path, **more)
    assert caught.value.hint
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_missing_file_is_called_missing(tmp_path):
    assert message_of(tmp_path / "talk.mp4") == f"no such file: {tmp_path}/talk.mp4"


def test_a_folder_is_called_a_folder(tmp_path):
    assert "is a folder" in message_of(tmp_path)


def test_an_empty_file_is_called_empty(tmp_path):
    path = tmp_path / "talk.mp4"
    path.touch()
    assert "is empty (0 bytes)" in message_of(path)


def test_text_named_mp4_is_not_a_video(tmp_path):
    path = tmp_path / "talk.mp4"
    path.write_text("these are the minutes of a talk\n" * 50)
    assert "is not a readable video" in message_of(path)


def test_an_mp4_cut_before_its_index_is_not_a_video(tmp_path):
    path = write_video(tmp_path / "a.mp4", codec="libx264")
    path.write_bytes(path.read_bytes()[:600])
    assert "is not a readable video" in message_of(path)


def test_sound_alone_holds_no_video(tmp_path):
    path = tmp_path / "talk.wav"
    with wave.open(str(path), "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", ""))
        sound.writeframes(struct.pack("<4000h", *range(4000)))
    assert "talk.wav contains no video" in message_of(path)


def test_a_file_that_may_not_be_read_says_so(as_nobody):
    path = as_nobody / "talk.mp4"
    path.write_bytes(b"x")
    path.chmod(0)
    assert "no permission to read" in message_of(path)


def test_a_name_with_a_colon_is_a_file_and_not_a_protocol(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    os.rename(write_video(tmp_path / "a.mkv"), tmp_path / "talk:1.mkv")
    assert open_video("talk:1.mkv").info.size == (64, 48)


def test_a_refused_connection_names_the_address_without_its_password():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    message = message_of(f"rtsp://me:secret@127.0.0.1:{port}/x")
    assert message == f"cannot open rtsp://127.0.0.1:{port}/x: connection refused"


def test_a_silent_server_is_given_up_after_the_timeout():
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"http://127.0.0.1:{server.getsockname()[1]}/a.mkv"
        assert "no response within 0.3 s" in message_of(address, timeout_s=0.3)


@pytest.fixture
def served(tmp_path):
    """A folder and the address at which it is served over HTTP."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_): ...

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=tmp_path)) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield tmp_path, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_video_over_http_is_read_like_a_file(served):
    folder, address = served
    write_video(folder / "a.mkv")
    source = open_video(f"{address}/a.mkv")
    assert len(list(source)) == 10
    assert not source.info.is_live
    assert source.info.media_path is None


def test_an_absent_page_is_reported_as_the_server_does(served):
    assert "404" in message_of(f"{served[1]}/nothing.mkv")


def stalling_server(data):
    """Send `data` to the first client, then nothing; return the socket and the address."""
    server = socket.create_server(("127.0.0.1", 0))
    clients = []

    def serve():
        client, _ = server.accept()
        clients.append(client)
        client.recv(4096)
        client.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: video/mp2t\r\n\r\n" + data)

    thread = threading.Thread(target=serve)
    thread.start()
    return server, thread, clients, f"http://127.0.0.1:{server.getsockname()[1]}/a.ts"


@pytest.fixture
def stalled(tmp_path):
    """The address of a live stream that stops sending without hanging up."""
    path = write_video(tmp_path / "a.ts", codec="libx264", stamps=range(0, 4000, 40))
    server, thread, clients, address = stalling_server(path.read_bytes())
    yield address
    thread.join()
    for opened in (*clients, server):
        opened.close()


def test_a_stream_that_stalls_raises_after_the_frames_before(stalled):
    source = open_video(stalled, timeout_s=1)
    assert source.info.is_live
    frames = []
    with pytest.raises(SourceReadError, match="no data for 1 s"):
        frames.extend(source)
    assert len(frames) > 80


def test_a_live_stream_is_timed_by_when_its_frames_arrive_from_zero_on(tmp_path):
    hour = 3_600_000
    stamps = [*range(hour, hour + 1000, 40), *range(3 * hour, 3 * hour + 1000, 40)]
    path = write_video(tmp_path / "a.ts", codec="libx264", stamps=stamps)
    server, thread, clients, address = stalling_server(path.read_bytes())
    source = open_video(address, timeout_s=1)
    thread.join()
    clients[0].close(), server.close()
    times = []
    with suppress(SourceReadError):  # the server has hung up
        times.extend(frame.pts for frame in source)
    assert times == sorted(set(times))
    assert len(times) >= 40
    assert times[0] == 0
    assert times[-1] < 30
    assert source.info.time_base == Fraction(1, 1_000_000)


def test_closing_a_stalled_stream_from_another_thread_ends_it_without_an_error(stalled):
    source = open_video(stalled, timeout_s=1)
    frames = iter(source)
    for _ in range(80):
        next(frames)
    closer = threading.Thread(target=source.close)
    closer.start()
    closer.join()
    assert len(list(frames)) < 20
