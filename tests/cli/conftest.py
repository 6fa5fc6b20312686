import os
import subprocess
import sys

import pytest

from rimlight.system import app_paths


@pytest.fixture
def rimlight(tmp_path):
    """Run the command line as a user would; give the finished process."""

    def run(*args, cwd=tmp_path, env=None, timeout=120, stdin=subprocess.DEVNULL, text=True):
        return subprocess.run(
            [sys.executable, "-m", "rimlight", *map(str, args)],
            cwd=cwd,
            env={**os.environ, "DISPLAY": "", "WAYLAND_DISPLAY": "", **(env or {})},
            capture_output=True,
            text=text,
            timeout=timeout,
            stdin=stdin,
            check=False,
        )

    return run


@pytest.fixture
def refused(rimlight, tmp_path):
    """Run a command that must fail: one error line, one hint, its exit code, no result left."""

    def run(*args, code, says, hint, leaves=(), **more):
        before = set(tmp_path.rglob("*"))
        done = rimlight(*args, **more)
        lines = done.stderr.strip().splitlines()
        assert done.returncode == code, done.stderr
        assert "Traceback" not in done.stderr
        errors = [line for line in lines if line.startswith("error: ")]
        assert len(errors) == 1, done.stderr
        assert says in errors[0], done.stderr
        hints = [line for line in lines if line.startswith("hint: ")]
        assert hints and hint in hints[0], done.stderr
        left = {str(p.relative_to(tmp_path)) for p in set(tmp_path.rglob("*")) - before}
        assert left == set(leaves)
        return done

    return run


@pytest.fixture(scope="session")
def clip():
    """The shipped clip of a person."""
    return app_paths.find_data_folder("samples") / "portrait.mp4"
