"""Lets in only requests of the user's own page: loopback, own Host and Origin, and the token.

Other pages in the user's browser can send requests to 127.0.0.1, and a name of their own can lead
there (DNS rebinding). What each header is worth: OWASP, Cross-Site Request Forgery Prevention;
W3C, Fetch Metadata Request Headers.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_OWN_SITES = frozenset({"same-origin", "none"})
"""What Sec-Fetch-Site says of this server's own page, and of an address that was typed."""
_VISIT_PATH = "/open/"
_SAFE_METHODS = frozenset({"GET", "HEAD"})

SECURITY_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
        "img-src 'self' blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
"""Sent with every response: no other page may embed, read or be opened by it."""

_STALE = (
    "This panel cannot be opened with this address.\n\n"
    "It needs the one that the run printed at its start, which changes with every run:\n"
    "  rimlight ctl panel\n"
)


@dataclass(frozen=True)
class Access:
    """Who may use a server.

    Attributes:
        port: where it serves.
        token: in the address of the first visit, then in a cookie; None lets in every request of
            this machine that no other page makes.
        open_paths: what needs no token.
    """

    port: int
    token: str | None = None
    open_paths: frozenset[str] = field(default_factory=frozenset)

    @property
    def cookie(self) -> str:
        """The cookie's name; it has the port, because browsers share cookies between ports."""
        return f"rimlight-{self.port}"

    @property
    def url(self) -> str:
        """The address of the first visit."""
        base = f"http://127.0.0.1:{self.port}/"
        return f"{base}{_VISIT_PATH[1:]}{self.token}" if self.token else base

    def find_refusal(self, method: str, path: str, headers: Headers) -> str:
        """Return why a request is refused, "" if it is not."""
        host = headers.get("host", "")
        if host not in (f"127.0.0.1:{self.port}", f"localhost:{self.port}"):
            return "this server has another name"
        needs_origin = method not in _SAFE_METHODS
        if headers.get("origin", "" if needs_origin else f"http://{host}") != f"http://{host}":
            return "another page made this request"
        if headers.get("sec-fetch-site", "none") not in _OWN_SITES:
            return "another page made this request"
        if self.token is None or path in self.open_paths:
            return ""
        given = cookie_parser(headers.get("cookie", "")).get(self.cookie, "")
        return "" if self.is_token(given) else _STALE

    def is_token(self, text: str) -> bool:
        """Return True if `text` is the token, in a time that does not depend on it."""
        return secrets.compare_digest(text.encode(), (self.token or "").encode())


class Guard:
    """Refuses what `Access` does not let in, and adds `SECURITY_HEADERS` to every response.

    Args:
        app: answers the other requests.
        access: who may use it.
        on_trusted: called with the client's (address, port) when a request is let in.
    """

    def __init__(
        self, app: ASGIApp, access: Access, on_trusted: Callable[[tuple[str, int]], None]
    ) -> None:
        self._app = app
        self._access = access
        self._on_trusted = on_trusted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""

        async def send_securely(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        answer = self._answer_visit(scope) or self._refuse(scope)
        if answer is None:
            self._on_trusted(tuple(scope["client"]))
        await (answer or self._app)(scope, receive, send_securely)

    def _refuse(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        reason = self._access.find_refusal(scope["method"], scope["path"], headers)
        if not reason:
            return None
        return PlainTextResponse(f"{reason}\n", 403, headers={"Connection": "close"})

    def _answer_visit(self, scope: Scope) -> Response | None:
        """Exchange the token of the first visit for the cookie; None for other requests."""
        token = scope["path"].removeprefix(_VISIT_PATH)
        if token == scope["path"] or scope["method"] != "GET" or self._access.token is None:
            return None
        refusal = self._access.find_refusal("GET", "/", Headers(scope=scope))
        is_token = self._access.is_token(token)
        if refusal not in ("", _STALE) or (refusal and not is_token):
            return None
        answer = RedirectResponse("/", 303)
        if is_token:
            answer.set_cookie(self._access.cookie, token, httponly=True, samesite="strict")
        return answer
