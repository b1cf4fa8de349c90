"""Marking notifications as read."""
import datetime

import bson
import pytest
from client import eventually
from pymongo import MongoClient


@pytest.fixture
def base(stack):
    with MongoClient(stack.mongodb_uri) as mongo:
        yield mongo[stack.mongodb_database]


@pytest.fixture
def scene(anna, ben, cleo):
    """Anna's project with Ben as a member and Cleo as a viewer, and a task of Anna's that is assigned to Ben."""
    project = anna.project("Watched")
    anna.share(project, ben)
    anna.share(project, cleo, "viewer")
    return project, anna.task("Look", projectId=project["id"], assigneeIds=[ben.id])


def unread(base, user, count):
    """So many unread notifications of the user."""
    now, me = datetime.datetime.now(datetime.timezone.utc), bson.ObjectId(user.id)
    base.notifications.insert_many([
        {"_id": bson.ObjectId(), "rev": 1, "createdAt": now, "createdBy": me, "updatedAt": now, "updatedBy": me, "kind": "assigned", "projectId": me,
         "taskId": bson.ObjectId(), "title": f"Task {n}", "read": False, "userId": me} for n in range(count)])


def test_marking_a_notification_is_an_event_and_appears_in_sync(anna, ben, scene):
    notice = ben.items("/v1/notifications")[0]
    path = "/v1/notifications/" + notice["id"]
    synced = ben.get("/v1/sync").expect(200)
    with ben.live(("user:me",)) as feed:
        ben.patch(path, read=True, key="r").expect(200)
        ben.patch(path, read=True, key="r").expect(200)
        ben.patch(path, read=True).expect(200)  # no change, no event
        ben.patch(path, read=False).expect(200)
        events = [feed.expect("notification.updated", within=5.0) for _ in range(2)]
    assert [e["changes"] for e in events] == [{"read": [False, True]}, {"read": [True, False]}]
    assert [(e["entityId"], e["rev"], e["data"]["read"]) for e in events] == [(notice["id"], 2, True), (notice["id"], 3, False)]
    news = ben.get("/v1/sync", cursor=synced["cursor"]).expect(200)
    assert news["notifications"] == [events[1]["data"]] == ben.items("/v1/notifications") and news["deleted"] == []
    anna.patch(path, read=True).expect(404)
    ben.patch(path, read="yes").expect(422, "invalid", {"/read"})
    ben.patch("/v1/notifications/" + "0" * 24, read=True).expect(404)


def test_marking_all_is_an_event_for_each_however_many_there_are(base, world):
    dora = world.user("dora")
    unread(base, dora, 230)
    synced = dora.get("/v1/sync").expect(200)["cursor"]
    with dora.live(("user:me",)) as feed:
        for _ in range(2):
            dora.post("/v1/notifications/read", key="all").expect(204)
        marked = {feed.expect("notification.updated", within=15.0)["entityId"] for _ in range(230)}
    assert len(marked) == 230 and dora.items("/v1/notifications", read="false") == []
    news = dora.get("/v1/sync", cursor=synced).expect(200)
    assert {n["id"] for n in news["notifications"]} == marked and all(n["read"] for n in news["notifications"])


def test_a_batch_marks_only_so_many(base, world):
    dora = world.user("dora")
    read = {"method": "POST", "path": "/v1/notifications/read"}
    unread(base, dora, 3)
    assert dora.post("/v1/batch", ops=[read]).expect(200)["results"][0]["status"] == 204
    assert dora.items("/v1/notifications", read="false") == []
    unread(base, dora, 1001)
    assert dora.post("/v1/batch", ops=[read]).expect(200)["results"][0]["status"] == 413
    assert len(dora.items("/v1/notifications", read="false", limit=200)) == 200


def test_marking_all_goes_on_after_a_failure(stack, base, world):
    dora = world.user("dora")
    dora.http.strict = False
    unread(base, dora, 130)
    with dora.live(("user:me",)) as feed:
        with stack.fault("cut-after command=commitTransaction nth=2"):
            eventually(lambda: dora.post("/v1/notifications/read", key="all").status == 204, within=15.0, what="the reply")
        marked = [feed.expect("notification.updated", within=15.0)["entityId"] for _ in range(130)]
    assert len(set(marked)) == 130 and dora.items("/v1/notifications", read="false") == []
