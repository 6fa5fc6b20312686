import configparser
import shlex
import shutil
import subprocess

import pytest

from rimlight.core.errors import ConfigError, SinkError
from rimlight.doctor import service

PROGRAM = ("/usr/bin/python3", "-m", "rimlight")


def read(text):
    found = configparser.ConfigParser(interpolation=None, strict=False)
    found.optionxform = str
    found.read_string(text)
    return found


def test_the_unit_starts_the_run_that_was_asked_for():
    unit = read(service.make_unit(["--background", "/home/me/my office.jpg"], PROGRAM))
    words = shlex.split(unit["Service"]["ExecStart"])
    assert words == [*PROGRAM, "live", "--background", "/home/me/my office.jpg"]


@pytest.mark.parametrize("word", ["#00ff00", "50%", "a$b", 'say "x"', "back\\slash", "a;b", ""])
def test_words_with_signs_of_systemd_reach_the_run_as_they_are(word):
    unit = service.make_unit([word], PROGRAM)
    line = next(line for line in unit.splitlines() if line.startswith("ExecStart="))
    seen = shlex.split(line.removeprefix("ExecStart="))[-1]
    assert seen.replace("%%", "%").replace("$$", "$") == word


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd-analyze")
def test_systemd_takes_the_unit(tmp_path):
    path = tmp_path / service.UNIT
    path.write_text(service.make_unit(["--blur", "20"], ("/bin/true",)))
    done = subprocess.run(
        ["systemd-analyze", "--user", "verify", path], capture_output=True, text=True, check=False
    )
    assert service.UNIT not in done.stderr


def test_installing_and_removing_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    written = service.install(["--blur", "20"])
    assert all(path.is_file() for path in written)
    assert set(service.uninstall()) == set(written)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_unit_that_cannot_be_removed_is_said_so(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    service.get_unit_path().mkdir(parents=True)
    with pytest.raises(SinkError, match=r"cannot write .*rimlight\.service"):
        service.uninstall()


def test_the_desktop_entry_can_cover_everything():
    entry = read(service.make_desktop_entry(PROGRAM))
    assert entry["Desktop Action panic"]["Exec"] == "/usr/bin/python3 -m rimlight ctl panic"


def test_the_menu_entry_opens_the_panel_under_the_icon_that_is_installed(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    service.install([])
    entry = read(service.get_desktop_path().read_text())["Desktop Entry"]
    assert entry["Exec"].endswith("-m rimlight panel")
    assert service.get_icon_path().stem == entry["Icon"]
    assert service.get_icon_path().read_text().startswith("<svg")


def test_the_unit_starts_after_the_pipewire_of_the_session():
    unit = read(service.make_unit([], PROGRAM))["Unit"]
    assert "pipewire.service" in unit["After"].split()
    assert unit["Wants"] == "pipewire.service"


def test_a_word_with_a_line_break_stays_one_word_of_the_unit():
    unit = service.make_unit(["--source", "a\nExecStartPre=/bin/evil\r"], PROGRAM)
    assert list(read(unit)["Service"]).count("ExecStartPre") == 0
    assert r'"a\x0aExecStartPre=/bin/evil\x0d"' in unit


def test_a_name_that_is_no_utf_8_reaches_the_run_byte_by_byte():
    assert r'"caf\xe9.mp4"' in service.make_unit(["caf\udce9.mp4"], PROGRAM)


@pytest.mark.parametrize(
    ("word", "entry"),
    [
        ("/opt/py(3)/python", '"/opt/py(3)/python"'),
        ("/opt/it's/python", '"/opt/it\'s/python"'),
        ("/opt/a>b/python", '"/opt/a>b/python"'),
        ("/opt/a$b/python", r'"/opt/a\\$b/python"'),
        ("/opt/a`b/python", r'"/opt/a\\`b/python"'),
        ("/opt/50%/python", "/opt/50%%/python"),
    ],
)
def test_the_desktop_entry_quotes_what_its_specification_reserves(word, entry):
    assert f"Exec={entry} ctl panic" in service.make_desktop_entry([word])


def test_a_path_that_no_menu_entry_can_name_is_refused():
    with pytest.raises(ConfigError, match=r"cannot start '/opt/a\\nb'"):
        service.make_desktop_entry(["/opt/a\nb"])


def test_nobody_else_can_read_the_unit(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    service.get_unit_path().parent.mkdir(parents=True)
    service.get_unit_path().touch(mode=0o644)
    unit, *_ = service.install(["--source", "rtsp://me:s3cr3t@cam/x"])
    assert unit.stat().st_mode & 0o777 == 0o600
    assert "s3cr3t" in unit.read_text()
