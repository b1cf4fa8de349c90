"""Moving a task to another project: what goes along, what is matched by name, and what is lost."""
import secrets

import pytest

import state

DAILY = {"rule": "FREQ=DAILY"}

STATUSES = [{"id": "new", "name": "Neu", "kind": "open"}, {"id": "doing", "name": "In Arbeit", "kind": "open"},
            {"id": "over", "name": "Erledigt", "kind": "done"}]


@pytest.fixture(scope="module")
def two(world):
    """Anna's two projects; Ben is in both, Cleo in the first."""
    anna, ben, cleo = (world.user(n) for n in ("anna", "ben", "cleo"))
    here = anna.project("Here", labels=[{"id": "u", "name": "Über"}, {"id": "x", "name": "Only here"}], statuses=[
        {"id": "open", "name": "Open", "kind": "open"}, {"id": "work", "name": "IN ARBEIT", "kind": "open"},
        {"id": "doing", "name": "Fertig", "kind": "done"}])
    there = anna.project("There", statuses=STATUSES, labels=[{"id": "n", "name": "New"}, {"id": "ueber", "name": "uber"}])
    for project, others in ((here, (ben, cleo)), (there, (ben,))):
        for other in others:
            anna.share(project, other)
    return anna, ben, cleo, here, there


def events(user, task):
    return user.items(f"/v1/tasks/{task['id']}/history")


def move(user, task, project, **more):
    return user.post(task, "/move", projectId=project["id"], **more)


def test_labels_assignees_and_status_are_matched_and_the_reply_says_what_was_lost(two):
    anna, ben, cleo, here, there = two
    other = anna.task(projectId=here["id"])
    parent = anna.task(projectId=here["id"])
    task = anna.task(projectId=here["id"], labelIds=["x", "u"], assigneeIds=[ben.id, cleo.id], status="work", parentId=parent["id"],
                     relations=[{"kind": "blocks", "taskId": other["id"]}])
    moved = move(anna, task, there).expect(200)
    assert (moved["labelIds"], moved["assigneeIds"], moved["status"]) == (["ueber"], [ben.id], "doing")
    assert (moved["relations"], moved["parentId"]) == ([], None)
    assert moved["dropped"] == {"labels": [{"id": "x", "name": "Only here"}], "assignees": [cleo.id], "parentId": parent["id"],
                                "relations": [{"id": task["id"], "kind": "blocks", "taskId": other["id"]}]}
    assert "dropped" not in anna.get(task) and "dropped" not in events(anna, task)[0]["data"]
    assert anna.get(parent)["subtasks"] == {"done": 0, "total": 0}
    assert "dropped" not in anna.post(task, "/move").expect(200)  # within the project


@pytest.mark.parametrize("status, gets", [("open", "new"), ("work", "doing"), ("doing", "over")])
def test_a_status_without_a_namesake_becomes_the_first_of_its_kind(status, gets, two):
    anna, _, _, here, there = two
    task = anna.task(projectId=here["id"], status=status)
    moved = move(anna, task, there).expect(200)
    assert (moved["status"], moved["completedAt"]) == (gets, task["completedAt"])
    assert move(anna, task, here, status="work").expect(200)["status"] == "work"
    move(anna, task, there, status="no-such").expect(422, "invalid", {"/status"})


def test_subtasks_go_along(two):
    anna, ben, cleo, here, there = two
    outside = anna.task(projectId=here["id"])
    task = anna.task("Parent", projectId=here["id"])
    subtasks = [anna.task(f"Sub {n}", projectId=here["id"], parentId=task["id"], labelIds=["u", "x"], assigneeIds=[cleo.id],
                          status="doing" if n == 1 else "open") for n in range(3)]
    anna.put(subtasks[0], f"/relations/blocks/{subtasks[1]['id']}").expect(200)
    anna.put(subtasks[0], f"/relations/blocks/{outside['id']}").expect(200)
    anna.put(outside, f"/relations/relates/{task['id']}").expect(200)
    anna.post(subtasks[2], "/comments", text="With it").expect(201)
    anna.attach(subtasks[2]).expect(201)
    anna.post(subtasks[2], "/move", before=subtasks[0]["id"]).expect(200)
    anna.delete(trashed := anna.task(projectId=here["id"], parentId=task["id"])).expect(204)
    before = [state.of_snapshot(anna.get(f"/v1/projects/{p['id']}/snapshot").json) for p in (here, there)]
    since = [anna.get(f"/v1/projects/{p['id']}/snapshot")["cursor"] for p in (here, there)]
    moved = move(anna, task, there).expect(200)
    assert moved["subtasks"] == {"done": 1, "total": 3} and moved["number"] == anna.get(task)["number"]
    found = anna.items("/v1/tasks", parentId=task["id"], projectId=there["id"], sort="position")
    assert [t["title"] for t in found] == ["Sub 2", "Sub 0", "Sub 1"]
    assert all(t["parentId"] == task["id"] and t["labelIds"] == ["ueber"] and t["assigneeIds"] == [] for t in found)
    assert [t["status"] for t in found] == ["new", "new", "over"]
    assert (found[0]["comments"], found[0]["attachments"]) == (1, 1)
    assert found[1]["relations"] == [{"kind": "blocks", "taskId": subtasks[1]["id"]}]
    assert moved["dropped"] == {"labels": [{"id": "x", "name": "Only here"}], "assignees": [cleo.id], "parentId": None,
                                "relations": [{"id": subtasks[0]["id"], "kind": "blocks", "taskId": outside["id"]}]}
    assert anna.get(outside)["relations"] == [{"kind": "relates", "taskId": task["id"]}]  # others' relations to it stay
    assert len({t["number"] for t in anna.items("/v1/tasks", projectId=there["id"])}) == len(anna.items("/v1/tasks", projectId=there["id"]))
    assert anna.get(f"/v1/tasks/{trashed['id']}/history").expect(200)
    assert anna.post(trashed, "/restore").expect(200)["projectId"] == there["id"]
    assert anna.get(task)["subtasks"] == {"done": 1, "total": 4}
    assert [c["text"] for c in ben.items(f"/v1/tasks/{subtasks[2]['id']}/comments")] == ["With it"]
    cleo.get(subtasks[0]).expect(404)
    for known, cursor, project in zip(before, since, (here, there)):
        for event in anna.pages_of_events(project, since=cursor):
            known.apply(event, fetch=lambda entity, id: anna.get("/v1/tasks/" + id).json)
        fresh = state.of_snapshot(anna.get(f"/v1/projects/{project['id']}/snapshot").json)
        assert known == fresh, known.differences(fresh)


def test_a_task_with_too_many_subtasks_stays(two):
    anna, _, _, here, there = two
    task = anna.task(projectId=here["id"])
    ops = [{"method": "POST", "path": "/v1/tasks", "body": {"title": f"Sub {n}", "projectId": here["id"], "parentId": task["id"]}}
           for n in range(101)]
    for part in (ops[:100], ops[100:]):
        assert all(r["status"] == 201 for r in anna.post("/v1/batch", ops=part).expect(200)["results"])
    version = anna.get(task).etag
    move(anna, task, there).expect(409, "conflict")
    assert anna.get(task).etag == version and len(anna.items("/v1/tasks", parentId=task["id"], limit=200)) == 101
    anna.patch(anna.items("/v1/tasks", parentId=task["id"], limit=1)[0], parentId=None).expect(200)
    assert move(anna, task, there).expect(200)["subtasks"]["total"] == 100
    assert len(anna.items("/v1/tasks", parentId=task["id"], projectId=there["id"], limit=200)) == 100


def test_completing_a_recurring_task_while_it_moves_copies_its_subtasks_there(two):
    anna, _, _, here, there = two
    task = anna.task(projectId=here["id"], dueDate="2040-01-02", recurrence=DAILY, labelIds=["u"])
    anna.task("Sub", projectId=here["id"], parentId=task["id"], labelIds=["u"])
    moved = move(anna, task, there, status="over").expect(200)
    after = anna.get("/v1/tasks/" + moved["nextId"]).expect(200)
    copies = anna.items("/v1/tasks", parentId=after["id"])
    assert after["projectId"] == there["id"] and after["labelIds"] == ["ueber"]
    assert [(t["projectId"], t["labelIds"], t["title"]) for t in copies] == [(there["id"], ["ueber"], "Sub")]


def test_moves_in_a_batch_in_bulk_and_repeated(two):
    anna, _, _, here, there = two
    key = secrets.token_hex(8)
    task, second, third = (anna.task(projectId=here["id"], labelIds=["x"]) for _ in range(3))
    subtask = anna.task(projectId=here["id"], parentId=task["id"])
    lost = {"labels": [{"id": "x", "name": "Only here"}], "assignees": [], "relations": [], "parentId": None}
    first = move(anna, task, there, key=key).expect(200)
    again = move(anna, task, there, key=key).expect(200)
    assert again.json == first.json and again["dropped"] == lost and again.headers["idempotency-replayed"] == "true"
    assert anna.get(subtask)["projectId"] == there["id"]
    ops = [{"method": "POST", "path": f"/v1/tasks/{second['id']}/move", "body": {"projectId": there["id"]}}]
    for atomic in (False, True):
        reply = anna.post("/v1/batch", ops=ops, atomic=atomic).expect(200)["results"][0]
        assert reply["status"] == 200 and reply["body"].get("dropped") == (None if atomic else lost)
    bulk = anna.post("/v1/tasks/bulk", ids=[third["id"], task["id"]], move={"projectId": there["id"]}).expect(200)
    assert (bulk["changed"], bulk["dropped"]) == (2, [{"id": third["id"], "dropped": lost}])
    back = anna.post("/v1/tasks/bulk", ids=[task["id"], subtask["id"]], move={"projectId": here["id"]}).expect(200)
    assert back["changed"] == 2 and "dropped" not in back
    assert anna.get(subtask)["parentId"] == task["id"] and anna.get(task)["subtasks"]["total"] == 1


def test_subtasks_move_only_with_rights_in_both_projects(two, world):
    anna, ben, cleo, here, there = two
    task = anna.task(projectId=here["id"])
    subtask = anna.task(projectId=here["id"], parentId=task["id"])
    move(cleo, task, there).expect(404, "not-found")
    anna.put(there, f"/members/{ben.id}", role="viewer").expect(200)
    move(ben, task, there).expect(403, "forbidden")
    anna.put(there, f"/members/{ben.id}", role="member").expect(200)
    move(world.user("nobody"), task, there).expect(404, "not-found")
    assert anna.get(subtask)["projectId"] == here["id"] and anna.get(subtask)["rev"] == 1
