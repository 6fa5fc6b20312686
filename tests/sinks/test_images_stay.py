"""Pictures of others stay: the sink replaces what it made, and nothing else."""

import os
from dataclasses import replace

import numpy as np
import pytest
from fakes import make_frame, make_info

from rimlight.core.errors import PartialOutputError, SinkError
from rimlight.sinks.images import ImagesSink


def opened(path, names=(), **options):
    pictures = tuple((name, path.parent / "in" / name) for name in names)
    info = replace(make_info(), is_image_sequence=bool(names), image_paths=pictures)
    return ImagesSink(ImagesSink.Options(path=path, **options), info)


def named(name, index=0):
    return replace(make_frame(index), name=name)


def files(folder):
    return sorted(p.name for p in folder.rglob("*") if p.is_file())


def wide(name):
    pixels = np.zeros((2, 16384, 3), np.uint8)
    return replace(make_frame().with_bgr(pixels), name=name)


@pytest.mark.parametrize("make", [lambda p: p.write_text("mine"), lambda p: p.symlink_to("gone")])
def test_a_file_of_somebody_else_is_refused_before_any_work(tmp_path, make):
    make(tmp_path / "b.png")
    with pytest.raises(SinkError, match=r"b\.png exists") as caught:
        opened(tmp_path, ["a.jpg", "b.jpg"], format="png")
    assert "overwrite=true" in caught.value.hint and len(os.listdir(tmp_path)) == 1


def test_it_is_replaced_where_that_is_asked_for(tmp_path):
    (tmp_path / "a.png").write_text("mine")
    sink = opened(tmp_path, ["a.png"], overwrite=True)
    sink.write(named("a.png"))
    sink.close()
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


def test_a_file_that_comes_during_the_run_stays(tmp_path):
    sink = opened(tmp_path, ["a.png", "b.png"])
    (tmp_path / "a.png").write_text("mine")
    sink.write(named("a.png"))
    sink.write(named("b.png", 1))
    with pytest.raises(PartialOutputError, match=r"1 of 2 pictures .*a\.png exists"):
        sink.close()
    assert (tmp_path / "a.png").read_text() == "mine"


def test_a_run_that_broke_off_may_be_given_again(tmp_path):
    names = ["a.png", "b.png"]
    sink = opened(tmp_path, names)
    sink.write(named("a.png"))
    sink.abort()
    again = opened(tmp_path, names)
    for name in names:
        again.write(named(name))
    again.close()
    assert files(tmp_path) == names


def test_what_somebody_changed_since_is_theirs(tmp_path):
    sink = opened(tmp_path, ["a.png", "b.png"])
    sink.write(named("a.png"))
    sink.abort()
    (tmp_path / "a.png").write_text("changed")
    with pytest.raises(SinkError, match=r"a\.png exists"):
        opened(tmp_path, ["a.png", "b.png"])


def test_two_runs_do_not_write_the_same_results_at_once(tmp_path):
    one = opened(tmp_path, ["a.png", "b.png"])
    one.write(named("a.png"))
    with pytest.raises(SinkError, match="another run is writing"):
        opened(tmp_path, ["a.png", "b.png"])
    one.abort()


def test_a_record_that_is_a_link_is_not_followed(tmp_path):
    sink = opened(tmp_path / "out", ["a.png", "b.png"])
    sink.write(named("a.png"))
    sink.abort()
    (record,) = (tmp_path / "out").glob(".rimlight-*")
    victim = tmp_path / "victim"
    victim.write_text("mine")
    record.unlink()
    record.symlink_to(victim)
    with pytest.raises(SinkError):
        opened(tmp_path / "out", ["a.png", "b.png"])
    assert victim.read_text() == "mine"


def test_frames_are_not_laid_among_those_of_another_film(tmp_path):
    (tmp_path / "frame_000007.png").write_text("of another film")
    with pytest.raises(SinkError, match=r"frame_000007\.png exists"):
        opened(tmp_path)


def test_frames_are_not_scattered_among_other_files(tmp_path):
    (tmp_path / "letter.txt").write_text("mine")
    with pytest.raises(SinkError, match=r"holds other files, such as letter\.txt") as caught:
        opened(tmp_path)
    assert "frames/" in caught.value.hint


def test_older_frames_that_stay_are_told_of(tmp_path, caplog):
    for index in range(4):
        (tmp_path / f"frame_{index:06d}.png").write_text("old")
    sink = opened(tmp_path, overwrite=True)
    sink.write(make_frame(0))
    sink.close()
    assert "3 frames of another run stay" in caplog.text and "frame_000003.png" in caplog.text


def test_a_picture_that_cannot_be_written_is_left_out_and_named(tmp_path):
    sink = opened(tmp_path, ["a.png", "b.png", "c.png"], format="webp")
    for frame in (named("a.png"), wide("b.png"), named("c.png", 2)):
        sink.write(frame)
    with pytest.raises(
        PartialOutputError, match=r"1 of 3 .*b\.webp .*16384x2: webp ends at 16383"
    ) as e:
        sink.close()
    assert "png" in e.value.hint and {"a.webp", "c.webp"} <= set(files(tmp_path))


def test_alpha_that_a_jpeg_cannot_hold_costs_that_picture_only(tmp_path):
    clear = named("b.png").with_alpha(np.zeros((48, 64), np.uint8))
    sink = opened(tmp_path, ["a.png", "b.png"], format="jpg")
    sink.write(named("a.png"))
    sink.write(clear)
    with pytest.raises(PartialOutputError, match=r"b\.jpg cannot hold alpha"):
        sink.close()
    assert "a.jpg" in files(tmp_path)


def test_the_input_is_never_replaced_not_even_by_another_name(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.png").write_text("mine")
    os.link(tmp_path / "in" / "a.png", tmp_path / "b.png")
    with pytest.raises(SinkError, match="is the input itself"):
        opened(tmp_path / "b.png", ["a.png"], overwrite=True)
