"""Hardware encoders: used where they are, and missed by name where they are not."""

import pytest
from fakes import make_frame, make_info

from rimlight.core.errors import ConfigError
from rimlight.sinks.video.codecs import CODECS, check_available, find_available, plan_encoding
from rimlight.sinks.video.sink import VideoSink
from rimlight.system.av import av

HARDWARE = [codec for codec in CODECS.values() if codec.vendor]
NAMES = [codec.name for codec in HARDWARE]


def write(path, codec):
    sink = VideoSink(VideoSink.Options(path=path, codec=codec), make_info((256, 256)))
    for index in range(5):
        sink.write(make_frame(index, (256, 256)))
    sink.close()


@pytest.mark.parametrize("name", NAMES)
def test_what_is_there_is_used_and_what_is_not_is_refused_by_name(tmp_path, name):
    path = tmp_path / "out.mp4"
    if name in find_available():
        write(path, name)
        with av.open(str(path)) as made:
            assert len(list(made.decode(video=0))) == 5
        return
    with pytest.raises(ConfigError, match=f"no {name} on this machine") as caught:
        write(path, name)
    assert f"or take {name.partition('-')[0]}" in caught.value.hint
    assert list(tmp_path.iterdir()) == []


def test_software_is_always_there():
    for codec in CODECS.values():
        if codec.vendor is None:
            check_available(codec)


@pytest.mark.parametrize("codec", HARDWARE, ids=NAMES)
def test_quality_and_speed_change_what_the_encoder_is_told(tmp_path, codec):
    def options(crf, preset):
        more = {"codec": codec.name, "transparent": False}
        return plan_encoding(tmp_path / "o.mp4", crf=crf, preset=preset, **more).options

    assert options(18, "slow") != options(30, "slow")
    assert options(None, "slow") == options(codec.default_crf, "slow")
    if codec.vendor != "videotoolbox":  # which has no presets
        assert options(18, "veryfast") != options(18, "veryslow")


def test_names_that_users_type_are_all_in_the_options():
    for name in NAMES:
        assert VideoSink.Options(path="o.mp4", codec=name).codec == name
