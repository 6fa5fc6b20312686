import os
import socket
import struct
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from fractions import Fraction

import cv2
import numpy as np
import pytest
from clip_maker import write_video

from rimlight.core.errors import SourceOpenError
from rimlight.media.container import MediaLocation, open_container, open_video
from rimlight.media.interruptible import PipeReader
from rimlight.media.paths import strip_file_scheme
from rimlight.sources.video import VideoSource
from rimlight.system.av import av


def opened(path):
    return VideoSource(VideoSource.Options(path=str(path)))


def frames_of(path):
    source = opened(path)
    try:
        return list(source)
    finally:
        source.close()


def test_a_file_address_is_its_path_with_percent_signs_decoded(tmp_path):
    path = write_video(tmp_path / "my talk.mkv", stamps=[0])
    address = f"file://{tmp_path}/my%20talk.mkv"
    assert strip_file_scheme(address) == str(path)
    assert opened(address).info.media_path == path


def test_a_file_address_may_name_this_host_and_no_other():
    assert strip_file_scheme("file://localhost/a.mp4") == "/a.mp4"
    assert strip_file_scheme("FILE:///a%25.mp4") == "/a%.mp4"
    assert strip_file_scheme("file://nas/a.mp4") == "file://nas/a.mp4"


def test_a_percent_sign_that_is_in_the_name_itself_stays(tmp_path):
    path = tmp_path / "a%20b.mp4"
    path.touch()
    assert strip_file_scheme(f"file://{path}") == str(path)


def test_a_tag_that_is_no_utf8_does_not_matter(tmp_path):
    path = write_video(tmp_path / "a.mkv", stamps=[0, 40], title="Zukunft")
    path.write_bytes(path.read_bytes().replace(b"Zukunft", b"Zuk\xfcnft"))
    assert len(frames_of(path)) == 2


def test_a_codec_that_ffmpeg_does_not_know_is_said(tmp_path):
    path = write_video(tmp_path / "a.mp4", stamps=[0, 40], codec="mpeg4")
    data = path.read_bytes()
    path.write_bytes(data.replace(b"mp4v", b"zzzz").replace(b"esds", b"free"))
    with pytest.raises(SourceOpenError, match="codec that this FFmpeg cannot decode"):
        opened(path)


@pytest.mark.parametrize(
    "text", ["ffconcat version 1.0\nfile other.mp4\n", "#EXTM3U\n#EXTINF:1,\nother.ts\n"]
)
def test_a_list_of_other_files_is_refused_whatever_it_is_called(tmp_path, text):
    write_video(tmp_path / "other.mp4", stamps=[0])
    (tmp_path / "talk.mp4").write_text(text)
    with pytest.raises(SourceOpenError, match="list of other files"):
        opened(tmp_path / "talk.mp4")


def pipe_with(path, data):
    """A named pipe through which a thread sends bytes."""
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_bytes, args=(data,), daemon=True)
    writer.start()
    return writer


def test_a_pipe_is_read_once_without_sound_and_says_so(tmp_path):
    data = write_video(tmp_path / "a.mkv", stamps=range(0, 200, 40)).read_bytes()
    writer = pipe_with(tmp_path / "p.mkv", data)
    source = opened(tmp_path / "p.mkv")
    assert source.info.media_path is None
    assert "is a pipe" in source.info.notes[-1]
    assert len(list(source)) == 5
    source.close()
    writer.join()


def test_a_pipe_into_which_nobody_writes_is_an_error(tmp_path):
    os.mkfifo(tmp_path / "p.mkv")
    with pytest.raises(SourceOpenError, match="received no data"):
        open_video(MediaLocation.parse(str(tmp_path / "p.mkv")), timeout_s=0.01)


def test_a_pipe_is_not_opened_for_a_look(tmp_path):
    os.mkfifo(tmp_path / "p.mkv")
    with pytest.raises(SourceOpenError, match="can be read only once"):
        open_container(MediaLocation.parse(str(tmp_path / "p.mkv")))


def test_a_device_is_no_video():
    with pytest.raises(SourceOpenError, match="device"):
        opened("/dev/zero")


def test_an_address_that_cannot_be_understood_is_no_list():
    with pytest.raises(
        SourceOpenError, match=r"^cannot open rtsp://127\.0\.0\.1:9/x: it is not valid$"
    ):
        open_container(MediaLocation.parse("rtsp://me:a/b@127.0.0.1:9/x"), timeout_s=5)


def test_a_live_stream_without_times_assumes_no_rate():
    data = cv2.imencode(".jpg", np.full((48, 64, 3), 90, np.uint8))[1].tobytes()
    part = b"--part\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(data)
    with socket.create_server(("127.0.0.1", 0)) as server, ThreadPoolExecutor(1) as pool:
        pool.submit(send_to_one, server, (part + data + b"\r\n") * 100)
        source = opened(f"tcp://127.0.0.1:{server.getsockname()[1]}")
        notes = source.info.notes
        source.close()
    assert notes == ()


def send_to_one(server, data):
    with suppress(OSError), server.accept()[0] as client:
        client.sendall(data)


def test_a_proxy_is_named_where_an_address_does_not_open(monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with pytest.raises(SourceOpenError) as caught:
        open_container(MediaLocation.parse("http://camera.invalid/a.mp4"), timeout_s=5)
    assert "no_proxy=camera.invalid" in (caught.value.hint or "")


def exif(orientation):
    """An EXIF block that says how the camera was held."""
    entry = struct.pack("<HHIHH", 0x0112, 3, 1, orientation, 0)
    return b"Exif\0\0II*\0" + struct.pack("<IH", 8, 1) + entry + bytes(4)


def write_jpegs(path, *, orientation):
    """An AVI of three JPEGs as some cameras write them: each with an EXIF block."""
    jpeg = cv2.imencode(".jpg", np.full((48, 64, 3), 90, np.uint8))[1].tobytes()
    block = exif(orientation)
    jpeg = jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(block) + 2) + block + jpeg[2:]
    with av.open(str(path), "w") as out:
        stream = out.add_stream("mjpeg", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuvj420p"
        for index in range(3):
            packet = av.Packet(jpeg)
            packet.stream, packet.pts, packet.dts, packet.is_keyframe = stream, index, index, True
            packet.time_base = Fraction(1, 25)
            out.mux(packet)
    return path


def test_side_data_that_pyav_does_not_know_is_passed_over(tmp_path):
    frames = frames_of(write_jpegs(tmp_path / "a.avi", orientation=6))
    assert [frame.size for frame in frames] == [(48, 64)] * 3


def test_a_pipe_whose_writer_has_gone_already_ends(tmp_path):
    os.mkfifo(tmp_path / "p")
    held = os.open(tmp_path / "p", os.O_RDONLY | os.O_NONBLOCK)
    (tmp_path / "p").write_bytes(b"all of it")
    pipe = PipeReader(tmp_path / "p")
    assert pipe.wait_for_data(1)
    assert pipe.read(100) == b"all of it"
    assert pipe.read(100) == b""
    pipe.close()
    os.close(held)
