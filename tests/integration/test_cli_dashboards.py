"""`beastmode-otel dashboards`, against a server that answers as Grafana does."""

from __future__ import annotations

import json
import socket
import ssl
import subprocess
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from opentelemetry.instrumentation.utils import is_instrumentation_enabled

from beastmode_otel.cli import main
from beastmode_otel.router.upstream import library
from beastmode_otel.telemetry.suppress import is_ours
from support.grafana_api import FOLDER, TOKEN, VIEWER, GrafanaApi, serving
from support.panels import boards

UIDS = {"beastmode-overview", "beastmode-models", "beastmode-cache", "beastmode-errors"}
Capture = pytest.CaptureFixture[str]


@pytest.fixture
def grafana(monkeypatch: pytest.MonkeyPatch) -> Iterator[GrafanaApi]:
    monkeypatch.setenv("GRAFANA_TOKEN", TOKEN)
    with serving(GrafanaApi()) as running:
        yield running


def push(server: GrafanaApi, *more: str) -> int:
    return main(["dashboards", "push", "--url", server.url, *more])


# list and export


def test_list_names_them_the_overview_first(capsys: Capture) -> None:
    assert main(["dashboards", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert {line.split()[0] for line in lines} == UIDS
    assert lines[0].startswith("beastmode-overview ")


def test_list_as_json(capsys: Capture) -> None:
    assert main(["dashboards", "list", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["dashboards"]
    assert {one["uid"] for one in told} == UIDS
    assert all(one["title"] and one["about"] and one["file"].endswith(".json") for one in told)


def test_export_writes_them_as_they_are(tmp_path: Path, capsys: Capture) -> None:
    folder = tmp_path / "new" / "folder"
    assert main(["dashboards", "export", str(folder)]) == 0
    written = {path.stem: json.loads(path.read_text("utf-8")) for path in folder.iterdir()}
    assert written == boards()
    assert sorted(capsys.readouterr().out.split()) == sorted(map(str, folder.iterdir()))


def test_export_for_another_log_store(tmp_path: Path) -> None:
    assert main(["dashboards", "export", str(tmp_path), "--logs", "victorialogs"]) == 0
    assert {path.stem: json.loads(path.read_text("utf-8")) for path in tmp_path.iterdir()} == boards("victorialogs")


def test_a_log_store_that_there_is_no_flavour_for(tmp_path: Path, capsys: Capture) -> None:
    assert main(["dashboards", "export", str(tmp_path), "--logs", "splunk"]) == 2
    assert "'loki', 'victorialogs'" in capsys.readouterr().err


@pytest.mark.parametrize(("said", "refresh"), [("30s", "30s"), ("never", "")])
def test_export_with_another_refresh(tmp_path: Path, said: str, refresh: str) -> None:
    assert main(["dashboards", "export", str(tmp_path), "--refresh", said]) == 0
    assert {json.loads(path.read_text("utf-8"))["refresh"] for path in tmp_path.iterdir()} == {refresh}


def test_what_is_no_interval_is_wrong_usage(tmp_path: Path, capsys: Capture) -> None:
    assert main(["dashboards", "export", str(tmp_path), "--refresh", "fast"]) == 2
    assert "not an interval" in capsys.readouterr().err


def test_a_folder_that_cannot_be_made(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "file").write_text("")
    assert main(["dashboards", "export", str(tmp_path / "file")]) == 1
    assert "cannot be written" in capsys.readouterr().err


# push


def test_push_saves_them_all_and_says_where(grafana: GrafanaApi, capsys: Capture) -> None:
    assert push(grafana, "--folder", FOLDER) == 0
    assert set(grafana.saved) == UIDS
    assert {asked["folderUid"] for asked in grafana.asked} == {FOLDER}
    assert all(asked["agent"].startswith("beastmode-otel/") for asked in grafana.asked)
    assert all(asked["dashboard"]["id"] is None for asked in grafana.asked)
    lines = capsys.readouterr().out.split()
    assert lines[0] == f"{grafana.url}/d/beastmode-overview/beastmode-overview"
    assert len(lines) == 4


def test_push_for_another_log_store(grafana: GrafanaApi) -> None:
    assert push(grafana, "--logs", "victorialogs") == 0
    variables = grafana.saved["beastmode-errors"]["templating"]["list"]
    assert [one["query"] for one in variables if one["name"] == "victorialogs"] == ["victoriametrics-logs-datasource"]


def test_push_as_json(grafana: GrafanaApi, capsys: Capture) -> None:
    assert push(grafana, "--json") == 0
    pushed = json.loads(capsys.readouterr().out)["pushed"]
    assert {one["uid"] for one in pushed} == UIDS
    assert all(one["url"].startswith(f"{grafana.url}/d/") for one in pushed)


def test_a_grafana_below_a_path(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    monkeypatch.setenv("GRAFANA_TOKEN", TOKEN)
    with serving(GrafanaApi(path="/grafana")) as server:
        assert main(["dashboards", "push", "--url", f"{server.url}/"]) == 0
        assert capsys.readouterr().out.startswith(f"{server.url}/d/beastmode-overview/")


def test_one_that_refuses_fast_refresh_gets_a_slower_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRAFANA_TOKEN", TOKEN)
    with serving(GrafanaApi(strict=True)) as server:
        assert push(server) == 0
        assert {board["refresh"] for board in server.saved.values()} == {"5s"}


def test_what_was_changed_there_is_not_replaced_unless_asked_for(grafana: GrafanaApi, capsys: Capture) -> None:
    assert push(grafana) == 0
    changed = grafana.saved["beastmode-overview"]
    changed["version"], changed["title"] = 7, "ours now"
    assert push(grafana) == 1
    told = capsys.readouterr().err
    assert "412" in told
    assert "changed by someone else" in told
    assert "--overwrite" in told
    assert grafana.saved["beastmode-overview"]["title"] == "ours now"
    assert push(grafana, "--overwrite") == 0
    assert grafana.saved["beastmode-overview"]["title"] == "beastmode / Overview"


@pytest.mark.parametrize(
    ("token", "status", "hint"),
    [("glsa_wrong", "401: Invalid API key", "Service accounts"), (VIEWER, "403: You'll need", "role Editor")],
    ids=["401", "403"],
)
def test_a_token_that_will_not_do(grafana: GrafanaApi, capsys: Capture, token: str, status: str, hint: str) -> None:
    assert push(grafana, "--token", token) == 1
    told = capsys.readouterr()
    assert status in told.err
    assert hint in told.err
    assert token not in told.err + told.out
    assert not grafana.saved


def test_no_token_at_all_is_wrong_usage(grafana: GrafanaApi, monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    monkeypatch.delenv("GRAFANA_TOKEN")
    assert push(grafana) == 2
    assert "GRAFANA_TOKEN" in capsys.readouterr().err


@pytest.mark.parametrize("token", ["glsa two", "glsa\u2013dash", "a\x07b"])
def test_what_is_no_token_is_not_sent(grafana: GrafanaApi, token: str, capsys: Capture) -> None:
    assert push(grafana, "--token", token) == 2
    assert token not in capsys.readouterr().err
    assert not grafana.asked


def test_a_token_from_a_file_keeps_working_with_its_newline(grafana: GrafanaApi) -> None:
    assert push(grafana, "--token", f"{TOKEN}\n") == 0


def test_an_unknown_folder(grafana: GrafanaApi, capsys: Capture) -> None:
    assert push(grafana, "--folder", "nowhere") == 1
    told = capsys.readouterr().err
    assert "404: folder not found" in told
    assert "folder's uid" in told


def test_an_address_that_is_no_grafana(grafana: GrafanaApi, capsys: Capture) -> None:
    assert main(["dashboards", "push", "--url", f"{grafana.url}/other"]) == 1
    assert "is this Grafana's own URL" in capsys.readouterr().err


@pytest.mark.parametrize("url", ["localhost:3000", "ftp://x", "http://", "http://[", "http://a/?b=c"])
def test_what_is_no_address(monkeypatch: pytest.MonkeyPatch, capsys: Capture, url: str) -> None:
    monkeypatch.setenv("GRAFANA_TOKEN", TOKEN)
    assert main(["dashboards", "push", "--url", url]) == 1
    assert "is not the address of a Grafana" in capsys.readouterr().err


def test_a_password_in_the_address_is_refused_and_not_repeated(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setenv("GRAFANA_TOKEN", TOKEN)
    assert main(["dashboards", "push", "--url", "http://admin:hunter22@127.0.0.1:9"]) == 1
    assert "hunter22" not in capsys.readouterr().err


def test_nobody_is_there(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    monkeypatch.setenv("GRAFANA_TOKEN", TOKEN)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        assert main(["dashboards", "push", "--url", f"http://127.0.0.1:{taken.getsockname()[1]}"]) == 1
    told = capsys.readouterr().err
    assert "connection_refused" in told
    assert "is Grafana running there" in told


class LoginPage(BaseHTTPRequestHandler):
    """What a proxy in front of Grafana says to whom it does not know."""

    location = "http://127.0.0.1:9/login?redirect=secret"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        if self.server.server_address and self.path.startswith("/html"):
            page = b"<html>Sign in</html>"
            self.send_response(200)
            self.send_header("content-length", str(len(page)))
            self.end_headers()
            self.wfile.write(page)
            return
        self.send_response(302)
        self.send_header("location", self.location)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@pytest.mark.parametrize(
    ("path", "told"),
    [("", "sends us on to http://127.0.0.1:9/login"), ("/html", "but not as Grafana does")],
    ids=["redirect", "page"],
)
def test_a_login_page_is_no_grafana(monkeypatch: pytest.MonkeyPatch, capsys: Capture, path: str, told: str) -> None:
    """The token is never sent to where a redirect points."""
    monkeypatch.setenv("GRAFANA_TOKEN", TOKEN)
    with serving(ThreadingHTTPServer(("127.0.0.1", 0), LoginPage)) as server:
        url = f"http://127.0.0.1:{server.server_address[1]}{path}"
        assert main(["dashboards", "push", "--url", url]) == 1
    assert told in capsys.readouterr().err


def test_a_certificate_that_nobody_trusts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    monkeypatch.setenv("GRAFANA_TOKEN", TOKEN)
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    subprocess.run(
        [*made, "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate],
        check=True,
        capture_output=True,
    )
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    with serving(GrafanaApi(tls=tls)) as server:
        assert push(server) == 1
        told = capsys.readouterr().err
        assert "tls_cert_invalid" in told
        assert "SSL_CERT_FILE" in told
        assert not server.asked
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        library.ssl_context.cache_clear()
        try:
            assert push(server) == 0
        finally:
            library.ssl_context.cache_clear()
    assert set(server.saved) == UIDS


def test_its_own_http_is_seen_by_no_instrumentation(grafana: GrafanaApi, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a hook would take it for the application's."""
    seen = []
    client = library.library().Client
    post = client.post

    def watched(self: object, *args: object, **more: object) -> object:
        seen.append((is_ours(), is_instrumentation_enabled()))
        return post(self, *args, **more)

    monkeypatch.setattr(client, "post", watched)
    assert push(grafana) == 0
    assert seen == [(True, False)] * 4
