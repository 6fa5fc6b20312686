from dataclasses import replace

import cv2
import numpy as np
import pytest
from fakes import make_frame, make_info
from limits import files_of_at_most

from rimlight.core.errors import ConfigError, SinkError
from rimlight.imaging.image_files.metadata import ImageMetadata
from rimlight.imaging.image_files.read import read_image_file
from rimlight.sinks.images import ImagesSink


def save(path, *frames, info=None, **options):
    sink = ImagesSink(ImagesSink.Options(path=path, **options), info or make_info())
    for frame in frames:
        sink.write(frame)
    sink.close()


def named(name, index=0):
    return replace(make_frame(index), name=name)


def files(folder):
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


def half_clear(frame):
    alpha = np.full((48, 64), 255, np.uint8)
    alpha[:24] = 77
    return frame.with_alpha(alpha)


def test_frames_of_a_video_are_numbered(tmp_path):
    save(tmp_path / "out", make_frame(0), make_frame(7))
    assert files(tmp_path) == ["out/frame_000000.png", "out/frame_000007.png"]


def test_pictures_keep_their_names_and_folders_and_kind(tmp_path):
    save(tmp_path, named("a.jpg"), named("deep/er/b.png"), named("c.JPEG"), named("d.gif"))
    assert files(tmp_path) == ["a.jpg", "c.jpeg", "d.png", "deep/er/b.png"]


def test_a_png_is_exact(tmp_path):
    save(tmp_path, make_frame(3))
    assert (cv2.imread(str(tmp_path / "frame_000003.png")) == make_frame(3).bgr).all()


@pytest.mark.parametrize("kind", ["png", "webp"])
def test_alpha_is_in_the_file(tmp_path, kind):
    frame = half_clear(make_frame())
    save(tmp_path, frame, format=kind)
    stored = cv2.imread(str(tmp_path / f"frame_000000.{kind}"), cv2.IMREAD_UNCHANGED)
    assert (stored[..., 3] == frame.alpha).all()


def test_a_transparent_picture_becomes_png_whatever_it_was(tmp_path):
    save(tmp_path, half_clear(named("a.jpg")))
    assert files(tmp_path) == ["a.png"]


@pytest.mark.parametrize(("path", "options"), [("out", {"format": "jpg"}), ("out.jpg", {})])
def test_jpg_refuses_alpha(tmp_path, path, options):
    with pytest.raises(SinkError, match="cannot hold alpha") as caught:
        save(tmp_path / path, half_clear(make_frame()), **options)
    assert "png" in caught.value.hint
    assert files(tmp_path) == []


def test_two_pictures_that_differ_only_in_kind_are_both_kept(tmp_path):
    save(tmp_path, named("a.jpg"), named("a.png"), format="png")
    assert files(tmp_path) == ["a-2.png", "a.png"]


def test_one_picture_may_have_a_name_of_its_own(tmp_path):
    save(tmp_path / "result.webp", named("a.jpg"))
    assert files(tmp_path) == ["result.webp"]


def test_a_second_picture_under_a_single_name_is_refused(tmp_path):
    with pytest.raises(SinkError, match="more pictures than one") as caught:
        save(tmp_path / "out.png", make_frame(0), make_frame(1))
    assert str(tmp_path / "out") in caught.value.hint


def test_a_name_and_a_format_that_contradict_each_other_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="is not a webp"):
        save(tmp_path / "out.png", format="webp")


def test_a_jpeg_may_be_called_jpeg(tmp_path):
    save(tmp_path / "out.jpeg", make_frame(), format="jpg")
    assert files(tmp_path) == ["out.jpeg"]


def test_a_lower_quality_makes_a_smaller_file(tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (48, 64, 3), dtype=np.uint8)
    for quality in (20, 95):
        save(tmp_path / f"{quality}.jpg", make_frame().with_bgr(noise), quality=quality)
    assert (tmp_path / "20.jpg").stat().st_size < (tmp_path / "95.jpg").stat().st_size


@pytest.mark.parametrize("source", [".", "a.jpg"])
def test_the_input_itself_is_never_overwritten(tmp_path, source):
    (tmp_path / "a.jpg").write_bytes(b"precious")
    info = replace(make_info(), name=str(tmp_path / source), is_image_sequence=True)
    with pytest.raises(SinkError, match="is the input itself"):
        save(tmp_path, named("a.jpg"), info=info)
    assert (tmp_path / "a.jpg").read_bytes() == b"precious"


def test_a_file_in_place_of_the_folder_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(SinkError, match="is not a folder"):
        save(tmp_path / "file" / "deeper")


def test_a_full_disk_is_a_clear_error_and_leaves_nothing(tmp_path):
    with files_of_at_most(50), pytest.raises(SinkError, match="too large") as caught:
        save(tmp_path, make_frame())
    assert caught.value.hint.startswith("free some space")
    assert files(tmp_path) == []


def test_a_name_never_leads_out_of_the_folder(tmp_path):
    with pytest.raises(ValueError, match="stay in its folder"):
        save(tmp_path / "out", named("../a.png"))


def test_a_picture_that_comes_again_replaces_its_result(tmp_path):
    save(tmp_path, named("a.jpg", 0), named("a.jpg", 1), format="png")
    assert files(tmp_path) == ["a.png"]


def test_the_resolution_of_the_input_is_kept(tmp_path):
    save(tmp_path, replace(named("a.png"), metadata=ImageMetadata(dpi=(300.0, 300.0))))
    assert read_image_file(tmp_path / "a.png").metadata.dpi == pytest.approx((300, 300), abs=0.1)
