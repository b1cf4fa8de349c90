"""Slow readers, several daemons and killed ones: nobody else is affected, nothing is lost."""
import os
import socket
import threading
import time

import pytest

import live
from client import eventually


def test_two_daemons_send_the_same_events(anna, ben, project, topic, second_push):
    anna.share(project, ben)
    elsewhere = ben.log_in()
    elsewhere.world = second_push
    with ben.live(follow=[topic]) as one, elsewhere.live(follow=[topic]) as two:
        for n in range(20):
            anna.task(f"T{n}", projectId=project["id"])
        for feed in (one, two):
            while len(feed.events) < 20:
                feed.receive()
        assert one.events == two.events


def test_a_client_can_resume_on_another_daemon(anna, project, topic, second_push):
    with anna.live(follow=[topic]) as feed:
        anna.task("A", projectId=project["id"])
        cursor = feed.expect("task.created")["cursor"]
    anna.task("B", projectId=project["id"])
    elsewhere = anna.log_in()
    elsewhere.world = second_push
    with elsewhere.live(follow=[]) as feed:
        assert feed.follow(topic, since=cursor)["recovered"] is True
        assert feed.expect("task.created")["data"]["title"] == "B"


def test_a_stopping_daemon_closes_sockets_with_1012(anna, second_push):
    elsewhere = anna.log_in()
    elsewhere.world = second_push
    with elsewhere.live() as feed:
        second_push.process.terminate()
        feed.expect_close(1012)
    second_push.process.wait(10)


@pytest.mark.slow
def test_a_slow_reader_is_closed_with_4429_and_affects_nobody_else(anna, ben, project, topic, second_push):
    anna.share(project, ben)
    task = anna.task("Big", projectId=project["id"])
    slow_user, quick_user = ben.log_in(), ben.log_in()
    slow_user.world = quick_user.world = second_push
    slow = live.Live(second_push.ws_url, origin=second_push.origin, rcvbuf=4096)
    delays, wanted, failures = [], 40, []  # about 15 fill the queue; the close frame is offered for 3 s after that

    def follow(feed):
        try:
            while len(feed.events) < wanted:
                feed.receive()
                delays.append(time.time())
        except Exception as error:  # noqa: BLE001 - reported below
            failures.append(error)

    with slow, quick_user.live(follow=[topic]) as quick:
        slow.hello(slow_user.token)
        cursor = slow.follow(topic)["cursor"]
        reader = threading.Thread(target=follow, args=(quick,))
        reader.start()
        for n in range(wanted):
            anna.patch(task, description=f"{n}" + "x" * 12_000).expect(200)
        reader.join(20)
        assert not failures and len(quick.events) == wanted
        got = 0
        slow.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)  # what is on its way comes quickly now
        with pytest.raises(live.Closed) as closed:
            while True:
                got += slow.receive()["op"] == "event"
        assert closed.value.code == 4429, closed.value
        assert got < wanted
        cursor = slow.cursors.get(topic, cursor)
    with slow_user.live(follow=[]) as again:
        assert again.follow(topic, since=cursor)["recovered"] is True
        while len(again.events) < wanted - got:
            again.receive()
        assert again.events[-1]["seq"] == quick.events[-1]["seq"]


def test_after_push_is_killed_the_client_resumes(anna, project, topic, stack):
    with anna.live(follow=[topic]) as feed:
        anna.task("A", projectId=project["id"])
        cursor = feed.expect("task.created")["cursor"]
        killed = {name: stack.kill(name) for name in ("push-1", "push-2")}
        with pytest.raises(live.Closed):
            while True:
                feed.receive()
    anna.task("B", projectId=project["id"])
    for name, pid in killed.items():
        stack.wait_restarted(name, pid)

    def again():
        try:
            return anna.live(follow=[])
        except (OSError, live.Refused, live.Closed):
            return None
    with eventually(again, within=10, what="the new daemon") as feed:
        assert feed.follow(topic, since=cursor)["recovered"] is True
        assert feed.expect("task.created")["data"]["title"] == "B"


def test_killing_a_worker_during_requests_loses_nothing(anna, stack):
    """Acknowledged before the kill is there after it; the same key brings the lost answers."""
    made = [anna.post("/v1/tasks", title=f"T{n}",
                      key=f"kill-{os.urandom(8).hex()}").expect(201)["id"] for n in range(3)]
    stack.wait_restarted("api", stack.kill("api"))

    def answers():
        try:
            return anna.get("/v1/me").status == 200
        except AssertionError:
            return False
    eventually(answers, within=10, what="the api")
    assert set(made) <= {t["id"] for t in anna.items("/v1/tasks")}
