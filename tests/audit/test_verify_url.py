"""Verifying a log over HTTP, from a real server that may lie, move on or break down."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from gateway.audit.export import write_export
from gateway.audit.report import CannotVerify
from gateway.audit.verify import verify_url
from tests.audit.honest import HonestLog, rulebook
from tests.audit.mutations import OLDER, SIZE


class Site:
    """A web server for one log: paths to bodies, and how to answer the rest."""

    def __init__(self):
        self.pages = {}
        self.asked = []
        self.other = (404, {})
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                site.asked.append((self.path, self.headers.get("Authorization")))
                body = site.pages.get(self.path)
                status, headers = (200, {}) if body is not None else site.other
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body or b"")))
                self.end_headers()
                self.wfile.write(body or b"")

            def log_message(self, *_args):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.handle_error = lambda *_hung_up: None  # a client that has read enough may leave
        self.url = f"http://127.0.0.1:{self.server.server_port}/audit/"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()

    def publish(self, directory):
        for path in directory.rglob("*"):
            if path.is_file():
                self.pages[f"/audit/{path.relative_to(directory)}"] = path.read_bytes()

    def close(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def site():
    site = Site()
    yield site
    site.close()


@pytest.fixture
def log(site, tmp_path):
    log = HonestLog.of(SIZE)
    write_export(log, tmp_path / "export", log.key, rulebook=rulebook)
    site.publish(tmp_path / "export")
    return log


def test_a_served_log_passes_with_or_without_the_last_slash(site, log):
    older = HonestLog(*log.signers).extended(log.rows[:OLDER]).checkpoint()
    assert verify_url(site.url, log.key, older).since == OLDER
    assert verify_url(site.url.rstrip("/"), log.key).ok


def test_only_the_checkpoint_tiles_and_bundles_are_asked_for_each_once(site, log):
    verify_url(site.url, log.key, headers={"Authorization": "Bearer token"})
    paths = [path for path, _ in site.asked]
    assert sorted(paths) == sorted(path for path in site.pages if not path.endswith(("entries.jsonl", "log.vkey", ".json")))
    assert {token for _, token in site.asked} == {"Bearer token"}


def test_a_partial_tile_that_was_filled_up_meanwhile_is_taken_from_the_full_one(site, log, tmp_path):
    checkpoint = site.pages["/audit/checkpoint"]
    log.extended([log.rows[9]] * 300)
    write_export(log, tmp_path / "later", log.key, rulebook=rulebook)
    site.pages.clear()
    site.publish(tmp_path / "later")
    site.pages["/audit/checkpoint"] = checkpoint
    site.pages["/audit/tile/1/000.p/1"] = site.pages["/audit/tile/1/000.p/2"][:32]
    report = verify_url(site.url, log.key)
    assert (report.ok, report.size) == (True, SIZE)


def test_a_served_entry_that_was_altered_is_named(site, log):
    body = site.pages["/audit/tile/entries/001.p/55"]
    site.pages["/audit/tile/entries/001.p/55"] = body.replace(b"d-303", b"d-404")
    first = verify_url(site.url, log.key).first
    assert first.code == "entry-differs"
    assert b"d-303" in log.rows[first.index]


def test_a_tile_that_is_not_served_is_a_finding(site, log):
    del site.pages["/audit/tile/0/000"]
    first = verify_url(site.url, log.key).first
    assert (first.code, first.index) == ("file-missing", 0)


def test_a_body_larger_than_a_tile_can_be_is_not_read_to_its_end(site, log):
    site.pages["/audit/tile/0/000"] += bytes(1 << 20)
    assert verify_url(site.url, log.key).first.code == "file-too-large"


@pytest.mark.parametrize(("status", "headers"), [(401, {}), (403, {}), (500, {}), (503, {}), (302, {"Location": "/audit/checkpoint"})])
def test_a_server_that_does_not_answer_says_nothing_about_the_log(site, log, status, headers):
    site.other = (status, headers)
    del site.pages["/audit/tile/0/000"]
    with pytest.raises(CannotVerify):
        verify_url(site.url, log.key)


def test_a_redirect_never_carries_the_readers_token_away(site, log):
    elsewhere = Site()
    site.other = (307, {"Location": elsewhere.url + "checkpoint"})
    del site.pages["/audit/checkpoint"]
    with pytest.raises(CannotVerify):
        verify_url(site.url, log.key, headers={"Authorization": "Bearer token"})
    elsewhere.close()
    assert elsewhere.asked == []


def test_an_address_without_a_log_cannot_be_verified(site):
    key = HonestLog().key
    with pytest.raises(CannotVerify):
        verify_url(site.url, key)
    for url in ("file:///etc/passwd", "ftp://127.0.0.1/audit", "http://127.0.0.1:1/", "http://[", "http://", ""):
        with pytest.raises(CannotVerify):
            verify_url(url, key)
