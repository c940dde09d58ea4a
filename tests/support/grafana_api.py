"""A server that answers POST /api/dashboards/db as Grafana does, its refusals included."""

from __future__ import annotations

import json
import re
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKEN = "glsa_0123456789abcdefghijklmnopqrstuv_01234567"
VIEWER = "glsa_viewer0000000000000000000000000_76543210"
FOLDER = "fold1"


class GrafanaApi(ThreadingHTTPServer):
    """saved: dashboards by uid. strict: refuses refresh intervals under 5 s, as its versions before 7.2 did."""

    daemon_threads = True

    def __init__(self, *, path: str = "", strict: bool = False, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.path, self.strict = path, strict
        self.saved: dict[str, dict[str, Any]] = {}
        self.asked: list[dict[str, Any]] = []
        self.scheme = "http"
        if tls is not None:
            self.scheme = "https"
            self.socket = tls.wrap_socket(self.socket, server_side=True)

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.server_address[1]}{self.path}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that does not trust the certificate hangs up: nothing to print."""


class _Handler(BaseHTTPRequestHandler):
    server: GrafanaApi
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        if self.path != f"{self.server.path}/api/dashboards/db":
            self._answer(404, {"message": "Not found"})
            return
        token = self.headers.get("authorization", "").removeprefix("Bearer ")
        if token not in (TOKEN, VIEWER):
            self._answer(401, {"message": "Invalid API key"})
        elif token == VIEWER:
            self._answer(403, {"message": "You'll need additional permissions to perform this action."})
        else:
            self._save(json.loads(body))

    def _save(self, asked: dict[str, Any]) -> None:
        self.server.asked.append(asked | {"agent": self.headers.get("user-agent", "")})
        board = asked["dashboard"]
        held = self.server.saved.get(board["uid"])
        if asked.get("folderUid") not in (None, FOLDER):
            self._answer(404, {"message": "folder not found", "status": "not-found"})
        elif self.server.strict and _too_fast(board.get("refresh", "")):
            self._answer(400, {"message": "Dashboard refresh interval is too low"})
        elif held is not None and not asked["overwrite"] and board.get("version") != held["version"]:
            message = "The dashboard has been changed by someone else"
            self._answer(412, {"message": message, "status": "version-mismatch"})
        else:
            version = held["version"] + 1 if held else 1
            self.server.saved[board["uid"]] = {**board, "version": version}
            url = f"{self.server.path}/d/{board['uid']}/{re.sub('[^a-z]+', '-', board['title'].lower())}"
            self._answer(200, {"uid": board["uid"], "url": url, "status": "success", "version": version})

    def _answer(self, status: int, told: dict[str, Any]) -> None:
        raw = json.dumps(told).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


def _too_fast(refresh: str) -> bool:
    return refresh.endswith("ms") or refresh in ("1s", "2s")


@contextmanager
def serving(server: ThreadingHTTPServer) -> Iterator[Any]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
