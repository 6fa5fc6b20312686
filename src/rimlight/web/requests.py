"""Reads what a page sends, within limits."""

from __future__ import annotations

import json

from starlette.requests import ClientDisconnect, Request


async def read_body(request: Request, max_bytes: int) -> bytes:
    """Return the body of a request.

    Raises:
        ValueError: it is longer than `max_bytes`, or the client leaves.
    """
    announced = request.headers.get("content-length", "0")
    if announced.isdecimal() and int(announced) > max_bytes:
        raise ValueError(f"more than {max_bytes} bytes")
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > max_bytes:
                raise ValueError(f"more than {max_bytes} bytes")
    except ClientDisconnect as exc:
        raise ValueError("the client has left") from exc
    return bytes(body)


def parse_command(body: bytes) -> list[str]:
    """Return the words of {"command": ["blur", "20"]}.

    Raises:
        ValueError: `body` is something else.
    """
    try:
        words = json.loads(body)["command"]
    except (ValueError, KeyError, TypeError, RecursionError):
        words = None
    if not (isinstance(words, list) and words and all(isinstance(word, str) for word in words)):
        raise ValueError('must be {"command": ["panic"]}')
    return words
