#!/usr/bin/env python3
"""One user with 50 sockets does nothing but one op, at its limit: what do the others notice?

    tests/push/attackers.py --build var/build --seconds 6 [OP...] [--before FOLDER]

For each op, windows with and without the attacker take turns; others' latencies (p50 and p99, ms) of ping, hello (a new
socket up to `ready`) and events (commit to arrival) are those of all windows of a kind.  `loop` is the CPU of push's main
thread, `reads` its questions to the database a second, `end` the milliseconds from ending a session to its socket's 4401
while the attacker is at work, `left` from removing a member to its `left`, `kept` what push keeps in memory after he has
hung up.  --before names the programs of an earlier version, measured the same way.  Prints a table in Markdown.
"""
import argparse
import contextlib
import json
import multiprocessing
import os
import pathlib
import random
import socket
import sys
import tempfile
import threading
import time
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

from client import SETTINGS, World  # noqa: E402
from daemons import daemon, free_port  # noqa: E402
from live import TEXT, Closed, Live, Nothing, Refused, Socket  # noqa: E402
from stack import Stack  # noqa: E402

SOCKETS = 50
OPEN_PROJECTS = 400  # open to everyone: what a new account's `all` gathers
PER_SECOND = 20  # of a socket, and its burst
BURST = 200


# ------------------------------------------------------------ the attacker, in a process of his own

class Attacker:
    """Sockets that say what `op` yields as fast as they may, and read all that comes (or nothing)."""

    def __init__(self, url, origin, token, topics, cursors, op):
        self.url, self.origin, self.token, self.topics, self.cursors, self.op = url, origin, token, topics, cursors, op
        self.chance = random.Random(1)

    def connect(self, hello=True):
        feed = Socket(self.url, origin=self.origin, rcvbuf=4096 if self.op == "unread" else None)
        if hello:
            feed.frame(TEXT, json.dumps({"op": "hello", "token": self.token}).encode())
            feed.read(5.0)
        if self.op in ("signal", "presence", "unread"):
            feed.frame(TEXT, json.dumps({"op": "follow", "topic": self.topics[0]}).encode())
        feed.sock.setblocking(False)
        feed.left, feed.at = BURST - 10, time.monotonic()
        return feed

    def message(self):
        topic = self.chance.choice(self.topics)
        return {
            "ping": {"op": "ping"},
            "follow": {"op": "follow", "topic": topic},
            "follow, replay": {"op": "follow", "topic": self.topics[0], "since": self.cursors[0]},
            "follow all": {"op": "follow", "topic": "all"},
            "follow all, since": {"op": "follow", "topic": "all", "since": self.cursors[1]},
            "unfollow": {"op": "unfollow", "topic": topic},
            "presence": {"op": "presence", "topic": self.topics[0], "state": self.chance.choice(("online", "away"))},
            "signal": {"op": "signal", "topic": self.topics[0], "pad": "s" * 900},
            "token": {"op": "token", "token": self.token},
            "unread": {"op": "follow", "topic": self.topics[0], "since": self.cursors[0]},
            "nonsense": {"op": "x" * 60_000},
        }[self.op]

    def step(self, feed):
        """Says as much as the socket's rate allows; gives back a socket that lives."""
        now = time.monotonic()
        cost = 10 if self.op.startswith("follow all") else 1
        feed.left, feed.at = min(BURST, feed.left + (now - feed.at) * (PER_SECOND - 1)), now
        try:
            if self.op == "ping frames":
                feed.sock.send(b"\x89\x80abcd" * 200)
            elif self.op == "pieces":
                feed.sock.send(b"\x01\x81abcdA" + b"\x00\x81abcdA" * 400 + b"\x80\x81abcdA")
                feed.left -= 1
            for _ in range(5):
                if self.op in ("ping frames", "pieces") or feed.left < cost:
                    break
                feed.frame(TEXT, json.dumps(self.message()).encode())
                feed.left -= cost
            while self.op != "unread" and feed.sock.recv(262144):
                pass
        except BlockingIOError:
            return feed
        except OSError:
            pass
        feed.sock.close()
        return self.connect()

    def run(self, ready, stop):
        if self.op in ("hello", "bad hello", "half handshakes"):
            ready.set()
            self.come_and_go(stop)
            return
        feeds = [self.connect() for _ in range(SOCKETS)]
        ready.set()
        while not stop.is_set():
            for n, feed in enumerate(feeds):
                with contextlib.suppress(OSError, Refused, Closed, Nothing):
                    feeds[n] = self.step(feed)
            time.sleep(0.002)

    def come_and_go(self, stop):
        feeds = []
        while not stop.is_set():
            try:
                if self.op == "half handshakes":
                    host, port = self.url.split("/")[2].split(":")
                    feeds.append(socket.create_connection((host, int(port)), 2))
                    feeds[-1].sendall(b"GET /v1/live HTTP/1.1\r\nHost: x\r\n")
                else:
                    feeds.append(Socket(self.url, origin=self.origin))
                    feeds[-1].frame(TEXT, json.dumps({"op": "hello", "token": self.token if self.op == "hello" else "x"}).encode())
                    time.sleep(0.01)  # 100 a second
            except (OSError, Refused):
                time.sleep(0.01)
            if len(feeds) >= SOCKETS - 2:
                feeds.pop(0).close()
        for feed in feeds:
            feed.close()


OPS = ("ping", "follow", "follow, replay", "follow all", "follow all, since", "unfollow", "presence", "signal", "token", "hello",
       "bad hello", "half handshakes", "unread", "nonsense", "pieces", "ping frames")


def attack(*args):
    ready, stop = args[-2:]
    os.nice(5)
    Attacker(*args[:-2]).run(ready, stop)


# ------------------------------------------------------------ the others

class Others:
    """Somebody who pings, somebody who comes back, somebody who changes a task and one who hears of it."""

    def __init__(self, daemon_world, api, people):
        self.daemon, self.api, (self.anna, self.ben, self.cleo) = daemon_world, api, people
        self.project = self.anna.project("Others")
        self.anna.share(self.project, self.ben)
        self.topic = "project:" + self.project["id"]

    def open(self, user, **options):
        feed = Live(self.daemon.ws_url, origin=self.daemon.origin, within=20.0, **options)
        feed.hello(user.token, within=20.0)
        return feed

    def pings(self, end, found):
        with self.open(self.anna) as feed:
            while time.monotonic() < end:
                began = time.monotonic()
                feed.send(op="ping", ref=1)
                feed.expect("pong", within=20.0)
                found.append((time.monotonic() - began) * 1000)
                time.sleep(0.055)

    def hellos(self, end, found):
        while time.monotonic() < end:
            began = time.monotonic()
            self.open(self.ben).close()
            found.append((time.monotonic() - began) * 1000)
            time.sleep(0.1)

    def events(self, end, found):
        task = self.anna.task("Measured", projectId=self.project["id"])
        with self.open(self.ben) as feed:
            feed.follow(self.topic, within=20.0)
            n = 0
            while time.monotonic() < end:
                n += 1
                self.anna.patch(task, description=f"{n}").expect(200)
                written = time.monotonic()
                feed.expect("task.updated", within=20.0)
                found.append(max(0.0, (time.monotonic() - written) * 1000))
                time.sleep(0.05)

    def window(self, seconds):
        found = {"ping": [], "hello": [], "event": []}
        end = time.monotonic() + seconds
        threads = [threading.Thread(target=fn, args=(end, found[name]))
                   for name, fn in (("ping", self.pings), ("hello", self.hellos), ("event", self.events))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return found

    def end_of_a_session(self):
        user = self.cleo.log_in()
        with self.open(user) as feed:
            user.delete("/v1/sessions/current").expect(204)
            began = time.monotonic()
            feed.expect_close(4401, within=20.0)
            return (time.monotonic() - began) * 1000

    def end_of_a_right(self):
        self.anna.share(self.project, self.cleo)
        with self.open(self.cleo) as feed:
            feed.follow(self.topic, within=20.0)
            self.anna.delete(f"/v1/projects/{self.project['id']}/members/{self.cleo.id}").expect(204)
            began = time.monotonic()
            feed.expect("left", within=20.0)
            return (time.monotonic() - began) * 1000


# ------------------------------------------------------------ what push costs

def loop_ticks(pid):
    fields = pathlib.Path(f"/proc/{pid}/task/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return int(fields[11]) + int(fields[12])


def resident(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return 0.0


def reads(metrics):
    """The new versions count questions to the database; of older ones loads and pages are known."""
    text = urllib.request.urlopen(f"http://{metrics}/metrics").read().decode()
    values = {line.split()[0].split("{")[0]: float(line.split()[-1]) for line in text.splitlines() if line and line[0] != "#"}
    for name, value in values.items():
        if name.endswith("reads_total"):
            return value
    return sum(v for n, v in values.items() if n.endswith(("loads_total", "pages_total")))


def at(values, q):
    values = sorted(values)
    return values[min(len(values) - 1, int(q * len(values)))] if values else float("nan")


class Trial:
    """One op against one daemon."""

    def __init__(self, stack, build, folder, seconds):
        self.stack, self.seconds = stack, seconds
        self.metrics = f"127.0.0.1:{free_port()}"
        self.api = World(stack.url, stack.ws_url)
        stack.build, before = str(build), stack.build
        self.exit = contextlib.ExitStack()
        self.daemon = self.exit.enter_context(daemon(stack, folder, PUSH_METRICS=self.metrics))
        stack.build = before
        with contextlib.suppress(PermissionError):
            os.setpriority(os.PRIO_PROCESS, self.daemon.process.pid, -10)

    def row(self, op, attacker, topics, cursors, others, rounds=2):
        pid, found, quiet = self.daemon.process.pid, None, None
        ticks = asked = spent = 0
        ends, lefts = [], []
        before = resident(pid)
        for _ in range(rounds):
            quiet = merge(quiet, others.window(self.seconds))
            ready, stop = multiprocessing.Event(), multiprocessing.Event()
            process = multiprocessing.Process(target=attack, args=(
                self.daemon.ws_url, self.daemon.origin, attacker.token, topics, cursors, op, ready, stop))
            process.start()
            ready.wait(30)
            began, t0, r0 = time.monotonic(), loop_ticks(pid), reads(self.metrics)
            found = merge(found, others.window(self.seconds))
            spent += time.monotonic() - began
            ticks += loop_ticks(pid) - t0
            asked += reads(self.metrics) - r0
            ends.append(others.end_of_a_session())
            lefts.append(others.end_of_a_right())
            stop.set()
            process.join(10)
            if process.is_alive():
                process.kill()
                process.join()
            time.sleep(1.5)
        time.sleep(4.0)
        return {"op": op, "quiet": quiet, "found": found, "loop": 100 * ticks / os.sysconf("SC_CLK_TCK") / spent,
                "reads": asked / spent, "end": max(ends), "left": max(lefts), "kept": resident(pid) - before}


def merge(a, b):
    return b if a is None else {k: a[k] + b[k] for k in a}


def print_row(row):
    cells = [row["op"]]
    for name in ("ping", "hello", "event"):
        quiet, found = row["quiet"][name], row["found"][name]
        cells.append(f"{at(quiet, .5):.1f} / {at(quiet, .99):.0f}")
        cells.append(f"{at(found, .5):.1f} / {at(found, .99):.0f}")
    cells += [f"{row['loop']:.0f} %", f"{row['reads']:.0f}", f"{row['end']:.0f}", f"{row['left']:.0f}", f"{row['kept']:+.1f}"]
    print("| " + " | ".join(cells) + " |", flush=True)


def measure(stack, build, ops, seconds, people, topics, cursors):
    print(f"\n{build}\n\n| op | ping without | with | hello without | with | event without | with | loop | reads/s | end ms | "
          "left ms | kept MiB |\n" + "| --- " * 12 + "|", flush=True)
    for op in ops:
        world = World(stack.url, stack.ws_url)
        # Their tokens live for ten minutes, and one may be invited so often only.
        people = [people[0].log_in(), *(world.user(name) for name in ("anna", "ben", "cleo"))]
        with tempfile.TemporaryDirectory() as folder:
            trial = Trial(stack, build, pathlib.Path(folder), seconds)
            try:
                print_row(trial.row(op, people[0], topics, cursors, Others(trial.daemon, trial.api, people[1:])))
            except Exception as error:  # the daemon died, or others were refused: that is a result
                state = trial.daemon.process.poll()
                print(f"| {op} | {'the daemon ended with ' + str(state) if state is not None else repr(error)[:200]} |", flush=True)
            finally:
                with contextlib.suppress(AssertionError):
                    trial.exit.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("ops", nargs="*", metavar="OP", help=", ".join(OPS))
    parser.add_argument("--seconds", type=float, default=6.0, help="of a window; there are four for each op")
    parser.add_argument("--build", default="var/build")
    parser.add_argument("--before", default=None, help="programs of an earlier version, for a second table")
    options = parser.parse_args()
    with Stack(build=options.build, settings={**SETTINGS, "USER_OPEN_PROJECTS": "1000"}) as stack:
        world = World(stack.url, stack.ws_url)
        people = [world.user(name) for name in ("mallory", "anna", "ben", "cleo")]
        crowd = people[1]
        topics = []
        for n in range(OPEN_PROJECTS):
            project = crowd.project(f"Open {n}")
            crowd.patch(project, access="everyone").expect(200)
            topics.append("project:" + project["id"])
        cursors = [crowd.get(f"/v1/projects/{topics[0][8:]}/snapshot").expect(200)["cursor"]]
        with Live(stack.ws_url, origin=world.origin) as feed:
            feed.hello(people[0].token)
            cursors.append(feed.follow("all", within=30.0)["cursor"])
        task = crowd.task("Replayed", projectId=topics[0][8:])
        for n in range(300):
            crowd.patch(task, description=str(n % 10) * 3_000).expect(200)
        for build in filter(None, (options.build, options.before)):
            measure(stack, build, options.ops or OPS, options.seconds, people, topics, cursors)


if __name__ == "__main__":
    main()
