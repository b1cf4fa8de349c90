"""A small WebSocket client that can also misbehave on purpose.

Every Live checks that the events of a topic come in order, once, and without gaps.
"""
import base64
import contextlib
import hashlib
import json
import os
import select
import socket
import ssl
import struct
import time
import urllib.parse

import judge
from client import SOON

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
SUBPROTOCOL = "taskwire.v1"
_MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Closed(Exception):
    """The server closed the connection; code 1006 if it did so without a close frame."""

    def __init__(self, code, reason=""):
        super().__init__(f"closed with {code} {reason}")
        self.code, self.reason = code, reason


class Refused(Exception):
    """The response to the upgrade was not 101."""

    def __init__(self, status, head):
        super().__init__(f"upgrade refused with {status}")
        self.status, self.head = status, head


class Nothing(Exception):
    """No frame arrived in time."""


class Socket:
    """Frames in and out, nothing more."""

    def __init__(self, url, origin=None, protocol=SUBPROTOCOL, headers=None, within=SOON, rcvbuf=None,
                 tls=None, source=None):
        parts = urllib.parse.urlsplit(url)
        self.buffer, self.code = b"", None
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        if rcvbuf:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
        if source:  # one of 127.0.0.0/8: another client's address
            self.sock.bind((source, 0))
        self.sock.settimeout(within)
        self.sock.connect((parts.hostname, parts.port or 80))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls:  # an ssl.SSLContext, for wss
            self.sock = tls.wrap_socket(self.sock, server_hostname=parts.hostname)
        key = base64.b64encode(os.urandom(16)).decode()
        lines = [f"GET {parts.path or '/'} HTTP/1.1", f"Host: {parts.netloc}", "Upgrade: websocket",
                 "Connection: Upgrade", f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13"]
        if protocol:
            lines.append(f"Sec-WebSocket-Protocol: {protocol}")
        if origin:
            lines.append(f"Origin: {origin}")
        lines += [f"{k}: {v}" for k, v in (headers or {}).items()]
        try:
            self.sock.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
            while b"\r\n\r\n" not in self.buffer:
                data = self.sock.recv(4096)
                if not data:
                    raise Refused(0, self.buffer.decode("latin-1"))
                self.buffer += data
        except (ConnectionError, Refused):
            self.sock.close()
            raise
        head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        self.head = head.decode("latin-1")
        status = int(self.head.split()[1])
        if status != 101:
            self.sock.close()
            raise Refused(status, self.head)
        accept = base64.b64encode(hashlib.sha1(key.encode() + _MAGIC).digest()).decode()
        assert accept in self.head, f"wrong Sec-WebSocket-Accept: {self.head}"

    @staticmethod
    def frame_bytes(opcode, payload=b"", fin=True, rsv=0, mask=True):
        """The bytes of one frame, valid or not."""
        head = bytes([(0x80 if fin else 0) | rsv << 4 | opcode])
        bit, n = (0x80 if mask else 0), len(payload)
        if n < 126:
            head += bytes([bit | n])
        elif n < 65536:
            head += bytes([bit | 126]) + struct.pack(">H", n)
        else:
            head += bytes([bit | 127]) + struct.pack(">Q", n)
        if mask:
            key = os.urandom(4)
            whole = int.from_bytes((key * (n // 4 + 1))[:n], "big")
            payload = key + (int.from_bytes(payload, "big") ^ whole).to_bytes(n, "big")
        return head + payload

    def frame(self, *args, **options):
        """Sends one frame: frame_bytes()."""
        self.sock.sendall(self.frame_bytes(*args, **options))

    def _fill(self, end):
        left = end - time.monotonic()
        decrypted = isinstance(self.sock, ssl.SSLSocket) and self.sock.pending() > 0
        if not decrypted and (left <= 0 or not select.select([self.sock], [], [], left)[0]):
            raise Nothing()
        try:
            data = self.sock.recv(65536)
        except ConnectionError:
            data = b""
        if not data:
            self._ended(1006, "")
        self.buffer += data

    def _ended(self, code, reason):
        self.code = self.code or code
        self.close()
        raise Closed(self.code, reason)

    def read(self, within=SOON):
        """The next frame as (opcode, payload).  Answers pings; raises Closed when the connection ends."""
        end, whole = time.monotonic() + within, b""
        if self.code is not None:
            raise Closed(self.code)
        while True:
            while (parsed := self._parse()) is None:
                self._fill(end)
            fin, opcode, payload = parsed
            if opcode == CLOSE:
                code = struct.unpack(">H", payload[:2])[0] if len(payload) >= 2 else 1005
                self._ended(code, payload[2:].decode("utf-8", "replace"))
            if opcode == PING:
                self.frame(PONG, payload)
            elif opcode == PONG:
                return opcode, payload
            else:
                whole += payload
                if fin:
                    return opcode, whole

    def _parse(self):
        b = self.buffer
        if len(b) < 2:
            return None
        n, at = b[1] & 0x7F, 2
        if n == 126:
            n, at = (struct.unpack(">H", b[2:4])[0] if len(b) >= 4 else 1 << 62), 4
        elif n == 127:
            n, at = (struct.unpack(">Q", b[2:10])[0] if len(b) >= 10 else 1 << 62), 10
        if len(b) < at + n:
            return None
        self.buffer = b[at + n:]
        return b[0] & 0x80, b[0] & 0x0F, b[at:at + n]

    def close(self):
        self.sock.close()
        self.code = self.code or 1000


class Live(Socket):
    """A client that sends hello, follows topics and expects events."""

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.events, self.waiting, self.last, self.cursors = [], [], {}, {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def send(self, **message):
        self.frame(TEXT, json.dumps(message).encode())

    def receive(self, within=SOON):
        """The next message; checks the order of events and stores them."""
        opcode, payload = self.read(within)
        assert opcode == TEXT, f"frame of kind {opcode}: {payload[:200]!r}"
        message = json.loads(payload)
        if message["op"] == "event":
            self._event(message)
        elif message["op"] in ("following", "resync"):
            for topic in self.last.copy() if message["topic"] == "all" else [message["topic"]]:
                self.last.pop(topic, None)  # what is missed between two follows is in the new cursor
            self.cursors[message["topic"]] = message["cursor"]
        elif message["op"] in ("left", "unfollowed"):
            self.last.pop(message["topic"], None)
        return message

    def _event(self, event):
        judge.fits(event, judge.EVENT, f"event {event}")
        topic, before = event["topic"], self.last.get(event["topic"])
        assert before is None or event["seq"] == before + 1, \
            f"{topic}: {event['seq']} ({event['kind']}) came after {before}"
        self.last[topic], self.cursors[topic] = event["seq"], event["cursor"]
        self.events.append(event)

    def expect(self, kind, within=SOON, id=None, **fields):
        """Waits for an event of that kind (with a dot) or a message with that op; keeps others for later."""
        wanted = {("kind" if "." in kind else "op"): kind, **({"entityId": id} if id else {}), **fields}
        for n, message in enumerate(self.waiting):
            if wanted.items() <= message.items():
                return self.waiting.pop(n)
        end = time.monotonic() + within
        while True:
            try:
                message = self.receive(max(0.0, end - time.monotonic()))
            except Nothing:
                seen = [m.get("kind", m["op"]) for m in self.waiting]
                raise AssertionError(f"no {wanted} within {within} s, but {seen}") from None
            if wanted.items() <= {k: v for k, v in message.items()}.items():
                return message
            self.waiting.append(message)

    def expect_close(self, code, within=SOON):
        end = time.monotonic() + within
        try:
            while True:
                self.waiting.append(self.receive(max(0.0, end - time.monotonic())))
        except Closed as closed:
            assert closed.code == code, f"expected close {code}, got {closed}"
        except Nothing:
            raise AssertionError(f"still open after {within} s, expected close {code}") from None

    def silent(self):
        """Checks that no message arrives: the next one must be the answer to a ping."""
        ref = os.urandom(4).hex()
        self.send(op="ping", ref=ref)
        message = self.receive()
        assert message == {"op": "pong", "ref": ref}, f"expected silence, got {message}"

    def hear_nothing_more(self, within):
        """Answers nothing until the server closes the connection; returns how many messages arrived."""
        received, end = 0, time.monotonic() + within
        self.sock.settimeout(within)
        with contextlib.suppress(ConnectionError):
            while self.sock.recv(65536):
                received += 1
                assert time.monotonic() < end, f"not ended within {within} s"
        return received

    def hello(self, token, within=SOON):
        self.send(op="hello", token=token)
        return self.expect("ready", within)

    def follow(self, topic, since=None, within=SOON):
        """Follows a topic and returns the answer: `following`, `resync` or `error`."""
        ref = os.urandom(4).hex()
        self.send(op="follow", topic=topic, ref=ref, **({} if since is None else {"since": since}))
        end = time.monotonic() + within
        while True:
            message = self.receive(max(0.0, end - time.monotonic()))
            if message.get("ref") == ref:
                return message
            self.waiting.append(message)
