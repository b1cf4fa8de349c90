"""Following: every kind of event, in order, to those who may see it."""
import threading

import pytest

import state
from client import PROMISED


def test_ben_sees_what_anna_does(anna, ben, project):
    anna.share(project, ben)
    with ben.live() as feed:
        task = anna.task("Buy milk", projectId=project["id"])
        event = feed.expect("task.created", id=task["id"])
        assert event["data"] == task.json and event["actorId"] == anna.id


def test_every_kind_of_event_arrives(anna, ben, project, topic):
    with anna.live(follow=[topic]) as feed:
        task = anna.task("A", projectId=project["id"])
        anna.patch(task, title="B").expect(200)
        anna.post(task, "/move", status="completed").expect(200)
        anna.delete(task).expect(204)
        anna.post(task, "/restore").expect(200)
        anna.patch(project, name="New").expect(200)
        anna.share(project, ben, "viewer")
        anna.share(project, ben, "member")
        anna.delete(f"/v1/projects/{project['id']}/members/{ben.id}").expect(204)
        for kind in ("task.created", "task.updated", "task.moved", "task.deleted", "task.restored",
                     "project.updated", "member.added", "member.updated", "member.removed"):
            event = feed.expect(kind)
            assert event["topic"] == topic
        anna.delete(project).expect(204)
        feed.expect("project.deleted")
        anna.post(project, "/restore").expect(200)


def test_frames_equal_the_events_of_the_log(anna, project, topic):
    with anna.live(follow=[topic]) as feed:
        start = anna.get(f"/v1/projects/{project['id']}/snapshot").expect(200)["cursor"]
        for n in range(5):
            anna.task(f"T{n}", projectId=project["id"])
        frames = [feed.expect("task.created") for _ in range(5)]
        items = anna.get(f"/v1/projects/{project['id']}/events", since=start).expect(200)["items"]
        assert [{k: v for k, v in f.items() if k != "op"} for f in frames] == items


def test_events_about_the_user_come_on_user_me(anna, ben, project):
    with ben.live(follow=["user:me"]) as feed:
        anna.share(project, ben, "viewer")
        added = feed.expect("member.added", id=ben.id)
        assert added["topic"] == "user:me" and added["data"]["projectId"] == project["id"]
        assert added["data"]["role"] == "viewer"
        anna.share(project, ben, "admin")
        assert feed.expect("member.updated")["changes"]["role"] == ["viewer", "admin"]
        anna.delete(f"/v1/projects/{project['id']}/members/{ben.id}").expect(204)
        assert feed.expect("member.removed")["data"] is None


def test_follow_all_tracks_memberships(anna, ben):
    with ben.live(follow=["all"]) as feed:
        project = anna.project("Later")
        anna.share(project, ben)
        feed.expect("member.added", id=ben.id)
        task = anna.task("A", projectId=project["id"])
        feed.expect("task.created", id=task["id"])
        own = ben.project("Own")
        mine = ben.task("Mine", projectId=own["id"])
        feed.expect("task.created", id=mine["id"])
        anna.delete(f"/v1/projects/{project['id']}/members/{ben.id}").expect(204)
        feed.expect("left", within=PROMISED, topic=f"project:{project['id']}")
        feed.expect("member.removed", topic="user:me")
        anna.task("Not for Ben", projectId=project["id"])
        feed.silent()


def test_unfollowing_ends_the_stream(anna, project, topic):
    with anna.live(follow=[topic]) as feed:
        feed.send(op="unfollow", topic=topic, ref="u1")
        assert feed.expect("unfollowed")["ref"] == "u1"
        anna.task("A", projectId=project["id"])
        feed.silent()
        assert feed.follow(topic)["op"] == "following"
        again = anna.task("B", projectId=project["id"])
        feed.expect("task.created", id=again["id"])  # on a busy machine the daemon may hear of A only now


def test_unfollowing_an_unfollowed_topic_is_an_error(anna):
    with anna.live(follow=[]) as feed:
        feed.send(op="unfollow", topic="project:x", ref="u1")
        assert feed.receive()["op"] in ("unfollowed", "error")


def test_ping_is_answered(anna):
    with anna.live(follow=[]) as feed:
        feed.send(op="ping", ref=7)
        assert feed.receive() == {"op": "pong", "ref": 7}


def test_an_inaccessible_topic_cannot_be_followed(anna, ben, project, topic):
    with ben.live(follow=[]) as feed:
        for name in (topic, "project:" + "f" * 24, "project:x", "user:" + anna.id, "everyone", "nonsense", "",
                     "project:"):
            reply = feed.follow(name)
            assert reply["op"] == "error" and reply["code"] and reply["detail"], reply
        anna.task("A", projectId=project["id"])
        feed.silent()


def test_an_open_project_can_be_followed_until_it_is_closed(anna, ben):
    project = anna.project(access="everyone")
    topic = "project:" + project["id"]
    with ben.live(follow=[topic]) as feed:
        anna.task("A", projectId=project["id"])
        feed.expect("task.created")
        anna.patch(project, access="members").expect(200)
        feed.expect("left", within=PROMISED, topic=topic)
        anna.task("B", projectId=project["id"])
        feed.silent()


def test_following_twice_does_not_duplicate_events(anna, project, topic):
    with anna.live(follow=[topic]) as feed:
        feed.follow(topic)
        anna.task("A", projectId=project["id"])
        feed.expect("task.created")
        feed.silent()


def test_events_of_many_writers_arrive_complete_and_in_order(anna, ben, project, topic):
    anna.share(project, ben)
    path = f"/v1/projects/{project['id']}/snapshot"
    mirror = state.of_snapshot(ben.get(path).expect(200).json)
    with anna.live(follow=[topic]) as one, ben.live(follow=[topic]) as two:
        def write(user, n):
            for i in range(25):
                task = user.task(f"W{n}-{i}", projectId=project["id"])
                user.patch(task, title=f"W{n}-{i}!").expect(200)
        threads = [threading.Thread(target=write, args=(u, n)) for n, u in enumerate((anna, ben, anna, ben))]
        for t in threads:
            t.start()
        for feed in (one, two):
            while len(feed.events) < 200:
                feed.receive()
        for t in threads:
            t.join()
        assert [e["seq"] for e in one.events] == [e["seq"] for e in two.events]
        for event in two.events:
            mirror.apply(event)
    assert mirror == state.of_snapshot(ben.get(path).expect(200).json)


@pytest.mark.parametrize("attempt", range(5))
def test_no_event_is_lost_between_snapshot_and_follow(anna, project, topic, attempt):
    """Load, then follow since the snapshot's cursor, under writes: the end is the same as a fresh load."""
    path, stop = f"/v1/projects/{project['id']}/snapshot", threading.Event()

    def write():
        n = 0
        while not stop.is_set():
            n += 1
            anna.task(f"T{n}", projectId=project["id"])

    writer = threading.Thread(target=write)
    writer.start()
    try:
        mirrors = []
        for _ in range(6):
            shot = anna.get(path).expect(200).json
            feed = anna.live(follow=[])
            answer = feed.follow(topic, since=shot["cursor"])
            assert answer["op"] == "following" and answer["recovered"] is True
            mirrors.append((state.of_snapshot(shot), feed))
    finally:
        stop.set()
        writer.join()
    final = anna.get(path).expect(200).json
    head = anna.get(f"/v1/projects/{project['id']}/events", since=final["cursor"]).expect(200)
    assert head["items"] == []
    last = max(t["number"] for t in final["tasks"])
    for mirror, feed in mirrors:
        while not any(t["number"] == last for t in mirror.tasks.values()):
            if not feed.events:
                feed.receive()
            while feed.events:
                mirror.apply(feed.events.pop(0))
        feed.close()
        assert mirror == state.of_snapshot(final)
