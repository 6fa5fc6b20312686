"""Files are whole or not there; pipes, devices and links stay what they are."""

import os
import threading
from pathlib import Path

import cv2
import numpy as np
import pytest

from rimlight.core.errors import ConfigError, ModelError, SinkError
from rimlight.sinks.output_paths import check_report
from rimlight.system.atomic_io import (
    GENERATOR,
    atomic_write,
    create_partial_file,
    is_own_report,
    make_folder,
    make_hidden_name,
    move_into_place,
    open_text,
    sign_png,
    translate_os_errors,
    write_text,
)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "a.json"
    path.write_text("before")
    return path


def test_a_text_takes_the_place_of_what_was_there(file):
    write_text(file, "größer")
    assert file.read_text(encoding="utf-8") == "größer"
    assert os.listdir(file.parent) == ["a.json"]


def write_half(path, broken):
    with atomic_write(path) as part:
        part.write_text("half")
        raise broken


def test_a_name_that_is_no_text_breaks_no_report(file):
    write_text(file, "caf\udce9.mp4")
    assert file.read_text() == "caf?.mp4"


@pytest.mark.parametrize("broken", [KeyboardInterrupt, ValueError, OSError(28, "disk full")])
def test_a_block_that_breaks_off_leaves_what_was_there_and_nothing_else(file, broken):
    with pytest.raises((KeyboardInterrupt, ValueError, SinkError)):
        write_half(file, broken)
    assert file.read_text() == "before"
    assert os.listdir(file.parent) == ["a.json"]


def test_the_part_keeps_the_suffix_by_which_libraries_choose_a_format(tmp_path):
    with atomic_write(tmp_path / "best.keras") as part:
        assert part.suffix == ".keras" and part.parent == tmp_path
        part.touch()


def test_what_cannot_be_written_is_an_error_of_the_callers_choice(tmp_path):
    with pytest.raises(ModelError, match=r"cannot write .*no/a: No such file") as caught:
        write_text(tmp_path / "no" / "a", "", ModelError)
    assert "another location" in caught.value.hint


def test_an_error_that_says_already_what_was_wrong_stays_as_it_is(file):
    with pytest.raises(SinkError, match=r"^the sink's own$"), atomic_write(file):
        raise SinkError("the sink's own")
    with pytest.raises(ConfigError, match="a key"), translate_os_errors(file):
        raise ConfigError("a key is wrong")


def test_a_folder_takes_no_text(tmp_path):
    with pytest.raises(SinkError, match="cannot write"):
        write_text(tmp_path, "")


def test_a_folder_below_a_file_cannot_be_made(file):
    with pytest.raises(SinkError, match=r"cannot create .*below"):
        make_folder(file / "below")


def test_a_pipe_stays_one(tmp_path):
    pipe, heard = tmp_path / "pipe", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: heard.append(pipe.read_text()), daemon=True)
    reader.start()
    check_report(pipe)
    write_text(pipe, "through")
    reader.join()
    assert heard == ["through"] and pipe.is_fifo()


def test_a_link_is_replaced_and_what_it_leads_to_stays(file, tmp_path):
    link = tmp_path / "link"
    link.symlink_to(file)
    write_text(link, "after")
    assert file.read_text() == "before" and link.read_text() == "after"
    assert sorted(os.listdir(tmp_path)) == ["a.json", "link"]


def test_the_output_of_a_shell_that_goes_to_a_file_is_written_to(tmp_path):
    with (tmp_path / "out").open("w") as out:
        write_text(Path(f"/proc/self/fd/{out.fileno()}"), "through")
    assert (tmp_path / "out").read_text() == "through"


def test_an_unfinished_file_has_a_name_that_cannot_be_foretold(tmp_path):
    one, two = create_partial_file(tmp_path / "a.mp4"), create_partial_file(tmp_path / "a.mp4")
    assert one != two and one.suffix == two.suffix == ".mp4"
    assert one.name.startswith(".a.") and one.read_bytes() == b""


@pytest.mark.parametrize("name", ["b" * 251 + ".mp4", "é" * 127, "b." + "c" * 253])
def test_each_legal_name_can_be_written(tmp_path, name):
    write_text(tmp_path / name, "whole")
    assert os.listdir(tmp_path) == [name]
    long = make_hidden_name(tmp_path / name, ".rimlight")
    assert len(os.fsencode(long)) <= 255 and long == make_hidden_name(tmp_path / name, ".rimlight")


def test_the_companion_of_a_short_name_says_whose_it_is(tmp_path):
    assert make_hidden_name(tmp_path / "a.mp4", ".rimlight") == ".a.mp4.rimlight"


@pytest.mark.parametrize("make", [Path.touch, lambda path: path.symlink_to("nowhere")])
def test_what_has_a_name_keeps_it(tmp_path, make):
    part, path = create_partial_file(tmp_path / "a"), tmp_path / "a"
    make(path)
    with pytest.raises(FileExistsError):
        move_into_place(part, path, overwrite=False)
    assert part.exists() and os.path.lexists(path)


@pytest.mark.parametrize("overwrite", [True, False])
def test_a_finished_file_gets_its_name(tmp_path, overwrite):
    move_into_place(create_partial_file(tmp_path / "a"), tmp_path / "a", overwrite=overwrite)
    assert os.listdir(tmp_path) == ["a"]


def test_a_device_that_is_full_is_said_so_and_stays(tmp_path):
    link = tmp_path / "full"
    link.symlink_to("/dev/full")
    check_report(link)
    with pytest.raises(SinkError, match="No space left"):
        write_text(link, "too much")
    assert os.listdir(tmp_path) == ["full"] and link.is_symlink()


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        (f"<!doctype html><html><meta charset=utf-8>{GENERATOR}", True),
        ("<!doctype html><p>made with rimlight", False),
        ('{\n "made_by": "rimlight",\n "frames": 3}', True),
        ('{"name": "rimlight"}', False),
        ('{"frame": 0, "time_s": 0.0, "name": "a.jpg", "objects": []}\n', True),
        ("time_s,road,objects\n0.0,0.5,\n", True),
        ("time_s,temperature\n", False),
        ("", False),
    ],
)
def test_a_report_of_ours_is_known_by_how_it_begins(tmp_path, text, is_one):
    (tmp_path / "report").write_text(text)
    assert is_own_report(tmp_path / "report") is is_one
    (tmp_path / "link").symlink_to("report")
    assert not is_own_report(tmp_path / "link")


def test_a_picture_says_that_it_is_ours_and_stays_one(tmp_path):
    pixels = np.zeros((3, 4, 3), np.uint8)
    plain = cv2.imencode(".png", pixels)[1].tobytes()
    for name, data in (("ours.png", sign_png(plain)), ("theirs.png", plain)):
        (tmp_path / name).write_bytes(data)
        assert cv2.imread(str(tmp_path / name)).shape == pixels.shape
    assert is_own_report(tmp_path / "ours.png") and not is_own_report(tmp_path / "theirs.png")


def test_a_growing_text_follows_no_link(file, tmp_path):
    link = tmp_path / "link"
    link.symlink_to(file)
    with open_text(link) as text:
        text.write("after")
    assert file.read_text() == "before" and link.read_text() == "after"
