"""How a live run ends: what its last lines and its exit code say."""

import resource
import signal

import pytest

from rimlight.cli import run_words
from rimlight.system.av import av

LIVE = ["live", "--set", "segmenter.threads=1", "--blur", "3"]
PATTERN = ["--source", "test-pattern:160x120", "--set", "source.realtime=true"]


@pytest.fixture
def no_file_above_60_kb():
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    signal.signal(signal.SIGXFSZ, ignored)


def test_a_sink_that_failed_is_named_and_is_in_the_exit_code(tmp_path, capfd, no_file_above_60_kb):
    path = tmp_path / "out.mkv"
    lossless = ["--set", "sinks.0.crf=0", "--set", "source.rate=60", "--set", "source.count=100"]
    code = run_words([*LIVE, *PATTERN, *lossless, "--sink", f"video:{path}", "--sink", "null"])
    said = capfd.readouterr().err
    assert code == 5
    assert f"; failed: {path}" in said
    assert "null: " in said
    assert f"error: cannot write {path}: File too large" in said
    with av.open(str(path)) as clip:
        assert len(list(clip.decode(video=0))) >= 10


def test_the_last_line_names_the_recording_that_was_made(tmp_path, capfd):
    path = tmp_path / "out.mp4"
    path.write_bytes(b"an earlier recording")
    code = run_words([*LIVE, *PATTERN, "--set", "source.count=5", "--sink", f"video:{path}"])
    said = capfd.readouterr().err
    assert code == 0
    assert f"{tmp_path / 'out-2.mp4'}: " in said
    assert path.read_bytes() == b"an earlier recording"
