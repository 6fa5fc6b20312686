import pytest
from rich.table import Table

from rimlight.cli.console import console, make_table_console

NAME = "\x1b[2Ja.mp4\x07"
ESCAPED = "\\x1b[2Ja.mp4\\x07"


def test_the_name_of_a_file_cannot_steer_the_terminal():
    with console.capture() as told:
        console.print(f"failed: {NAME}")
    assert "\x1b" not in told.get() and ESCAPED in told.get()


def test_the_name_of_a_file_cannot_forge_a_line():
    with console.capture() as told:
        console.print("done: a\nerror: b.mp4")
    assert told.get() == "done: a\\nerror: b.mp4\n"


def test_a_card_cannot_steer_the_terminal_from_a_table():
    table, out = Table("license", box=None), make_table_console()
    table.add_row(NAME)
    with out.capture() as told:
        out.print(table)
    assert "\x1b" not in told.get() and ESCAPED in told.get()


@pytest.mark.parametrize("command", ["process", "batch"])
def test_a_warning_about_a_file_is_one_line_without_control_characters(rimlight, tmp_path, command):
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "\x1b[2Jforged\nerror: line.jpg").write_bytes(b"no picture")
    told = rimlight(command, folder, "-b", "white", "-o", f"{tmp_path}/out/").stderr
    assert "\x1b" not in told and "\nerror: line" not in told
    assert "\\x1b[2Jforged\\nerror: line.jpg" in told
