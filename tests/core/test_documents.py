"""Documents of others: within limits, and every fault is a DocumentError."""

from pathlib import Path

import pytest

from rimlight.core.documents import MAX_DEPTH, DocumentError, parse_json, parse_yaml, read_text


def bomb(levels=9, width=9):
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * width)}]" for i in range(1, levels)]
    return "\n".join(lines)


@pytest.mark.parametrize(
    "text",
    [
        bomb(),
        "[" * 3000,
        "[" * 3000 + "]" * 3000,
        "\n".join("  " * i + "k:" for i in range(2000)),
        "&a {self: *a}",
        "&a [*a]",
        "a: *nothing",
        "a: [1",
        "a: 0b_",
        "a: 0x_",
        "a: " + "9" * 5000,
        "a: \x00",
        "!!python/object/apply:os.system [ls]",
        "{[]: 1}",
        "a: !!int x",
        "a: 1\nb: 2\na: 3",
        "{x: {k: 1, k: 2}}",
        "a: !!timestamp 2024-13-01",
    ],
)
def test_hostile_yaml_is_refused_in_one_line(text):
    with pytest.raises(DocumentError) as caught:
        parse_yaml(text)
    assert "\n" not in str(caught.value)


def test_dates_stay_text():
    assert parse_yaml("a: 2024-13-01\nb: 2024-12-01") == {"a": "2024-13-01", "b": "2024-12-01"}


def test_plain_values_and_modest_aliases_are_read():
    text = "base: &b {crf: 20}\none: *b\ntwo: {<<: *b, preset: slow}\nn: 1.5\nt: true"
    assert parse_yaml(text) == {
        "base": {"crf": 20},
        "one": {"crf": 20},
        "two": {"crf": 20, "preset": "slow"},
        "n": 1.5,
        "t": True,
    }


def test_nesting_is_read_up_to_its_limit():
    deep = MAX_DEPTH - 1
    assert parse_yaml("[" * deep + "]" * deep) is not None
    with pytest.raises(DocumentError, match="deeper than"):
        parse_yaml("[" * (deep + 1) + "]" * (deep + 1))


@pytest.mark.parametrize(
    "text", ["{", "[" * 200_000, "NaN", '{"a": -Infinity}', b"\xff", "", b"\x00", "9" * 5000]
)
def test_hostile_json_is_refused(text):
    with pytest.raises(DocumentError):
        parse_json(text)


def test_json_is_read():
    assert parse_json(b'{"a": [1, 2.5, null]}') == {"a": [1, 2.5, None]}


def test_a_file_without_an_end_is_given_up_at_the_limit():
    with pytest.raises(DocumentError, match="larger than 16 MiB"):
        read_text(Path("/dev/zero"))


def test_text_with_a_byte_order_mark_is_read_without_it(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_bytes(b"\xef\xbb\xbfa: 1")
    assert parse_yaml(read_text(path)) == {"a": 1}
