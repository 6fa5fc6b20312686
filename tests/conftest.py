"""Fixtures for every test, and two checks that no test may break: threads and error logs."""

import logging
import os
import threading
from pathlib import Path

import pytest

from rimlight.system import app_paths


@pytest.fixture(autouse=True, scope="session")
def private_state(tmp_path_factory):
    """Keep the last set-up of the person who runs the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        yield


@pytest.fixture(autouse=True)
def no_leaked_threads():
    before = set(threading.enumerate())
    yield
    leaked = [t.name for t in threading.enumerate() if t not in before and t.name.startswith("rim")]
    assert not leaked, f"threads still running after the test: {leaked}"


@pytest.fixture(autouse=True)
def no_error_logs(caplog):
    yield
    errors = [r.getMessage() for r in caplog.get_records("call") if r.levelno >= logging.ERROR]
    assert not errors, f"unexpected error logs: {errors}"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real models, data and clips; its absence skips, or fails where required."""
    folder = app_paths.find_shared_folder()
    if folder is None:
        if "shared" in os.environ.get("RIMLIGHT_REQUIRE", ""):
            pytest.fail("RIMLIGHT_REQUIRE asks for the shared folder, and there is none")
        pytest.skip("needs the shared folder of models, data and clips (RIMLIGHT_SHARED)")
    return folder
