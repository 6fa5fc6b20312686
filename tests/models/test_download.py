import hashlib
import random
import threading

import pytest
from server import Site, serving

from rimlight.core.errors import ConfigError, ModelError, ModelFormatError, ModelNotFoundError
from rimlight.core.model_card import ModelCard
from rimlight.models import download as pulling
from rimlight.models.download import pull_model

BODY = random.Random(0).randbytes(300_000)
MORE = random.Random(1).randbytes(5_000)


@pytest.fixture
def site():
    with serving(Site({"/m.tflite": BODY, "/m.bin": MORE})) as running:
        yield running


def entry(site, name, body):
    digest = hashlib.sha256(body).hexdigest()
    url = f"{site.address}/{name}"
    return {"file": name, "sha256": digest, "size_bytes": len(body), "url": url}


def card(site, *, both=False, body=BODY, **changes):
    files = [entry(site, "m.tflite", body), *([entry(site, "m.bin", MORE)] if both else [])]
    data = {
        "name": "m",
        "files": files,
        "input": {"size": [8, 8]},
        "output": {"kind": "probability"},
        "classes": ["person"],
        "foreground": ["person"],
    }
    return ModelCard.model_validate(data | changes)


def fetch(model, cache, **more):
    return pull_model(model, cache=cache, **({"accept_license": False} | more))


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_the_file_arrives_whole_under_its_name(site, tmp_path):
    path = fetch(card(site), tmp_path / "deep" / "cache")
    assert path == tmp_path / "deep" / "cache" / "m.tflite" and path.read_bytes() == BODY
    assert names(path.parent) == ["m.tflite"]


def test_all_files_of_a_model_are_fetched(site, tmp_path):
    assert fetch(card(site, both=True), tmp_path).name == "m.tflite"
    assert names(tmp_path) == ["m.bin", "m.tflite"]


def test_progress_counts_all_files_together_and_never_falls(site, tmp_path):
    seen = []
    fetch(card(site, both=True), tmp_path, progress=lambda done, total: seen.append((done, total)))
    total = len(BODY) + len(MORE)
    assert {each[1] for each in seen} == {total} and seen[-1][0] == total
    assert [each[0] for each in seen] == sorted(each[0] for each in seen)


def test_a_file_that_is_here_is_not_fetched_again(site, tmp_path):
    fetch(card(site), tmp_path)
    fetch(card(site), tmp_path)
    assert len(site.asked) == 1


def test_a_damaged_file_in_the_cache_is_replaced(site, tmp_path):
    (tmp_path / "m.tflite").write_bytes(b"damaged")
    assert fetch(card(site), tmp_path).read_bytes() == BODY


def test_a_broken_off_transfer_says_so_and_leaves_no_file_of_the_final_name(site, tmp_path):
    site.break_after = 100_000
    with pytest.raises(ModelError, match="ended after 100000 of 300000") as caught:
        fetch(card(site), tmp_path)
    assert "resumes where it stopped" in caught.value.hint
    assert names(tmp_path) == ["m.tflite.part"]


def test_a_broken_off_transfer_goes_on_where_it_stopped(site, tmp_path):
    site.break_after = 100_000
    with pytest.raises(ModelError):
        fetch(card(site), tmp_path)
    site.break_after = None
    assert fetch(card(site), tmp_path).read_bytes() == BODY
    assert site.asked == [None, "bytes=100000-"]


def test_a_server_that_cannot_resume_sends_all_of_it(site, tmp_path):
    (tmp_path / "m.tflite.part").write_bytes(BODY[:1000])
    site.ranges = False
    assert fetch(card(site), tmp_path).read_bytes() == BODY


def test_two_who_fetch_one_file_share_it(site, tmp_path):
    done = []
    both = [
        threading.Thread(target=lambda: done.append(fetch(card(site), tmp_path).read_bytes()))
        for _ in range(4)
    ]
    for each in both:
        each.start()
    for each in both:
        each.join()
    assert done == [BODY] * 4
    assert len(site.asked) == 1 and names(tmp_path) == ["m.tflite"]


@pytest.mark.parametrize("wrong", [BODY[::-1], BODY + b"more"])
def test_wrong_bytes_are_deleted(site, tmp_path, wrong):
    site.files["/m.tflite"] = wrong
    with pytest.raises(ModelFormatError, match="does not match the checksum of the card"):
        fetch(card(site), tmp_path)
    assert names(tmp_path) == []


def test_an_address_that_is_gone_is_named_with_the_place_for_the_file(site, tmp_path):
    del site.files["/m.tflite"]
    with pytest.raises(ModelNotFoundError, match=r"/m\.tflite: Not Found") as caught:
        fetch(card(site), tmp_path)
    assert str(tmp_path / "m.tflite") in caught.value.hint


def test_without_network_the_hint_says_where_to_put_the_file(tmp_path):
    with serving(Site({})) as gone:
        model = card(gone)
    with pytest.raises(ModelNotFoundError, match="Connection refused") as caught:
        fetch(model, tmp_path)
    assert model.files[0].url in str(caught.value)
    assert f"put it at {tmp_path / 'm.tflite'}" in caught.value.hint


def test_without_network_the_hint_names_the_proxy_that_is_asked(tmp_path, monkeypatch):
    with serving(Site({})) as gone:
        model = card(gone)
    host = model.files[0].url.split("/")[2].split(":")[0]
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    with pytest.raises(ModelNotFoundError) as caught:
        fetch(model, tmp_path)
    assert f"proxy in http_proxy: check that, or set no_proxy={host}" in caught.value.hint
    monkeypatch.setenv("no_proxy", host)
    with pytest.raises(ModelNotFoundError) as caught:
        fetch(model, tmp_path)
    assert "proxy" not in caught.value.hint


def test_a_license_that_needs_consent_is_not_fetched_without_it(site, tmp_path):
    with pytest.raises(ConfigError, match=r"licensed under AGPL-3\.0") as caught:
        fetch(card(site, consent=True, license="AGPL-3.0"), tmp_path)
    assert "--accept-license" in caught.value.hint and site.asked == []


def test_with_consent_it_is_fetched(site, tmp_path):
    model = card(site, consent=True, license="AGPL-3.0")
    assert fetch(model, tmp_path, accept_license=True).is_file()


def test_a_card_without_an_address_says_where_the_model_comes_from(site, tmp_path):
    model = card(site, files=[{"file": "m.tflite"}], origin="my own disk")
    with pytest.raises(ModelNotFoundError, match="no url") as caught:
        fetch(model, tmp_path)
    assert "my own disk" in caught.value.hint


def test_a_folder_that_cannot_be_made_is_a_clear_error(site, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ModelError, match="cannot write to"):
        fetch(card(site), tmp_path / "file" / "cache")


def test_a_redirect_on_the_web_is_followed(site, tmp_path):
    site.files["/n.tflite"] = BODY
    site.moved["/m.tflite"] = f"{site.address}/n.tflite"
    assert fetch(card(site), tmp_path).read_bytes() == BODY


@pytest.mark.parametrize("kind", ["ftp", "file", "data"])
def test_a_redirect_away_from_the_web_is_refused(site, tmp_path, kind):
    site.moved["/m.tflite"] = f"{kind}://127.0.0.1:9/m.tflite"
    with pytest.raises(ModelNotFoundError, match=f"(?i)redirection to .*{kind}"):
        fetch(card(site), tmp_path)
    assert names(tmp_path) == []


@pytest.mark.parametrize("part", ["headers", "body"])
def test_a_server_that_trickles_is_given_up(site, tmp_path, monkeypatch, part):
    monkeypatch.setattr(pulling, "_MIN_TIMEOUT_S", 0.2)
    monkeypatch.setattr(pulling, "_MIN_BYTES_PER_S", 1e9)
    site.trickles = part
    with pytest.raises(ModelError, match="too slow") as caught:
        fetch(card(site), tmp_path)
    assert "resumes where it stopped" in caught.value.hint
