"""Requests that are too large or too slow are ended early; test_slow.py has a thousand slow clients."""
import http.client
import json
import socket
import time
import urllib.parse

import pytest
from live import TEXT, Live

TIMEOUT = 10  # nginx.conf.in: client_header_timeout, client_body_timeout
BODY = b"POST /v1/sessions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"
HEAD = b"GET /v1/tasks HTTP/1.1\r\nHost: x\r\nX-Never: "


def address(world):
    parts = urllib.parse.urlsplit(world.url)
    return parts.hostname, parts.port


def test_silent_connections_are_closed(world):
    """In the head or in the body of a request: after ten seconds."""
    clients = [socket.create_connection(address(world)) for _ in range(40)]
    start = time.monotonic()
    try:
        for n, client in enumerate(clients):
            client.sendall(HEAD if n % 2 else BODY)
            client.settimeout(TIMEOUT + 5)
        for client in clients:
            try:
                answer = client.recv(4096)
            except ConnectionError:
                answer = b""
            assert answer == b"" or b" 408 " in answer, answer
        assert TIMEOUT - 2 < time.monotonic() - start < TIMEOUT + 3
    finally:
        for client in clients:
            client.close()


def test_an_endless_chunked_body_is_413(world, anna):
    connection, sent, status = http.client.HTTPConnection(*address(world), timeout=10), 0, 413
    try:
        connection.putrequest("POST", "/v1/tasks")
        for name, value in (("Authorization", "Bearer " + anna.token), ("Content-Type", "application/json"),
                            ("Transfer-Encoding", "chunked")):
            connection.putheader(name, value)
        connection.endheaders()
        try:
            while sent < 1 << 22:
                connection.send(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")
                sent += 0x10000
        except ConnectionError:
            pass
        status = connection.getresponse().status
    except ConnectionError:
        pass  # disconnected: the response was lost because more data was arriving
    finally:
        connection.close()
    assert status == 413


@pytest.mark.parametrize("path,headers,status", [
    ("/v1/me", {"X-Long": "x" * 40000}, 431),
    ("/v1/me", {f"X-{n}": "x" * 1000 for n in range(200)}, 431),
    ("/v1/me", {f"X-{n}": "x" * 1000 for n in range(80)}, 431),
    ("/v1/tasks?q=" + "x" * 40000, {}, 414)], ids=["one long header", "many headers", "more than FastCGI takes", "a long line"])
def test_long_lines_and_many_headers_are_refused(world, path, headers, status):
    """By nginx, before anything of ours sees them."""
    connection = http.client.HTTPConnection(*address(world), timeout=10)
    try:
        connection.request("GET", path, headers=headers)
        reply = connection.getresponse()
        assert reply.status == status and json.loads(reply.read())["status"] == status
    finally:
        connection.close()


@pytest.mark.parametrize("hello", [True, False])
def test_a_frame_over_64_kib_is_1009(world, anna, hello):
    with Live(world.ws_url, origin=world.origin) as feed:
        if hello:
            feed.hello(anna.token)
        feed.frame(TEXT, b'{"op":"ping","ref":"' + b"x" * (64 * 1024) + b'"}')
        feed.expect_close(1009)


def test_silent_sockets_are_closed(world, anna):
    """The tests' stack gives two seconds for hello, ten are the default."""
    silent = [Live(world.ws_url, origin=world.origin) for _ in range(50)]
    start = time.monotonic()
    for feed in silent:
        feed.expect_close(4408)
    assert time.monotonic() - start < 5
    with anna.live() as feed:
        feed.silent()


@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "TRACK", "PROPFIND", "OPTIONS"])
def test_other_methods_have_no_effect(world, method):
    """TRACE above all would show a proxy's headers."""
    connection = http.client.HTTPConnection(*address(world), timeout=10)
    try:
        connection.request(method, "/v1/tasks", headers={"X-Secret": "echo me"})
        reply = connection.getresponse()
        body = reply.read()
        assert reply.status in ((204,) if method == "OPTIONS" else (400, 405)), reply.status
        assert b"echo me" not in body
        assert not [h for h, _ in reply.getheaders() if h.lower().startswith("access-control-")]
    finally:
        connection.close()


def test_every_response_has_security_headers(world, anna):
    replies = [anna.get("/v1/me"), anna.get("/v1/nowhere"), world.anonymous().get("/v1/me"), anna.get("/v1/tasks?x=1")]
    for reply in replies:
        assert reply.headers["x-content-type-options"] == "nosniff" and reply.headers["x-frame-options"] == "DENY"
        assert reply.headers["x-robots-tag"] == "noindex, nofollow"
        assert reply.headers["referrer-policy"] == "no-referrer"
        assert reply.headers["cache-control"] in ("no-store", "private, no-cache"), reply.headers
        assert "access-control-allow-origin" not in reply.headers
        assert "charset" in reply.headers["content-type"] or "json" in reply.headers["content-type"]
    opened = world.anonymous().post("/v1/sessions", login=anna.email, password=anna.password).expect(201)
    assert opened.headers["cache-control"] == "no-store"
    connection = http.client.HTTPConnection(*address(world), timeout=10)
    connection.request("GET", "/")
    page = connection.getresponse()
    page.read()
    connection.close()
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy and "base-uri 'none'" in policy
    assert "unsafe" not in policy and page.headers["Server"] == "nginx"


def test_get_requests_and_forms_cannot_change_anything(world, anna):
    """A page elsewhere can send only what needs no preflight, and no token with it."""
    task = anna.task("Stays")
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        anna.send("POST", "/v1/tasks", raw=b'{"title":"x"}', headers={"Content-Type": kind}).expect(415)
    anna.send("POST", f"/v1/tasks/{task['id']}/restore?_method=DELETE").expect((200, 400, 409))
    anna.send("GET", f"/v1/tasks/{task['id']}", headers={"X-HTTP-Method-Override": "DELETE"}).expect(200)
    anna.get(task).expect(200)
