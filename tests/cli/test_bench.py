"""`rimlight bench` measures what it says it does; the figures themselves are nobody's to assert."""

import json

import pytest

RATIOS = {
    "frame_over_invoke_720p", "frame_over_invoke_1080p", "blur_over_invoke_720p",
    "blur_over_invoke_1080p", "plain_over_fast_720p", "process_over_codec_720p",
}  # fmt: skip


@pytest.mark.slow
def test_all_ratios_are_written_and_a_table_is_shown(rimlight, tmp_path):
    done = rimlight("bench", "--quick", "--memory", "200", "--json", "b.json", timeout=300)
    assert done.returncode == 0, done.stderr
    report = json.loads((tmp_path / "b.json").read_text())
    assert set(report["ratios"]) >= RATIOS
    assert all(value > 0 for value in report["ratios"].values())
    assert (
        report["costs"]["720p"]["picture"]["cpu_ms"] > report["costs"]["720p"]["invoke"]["cpu_ms"]
    )
    assert len(report["memory"]["quarters_mb"]) == 4
    assert "frame_over_invoke_720p" in done.stdout


def test_a_clip_that_is_none_is_refused(refused):
    refused("bench", "nothing.mp4", "--quick", code=3, says="nothing.mp4", hint="")


def test_a_peer_that_does_not_start_is_refused(refused):
    refused(
        "bench",
        "--quick",
        "--mediapipe-python",
        "no-python",
        code=2,
        says="no-python",
        hint="mediapipe",
    )


def test_nothing_is_measured_for_figures_that_have_no_place(refused):
    refused("bench", "--json", "nowhere/b.json", code=5, says="no folder nowhere", hint="mkdir")
