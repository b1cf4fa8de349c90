"""POST /v1/tasks/{id}/duplicate: copies of a task with its files and subtasks, in the same or another project."""
import hashlib

import pytest
from faults import TRANSIENT, log_of, until_done

OWN = {"id", "number", "position", "createdAt", "updatedAt"}  # fields in which a copy differs from a fresh task


@pytest.fixture
def scene(anna, ben):
    """A project of Anna and Ben with two tasks."""
    project = anna.project("Source", labels=[{"id": "r", "name": "Réd"}, {"id": "b", "name": "Blue"}])
    anna.share(project, ben)
    return project, anna.task("First", projectId=project["id"]), anna.task("Second", projectId=project["id"])


def full(anna, ben, project, other, **more):
    return anna.task("Everything", projectId=project["id"], description="# All", status="in-progress", priority="high",
                     startDate="2040-01-01", dueDate="2040-01-05", assigneeIds=[anna.id, ben.id], labelIds=["r", "b"],
                     checklist=[{"id": "one", "text": "1", "done": True}, {"id": "two", "text": "2"}],
                     relations=[{"kind": "relates", "taskId": other["id"]}], recurrence={"rule": "FREQ=WEEKLY"},
                     reminders=[{"id": "m", "before": "PT30M"}], **more)


def duplicate(user, task, **body):
    return user.post(task, "/duplicate", **body)


def titles(user, project):
    return [t["title"] for t in user.items("/v1/tasks", projectId=project["id"])]


def test_a_copy_has_the_fields_of_the_task_and_stands_behind_it(anna, ben, scene):
    project, first, second = scene
    task = full(anna, ben, project, first)
    anna.post(task, "/move", before=second["id"]).expect(200)
    task = anna.get(task).expect(200)
    anna.post(task, "/comments", text="Not copied").expect(201)
    copy = duplicate(ben, task).expect(201)
    assert copy.headers["location"] == f"/v1/tasks/{copy['id']}" and copy.json == ben.get(copy).expect(200).json
    assert titles(anna, project) == ["First", "Everything", "Everything", "Second"]
    assert [t["id"] for t in anna.items("/v1/tasks", projectId=project["id"])][2] == copy["id"]
    expected = {**task.json, "rev": 1, "createdBy": ben.id, "updatedBy": ben.id, "comments": 0}
    assert {k: v for k, v in copy.json.items() if k not in OWN} == {k: v for k, v in expected.items() if k not in OWN}
    assert copy["number"] == 4 and copy["id"] != task["id"]
    assert [n["kind"] for n in anna.items("/v1/notifications") if n["taskId"] == copy["id"]] == ["assigned"]
    assert ben.get(f"/v1/tasks/{copy['id']}/subscription")["state"] == "watching"


def test_a_copy_of_a_completed_task_is_open(anna, ben, scene):
    project, first, _ = scene
    task = full(anna, ben, project, first)
    done = anna.patch(task, status="completed", archived=True).expect(200)
    copy = duplicate(anna, task).expect(201)
    assert (copy["status"], copy["completedAt"], copy["archivedAt"]) == ("todo", None, None)
    assert (copy["nextId"], copy["previousId"], copy["recurrence"]) == (None, None, done["recurrence"])
    assert anna.patch(copy, status="completed").expect(200)["nextId"]


def test_subtasks_and_files_are_copied_with_an_event_for_each(anna, ben, scene):
    project, first, second = scene
    parts = [ben.task(f"Part {n}", projectId=project["id"], parentId=first["id"], assigneeIds=[ben.id]) for n in range(3)]
    anna.post(parts[2], "/move", before=parts[0]["id"]).expect(200)
    anna.patch(parts[1], status="completed").expect(200)
    ben.attach(first, b"shared", "a.txt").expect(201)
    ben.attach(parts[0], b"shared", "b.txt").expect(201)
    cursor = anna.get(f"/v1/projects/{project['id']}/snapshot").expect(200)["cursor"]
    copy = duplicate(anna, first, subtasks=True).expect(201)
    assert copy["subtasks"] == {"done": 0, "total": 3} and copy["attachments"] == 1
    children = anna.items("/v1/tasks", projectId=project["id"], parentId=copy["id"])
    assert [(c["title"], c["status"], c["attachments"]) for c in children] == [
        ("Part 2", "todo", 0), ("Part 0", "todo", 1), ("Part 1", "todo", 0)]
    for owner, name in ((copy, "a.txt"), (children[1], "b.txt")):
        file, = anna.items(f"/v1/tasks/{owner['id']}/attachments")
        assert (file["name"], file["createdBy"], file["sha256"]) == (name, anna.id, hashlib.sha256(b"shared").hexdigest())
        assert anna.content(file).body == b"shared"
    kinds = [e["kind"] for e in anna.pages_of_events(project, cursor)]
    assert sorted(kinds) == ["attachment.created"] * 2 + ["task.created"] * 4
    assert not {n["taskId"] for n in ben.items("/v1/notifications")} & {c["id"] for c in children}  # he has the subtasks' originals already
    anna.delete(anna.items(f"/v1/tasks/{first['id']}/attachments")[0]).expect(204)
    assert anna.content(anna.items(f"/v1/tasks/{copy['id']}/attachments")[0]).body == b"shared"
    assert duplicate(anna, first).expect(201)["subtasks"] == {"done": 0, "total": 0}


def test_a_copy_of_a_subtask_has_the_same_parent(anna, scene):
    _, first, second = scene
    part = anna.task("Part", projectId=first["projectId"], parentId=first["id"])
    assert duplicate(anna, part, subtasks=True).expect(201)["parentId"] == first["id"]
    assert anna.get(first).expect(200)["subtasks"] == {"done": 0, "total": 2}
    anna.delete(first).expect(204)
    assert duplicate(anna, part).expect(201)["parentId"] is None


def test_a_copy_in_another_project_fits_there(anna, ben, cleo, scene):
    project, first, _ = scene
    task = full(anna, ben, project, first)
    child = anna.task("Child", projectId=project["id"], parentId=task["id"], labelIds=["b"])
    target = anna.project("Target", labels=[{"id": "x", "name": "RED"}], statuses=[{"id": "new", "name": "New", "kind": "open"},
                                                                                 {"id": "end", "name": "End", "kind": "done"}])
    anna.share(target, cleo)
    anna.share(project, cleo, "viewer")
    copy = duplicate(cleo, task, projectId=target["id"], subtasks=True).expect(201)
    assert (copy["projectId"], copy["labelIds"], copy["assigneeIds"], copy["relations"], copy["status"], copy["number"]) == (
        target["id"], ["x"], [anna.id], [], "new", 1)
    part, = cleo.items("/v1/tasks", parentId=copy["id"])
    assert (part["title"], part["labelIds"], part["projectId"]) == ("Child", [], target["id"])
    alone = duplicate(cleo, child, projectId=target["id"]).expect(201)
    assert alone["parentId"] is None and alone["number"] == 3
    assert anna.get(task).expect(200).json == {**task.json, "subtasks": {"done": 0, "total": 1}}


def test_labels_and_statuses_of_the_same_name_are_those_of_the_other_project(anna):
    project = anna.project("Source", labels=[{"id": "one", "name": "Réd"}, {"id": "two", "name": "red"}])
    task = anna.task("Both", projectId=project["id"], labelIds=["one", "two"], status="in-progress")
    target = anna.project("Target", labels=[{"id": "x", "name": "RED"}], statuses=[
        {"id": "new", "name": "New", "kind": "open"}, {"id": "doing", "name": "IN PROGRESS", "kind": "open"},
        {"id": "end", "name": "End", "kind": "done"}])
    copy = duplicate(anna, task, projectId=target["id"]).expect(201)
    assert (copy["labelIds"], copy["status"]) == (["x"], "doing")
    moved = anna.post(task, "/move", projectId=target["id"]).expect(200)
    assert (moved["labelIds"], moved["status"]) == (["x"], "doing")


def test_who_may_duplicate_what(anna, ben, cleo, world, scene):
    project, first, _ = scene
    mine, theirs = cleo.project("Mine"), ben.project("Theirs")
    duplicate(cleo, first, projectId=mine["id"]).expect(404)
    anna.share(project, cleo, "viewer")
    duplicate(cleo, first).expect(403)
    duplicate(cleo, first, projectId=theirs["id"]).expect(404)
    duplicate(cleo, first, projectId="f" * 24).expect(404)
    duplicate(cleo, first, projectId=mine["id"]).expect(201)
    ben.share(theirs, cleo, "commenter")
    duplicate(cleo, first, projectId=theirs["id"]).expect(403)
    cleo.patch(mine, archived=True).expect(200)
    duplicate(cleo, first, projectId=mine["id"]).expect(409, "conflict")
    cleo.patch(mine, archived=False).expect(200)
    cleo.delete(mine).expect(204)
    duplicate(cleo, first, projectId=mine["id"]).expect(404)
    anna.patch(project, archived=True).expect(200)  # its tasks can still be read
    other = anna.project("Other")
    duplicate(anna, first).expect(409, "conflict")
    duplicate(anna, first, projectId=other["id"]).expect(201)
    anna.delete(project).expect(204)
    duplicate(anna, first, projectId=other["id"]).expect(404)
    assert titles(anna, other) == ["First"] and titles(ben, theirs) == []


BAD = [({"subtasks": 1}, {"/subtasks"}), ({"subtasks": "true"}, {"/subtasks"}), ({"projectId": "x"}, {"/projectId"}),
       ({"projectId": {"$ne": None}}, {"/projectId"}), ({"title": "Other"}, {"/title"}), ({"subtasks": [], "rev": 1}, {"/subtasks", "/rev"})]


def test_bad_requests_copy_nothing(anna, scene):
    project, first, second = scene
    for body, pointers in BAD:
        duplicate(anna, first, **body).expect(422, "invalid", pointers)
    anna.send("POST", f"/v1/tasks/{first['id']}/duplicate", raw=b"[]").expect((400, 422))
    anna.send("POST", "/v1/tasks/x/duplicate", {}).expect(404)
    anna.delete(second).expect(204)
    duplicate(anna, second).expect(404)
    assert titles(anna, project) == ["First"]


def test_too_many_subtasks_or_files_are_refused_whole(anna, scene):
    project, first, second = scene
    for _ in range(2):
        ops = [{"method": "POST", "path": "/v1/tasks", "body": {"title": "Part", "projectId": project["id"], "parentId": first["id"]}}] * 50
        anna.post("/v1/batch", ops=ops, atomic=True).expect(200)
    assert duplicate(anna, first, subtasks=True).expect(201)["subtasks"]["total"] == 100
    one_more = anna.task("One more", projectId=project["id"], parentId=first["id"])
    count = anna.get("/v1/counts").expect(200)["projects"][project["id"]]
    refused = duplicate(anna, first, subtasks=True).expect(409, "conflict")
    assert "100" in refused["detail"]
    assert anna.get("/v1/counts").expect(200)["projects"][project["id"]] == count
    assert one_more["number"] + 1 == duplicate(anna, first).expect(201)["number"]


def test_a_retry_copies_once_and_a_batch_can_go_on_with_the_copy(anna, scene):
    project, first, _ = scene
    made = anna.post(first, "/duplicate", key="k").expect(201)
    again = anna.post(first, "/duplicate", key="k").expect(201)
    assert again.json == made.json and again.headers["idempotency-replayed"] == "true"
    results = anna.post("/v1/batch", atomic=True, ops=[
        {"method": "POST", "path": f"/v1/tasks/{first['id']}/duplicate", "body": {}, "ref": "c"},
        {"method": "PATCH", "path": "/v1/tasks/$c", "body": {"title": "Renamed"}}]).expect(200)["results"]
    assert [r["status"] for r in results] == [201, 200]
    assert titles(anna, project) == ["First", "Renamed", "First", "Second"]


def test_copies_never_share_a_position(anna, scene):
    """Also not with the tasks that are created after them."""
    project, first, _ = scene
    target = anna.project("Target")
    anna.task("Part", projectId=project["id"], parentId=first["id"])
    anna.attach(first).expect(201)
    for n in range(3):
        duplicate(anna, first, projectId=target["id"], subtasks=True).expect(201)
        anna.task(f"New {n}", projectId=target["id"])
        duplicate(anna, first, subtasks=True).expect(201)
    for each in (project, target):
        positions = [t["position"] for t in anna.items("/v1/tasks", projectId=each["id"])]
        assert positions == sorted(set(positions))
    assert titles(anna, target) == ["First", "Part", "New 0", "First", "Part", "New 1", "First", "Part", "New 2"]


@pytest.mark.parametrize("fault", ["cut-after command=commitTransaction", "cut-before command=update collection=fs.files",
                                   "cut-after command=insert collection=attachments",
                                   f"error command=update collection=tasks code=112 labels={TRANSIENT}"])
def test_a_copy_is_made_once_or_not_at_all_whatever_fails(stack, anna, scene, fault):
    project, first, _ = scene
    anna.task("Part", projectId=project["id"], parentId=first["id"])
    anna.attach(first, b"shared").expect(201)
    anna.http.strict = False  # a 503 is an answer here
    with stack.fault(fault):
        copy = until_done(lambda: anna.post(first, "/duplicate", subtasks=True, key="k")).expect(201)
    assert titles(anna, project) == ["First", "First", "Second", "Part", "Part"]
    created = [e["kind"] for e in log_of(anna, project)]
    assert (created.count("task.created"), created.count("attachment.created")) == (5, 2)
    for owner in (first, copy):
        anna.delete(anna.items(f"/v1/tasks/{owner['id']}/attachments")[0]).expect(204)
