"""Writers, followers and a killer: the storm whose records the checker judges.

Everything random comes from one seed, so a run that failed can be had again (up to the scheduling of threads).
"""
import collections
import http.client
import json
import os
import pathlib
import random
import sys
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

from pymongo import MongoClient  # noqa: E402

from client import Http, User, World, eventually  # noqa: E402
from live import Closed, Live, Nothing, Refused  # noqa: E402

BROKEN = (OSError, http.client.HTTPException, ValueError)
AGAIN = {401, 409, 429, 500, 502, 503, 504}  # answers after which the same request is sent again
PATIENCE = 60  # seconds a writer keeps trying one change, or the end is waited for


class Lines:
    """A file of JSON lines, one writer thread each."""

    def __init__(self, path):
        self.file = open(path, "w", encoding="utf-8")  # closed by close()

    def add(self, record):
        self.file.write(json.dumps(record) + "\n")

    def close(self):
        self.file.close()


class Member:
    """A person of the storm, whose token is renewed when it ends."""

    def __init__(self, user):
        self.user, self.lock = user, threading.Lock()

    def renew(self, used):
        with self.lock:
            if self.user.token != used:
                return
            reply = User(self.user.world).post("/v1/sessions", login=self.user.email,
                                               password=self.user.password)
            if reply.status == 201:
                self.user.take(reply)


class Progress:
    """Counts that all threads share."""

    def __init__(self):
        self.lock, self.acked, self.retries, self.latencies = threading.Lock(), 0, collections.Counter(), []
        self.stop, self.failures = threading.Event(), []

    def ack(self, seconds):
        with self.lock:
            self.acked += 1
            self.latencies.append(seconds)

    def retry(self, why):
        with self.lock:
            self.retries[why] += 1


class Writer(threading.Thread):
    """Makes one change after the other, each under a key of its own, and asks until it is answered."""

    def __init__(self, number, member, projects, folder, seed, progress):
        super().__init__(daemon=True)
        self.number, self.member, self.progress = number, member, progress
        self.projects, self.dice = projects, random.Random(seed)
        self.mine = {p: {} for p in projects}  # project -> {task: status}; nobody else touches these
        self.lines = Lines(folder / f"writer-{number}.jsonl")

    def run(self):
        count = 0
        try:
            while not self.progress.stop.is_set():
                count += 1
                self.change(f"w{self.number}-{count}")
        except Exception as error:  # noqa: BLE001 - shown by the run
            self.progress.failures.append(f"writer {self.number}: {error!r}")
        finally:
            self.lines.close()

    def change(self, marker):
        project = self.dice.choice(self.projects)
        tasks, kind = self.mine[project], self.dice.random()
        task = self.dice.choice(list(tasks)) if tasks else None
        if task is None or (kind < 0.3 and len(tasks) < 200):
            request = ("POST", "/v1/tasks", {"title": marker, "projectId": project})
        elif kind < 0.85:
            request = ("PATCH", "/v1/tasks/" + task,
                       {"title": marker, "priority": self.dice.choice(("low", "high", "none"))})
        else:  # to another status, so that it is a change for sure
            others = [s for s in ("todo", "in-progress", "completed") if s != tasks[task]]
            request = ("POST", f"/v1/tasks/{task}/move", {"status": self.dice.choice(others)})
        reply = self.ask(*request, key=f"{marker}-{os.urandom(8).hex()}")
        record = {"marker": marker, "topic": "project:" + project, "acked": reply is not None}
        if reply is not None:
            record.update(entityId=reply["id"], rev=reply["rev"])
            if request[1].endswith("/move"):
                record["marker"] = f"task.moved:{reply['id']}:{reply['rev']}"
            tasks[reply["id"]] = reply["status"]
        self.lines.add(record)

    def ask(self, method, path, body, key):
        """The answer to a change; None when there was none in all the time."""
        start = time.monotonic()
        while time.monotonic() < start + PATIENCE:
            token = self.member.user.token
            try:
                reply = self.member.user.send(method, path, body, key=key)
                if reply.status in (200, 201):
                    self.progress.ack(time.monotonic() - start)
                    return reply.json
                if reply.status not in AGAIN:
                    raise AssertionError(f"refused: {reply}")
                self.progress.retry(reply.status)
                if reply.status == 401:
                    self.member.renew(token)
            except BROKEN as error:
                self.progress.retry(type(error).__name__)
            time.sleep(0.02 + self.dice.random() * 0.08)
        self.progress.failures.append(f"writer {self.number}: no answer to {key} in {PATIENCE} s")
        return None


class Witness(Live):
    """A socket that believes everything: the checker judges the order, not the client."""

    def _event(self, event):
        self.events.append(event)


class Follower(threading.Thread):
    """Loads a project, follows it, and comes back after every break with the last cursor it saw."""

    def __init__(self, number, member, project, folder, progress):
        super().__init__(daemon=True)
        self.member, self.progress, self.topic = member, progress, "project:" + project
        self.lines = Lines(folder / f"follower-{number}.jsonl")
        shot = member.user.get(f"/v1/projects/{project}/snapshot").expect(200).json
        self.cursor, self.seq, self.number = shot["cursor"], number_in(shot["cursor"]), number
        self.lines.add({"start": shot, "topic": self.topic, "seq": self.seq})
        self.done, self.reconnects, self.connected = threading.Event(), 0, False

    def run(self):
        try:
            while not self.done.is_set():
                token = self.member.user.token
                try:
                    self.session(token)
                except Closed as closed:
                    if closed.code in (4401, 4403):
                        self.member.renew(token)
                except (OSError, Refused, Nothing):
                    pass
                self.connected = False
                self.done.wait(0.05)
        except Exception as error:  # noqa: BLE001 - shown by the run
            self.progress.failures.append(f"follower {self.number}: {error!r}")
        finally:
            self.lines.close()

    def session(self, token):
        world = self.member.user.world
        with Witness(world.ws_url, origin=world.origin) as feed:
            feed.send(op="hello", token=token)
            self.until(feed, "ready")
            feed.send(op="follow", topic=self.topic, since=self.cursor)
            answer = self.until(feed, "following", "resync", "error")
            if answer["op"] == "error":
                raise Closed(1006, answer["code"])
            if answer["op"] == "resync" or not answer["recovered"]:
                self.lines.add({"resync": answer.get("reason", "not recovered")})
                self.done.set()
                return
            self.lines.add({"reconnect": True})
            self.reconnects += 1
            self.connected = True
            while not self.done.is_set():
                try:
                    message = feed.receive(0.3)
                except Nothing:
                    continue
                if message["op"] == "event":
                    self.lines.add({"event": message})
                    self.cursor, self.seq = message["cursor"], max(self.seq, message["seq"])
                elif message["op"] in ("left", "resync"):
                    self.lines.add({"resync": message["reason"]})
                    self.done.set()

    @staticmethod
    def until(feed, *ops):
        while True:
            message = feed.receive(5.0)
            if message["op"] in ops:
                return message


def number_in(cursor):
    """The harness may look into a cursor; clients may not."""
    return int(cursor.rsplit(".", 1)[1])


class Killer(threading.Thread):
    """Kills a program with -9 whenever some more changes were acknowledged since the last time."""

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
        """One live process, whichever comes first: what is just being restarted is not killed twice."""
        while not self.progress.stop.is_set():
            target = self.dice.choice(self.targets)
            try:
                victim = self.stack.kill_worker("api") if target == "worker" else self.stack.kill(target)
            except ProcessLookupError:
                victim = None
            if victim:
                self.killed[target] += 1
                return
            time.sleep(0.01)


class Storm:
    """One run: sets the scene, lets it rage, and writes the last records."""

    def __init__(self, stack, folder, changes=600, kills=20, seed=1, writers=6, followers=4, projects=2,
                 targets=("worker", "push-1"), limit=50, say=lambda *_: None):
        self.stack, self.folder, self.changes, self.limit, self.say = stack, pathlib.Path(folder), changes, limit, say
        self.folder.mkdir(parents=True, exist_ok=True)
        self.progress = Progress()
        world = World(stack.url, stack.ws_url, strict=False)
        owner = world.user("owner")
        self.projects = [owner.project(f"Storm {n}")["id"] for n in range(projects)]
        people = [world.user("person") for _ in range(max(writers, followers))]
        for project in self.projects:
            for person in people:
                owner.put(f"/v1/projects/{project}/members/{person.id}", role="member").expect((200, 201))
        members = [Member(p) for p in people]
        self.owner = Member(owner)
        self.writers = [Writer(n, members[n], self.projects, self.folder, seed * 1000 + n, self.progress)
                        for n in range(writers)]
        self.followers = [Follower(n, members[n], self.projects[n % projects], self.folder, self.progress)
                          for n in range(followers)]
        self.killer = Killer(stack, targets, kills, changes, seed, self.progress)

    def rage(self):
        """Until so many changes are acknowledged and all kills are done, or the time is over."""
        start = time.monotonic()
        for thread in self.followers:
            thread.start()
        eventually(lambda: all(f.connected for f in self.followers), within=15, what="all followers")
        for thread in [*self.writers, self.killer]:
            thread.start()
        while (self.progress.acked < self.changes or self.killer.is_alive()) and not self.progress.failures:
            if time.monotonic() - start > self.limit:
                break
            self.say(self.progress.acked, sum(self.killer.killed.values()), time.monotonic() - start)
            time.sleep(0.1)
        self.seconds = time.monotonic() - start
        self.progress.stop.set()
        for thread in [*self.writers, self.killer]:
            thread.join(PATIENCE + 5)
        self.settle()

    def settle(self):
        """The log is written down, followers catch up with it, fresh snapshots are taken."""
        heads = eventually(self.dump_log, within=PATIENCE, every=0.2, what="the database")
        end = time.monotonic() + 20
        for follower in self.followers:
            while follower.seq < heads["project:" + follower.topic.split(":")[1]] and time.monotonic() < end:
                time.sleep(0.02)
        time.sleep(0.3)  # nothing may come after the head: give a stray repeat the time to show
        for follower in self.followers:
            follower.done.set()
        for follower in self.followers:
            follower.join(10)
        for n, project in enumerate(self.projects):
            shot = eventually(lambda: self.load(project), within=PATIENCE, every=0.2, what="a fresh snapshot")
            (self.folder / f"snapshot-{n}.json").write_text(json.dumps(shot), encoding="utf-8")

    def load(self, project):
        token = self.owner.user.token
        try:
            reply = self.owner.user.get(f"/v1/projects/{project}/snapshot")
            if reply.status == 401:
                self.owner.renew(token)
            return reply.json if reply.status == 200 else None
        except BROKEN:
            return None

    def dump_log(self):
        """Writes log.jsonl and gives the head of every topic; None when the database is still away."""
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
    """One line of log.jsonl; the marker is what makes a change recognisable."""
    frame = json.loads(event["frame"])
    row = {"topic": event["topic"], "seq": int(event["seq"]), "kind": event["kind"], "entity": event["entity"],
           "entityId": str(event["entityId"]), "rev": frame["rev"], "frame": event["frame"]}
    if event["kind"] == "task.created":
        row["marker"] = frame["data"]["title"]
    elif "title" in frame["changes"]:
        row["marker"] = frame["changes"]["title"][1]
    elif event["kind"] == "task.moved":
        row["marker"] = f"task.moved:{row['entityId']}:{row['rev']}"
    return row
