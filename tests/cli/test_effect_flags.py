"""Flags that add effects and key out a screen, as far as a dry run."""

import pytest

from rimlight.cli import run_words

LIVE = ["live", "--source", "test-pattern:64x48", "--sink", "null", "--dry-run"]


def test_a_green_screen_replaces_the_model_and_despills(capfd):
    assert run_words([*LIVE, "--green-screen", "0,177,64", "--background", "white"]) == 0
    said = capfd.readouterr().out
    assert "kind: chroma" in said
    assert said.index("kind: despill") < said.index("kind: replace")
    assert said.count("#00b140") == 2


def test_effects_are_put_where_they_belong(capfd):
    more = ["--effect", "hud", "--effect", "hologram", "--framing", "--mirror"]
    assert run_words([*LIVE, "--blur", "9", "--blur-shape", "lens", *more]) == 0
    said = capfd.readouterr().out
    places = [
        said.index(f"kind: {kind}") for kind in ("framing", "hologram", "blur", "flip", "hud")
    ]
    assert places == sorted(places)
    assert "shape: lens" in said


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (["--green-screen", "bluish"], "is no color"),
        (["--green-screen", "lime", "--model", "selfie"], "needs no model"),
        (["--green-screen", "gray"], "too little color"),
        (["--effect", "holo"], "unknown effect"),
        (["--match-light", "0.5"], "needs another background"),
        (["--background", "white", "--blur-shape", "lens"], "needs a blurred background"),
        (["--effect", "layer:gone.png"], "cannot be read"),
        (["--match-light", "2"], "not in the range"),
    ],
)
def test_what_cannot_be_is_one_clear_error(flags, says, capfd):
    dry = [] if "layer:gone.png" in flags else ["--dry-run"]
    assert run_words([*LIVE[:-1], *dry, *flags]) == 2
    said = capfd.readouterr().err
    assert says in said
    assert "Traceback" not in said
