"""`rimlight eval` over the real command line, with a shipped model."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from rimlight.cli import app
from rimlight.core.errors import ConfigError, SinkError


@pytest.fixture
def run():
    def invoke(*args):
        done = CliRunner().invoke(app, ["eval", *map(str, args)], env={"COLUMNS": "200"})
        if done.exception and not isinstance(done.exception, SystemExit):
            raise done.exception
        return done

    return invoke


def test_setups_are_compared_in_a_table_and_in_files(run, moving, tmp_path):
    out = {kind: tmp_path / f"out.{kind}" for kind in ("json", "html", "mp4")}
    done = run(
        moving, "--setup", "raw=selfie", "--setup", "steady=selfie+smooth+composited",
        "--limit", 20,
        "--json", out["json"], "--html", out["html"], "--video", out["mp4"],
    )  # fmt: skip
    assert done.exit_code == 0
    assert all(word in done.stdout for word in ("raw", "steady", "boundary F", "flicker"))
    raw, steady = json.loads(out["json"].read_text())["results"]
    assert raw["figures"]["pictures"] == steady["figures"]["pictures"] == 20
    assert list(steady["stages_ms"]) == ["segment", "smooth", "finish"]
    assert "<svg" in out["html"].read_text() and out["mp4"].stat().st_size > 1000


def test_without_a_setup_the_usual_model_is_measured(run, tmp_path):
    done = run("test-pattern", "--limit", 2, "--json", tmp_path / "out.json", "--quiet")
    assert done.exit_code == 0
    (result,) = json.loads((tmp_path / "out.json").read_text())["results"]
    assert result["setup"] == "auto" and result["data"] == "test-pattern"


def test_a_table_that_is_piped_says_names_whole(moving):
    names = "balanced-at-night", "balanced-by-day"
    setups = [word for name in names for word in ("--setup", f"{name}=selfie")]
    done = CliRunner().invoke(app, ["eval", str(moving), *setups, "--limit", "2"])
    assert all(name in done.stdout for name in names)


def test_classes_are_listed(run, make_folder, tmp_path):
    picture = np.random.default_rng(0).integers(0, 255, (40, 60, 3)).astype(np.uint8)
    ids = picture[..., 0] % 3 + 7
    done = run(make_folder({"a": (picture, ids)}), "--setup", "selfie", "--labels", "camvid")
    assert done.exit_code == 0 and "accuracy" in done.stdout and "pedestrian" in done.stdout


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["nowhere.mp4"], "nowhere.mp4"),
        (["test-pattern", "--setup", "a=selfie+nothing"], "unknown refiner 'nothing'"),
        (["test-pattern", "--crop", "upper-body"], "has no masks"),
    ],
)
def test_mistakes_are_named(run, args, says):
    with pytest.raises(Exception, match=says):
        run(*args)


def test_a_report_into_a_missing_folder_is_refused_before_the_run(run, tmp_path):
    with pytest.raises(SinkError, match="there is no folder"):
        run("test-pattern", "--html", tmp_path / "no" / "out.html")


def test_an_unknown_crop_is_refused(run, moving):
    with pytest.raises(ConfigError, match="unknown crop 'upper'"):
        run(moving, "--crop", "upper")
