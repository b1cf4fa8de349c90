"""Runs writers, followers and a killer, and records everything for the checker.

All randomness comes from one seed, so a failed run can be repeated (except for thread scheduling).
"""
import collections
import json
import pathlib
import random
import sys
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

from pymongo import MongoClient  # noqa: E402

from client import World, eventually  # noqa: E402
from faults import Saboteur  # noqa: E402
from link_readers import LinkReader  # noqa: E402
from participants import BROKEN, PATIENCE, Follower, Lines, Member, Progress, Writer  # noqa: E402


class Killer(threading.Thread):
    """Kills a program with -9 each time some more changes have been acknowledged."""

    def __init__(self, stack, targets, kills, changes, seed, progress):
        super().__init__(daemon=True)
        self.stack, self.targets, self.kills, self.progress = stack, targets, kills, progress
        self.dice, self.between, self.killed = random.Random(seed), changes / (kills + 1), collections.Counter()

    def run(self):
        try:
            for _ in range(self.kills):
                goal = self.progress.acked + self.between * self.dice.uniform(0.5, 1.5)
                while self.progress.acked < goal and not self.progress.stop.is_set():
                    time.sleep(0.005 * self.dice.random())
                if self.progress.stop.is_set():
                    return
                self.kill()
        except Exception as error:  # noqa: BLE001 - shown by the run
            self.progress.failures.append(f"killer: {error!r}")


    def kill(self):
        """A running process; one that is just being restarted is not killed again."""
        while not self.progress.stop.is_set():
            target = self.dice.choice(self.targets)
            try:
                name, _, host = target.partition("@")  # worker, or worker@api-2
                victim = self.stack.kill_worker(host or "api") if name == "worker" else self.stack.kill(target)
            except ProcessLookupError:
                victim = None
            if victim:
                self.killed[target] += 1
                return
            time.sleep(0.01)


class Storm:
    """One run: prepares users and projects, runs everything, and writes the final records."""

    def __init__(self, stack, folder, changes=600, kills=20, seed=1, writers=6, followers=4, projects=2,
                 targets=("worker", "push-1"), limit=50, say=lambda *_: None, faults=False, links=False):
        self.stack, self.folder, self.changes, self.limit, self.say = stack, pathlib.Path(folder), changes, limit, say
        self.folder.mkdir(parents=True, exist_ok=True)
        self.progress = Progress()
        world = World(stack.url, stack.ws_url, strict=False)
        owner = world.user("owner")
        self.projects = [owner.project(f"Storm {n}")["id"] for n in range(projects)]
        people = [world.user("person") for _ in range(max(writers, followers))]
        for project in self.projects:
            for person in people:
                owner.share({"id": project}, person)
        members = [Member(p) for p in people]
        self.owner = Member(owner)
        self.writers = [Writer(n, members[n], self.projects, self.folder, seed * 1000 + n, self.progress)
                        for n in range(writers)]
        self.followers = [Follower(n, members[n], self.projects[n % projects], self.folder, self.progress)
                          for n in range(followers)]
        self.readers = [LinkReader(n, self.owner, p, self.folder, seed * 1000 + 500 + n, self.progress)
                        for n, p in enumerate(self.projects)] if links else []
        self.killer = Killer(stack, targets, kills, changes, seed, self.progress)
        self.saboteur = Saboteur(stack, random.Random(seed + 1), self.progress.stop) if faults else None

    def rage(self):
        """Runs until enough changes are acknowledged and all kills are done, or time is up."""
        start = time.monotonic()
        for thread in self.followers:
            thread.start()
        eventually(lambda: all(f.connected for f in self.followers), within=15, what="all followers")
        others = [*self.writers, *self.readers, self.killer, *filter(None, [self.saboteur])]
        for thread in others:
            thread.start()
        while (self.progress.acked < self.changes or self.killer.is_alive()) and not self.progress.failures:
            if time.monotonic() - start > self.limit:
                break
            self.say(self.progress.acked, sum(self.killer.killed.values()), time.monotonic() - start)
            time.sleep(0.1)
        self.seconds = time.monotonic() - start
        self.progress.stop.set()
        for thread in others:
            thread.join(PATIENCE + 5)
        self.settle()

    def settle(self):
        """Records the log, lets followers catch up, and takes fresh snapshots."""
        heads = eventually(self.dump_log, within=PATIENCE, every=0.2, what="the database")
        end = time.monotonic() + 20
        for follower in self.followers:
            while follower.seq < heads["project:" + follower.topic.split(":")[1]] and time.monotonic() < end:
                time.sleep(0.02)
        self.dump_reminders()
        time.sleep(0.3)  # nothing may come after the head: leave time for a stray repetition
        for follower in self.followers:
            follower.done.set()
        for follower in self.followers:
            follower.join(10)
        for n, project in enumerate(self.projects):
            shot = eventually(lambda: self.load(project), within=PATIENCE, every=0.2, what="a fresh snapshot")
            (self.folder / f"snapshot-{n}.json").write_text(json.dumps(shot), encoding="utf-8")

    def load(self, project):
        return self.read(self.owner, f"/v1/projects/{project}/snapshot")

    @staticmethod
    def read(member, path, **query):
        """A document; None if there was no response, which is then asked for again."""
        token = member.user.token
        try:
            reply = member.user.get(path, **query)
            if reply.status == 401:
                member.renew(token)
            return reply.json if reply.status == 200 else None
        except BROKEN:
            return None

    def dump_reminders(self):
        """Writes reminders.jsonl: how often each task has reminded its writer, once all have or time is up."""
        lines = Lines(self.folder / "reminders.jsonl")
        for writer in self.writers:
            end = time.monotonic() + PATIENCE
            while True:
                counts = collections.Counter(self.reminders_of(writer.member))
                if all(counts[task] for task in writer.reminded) or time.monotonic() > end:
                    break
                time.sleep(0.2)
            for task in writer.reminded:
                lines.add({"task": task, "reminders": counts[task]})
        lines.close()

    def reminders_of(self, member):
        """The task of each of a member's notifications that is a reminder."""
        cursor = None
        while True:
            query = {"limit": 200, **({"cursor": cursor} if cursor else {})}
            page = eventually(lambda: self.read(member, "/v1/notifications", **query), within=PATIENCE, every=0.2, what="notifications")
            yield from (n["taskId"] for n in page["items"] if n["kind"] == "reminder")
            cursor = page["nextCursor"]
            if cursor is None:
                return

    def dump_log(self):
        """Writes log.jsonl and returns the head of every topic; None while the database is unreachable."""
        topics = ["project:" + p for p in self.projects]
        heads, log = {}, Lines(self.folder / "log.jsonl")
        try:
            with MongoClient(self.stack.mongodb_uri, serverSelectionTimeoutMS=3000) as mongo:
                database = mongo[self.stack.mongodb_database]
                for event in database.events.find({"topic": {"$in": topics}}).sort([("topic", 1), ("seq", 1)]):
                    heads[event["topic"]] = max(heads.get(event["topic"], 0), event["seq"])
                    log.add(entry(event))
                for topic in topics:
                    counter = database.topics.find_one({"_id": topic})["seq"]
                    assert counter == heads[topic], f"{topic}: counter {counter}, newest event {heads[topic]}"
        except OSError:
            return None
        except Exception as error:  # noqa: BLE001 - pymongo's own, while the server restarts
            if type(error).__module__.startswith("pymongo"):
                return None
            raise
        finally:
            log.close()
        return heads


def entry(event):
    """One line of log.jsonl; the marker identifies the change."""
    frame = json.loads(event["frame"])
    row = {"topic": event["topic"], "seq": int(event["seq"]), "kind": event["kind"], "entity": event["entity"],
           "entityId": str(event["entityId"]), "rev": frame["rev"], "frame": event["frame"]}
    marker = marker_in(frame)
    return row if marker is None else {**row, "marker": marker}


def marker_in(event):
    """What the change that this is an event of has put into its entity."""
    kind, changes, data = event["kind"], event["changes"] or {}, event["data"]
    if kind == "task.created":
        return f"successor:{data['previousId']}" if data["previousId"] else data["title"]
    if kind in ("comment.created", "attachment.created"):
        return data["text" if kind == "comment.created" else "name"]
    if "description" in changes:
        before, after = changes["description"]
        return after or f"undo:{before}"
    for name in ("title", "text"):
        if name in changes:
            return changes[name][1]
    items = [after["text"] for name, (_, after) in changes.items() if name.startswith("checklist/") and isinstance(after, dict)]
    if items:
        return items[0]
    return f"task.moved:{event['entityId']}:{event['rev']}" if kind == "task.moved" else None
