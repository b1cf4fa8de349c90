"""A change that was committed but never published reaches the sockets within a second or so."""
import datetime
import os
import threading
import time

import pytest

from client import SOON
from live import Live, Nothing
from reconnect import percentile
from unpublished import unpublishing_api
from storm import Storm

SEED = int(os.environ.get("CHAOS_SEED", "1"))
RUNS = int(os.environ.get("CHAOS_UNPUBLISHED", "8"))


class Clock(threading.Thread):
    """A follower that records the wall-clock time of each event."""

    def __init__(self, user, topic, **options):
        super().__init__(daemon=True)
        self.feed = Live(user.world.ws_url, origin=user.world.origin, **options)
        self.feed.hello(user.token)
        assert self.feed.follow(topic)["op"] == "following"
        self.came, self.events, self.stop = {}, {}, threading.Event()
        self.start()

    def run(self):
        with self.feed:
            while not self.stop.is_set():
                try:
                    message = self.feed.receive(0.1)
                except Nothing:
                    continue
                if message["op"] == "event":
                    self.came[message["seq"]], self.events[message["seq"]] = time.time(), message

    def end(self):
        self.stop.set()
        self.join()

    def wait(self, key, within=SOON):
        """The time at which the event with this title arrived."""
        end = time.time() + within
        while time.time() < end:
            for seq, event in list(self.events.items()):
                if event["data"] and event["data"].get("title") == key:
                    return self.came[seq]
            time.sleep(0.005)
        raise AssertionError(f"{key} did not come within {within} s")


@pytest.fixture
def clock(request):
    """Creates such followers; they end with the test."""
    def start(*args):
        made = Clock(*args)
        request.addfinalizer(made.end)
        return made
    return start


@pytest.mark.timeout(120)
@pytest.mark.parametrize("another", [False, True], ids=["nobody writes after it", "somebody does"])
def test_a_commit_that_was_not_published_is_delivered(stack, world, tmp_path, clock, another):
    """Without further events the sweep finds it within a second; with one, the missing number reveals it at once."""
    anna = world.user("anna")
    project = anna.project("Silent")
    clocks = [clock(anna, "project:" + project["id"]) for _ in range(4)]  # nginx spreads them over both daemons
    delays = []
    with unpublishing_api(stack, tmp_path) as other:
        for n in range(RUNS):
            status, task = other.request("POST", "/v1/tasks", anna.token,
                                          {"title": f"S{n}", "projectId": project["id"]})
            committed = time.time()
            assert status == 201, task
            if another:
                anna.task(f"N{n}", projectId=project["id"])
                committed = time.time()
            delays += [c.wait(f"S{n}") - committed for c in clocks]
            time.sleep((n * 0.37) % 1 if not another else 0)  # at different moments between two sweeps
    for each in clocks:
        each.end()
    print(f"{len(delays)} frames: p50 {percentile(delays, .5):.3f} s, max {max(delays):.3f} s")
    assert percentile(delays, .75) <= (0.25 if another else 1.1)  # the rest are pauses of the machine
    for each in clocks:
        assert sorted(each.events) == list(range(min(each.events), max(each.events) + 1))


@pytest.mark.timeout(120)
def test_killing_workers_during_writes_loses_no_event(stack, tmp_path, clock):
    """Killed at random: measured from the event's own time, including retries of the transaction."""
    storm = Storm(stack, tmp_path, changes=150, kills=8, seed=SEED, writers=4, followers=1, projects=1,
                  targets=("worker",))
    owner = storm.owner.user
    watch = clock(owner, "project:" + storm.projects[0])
    storm.rage()
    watch.end()
    assert not storm.progress.failures
    delays = [watch.came[seq] - datetime.datetime.fromisoformat(event["at"].replace("Z", "+00:00")).timestamp()
              for seq, event in watch.events.items()]
    print(f"{len(delays)} events, {sum(storm.killer.killed.values())} kills: p50 {percentile(delays, .5):.3f} s, "
          f"p99 {percentile(delays, .99):.3f} s, max {max(delays):.3f} s")
    assert percentile(delays, .95) <= 1.5
