"""A run that is gone on with makes the same masks as one that was not interrupted."""

import os
from fractions import Fraction

import numpy as np
import pytest
import yaml
from clip_maker import write_video

from rimlight.core.config import SegmenterConfig
from rimlight.core.errors import SourceReadError
from rimlight.core.frame import Frame, Mask
from rimlight.factory import resume
from rimlight.factory.pipeline import open_pipeline
from rimlight.factory.presets import build_config
from rimlight.factory.segment_state import PerSegmentSegmenter
from rimlight.refiners.restarts import RestartingRefiner
from rimlight.refiners.smooth import SmoothRefiner
from rimlight.sinks.video.segment_index import is_partial_result
from rimlight.system import app_paths
from rimlight.system.fingerprints import compute_fingerprint

RATE = 10


def masked(count):
    rng = np.random.default_rng(3)
    for index in range(count):
        frame = Frame.from_bgr(
            np.zeros((8, 8, 3), np.uint8), index=index, pts=Fraction(index, RATE), captured_at=0.0
        )
        yield Mask(rng.random((6, 6, 1), np.float32), ("person",)), frame


def restarting():
    return RestartingRefiner(
        lambda: [SmoothRefiner(SmoothRefiner.Options())],
        segment_s=Fraction(3),
        warm_s=Fraction(1),
    )


def refined(pairs):
    refiner = restarting()
    return {frame.pts: refiner.refine(mask, frame).data.copy() for mask, frame in pairs}


def test_masks_after_a_break_are_those_of_an_unbroken_run():
    pairs = list(masked(100))
    whole, rest = refined(pairs), refined([pairs[0], *pairs[50:]])
    assert all(np.array_equal(rest[pts], whole[pts]) for pts in rest if pts >= 6)


def test_a_segment_begins_with_what_was_before_it():
    pairs = list(masked(31))
    plain = SmoothRefiner(SmoothRefiner.Options())
    smooth = [plain.refine(mask, frame).data.copy() for mask, frame in pairs]
    raw = pairs[30][0].data
    segmented = refined(pairs)[Fraction(3)]
    assert np.abs(segmented - smooth[30]).max() < np.abs(segmented - raw).max() / 10


class Counting:
    """Its masks tell how many frames it has seen."""

    def __init__(self):
        self.seen = 0

    def segment(self, frame):
        self.seen += 1
        return Mask(np.full((2, 2, 1), self.seen / 100, np.float32), ("person",))

    def close(self): ...


def test_a_segmenter_that_follows_starts_anew_with_each_segment():
    segmenter = PerSegmentSegmenter(Counting, segment_s=Fraction(3))
    seen = [round(segmenter.segment(f).data[0, 0, 0] * 100) for _, f in masked(65)]
    assert seen == [*range(1, 31), *range(1, 31), *range(1, 6)]


@pytest.mark.parametrize(
    ("options", "starts_anew"),
    [
        ({}, False),
        ({"roi": "track"}, True),
        ({"alternate": True}, True),
        ({"motion_gate": True}, True),
    ],
)
def test_models_that_remember_frames_start_anew_with_each_segment(clip, options, starts_anew):
    config = config_for(clip)
    part = SegmenterConfig(kind="model", **options)
    opened = resume.open_segmenter(config.model_copy(update={"segmenter": part}), Counting)
    assert isinstance(opened, PerSegmentSegmenter) == starts_anew


@pytest.fixture
def clip(tmp_path):
    return write_video(tmp_path / "in.mp4", codec="libx264", stamps=range(0, 2000, 40))


WHITE = ({"kind": "replace", "background": "white"},)


def config_for(clip, segmenter=None, effects=WHITE, **more):
    config = build_config(
        "process", source=str(clip), sinks=[str(clip.with_name("out.mp4"))],
        segmenter=segmenter or {"kind": "threshold"}, effects=effects,
        options={"video": {"resume": "auto", **more}},
    )  # fmt: skip
    return resume.assign_run_ids(config)


def name_of(config):
    return config.sinks[0].options.resume


def test_a_run_is_known_again_by_input_and_settings(clip):
    assert name_of(config_for(clip)) == name_of(config_for(clip, overwrite=False))
    assert name_of(config_for(clip)) != name_of(config_for(clip, crf=40))
    before = name_of(config_for(clip))
    write_video(clip, codec="libx264", stamps=range(0, 1000, 40))
    assert name_of(config_for(clip)) != before


def test_a_run_is_another_when_its_model_card_or_background_changes(clip, tmp_path):
    shipped, own = app_paths.find_data_folder("models"), tmp_path / "own"
    own.mkdir()
    card = yaml.safe_load((shipped / "selfie.yaml").read_text())
    file = own / "mine.tflite"
    file.write_bytes((shipped / card["files"][0]["file"]).read_bytes())

    def name(edges=(0.0, 1.0), model="mine", picture=b"one"):
        (tmp_path / "bg.jpg").write_bytes(picture)
        text = yaml.safe_dump({**card, "name": "mine", "alpha_range": list(edges),
                               "files": [{"file": file.name}]})  # fmt: skip
        (own / "mine.yaml").write_text(text)
        os.utime(tmp_path / "bg.jpg", ns=(1, 1))
        return name_of(
            config_for(
                clip,
                segmenter={"kind": "model", "model": model, "models_dir": str(own)},
                effects=[{"kind": "replace", "background": str(tmp_path / "bg.jpg")}],
            )
        )

    assert name() == name()
    assert name() != name(edges=(0.9, 1.0))
    assert name() != name(picture=b"two")
    by_file = name(model=str(file))
    assert by_file != name(model=str(file), edges=(0.9, 1.0))
    before = name()
    file.write_bytes(file.read_bytes() + b"\0")
    assert name() != before


def test_bytes_changed_in_the_middle_make_another_file(tmp_path):
    file = tmp_path / "in.bin"
    content = bytearray(os.urandom(1 << 20))
    file.write_bytes(content)
    before = compute_fingerprint(file)
    content[70_000:-70_000:997] = bytes(len(content[70_000:-70_000:997]))
    file.write_bytes(content)
    assert compute_fingerprint(file)[0] == before[0] and compute_fingerprint(file) != before


def test_numbered_objects_and_streams_are_written_in_one_go(clip):
    tracked = build_config(
        "process", source=str(clip), sinks=["o.mp4"], segmenter={"kind": "threshold"},
        effects=[{"kind": "replace", "background": "white"}],
        options={"video": {"resume": "auto"}}, settings=["refiners=[{kind: track}]"],
    )  # fmt: skip
    assert name_of(config_for(clip)) is not None
    assert name_of(resume.assign_run_ids(tracked)) is None


def test_plain_runs_keep_their_refiners_as_they_are(clip):
    config = config_for(clip, resume=None)
    assert [type(one) for one in resume.open_refiners(config)] == [SmoothRefiner]


def test_all_frames_come_out_of_a_run_in_segments(clip):
    with open_pipeline(config_for(clip, segment_s=1)) as run:
        assert run.pipeline.run().frames == 50
    assert not clip.with_name(".out.mp4.rimlight").exists()


def test_an_input_that_grows_while_it_is_read_gives_a_part_and_the_next_run_starts_over(clip):
    def grow(_):
        with clip.open("ab") as file:
            file.write(b"more")

    config = config_for(clip, overwrite=False)
    with (
        pytest.raises(SourceReadError, match="changed while it was read"),
        open_pipeline(config, on_frame=grow) as run,
    ):
        run.pipeline.run()
    assert is_partial_result(clip.with_name("out.mp4"))
    with open_pipeline(config_for(clip, overwrite=False)) as run:
        assert "starting over" in run.notes[0]
        assert run.pipeline.run().frames == 50
    assert not clip.with_name(".out.mp4.rimlight").exists()


def test_frames_are_counted_with_those_of_the_earlier_run(clip):
    def stop(frame):
        if frame.pts >= 1.5:
            run.pipeline.stop()

    with open_pipeline(config_for(clip, segment_s=1), on_frame=stop) as run:
        run.pipeline.run()
        assert resume.is_unfinished(run.source, run.sinks, cut_short=False)
    with open_pipeline(config_for(clip, segment_s=1)) as run:
        stats = resume.count_frames(run.pipeline.run(), run.sinks)
    assert (stats.earlier, stats.frames) == (25, 25)
