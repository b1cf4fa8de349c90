"""One user with 50 sockets who sends one op as often as allowed; attackers.py runs it.

It is a process of its own at low priority.  Its messages are prepared beforehand and what it receives is discarded, and it uses at
most a quarter of a core, so that others are slowed down by the daemon and not by a lack of CPU.
"""
import contextlib
import json
import os
import random
import select
import socket
import time

from live import TEXT, Closed, Nothing, Refused, Socket

SOCKETS = 50
ADDRESS = "127.0.0.2"  # limits by address must not meet the others
PER_SECOND = 20  # messages of a socket, and its burst
BURST = 200
TICK = 0.02  # seconds between two rounds over all sockets
CPU_MOST = 0.25  # of one core

OPS = ("ping", "follow", "follow, replay", "follow all", "follow all, since", "unfollow", "presence", "signal", "token", "hello",
       "bad hello", "half handshakes", "unread", "nonsense", "pieces", "ping frames")
KEPT = {"hello": 48, "bad hello": 48, "half handshakes": 100}  # sockets that are open while others come


def messages(op, topics, cursors, token):
    """The messages of the op, one after another."""
    state = ("online", "away")
    made = {
        "ping": [{"op": "ping"}],
        "follow": [{"op": "follow", "topic": topic} for topic in topics],
        "follow, replay": [{"op": "follow", "topic": topics[0], "since": cursors[0]}],
        "follow all": [{"op": "follow", "topic": "all"}],
        "follow all, since": [{"op": "follow", "topic": "all", "since": cursors[1]}],
        "unfollow": [{"op": "unfollow", "topic": topic} for topic in topics],
        "presence": [{"op": "presence", "topic": topics[0], "state": s} for s in state],
        "signal": [{"op": "signal", "topic": topics[0], "pad": "s" * 900}],
        "token": [{"op": "token", "token": token}],
        "unread": [{"op": "follow", "topic": topics[0], "since": cursors[0]}],
        "nonsense": [{"op": "x" * 60_000}],
    }.get(op, [])
    return [Socket.frame_bytes(TEXT, json.dumps(message).encode()) for message in made]


class Feed:
    """One socket that sends the messages of the op."""

    def __init__(self, attacker):
        self.attacker, self.waiting = attacker, b""
        self.left, self.at = BURST - 10, time.monotonic()
        feed = Socket(attacker.url, origin=attacker.origin, source=ADDRESS, rcvbuf=4096 if attacker.op == "unread" else None)
        feed.frame(TEXT, json.dumps({"op": "hello", "token": attacker.token}).encode())
        feed.read(5.0)
        if attacker.op in ("signal", "presence", "unread"):
            feed.frame(TEXT, json.dumps({"op": "follow", "topic": attacker.topics[0]}).encode())
        self.sock = feed.sock
        self.sock.setblocking(False)

    def more(self):
        """Sends as much as the socket is allowed to now, or a part of what is only limited by reads."""
        attacker, now = self.attacker, time.monotonic()
        if attacker.op == "ping frames":
            return b"\x89\x80abcd" * 400
        cost = 10 if attacker.op.startswith("follow all") else 1
        self.left, self.at = min(BURST, self.left + (now - self.at) * (PER_SECOND - 1)), now
        count = min(20, int(self.left / cost))
        if attacker.op == "pieces":
            self.left -= min(count, 1)
            return b"\x01\x81abcdA" + b"\x00\x81abcdA" * 400 + b"\x80\x81abcdA" if count else b""
        self.left -= count * cost
        return b"".join(attacker.chance.choice(attacker.messages) for _ in range(count))

    def say(self):
        self.waiting = self.waiting or self.more()
        with contextlib.suppress(BlockingIOError):
            while self.waiting:
                self.waiting = self.waiting[self.sock.send(self.waiting):]

    def hear(self):
        with contextlib.suppress(BlockingIOError):
            if not self.sock.recv(262144):
                raise ConnectionError("closed")


class Attacker:
    def __init__(self, url, origin, token, topics, cursors, op):
        self.url, self.origin, self.token, self.topics, self.op = url, origin, token, topics, op
        self.messages = messages(op, topics, cursors, token)
        self.chance = random.Random(1)
        self.poll, self.feeds = select.poll(), {}

    def open(self):
        with contextlib.suppress(OSError, Refused, Closed, Nothing):
            feed = Feed(self)
            self.feeds[feed.sock.fileno()] = feed
            if self.op != "unread":
                self.poll.register(feed.sock, select.POLLIN)

    def drop(self, fd):
        feed = self.feeds.pop(fd)
        with contextlib.suppress(KeyError):
            self.poll.unregister(fd)
        feed.sock.close()

    def one_round(self):
        readable = {fd for fd, _ in self.poll.poll(0)}
        for fd, feed in list(self.feeds.items()):
            try:
                if fd in readable:
                    feed.hear()
                feed.say()
            except OSError:
                self.drop(fd)
        for _ in range(min(5, SOCKETS - len(self.feeds))):
            self.open()

    def rest(self, began):
        """Sleeps until the next round, longer if it has used more CPU than it may."""
        owed = time.process_time() / CPU_MOST - (time.monotonic() - began)
        time.sleep(min(1.0, max(TICK, owed)))

    def run(self, ready, stop):
        os.nice(10)
        began = time.monotonic() - time.process_time() / CPU_MOST
        if self.op not in KEPT:
            while len(self.feeds) < SOCKETS and time.monotonic() < began + 20:
                self.open()
        ready.set()
        opened = []
        while not stop.is_set():
            if self.op in KEPT:
                self.come_and_go(opened)
            else:
                self.one_round()
            self.rest(began)

    def come_and_go(self, opened):
        """Opens and closes sockets 50 times a second, which is more than a user may."""
        while len(opened) >= KEPT[self.op]:
            opened.pop(0).close()
        with contextlib.suppress(OSError, Refused):
            if self.op == "half handshakes":
                host, port = self.url.split("/")[2].split(":")
                opened.append(socket.create_connection((host, int(port)), 2, source_address=(ADDRESS, 0)))
                opened[-1].sendall(b"GET /v1/live HTTP/1.1\r\nHost: x\r\n")
                return
            feed = Socket(self.url, origin=self.origin, source=ADDRESS)
            opened.append(feed.sock)
            token = self.token if self.op == "hello" else "x"
            feed.frame(TEXT, json.dumps({"op": "hello", "token": token}).encode())


def attack(*args):
    ready, stop = args[-2:]
    Attacker(*args[:-2]).run(ready, stop)
