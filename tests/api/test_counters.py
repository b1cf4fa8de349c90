"""The counters of a task: its subtasks and comments, which are not part of its revision."""
import concurrent.futures

import pytest

import state


@pytest.fixture
def scene(anna, ben):
    project = anna.project()
    anna.share(project, ben)
    return project, anna.task("Parent", projectId=project["id"])


def counters(user, task):
    now = user.get(task).expect(200)
    return now["subtasks"]["done"], now["subtasks"]["total"], now["comments"]


def test_comments_are_counted_outside_of_the_revision(anna, ben, scene):
    project, task = scene
    assert (task["comments"], task["subtasks"], task.etag) == (0, {"done": 0, "total": 0}, '"1.0"')
    first = ben.post(task, "/comments", text="One").expect(201)
    ben.post(task, "/comments", text="Two").expect(201)
    ben.patch(first, text="Once").expect(200)
    now = anna.get(task).expect(200)
    assert (now["comments"], now["rev"], now["updatedAt"], now.etag) == (2, 1, task["updatedAt"], '"1.2"')
    assert anna.get(task, if_none_match=now.etag).status == 304
    assert anna.get(task, if_none_match=task.etag).status == 200
    anna.delete(first).expect(204)
    assert anna.get(task).etag == '"1.3"' and counters(anna, task) == (0, 0, 1)
    assert anna.patch(task, title="New", if_match=task.etag).expect(200).etag == '"2.3"'
    listed = anna.items("/v1/tasks", projectId=project["id"])
    assert [t["comments"] for t in listed] == [1]


def test_attachments_are_counted(anna, scene):
    _, task = scene

    def attach(name):
        return anna.send("POST", f"/v1/tasks/{task['id']}/attachments?name={name}", raw=b"bytes",
                         headers={"Content-Type": "text/plain"}).expect(201)

    first, _ = attach("one.txt"), attach("two.txt")
    now = anna.get(task)
    assert (now["attachments"], now["rev"], now.etag) == (2, 1, '"1.2"')
    anna.patch(f"/v1/attachments/{first['id']}", name="other.txt").expect(200)
    anna.delete(f"/v1/attachments/{first['id']}").expect(204)
    assert (anna.get(task)["attachments"], anna.get(task).etag) == (1, '"1.3"')


@pytest.mark.parametrize("tag, status", [
    ('"1.0"', 200), ('"1"', 200), ('"1.99"', 200), ('W/"1.7"', 200), ('"9.1", "1.4"', 200),
    ('"2.1"', 412), ('"1."', 412), ('"1.x"', 412), ('"1.1.1"', 412), ('".1"', 412), ('"11"', 412), ('1.1', 412), ('"1.1', 412),
])
def test_if_match_reads_what_is_before_the_dot(tag, status, anna):
    anna.patch(anna.task(), title="New", if_match=tag).expect(status)


def test_subtasks_are_counted_as_they_come_and_go(anna, scene):
    project, task = scene
    other = anna.task("Other", projectId=project["id"])
    child = anna.task("Child", projectId=project["id"], parentId=task["id"])
    assert counters(anna, task) == (0, 1, 0)
    for change, ours, theirs in [
        (lambda: anna.patch(child, status="completed"), (1, 1), (0, 0)),
        (lambda: anna.patch(child, title="Done"), (1, 1), (0, 0)),
        (lambda: anna.patch(child, parentId=other["id"]), (0, 0), (1, 1)),
        (lambda: anna.post(child, "/move", status="todo"), (0, 0), (0, 1)),
        (lambda: anna.delete(child), (0, 0), (0, 0)),
        (lambda: anna.post(child, "/restore"), (0, 0), (0, 1)),
        (lambda: anna.patch(child, parentId=task["id"], status="completed"), (1, 1), (0, 0)),
        (lambda: anna.patch(child, archived=True), (1, 1), (0, 0)),
        (lambda: anna.patch(child, parentId=None), (0, 0), (0, 0)),
        (lambda: anna.task("Born done", projectId=project["id"], parentId=task["id"], status="completed"), (1, 1), (0, 0)),
        (lambda: anna.patch(project, "/statuses/completed", kind="open"), (0, 1), (0, 0)),
    ]:
        if change().status == 422:  # a project needs a status of each kind
            anna.post(project, "/statuses", id="closed", name="Closed", kind="done").expect(201)
            change().expect(200)
        assert (counters(anna, task)[:2], counters(anna, other)[:2]) == (ours, theirs)
    assert anna.get(task)["rev"] == anna.get(other)["rev"] == 1


def test_a_subtask_that_moves_to_another_project_is_no_longer_counted(anna, ben, scene):
    project, task = scene
    elsewhere = anna.project("Elsewhere")
    child = anna.task("Child", projectId=project["id"], parentId=task["id"])
    ben.post(child, "/comments", text="Along").expect(201)
    copy = state.of_snapshot(ben.get(f"/v1/projects/{project['id']}/snapshot").expect(200).json)
    with ben.live([f"project:{project['id']}"]) as feed, anna.live([f"project:{elsewhere['id']}"]) as other:
        anna.post(child, "/move", projectId=elsewhere["id"]).expect(200)
        left, came = feed.expect("task.moved"), other.expect("task.moved")
    assert left["counts"] == {task["id"]: {"subtasks": {"done": 0, "total": 0}, "comments": 0, "attachments": 0}}
    assert "counts" not in came and came["data"]["comments"] == 1
    copy.apply(left)
    assert copy.tasks == {task["id"]: anna.get(task).json}


def test_clients_may_not_set_them(anna, scene):
    project, task = scene
    for body in ({"comments": 5}, {"attachments": 5}, {"subtasks": {"done": 1, "total": 1}}, {"counted": 3}):
        anna.patch(task, **body).expect(422, "invalid", {"/" + next(iter(body))})
        anna.post("/v1/tasks", title="Forged", projectId=project["id"], **body).expect(422)


def test_events_and_sync_tell_the_counters(anna, ben, scene):
    project, task = scene
    copy = state.of_snapshot(ben.get(f"/v1/projects/{project['id']}/snapshot").expect(200).json)
    since = ben.get("/v1/sync").expect(200)
    with ben.live([f"project:{project['id']}"]) as feed:
        comment = anna.post(task, "/comments", text="x" * 9000).expect(201)  # too long for its event
        event = feed.expect("comment.created")
        assert event["dataOmitted"] and event["counts"] == {task["id"]: {"subtasks": {"done": 0, "total": 0}, "comments": 1, "attachments": 0}}
        anna.task("Child", projectId=project["id"], parentId=task["id"])
        anna.delete(comment).expect(204)
        events = [event, feed.expect("task.created"), feed.expect("comment.deleted")]
    for event in events:
        copy.apply(event)
    fresh = state.of_snapshot(ben.get(f"/v1/projects/{project['id']}/snapshot").expect(200).json)
    assert copy == fresh, copy.differences(fresh)
    synced = ben.post("/v1/sync", cursor=since["cursor"]).expect(200)
    assert [t["subtasks"] for t in synced["tasks"] if t["id"] == task["id"]] == [{"done": 0, "total": 1}]


def test_counters_are_right_after_many_changes_at_once(anna, ben, scene):
    """Comments, subtasks and edits of the task itself, of several clients: no event tells older counters than it should."""
    project, task = scene
    copy = state.of_snapshot(ben.get(f"/v1/projects/{project['id']}/snapshot").expect(200).json)

    def work(n):
        user = (anna, ben)[n % 2]
        if n % 3 == 0:
            user.patch(task, title=f"Title {n}").expect(200)
        elif n % 3 == 1:
            comment = user.post(task, "/comments", text=str(n)).expect(201)
            if n % 2:
                user.delete(comment).expect(204)
        else:
            child = user.task(str(n), projectId=project["id"], parentId=task["id"])
            user.patch(child, status="completed").expect(200)

    with ben.live([f"project:{project['id']}"]) as feed:
        with concurrent.futures.ThreadPoolExecutor(6) as pool:
            list(pool.map(work, range(36)))
        fresh = anna.get(f"/v1/projects/{project['id']}/snapshot").expect(200).json
        while not feed.events or feed.events[-1]["cursor"] != fresh["cursor"]:
            feed.receive()
        for event in feed.events:
            copy.apply(event)
    assert counters(anna, task) == (12, 12, 6)
    fresh = state.of_snapshot(fresh)
    assert copy == fresh, copy.differences(fresh)
