"""Taking back one's own changes of a task: what comes back, what has changed since, and who may."""
import concurrent.futures
import secrets

import pytest

from faults import until_done

LABELS = [{"id": i, "name": i.title()} for i in ("red", "blue", "green")]
DAILY = {"rule": "FREQ=DAILY"}


@pytest.fixture(scope="module")
def board(world):
    """Two people, their project with labels, and another task of it."""
    anna, ben = world.user("anna"), world.user("ben")
    project = anna.project("Undo", labels=LABELS)
    anna.share(project, ben)
    return anna, ben, project


def checklist(*ids):
    return [{"id": i, "text": f"Item {i}", "done": False} for i in ids]


def events(user, task):
    return user.items(f"/v1/tasks/{task['id']}/history", limit=50)


def undo(user, task, event=None, **more):
    """Takes back an event of the task, by default its newest."""
    event = event or events(user, task)[0]
    return user.post(f"/v1/tasks/{task['id']}/undo", **more or {"seq": event["seq"]})


def without_version(task):
    return {k: v for k, v in task.items() if k not in ("rev", "updatedAt", "updatedBy", "completedAt")}


def body_of(other, ben):
    return {
        "title": {"title": "Else"}, "everything": {"description": "More", "priority": "urgent", "startDate": "2030-01-01"},
        "a date instead of a time": {"dueDate": "2030-02-01"}, "done": {"status": "completed"}, "archived": {"archived": True},
        "a list as a whole": {"checklist": [checklist("c")[0], {"id": "n", "text": "New", "done": True}, checklist("a")[0]]},
        "labels": {"labelIds": ["green"]}, "nobody": {"assigneeIds": []}, "no relation": {"relations": []},
        "a parent": {"parentId": other["id"]},
    }


WHAT = list(body_of({"id": ""}, None))


@pytest.mark.parametrize("what", WHAT)
def test_a_change_is_taken_back_and_made_again(what, board):
    anna, ben, project = board
    other = anna.task(projectId=project["id"])
    task = anna.task(projectId=project["id"], dueAt="2030-01-31T09:00:00Z", checklist=checklist("a", "b", "c"),
                     labelIds=["red", "blue"], assigneeIds=[ben.id, anna.id],
                     relations=[{"kind": "blocks", "taskId": other["id"]}])
    changed = anna.patch(task, **body_of(other, ben)[what]).expect(200)
    back = undo(anna, task).expect(200)
    assert without_version(back.json) == without_version(task.json)
    assert (back["rev"], back["completedAt"], back.etag) == (3, None, '"3.0"')
    newest = events(anna, task)[0]
    assert (newest["kind"], newest["rev"], newest["actorId"]) == ("task.updated", 3, anna.id)
    again = undo(anna, task, newest).expect(200)
    assert without_version(again.json) == without_version(changed.json)
    assert again["completedAt"] == changed["completedAt"]


def test_items_are_taken_back_one_by_one_while_others_change(board):
    anna, ben, project = board
    task = anna.task(projectId=project["id"], checklist=checklist("a", "b", "c"))
    anna.delete(task, "/checklist/b").expect(204)
    removed = events(anna, task)[0]
    anna.patch(task, "/checklist/a", done=True).expect(200)
    ticked = events(anna, task)[0]
    ben.post(task, "/checklist", id="d", text="Ben's", before="a").expect(201)
    ben.patch(task, "/checklist/a", text="Ben's a").expect(200)
    ben.patch(task, title="Ben's title").expect(200)
    undo(anna, task, removed).expect(200)
    after = undo(anna, task, ticked).expect(200)
    assert [(i["id"], i["text"], i["done"]) for i in after["checklist"]] == [
        ("d", "Ben's", False), ("a", "Ben's a", False), ("b", "Item b", False), ("c", "Item c", False)]
    assert after["title"] == "Ben's title"
    anna.post(task, "/checklist/d/move", after="c").expect(200)
    assert [i["id"] for i in undo(anna, task).expect(200)["checklist"]] == ["d", "a", "b", "c"]


def test_what_was_changed_since_is_named_and_nothing_is_taken_back(board):
    anna, ben, project = board
    task = anna.task(projectId=project["id"], checklist=checklist("a"), labelIds=["red"])
    anna.patch(task, title="Anna's", priority="high", checklist=[], labelIds=["blue"]).expect(200)
    event = events(anna, task)[0]
    ben.patch(task, title="Ben's").expect(200)
    ben.delete(task, "/labels/blue").expect(204)
    before = anna.get(task)
    refused = undo(anna, task, event).expect(409, "conflict")
    assert sorted(refused["conflicts"]) == ["labelIds/blue", "title"]
    assert anna.get(task).json == before.json
    anna.patch(task, title="Anna's").expect(200)
    anna.put(task, "/labels/blue").expect(200)
    after = undo(anna, task, event).expect(200)  # the values count, not how they came about
    assert (after["title"], after["priority"], after["labelIds"]) == (task["title"], "none", ["red"])
    assert after["checklist"] == checklist("a")
    assert sorted(undo(anna, task, event).expect(409)["conflicts"])  # it has been taken back


def test_deleting_and_restoring_are_taken_back(board):
    anna, ben, project = board
    task = anna.task(projectId=project["id"])
    anna.delete(task).expect(204)
    back = undo(anna, task).expect(200)
    assert back["deletedAt"] is None and events(anna, task)[0]["kind"] == "task.restored"
    gone = undo(anna, task).expect(200)
    assert gone["deletedAt"] and events(anna, task)[0]["kind"] == "task.deleted"
    deleted = events(anna, task)[0]
    ben.post(task, "/restore").expect(200)
    undo(anna, task, deleted).expect(409, "conflict")
    ben.delete(task).expect(204)
    undo(anna, task, deleted).expect(409, "conflict")  # that was Ben


def test_a_move_is_taken_back(board):
    anna, _, _ = board
    project = anna.project()
    tasks = [anna.task(n, projectId=project["id"]) for n in "abc"]
    order = lambda: [t["title"] for t in anna.items("/v1/tasks", projectId=project["id"], sort="position")]
    anna.post(tasks[2], "/move", before=tasks[0]["id"], status="in-progress").expect(200)
    assert order() == ["c", "a", "b"]
    back = undo(anna, tasks[2]).expect(200)
    assert (order(), back["status"]) == (["a", "b", "c"], "todo") and events(anna, tasks[2])[0]["kind"] == "task.moved"
    assert undo(anna, tasks[2]).expect(200)["status"] == "in-progress" and order() == ["c", "a", "b"]


@pytest.fixture(scope="module")
def two(world):
    """Two people, and two projects of theirs with different labels and statuses."""
    anna, ben = world.user("anna"), world.user("ben")
    statuses = [{"id": "todo", "name": "To do", "kind": "open"}, {"id": "review", "name": "Review", "kind": "open"},
                {"id": "completed", "name": "Completed", "kind": "done"}]
    one, other = anna.project("One", labels=LABELS, statuses=statuses), anna.project("Other", labels=[{"id": "rot", "name": "RED"}])
    for project in (one, other):
        anna.share(project, ben)
    return anna, ben, one, other


def moved(anna, ben, one, other, **more):
    """A task with everything that a move loses, with a subtask, that Anna has moved; what it was before."""
    friend = anna.task(projectId=one["id"])
    fields = {"labelIds": ["red", "blue"], "assigneeIds": [ben.id], "status": "review", "dueDate": "2030-01-31",
              "relations": [{"kind": "blocks", "taskId": friend["id"]}], **more}
    task = anna.task("Moved", projectId=one["id"], **fields)
    sub = anna.task("Sub", projectId=one["id"], parentId=task["id"], status="review", labelIds=["blue"],
                    relations=[{"kind": "relates", "taskId": task["id"]}, {"kind": "relates", "taskId": friend["id"]}])
    anna.task("Last", projectId=one["id"])
    anna.post(task, "/comments", text="Hm").expect(201)
    anna.attach(task).expect(201)
    before = [anna.get(t).json for t in (task, sub)]
    anna.post(task, "/move", projectId=other["id"]).expect(200)
    return {"before": before, "task": task, "sub": sub, "friend": friend}


def numbers_are_dense(user, project):
    seqs = [e["seq"] for e in user.pages_of_events(project)]
    assert seqs == list(range(seqs[0], seqs[0] + len(seqs)))


def test_a_move_to_another_project_is_taken_back_and_made_again(two):
    anna, ben, one, other = two
    with_both = moved(*two)
    task, sub = with_both["task"], with_both["sub"]
    there = anna.get(task).json
    assert (there["projectId"], there["labelIds"], there["relations"], there["status"]) == (other["id"], ["rot"], [], "todo")
    back = undo(anna, task).expect(200)
    for now, before in zip((back.json, anna.get(sub).json), with_both["before"]):
        assert without_version(now) == without_version(before) and now["rev"] == before["rev"] + 2
    order = [t["title"] for t in anna.items("/v1/tasks", projectId=one["id"], sort="position", limit=200)]
    assert order.index("Moved") < order.index("Sub") < order.index("Last")
    assert len(anna.items(f"/v1/tasks/{task['id']}/comments")) == len(anna.items(f"/v1/tasks/{task['id']}/attachments")) == 1
    arrived, left = events(anna, task)[0], [e for e in anna.pages_of_events(other) if e["entityId"] == task["id"]][-1]
    assert (arrived["kind"], left["kind"], arrived["rev"], left["rev"]) == ("task.moved", "task.moved", back["rev"], back["rev"])
    assert left["changes"]["projectId"] == [other["id"], None] and left["data"] is None and "red" not in str(left)
    for project in (one, other):
        numbers_are_dense(ben, project)
    again = undo(anna, task).expect(200)
    assert without_version(again.json) == without_version(there) and anna.get(sub)["projectId"] == other["id"]


@pytest.mark.parametrize("edit, conflict", [
    ({"title": "Ben's", "priority": "high", "assigneeIds": []}, None), ({"status": "in-progress"}, "status"),
    ({"labelIds": []}, "labelIds"), ({"relations": "another"}, "relations")])
def test_what_was_changed_after_a_move_to_another_project(edit, conflict, two):
    anna, ben, one, other = two
    m = moved(*two)
    if edit.get("relations"):
        edit = {"relations": [{"kind": "blocks", "taskId": anna.task(projectId=other["id"])["id"]}]}
    event = events(anna, m["task"])[0]
    ben.patch(m["task"], **edit).expect(200)
    if conflict:
        assert undo(anna, m["task"], event).expect(409, "conflict")["conflicts"] == [conflict]
        assert anna.get(m["task"])["projectId"] == anna.get(m["sub"])["projectId"] == other["id"]
    else:
        back = undo(anna, m["task"], event).expect(200)
        assert {k: back[k] for k in edit} == edit and back["labelIds"] == ["red", "blue"]


def test_what_no_longer_exists_in_the_former_project_does_not_come_back(two, cleo):
    anna, ben, _, other = two
    one = anna.project(labels=LABELS, statuses=[{"id": i, "name": i, "kind": k} for i, k in (("todo", "open"), ("review", "open"), ("completed", "done"))])
    for user in (ben, cleo):
        anna.share(one, user)
    m = moved(anna, ben, one, other, assigneeIds=[cleo.id, anna.id])
    new = anna.task("New", projectId=other["id"], parentId=m["task"]["id"], labelIds=["rot"])
    anna.patch(m["sub"], labelIds=["rot"], title="Renamed").expect(200)
    anna.delete(one, "/labels/blue").expect(204)
    anna.delete(one, f"/members/{cleo.id}").expect(204)
    anna.delete(m["friend"]).expect(204)
    back = undo(anna, m["task"]).expect(200)
    assert (back["labelIds"], back["assigneeIds"], back["relations"], back["status"]) == (["red"], [anna.id], [], "review")
    sub, new = anna.get(m["sub"]), anna.get(new)
    assert (sub["title"], sub["labelIds"], sub["status"], sub["number"]) == ("Renamed", ["red"], "review", m["sub"]["number"])
    assert (new["projectId"], new["labelIds"]) == (one["id"], ["red"]), "it has become a subtask since"
    assert back["subtasks"] == {"done": 0, "total": 2}
    anna.post(back, "/move", projectId=other["id"]).expect(200)
    anna.delete(one, "/statuses/review").expect(204)
    assert undo(anna, back).expect(409)["conflicts"] == ["status"]


@pytest.mark.parametrize("what, status", [
    ("not a member of the former project", 404), ("a viewer there", 403), ("a viewer here", 403), ("archived there", 409), ("in the trash there", 404),
    ("somebody else's move", 403), ("moved on", 422), ("trashed", 404)])
def test_a_move_is_taken_back_only_by_who_may_still_make_it(what, status, two, world):
    anna, ben, _, _ = two
    one, other, third = anna.project("Secret"), anna.project(), anna.project()
    for project in (one, other, third):
        anna.share(project, ben)
    task = anna.task(projectId=one["id"])
    ben.post(task, "/move", projectId=other["id"]).expect(200)
    event = events(ben, task)[0]
    who = anna if what == "somebody else's move" else ben
    {"not a member of the former project": lambda: anna.delete(one, f"/members/{ben.id}").expect(204),
     "a viewer there": lambda: anna.put(one, f"/members/{ben.id}", role="viewer").expect(200),
     "a viewer here": lambda: anna.put(other, f"/members/{ben.id}", role="viewer").expect(200),
     "archived there": lambda: anna.patch(one, archived=True).expect(200),
     "in the trash there": lambda: anna.delete(one).expect(204), "somebody else's move": lambda: None,
     "moved on": lambda: anna.post(task, "/move", projectId=third["id"]).expect(200), "trashed": lambda: anna.delete(task).expect(204)}[what]()
    before = anna.get(f"/v1/projects/{other['id']}/snapshot")["seq"]
    refused = undo(who, task, cursor=event["cursor"]).expect(status)
    assert one["id"] not in refused.body.decode() and "Secret" not in refused.body.decode()
    assert anna.get(f"/v1/projects/{other['id']}/snapshot")["seq"] == before


def test_taking_back_a_move_races_with_an_edit(two):
    """Of both, one sees the other: a label that Ben takes off is never lost."""
    anna, ben, one, other = two
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for _ in range(2):
            m = moved(*two)
            event = events(anna, m["task"])[0]
            edit = pool.submit(ben.patch, m["task"], labelIds=[])
            back = undo(anna, m["task"], event)
            edit.result().expect(200)
            final = anna.get(m["task"])
            assert final["labelIds"] == [] and final["projectId"] == (one["id"] if back.expect((200, 409)).status == 200 else other["id"])


@pytest.mark.parametrize("fault", ["cut-after command=commitTransaction", "cut-before command=insert collection=events",
                                   "error command=commitTransaction code=112 labels=TransientTransactionError"])
def test_taking_back_a_move_takes_effect_once_whatever_happens_to_its_commands(fault, world, stack):
    anna = world.user("anna")
    anna.http.strict = False  # a 503 is an answer here
    one, other = anna.project(labels=LABELS), anna.project()
    task = anna.task(projectId=one["id"], labelIds=["red"])
    anna.task(projectId=one["id"], parentId=task["id"])
    anna.post(task, "/move", projectId=other["id"]).expect(200)
    seq, key = events(anna, task)[0]["seq"], secrets.token_hex(8)
    with stack.fault(fault):
        back = until_done(lambda: anna.post(f"/v1/tasks/{task['id']}/undo", key=key, seq=seq)).expect(200)
    assert (back["projectId"], back["labelIds"], back["subtasks"]) == (one["id"], ["red"], {"done": 0, "total": 1})
    for project in (one, other):
        numbers_are_dense(anna, project)
    assert [e["kind"] for e in anna.pages_of_events(one)][-4:] == ["task.moved"] * 4


def test_a_place_that_is_taken_is_next_to_the_one_who_took_it(board):
    anna, _, _ = board
    project = anna.project()
    a, b, c, d = (anna.task(n, projectId=project["id"]) for n in "abcd")
    anna.post(c, "/move", after=a["id"]).expect(200)
    anna.post(c, "/move").expect(200)
    last = events(anna, c)[0]
    anna.post(d, "/move", after=a["id"]).expect(200)  # the key that c had
    undo(anna, c, last).expect(200)
    rows = anna.items("/v1/tasks", projectId=project["id"], sort="position")
    assert [t["title"] for t in rows] in (["a", "c", "d", "b"], ["a", "d", "c", "b"])
    assert len({t["position"] for t in rows}) == 4


def test_a_completed_recurring_task_takes_its_successor_back(board):
    anna, _, project = board
    task = anna.task(projectId=project["id"], dueDate="2040-01-02", recurrence=DAILY)
    done = anna.patch(task, status="completed").expect(200)
    back = undo(anna, task).expect(200)
    assert (back["status"], back["nextId"], back["recurrence"]) == ("todo", None, task["recurrence"])
    assert anna.get("/v1/tasks/" + done["nextId"]).status == 404
    again = undo(anna, task).expect(200)
    assert again["nextId"] not in (None, done["nextId"]) and again["completedAt"] == done["completedAt"]
    anna.patch("/v1/tasks/" + again["nextId"], title="Touched").expect(200)
    lost = undo(anna, task, next(e for e in events(anna, task) if e["actorId"] == anna.id)).expect(200)
    assert (lost["status"], lost["recurrence"]) == ("todo", None)  # as when it is reopened


def test_what_no_longer_exists_does_not_come_back(board, cleo):
    anna, _, _ = board
    project = anna.project(labels=LABELS, statuses=[{"id": i, "name": i, "kind": k} for i, k in
                                                    (("todo", "open"), ("later", "open"), ("completed", "done"))])
    anna.share(project, cleo)
    other, parent = (anna.task(projectId=project["id"]) for _ in range(2))
    task = anna.task(projectId=project["id"], labelIds=["red", "blue"], assigneeIds=[cleo.id, anna.id], parentId=parent["id"],
                     relations=[{"kind": "blocks", "taskId": other["id"]}], status="later")
    anna.patch(task, labelIds=[], assigneeIds=[], relations=[], parentId=None, title="Bare").expect(200)
    event = events(anna, task)[0]
    anna.patch(task, status="todo").expect(200)
    status = events(anna, task)[0]
    anna.delete(project, "/labels/red").expect(204)
    anna.delete(project, "/statuses/later").expect(204)
    anna.delete(project, f"/members/{cleo.id}").expect(204)
    anna.delete(other).expect(204)
    anna.delete(parent).expect(204)
    after = undo(anna, task, event).expect(200)
    assert (after["title"], after["labelIds"], after["assigneeIds"]) == (task["title"], ["blue"], [anna.id])
    assert (after["relations"], after["parentId"]) == ([], None)
    assert undo(anna, task, status).expect(409)["conflicts"] == ["status"]
    task = anna.task(projectId=project["id"], labelIds=["green"])
    anna.delete(task, "/labels/green").expect(204)
    anna.delete(project, "/labels/green").expect(204)
    assert undo(anna, task).expect(409)["conflicts"] == ["labelIds/green"]  # nothing is left to take back


def test_only_ones_own_changes_by_todays_rights(board, world):
    anna, ben, _ = board
    dora = world.user("dora")
    project = anna.project(labels=LABELS)
    anna.share(project, dora)
    anna.share(project, ben)
    task = dora.task(projectId=project["id"])
    dora.patch(task, title="Dora's").expect(200)
    event = events(dora, task)[0]
    undo(ben, task, event).expect(403, "forbidden")
    undo(dora, task, events(dora, task)[1]).expect(409, "conflict")  # the creation
    anna.put(project, f"/members/{dora.id}", role="viewer").expect(200)
    undo(dora, task, event).expect(403, "forbidden")
    anna.put(project, f"/members/{dora.id}", role="member").expect(200)
    anna.patch(project, archived=True).expect(200)
    undo(dora, task, event).expect(409, "conflict")
    anna.patch(project, archived=False).expect(200)
    anna.delete(project, f"/members/{dora.id}").expect(204)
    undo(dora, task, event).expect(404, "not-found")
    assert anna.get(task)["title"] == "Dora's"


def test_which_event(board, world):
    anna, _, project = board
    task, other = (anna.task(projectId=project["id"]) for _ in range(2))
    anna.patch(task, title="Else").expect(200)
    event = events(anna, task)[0]
    path = f"/v1/tasks/{task['id']}/undo"
    anna.post(path).expect(422, "invalid", {"/seq"})
    anna.post(path, seq=event["seq"], cursor=event["cursor"]).expect(422, "invalid", {"/seq"})
    for seq in (0, -1, 10**15, 2**63, 1.5, "1", True):
        anna.post(path, seq=seq).expect(422, "invalid", {"/seq"})
    elsewhere = anna.get(f"/v1/projects/{anna.project()['id']}/snapshot")["cursor"]
    for cursor in ("", "x", "x" * 300, elsewhere, event["cursor"] + "1" * 20, event["cursor"].replace("~", "*"), 7):
        anna.post(path, cursor=cursor).expect(422, "invalid", {"/cursor"})
    anna.post(path, cursor="00000000" + event["cursor"][8:]).expect(410, "gone")  # from before a restore
    anna.post(path, seq=event["seq"] + 1000).expect(404, "not-found")
    anna.post(f"/v1/tasks/{other['id']}/undo", seq=event["seq"]).expect(404, "not-found")
    anna.post(path, seq=event["seq"], more=1).expect(422, "invalid", {"/more"})
    anna.post(f"/v1/tasks/{'f' * 24}/undo", seq=event["seq"]).expect(404)
    world.user("nobody").post(path, seq=event["seq"]).expect(404, "not-found")
    assert anna.post(path, cursor=event["cursor"]).expect(200)["title"] == task["title"]


def test_a_value_that_was_too_long_for_the_log_cannot_come_back(board):
    anna, _, project = board
    task = anna.task(projectId=project["id"], description="é" * 30000)
    anna.patch(task, description="short", title="Else").expect(200)
    undo(anna, task).expect(410, "gone")
    assert anna.get(task)["title"] == "Else"


def test_an_undo_is_a_change_like_any_other(board):
    """If-Match, Base-Rev, Idempotency-Key, batches."""
    anna, ben, _ = board
    project = anna.project(requireIfMatch=True)
    anna.share(project, ben)
    task = anna.task(projectId=project["id"])
    anna.patch(task, if_match=task.etag, title="Else").expect(200)
    event = events(anna, task)[0]
    path = f"/v1/tasks/{task['id']}/undo"
    anna.post(path, if_match=task.etag, seq=event["seq"]).expect(412, "stale")
    ben.patch(task, if_match='"2"', title="Ben's").expect(200)
    ben.patch(task, if_match='"3"', title="Else").expect(200)
    assert anna.post(path, base=2, seq=event["seq"]).expect(412, "stale")["conflicts"] == ["title"]
    key = secrets.token_hex(8)
    back = anna.post(path, key=key, seq=event["seq"]).expect(200)
    again = anna.post(path, key=key, seq=event["seq"]).expect(200)
    assert again.headers["idempotency-replayed"] == "true" and again.json == back.json
    redo = events(anna, task)[0]["seq"]
    reply = anna.post("/v1/batch", ops=[{"method": "POST", "path": path, "body": {"seq": redo}},
                                        {"method": "POST", "path": path, "body": {"seq": redo}}]).expect(200)
    assert [r["status"] for r in reply["results"]] == [200, 409]
    assert anna.get(task)["title"] == "Else" and anna.get(task)["rev"] == 6


def test_undo_against_edits_loses_no_update(board):
    """Of an undo and an edit of the same field at once, one sees the other."""
    anna, ben, project = board
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for n in range(10):
            task = anna.task("Old", projectId=project["id"])
            anna.patch(task, title="New", priority="high").expect(200)
            event = events(anna, task)[0]
            edit = pool.submit(ben.patch, task, title=f"Ben's {n}")
            back = undo(anna, task, event)
            edit.result().expect(200)
            final = anna.get(task)
            assert final["title"] == f"Ben's {n}", "the edit came last, or the undo was refused"
            assert final["priority"] == ("none" if back.expect((200, 409)).status == 200 else "high")
