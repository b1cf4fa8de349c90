"""Two hosts write one topic: they take tickets in Redis, and do without them while Redis hangs or is away."""
import concurrent.futures
import contextlib
import os
import signal
import subprocess

import pytest

from client import SETTINGS, World, eventually
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
    done = subprocess.run(["redis-cli", "-s", stack.redis_url.removeprefix("unix://"), "--scan", "--pattern", "tw:turn:*"],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=10, check=True)
    return done.stdout.split()


@pytest.mark.timeout(120)
def test_two_hosts_can_write_one_topic_with_and_without_redis():
    with Stack(api=2, jobs=0, settings=SETTINGS) as stack:
        anna = World(stack.url, stack.ws_url).user("anna")
        project, made = anna.project(), []

        def write(_):
            for n in range(EACH):
                made.append(anna.post("/v1/tasks", title=f"T{n}", projectId=project["id"]).expect(201)["id"])

        def write_at_once():
            with concurrent.futures.ThreadPoolExecutor(WRITERS) as pool:
                list(pool.map(write, range(WRITERS)))

        def write_until_they_met():
            write_at_once()
            return tickets(stack)
        eventually(write_until_they_met, within=60, what="a ticket that was taken")
        with hanging(stack):
            write_at_once()
        with stack.without("redis"):
            write_at_once()
        log = [e for e in anna.items(f"/v1/projects/{project['id']}/events", limit=200)]
        assert [e["seq"] for e in log] == list(range(1, len(log) + 1))
        assert sorted(e["entityId"] for e in log if e["kind"] == "task.created") == sorted(made)
