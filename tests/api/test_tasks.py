"""Tasks: fields, merge patch, revisions, trash, archive, completion."""
import threading

import pytest

FULL = {
    "title": "Write the report ✍️", "description": "Line one\nline two\ttabbed", "status": "in-progress",
    "priority": "high", "startAt": "2026-01-02T08:00:00.000Z", "dueAt": "2026-02-03T10:20:30.456Z",
    "checklist": [{"id": "a", "text": "outline", "done": True}, {"id": "b", "text": "draft", "done": False}],
}


@pytest.fixture
def project(anna):
    return anna.project(labels=[{"id": "bug", "name": "Bug", "colour": "#aa0000"},
                                {"id": "docs", "name": "Docs", "colour": "#00aa00"}])


def test_every_field_is_returned_as_sent(anna, ben, project):
    anna.share(project, ben)
    parent = anna.task("Parent", projectId=project["id"])
    task = anna.task(**FULL, projectId=project["id"], assigneeIds=[anna.id, ben.id], labelIds=["bug", "docs"],
                     parentId=parent["id"])
    for name, value in FULL.items():
        assert task[name] == value, name
    assert task["assigneeIds"] == [anna.id, ben.id] and task["labelIds"] == ["bug", "docs"]
    assert task["parentId"] == parent["id"] and task["number"] == parent["number"] + 1
    assert (task["createdBy"], task["updatedBy"], task["rev"]) == (anna.id, anna.id, 1)
    assert ben.get(task).expect(200).json == task.json


def test_a_task_can_have_dates_without_times(anna):
    task = anna.task(startDate="2024-02-29", dueDate="2026-12-31")
    assert (task["startDate"], task["dueDate"], task["dueAt"]) == ("2024-02-29", "2026-12-31", None)


def test_omitted_fields_have_their_defaults(anna):
    task = anna.task("Buy milk")
    assert (task["status"], task["priority"], task["checklist"], task["assigneeIds"]) == ("todo", "none", [],
        [])
    assert task["completedAt"] is task["archivedAt"] is task["deletedAt"] is task["dueAt"] is None


def test_patch_changes_only_named_fields_and_null_clears_them(anna):
    task = anna.task(**FULL)
    after = anna.patch(task, priority="low", description="", dueAt=None).expect(200)
    assert (after["priority"], after["description"], after["dueAt"]) == ("low", "", None)
    assert (after["title"], after["startAt"], after["status"]) == (task["title"], task["startAt"],
                                                                   task["status"])
    assert after["rev"] == 2 and after["updatedAt"] >= task["updatedAt"]
    assert after["createdAt"] == task["createdAt"]


@pytest.mark.parametrize("due", ["0000-01-01T00:00:00.000Z", "0001-01-01T00:00:00.000Z", "9999-12-31T23:59:59.999Z",
                                 "1969-12-31T23:59:59.999Z", "2026-06-30T12:00:00+02:00", "2026-06-30T23:59:60Z",
                                 "0001-01-01T00:00:00.000+14:00", "9999-12-31T23:59:59.999-14:00"])
def test_extreme_dates_are_kept_or_refused_and_break_no_list(anna, due):
    reply = anna.post("/v1/tasks", title="T", dueAt=due).expect((201, 422))
    for query in ({}, {"sort": "dueAt"}, {"overdue": "true"}, {"dueBefore": due}, {"dueAfter": due}):
        anna.get("/v1/tasks", **query).expect((200, 400) if reply.status == 422 else 200)
    if reply.status == 201:
        assert reply["dueAt"] == due or not due.endswith("000Z")
        anna.patch(reply, title="U").expect(200)


def test_arrays_are_replaced_as_a_whole(anna):
    task = anna.task(checklist=[{"id": "a", "text": "A"}, {"id": "b", "text": "B", "done": True}])
    assert [c["done"] for c in task["checklist"]] == [False, True]
    after = anna.patch(task, checklist=[{"id": "a", "text": "A", "done": True}]).expect(200)
    assert after["checklist"] == [{"id": "a", "text": "A", "done": True}]


BAD_FIELDS = [
    ({"title": ""}, "/title"), ({"title": None}, "/title"), ({"title": "x" * 501}, "/title"),
    ({"title": 5}, "/title"), ({"title": {"$gt": ""}}, "/title"), ({"title": ["x"]}, "/title"),
    ({"description": "x" * 50001}, "/description"), ({"description": 1.5}, "/description"),
    ({"status": "someday"}, "/status"), ({"status": True}, "/status"),
    ({"priority": "HIGH"}, "/priority"), ({"priority": 3}, "/priority"),
    ({"dueAt": "tomorrow"}, "/dueAt"), ({"dueAt": "2026-02-30T00:00:00.000Z"}, "/dueAt"),
    ({"dueAt": 1700000000}, "/dueAt"), ({"dueAt": "2026-01-01"}, "/dueAt"),
    ({"dueAt": "2026-01-01T25:00:00.000Z"}, "/dueAt"), ({"dueAt": {"$date": 0}}, "/dueAt"),
    ({"dueDate": "2026-13-01"}, "/dueDate"), ({"dueDate": "2025-02-29"}, "/dueDate"),
    ({"dueDate": 20260101}, "/dueDate"),
    ({"assigneeIds": "f" * 24}, "/assigneeIds"), ({"assigneeIds": ["me"]}, "/assigneeIds"),
    ({"assigneeIds": ["f" * 24]}, "/assigneeIds"), ({"assigneeIds": [None]}, "/assigneeIds"),
    ({"labelIds": ["nope"]}, "/labelIds"), ({"labelIds": {}}, "/labelIds"),
    ({"parentId": "f" * 24}, "/parentId"), ({"parentId": "x"}, "/parentId"),
    ({"checklist": [{"done": True}]}, "/checklist"), ({"checklist": [{"id": "a", "text": 3}]}, "/checklist/0/text"),
    ({"checklist": ["x"]}, "/checklist"), ({"checklist": [{"text": "a", "$x": 1}]}, "/checklist"),
    ({"position": "zzz"}, "/position"), ({"number": 9}, "/number"), ({"rev": 9}, "/rev"),
    ({"id": "0" * 24}, "/id"),
    ({"_id": "0" * 24}, "/_id"), ({"createdBy": "0" * 24}, "/createdBy"),
    ({"completedAt": None}, "/completedAt"),
    ({"deletedAt": None}, "/deletedAt"), ({"frobnicate": 1}, "/frobnicate"),
    ({"$set": {"title": "x"}}, "/$set"),
    ({"a.b": 1}, "/a.b"), ({"a/b~c": 1}, "/a~1b~0c"), ({"archived": "yes"}, "/archived"), ({"": 1}, "/"),
]


@pytest.fixture(scope="module")
def anyone(world):
    user = world.user("anyone")
    return user, user.task("Kept")


@pytest.mark.parametrize("fields, pointer", BAD_FIELDS,
                         ids=lambda v: str(v)[:40] if isinstance(v, dict) else "")
def test_an_invalid_field_is_named_on_create_and_on_change(anyone, fields, pointer):
    user, kept = anyone
    for reply in (user.send("POST", "/v1/tasks", {"title": "T", **fields}),
                  user.send("PATCH", kept.path + "/" + kept["id"], fields)):
        reply.expect(422, "invalid")
        assert any(p == pointer or p.startswith(pointer + "/") for p in reply.pointers), reply
    assert user.get(kept).expect(200).json == kept.json


def test_all_errors_are_reported_at_once(anna):
    anna.post("/v1/tasks", title="", priority="urgentest", dueAt="never", frobnicate=1).expect(
        422, "invalid", {"/title", "/priority", "/dueAt", "/frobnicate"})


@pytest.mark.parametrize("title", ["x" * 500, "é" * 500, "😀" * 500, '"quoted" \\ back/slash', "<b>&amp;</b>",
                                   "a\u2028b", "مرحبا", "$gt", "a.b", "-", "\ufeffbom"])
def test_a_title_can_be_any_text(anna, title):
    task = anna.task(title)
    assert task["title"] == title and anna.get(task).expect(200)["title"] == title


def test_a_change_based_on_an_old_revision_is_refused(anna):
    task = anna.task()
    after = anna.patch(task, status="in-progress", if_match=task.etag).expect(200)
    refused = anna.patch(task, status="completed", if_match=task.etag).expect(412, "stale")
    assert refused["current"] == after.json
    anna.delete(task, if_match=task.etag).expect(412, "stale")
    anna.send("POST", f"/v1/tasks/{task['id']}/move", {"status": "completed"}, if_match=task.etag).expect(412,
        "stale")
    assert anna.get(task).expect(200).json == after.json


def test_a_project_can_require_if_match(anna):
    project = anna.project(requireIfMatch=True)
    task = anna.task(projectId=project["id"])
    anna.patch(task, title="New").expect(428)
    anna.delete(task).expect(428)
    anna.patch(task, title="New", if_match=task.etag).expect(200)


@pytest.mark.parametrize("tag, status", [("*", 200), ('"1"', 200), ('"7", "1"', 200), ('"2"', 412),
                                         ('"x"', 412),
                                         ("1", 400), ('"1', 400)])
def test_if_match_follows_the_standard(anna, tag, status):
    task = anna.task()
    anna.patch(task, title="New", if_match=tag).expect((status, 412) if status == 400 else status)


def test_a_conditional_get_of_an_unchanged_task_is_304(anna):
    task = anna.task()
    reply = anna.get(task, if_none_match=task.etag).expect(304)
    assert reply.etag == task.etag
    anna.get(task, if_none_match=f'"99", {task.etag}').expect(304)
    anna.get(task, if_none_match="*").expect(304)
    anna.get(task, if_none_match='"99"').expect(200)


def test_concurrent_changes_from_one_revision_succeed_exactly_once(anna):
    task, replies = anna.task(), []

    def change(n):
        replies.append(anna.patch(task, title=f"By {n}", if_match=task.etag))

    threads = [threading.Thread(target=change, args=(n,)) for n in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert sorted(r.status for r in replies) == [200] + [412] * 7
    assert anna.get(task).expect(200)["rev"] == 2


def test_trash_and_restore(anna):
    task = anna.task()
    anna.delete(task).expect(204)
    assert task["id"] not in [t["id"] for t in anna.items("/v1/tasks")]
    assert task["id"] in [t["id"] for t in anna.items("/v1/tasks", deleted="true")]
    anna.patch(task, title="Ghost").expect((404, 409))
    restored = anna.post(task, "/restore").expect(200)
    assert restored["deletedAt"] is None and restored["rev"] == 3
    assert {k: restored[k] for k in ("title", "status", "number")} == {k: task[k] for k in ("title", "status",
        "number")}
    anna.get(task).expect(200)


def test_a_task_can_be_archived_and_unarchived(anna):
    task = anna.task()
    archived = anna.patch(task, archived=True).expect(200)
    assert archived["archivedAt"]
    assert task["id"] not in [t["id"] for t in anna.items("/v1/tasks")]
    assert task["id"] in [t["id"] for t in anna.items("/v1/tasks", archived="true")]
    assert anna.patch(task, archived=False).expect(200)["archivedAt"] is None


def test_completed_at_follows_the_status(anna):
    task = anna.task()
    done = anna.patch(task, status="completed").expect(200)
    assert done["completedAt"]
    assert anna.patch(done, title="Still done").expect(200)["completedAt"] == done["completedAt"]
    assert anna.patch(task, status="in-progress").expect(200)["completedAt"] is None
    assert anna.post(task, "/move", status="completed").expect(200)["completedAt"]
    assert anna.task(status="completed")["completedAt"]


def test_a_task_cannot_become_its_own_ancestor(anna):
    top = anna.task("Top")
    child = anna.task("Child", parentId=top["id"])
    anna.patch(top, parentId=top["id"]).expect(422, "invalid", {"/parentId"})
    anna.patch(top, parentId=child["id"]).expect(422, "invalid", {"/parentId"})


def test_a_parent_must_be_in_the_same_project(anna, project):
    elsewhere = anna.task("Elsewhere")
    anna.post("/v1/tasks", title="T", projectId=project["id"], parentId=elsewhere["id"]).expect(422,
        "invalid", {"/parentId"})


def test_an_assignee_must_be_a_member(anna, ben, project):
    anna.post("/v1/tasks", title="T", projectId=project["id"], assigneeIds=[ben.id]).expect(422)


def test_strangers_get_404_for_everything(anna, ben):
    task = anna.task()
    for reply in (ben.get(task), ben.patch(task, title="x"), ben.delete(task), ben.post(task, "/restore"),
                  ben.post(task, "/move", status="todo")):
        reply.expect(404)
    ben.post("/v1/tasks", title="x", projectId=task["projectId"]).expect((404, 422))
    assert ben.items("/v1/tasks") == []
