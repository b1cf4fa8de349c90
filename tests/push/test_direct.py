"""PUSH_LISTEN, which serves browsers without nginx: TLS, and clear statuses for refused connections."""
import contextlib
import os
import pathlib
import signal
import socket
import ssl
import subprocess
import time

import pytest

import live
from client import eventually
from daemons import daemon
from flood import flood

GET = b"GET /v1/live HTTP/1.1\r\nHost: x\r\n"


def certificate(folder, name, key="ec"):
    """A certificate for 127.0.0.1 and its key, as files."""
    kind = {"ec": ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"], "rsa": ["-newkey", "rsa:2048"]}[key]
    cert, private = folder / f"{name}.crt", folder / f"{name}.key"
    subprocess.run(["openssl", "req", "-x509", *kind, "-nodes", "-days", "2", "-subj", f"/CN={name}", "-addext",
                    "subjectAltName=IP:127.0.0.1", "-keyout", private, "-out", cert], check=True, capture_output=True)
    return cert, private


def elsewhere(user, world):
    other = user.log_in()
    other.world = world
    return other


class Secure:
    """A daemon with a certificate, and how to connect to it."""

    def __init__(self, world, cert, key):
        self.world, self.cert, self.key = world, cert, key
        self.address = ("127.0.0.1", int(world.ws_url.split(":")[2].split("/")[0]))
        self.log = pathlib.Path(cert).parent / "push.log"
        world.ws_url = world.ws_url.replace("ws:", "wss:")

    def trust(self, cert=None):
        return ssl.create_default_context(cafile=cert or self.cert)

    def shown(self):
        """The name in the certificate that a new connection gets."""
        with socket.create_connection(self.address, 5) as plain:
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            with context.wrap_socket(plain) as secure:
                der = secure.getpeercert(binary_form=True)
        return next(name for name in (b"first", b"second", b"third") if name in der).decode()


@pytest.fixture(scope="module")
def secure(stack, world, tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    cert, key = certificate(folder, "first")
    with daemon(stack, folder, PUSH_TLS_CERT=str(cert), PUSH_TLS_KEY=str(key), PUSH_HELLO_SECONDS="2") as other:
        yield Secure(other, cert, key)


@pytest.fixture
def plain(second_push):
    return second_push


# -- TLS -----------------------------------------------------------------------------------------


def test_a_browser_can_connect_with_wss(anna, project, topic, secure):
    with elsewhere(anna, secure.world).live(follow=[topic], tls=secure.trust()) as feed:
        assert feed.sock.version() in ("TLSv1.2", "TLSv1.3")
        task = anna.task("By wire", projectId=project["id"])
        assert feed.expect("task.created", id=task["id"])["data"]["title"] == "By wire"
        feed.send(op="ping", ref="large", pad="x" * 60_000)  # more than one record of TLS holds
        assert feed.receive() == {"op": "pong", "ref": "large"}
        anna.patch(task, description="y" * 50_000).expect(200)
        event = feed.expect("task.updated")
        assert event["dataOmitted"] and event["data"] is None and event["changes"] == {"description": None}


def test_wss_replays_missed_events(anna, project, topic, secure):
    mine = elsewhere(anna, secure.world)
    with mine.live(follow=[topic], tls=secure.trust()) as feed:
        cursor = feed.cursors[topic]
    for n in range(60):
        anna.task(f"Missed {n}", projectId=project["id"], description="z" * 9000)
    with mine.live(follow=[], tls=secure.trust()) as feed:
        assert feed.follow(topic, since=cursor)["recovered"] is True
        while len(feed.events) < 60:
            feed.receive()


def resident(pid):
    line = next(line for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines() if "Rss" in line)
    return int(line.split()[1])


@pytest.mark.skipif("asan" in os.environ.get("TASKWIRE_BUILD", ""), reason="a sanitizer has memory of its own")
def test_a_tls_socket_uses_little_memory(anna, topic, stack, tmp_path):
    cert, key = certificate(tmp_path, "first")
    with daemon(stack, tmp_path, PUSH_TLS_CERT=str(cert), PUSH_TLS_KEY=str(key), PUSH_USER_SOCKETS="1000") as other, \
            contextlib.ExitStack() as close:
        there = Secure(other, cert, key)
        mine = elsewhere(anna, other)
        for _ in range(20):
            close.enter_context(mine.live(follow=[topic], tls=there.trust()))
        before = resident(other.process.pid)
        for _ in range(300):
            close.enter_context(mine.live(follow=[topic], tls=there.trust()))
        each = (resident(other.process.pid) - before) / 300
    print(f"\n{each:.1f} KiB each")
    assert each <= 40


def test_reads_of_a_tls_socket_are_limited(anna, secure):
    """Records of 4 KB count as what they hold, not as one read each."""
    with elsewhere(anna, secure.world).live(follow=[], tls=secure.trust()) as feed:
        feed.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4_096)
        assert flood(feed, b"\x8a\x80abcd")[0] < 4_000_000


def test_old_tls_versions_are_refused(secure):
    for version in (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1):
        context = secure.trust()
        context.set_ciphers("ALL:@SECLEVEL=0")
        with pytest.warns(DeprecationWarning):
            context.minimum_version = context.maximum_version = version
        with pytest.raises((ssl.SSLError, ConnectionError)):
            live.Live(secure.world.ws_url, origin=secure.world.origin, tls=context)


def test_plain_text_on_the_tls_port_gets_no_response(secure):
    with socket.create_connection(secure.address, 5) as sock:
        sock.sendall(GET + b"\r\n")
        said = b""
        with contextlib.suppress(ConnectionError):
            while more := sock.recv(4096):
                said += more
        assert b"HTTP" not in said and len(said) <= 16  # an alert at most


def ended(sock):
    """Has the other side closed the connection?"""
    sock.setblocking(False)
    try:
        return sock.recv(1) == b""
    except BlockingIOError:
        return False
    except ConnectionError:
        return True


def hello_of_tls():
    """The first bytes of a handshake."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = ssl.create_default_context().wrap_bio(incoming, outgoing, server_hostname="x")
    with contextlib.suppress(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


def test_an_incomplete_handshake_blocks_nobody_and_is_closed(anna, project, topic, secure):
    hello = hello_of_tls()
    with contextlib.ExitStack() as close, \
            elsewhere(anna, secure.world).live(follow=[topic], tls=secure.trust()) as feed:
        halves = []
        for said in (b"", hello[:3], hello[:-5], hello) * 5:
            halves.append(close.enter_context(socket.create_connection(secure.address, 5)))
            halves[-1].sendall(said)
        for half in halves[3::4]:
            assert half.recv(65536)  # the answer to a whole hello; the client's part is never sent
        began = time.monotonic()
        for n in range(3):
            task = anna.task(f"Meanwhile {n}", projectId=project["id"])
            feed.expect("task.created", id=task["id"])
            with elsewhere(anna, secure.world).live(follow=[topic], tls=secure.trust()):
                pass
        assert time.monotonic() - began < 3 and not all(ended(half) for half in halves)
        eventually(lambda: all(ended(half) for half in halves), within=10, what="an end of half handshakes")


def test_the_certificate_can_be_renewed_without_closing_sockets(anna, project, topic, secure, tmp_path):
    old = secure.cert.read_bytes(), secure.key.read_bytes()
    cert, key = certificate(tmp_path, "second")
    other_cert, other_key = certificate(tmp_path, "third", key="rsa")

    def renew(cert, key):
        secure.cert.write_bytes(cert)
        secure.key.write_bytes(key)
        lines = secure.log.read_text().count('"tls:')
        secure.world.process.send_signal(signal.SIGHUP)
        eventually(lambda: secure.log.read_text().count('"tls:') > lines, what="a word about it")

    with elsewhere(anna, secure.world).live(follow=[topic], tls=secure.trust()) as feed:
        renew(cert.read_bytes(), old[1])
        assert secure.shown() == "first"  # the key is not that of the new one
        renew(cert.read_bytes(), key.read_bytes())
        assert secure.shown() == "second"
        renew(other_cert.read_bytes(), other_key.read_bytes())
        assert secure.shown() == "second"  # another kind of key takes a restart
        renew(*old)
        assert secure.shown() == "first"
        task = anna.task("Still here", projectId=project["id"])
        feed.expect("task.created", id=task["id"])


def test_incomplete_tls_settings_or_bad_files_prevent_the_start(stack, world, tmp_path):
    cert, _ = certificate(tmp_path, "first")
    _, other = certificate(tmp_path, "second")
    for settings in ({"PUSH_TLS_CERT": str(cert)}, {"PUSH_TLS_CERT": str(cert), "PUSH_TLS_KEY": str(other)},
                     {"PUSH_TLS_CERT": str(cert), "PUSH_TLS_KEY": str(tmp_path / "none")}):
        with pytest.raises(AssertionError, match="PUSH_TLS_CERT and PUSH_TLS_KEY"):
            with daemon(stack, tmp_path, **settings):
                pass


# -- refused connections ---------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", [None, "chat", "taskwire.v2", "a, b", "x" * 500])
def test_another_subprotocol_is_400(plain, protocol):
    with pytest.raises(live.Refused) as refused:
        live.Live(plain.ws_url, origin=plain.origin, protocol=protocol)
    assert refused.value.status == 400


def test_one_matching_subprotocol_is_enough(anna, plain):
    with live.Live(plain.ws_url, origin=plain.origin, protocol="chat, taskwire.v1") as feed:
        feed.hello(elsewhere(anna, plain).token)


def test_another_origin_is_403_without_nginx(plain):
    with pytest.raises(live.Refused) as refused:
        live.Live(plain.ws_url, origin="https://evil.example")
    assert refused.value.status == 403


def test_another_path_is_404(plain):
    with pytest.raises(live.Refused) as refused:
        live.Live(plain.ws_url.replace("/v1/live", "/v1/other"), origin=plain.origin)
    assert refused.value.status == 404


def status(world, *lines):
    """The status of the response to a request with these headers."""
    address = ("127.0.0.1", int(world.ws_url.split(":")[2].split("/")[0]))
    with socket.create_connection(address, 5) as sock:
        sock.sendall(GET + b"".join(line.encode() + b"\r\n" for line in lines) + b"\r\n")
        said = b""
        while b"\r\n\r\n" not in said:
            more = sock.recv(4096)
            if not more:
                return 0
            said += more
    return int(said.split()[1])


UPGRADE = ("Connection: Upgrade", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13",
           "Sec-WebSocket-Protocol: taskwire.v1")


def test_other_requests_are_refused_and_affect_nobody(anna, plain):
    assert status(plain) == 426
    with elsewhere(anna, plain).live(follow=["user:me"]) as feed:
        for upgrade in ("h2c", "HTTP2-Settings", "xyz", "websocket, h2c", "x" * 5000):
            for _ in range(20):
                assert status(plain, f"Upgrade: {upgrade}", "HTTP2-Settings: AAMAAABkAAQAAP__", *UPGRADE) in (403, 426), \
                    upgrade
        assert status(plain, "Upgrade: websocket", *UPGRADE) == 101
        feed.silent()


def drip(sock):
    """Has the other side closed the connection although bytes keep coming?"""
    with contextlib.suppress(OSError):
        sock.send(b"x")
    return ended(sock)


def test_an_incomplete_request_is_closed_and_counts_for_its_address(anna, stack, tmp_path):
    with daemon(stack, tmp_path, PUSH_ADDRESS_SOCKETS="5", PUSH_HELLO_SECONDS="2") as small, \
            contextlib.ExitStack() as close:
        address = ("127.0.0.1", int(small.ws_url.split(":")[2].split("/")[0]))
        halves = [close.enter_context(socket.create_connection(address, 5)) for _ in range(100)]
        for half in halves:
            with contextlib.suppress(OSError):
                half.sendall(GET)
        eventually(lambda: sum(ended(half) for half in halves) >= 30, what="an end of those over the limit")
        eventually(lambda: all(drip(half) for half in halves), within=10, what="an end of the others")
        with elsewhere(anna, small).live(follow=["user:me"]) as feed:
            feed.silent()
