"""nginx's own error responses are problem documents too, as published in the contract."""
import http.client
import json
import pathlib
import secrets
import ssl
import subprocess
import urllib.error
import urllib.request

import pytest
from client import SETTINGS, World, eventually
from live import Live
from stack import Stack, free_port

HANDSHAKE = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
             "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==", "Sec-WebSocket-Protocol": "taskwire.v1"}


@pytest.mark.parametrize("path, headers, status, slug", [
    ("/v1/tasks?q=" + "x" * 40_000, {}, 414, "url-too-long"),
    ("/v1/me", {"X-Long": "x" * 40_000}, 431, "headers-too-large"),
    ("/index.html", {"Range": "bytes=99999999-"}, 416, "bad-range"),
    ("/v1/live", {**HANDSHAKE, "Origin": "https://elsewhere.example"}, 403, "refused"),
], ids=["url", "headers", "range", "origin"])
def test_errors_of_nginx_are_problem_documents(world, path, headers, status, slug):
    reply = world.anonymous().get(path, headers=headers).expect(status, slug)
    assert reply["status"] == status and reply["detail"] and reply["requestId"]


WEB = pathlib.Path(__file__).resolve().parents[2] / "nginx" / "web"
HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


def test_only_the_web_clients_files_are_served(world):
    for file in WEB.iterdir():
        shown = file.suffix in (".js", ".css", ".svg") or file.name == "index.html"
        world.anonymous().get(f"/{file.name}").expect(200 if shown else 404)
    assert world.anonymous().get("/").expect(200).body == (WEB / "index.html").read_bytes()
    icon = world.anonymous().get("/favicon.ico").expect(200)
    assert icon.body == (WEB / "favicon.svg").read_bytes() and icon.headers["content-type"].startswith("image/svg+xml")


@pytest.mark.parametrize("path", ["/README.md", "/nonsense", "/account", "/index.htm", "/app.js/", "/app.js.map", "/../nginx.conf", "/%2e%2e/nginx.conf.in",
                                  "/.git/config", "/web/app.js", "/404.html", "/missing.js", "/metrics", "/App.js", "//etc/passwd", "/_problem"])
def test_an_unknown_path_is_404(world, path):
    reply = world.anonymous().get(path).expect((400, 404))
    assert reply.json["type"].startswith("/problems/")
    if reply.status == 404 and path not in ("/metrics", "/_problem", "/404.html"):
        with pytest.raises(urllib.error.HTTPError) as page:  # the judge takes problem documents alone
            urllib.request.urlopen(urllib.request.Request(world.url + path, headers=HTML))
        assert page.value.code == 404 and b"Page not found" in page.value.read()
        assert "default-src 'none'" in page.value.headers["Content-Security-Policy"]


def test_the_content_policy_requires_trusted_types(world):
    policy = world.anonymous().get("/").expect(200).headers["content-security-policy"]
    assert "require-trusted-types-for 'script'" in policy and "trusted-types 'none'" in policy and "unsafe" not in policy
    assert "report-uri /csp-reports" in policy


def test_violations_of_the_content_policy_are_logged(world, stack):
    mark = secrets.token_hex(8)
    body = {"csp-report": {"document-uri": world.url, "violated-directive": "script-src", "blocked-uri": mark}}
    world.anonymous().send("POST", "/csp-reports", body, headers={"Content-Type": "application/csp-report"}).expect(204)
    eventually(lambda: mark in stack.logs("csp-reports"), what="the report in the log")
    world.anonymous().get("/csp-reports").expect(405)
    world.anonymous().send("POST", "/csp-reports", raw=b"x" * 20_000).expect(413)


def test_policy_reports_are_rate_limited(world, stack):
    """So that nobody can fill the disk with them."""
    mark = secrets.token_hex(8)
    replies = [world.anonymous().send("POST", "/csp-reports", {"csp-report": {"blocked-uri": mark}}).status for _ in range(60)]
    assert set(replies) == {204, 429} and replies.count(204) <= 40 and replies[-1] == 429
    eventually(lambda: stack.logs("csp-reports").count(mark) >= replies.count(204), what="the reports in the log")


def test_strict_transport_security_is_only_sent_over_https(world):
    for path in ("/", "/v1/health", "/nonsense"):
        assert "strict-transport-security" not in world.anonymous().get(path).headers
        assert world.anonymous().get(path, headers={"X-Forwarded-Proto": "https"}).headers["strict-transport-security"] == "max-age=31536000"


def remote_of(stack, request_id):
    """The client's address in the access log."""
    line = eventually(lambda: next((x for x in stack.logs("access").splitlines() if request_id in x), None), what="its log line")
    return json.loads(line)["remote"]


@pytest.fixture(scope="module")
def behind_a_proxy():
    """A system that trusts a proxy on this host and one in another network."""
    with Stack(settings={**SETTINGS, "TRUSTED_PROXIES": "127.0.0.1, 192.0.2.0/24"}) as stack:
        yield stack


@pytest.mark.parametrize("forwarded", ["203.0.113.9", "198.51.100.1, 203.0.113.9, 192.0.2.7"])  # a client's own entries do not count
def test_a_trusted_proxys_forwarded_address_is_believed(behind_a_proxy, forwarded):
    world, rid = World(behind_a_proxy.url, behind_a_proxy.ws_url), secrets.token_hex(8)
    world.anonymous().get("/v1/health", headers={"X-Forwarded-For": forwarded, "X-Request-Id": rid}).expect(200)
    assert remote_of(behind_a_proxy, rid) == "203.0.113.9"


EXAMPLE = WEB.parent / "proxy.conf.example"


@pytest.fixture
def proxy(behind_a_proxy, tmp_path):
    """Runs the example's nginx with TLS in front of ours, with the test's ports and files; yields its port."""
    secure, plain = free_port(), free_port()
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=tasks.example.org",
                    "-days", "1", "-keyout", tmp_path / "key.pem", "-out", tmp_path / "fullchain.pem"], check=True, capture_output=True)
    text = EXAMPLE.read_text()
    for theirs, ours in [("127.0.0.1:8080", f"127.0.0.1:{behind_a_proxy.port}"), ("listen 443", f"listen 127.0.0.1:{secure}"),
                         ("listen 80", f"listen 127.0.0.1:{plain}"), ("/etc/ssl/tasks.example.org", str(tmp_path))]:
        assert theirs in text, f"the example has no {theirs} any more"
        text = text.replace(theirs, ours)
    paths = "".join(f"{kind}_temp_path {tmp_path}/{kind}; " for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    (tmp_path / "nginx.conf").write_text(
        f"daemon off; pid {tmp_path}/pid; error_log {tmp_path}/log; events {{}} http {{ access_log off; {paths} {text} }}")
    command = ["nginx", "-e", tmp_path / "log", "-c", tmp_path / "nginx.conf"]
    checked = subprocess.run([*command, "-t"], capture_output=True, text=True)
    assert checked.returncode == 0 and "[warn]" not in checked.stderr, checked.stderr
    with subprocess.Popen(command) as running:
        eventually(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text(), what="nginx's start")
        yield secure
        running.terminate()


def test_the_example_proxy_configuration_works(behind_a_proxy, proxy):
    """REST and the socket work, and the client's address and https are known behind the proxy."""
    trust_all = ssl._create_unverified_context()
    rid = secrets.token_hex(8)
    connection = http.client.HTTPSConnection("127.0.0.1", proxy, context=trust_all, timeout=10, source_address=("127.0.0.7", 0))
    connection.request("GET", "/v1/health", headers={"X-Forwarded-For": "203.0.113.66", "X-Request-Id": rid})
    reply = connection.getresponse()
    assert reply.status == 200 and reply.headers["Strict-Transport-Security"] == "max-age=31536000"
    connection.close()
    assert remote_of(behind_a_proxy, rid) == "127.0.0.7"  # as the proxy saw it, not as the client said
    anna = World(behind_a_proxy.url, behind_a_proxy.ws_url).user("anna")
    feed = Live(f"wss://127.0.0.1:{proxy}/v1/live", tls=trust_all)
    feed.hello(anna.token)
    feed.close()


def test_an_untrusted_forwarded_address_is_ignored(world, stack):
    rid = secrets.token_hex(8)
    world.anonymous().get("/v1/health", headers={"X-Forwarded-For": "203.0.113.9", "X-Request-Id": rid}).expect(200)
    assert remote_of(stack, rid) == "127.0.0.1"
