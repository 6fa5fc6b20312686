"""`rimlight redact` over the real command line, with the shipped detector on real faces."""

import shutil

import cv2
import numpy as np
import pytest
from clip_maker import packet_times
from media_files import sound_packets
from PIL import Image

CARD = """name: broken
files: [{file: broken.tflite}]
input: {size: [192, 192], fit: letterbox}
output: {kind: anchors, anchors: [[48, 1]]}
classes: [face]
foreground: [face]
"""


@pytest.fixture(scope="module")
def short(clip, tmp_path_factory):
    """The first second of the sample, with its sound and a place in its tags."""
    import av

    path = tmp_path_factory.mktemp("short") / "short.mp4"
    with av.open(str(clip)) as source, av.open(str(path), "w") as target:
        target.metadata.update({"location": "+52.5+013.4/", "title": "a walk", "make": "Cam"})
        streams = {s: target.add_stream_from_template(s) for s in source.streams}
        for packet in source.demux():
            if packet.dts is not None and packet.pts * packet.time_base < 1:
                packet.stream = streams[packet.stream]
                target.mux(packet)
    return path


def decoded(path):
    """Every picture, uint8 BGR."""
    import av

    with av.open(str(path)) as film:
        return [picture.to_ndarray(format="bgr24") for picture in film.decode(video=0)]


def is_face_at(picture, box):
    """Whether the detector finds a face whose center lies in `box`."""
    centers = [((b[0] + b[2]) / 2, (b[1] + b[3]) / 2) for b in find_face(picture)]
    return any(box[0] < x < box[2] and box[1] < y < box[3] for x, y in centers)


def find_face(picture):
    """Return the shipped detector's boxes in pixels of a picture."""
    from fakes import make_frame

    from rimlight.redaction.models import open_detectors

    size = picture.shape[1::-1]
    detectors = open_detectors(["blazeface"], threads=1)
    found = detectors.detect(make_frame(0, size).with_bgr(picture))
    detectors.close()
    return (found.boxes * [*size, *size]).astype(int)


def test_faces_of_a_film_are_covered_and_times_and_sound_are_kept(rimlight, short, tmp_path):
    done = rimlight("redact", short, "-o", "out.mp4", "--style", "fill")
    assert done.returncode == 0, done.stderr
    before, after = decoded(short), decoded(tmp_path / "out.mp4")
    assert len(before) == len(after)
    assert packet_times(short) == packet_times(tmp_path / "out.mp4")
    assert len(sound_packets(tmp_path / "out.mp4")) == len(sound_packets(short))
    for old, new in zip(before[::10], after[::10], strict=True):
        (left, top, right, bottom), *_ = find_face(old)
        assert new[top:bottom, left:right].max(axis=2).mean() < 20
        assert is_face_at(old, (left, top, right, bottom))
        assert not is_face_at(new, (left, top, right, bottom))
        assert np.abs(old[-40:].astype(int) - new[-40:]).mean() < 8


def test_place_title_and_camera_are_in_the_film_only_if_asked_for(rimlight, short, tmp_path):
    import av

    for flags, name in (((), "plain.mp4"), (("--keep-metadata",), "kept.mp4")):
        done = rimlight("redact", short, "-o", name, "--audio", "none", *flags)
        assert done.returncode == 0, done.stderr
    with av.open(str(tmp_path / "plain.mp4")) as plain, av.open(str(tmp_path / "kept.mp4")) as kept:
        assert not {"title", "make", "location"} & set(plain.metadata)
        assert kept.metadata["title"] == "a walk" and not kept.streams.audio


def test_photos_lose_their_metadata_and_faces(rimlight, clip, tmp_path):
    photos = tmp_path / "photos"
    photos.mkdir()
    picture = decoded(clip)[0]
    exif = Image.Exif()
    exif[0x010F] = "CameraMaker"
    exif.get_ifd(0x8825)[1] = "N"
    Image.fromarray(picture[..., ::-1]).save(photos / "a.jpg", exif=exif)
    cv2.imwrite(str(photos / "empty.png"), np.full((64, 96, 3), 90, np.uint8))
    done = rimlight("redact", "photos", "-o", "shared", "--shape", "box", "--style", "pixelate")
    assert done.returncode == 0, done.stderr
    assert b"CameraMaker" in (photos / "a.jpg").read_bytes()
    assert b"CameraMaker" not in (tmp_path / "shared/a.jpg").read_bytes()
    shared = cv2.imread(str(tmp_path / "shared/a.jpg"))
    assert not is_face_at(shared, find_face(picture)[0])
    assert (cv2.imread(str(tmp_path / "shared/empty.png")) == 90).all()


def test_a_folder_with_films_and_photos_gives_one_result_for_each(rimlight, short, clip, tmp_path):
    mixed = tmp_path / "mixed"
    mixed.mkdir()
    shutil.copy(short, mixed / "walk.mp4")
    cv2.imwrite(str(mixed / "a.png"), decoded(clip)[0])
    done = rimlight("redact", "mixed", "-o", "shared", "-q")
    assert done.returncode == 0, done.stderr
    names = sorted(p.name for p in (tmp_path / "shared").iterdir() if not p.name.startswith("."))
    assert names == ["a.png", "walk.mp4"]


def test_nothing_is_written_if_the_detector_fails(refused, short, tmp_path):
    (tmp_path / "broken.yaml").write_text(CARD)
    (tmp_path / "broken.tflite").write_bytes(b"no model")
    args = ("redact", short, "-o", "out.mp4", "--model", "broken.yaml")
    refused(*args, code=4, says="broken.tflite", hint="")


def test_a_result_that_exists_is_not_replaced(refused, short, tmp_path):
    (tmp_path / "out.mp4").write_bytes(b"mine")
    refused("redact", short, "-o", "out.mp4", code=5, says="exists", hint="--overwrite")
    assert (tmp_path / "out.mp4").read_bytes() == b"mine"


def test_a_camera_is_refused_because_a_film_is_searched_first(refused):
    refused("redact", "/dev/video0", "-o", "out.mp4", code=2, says="searched", hint="live")


def test_what_no_installed_model_finds_is_refused_with_the_model_that_does(
    refused, short, tmp_path
):
    refused(
        *("redact", short, "-o", "out.mp4", "--what", "face,unicorn"),
        code=2,
        says="unicorn",
        hint="rimlight models pull",
        env={"XDG_CACHE_HOME": str(tmp_path / "none")},
    )


def test_a_check_finds_what_is_visible_and_not_what_is_covered(rimlight, short, tmp_path):
    done = rimlight("redact", short, "-o", "out.mp4", "--style", "fill", "--report", "made.html")
    assert done.returncode == 0, done.stderr
    assert "frames with something held" in (tmp_path / "made.html").read_text()
    done = rimlight("redact", "--check", short, "--report", "check.html")
    assert done.returncode == 1 and "visible in 30 of 30 frames" in done.stderr
    assert (tmp_path / "check.html").is_file()


def test_a_redaction_without_an_output_is_refused(refused, short):
    refused("redact", short, code=2, says="no output", hint="-o")


def test_a_damaged_file_of_a_folder_does_not_stop_the_others(rimlight, short, tmp_path):
    mixed = tmp_path / "mixed"
    mixed.mkdir()
    (mixed / "a.jpg").write_bytes(b"\xff\xd8\xff torn")
    (mixed / "b.mp4").write_bytes(b"no film")
    shutil.copy(short, mixed / "walk.mp4")
    done = rimlight("redact", "mixed", "-o", "shared", "-q")
    assert done.returncode == 3
    assert "a.jpg" in done.stderr and "b.mp4" in done.stderr
    assert len(decoded(tmp_path / "shared/walk.mp4")) == len(decoded(short))
    assert not (tmp_path / "shared/b.mp4").exists()


def test_a_check_of_a_folder_searches_its_films_too(rimlight, short, tmp_path):
    mixed = tmp_path / "mixed"
    mixed.mkdir()
    shutil.copy(short, mixed / "walk.mp4")
    cv2.imwrite(str(mixed / "empty.png"), np.full((64, 96, 3), 90, np.uint8))
    done = rimlight("redact", "--check", "mixed")
    assert done.returncode == 1
    assert "mixed: the second look found nothing visible in 1 frames" in done.stderr
    assert "walk.mp4: something may be visible in 30 of 30 frames" in done.stderr


def test_a_check_with_an_output_is_refused(refused, short):
    refused("redact", "--check", short, "-o", "out.mp4", code=2, says="--check", hint="leave out")


def test_a_mask_model_that_would_cover_nothing_is_refused(refused, short):
    args = ("redact", short, "-o", "out.mp4", "--model", "selfie")
    refused(*args, code=2, says="'selfie' is not used", hint="--what face,person")


def test_a_redaction_of_nothing_is_refused(refused, short):
    refused("redact", short, "-o", "out.mp4", "--what", "", code=2, says="nothing", hint="--what")


def test_photos_that_cannot_keep_their_metadata_say_so(rimlight, tmp_path):
    cv2.imwrite(str(tmp_path / "a.png"), np.full((64, 96, 3), 90, np.uint8))
    done = rimlight("redact", "a.png", "-o", "b.png", "--keep-metadata")
    assert done.returncode == 0 and "photos lose their metadata" in done.stderr
