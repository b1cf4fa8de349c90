"""The participants: members, writers that repeat requests until they get a response, followers that always reconnect.

Each records its responses or events for the checker.
"""
import collections
import datetime
import http.client
import json
import os
import random
import threading
import time

from client import User
from live import Closed, Live, Nothing, Refused

BROKEN = (OSError, http.client.HTTPException, ValueError)
AGAIN = {401, 409, 429, 500, 502, 503, 504}  # responses after which the same request is sent again
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
    """A participant, whose token is renewed when it expires."""

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
    """Counters shared by all threads."""

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


class Asking(threading.Thread):
    """Repeats each request, with a key of its own, until there is a response."""

    counts = False  # are its changes counted among those of the run?

    def __init__(self, name, member, seed, progress):
        super().__init__(daemon=True)
        self.called, self.member, self.progress, self.dice = name, member, progress, random.Random(seed)

    def ask(self, method, path, body=None, good=(200, 201), **how):
        """The document in the response, {} if it is empty; None if there was none in time."""
        start, key = time.monotonic(), f"{self.called}-{os.urandom(8).hex()}"
        while time.monotonic() < start + PATIENCE:
            token = self.member.user.token
            try:
                reply = self.member.user.send(method, path, body, key=None if method == "GET" else key, **how)
                failed = [status for status in statuses(reply) if status not in good]
                if not failed:
                    if self.counts and method != "GET":
                        self.progress.ack(time.monotonic() - start)
                    return reply.json or {}
                if not AGAIN.issuperset(failed):
                    raise AssertionError(f"refused: {reply}")
                self.progress.retry(failed[0])
                if reply.status == 401:
                    self.member.renew(token)
            except BROKEN as error:
                self.progress.retry(type(error).__name__)
            time.sleep(0.02 + self.dice.random() * 0.08)
        now = time.strftime("%H:%M:%S", time.gmtime())  # as in the programs' logs
        self.progress.failures.append(f"{self.called}: no answer to {method} {path}, {key} in {PATIENCE} s, at {now}")
        return None


class Writer(Asking):
    """Makes one change after another, each with its own key, and repeats it until there is a response."""

    counts = True
    most = 200  # tasks of its own in a project
    mix = {"create": 27, "patch": 38, "move": 10, "comment": 8, "add_item": 6, "complete": 5, "batch": 4, "attach": 2, "undo": 4, "remind": 3}

    def __init__(self, number, member, projects, folder, seed, progress):
        super().__init__(f"writer-{number}", member, seed, progress)
        self.number, self.projects, self.reminded = number, projects, []
        self.mine = {p: {} for p in projects}  # project -> {task: status}; nobody else touches these
        self.series = {}  # project -> the open task of a recurring series
        self.comments = {}  # project -> its latest comment
        self.lines = Lines(folder / f"writer-{number}.jsonl")

    def run(self):
        count = 0
        try:
            while not self.progress.stop.is_set():
                count += 1
                self.change(f"w{self.number}-{count}")
        except Exception as error:  # noqa: BLE001 - shown by the run
            self.progress.failures.append(f"{self.called}: {error!r}")
        finally:
            self.lines.close()

    def change(self, marker):
        project = self.dice.choice(self.projects)
        tasks, kind = self.mine[project], self.dice.choices(list(self.mix), self.mix.values())[0]
        if not tasks:
            kind = "create"
        elif kind == "create" and len(tasks) >= self.most:
            kind = "patch"
        getattr(self, kind)(marker, project, self.dice.choice(list(tasks)) if tasks else None)

    # -- kinds of change: each asks, and records what it has asked for -------
    def create(self, marker, project, _):
        self.note_task(marker, project, self.ask("POST", "/v1/tasks", {"title": marker, "projectId": project}))

    def patch(self, marker, project, task):
        body = {"title": marker, "priority": self.dice.choice(("low", "high", "none"))}
        self.note_task(marker, project, self.ask("PATCH", "/v1/tasks/" + task, body))

    def move(self, marker, project, task):
        """To another status, so that it is always a change."""
        others = [s for s in ("todo", "in-progress", "completed") if s != self.mine[project][task]]
        reply = self.ask("POST", f"/v1/tasks/{task}/move", {"status": self.dice.choice(others)})
        self.note_task(marker if reply is None else f"task.moved:{task}:{reply['rev']}", project, reply)

    def add_item(self, marker, project, task):
        self.note_task(marker, project, self.ask("POST", f"/v1/tasks/{task}/checklist", {"text": marker}))

    def comment(self, marker, project, task):
        """A new one, or an earlier one is edited."""
        known = self.comments.pop(project, None)
        if known is None:
            reply = self.ask("POST", f"/v1/tasks/{task}/comments", {"text": marker})
        else:
            reply = self.ask("PATCH", "/v1/comments/" + known, {"text": marker})
        self.note(marker, project, reply)
        if known is None and reply is not None:
            self.comments[project] = reply["id"]

    def attach(self, marker, project, task):
        self.note(marker, project, self.ask("POST", f"/v1/tasks/{task}/attachments", query={"name": marker},
                                            raw=marker.encode() * 1000, headers={"Content-Type": "text/plain"}))

    def complete(self, marker, project, _):
        """The open task of a series, which the same change gives exactly one successor."""
        task = self.series.pop(project, None)
        if task is None:
            reply = self.ask("POST", "/v1/tasks", {"title": marker, "projectId": project, "dueDate": "2030-01-01",
                                                   "recurrence": {"rule": "FREQ=DAILY", "basis": "due"}})
        else:
            reply = self.ask("PATCH", "/v1/tasks/" + task, {"title": marker, "status": "completed"})
        self.note(marker, project, reply)
        if task is not None:
            self.note(f"successor:{task}", project, reply and {"id": reply["nextId"], "rev": 1})
        if reply is not None:
            self.series[project] = reply["id"] if task is None else reply["nextId"]

    def undo(self, marker, project, task):
        """A description, which is taken back at once."""
        path = "/v1/tasks/" + task
        reply = self.ask("PATCH", path, {"description": marker})
        self.note_task(marker, project, reply)
        history = reply and self.ask("GET", path + "/history", query={"limit": 10})
        if history:
            seq = next(e["seq"] for e in history["items"] if (e["entity"], e["rev"]) == ("task", reply["rev"]))
            self.note_task(f"undo:{marker}", project, self.ask("POST", path + "/undo", {"seq": seq}))

    def remind(self, marker, project, _):
        """A task that soon reminds the writer."""
        soon = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=1)
        at = soon.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        reply = self.ask("POST", "/v1/tasks", {"title": marker, "projectId": project, "reminders": [{"id": "r", "at": at}]})
        self.note(marker, project, reply)
        if reply is not None:
            self.reminded.append(reply["id"])

    def batch(self, marker, project, task):
        """A new task, a comment on it, and another title for an older task, atomically or not."""
        ops = [{"method": "POST", "path": "/v1/tasks", "body": {"title": marker + ".0", "projectId": project}, "ref": "a"},
               {"method": "PATCH", "path": "/v1/tasks/" + task, "body": {"title": marker + ".1"}},
               {"method": "POST", "path": "/v1/tasks/$a/comments", "body": {"text": marker + ".2"}}]
        reply = self.ask("POST", "/v1/batch", {"ops": ops, "atomic": self.dice.random() < 0.5})
        bodies = [None] * 3 if reply is None else [result["body"] for result in reply["results"]]
        self.note_task(marker + ".0", project, bodies[0])
        self.note_task(marker + ".1", project, bodies[1])
        self.note(marker + ".2", project, bodies[2])

    def note(self, marker, project, reply):
        record = {"marker": marker, "topic": "project:" + project, "acked": reply is not None}
        if reply is not None:
            record.update(entityId=reply["id"], rev=reply["rev"])
        self.lines.add(record)

    def note_task(self, marker, project, reply):
        self.note(marker, project, reply)
        if reply is not None:
            self.mine[project][reply["id"]] = reply["status"]


def statuses(reply):
    """The status of a response, or of the operations of a batch; those that depend on a failed one do not count."""
    if reply.status != 200 or "results" not in reply.json:
        return [reply.status]
    found = [result["status"] for result in reply.json["results"]]
    return [status for status in found if status != 424] if any(s in AGAIN for s in found) else found


class Witness(Live):
    """A socket that accepts any order: the checker checks it, not the client."""

    def _event(self, event):
        self.events.append(event)


class Follower(threading.Thread):
    """Loads a project, follows it, and reconnects with its last cursor after every disconnect."""

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
    """Only the test harness looks into a cursor; clients must not."""
    return int(cursor.rsplit(".", 1)[1])
