"""Addresses as they may be shown: without passwords, tokens and other secrets in them."""

from __future__ import annotations

import re

HIDDEN = "***"
"""What stands in place of a secret."""

ENCODE = "percent-encode signs such as @ / : # ? % in user and password (@ is %40, / is %2F)"
"""The hint for an address whose password breaks it."""

_SCHEME = re.compile(r"[A-Za-z][\w+.-]*://")
_HOST = re.compile(r"(?:\[[^\]]*\]|[^:\[\]]*)(?P<port>:\d*)?")
_EMBEDDED = re.compile(r"[A-Za-z][\w+.-]*://\S+")
_CLOSING = re.compile(r"[\])}>'\":,.;]*$")
_END = r"(?=&|%26|_(?:password|channel|stream|port|type)=|$)"
_SECRET = (
    r"[\w.-]*(?:pass(?:word|wd|phrase)?|passw|pwd|psw|token|secret|sig(?:nature)?|credentials?"
    r"|api_?key|auth\w*)"
)
_PATH_KEY = re.compile(rf"(?i)((?:{_SECRET}|[\w.-]*key|user(?:name)?|usr|login)(?:=|%3d)).*?{_END}")
_PLAIN_KEY = re.compile(rf"(?i)({_SECRET}(?:=|%3d))[^&;\s'\"]*")
_PLAIN_USER = re.compile(
    r"(?<![\w.:@-])((?:(?:rtsp|http|rtmp|srt|udp|tcp|ftp)s?:/?)?)[^\s:/@'\"]+:[^\s/'\"]*@(?=[\w\[])"
)


def hide_secrets(address: str) -> str:
    """Return an address or a path without its secrets, for messages, logs and reports.

    User and password go, up to the last @ before the host ends (a password may hold @ and /). The
    values of a query or fragment become ***, and so do those of keys such as `password=` in a path,
    as cameras have them. A prefix such as "video:" stays; local paths lose `password=...` only.
    """
    found = _SCHEME.search(address)
    if not found:
        return _hide_plain(address)
    rest = _without_user(address[found.end() :])
    place = re.match(r"[^?#]*", rest)
    path = place[0] if place else ""
    return address[: found.end()] + _PATH_KEY.sub(rf"\1{HIDDEN}", path) + _query(rest[len(path) :])


def hide_secrets_in(text: str) -> str:
    """Return a text in which every address is without its secrets; see `hide_secrets`."""
    if "://" not in text and "@" not in text and "=" not in text and "%3" not in text:
        return text
    pieces, at = [], 0
    for found in _EMBEDDED.finditer(text):
        closing = _CLOSING.search(found[0])
        end = found.end() - (len(closing[0]) if closing else 0)
        pieces += [_hide_plain(text[at : found.start()]), hide_secrets(text[found.start() : end])]
        at = end
    return "".join([*pieces, _hide_plain(text[at:])])


def _without_user(rest: str) -> str:
    """Return what follows "://", without the user information."""
    at = rest.rfind("@")
    authority = re.split(r"[/?#\\]", rest, maxsplit=1)[0]
    if at < 0 or "@" in authority:
        return rest[at + 1 :]
    host = _HOST.fullmatch(authority)
    path, _, query = rest.partition("?")
    in_query = "@" not in path and "/" in path and "=" in query
    # host:8080/... may be a user with the password "8080/...": rather too much is hidden.
    is_host = host is not None and (host["port"] is None or in_query)
    return rest if is_host else rest[at + 1 :]


def _query(text: str) -> str:
    """Return a query and fragment with their keys only."""
    return re.sub(r"([?#&;])([^?#&;=]*=(?=[^=?#&;]))?[^?#&;]+", rf"\1\2{HIDDEN}", text)


def _hide_plain(text: str) -> str:
    """Return a text without "://", in which secrets are hidden that stand there all the same."""
    return _PLAIN_USER.sub(r"\1", _PLAIN_KEY.sub(rf"\1{HIDDEN}", text))
