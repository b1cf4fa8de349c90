"""Notifications of changed statuses, and marking notifications as read."""
import datetime

import bson
import pytest
from client import eventually
from faults import TRANSIENT, log_of
from pymongo import MongoClient


@pytest.fixture
def base(stack):
    with MongoClient(stack.mongodb_uri) as mongo:
        yield mongo[stack.mongodb_database]


@pytest.fixture
def settled(base):
    """Waits until everybody has been notified of the changes so far."""
    return lambda: eventually(lambda: base.jobs.count_documents({"kind": "statusChanged"}) == 0, within=15.0, what="the end of the jobs")


@pytest.fixture
def scene(anna, ben, cleo):
    """Anna's project with Ben as a member and Cleo as a viewer, and a task of Anna's that is assigned to Ben."""
    project = anna.project("Watched")
    anna.share(project, ben)
    anna.share(project, cleo, "viewer")
    return project, anna.task("Look", projectId=project["id"], assigneeIds=[ben.id])


def told(user, task=None):
    """The user's notifications of statuses, the newest first."""
    return [n for n in user.items("/v1/notifications", limit=200) if n["kind"] == "statusChanged" and (task is None or n["taskId"] == task["id"])]


def counts(task, *users):
    return [len(told(user, task)) for user in users]


def test_watchers_are_notified_of_a_status_that_others_change(anna, ben, cleo, scene, settled):
    project, task = scene
    cleo.put(task, "/subscription", state="watching").expect(200)
    with ben.live(("user:me",)) as feed:
        anna.patch(task, status="completed").expect(200)
        notice = feed.expect("notification.created", within=10.0)["data"]
    assert (notice["kind"], notice["title"], notice["createdBy"]) == ("statusChanged", "Look", anna.id)
    assert (notice["taskId"], notice["projectId"], notice["read"]) == (task["id"], project["id"], False)
    settled()
    assert counts(task, anna, ben, cleo) == [0, 1, 1]
    assert notice in ben.get("/v1/sync").expect(200)["notifications"] and notice in ben.get("/v1/me/export").expect(200)["notifications"]
    # Every way to change it.
    ben.post(task, "/move", status="todo").expect(200)
    settled()
    assert counts(task, anna, ben, cleo) == [1, 1, 2]
    seq = log_of(anna, project)[-1]["seq"]
    ben.post(task, "/undo", seq=seq).expect(200)
    settled()
    assert counts(task, anna, ben, cleo) == [2, 1, 3]
    ben.post("/v1/batch", atomic=True, ops=[{"method": "PATCH", "path": f"/v1/tasks/{task['id']}", "body": {"status": "in-progress"}}]).expect(200)
    settled()
    assert counts(task, anna, ben, cleo) == [3, 1, 4]


def test_what_is_no_change_of_the_status_notifies_nobody(anna, ben, cleo, scene, settled):
    project, task = scene
    own = [{"id": "open", "name": "To do", "kind": "open"}, {"id": "late", "name": "Late", "kind": "open"}, {"id": "done", "name": "Done", "kind": "done"}]
    other = anna.project("Other", statuses=own)
    anna.share(other, ben)
    anna.patch(task, title="Another title", status="todo").expect(200)
    anna.post(task, "/move", projectId=other["id"]).expect(200)  # the status is the same there, by another id
    assert anna.get(task)["status"] == "open"
    anna.post(task, "/move", status="late").expect(200)
    settled()
    assert counts(task, ben) == [1]
    anna.delete(f"/v1/projects/{other['id']}/statuses/late?moveTo=open").expect(204)
    assert anna.get(task)["status"] == "open"
    anna.delete(task).expect(204)
    anna.post(task, "/restore").expect(200)
    settled()
    assert counts(task, ben, cleo) == [1, 0]


def test_only_who_may_see_the_task_and_has_not_muted_it_is_notified(stack, anna, ben, cleo, scene, settled):
    project, task = scene
    cleo.put(task, "/subscription", state="watching").expect(200)
    ben.put(task, "/subscription", state="muted").expect(200)
    anna.patch(task, status="in-progress").expect(200)
    settled()
    assert counts(task, ben, cleo) == [0, 1]
    with stack.without("jobs"):
        ben.patch(task, status="completed").expect(200)
        anna.delete(f"/v1/projects/{project['id']}/members/{cleo.id}").expect(204)
        anna.put(task, "/subscription", state="muted").expect(200)
    settled()
    assert counts(task, anna, ben) == [0, 0] and told(cleo) == []


def test_of_a_status_that_has_changed_again_only_the_last_is_told(stack, anna, ben, scene, settled):
    _, task = scene
    with stack.without("jobs"):
        for status in ("in-progress", "completed", "todo", "completed"):
            anna.patch(task, status=status).expect(200)
        anna.patch(task, status="in-progress").expect(200)
    settled()
    assert counts(task, ben) == [2]  # in-progress, which it is again


def test_a_bulk_change_notifies_each_watcher_once(anna, ben, cleo, scene, settled):
    project, task = scene
    tasks = [task] + [anna.task(f"Task {n}", projectId=project["id"], assigneeIds=[ben.id]) for n in range(4)]
    cleo.put(tasks[3], "/subscription", state="watching").expect(200)
    bulk = {"ids": [t["id"] for t in tasks], "change": {"status": "completed"}}
    for _ in range(2):
        assert anna.post("/v1/tasks/bulk", key="done", **bulk).expect(200)["changed"] == 5
    settled()
    assert len(told(ben)) == len(told(cleo)) == 1
    anna.post("/v1/tasks/bulk", ids=bulk["ids"], change={"status": "todo"}).expect(200)
    settled()
    assert len(told(ben)) == len(told(cleo)) == 2


@pytest.mark.parametrize("fault", ["cut-after command=insert collection=notifications", "cut-before command=commitTransaction",
                                   f"error command=insert collection=events code=112 labels={TRANSIENT}"])
def test_each_watcher_is_notified_once_whatever_fails(stack, anna, ben, cleo, scene, settled, fault):
    _, task = scene
    cleo.put(task, "/subscription", state="watching").expect(200)
    with stack.without("jobs"):
        anna.patch(task, status="completed").expect(200)
        number = stack.proxy_control(f"add {fault} program=taskwire-jobs")
    eventually(lambda: stack.fault_hits(number) > 0, within=10.0, what=fault)
    stack.proxy_control("clear")
    settled()
    assert counts(task, ben, cleo) == [1, 1]


# -- marking as read -------------------------------------------------------------------------
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
