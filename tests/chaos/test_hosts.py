"""Two hosts write one topic: they use tickets in Redis, and work without them while Redis hangs or is down."""
import concurrent.futures
import contextlib
import os
import signal
import subprocess
import time

import pytest

from client import PROMISED, SETTINGS, World, eventually
from skew import slow_commits
from stack import Stack

WRITERS, EACH = 8, 4


@contextlib.contextmanager
def hanging(stack):
    pid = stack.kill("redis", signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def tickets(stack):
    """The tickets' keys in Redis, which stay for a second."""
    done = subprocess.run(["redis-cli", "-s", stack.redis_url.removeprefix("unix://"), "--scan", "--pattern", "tw:ticket:*"],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=10, check=True)
    return done.stdout.split()


@pytest.fixture(scope="module")
def hosts():
    with Stack(api=2, jobs=0, settings=SETTINGS, proxy=True) as stack:
        stack.world = World(stack.url, stack.ws_url)
        yield stack


@pytest.mark.timeout(120)
def test_two_hosts_can_write_one_topic_with_and_without_redis(hosts):
    anna = hosts.world.user("anna")
    project, made = anna.project(), []

    def write(_):
        for n in range(EACH):
            made.append(anna.post("/v1/tasks", title=f"T{n}", projectId=project["id"]).expect(201)["id"])

    def write_at_once():
        with concurrent.futures.ThreadPoolExecutor(WRITERS) as pool:
            list(pool.map(write, range(WRITERS)))

    def write_until_they_met():
        write_at_once()
        return tickets(hosts)
    eventually(write_until_they_met, within=60, what="a ticket that was taken")
    with hanging(hosts):
        write_at_once()
    with hosts.without("redis"):
        write_at_once()
    log = [e for e in anna.items(f"/v1/projects/{project['id']}/events", limit=200)]
    assert [e["seq"] for e in log] == list(range(1, len(log) + 1))
    assert sorted(e["entityId"] for e in log if e["kind"] == "task.created") == sorted(made)


HELD_MS = 2200  # the commit, and each insert before it: together longer than the 5 s by which workers once looked back


def test_a_session_whose_end_is_committed_late_is_ended_on_both_hosts(hosts):
    """Its number is taken seconds before anybody can see it; Redis is away, so both hosts must find it themselves."""
    anna = hosts.world.user("anna")
    others = [anna.log_in() for _ in range(2)]
    ids = [s["id"] for s in anna.items("/v1/sessions") if not s["current"]]
    with hosts.without("redis"):
        with slow_commits(hosts, HELD_MS), hosts.fault(f"hold command=insert times=0 ms={HELD_MS}"):
            began = time.monotonic()
            anna.delete(f"/v1/sessions/{ids[0]}").expect(204)
            assert time.monotonic() - began > 5
        eventually(lambda: sum(all(o.get("/v1/me").status == 401 for _ in range(6)) for o in others) == 1,
                   within=PROMISED, what="the end of one of two sessions at both hosts")
