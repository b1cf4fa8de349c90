"""Items of lists as resources: changes of different items never conflict, and events name the items."""
import pytest

import state


@pytest.fixture(scope="module")
def board(world):
    """Two people, their project with labels, and a task."""
    anna, ben = world.user("anna"), world.user("ben")
    project = anna.project("Items", labels=[{"id": i, "name": i} for i in ("red", "blue", "green")])
    anna.share(project, ben)
    return anna, ben, project


def checklist(*ids):
    return [{"id": i, "text": f"Item {i}", "done": False} for i in ids]


def last_event(anna, task):
    event = anna.items(f"/v1/tasks/{task['id']}/history", limit=1)[0]
    assert event["kind"] in ("task.updated", "task.created") and event["rev"] == anna.get(task)["rev"]
    return event


def test_a_label_is_put_on_a_task_and_taken_off(board):
    anna, _, project = board
    task = anna.task(projectId=project["id"])
    after = anna.put(task, "/labels/red").expect(200)
    assert after["labelIds"] == ["red"] and after["rev"] == 2 and after.etag == '"2.0"'
    assert last_event(anna, task)["changes"] == {"labelIds/red": [None, "red"]}
    assert anna.put(task, "/labels/red").expect(200)["rev"] == 2  # without effect
    anna.delete(task, "/labels/red").expect(204)
    assert last_event(anna, task)["changes"] == {"labelIds/red": ["red", None]}
    anna.delete(task, "/labels/red").expect(204)
    assert anna.get(task)["rev"] == 3
    anna.put(task, "/labels/no-such").expect(422, "invalid")
    anna.delete(task, "/labels/no-such").expect(204)
    for send in (anna.put, anna.delete):
        send(task, "/labels/No%20Such").expect(404)
        send(task, "/labels/%FF").expect((400, 404))


def test_a_member_is_assigned_and_unassigned(board, cleo):
    anna, ben, project = board
    task = anna.task(projectId=project["id"])
    assert anna.put(task, f"/assignees/{ben.id.upper()}").expect(200)["assigneeIds"] == [ben.id]
    assert last_event(anna, task)["changes"] == {f"assigneeIds/{ben.id}": [None, ben.id]}
    assert any(n["taskId"] == task["id"] for n in ben.items("/v1/notifications"))
    anna.put(task, f"/assignees/{ben.id}").expect(200)
    anna.put(task, f"/assignees/{cleo.id}").expect(422)  # not a member
    anna.put(task, "/assignees/me").expect(404)
    anna.delete(task, "/assignees/me").expect(404)
    anna.delete(task, f"/assignees/{ben.id.upper()}").expect(204)
    assert anna.get(task)["assigneeIds"] == [] and anna.get(task)["rev"] == 3


def test_tasks_are_related_and_separated(board):
    anna, _, project = board
    task, other = (anna.task(projectId=project["id"]) for _ in range(2))
    relation = {"kind": "blocks", "taskId": other["id"]}
    path = f"/relations/blocks/{other['id']}"
    assert anna.put(task, path).expect(200)["relations"] == [relation]
    assert last_event(anna, task)["changes"] == {path[1:]: [None, relation]}
    anna.put(task, f"/relations/relates/{other['id'].upper()}").expect(200)
    assert anna.put(task, f"/relations/relates/{other['id']}").expect(200)["rev"] == 3
    anna.delete(task, path).expect(204)
    assert anna.get(task)["relations"] == [{"kind": "relates", "taskId": other["id"]}]
    for send in (anna.put, anna.delete):
        send(task, f"/relations/hates/{other['id']}").expect(404)
        send(task, "/relations/blocks/x").expect(404)
    anna.put(task, f"/relations/blocks/{task['id']}").expect(422)
    anna.put(task, f"/relations/blocks/{'f' * 24}").expect(422)


def test_an_item_of_a_checklist_lives(board):
    anna, _, project = board
    task = anna.task(projectId=project["id"], checklist=checklist("a", "b"))
    added = anna.post(task, "/checklist", text="New", before="b").expect(201)
    made = added["checklist"][1]
    assert [i["id"] for i in added["checklist"]] == ["a", made["id"], "b"] and made["done"] is False
    path = f"/checklist/{made['id']}"
    assert added.headers["location"].endswith(f"/v1/tasks/{task['id']}{path}")
    assert last_event(anna, task)["changes"] == {path[1:]: [None, made], path[1:] + "/after": ["b", "a"]}
    got = anna.get(f"/v1/tasks/{task['id']}{path}").expect(200)
    assert got.json == made and got.etag == added.etag
    assert anna.items(f"/v1/tasks/{task['id']}/checklist") == added["checklist"]
    ticked = anna.patch(task, path, done=True).expect(200)
    assert ticked["checklist"][1] == {**made, "done": True}
    assert last_event(anna, task)["changes"] == {path[1:] + "/done": [False, True]}
    assert anna.patch(task, path, done=True, text="New").expect(200)["rev"] == ticked["rev"]  # without effect
    moved = anna.post(task, path + "/move", before="a").expect(200)
    assert [i["id"] for i in moved["checklist"]] == [made["id"], "a", "b"]
    assert last_event(anna, task)["changes"] == {path[1:] + "/after": ["a", None]}
    assert anna.post(task, path + "/move", before="a").expect(200)["rev"] == moved["rev"]  # it is there already
    assert [i["id"] for i in anna.post(task, path + "/move").expect(200)["checklist"]] == ["a", "b", made["id"]]
    anna.delete(task, path).expect(204)
    assert last_event(anna, task)["changes"] == {path[1:]: [{**made, "done": True}, None]}
    for gone in (anna.delete(task, path), anna.patch(task, path, done=False), anna.post(task, path + "/move"),
                 anna.get(f"/v1/tasks/{task['id']}{path}")):
        gone.expect(404)


BAD_ITEMS = [
    ({}, {"/text"}), ({"text": ""}, {"/text"}), ({"text": "\u200b"}, {"/text"}), ({"text": "x" * 501}, {"/text"}),
    ({"text": "x", "done": 1}, {"/done"}), ({"text": "x", "id": "No slug"}, {"/id"}), ({"text": "x", "more": 1}, {"/more"}),
    ({"text": "x", "before": "zz"}, {"/before"}), ({"text": "x", "after": "zz"}, {"/after"}),
    ({"text": "x", "before": "a", "after": "a"}, {"/after"}), ({"text": "x", "before": 3}, {"/before"}),
]


@pytest.mark.parametrize("body, pointers", BAD_ITEMS)
def test_a_bad_item_is_refused_and_changes_nothing(body, pointers, board):
    anna, _, project = board
    task = anna.task(projectId=project["id"], checklist=checklist("a", "b"))
    anna.post(task, "/checklist", **body).expect(422, "invalid", pointers)
    anna.post(task, "/checklist/a/move", before="a").expect(422, "invalid", {"/before"})
    anna.patch(task, "/checklist/a", text=None, id="b").expect(422, "invalid", {"/text", "/id"})
    assert anna.get(task)["rev"] == 1


def test_the_id_of_another_item_is_taken(board):
    anna, _, project = board
    task = anna.task(projectId=project["id"], checklist=checklist("a"))
    anna.post(task, "/checklist", id="a", text="Mine").expect(409, "conflict", {"/id"})
    anna.post(task, "/checklist", id="b", text="Mine").expect(201)
    anna.patch(task, checklist=checklist("a", "b", "a")).expect(422, "invalid", {"/checklist/2/id"})
    relation = {"kind": "blocks", "taskId": anna.task(projectId=project["id"])["id"]}
    anna.patch(task, relations=[relation, relation]).expect(422, "invalid", {"/relations/1"})


def test_a_list_has_a_greatest_length(board):
    anna, _, project = board
    task = anna.task(projectId=project["id"], checklist=checklist(*(f"i{n}" for n in range(200))))
    anna.post(task, "/checklist", text="One more").expect(422, "invalid", {"/checklist"})
    anna.delete(task, "/checklist/i7").expect(204)
    anna.post(task, "/checklist", text="One more").expect(201)


def test_an_array_in_a_patch_is_logged_as_changes_of_items(board):
    anna, _, project = board
    task = anna.task(projectId=project["id"], checklist=checklist("a", "b", "c"), labelIds=["red", "blue"])
    items = [{"id": "n", "text": "New", "done": False}, *checklist("c"), {"id": "b", "text": "Item b", "done": True}]
    anna.patch(task, checklist=items, labelIds=["blue", "green"]).expect(200)
    assert last_event(anna, task)["changes"] == {
        "labelIds/red/after": [None, None], "labelIds/red": ["red", None], "labelIds/green": [None, "green"],
        "checklist/a/after": [None, None], "checklist/a": [checklist("a")[0], None], "checklist/n": [None, items[0]], "checklist/b/done": [False, True],
        "checklist/n/after": ["c", None], "checklist/b/after": ["a", "c"],
    }


def test_items_need_no_if_match_but_honour_it(board):
    anna, ben, _ = board
    project = anna.project(requireIfMatch=True)
    anna.share(project, ben)
    task = anna.task(projectId=project["id"], checklist=checklist("a", "b"))
    anna.patch(task, "/checklist/a", done=True).expect(200)
    ben.patch(task, "/checklist/b", done=True).expect(200)
    assert [i["done"] for i in anna.get(task)["checklist"]] == [True, True]
    stale = ben.patch(task, "/checklist/b", if_match=task.etag, done=False).expect(412)
    assert stale["current"]["rev"] == 3
    ben.delete(task, "/checklist/a", if_match='"3"').expect(204)
    anna.put(task, f"/assignees/{ben.id}", if_match='"3"').expect(412)


def test_a_base_conflicts_with_changes_of_the_same_item_only(board):
    anna, ben, project = board
    task = anna.task(projectId=project["id"], checklist=checklist("a", "b"))
    anna.patch(task, "/checklist/a", text="Anna's").expect(200)
    ben.patch(task, "/checklist/b", base=1, text="Ben's").expect(200)
    ben.patch(task, "/checklist/a", base=1, done=True).expect(200)
    refused = ben.patch(task, "/checklist/a", base=1, text="Ben's").expect(412)
    assert refused["conflicts"] == ["checklist/a/text"] and refused["changedBy"] == anna.id
    assert ben.delete(task, "/checklist/a", base=1).expect(412)["conflicts"] == ["checklist/a"]
    assert ben.patch(task, base=1, checklist=[]).expect(412)["conflicts"] == ["checklist"]
    anna.post(task, "/checklist/b/move", before="a").expect(200)
    ben.post(task, "/checklist", base=1, id="c", text="C", before="b").expect(201)
    ben.post(task, "/checklist/a/move", base=1, before="c").expect(200)
    assert ben.post(task, "/checklist/b/move", base=1, before="c").expect(412)["conflicts"] == ["checklist/b/after"]
    anna.put(task, "/labels/red").expect(200)
    anna.delete(task, "/labels/red").expect(204)
    assert ben.put(task, "/labels/red", base=1).expect(412)["conflicts"] == ["labelIds/red"]
    ben.put(task, "/labels/blue", base=1).expect(200)
    ben.delete(task, "/labels/red", base=1).expect(204)  # it is off already


def test_a_key_takes_effect_once(board):
    anna, _, project = board
    task = anna.task(projectId=project["id"])
    first = anna.post(task, "/checklist", key="add-" + task["id"], text="Once").expect(201)
    again = anna.post(task, "/checklist", key="add-" + task["id"], text="Once").expect(201)
    assert again.json == first.json and again.headers["location"] == first.headers["location"]
    assert again.headers["idempotency-replayed"] == "true" and len(anna.get(task)["checklist"]) == 1


def test_items_of_a_task_in_the_trash_are_gone(board):
    anna, _, project = board
    task = anna.task(projectId=project["id"], checklist=checklist("a"))
    anna.delete(task).expect(204)
    for reply in (anna.patch(task, "/checklist/a", done=True), anna.put(task, "/labels/red"),
                  anna.delete(task, "/checklist/a")):
        reply.expect(404)


def test_everyone_sees_what_happened_to_items(board):
    """Live, by sync, and in a copy that is kept by the events' changes alone."""
    anna, ben, project = board
    task = anna.task("Large", projectId=project["id"], description="x" * 9000, checklist=checklist("a", "b"))
    copy = state.of_snapshot(ben.get(f"/v1/projects/{project['id']}/snapshot").expect(200).json)
    since = ben.get("/v1/sync").expect(200)
    with ben.live([f"project:{project['id']}"]) as feed:
        anna.patch(task, "/checklist/a", done=True).expect(200)
        anna.post(task, "/checklist", id="c", text="C", after="a").expect(201)
        anna.post(task, "/checklist/b/move", before="a").expect(200)
        anna.delete(task, "/checklist/a").expect(204)
        events = [feed.expect("event") for _ in range(4)]
    assert all(e["dataOmitted"] for e in events)
    for event in events:
        copy.apply(event, fetch=lambda *_: pytest.fail("the changes did not suffice"))
    assert copy.tasks[task["id"]] == anna.get(task).json
    while since["more"]:
        since = ben.post("/v1/sync", cursor=since["cursor"]).expect(200)
    synced = ben.post("/v1/sync", cursor=since["cursor"]).expect(200)
    assert [t["checklist"] for t in synced["tasks"] if t["id"] == task["id"]] == [anna.get(task)["checklist"]]


def with_trash(anna, project):
    return [t for deleted in ("false", "true") for t in anna.items("/v1/tasks", projectId=project["id"], deleted=deleted)]


def test_a_label_of_a_project_lives(anna):
    project = anna.project(labels=[{"id": "red", "name": "Red", "colour": "red"}])
    added = anna.post(project, "/labels", name="Blue", before="red").expect(201)
    blue = added["labels"][0]
    path = f"/labels/{blue['id']}"
    assert added["rev"] == 2 and blue["colour"] == "grey" and added.headers["location"].endswith(path)
    assert anna.get(f"/v1/projects/{project['id']}{path}").expect(200).json == blue
    assert anna.items(f"/v1/projects/{project['id']}/labels") == added["labels"]
    anna.patch(project, path, colour="blue").expect(200)
    anna.post(project, path + "/move").expect(200)
    event = list(anna.pages_of_events(project))[-1]
    assert event["kind"] == "project.updated" and event["changes"] == {path[1:] + "/after": [None, "red"]}
    tasks = [anna.task(projectId=project["id"], labelIds=["red", blue["id"]]) for _ in range(2)]
    anna.delete(tasks[1]).expect(204)
    cursor = anna.get(f"/v1/projects/{project['id']}/snapshot")["cursor"]
    anna.delete(project, "/labels/red").expect(204)
    assert [t["labelIds"] for t in with_trash(anna, project)] == [[blue["id"]]] * 2
    events = list(anna.pages_of_events(project, since=cursor))
    assert [e["kind"] for e in events] == ["project.updated", "task.updated", "task.updated"]
    assert all(e["changes"] == {"labelIds/red/after": [None, None], "labelIds/red": ["red", None]} for e in events[1:])
    anna.delete(project, "/labels/red").expect(404)
    anna.post(project, "/labels", id=blue["id"], name="Again").expect(409, "conflict", {"/id"})


def test_a_status_of_a_project_lives(anna):
    project = anna.project()
    anna.post(project, "/statuses", id="review", name="Review", after="todo").expect(201)
    assert [s["id"] for s in anna.items(f"/v1/projects/{project['id']}/statuses")] == [
        "todo", "review", "in-progress", "completed"]
    tasks = [anna.task(projectId=project["id"], status="review") for _ in range(2)]
    anna.delete(tasks[1]).expect(204)
    anna.patch(project, "/statuses/review", kind="done").expect(200)
    assert all(t["completedAt"] for t in with_trash(anna, project))
    path = f"/v1/projects/{project['id']}/statuses/review"
    anna.delete(path).expect(422, "invalid", {"/statuses"})
    for bad in ("review", "no-such", ""):
        assert anna.delete(path + "?moveTo=" + bad).expect(400)["parameter"] == "moveTo"
    assert anna.get(path).expect(200)["kind"] == "done"
    anna.delete(path + "?moveTo=in-progress").expect(204)
    assert [(t["status"], t["completedAt"]) for t in with_trash(anna, project)] == [("in-progress", None)] * 2
    anna.delete(f"/v1/projects/{project['id']}/statuses/completed").expect(422)  # the only one of its kind
    anna.delete(path + "?other=1").expect(400)


def test_people_who_define_different_labels_do_not_conflict(anna, ben):
    project = anna.project(labels=[{"id": i, "name": i} for i in ("red", "blue")])
    anna.share(project, ben, "admin")
    base = anna.get(project)["rev"]
    anna.patch(project, "/labels/red", name="Crimson").expect(200)
    ben.patch(project, "/labels/blue", base=base, name="Navy").expect(200)
    ben.patch(project, "/labels/red", base=base, colour="#dc143c").expect(200)
    assert ben.patch(project, "/labels/red", base=base, name="Scarlet").expect(412)["conflicts"] == ["labels/red/name"]
    assert ben.patch(project, base=base, labels=[]).expect(412)["conflicts"] == ["labels"]
