#!/usr/bin/env python3
"""Load, then follow, under writes: `tests/chaos/races.py --runs 10000 --seed 1`.

Each run loads a snapshot, follows since its cursor, and stops after a few events.  What it then knows must be what
the log says about the project up to that event: nothing is missing and nothing is repeated.
"""
import argparse
import collections
import hashlib
import json
import pathlib
import random
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

if __name__ == "__main__":
    import prepare
    prepare.command()

from pymongo import MongoClient  # noqa: E402

import checker  # noqa: E402
import state  # noqa: E402
from client import SETTINGS  # noqa: E402
from participants import number_in  # noqa: E402
from live import Live  # noqa: E402
from reconnect import PacedWriter, percentile  # noqa: E402
from storm import Storm  # noqa: E402


def digest(known):
    """The same for two states that are equal."""
    whole = [known.project, sorted(known.members.items()), sorted(known.tasks.items())]
    return hashlib.sha1(json.dumps(whole, sort_keys=True).encode()).hexdigest()


class Racer(threading.Thread):
    """Loads and follows repeatedly; records where it stopped and its state then."""

    def __init__(self, number, storm, seed):
        super().__init__(daemon=True)
        self.storm, self.dice, self.found = storm, random.Random(seed * 1000 + number), []
        self.user = storm.owner.user

    def run(self):
        try:
            while self.storm.take_one():
                self.race(self.dice.choice(self.storm.projects))
        except Exception as error:  # noqa: BLE001 - shown by the run
            self.storm.progress.failures.append(f"racer: {error!r}")

    def race(self, project):
        world, topic, wanted = self.user.world, "project:" + project, self.dice.randrange(4)
        with Live(world.ws_url, origin=world.origin) as feed:
            early = self.dice.random() < 0.5
            if early:
                feed.hello(self.user.token)
            shot = self.user.get(f"/v1/projects/{project}/snapshot").expect(200).json
            head = int(self.storm.heads.find_one({"_id": topic})["seq"])
            if not early:
                feed.hello(self.user.token)
            answer = feed.follow(topic, since=shot["cursor"])
            assert answer["op"] == "following" and answer["recovered"], answer
            known, seq = state.of_snapshot(shot), number_in(shot["cursor"])
            # The cursor was read before the tasks: those may be newer, and agree with the log again at `head`.
            # `following` says where live events begin: everything up to there must arrive.
            wanted = max(number_in(answer["cursor"]), head, seq + wanted)
            while seq < wanted:
                event = feed.waiting.pop(0) if feed.waiting else feed.receive(10)
                assert event["op"] == "event" and event["seq"] == seq + 1, (seq, event)
                known.apply(event)
                seq += 1
        self.found.append((topic, number_in(shot["cursor"]), seq, digest(known)))


class Races(Storm):
    def __init__(self, stack, folder, runs, seed, racers=4, writers=3, projects=3, pause=0.02):
        super().__init__(stack, folder, 0, 0, seed, writers, 0, projects)
        self.left, self.lock = runs, threading.Lock()
        self.mongo = MongoClient(stack.mongodb_uri)
        self.heads = self.mongo[stack.mongodb_database].topics
        self.start = {p: self.load(p) for p in self.projects}
        self.writers = [PacedWriter(w.number, w.member, w.projects, self.folder, seed * 1000 + w.number,
                                    self.progress) for w in self.writers]
        for writer in self.writers:
            writer.pause, writer.most = pause, 30
        self.racers = [Racer(n, self, seed) for n in range(racers)]

    def take_one(self):
        with self.lock:
            self.left -= 1
            return self.left >= 0 and not self.progress.failures

    def rage(self, limit):
        """Returns the violations, and how far behind the runs were when they followed."""
        began = time.monotonic()
        for thread in [*self.writers, *self.racers]:
            thread.start()
        for thread in self.racers:
            thread.join(max(0.0, began + limit - time.monotonic()))
        assert self.left < 0 and not any(r.is_alive() for r in self.racers), f"{self.left} runs are not done"
        self.seconds = time.monotonic() - began
        self.progress.stop.set()
        for thread in self.writers:
            thread.join(20)
        self.settle()
        self.mongo.close()
        return self.judge([f for r in self.racers for f in r.found])

    def judge(self, found):
        """Replays the log up to where a run stopped."""
        wrong, stops = [], collections.defaultdict(list)
        for topic, first, last, seen in found:
            stops[topic, last].append((first, seen))
        mirrors = {"project:" + p: state.of_snapshot(s) for p, s in self.start.items()}
        since = {"project:" + p: number_in(s["cursor"]) for p, s in self.start.items()}
        for entry in checker.lines(self.folder / "log.jsonl"):
            topic, seq = entry["topic"], entry["seq"]
            if seq > since[topic]:
                mirrors[topic].apply(json.loads(entry["frame"]))
            for first, seen in stops.pop((topic, seq), []) if (topic, seq) in stops else []:
                if seen != digest(mirrors[topic]):
                    wrong.append(f"{topic}: loaded at {first}, followed to {seq}: stale")
        wrong += [f"{topic}: {seq} is not in the log" for topic, seq in stops]
        return wrong, [last - first for _, first, last, _ in found]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--limit", type=float, default=540, help="seconds; tokens live ten minutes")
    args = parser.parse_args()
    from stack import Stack
    with Stack(push=2, settings=SETTINGS) as stack, tempfile.TemporaryDirectory() as folder:
        races = Races(stack, folder, args.runs, args.seed)
        wrong, events = races.rage(args.limit)
    print(f"seed {args.seed}, {races.seconds:.0f} s: {len(events)} runs, {sum(n > 0 for n in events)} with events "
          f"after the load (at most {max(events)}), {races.progress.acked} changes meanwhile, "
          f"answers p99 {percentile(races.progress.latencies, .99) * 1000:.0f} ms")
    for failure in [*races.progress.failures, *wrong[:50]]:
        print("FAILURE", failure)
    print(f"{len(wrong)} stale")
    return 1 if wrong or races.progress.failures or len(events) < args.runs else 0


if __name__ == "__main__":
    sys.exit(main())
