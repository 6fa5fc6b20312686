"""A real HTTP server on this machine that can do what real ones do, and fail as they fail."""

import threading
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Site:
    """What the server gives and what it was asked.

    Attributes:
        files: path -> bytes.
        break_after: close the connection after so many bytes of a body; None to send all.
        ranges: answer Range requests with the part asked for.
        moved: path -> the address that it redirects to.
        trickles: "body" or "headers" to send these without end, a byte at a time.
        asked: the Range header of each request, None where there was none.
    """

    def __init__(self, files, break_after=None, ranges=True):
        self.files, self.break_after, self.ranges, self.asked = files, break_after, ranges, []
        self.address, self.moved, self.trickles = "", {}, ""


@contextmanager
def serving(site):
    """Serve `site` until the block ends; `site.address` is its base URL."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(site))
    server.daemon_threads = False
    site.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), name="site")
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(site):
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked = self.headers["Range"]
            site.asked.append(asked)
            if self.path in site.moved:
                self.send_response(302)
                self.send_header("Location", site.moved[self.path])
                self.end_headers()
                return
            if site.trickles == "headers":
                self._trickle(b"HTTP/1.1 200 OK\r\nX: ")
                return
            if self.path not in site.files:
                self.send_error(404)
                return
            body, start = site.files[self.path], 0
            if asked and site.ranges:
                start = int(asked.removeprefix("bytes=").removesuffix("-"))
            self.send_response(206 if start else 200)
            self.send_header("Content-Length", str(len(body) - start))
            self.end_headers()
            if site.trickles == "body":
                self._trickle()
                return
            end = None if site.break_after is None else start + site.break_after
            self.wfile.write(body[start:end])

        def _trickle(self, first=b""):
            """Send a byte every twentieth second until the other side has gone."""
            self.wfile.write(first)
            self.connection.settimeout(0.05)
            with suppress(OSError):
                while True:
                    self.wfile.write(b"x")
                    with suppress(TimeoutError):
                        if not self.connection.recv(1):
                            return

        def log_message(self, format, *args): ...

    return Handler
