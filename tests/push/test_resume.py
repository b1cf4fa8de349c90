"""The seven ways to resume, each answered exactly, never with a partial replay."""
import pytest
from bson.int64 import Int64
from pymongo import MongoClient


def head(user, project):
    return user.get(f"/v1/projects/{project['id']}/snapshot").expect(200)["cursor"]


def write(user, project, count):
    return [user.task(f"T{n}", projectId=project["id"]) for n in range(count)]


def resume(user, topic, since):
    feed = user.live(follow=[])
    return feed, feed.follow(topic, since=since)


def titles(feed, count):
    return [feed.expect("task.created")["data"]["title"] for _ in range(count)]


@pytest.mark.parametrize("missed", [0, 1, 2, 100])
def test_resuming_replays_exactly_the_missed_events(anna, project, topic, missed):
    write(anna, project, 2)
    cursor = head(anna, project)
    write(anna, project, missed)
    feed, answer = resume(anna, topic, cursor)
    with feed:
        assert answer["op"] == "following" and answer["recovered"] is True
        assert titles(feed, missed) == [f"T{n}" for n in range(missed)]
        feed.silent()
        anna.task("Live", projectId=project["id"])
        assert titles(feed, 1) == ["Live"]


def test_resuming_from_an_events_cursor_works(anna, project, topic):
    with anna.live(follow=[topic]) as feed:
        write(anna, project, 5)
        cursors = [feed.expect("task.created")["cursor"] for _ in range(5)]
    for n, cursor in enumerate(cursors):
        feed, answer = resume(anna, topic, cursor)
        with feed:
            assert answer["recovered"] is True
            assert titles(feed, 4 - n) == [f"T{k}" for k in range(n + 1, 5)]
            feed.silent()


def test_resuming_from_the_cursor_of_following_works(anna, project, topic):
    with anna.live(follow=[]) as feed:
        cursor = feed.follow(topic)["cursor"]
    write(anna, project, 3)
    feed, answer = resume(anna, topic, cursor)
    with feed:
        assert answer["recovered"] is True and titles(feed, 3) == ["T0", "T1", "T2"]


@pytest.mark.slow
def test_resuming_a_thousand_events_behind_works(anna, stack, project, topic):
    """The log is filled in the store itself, with copies of a real event, to be quick."""
    cursor = head(anna, project)
    write(anna, project, 1)
    with MongoClient(stack.mongodb_uri) as mongo:
        database = mongo[stack.mongodb_database]
        event = database.events.find_one({"topic": topic}, sort=[("seq", -1)])
        first, copies = event["seq"], []
        for seq in range(first + 1, first + 1000):
            copy = {k: v for k, v in event.items() if k != "_id"}
            frame = event["frame"].replace(f'"seq":{first},', f'"seq":{seq},').replace(f".{first}\"",
                f".{seq}\"")
            copies.append({**copy, "seq": Int64(seq), "frame": frame})
        database.events.insert_many(copies)
        database.topics.update_one({"_id": topic}, {"$set": {"seq": Int64(first + 999)}})
    feed, answer = resume(anna, topic, cursor)
    with feed:
        assert answer["op"] == "following" and answer["recovered"] is True
        seqs = [feed.expect("task.created")["seq"] for _ in range(1000)]
        assert seqs == list(range(first, first + 1000))
        anna.task("Live", projectId=project["id"])
        assert feed.expect("task.created")["seq"] == first + 1000


def bad_cursors(cursor, foreign):
    epoch, place = cursor.split("~", 1)
    topic, seq = place.rsplit(".", 1)
    return {
        "another epoch": ("0" if epoch[0] != "0" else "1") + cursor[1:],
        "the future": f"{epoch}~{topic}.{int(seq) + 1000}",
        "the far future": f"{epoch}~{topic}.99999999999999999999999",
        "another project": foreign, "nonsense": "nonsense", "a number below zero": f"{epoch}~{topic}.-1",
        "half a cursor": cursor[:10], "a long text": "x" * 5000,
    }


@pytest.mark.parametrize("case", bad_cursors("00000000~p0.1", ""))
def test_resuming_from_an_unusable_cursor_says_resync(anna, project, topic, case):
    write(anna, project, 2)
    foreign = head(anna, anna.project("Another"))
    cursor = bad_cursors(head(anna, project), foreign)[case]
    feed, answer = resume(anna, topic, cursor)
    with feed:
        assert answer["op"] == "resync" and answer["reason"], answer
        feed.silent()
        anna.task("Live", projectId=project["id"])
        assert titles(feed, 1) == ["Live"], "after a resync the stream goes on from the cursor it named"
        again, recovered = resume(anna, topic, answer["cursor"])
        with again:
            assert recovered["op"] == "following" and titles(again, 1) == ["Live"]


def test_resuming_from_before_the_retained_log_says_resync_and_replays_nothing(anna, stack, project, topic):
    cursor = head(anna, project)
    write(anna, project, 6)
    kept = head(anna, project)
    with MongoClient(stack.mongodb_uri) as mongo:
        log = mongo[stack.mongodb_database].events
        last = log.find_one({"topic": topic}, sort=[("seq", -1)])["seq"]
        log.delete_many({"topic": topic, "seq": {"$lte": last - 3}})
    feed, answer = resume(anna, topic, cursor)
    with feed:
        assert answer["op"] == "resync", answer
        feed.silent()
    feed, answer = resume(anna, topic, kept)
    with feed:
        assert answer["op"] == "following" and answer["recovered"] is True


@pytest.mark.parametrize("since", [5, {"$gt": ""}, [], True], ids=str)
def test_a_since_that_is_not_a_string_is_refused(anna, topic, since):
    with anna.live(follow=[]) as feed:
        answer = feed.follow(topic, since=since)
        assert answer["op"] in ("error", "resync")


def test_all_resumes_every_topic_at_once(anna, ben):
    projects = [anna.project(f"P{n}") for n in range(3)]
    anna.acquaint(ben)
    with anna.live(follow=[]) as feed:
        cursor = feed.follow("all")["cursor"]
    for project in projects:
        write(anna, project, 2)
    anna.share(projects[0], ben)
    feed, answer = resume(anna, "all", cursor)
    with feed:
        assert answer["op"] == "following" and answer["recovered"] is True
        for _ in range(7):
            while len(feed.events) < 7:
                feed.receive()
        kinds = sorted(e["kind"] for e in feed.events)
        assert kinds == ["member.added"] + ["task.created"] * 6
        feed.silent()


def test_a_project_created_while_disconnected_is_included_in_all(anna):
    with anna.live(follow=[]) as feed:
        cursor = feed.follow("all")["cursor"]
    project = anna.project("Made while away")
    task = anna.task("A", projectId=project["id"])
    feed, answer = resume(anna, "all", cursor)
    with feed:
        if answer["op"] == "following":  # then its events come, or the word to load it
            while not any(m.get("entityId") == task["id"] or m["op"] == "resync" for m in feed.waiting):
                feed.waiting.append(feed.receive())
        anna.patch(task, title="B").expect(200)
        feed.expect("task.updated", id=task["id"])
