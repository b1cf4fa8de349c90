"""A failover that loses what no majority had: commits that were never acknowledged disappear, because the
new primary never had them.  No acknowledged change may be lost and none may take effect twice."""
import os
import secrets
import shutil
import signal
import threading
import time

import pytest

from client import SETTINGS, World, eventually
from live import Live, Nothing
from stack import Stack

WRITERS = 6


class Writer(threading.Thread):
    """Creates one task after another, repeating each request with its key until it is acknowledged."""

    def __init__(self, person, project, stop):
        super().__init__(daemon=True)
        self.person, self.project, self.stop = person, project, stop
        self.acknowledged, self.failures = {}, []

    def run(self):
        while not self.stop.is_set():
            title, key = f"Task {secrets.token_hex(6)}", secrets.token_hex(8)
            try:
                self.acknowledged[title] = self.until_acknowledged(title, key)
            except Exception as error:  # noqa: BLE001 - shown by the test
                self.failures.append(repr(error))
                return

    def until_acknowledged(self, title, key):
        for _ in range(200):
            try:
                reply = self.person.post("/v1/tasks", title=title, projectId=self.project["id"], key=key)
                if reply.status == 201:
                    return reply["id"]
                assert reply.status in (502, 503, 504), reply
            except OSError:
                pass
            time.sleep(0.1)
        raise AssertionError(f"{title} was never acknowledged")


class Follower(threading.Thread):
    """live.py itself checks that events come in order, once, and without gaps."""

    def __init__(self, person, project, stop):
        super().__init__(daemon=True)
        self.stop, self.created, self.failures = stop, [], []
        self.feed = Live(person.world.ws_url, origin=person.world.origin)
        self.feed.hello(person.token)
        assert self.feed.follow("project:" + project["id"])["op"] == "following"

    def run(self):
        try:
            while not self.stop.is_set():
                try:
                    message = self.feed.receive(0.2)
                except Nothing:
                    continue
                if message["op"] == "event" and message["kind"] == "task.created":
                    self.created.append(message["entityId"])
        except Exception as error:  # noqa: BLE001 - shown by the test
            self.failures.append(repr(error))


def fail_over(stack):
    """From now on no commit is acknowledged and no majority read answered; what is committed meanwhile is
    lost with the database, which comes back as it was."""
    stored = stack.data / "db" / stack.state["mongodb"]["engine"]
    copy = stored.with_name("copy")
    number = stack.proxy_control("add delay command=commitTransaction ms=60000 times=0")
    for command in ("find", "aggregate"):
        for level in ("majority", "linearizable"):
            stack.proxy_control(f"add hold command={command} level={level} ms=60000 times=0")
    eventually(lambda: stack.proxy_control("commits") == 0, what="the end of earlier commits")
    database = stack.pids()["mongodb"]
    os.kill(database, signal.SIGSTOP)
    before = stack.proxy_control(f"hits {number}")
    shutil.copytree(stored, copy)
    os.kill(database, signal.SIGCONT)
    eventually(lambda: stack.proxy_control(f"hits {number}") > before, within=10, what="a commit to be lost")
    time.sleep(0.3)  # the commits that were seen are done by now
    hold = stack.data / "run" / "mongodb.hold"
    hold.touch()
    os.kill(database, signal.SIGKILL)
    stack.wait_for(lambda: stack.pids()["mongodb"] is None, "the database did not end")
    shutil.rmtree(stored)
    copy.rename(stored)
    lost = stack.proxy_control(f"hits {number}") - before
    stack.proxy_control("cut")  # before what is held could go on
    stack.proxy_control("clear")
    hold.unlink()
    return lost


@pytest.mark.timeout(150)
def test_a_failover_loses_no_acknowledged_change_and_repeats_none(tmp_path):
    with Stack(api=2, push=2, settings=SETTINGS, proxy=True) as stack:
        world = World(stack.url, stack.ws_url, strict=False)
        people = [world.user("anna") for _ in range(WRITERS)]
        projects = [p.post("/v1/projects", name="Rollback").expect(201) for p in people]
        stop = threading.Event()
        writers = [Writer(*pair, stop) for pair in zip(people, projects)]
        followers = [Follower(*pair, stop) for pair in zip(people[:2], projects)]
        for thread in writers + followers:
            thread.start()
        lost = 0
        for _ in range(2):
            done = [len(w.acknowledged) for w in writers]
            eventually(lambda: all(len(w.acknowledged) > n + 1 for w, n in zip(writers, done)), within=40,
                       what="two more changes of every writer")
            lost += fail_over(stack)
        done = [len(w.acknowledged) for w in writers]
        eventually(lambda: all(len(w.acknowledged) > n + 1 for w, n in zip(writers, done)) or
                   any(w.failures for w in writers), within=40, what="two more changes of every writer")
        stop.set()
        for thread in writers + followers:
            thread.join(30)
        assert [t.failures for t in writers + followers if t.failures] == []
        assert lost >= 2
        for writer, project in zip(writers, projects):
            check_log(writer, project)
        for follower, writer in zip(followers, writers):
            assert set(follower.created) <= set(writer.acknowledged.values())


def check_log(writer, project):
    """The log has no gaps and exactly one creation per acknowledged task, and each task exists once."""
    events, cursor = [], None
    while True:
        query = f"?limit=200{'&since=' + cursor if cursor else ''}"
        page = writer.person.get(f"/v1/projects/{project['id']}/events{query}").expect(200)
        events += page["items"]
        cursor = page["nextCursor"]
        if not page["items"] or cursor is None:
            break
    assert [e["seq"] for e in events] == list(range(1, len(events) + 1))
    created = [e["entityId"] for e in events if e["kind"] == "task.created"]
    assert sorted(created) == sorted(writer.acknowledged.values())
    tasks = {t["id"]: t["title"] for t in writer.person.pages("/v1/tasks", projectId=project["id"], limit=200)}
    assert tasks == {id: title for title, id in writer.acknowledged.items()}
