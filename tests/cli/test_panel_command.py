import pytest
from live_program import PATTERN, Program

from rimlight.cli import run_words


@pytest.mark.slow
def test_the_panel_starts_the_last_set_up_and_is_found_again(tmp_path):
    program = Program(tmp_path)
    with program.start("live", *PATTERN, "--panel", "--panel-port", "0"):
        assert program.control("background", "#00ff00")["ok"]
    with program.start("panel", "--no-browser") as url:
        again = program.call("panel", "--no-browser")
        assert (again.returncode, again.stdout.strip()) == (0, url)
        assert program.control("status")["status"]["background"] == "#00ff00"


def test_a_folder_that_is_gone_is_named(tmp_path, monkeypatch, capfd):
    for name in ("STATE_HOME", "RUNTIME_DIR"):
        monkeypatch.setenv(f"XDG_{name}", str(tmp_path))
    (tmp_path / "rimlight").mkdir()
    run = "{source: {kind: test-pattern}, segmenter: {kind: threshold}, sinks: [{kind: 'null'}]}"
    text = f"folder: {tmp_path}/gone\nrun: {run}\n"
    (tmp_path / "rimlight" / "last-live.yaml").write_text(text)
    assert run_words(["panel", "--no-browser"]) == 2
    said = capfd.readouterr().err
    assert f"{tmp_path}/gone" in said and "rimlight live --panel" in said
