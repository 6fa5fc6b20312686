"""Locks between processes, and disks that know none."""

import os
import subprocess
import sys

import pytest

from rimlight.system.locks import LockResult, flush_to_disk, is_open_file_at, try_lock


@pytest.fixture
def two(tmp_path):
    opened = [os.open(tmp_path / "lock", os.O_RDWR | os.O_CREAT) for _ in range(2)]
    yield opened
    for each in opened:
        os.close(each)


def test_a_lock_that_another_holds_is_taken(two):
    assert [try_lock(each) for each in two] == [LockResult.ACQUIRED, LockResult.BUSY]
    assert try_lock(two[0], shared=True) is LockResult.ACQUIRED
    assert try_lock(two[1], shared=True) is LockResult.ACQUIRED


def test_what_knows_no_locks_is_not_taken_for_another_holder():
    path_only = os.open("/", os.O_PATH)  # flock answers EBADF, as it answers ENOTSUP on some disks
    assert try_lock(path_only) is LockResult.UNSUPPORTED
    os.close(path_only)


def test_what_cannot_be_written_out_is_told_from_a_failure(two):
    reader, writer = os.pipe()
    assert flush_to_disk(two[0]) and not flush_to_disk(writer)  # a pipe answers EINVAL
    for each in (reader, writer):
        os.close(each)
    with pytest.raises(OSError, match="Bad file"):
        flush_to_disk(writer)


def test_a_file_that_was_replaced_is_not_the_open_one(tmp_path, two):
    assert is_open_file_at(two[0], tmp_path / "lock")
    (tmp_path / "lock").unlink()
    assert not is_open_file_at(two[0], tmp_path / "lock")


def test_locks_and_sinks_load_without_fcntl_and_posix_flags():
    code = (
        "import os, sys\n"
        "import rimlight.core.config, cv2, av, pyvirtualcam, numpy\n"
        "sys.modules['fcntl'] = None\n"
        "for name in ('O_NOFOLLOW', 'O_NONBLOCK', 'O_CLOEXEC'): delattr(os, name)\n"
        "from rimlight.sinks import SINKS\n"
        "for name in SINKS.names(): SINKS.load(name)\n"
        "from rimlight.system.locks import LockResult, try_lock\n"
        "assert try_lock(1) is LockResult.UNSUPPORTED"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
