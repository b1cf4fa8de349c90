"""Snapshots and events: the log."""
import threading

from pymongo import MongoClient

import state


def events(user, project, since=None, **query):
    if since:
        query["since"] = since
    return user.get(f"/v1/projects/{project['id']}/events", **query).expect(200)


def snapshot(user, project):
    return user.get(f"/v1/projects/{project['id']}/snapshot").expect(200)


def test_every_change_is_in_the_log_with_old_and_new_values(anna, ben):
    project = anna.project("Log")
    anna.acquaint(ben)
    start = snapshot(anna, project)["cursor"]
    task = anna.task("A", projectId=project["id"])
    anna.patch(task, title="B", priority="high").expect(200)
    anna.post(task, "/move", status="completed").expect(200)
    anna.delete(task).expect(204)
    anna.post(task, "/restore").expect(200)
    anna.patch(project, name="Logbook").expect(200)
    anna.share(project, ben, "viewer")
    anna.share(project, ben, "member")
    anna.delete(f"/v1/projects/{project['id']}/members/{ben.id}").expect(204)
    items = events(anna, project, start)["items"]
    assert [e["kind"] for e in items] == [
        "task.created", "task.updated", "task.moved", "task.deleted", "task.restored", "project.updated",
        "member.added", "member.updated", "member.removed"]
    seqs = [e["seq"] for e in items]
    assert seqs == list(range(seqs[0], seqs[0] + 9))
    assert items[1]["changes"]["title"] == ["A", "B"] and items[1]["changes"]["priority"] == ["none", "high"]
    assert set(items[1]["changes"]) <= {"title", "priority", "updatedAt", "updatedBy", "rev"}
    assert items[1]["data"]["title"] == "B" and items[1]["rev"] == 2 and items[1]["actorId"] == anna.id
    assert items[2]["changes"]["status"] == ["todo", "completed"]
    assert (items[6]["entity"], items[6]["entityId"], items[6]["data"]["role"]) == ("member", ben.id, "viewer")
    assert items[7]["changes"]["role"] == ["viewer", "member"]
    assert items[8]["data"] is None and items[8]["changes"]["role"] == ["member", None]


def test_a_refused_change_leaves_nothing_in_the_log(anna):
    project = anna.project()
    task = anna.task(projectId=project["id"])
    start = snapshot(anna, project)["cursor"]
    anna.patch(task, title="").expect(422)
    anna.patch(task, title="X", if_match='"99"').expect(412)
    assert events(anna, project, start)["items"] == []
    anna.patch(task, title="X").expect(200)
    assert len(events(anna, project, start)["items"]) == 1


def test_a_snapshot_contains_everything(anna, ben):
    project = anna.project("Shot")
    anna.share(project, ben)
    kept, thrown = anna.task("Kept", projectId=project["id"]), anna.task("Thrown", projectId=project["id"])
    archived = anna.task("Archived", projectId=project["id"])
    anna.patch(archived, archived=True).expect(200)
    anna.delete(thrown).expect(204)
    shot = snapshot(ben, project)
    assert shot["project"]["id"] == project["id"] and shot["project"]["role"] == "member"
    assert {m["userId"]: m["role"] for m in shot["members"]} == {anna.id: "owner", ben.id: "member"}
    assert {t["id"] for t in shot["tasks"]} == {kept["id"], archived["id"]}
    assert ben.get(kept).expect(200).json in shot["tasks"]


def test_events_are_paged(anna):
    project = anna.project()
    start = snapshot(anna, project)["cursor"]
    for n in range(25):
        anna.task(f"T{n}", projectId=project["id"])
    got, cursor = [], start
    while True:
        page = events(anna, project, cursor, limit=10)
        if not page["items"]:
            break
        assert len(page["items"]) <= 10
        got += page["items"]
        cursor = page["nextCursor"] or got[-1]["cursor"]
    assert [e["data"]["title"] for e in got] == [f"T{n}" for n in range(25)]
    middle = events(anna, project, got[11]["cursor"])["items"]
    assert [e["seq"] for e in middle] == [e["seq"] for e in got[12:]]


def test_a_snapshot_and_the_events_after_it_converge_under_writes(anna):
    project = anna.project()
    tasks = [anna.task(f"T{n}", projectId=project["id"])["id"] for n in range(4)]
    done = threading.Event()

    def write():
        n = 0
        while not done.is_set():
            n += 1
            anna.patch(f"/v1/tasks/{tasks[n % 4]}", title=f"Title {n}").expect(200)
            if n % 5 == 0:
                tasks.append(anna.task(f"More {n}", projectId=project["id"])["id"])
            if n % 11 == 0:
                anna.delete(f"/v1/tasks/{tasks.pop()}").expect(204)

    writers = [threading.Thread(target=write) for _ in range(1)]
    for w in writers:
        w.start()
    shots = [snapshot(anna, project).json for _ in range(12)]
    done.set()
    for w in writers:
        w.join()
    final = state.of_snapshot(snapshot(anna, project).json)
    for shot in shots:
        mirror, cursor = state.of_snapshot(shot), shot["cursor"]
        while (page := events(anna, project, cursor, limit=200))["items"]:
            for event in page["items"]:
                mirror.apply(event)
            cursor = page["items"][-1]["cursor"]
        assert mirror == final


# -- the seven resume cases -------------------------------------------------------
def test_resuming_works_from_the_head_and_from_behind_it(anna):
    project = anna.project()
    base = snapshot(anna, project)["cursor"]
    assert events(anna, project, base).json["items"] == []
    anna.task("A", projectId=project["id"])
    one = events(anna, project, base)
    assert one["resync"] is False and [e["kind"] for e in one["items"]] == ["task.created"]
    assert events(anna, project, one["items"][0]["cursor"])["items"] == []


def test_resuming_from_an_unusable_cursor_returns_resync(anna, ben):
    project = anna.project()
    cursor = snapshot(anna, project)["cursor"]
    epoch, place = cursor.split("~", 1)
    other = ("0" if epoch[0] != "0" else "1") + epoch[1:]
    topic, seq = place.rsplit(".", 1)
    foreign = snapshot(ben, ben.project())["cursor"]
    for bad in (f"{other}~{place}", f"{epoch}~{topic}.{int(seq) + 1000}", "nonsense", foreign,
                f"{epoch}~{topic}.-1",
                f"{epoch}~{topic}.99999999999999999999999", "é"):
        reply = anna.get(f"/v1/projects/{project['id']}/events", since=bad).expect((200, 400))
        assert reply.status == 400 or (reply["resync"] and reply["items"] == []), f"{bad}: {reply}"


def test_resuming_from_before_the_retained_log_returns_resync(anna, stack):
    project = anna.project()
    cursor = snapshot(anna, project)["cursor"]
    tasks = [anna.task(f"T{n}", projectId=project["id"]) for n in range(5)]
    later = snapshot(anna, project)["cursor"]
    with MongoClient(stack.mongodb_uri) as mongo:
        log = mongo[stack.mongodb_database].events
        topic = f"project:{project['id']}"
        log.delete_one({"topic": topic, "entityId": {"$in": [tasks[0]["id"]]}})
        assert log.delete_many({"topic": topic, "seq": {"$lt": 4}}).deleted_count >= 1
    reply = events(anna, project, cursor)
    assert reply["resync"] and reply["items"] == []
    assert events(anna, project, later)["resync"] is False


def punch(stack, project, seq):
    """Deletes one event from a project's log."""
    with MongoClient(stack.mongodb_uri) as mongo:
        log = mongo[stack.mongodb_database].events
        assert log.delete_one({"topic": f"project:{project['id']}", "seq": seq}).deleted_count == 1


def test_a_hole_in_the_log_is_never_skipped(anna, stack):
    """Events before it are returned; then the reader is told to load everything again."""
    project = anna.project()
    cursor = snapshot(anna, project)["cursor"]
    first = int(cursor.rsplit(".", 1)[1]) + 1
    for n in range(7):
        anna.task(f"T{n}", projectId=project["id"])
    punch(stack, project, first + 3)
    for since in (cursor, None):
        got, resync = [], False
        while not resync:
            page = events(anna, project, since)
            resync = page["resync"]
            assert resync or page["items"], "an end that is none"
            got += [e["seq"] for e in page["items"]]
            since = page["nextCursor"]
        assert got[-1] == first + 2 and resync == "trimmed"
        assert events(anna, project, since)["resync"] is False


def test_a_missing_newest_event_is_detected(anna, stack):
    project = anna.project()
    cursor = snapshot(anna, project)["cursor"]
    for n in range(2):
        anna.task(f"T{n}", projectId=project["id"])
    punch(stack, project, int(cursor.rsplit(".", 1)[1]) + 2)
    page = events(anna, project, cursor)
    assert len(page["items"]) == 1 and page["resync"] is False
    assert events(anna, project, page["nextCursor"])["resync"] == "trimmed"


def test_history_starts_with_the_newest_change_and_is_paged(anna):
    task = anna.task("T0")
    for n in range(1, 60):
        anna.patch(task, title=f"T{n}").expect(200)
    path = f"/v1/tasks/{task['id']}/history"
    first = anna.get(path).expect(200)
    assert [e["rev"] for e in first["items"]] == list(range(60, 10, -1)) and first["nextCursor"]
    assert [e["rev"] for e in anna.get(path, cursor=first["nextCursor"]).expect(200)["items"]] == list(range(10, 0, -1))
    revs, query = [], {"limit": 7}
    while query:
        page = anna.get(path, **query).expect(200)
        revs += [e["rev"] for e in page["items"]]
        query = page["nextCursor"] and {"limit": 7, "cursor": page["nextCursor"]}
        if len(revs) == 21:
            anna.patch(task, title="while one reads").expect(200)
    assert revs == list(range(60, 0, -1))
    anna.get(path, limit=201).expect(400, "bad-parameter")
