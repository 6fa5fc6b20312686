"""What a run of pictures takes, by what its results are."""

import odd_pictures
import pytest

from rimlight.factory.presets import build_config


def source_of(path, *sinks, **options):
    run = build_config("process", source=str(path), sinks=sinks, source_options=options)
    return run.source.kind, run.source.given


@pytest.mark.parametrize(
    ("results", "kind"),
    [(("out.mp4",), "animation"), (("out/",), "animation"), (("out.png",), "images")],
)
def test_an_animation_is_a_film_unless_its_result_is_one_picture(tmp_path, results, kind):
    path = odd_pictures.animation(tmp_path / "a.gif")
    assert source_of(path, *results)[0] == kind


def test_a_walk_and_a_glob_pass_over_the_folders_of_their_own_results(tmp_path):
    out = f"{tmp_path}/out/"
    assert source_of(tmp_path, out, recursive=True)[1]["results"] == [out]
    assert source_of(f"{tmp_path}/**/*.jpg", out)[1]["results"] == [out]
    assert "results" not in source_of(tmp_path, out)[1]
