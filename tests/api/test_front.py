"""What nginx answers by itself is a problem document too, of the published kinds."""
import json
import pathlib
import secrets
import urllib.error
import urllib.request

import pytest
from client import SETTINGS, World, eventually
from stack import Stack

HANDSHAKE = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
             "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==", "Sec-WebSocket-Protocol": "taskwire.v1"}


@pytest.mark.parametrize("path, headers, status, slug", [
    ("/v1/tasks?q=" + "x" * 40_000, {}, 414, "url-too-long"),
    ("/v1/me", {"X-Long": "x" * 40_000}, 431, "headers-too-large"),
    ("/index.html", {"Range": "bytes=99999999-"}, 416, "bad-range"),
    ("/v1/live", {**HANDSHAKE, "Origin": "https://elsewhere.example"}, 403, "refused"),
], ids=["url", "headers", "range", "origin"])
def test_a_refusal_of_nginx_is_a_problem(world, path, headers, status, slug):
    reply = world.anonymous().get(path, headers=headers).expect(status, slug)
    assert reply["status"] == status and reply["detail"] and reply["requestId"]


WEB = pathlib.Path(__file__).resolve().parents[2] / "nginx" / "web"
HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


def test_the_pages_own_files_are_served_and_nothing_else(world):
    for file in WEB.iterdir():
        shown = file.suffix in (".js", ".css", ".svg") or file.name == "index.html"
        world.anonymous().get(f"/{file.name}").expect(200 if shown else 404)
    assert world.anonymous().get("/").expect(200).body == (WEB / "index.html").read_bytes()


@pytest.mark.parametrize("path", ["/README.md", "/nonsense", "/account", "/index.htm", "/app.js/", "/app.js.map", "/../nginx.conf", "/%2e%2e/nginx.conf.in",
                                  "/.git/config", "/web/app.js", "/404.html", "/missing.js", "/metrics", "/App.js", "//etc/passwd", "/_problem"])
def test_an_unknown_address_is_not_found(world, path):
    reply = world.anonymous().get(path).expect((400, 404))
    assert reply.json["type"].startswith("/problems/")
    if reply.status == 404 and path not in ("/metrics", "/_problem", "/404.html"):
        with pytest.raises(urllib.error.HTTPError) as page:  # the judge takes problem documents alone
            urllib.request.urlopen(urllib.request.Request(world.url + path, headers=HTML))
        assert page.value.code == 404 and b"Page not found" in page.value.read()
        assert "default-src 'none'" in page.value.headers["Content-Security-Policy"]


def test_the_policy_forbids_text_that_becomes_markup(world):
    policy = world.anonymous().get("/").expect(200).headers["content-security-policy"]
    assert "require-trusted-types-for 'script'" in policy and "trusted-types 'none'" in policy and "unsafe" not in policy
    assert "report-uri /csp-reports" in policy


def test_breaches_of_the_policy_are_logged(world, stack):
    mark = secrets.token_hex(8)
    body = {"csp-report": {"document-uri": world.url, "violated-directive": "script-src", "blocked-uri": mark}}
    world.anonymous().send("POST", "/csp-reports", body, headers={"Content-Type": "application/csp-report"}).expect(204)
    eventually(lambda: mark in stack.logs("csp-reports"), what="the report in the log")
    world.anonymous().get("/csp-reports").expect(405)
    world.anonymous().send("POST", "/csp-reports", raw=b"x" * 20_000).expect(413)


def test_reports_are_bounded(world, stack):
    """So that nobody fills the disk with them."""
    mark = secrets.token_hex(8)
    replies = [world.anonymous().send("POST", "/csp-reports", {"csp-report": {"blocked-uri": mark}}).status for _ in range(60)]
    assert set(replies) == {204, 429} and replies.count(204) <= 40 and replies[-1] == 429
    eventually(lambda: stack.logs("csp-reports").count(mark) >= replies.count(204), what="the reports in the log")


def test_only_who_came_by_https_is_told_to_stay_there(world):
    for path in ("/", "/v1/health", "/nonsense"):
        assert "strict-transport-security" not in world.anonymous().get(path).headers
        assert world.anonymous().get(path, headers={"X-Forwarded-Proto": "https"}).headers["strict-transport-security"] == "max-age=31536000"


def test_a_trusted_proxy_says_who_the_client_is():
    def seen_as(stack, forwarded):
        world, path = World(stack.url, stack.ws_url), f"/v1/health?{secrets.token_hex(4)}"
        rid = secrets.token_hex(8)
        world.anonymous().get(path, headers={"X-Forwarded-For": forwarded, "X-Request-Id": rid}).expect((200, 400))
        return json.loads(eventually(lambda: next((x for x in stack.logs("access").splitlines() if rid in x), None), what="its log line"))["remote"]
    with Stack(settings={**SETTINGS, "TRUSTED_PROXIES": "127.0.0.1, 192.0.2.0/24"}) as stack:
        assert seen_as(stack, "203.0.113.9") == "203.0.113.9"
        assert seen_as(stack, "198.51.100.1, 203.0.113.9, 192.0.2.7") == "203.0.113.9"  # what a client adds in front does not count


def test_without_a_trusted_proxy_the_header_says_nothing(world, stack):
    rid = secrets.token_hex(8)
    world.anonymous().get("/v1/health", headers={"X-Forwarded-For": "203.0.113.9", "X-Request-Id": rid}).expect(200)
    line = eventually(lambda: next((x for x in stack.logs("access").splitlines() if rid in x), None), what="its log line")
    assert json.loads(line)["remote"] == "127.0.0.1"
