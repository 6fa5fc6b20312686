"""A real X server without a screen, grabbed."""

from itertools import islice

import pytest
from xvfb import display

from rimlight.core.errors import SourceOpenError, SourceReadError
from rimlight.sources import guess_source
from rimlight.sources.screen import ScreenSource


def open_screen(**options):
    return ScreenSource(ScreenSource.Options(display=display(), rate=200, **options))


def test_the_screen_is_a_live_source_of_its_own_size():
    source = open_screen()
    assert source.info.size == (800, 600)
    assert source.info.is_live
    frames = list(islice(source, 3))
    source.close()
    assert {frame.size for frame in frames} == {(800, 600)}


@pytest.mark.parametrize(
    ("area", "says"),
    [
        ("wide", "no area of the screen"),
        ("801x600", "not within the screen of 800x600"),
        ("10x10+795+0", "not within"),
        ("0x10", "not within"),
        ("7", "no monitor 7"),
    ],
)
def test_an_area_that_is_not_there_is_one_clear_error(area, says):
    with pytest.raises(SourceOpenError, match=says):
        open_screen(area=area)


def test_a_display_that_nobody_serves_is_an_error():
    with pytest.raises(SourceOpenError, match="no screen to grab"):
        ScreenSource(ScreenSource.Options(display=":4711"))


def test_a_grab_after_closing_is_an_error_of_the_source():
    source = open_screen(area="64x48")
    frames = iter(source)
    next(frames)
    source._grab.close()
    with pytest.raises(SourceReadError, match="closed"):
        next(frames)


def test_it_is_named_by_its_kind():
    assert guess_source("screen:640x480+0+0") == {"kind": "screen", "area": "640x480+0+0"}
