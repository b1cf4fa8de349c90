"""Following `all`: every project of the user, as memberships change, with one cursor."""
import re
import threading
import time
import urllib.request

from client import PROMISED
from daemons import daemon, free_port
from live import Live


def topic_of(project):
    return "project:" + project["id"]


def test_following_all_returns_its_topics_and_a_cursor_for_each(anna):
    projects = [topic_of(anna.project(f"P{n}")) for n in range(3)]
    with anna.live(follow=[]) as feed:
        answer = feed.follow("all")
        assert answer["recovered"] is False
        assert set(answer["topics"]) >= {"user:me", *projects}
        tasks = [anna.task("Missed", projectId=topic[8:]) for topic in projects]
    with anna.live(follow=[]) as feed:
        assert feed.follow("all", since=answer["cursor"])["recovered"] is True
        for task in tasks:
            feed.expect("task.created", id=task["id"])


def test_a_newly_opened_project_comes_with_its_first_changes(anna, ben):
    project = anna.project("Open")
    with ben.live(follow=["all"]) as feed:
        anna.patch(project, access="everyone").expect(200)
        task = anna.task("At once", projectId=project["id"])
        joined = feed.expect("following", topic=topic_of(project))
        assert joined["recovered"] is True
        feed.expect("task.created", id=task["id"])
        anna.patch(project, access="members").expect(200)
        feed.expect("left", within=PROMISED, topic=topic_of(project))
        anna.task("Not for Ben", projectId=project["id"])
        feed.silent()


def reads(stack):
    """How many queries both daemons have sent to the database: sockets are spread over the two."""
    pages = [urllib.request.urlopen(stack.metrics_url(name), timeout=5).read().decode() for name in ("push-1", "push-2")]
    return sum(int(re.search(r"^taskwire_push_reads_total (\d+)", page, re.MULTILINE)[1]) for page in pages)


def test_opening_and_closing_a_project_costs_the_same_for_any_number_of_sockets(stack, world, anna):
    project, users = anna.project("Open"), [world.user(f"many{n}") for n in range(6)]
    topic, feeds = topic_of(project), [user.live(follow=["all"]) for user in users for _ in range(6)]
    try:
        before = reads(stack)
        anna.patch(project, access="everyone").expect(200)
        task = anna.task("At once", projectId=project["id"])
        for feed in feeds:
            feed.expect("task.created", id=task["id"])
        anna.patch(project, access="members").expect(200)
        for feed in feeds:
            feed.expect("left", topic=topic)
        assert reads(stack) - before < len(feeds)  # with the sweep of each second
    finally:
        for feed in feeds:
            feed.close()


def test_a_new_member_misses_nothing_since_joining(anna, ben):
    project = anna.project("Busy")
    anna.acquaint(ben)
    stop = threading.Event()

    def write():
        while not stop.is_set():
            anna.task("Noise", projectId=project["id"])

    writer = threading.Thread(target=write)
    with ben.live(follow=["all"]) as feed:
        writer.start()
        try:
            anna.share(project, ben)
            feed.expect("following", topic=topic_of(project))
            first = feed.expect("member.added", topic=topic_of(project))
            assert first["entityId"] == ben.id
            for n in range(1, 6):
                event = feed.expect("task.created", topic=topic_of(project))
                assert event["seq"] == first["seq"] + n
        finally:
            stop.set()
            writer.join()


def test_following_by_name_and_through_all_delivers_once(anna):
    project = anna.project("Twice")
    topic = topic_of(project)
    with anna.live(follow=[topic, "all"]) as feed:
        anna.task("A", projectId=project["id"])
        feed.expect("task.created")
        feed.silent()
        feed.send(op="unfollow", topic="all")
        feed.expect("unfollowed")
        anna.task("B", projectId=project["id"])
        assert feed.expect("task.created")["data"]["title"] == "B"
        feed.silent()
        feed.send(op="unfollow", topic=topic)
        feed.expect("unfollowed")
        anna.task("C", projectId=project["id"])
        feed.silent()


def test_unfollowing_all_ends_all_its_topics(anna):
    project = anna.project("Gone")
    with anna.live(follow=["all"]) as feed:
        feed.send(op="unfollow", topic="all", ref=1)
        feed.expect("unfollowed", ref=1)
        anna.task("A", projectId=project["id"])
        anna.project("New")
        feed.silent()


def test_topics_lost_while_disconnected_are_reported(anna, ben):
    project = anna.project("Lost")
    anna.share(project, ben)
    with ben.live(follow=[]) as feed:
        cursor = feed.follow("all")["cursor"]
    anna.task("Before", projectId=project["id"])
    anna.delete(f"/v1/projects/{project['id']}/members/{ben.id}").expect(204)
    with ben.live(follow=[]) as feed:
        assert feed.follow("all", since=cursor)["op"] == "following"
        feed.expect("left", within=PROMISED, topic=topic_of(project))
        feed.expect("member.removed", topic="user:me")
        feed.silent()
        assert {e["topic"] for e in feed.events} == {"user:me"}


def test_a_cursor_of_one_project_resumes_it_and_replays_the_rest(anna):
    one, other = anna.project("One"), anna.project("Other")
    anna.task("Old", projectId=one["id"])
    cursor = anna.get(f"/v1/projects/{one['id']}/snapshot").expect(200)["cursor"]
    new = anna.task("New", projectId=one["id"])
    with anna.live(follow=[]) as feed:
        assert feed.follow("all", since=cursor)["op"] == "following"
        feed.expect("task.created", id=new["id"])
        feed.expect("project.created", topic=topic_of(other))
        assert not any((e["data"] or {}).get("title") == "Old" for e in feed.events)


def test_a_bad_cursor_for_all_causes_one_resync(anna):
    project = anna.project("P")
    with anna.live(follow=[]) as feed:
        good = feed.follow("all")["cursor"]
        for bad, reason in (("nonsense", "bad-cursor"), (good + "~", "bad-cursor"), (good[:-1] + "~", "bad-cursor"), (good[8:], "bad-cursor"),
                            (("0" if good[0] != "0" else "1") + good[1:], "epoch")):
            answer = feed.follow("all", since=bad)
            assert answer["op"] == "resync" and answer["reason"] == reason, (bad, answer)
            feed.silent()
            again = anna.task("Live", projectId=project["id"])
            feed.expect("task.created", id=again["id"])


def test_many_followers_of_all_get_the_same_events(anna, ben, cleo):
    projects = [anna.project(f"P{n}") for n in range(4)]
    for project in projects:
        anna.share(project, ben)
        anna.share(project, cleo)
    with ben.live(follow=["all"]) as one, cleo.live(follow=["all"]) as two:
        def write(project):
            for n in range(10):
                anna.task(f"T{n}", projectId=project["id"])
        threads = [threading.Thread(target=write, args=(p,)) for p in projects]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        received, topics = [], {topic_of(p) for p in projects}
        for feed in (one, two):
            while sum(e["topic"] in topics for e in feed.events) < 40:
                feed.receive()
            received.append({topic_of(p): [e["seq"] for e in feed.events if e["topic"] == topic_of(p)]
                          for p in projects})
        assert received[0] == received[1] and all(len(seqs) == 10 for seqs in received[0].values())


def test_gathering_many_projects_over_several_loop_iterations_loses_nothing(anna):
    """More topics than are asked for or answered in one iteration of the daemon's loop, while others write."""
    projects = [anna.project(f"P{n}") for n in range(270)]
    with anna.live(follow=[]) as feed:
        answer = feed.follow("all")
        assert {topic_of(p) for p in projects} <= set(answer["topics"])
    missed = {anna.task("Missed", projectId=p["id"])["id"] for p in projects[::10]}
    made, stop = set(), threading.Event()

    def write():
        n = 0
        while not stop.is_set():
            made.add(anna.task("Live", projectId=projects[n % 270]["id"])["id"])
            n += 7

    writer = threading.Thread(target=write)
    writer.start()
    with anna.live(follow=[]) as feed:
        for _ in range(3):  # again and again: each asks for all of it anew
            feed.send(op="follow", topic="all", since=answer["cursor"])
        again = feed.follow("all", since=answer["cursor"])
        assert again["op"] == "following" and again["recovered"] is True
        for id in missed:
            feed.expect("task.created", within=20.0, id=id)
        stop.set()
        writer.join()
        last = anna.task("Last", projectId=projects[0]["id"])
        feed.expect("task.created", within=20.0, id=last["id"])
        seen = {e["entityId"] for e in feed.events}
        while not made <= seen:
            seen.add(feed.receive(20.0).get("entityId"))
        anna.delete("/v1/sessions/current").expect(204)
        feed.expect_close(4401, within=PROMISED)


def test_following_all_again_reads_the_list_only_after_a_change(stack, anna, ben, tmp_path):
    """And each answer names what existed when it was requested."""
    metrics = f"127.0.0.1:{free_port()}"
    anna.acquaint(ben)
    with daemon(stack, tmp_path, PUSH_METRICS=metrics) as other, \
            Live(other.ws_url, origin=other.origin) as feed:
        feed.hello(anna.token)

        def ask(topic=None, there=True):
            """Follows `all` until the topic is in the answer (or not): one that is just being joined has its own."""
            end = time.monotonic() + 10
            while True:
                topics = set(feed.follow("all")["topics"])
                if topic is None or (topic in topics) == there or time.monotonic() > end:
                    break
            text = urllib.request.urlopen(f"http://{metrics}/metrics").read().decode()
            return topics, int(re.search(r"^taskwire_push_lists_total (\d+)", text, re.MULTILINE)[1])

        assert [ask()[1] for _ in range(3)] == [1, 1, 1]
        mine = topic_of(anna.project("Mine"))
        topics, lists = ask(mine)
        assert mine in topics and lists == 2
        open_to_all = topic_of(ben.project("Open", access="everyone"))
        topics, lists = ask(open_to_all)
        assert {mine, open_to_all} <= topics and lists == 3
        shared = ben.project("Shared")
        ben.share(shared, anna)
        assert topic_of(shared) in ask(topic_of(shared))[0]
        ben.delete(f"/v1/projects/{shared['id']}/members/{anna.id}").expect(204)
        assert topic_of(shared) not in ask(topic_of(shared), there=False)[0]
        before = ask()[1]
        anna.task("No right changes", projectId=mine[8:])
        assert ask()[1] == before
