"""Plays a backlog: users, projects and tasks through the API, with followers, and prints figures at the end."""
import http.client
import threading
import time

import backlog
import state
from client import User, eventually
from live import Closed, Live, Nothing, Refused

BREAK_AFTER = 150  # events after which a follower drops its socket, to come back with its cursors
PATIENCE = 30


def percentile(values, share):
    ordered = sorted(values) or [0.0]
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


class Follower(threading.Thread):
    """Loads every project, follows each from its snapshot on, and drops and resumes now and then."""

    def __init__(self, number, user, projects):
        super().__init__(daemon=True, name=f"follower {number}")
        self.user, self.failure, self.ready = user, None, threading.Event()
        self.mirrors, self.cursors, self.last = {}, {}, {}
        self.received = self.resumed = 0
        self.delays, self.done = [], threading.Event()
        for project in projects:
            shot = user.get(f"/v1/projects/{project}/snapshot").expect(200).json
            topic = "project:" + project
            self.mirrors[topic], self.cursors[topic] = state.of_snapshot(shot), shot["cursor"]

    def run(self):
        try:
            while not self.done.is_set():
                with Live(self.user.world.ws_url, origin=self.user.world.origin) as feed:
                    self.session(feed)
                self.resumed += 1
        except (AssertionError, Closed, Refused, Nothing, OSError) as error:
            self.failure = f"{self.name}: {error!r}"

    def session(self, feed):
        feed.hello(self.user.token)
        for topic, cursor in self.cursors.items():
            answer = feed.follow(topic, since=cursor)
            assert answer["op"] == "following" and answer["recovered"], answer
            self.take(feed)
        self.ready.set()
        goal = self.received + BREAK_AFTER
        while self.received < goal and not self.done.is_set():
            try:
                feed.receive(0.2)
            except Nothing:
                pass
            self.take(feed)

    def take(self, feed):
        """Applies what has come; each event must be the next of its topic, over all sockets."""
        now = time.time()
        for event in feed.events:
            topic, before = event["topic"], self.last.get(event["topic"])
            assert before is None or event["seq"] == before + 1, f"{topic}: {event['seq']} after {before}"
            self.last[topic], self.cursors[topic] = event["seq"], event["cursor"]
            self.mirrors[topic].apply(event)
            self.delays.append(now - instant(event["at"]))
        self.received += len(feed.events)
        feed.events.clear()
        feed.waiting.clear()


def instant(text):
    import datetime
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


class Replay:
    """The whole: `run` it, then ask for the `report` and whether there were `failures`."""

    def __init__(self, world, entries, writers, followers, say):
        self.world, self.entries, self.say = world, entries, say
        self.writers, self.lock = writers, threading.Lock()
        self.times, self.failures, self.done, self.stale = [], [], 0, 0
        self.owner, self.people, self.projects, self.kinds = world.user("owner"), {}, {}, {}
        self.follower_count, self.followers = followers, []

    # -- the scene ----------------------------------------------------------------
    def timed(self, user, method, path, body, if_match=None):
        start = time.monotonic()
        reply = user.send(method, path, body, if_match=if_match)
        with self.lock:
            self.times.append(time.monotonic() - start)
            self.kinds[method, reply.status] = self.kinds.get((method, reply.status), 0) + 1
        return reply

    def in_parallel(self, work, items, what):
        """Runs work(item) for each list of items in a thread of its own; the first failure ends it."""
        def each(part):
            try:
                for item in part:
                    if self.failures:
                        return
                    work(item)
                    with self.lock:
                        self.done += 1
            except (AssertionError, OSError, KeyError, http.client.HTTPException) as error:
                self.failures.append(f"{what}: {error!r}")
        threads = [threading.Thread(target=each, args=(part,), daemon=True) for part in items]
        self.done, total = 0, sum(len(part) for part in items)
        for t in threads:
            t.start()
        while any(t.is_alive() for t in threads):
            self.say(self.done, max(total, 1), what)
            threads[0].join(0.1) if threads[0].is_alive() else time.sleep(0.05)
        self.say(self.done, max(total, 1), what)

    def scene(self):
        """Users for authors, projects for areas, memberships for who worked where, and the followers."""
        for area in sorted({e.area for e in self.entries}):
            self.projects[area] = self.owner.project(area, labels=backlog.LABELS)["id"]

        def register(author):
            self.people[author] = self.world.user(f"author{author}")
        authors = sorted({e.author for e in self.entries})
        self.in_parallel(register, [authors[n::self.writers] for n in range(self.writers)], "people")
        watchers = [self.world.user("watcher") for _ in range(self.follower_count)]
        for watcher in watchers:
            for project in self.projects.values():
                self.owner.share({"id": project}, watcher, "viewer")
        self.followers = [Follower(n, w, self.projects.values()) for n, w in enumerate(watchers)]
        for follower in self.followers:
            follower.start()
        eventually(lambda: all(f.ready.is_set() or f.failure for f in self.followers), within=15,
                   what="the followers")

        def join(pair):
            author, area = pair
            self.owner.share({"id": self.projects[area]}, self.people[author])
        pairs = sorted({(e.author, e.area) for e in self.entries})
        self.in_parallel(join, [pairs[n::self.writers] for n in range(self.writers)], "memberships")

    # -- the history --------------------------------------------------------------
    def history(self):
        open_tasks = {}  # subject -> (task, time of the last touch); a subject belongs to one shard

        def play(entry):
            user = self.people[entry.author]
            task, touched = open_tasks.get(entry.subject, (None, 0))
            if task is not None and entry.time - touched > backlog.QUIET:
                self.timed(user, "POST", f"/v1/tasks/{task['id']}/move", {"status": "completed"}).expect(200)
                task = None
            if task is None:
                task = self.create(user, entry)
            else:
                task = self.change(user, entry, task)
            open_tasks[entry.subject] = task, entry.time
        self.in_parallel(play, backlog.shards(self.entries, self.writers), "commits")

    def create(self, user, entry):
        return self.timed(user, "POST", "/v1/tasks", {
            "projectId": self.projects[entry.area], "title": entry.title, "description": entry.words,
            "priority": entry.priority, "labelIds": [entry.label], "assigneeIds": [user.id],
            "startAt": entry.instant(), "dueAt": entry.instant(days=14)}).expect(201)

    def change(self, user, entry, task):
        path = f"/v1/tasks/{task['id']}"
        status = "completed" if entry.verb == "Fix" else "todo" if entry.verb == "Revert" else "in-progress"
        if status != task["status"]:
            task = self.timed(user, "POST", path + "/move", {"status": status}).expect(200)
        body = {"title": entry.title, "description": entry.words, "priority": entry.priority,
                "labelIds": sorted({*task["labelIds"], entry.label}), "dueAt": entry.instant(days=14)}
        return self.timed(user, "PATCH", path, body, if_match=task.etag).expect(200)

    # -- the end ------------------------------------------------------------------
    def run(self):
        self.scene()
        self.times.clear()
        self.kinds.clear()
        start = time.monotonic()
        if not self.failures:
            self.history()
        self.seconds = time.monotonic() - start
        fresh = {"project:" + p: User.get(self.owner, f"/v1/projects/{p}/snapshot").expect(200).json
                 for p in self.projects.values()}
        for follower in self.followers:
            self.catch_up(follower, fresh)

    def catch_up(self, follower, fresh):
        """A follower is at the end when its cursors are those of the fresh snapshots."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end and not follower.failure and any(
                follower.cursors[topic] != shot["cursor"] for topic, shot in fresh.items()):
            time.sleep(0.02)
        follower.done.set()
        follower.join(5)
        if follower.failure:
            self.failures.append(follower.failure)
        for topic, shot in fresh.items():
            for words in follower.mirrors[topic].differences(state.of_snapshot(shot)):
                self.stale += 1
                self.failures.append(f"{follower.name}: {words[:300]}")

    def report(self):
        yield (f"{len(self.entries)} entries by {len(self.people)} people in {len(self.projects)} projects: "
               f"{len(self.times)} requests in {self.seconds:.1f} s, {len(self.times) / self.seconds:.0f} requests/s, "
               f"p50 {percentile(self.times, .5) * 1000:.1f} ms, p99 {percentile(self.times, .99) * 1000:.1f} ms")
        yield "answers: " + ", ".join(f"{n} x {m} {s}" for (m, s), n in sorted(self.kinds.items()))
        for f in self.followers:
            yield (f"{f.name}: {f.received} events, {f.resumed} reconnects, commit to frame p50 "
                   f"{percentile(f.delays, .5) * 1000:.0f} ms, p99 {percentile(f.delays, .99) * 1000:.0f} ms")
        for failure in self.failures[:20]:
            yield "FAILURE " + failure
        yield "followers differ from the snapshots" if self.stale else (
            "failed" if self.failures else "every follower equals the snapshots")
