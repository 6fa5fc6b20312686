from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from clip_maker import write_video

from rimlight.effects.loop import LoopingVideo
from rimlight.errors import ConfigError


def test_declared_colours_are_followed(tmp_path):
    bgr = []
    for matrix in (1, 5):
        path = write_video(
            tmp_path / f"{matrix}.mkv", stamps=[0], codec="libx264", colour=(matrix, 1)
        )
        video = LoopingVideo(path)
        bgr.append(video.picture(Fraction(0)).astype(int))
        video.close()
    assert np.abs(bgr[0] - bgr[1]).max() > 8


def test_a_file_that_vanishes_is_an_error_that_names_it(tmp_path):
    path = Path(write_video(tmp_path / "ten.mkv"))
    video = LoopingVideo(path)
    video.picture(Fraction(0))
    path.unlink()
    with pytest.raises(ConfigError, match=r"ten\.mkv cannot be read"):
        video.picture(Fraction(5))
