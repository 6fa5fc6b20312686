"""Requests as a browser, another page or an attacker would send them, over real sockets."""

import http.client
import json
import socket
from contextlib import closing


class Answer:
    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()

    @property
    def json(self):
        return json.loads(self.body)


class Browser:
    """Sends what the panel's own page would; each request may differ in some headers."""

    def __init__(self, port, token=None):
        self.port = port
        self.headers = {"Host": f"127.0.0.1:{port}"}
        if token:
            self.headers["Cookie"] = f"rimlight-{port}={token}"

    def ask(self, path, method="GET", body=None, **headers):
        """Return the answer; a header given as None is left out."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        fields = {k: v for k, v in (self.headers | given).items() if v is not None}
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)) as link:
            link.request(method, path, body, fields)
            return Answer(link.getresponse())

    def command(self, *words, **headers):
        origin = {"Origin": f"http://127.0.0.1:{self.port}"}
        body = json.dumps({"command": words})
        return self.ask("/command", "POST", body, **(origin | headers))


def speak(port, data, timeout=15.0):
    """Send raw bytes; return what comes back until the server hangs up."""
    got = b""
    with socket.create_connection(("127.0.0.1", port), timeout=timeout) as link:
        try:
            link.sendall(data)
            while more := link.recv(1 << 16):
                got += more
        except (ConnectionError, TimeoutError):
            pass
    return got
