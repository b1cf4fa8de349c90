#!/usr/bin/env python3
"""Clients that send random messages and read irregularly, against a push daemon with small queues.

They follow and unfollow, ask for long replays, signal, send invalid messages, read a little, stop reading, hang up with unread
bytes or come back with an old cursor, while others change tasks and memberships.  The daemon must survive (under a
sanitizer, without a report), and a client that reads must get every event in order.

    tests/push/stalled.py --seconds 3600 --seed 7 --build var/build-asan

starts a system of its own; test_stalled.py is the short form.
"""
import argparse
import json
import os
import pathlib
import random
import select
import socket
import struct
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

if __name__ == "__main__":
    import prepare
    prepare.command()

from live import PING, TEXT, Closed, Live, Nothing, Refused, Socket  # noqa: E402

QUEUE_BYTES = 65536  # the smallest that PUSH_QUEUE_BYTES may be
RECEIVE_BUFFER = 2304  # the smallest that Linux gives
CLIENTS = 16
TEXT_MAX = 45_000  # of a description; larger than the queue when both sides of a change are shown
STATES = ("online", "away", "hidden", "offline", "reading", "")
NONSENSE = (b"", b"[]", b'{"op":"fly"}', b'{"op":"follow","topic":7}', b'{"op":"ping","ref":{}}', b"\xff\xfe",
            b'{"op":"hello"}', b'{"op":"presence","topic":"all"}', b'{"op":"follow","topic":"everyone"}')


class Choked:
    """One client; only cursors are read from what it receives."""

    def __init__(self, fuzz, user):
        self.fuzz, self.chance, self.user = fuzz, fuzz.chance, user
        self.socket, self.received = None, b""

    def connect(self):
        fuzz = self.fuzz
        try:
            self.socket = Socket(fuzz.daemon.ws_url, origin=fuzz.daemon.origin, within=2.0,
                                 rcvbuf=RECEIVE_BUFFER if self.chance.random() < 0.8 else None)
        except (OSError, Refused):
            return
        self.socket.sock.setblocking(False)
        if self.chance.random() < 0.95:
            self.say(op="hello", token=self.user.token)
            fuzz.wait_a_moment()

    def say(self, **message):
        if self.chance.random() < 0.3:
            message["ref"] = self.chance.choice((1, "r", "r" * 64, 2.5))
        self.send(json.dumps(message).encode())

    def send(self, payload, opcode=TEXT):
        try:
            self.socket.frame(opcode, payload)
        except OSError:  # it takes no more: half a frame may have left, so this connection is done
            self.drop(reset=True)

    def read(self, most):
        try:
            data = self.socket.sock.recv(most)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.drop(reset=False)
            return
        self.fuzz.received += len(data)
        self.received = (self.received + data)[-4096:]
        at = self.received.find(b'"cursor":"')
        if at >= 0 and (end := self.received.find(b'"', at + 10)) >= 0:
            self.fuzz.cursors.append(self.received[at + 10:end].decode("latin-1"))
            del self.fuzz.cursors[:-50]
            self.received = b""

    def drop(self, reset):
        if self.socket is None:
            return
        if reset:
            self.socket.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.sock.close()
        self.socket = None

    def topic(self):
        return self.chance.choice((*self.fuzz.topics, *self.fuzz.topics, "all", "all", "user:me",
                                   "project:" + os.urandom(12).hex(), self.fuzz.topics[0].upper(), "x" * 30_000))

    def follow(self):
        message = {"op": "follow", "topic": self.topic()}
        if self.chance.random() < 0.7 and self.fuzz.cursors:
            message["since"] = self.chance.choice((*self.fuzz.cursors, *self.fuzz.beginnings, *self.fuzz.beginnings))
        self.say(**message)

    def step(self):
        if self.socket is None:
            if self.chance.random() < 0.3:
                self.connect()
            return
        what = self.chance.random()
        if what < 0.35:
            self.follow()
        elif what < 0.50:
            self.say(op="unfollow", topic=self.topic())
        elif what < 0.57:
            self.say(op="presence", topic=self.topic(), state=self.chance.choice(STATES))
        elif what < 0.64:
            self.say(op="signal", topic=self.topic(), pad="s" * self.chance.randrange(900))
        elif what < 0.72:
            self.say(op="ping")
        elif what < 0.74:
            self.send(self.chance.choice(NONSENSE))
        elif what < 0.76:
            self.send(b"p", PING)
        elif what < 0.77:
            self.say(op="token", token=self.chance.choice((self.user.token, "x")))
        elif what < 0.98:
            self.read(self.chance.choice((1, 100, 4096, 65536)))
        else:
            self.drop(reset=self.chance.random() < 0.5)


class Fuzz:
    """The clients, a user who makes changes meanwhile, and a client that reads."""

    def __init__(self, daemon, owner, guest, seed, clients=CLIENTS):
        self.daemon, self.owner, self.guest = daemon, owner, guest
        self.seed, self.chance, self.writes = seed, random.Random(seed), random.Random(seed + 1)
        self.projects = [owner.project(f"Choked {n}") for n in range(3)]
        self.topics = ["project:" + p["id"] for p in self.projects]
        self.tasks = [owner.task("Large", projectId=p["id"]) for p in self.projects]
        self.beginnings = [owner.get(f"/v1/projects/{p['id']}/snapshot").expect(200)["cursor"]
                           for p in self.projects]
        self.cursors, self.received, self.written = list(self.beginnings), 0, 0
        owner.acquaint(guest)  # who comes and goes often, and one is not invited so often
        for project in self.projects[:2]:
            owner.share(project, guest)
        while self.written < 6:
            self.change()
        self.clients = [Choked(self, self.chance.choice((owner, guest))) for _ in range(clients)]
        self.failed = None

    def wait_a_moment(self):
        time.sleep(0.002)

    def change(self):
        """One write: mostly a large change, sometimes a change of rights.  503 is acceptable under this load."""
        n = self.writes.randrange(len(self.projects))
        what = self.writes.random()
        guest = f"/members/{self.guest.id}"
        if what < 0.1:
            reply = self.owner.delete(f"/v1/projects/{self.projects[n]['id']}{guest}").expect((204, 404, 503))
        elif what < 0.25:
            reply = self.owner.put(self.projects[n], guest, role="member").expect((200, 503))
        elif what < 0.3:
            access = self.writes.choice(("everyone", "members"))
            reply = self.owner.patch(self.projects[n], access=access).expect((200, 503))
        else:
            size = self.writes.choice((10, 2_000, 12_000, TEXT_MAX))
            reply = self.owner.patch(self.tasks[n], description=os.urandom(size // 2).hex()).expect((200, 503))
        self.written += reply.status != 503

    def write(self, end):
        try:
            while time.monotonic() < end:
                self.change()
                time.sleep(0.05)
        except BaseException as error:  # reported by run()
            self.failed = error

    def listen(self, end):
        """A client that reads: Live checks the order by itself."""
        try:
            with Live(self.daemon.ws_url, origin=self.daemon.origin, within=10.0) as feed:
                feed.hello(self.owner.token)
                for topic in self.topics:
                    assert feed.follow(topic)["op"] == "following"
                while time.monotonic() < end:
                    try:
                        feed.receive(0.2)
                    except Nothing:
                        pass
                feed.send(op="ping", ref="end")
                feed.expect("pong", within=10.0, ref="end")
                assert feed.events, "the client that reads has received nothing"
        except (Closed, AssertionError, OSError) as error:
            self.failed = self.failed or error

    def run(self, seconds):
        end = time.monotonic() + seconds
        others = [threading.Thread(target=f, args=(end,)) for f in (self.write, self.listen)]
        for thread in others:
            thread.start()
        steps = 0
        while time.monotonic() < end and self.alive():
            self.chance.choice(self.clients).step()
            steps += 1
            if steps % 8 == 0:
                self.wait_a_moment()
        for client in self.clients:
            client.drop(reset=True)
        for thread in others:
            thread.join()
        assert self.alive(), f"the daemon is gone after {steps} steps, seed {self.seed}"
        if self.failed is not None:
            raise self.failed
        return steps

    def alive(self):
        return self.daemon.process.poll() is None


def main():
    from client import SETTINGS, World
    from daemons import daemon
    from stack import Stack

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--seed", type=int, default=None, help="the first round's; each further round takes the next")
    parser.add_argument("--build", default=None, help="folder of the programs")
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else int.from_bytes(os.urandom(3), "big")
    end = time.monotonic() + options.seconds
    with Stack(build=options.build, settings=SETTINGS) as stack, tempfile.TemporaryDirectory() as folder:
        world = World(stack.url, stack.ws_url, strict=False)  # 503 is for change() to judge
        while time.monotonic() < end:
            owner, guest = world.user("anna"), world.user("ben")
            with daemon(stack, pathlib.Path(folder), PUSH_QUEUE_BYTES=str(QUEUE_BYTES), PUSH_HELLO_SECONDS="10") as other:
                fuzz = Fuzz(other, owner, guest, seed)
                steps = fuzz.run(min(60.0, max(1.0, end - time.monotonic())))
            print(f"seed {seed}: {steps} steps, {fuzz.written} writes, {fuzz.received} bytes read", flush=True)
            seed += 1


if __name__ == "__main__":
    main()
