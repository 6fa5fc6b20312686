"""Passwords and tokens in addresses, and that no command shows them."""

import pytest
from typer.testing import CliRunner

from rimlight.batch.plan import Task
from rimlight.cli import app
from rimlight.cli.road import make_title
from rimlight.core import addresses
from rimlight.core.errors import ConfigError
from rimlight.media.container import MediaLocation

HOST = "127.0.0.1:9"
WITH_SECRETS = {
    f"rtsp://me:s3cr3t@{HOST}/x": f"rtsp://{HOST}/x",
    f"rtsp://me:p@s3cr3t@{HOST}/x": f"rtsp://{HOST}/x",
    f"rtsp://me:a/s3cr3t@{HOST}/x": f"rtsp://{HOST}/x",
    f"rtsp://me:12/s3cr3t@{HOST}/x": f"rtsp://{HOST}/x",
    f"rtsp://me:12?s3cr3t=1@{HOST}/x": f"rtsp://{HOST}/x",
    f"rtsp://me:a#s3cr3t@{HOST}/x": f"rtsp://{HOST}/x",
    f"rtsp://me:a?s3cr3t@{HOST}/x": f"rtsp://{HOST}/x",
    f"HTTP://me:s3cr3t@{HOST}/x": f"HTTP://{HOST}/x",
    f"http://{HOST}/x?token=s3cr3t&n=s3cr3t": f"http://{HOST}/x?token=***&n=***",
    f"http://{HOST}/x?s3cr3t": f"http://{HOST}/x?***",
    f"http://{HOST}/x?s3cr3t==": f"http://{HOST}/x?***",
    f"http://{HOST}/x#key=s3cr3t": f"http://{HOST}/x#key=***",
    f"rtsp://{HOST}/user=me&password=s3cr3t": f"rtsp://{HOST}/user=***&password=***",
    f"rtsp://{HOST}/user=me_password=s3cr3t_channel=1": (
        f"rtsp://{HOST}/user=***_password=***_channel=1"
    ),
    f"rtsp://{HOST}/user%3Dme%26password%3Ds3cr3t": f"rtsp://{HOST}/user%3D***%26password%3D***",
    f"video:http://me:s3cr3t@{HOST}/x.mp4": f"video:http://{HOST}/x.mp4",
    f"me:s3cr3t@{HOST}/x": f"{HOST}/x",
    f"{HOST}/user=me&password=s3cr3t": f"{HOST}/user=me&password=***",
}
PLAIN = (
    "rtsp://[::1]:554/x",
    "https://video.example/@me/v.mp4",
    "s3://talks/date=2026-01-01/a.mp4",
    "images:photos/@eaDir/a.jpg",
    "a=b.mp4",
    "C:/x@y.mp4",
    "/dev/video0",
)


@pytest.mark.parametrize(("address", "shown"), WITH_SECRETS.items())
def test_an_address_is_shown_without_its_secrets(address, shown):
    assert addresses.hide_secrets(address) == shown


@pytest.mark.parametrize("address", PLAIN)
def test_an_address_without_secrets_is_shown_as_it_is(address):
    assert addresses.hide_secrets(address) == address
    assert MediaLocation.parse(address).address.endswith(address)


@pytest.mark.parametrize("address", WITH_SECRETS)
def test_no_error_holds_a_secret(address):
    exc = ConfigError(f"cannot open {address!r}: it is gone", hint=f"try {address}, or another")
    assert "s3cr3t" not in f"{exc} {exc.args} {exc.hint}"
    assert str(exc).endswith("': it is gone")


@pytest.mark.parametrize(
    "words",
    [
        ["process", "ADDRESS", "-b", "white", "-o", "OUT/o.mp4"],
        ["process", "ADDRESS", "-b", "white", "-o", "OUT/o.mp4", "--dry-run"],
        ["process", "ADDRESS", "-b", "ADDRESS", "-o", "OUT/o.mp4"],
        ["live", "--source", "ADDRESS", "--blur", "20", "--sink", "null", "--dry-run"],
        ["road", "ADDRESS", "--report", "OUT/r"],
        ["objects", "ADDRESS", "--json", "OUT/j"],
        ["eval", "ADDRESS"],
        ["batch", "ADDRESS", "-b", "white", "-o", "OUT/b"],
        ["service", "show", "--", "--source", "ADDRESS"],
    ],
    ids=lambda words: " ".join(words[:2] + words[-1:]),
)
def test_no_command_shows_a_secret(words, tmp_path):
    for address in list(WITH_SECRETS)[1::4]:
        said = [word.replace("ADDRESS", address).replace("OUT", str(tmp_path)) for word in words]
        done = CliRunner().invoke(app, said)
        hint = getattr(done.exception, "hint", "")
        shown = f"{done.output} {done.stderr} {done.exception} {hint}"
        assert "s3cr3t" not in shown, shown


def test_a_report_is_not_called_by_a_password():
    assert make_title(["http://me:a/s3cr3t@cam/drive.mp4"]) == "drive.mp4"
    assert make_title(["http://me:s3cr3t@cam", "b"]) == "cam and 1 more"


def test_a_manifest_tells_addresses_apart_without_their_secrets():
    first, second = (Task(f"http://h/get?id=s3cr3t{n}", "o.mp4", "video").shown for n in (1, 2))
    assert first != second
    assert "s3cr3t" not in first + second
    assert Task("a.mp4", "o.mp4", "video").shown == "a.mp4"


def test_the_hint_for_a_stream_tells_of_percent_encoding():
    done = CliRunner().invoke(
        app, ["process", "rtsp://a:b@127.0.0.1:9/x", "-b", "white", "-o", "o.mp4"]
    )
    assert "%40" in done.exception.hint
