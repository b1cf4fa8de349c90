"""POST /v1/tasks/bulk: one change of many tasks."""
import secrets

import pytest

from faults import log_of


def bulk(who, key=None, **fields):
    return who.post("/v1/tasks/bulk", key=key, **fields)


def result(reply):
    body = reply.expect(200).json
    return body["matched"], body["changed"], [(f["id"], f["status"]) for f in body["failed"]]


@pytest.fixture
def board(anna):
    project = anna.project("Bulk", labels=[{"id": "red", "name": "Red"}])
    ops = [{"method": "POST", "path": "/v1/tasks", "body": {"projectId": project["id"], "title": f"Task {n}",
                                                             "priority": "low" if n % 2 else "high"}} for n in range(100)]
    tasks = []
    for _ in range(3):
        tasks += [r["body"] for r in anna.post("/v1/batch", ops=ops).expect(200)["results"]]
    return project, tasks


def test_every_task_that_a_list_has_is_changed(anna, ben, board):
    project, tasks = board
    anna.share(project, ben)
    before, notices = len(log_of(anna, project)), len(ben.items("/v1/notifications"))
    where = {"projectId": project["id"], "priority": "low"}
    assert result(bulk(anna, where=where, change={"labelIds": ["red"]}, dryRun=True)) == (150, 0, [])
    assert len(log_of(anna, project)) == before
    requests, failed = 0, True
    while failed:  # a slow machine does not reach all before the request's deadline
        matched, changed, failed = result(bulk(anna, where=where, change={"labelIds": ["red"], "assigneeIds": [ben.id]}))
        assert matched == 150 == changed + len(failed) and {status for _, status in failed} <= {503}
        requests += 1
    events = log_of(anna, project)[before:]
    assert len(events) == 150 and {e["kind"] for e in events} == {"task.updated"}
    assert {e["entityId"] for e in events} == {t["id"] for t in tasks if t["priority"] == "low"}
    assert len(ben.items("/v1/notifications")) == notices + requests
    assert len(list(anna.pages("/v1/tasks", projectId=project["id"], label="red", limit=200))) == 150
    assert result(bulk(anna, where={"projectId": project["id"], "overdue": False}, limit=7, change={"title": "Some"})) == (7, 7, [])


def test_the_matched_set_is_fixed_for_a_key(stack, anna, board):
    project, _ = board
    anna.http.strict = False
    key, where = secrets.token_hex(8), {"projectId": project["id"], "status": "todo"}
    with stack.fault("error command=insert collection=events code=50 times=3 nth=2"):
        first = result(bulk(anna, key, where=where, limit=105, change={"status": "in-progress"}))
    assert first[0] == 105 and first[1] < 105 and {status for _, status in first[2]} == {503}
    anna.task("New", projectId=project["id"])
    again = bulk(anna, key, where=where, limit=105, change={"status": "in-progress"})
    assert result(again) == (105, 105, [])
    events = log_of(anna, project)
    changed = [e["entityId"] for e in events if e["kind"] == "task.updated"]
    assert len(changed) == len(set(changed)) == 105
    replayed = bulk(anna, key, where=where, limit=105, change={"status": "in-progress"})
    assert replayed.json == again.json and "idempotency-replayed" in replayed.headers
    bulk(anna, key, where=where, change={"status": "completed"}).expect(422, "key-reused")
    assert len(log_of(anna, project)) == len(events)


def test_tasks_are_moved_and_failures_are_named(anna, ben, board):
    project, tasks = board
    other, foreign = anna.project("Elsewhere"), ben.task("Private")
    ids = [tasks[0]["id"], foreign["id"], tasks[1]["id"], "f" * 24]
    assert result(bulk(anna, ids=ids, move={"projectId": other["id"]})) == (4, 2, [(foreign["id"], 404), ("f" * 24, 404)])
    assert [t["id"] for t in anna.items("/v1/tasks", projectId=other["id"])] == [tasks[0]["id"], tasks[1]["id"]]
    assert ben.get(foreign).expect(200)["rev"] == 1
    assert result(bulk(anna, ids=[tasks[2]["id"]], change={"status": "nowhere"})) == (1, 0, [(tasks[2]["id"], 422)])
    bulk(anna, where={"projectId": ben.id}, change={"title": "x"}).expect(404)
    viewer = anna.share(project, ben, "viewer") and ben
    assert result(bulk(viewer, where={"projectId": project["id"]}, limit=2, change={"title": "x"}))[1] == 0


BAD = {
    "nothing": ({}, {"/where", "/move"}),
    "an empty where": ({"where": {}, "change": {"title": "x"}}, {"/where"}),
    "a where that is a list": ({"where": [], "change": {"title": "x"}}, {"/where"}),
    "no ids": ({"ids": [], "change": {"title": "x"}}, {"/ids"}),
    "too many ids": ({"ids": [f"{n:024x}" for n in range(1001)], "change": {"title": "x"}}, {"/ids"}),
    "an id twice": ({"ids": ["f" * 24] * 2, "change": {"title": "x"}}, {"/ids/1"}),
    "ids and where": ({"ids": ["f" * 24], "where": {"status": "todo"}, "change": {"title": "x"}}, {"/where"}),
    "change and move": ({"ids": ["f" * 24], "change": {"title": "x"}, "move": {}}, {"/move"}),
    "a change that is a text": ({"ids": ["f" * 24], "change": "title"}, {"/change"}),
    "a field that there is not": ({"ids": ["f" * 24], "change": {"titel": "x", "rev": 2}}, {"/change/titel", "/change/rev"}),
    "a move with other members": ({"ids": ["f" * 24], "move": {"title": "x"}}, {"/move/title"}),
    "an unknown condition": ({"where": {"colour": "red"}, "change": {"title": "x"}}, {"/where/colour"}),
    "a condition with a bad value": ({"where": {"overdue": "maybe"}, "change": {"title": "x"}}, {"/where/overdue"}),
    "a condition that is an object": ({"where": {"status": {"$ne": 1}}, "change": {"title": "x"}}, {"/where/status"}),
    "a cursor": ({"where": {"cursor": "x", "limit": 3}, "change": {"title": "x"}}, {"/where/cursor", "/where/limit"}),
    "a limit of 0": ({"where": {"status": "todo"}, "limit": 0, "change": {"title": "x"}}, {"/limit"}),
}


@pytest.mark.parametrize("name", BAD)
def test_a_malformed_bulk_change_is_refused(anna, name):
    task = anna.task("Untouched")
    body, pointers = BAD[name]
    bulk(anna, **body).expect(422, "invalid", pointers)
    assert anna.get(task).json == task.json


def test_conditions_are_as_many_as_a_list_may_have(anna):
    bulk(anna, where={f"c{n}": "x" for n in range(40)}, change={"title": "x"}).expect(422, "invalid")
    bulk(anna, where={"q": "x" * 100_000}, change={"title": "x"}).expect({200, 422})
