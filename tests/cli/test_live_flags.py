import pytest

from rimlight.cli import run_words
from rimlight.core.errors import ConfigError
from rimlight.live.quality import parse_cpu_share
from rimlight.system.cpu import count_usable_cores


def test_a_share_of_a_processor_is_said_in_either_way():
    assert [parse_cpu_share(text) for text in ("40%", "0.4")] == [0.4, 0.4]


@pytest.mark.parametrize("text", ["", "%", "half", "0", "-40%", "nan", "inf"])
def test_what_is_no_share_is_refused(text):
    with pytest.raises(ConfigError, match="share of one core"):
        parse_cpu_share(text)


def test_more_than_all_processors_is_refused_as_it_would_hold_nothing():
    with pytest.raises(ConfigError, match="up to"):
        parse_cpu_share(str(count_usable_cores() + 1))


def test_a_dry_run_looks_at_the_background(tmp_path, capfd):
    behind = tmp_path / "gone.png"
    code = run_words(["live", "--source", "test-pattern:64x48", "-b", str(behind), "--dry-run"])
    assert code == 2
    assert f"there is no background '{behind}'" in capfd.readouterr().err
