#!/usr/bin/env python3
"""The reconnect storm: `tests/chaos/reconnect.py --clients 1000 --drops 20 --seed 1`.

Clients are disconnected repeatedly during writes, at any moment: before a response, in the middle of a replay,
with a reset.  At the end each has seen exactly the log, byte for byte, and the resulting state equals a fresh snapshot.
"""
import argparse
import pathlib
import random
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

if __name__ == "__main__":
    import prepare
    prepare.command()

import checker  # noqa: E402
import swarm  # noqa: E402
from client import SETTINGS  # noqa: E402
from participants import Follower, Witness, Writer, number_in  # noqa: E402
from live import Closed, Nothing  # noqa: E402
from storm import Storm  # noqa: E402


class PacedWriter(Writer):
    """Pauses between changes, so that clients reconnect during writes and not after them."""

    pause = 0.05

    def change(self, marker):
        super().change(marker)
        self.progress.stop.wait(self.pause * 2 * self.dice.random())


class Dropped(Follower):
    """Keeps the full state, and is disconnected repeatedly after a few events."""

    def __init__(self, number, member, project, folder, progress, drops, seed):
        super().__init__(number, member, project, folder, progress)
        self.drops, self.dice = drops, random.Random(seed)

    def session(self, token):
        world, left = self.member.user.world, self.dice.randrange(10)
        with Witness(world.ws_url, origin=world.origin) as feed:
            feed.send(op="hello", token=token)
            self.until(feed, "ready")
            feed.send(op="follow", topic=self.topic, since=self.cursor)
            answer = self.until(feed, "following", "resync", "error")
            assert answer["op"] == "following" and answer["recovered"], answer
            self.lines.add({"reconnect": True})
            self.connected = True
            while not self.done.is_set():
                if left == 0 and self.drops > 0:
                    self.drops -= 1
                    raise Closed(1006, "dropped")
                try:
                    message = feed.receive(0.3)
                except Nothing:
                    continue
                assert message["op"] == "event", message
                self.lines.add({"event": message})
                self.cursor, self.seq, left = message["cursor"], message["seq"], left - 1


class Reconnect(Storm):
    """Like Storm, but it disconnects clients instead of killing processes."""

    def __init__(self, stack, folder, clients, drops, seed, writers=2, followers=2, pause=0.05):
        super().__init__(stack, folder, 0, 0, seed, writers, 0, 1)
        self.clients, self.drops, self.seed = clients, drops, seed
        project, world = self.projects[0], self.owner.user.world
        people = [world.user("follower") for _ in range(-(-clients // swarm.PER_PERSON))]
        for person in people:
            self.owner.user.share({"id": project}, person, "viewer")
        self.tokens = [person.token for person in people]
        self.writers = [PacedWriter(w.number, w.member, w.projects, self.folder, seed * 1000 + w.number,
                                    self.progress) for w in self.writers]
        for writer in self.writers:
            writer.pause = pause
        self.followers = [Dropped(n, self.owner, project, self.folder, self.progress, drops, seed + n)
                          for n in range(followers)]
        self.topic, self.start = "project:" + project, self.load(project)["cursor"]

    def rage(self, limit):
        """Disconnects all clients as often as required during writes; returns the swarm's last report."""
        began, first = time.monotonic(), number_in(self.start)
        world = self.owner.user.world
        with swarm.Swarm(world.ws_url, world.origin, self.topic, self.tokens, self.clients, self.start, self.drops,
                         self.seed) as clients:
            for thread in [*self.followers, *self.writers]:
                thread.start()
            if self.drops == 0:
                clients.answer("following", limit)
            self.hurt(clients)
            self.watch(clients, self.clients * self.drops, began + limit)
            self.progress.stop.set()
            for thread in self.writers:
                thread.join(limit)
            self.settle()
            frames = [e["frame"] for e in checker.lines(self.folder / "log.jsonl") if e["seq"] > first]
            report = clients.finish(first + len(frames), limit)
        self.seconds = time.monotonic() - began
        return report, swarm.complaints(report, frames)

    def hurt(self, clients):
        """For subclasses: what else happens during the writes."""

    def watch(self, clients, wanted, end):
        """Waits until that many disconnects have happened."""
        while time.monotonic() < end and not self.progress.failures:
            report = clients.report()
            self.say(report["drops"], wanted, time.monotonic())
            if report["drops"] >= wanted:
                return
            self.progress.stop.wait(0.2)
        raise AssertionError(f"not all were dropped in time: {report} {self.progress.failures}")


def percentile(values, share):
    ordered = sorted(values) or [0]
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--clients", type=int, default=1000)
    parser.add_argument("--drops", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--limit", type=float, default=540, help="seconds; tokens live ten minutes")
    args = parser.parse_args()
    from stack import Stack
    with Stack(push=2, settings=SETTINGS) as stack, tempfile.TemporaryDirectory() as folder:
        storm = Reconnect(stack, folder, args.clients, args.drops, args.seed, followers=8)
        report, wrong = storm.rage(args.limit)
        verdict = checker.judge_folder(folder)
    print(f"seed {args.seed}, {storm.seconds:.0f} s: {report}")
    print(", ".join(f"{n} {what}" for what, n in sorted(verdict.counts.items())))
    print("answers:", *(f"p{int(p * 100)} {percentile(storm.progress.latencies, p) * 1000:.0f} ms" for p in (.5, .99)))
    for failure in [*storm.progress.failures, *verdict.violations[:50]]:
        print("FAILURE", failure)
    print("the swarm:", wrong or "nothing wrong")
    return 1 if wrong or verdict.violations or storm.progress.failures else 0


if __name__ == "__main__":
    sys.exit(main())
