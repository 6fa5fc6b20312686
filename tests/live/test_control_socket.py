import json
import os
import socket
import stat
import threading
from contextlib import suppress

import pytest

from rimlight.core.errors import ConfigError
from rimlight.live.command_queue import CommandQueue
from rimlight.live.control_socket import ControlServer, send_command


def answer(words):
    if list(words) == ["fail"]:
        raise ConfigError("it cannot", hint="do not")
    if list(words) == ["panic", "~nobody"]:
        raise RuntimeError("no such home")
    return {"ok": True, "text": " ".join(words)}


def submit(words):
    return CommandQueue(answer, frozenset(["blur", "fail", "panic"])).submit(words)


@pytest.fixture
def server(tmp_path):
    listening = ControlServer(tmp_path / "run" / "x.sock", submit)
    yield listening
    listening.close()


def spoken(server, *words):
    """Ask on another thread, as another process would, while the server polls."""
    answers = []

    def talk():
        answers.append(send_command(server.path, words))

    thread = threading.Thread(target=talk)
    thread.start()
    while thread.is_alive():
        server.poll()
    return answers[0]


def raw(server, text):
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(server.path))
        client.sendall(text)
        client.settimeout(0.001)
        for _ in range(1000):
            server.poll()
            try:
                return client.recv(4096)
            except TimeoutError:
                continue
            except ConnectionResetError:
                return b""
    return b"no answer"


def test_words_are_answered(server):
    assert spoken(server, "blur", "20") == {"ok": True, "text": "blur 20"}


def test_an_error_comes_with_its_hint(server):
    assert spoken(server, "fail") == {"ok": False, "text": "it cannot", "hint": "do not"}


def test_an_error_that_nobody_foresaw_is_answered_too(server, caplog):
    said = spoken(server, "panic", "~nobody")
    assert not said["ok"] and "no such home" in said["text"]
    assert "panic ~nobody" in caplog.text


def test_only_the_user_may_open_it(server):
    assert stat.S_IMODE(server.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(server.path.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize("text", [b"hello\n", b"[]\n", b'{"command": 3}\n', b"\xff\xfe\n"])
def test_what_is_no_word_is_answered_too(server, text):
    assert json.loads(raw(server, text))["ok"] is False


def test_a_line_without_end_is_cut_off(server):
    got = raw(server, b"x" * 100_000)
    assert not got or not json.loads(got)["ok"]


def test_clients_that_say_nothing_do_not_shut_out_others(server):
    silent = [socket.socket(socket.AF_UNIX) for _ in range(20)]
    for client in silent:
        client.connect(str(server.path))
        server.poll()
    assert spoken(server, "panic")["ok"]
    for client in silent:
        client.close()


def test_whoever_makes_room_for_another_while_speaking_does_no_harm(server):
    crowd = [socket.socket(socket.AF_UNIX) for _ in range(9)]
    for client in crowd[:8]:
        client.connect(str(server.path))
        server.poll()
    crowd[8].connect(str(server.path))
    crowd[0].sendall(b'{"command": ["blur"]}\n')
    server.poll()
    assert spoken(server, "panic")["ok"]
    for client in crowd:
        client.close()


def test_the_socket_of_a_killed_run_is_replaced(tmp_path):
    path = tmp_path / "x.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    ControlServer(path, submit).close()
    assert not path.exists()


def test_two_runs_do_not_share_a_socket(server):
    with pytest.raises(ConfigError, match="another live run"):
        ControlServer(server.path, submit)
    assert server.path.exists()


def test_nobody_listening_is_an_error_that_says_what_to_do(tmp_path):
    with pytest.raises(ConfigError, match="no live run") as caught:
        send_command(tmp_path / "none.sock", ["panic"])
    assert "rimlight live" in caught.value.hint


def test_closing_leaves_no_handle_behind(tmp_path):
    before = len(os.listdir("/proc/self/fd"))
    server = ControlServer(tmp_path / "x.sock", submit)
    server.close()
    server.close()
    assert len(os.listdir("/proc/self/fd")) == before


@pytest.fixture
def queue():
    """Those of `queued`: they are done when a test says so, but for panic."""
    return CommandQueue(answer, frozenset({"panic"}))


@pytest.fixture
def queued(tmp_path, queue):
    listening = ControlServer(tmp_path / "x.sock", queue.submit)
    yield listening
    listening.close()


def speaking(server, text):
    client = socket.socket(socket.AF_UNIX)
    client.connect(str(server.path))
    client.sendall(text)
    return client


def test_panic_is_answered_while_another_command_waits(queued, queue):
    with speaking(queued, b'{"command": ["model", "large"]}\n') as patient:
        assert spoken(queued, "panic")["text"] == "panic"
        queue.run_pending()
        queued.poll()
        assert json.loads(patient.recv(4096))["text"] == "model large"


def test_whoever_leaves_before_the_answer_does_no_harm(queued, queue):
    with speaking(queued, b'{"command": ["blur", "3"]}\n'):
        queued.poll()
        queued.poll()
    queued.poll()
    queue.run_pending()
    assert spoken(queued, "panic")["ok"]


@pytest.mark.parametrize(
    "said",
    [
        b"hello",
        b"{}",
        b"[]",
        b'{"ok":true}',
        b'{"ok":false}',
        b"\xff",
        b'{"status":{}}',
        b'{"status":5}',
        b'{"ok":true,"status":{}}',
        b'{"ok":1,"text":"x"}',
        b"[" * 3000,
        b"null",
    ],
)
def test_what_is_no_live_run_is_told_in_one_line(tmp_path, said):
    path = tmp_path / "x.sock"
    with socket.socket(socket.AF_UNIX) as stranger:
        stranger.bind(str(path))
        stranger.listen()

        def speak():
            client, _ = stranger.accept()
            with client:
                client.recv(4096)
                client.sendall(said + b"\n")

        thread = threading.Thread(target=speak)
        thread.start()
        with pytest.raises(ConfigError, match="not a live run"):
            send_command(path, ["status"])
        thread.join()


def test_the_end_of_a_run_leaves_the_socket_of_another(tmp_path):
    path = tmp_path / "x.sock"
    first = ControlServer(path, submit)
    path.unlink()
    second = ControlServer(path, submit)
    first.close()
    assert spoken(second, "blur", "20") == {"ok": True, "text": "blur 20"}
    second.close()
    assert not path.exists()


def test_of_many_runs_that_find_a_dead_socket_one_gets_it(tmp_path):
    path = tmp_path / "x.sock"
    for _ in range(20):
        dead = socket.socket(socket.AF_UNIX)
        dead.bind(str(path))
        dead.close()
        opened, start = [], threading.Barrier(6)

        def begin(start=start, opened=opened):
            start.wait()
            with suppress(ConfigError):
                opened.append(ControlServer(path, submit))

        threads = [threading.Thread(target=begin) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(opened) == 1
        opened[0].close()


def test_words_that_are_too_long_are_refused_before_they_are_sent(tmp_path):
    with pytest.raises(ConfigError, match="too long"):
        send_command(tmp_path / "nobody.sock", ["background", "x" * 5000])


@pytest.mark.parametrize(
    "text", [b"[" * 3000 + b"\n", b'{"command":' + b"[" * 3000 + b"\n", b"x" * 5000]
)
def test_a_line_that_is_deep_or_long_gets_an_answer(server, text):
    assert json.loads(raw(server, text))["ok"] is False
