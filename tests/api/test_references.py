"""References that became invalid through someone else's action never prevent another edit; a status that
changes its kind changes its tasks."""
import pytest

from client import eventually

LABELS = [{"id": "red", "name": "Red"}, {"id": "blue", "name": "Blue"}, {"id": "green", "name": "Green"}]


@pytest.fixture
def board(anna, ben, cleo):
    project = anna.project(labels=LABELS)
    anna.share(project, ben)
    anna.share(project, cleo)
    return project


def test_an_assignee_who_left_does_not_prevent_changes(anna, ben, cleo, board):
    task = anna.task(projectId=board["id"], assigneeIds=[ben.id, cleo.id])
    anna.delete(f"/v1/projects/{board['id']}/members/{ben.id}").expect(204)
    anna.patch(task, assigneeIds=[ben.id, cleo.id, anna.id]).expect(200)
    anna.patch(task, assigneeIds=[anna.id, ben.id]).expect(200)
    anna.patch(task, title="Another title").expect(200)
    anna.patch(task, assigneeIds=[anna.id]).expect(200)
    anna.patch(task, assigneeIds=[anna.id, ben.id]).expect(422, pointers=["/assigneeIds/1"])


def test_a_deleted_label_does_not_prevent_changes(anna, board):
    task = anna.task(projectId=board["id"], labelIds=["red", "blue"])
    anna.patch(board, labels=LABELS[1:]).expect(200)
    anna.patch(task, labelIds=["red", "blue", "green"]).expect(200)
    anna.patch(task, labelIds=["green", "red"]).expect(200)
    anna.patch(task, priority="high").expect(200)
    anna.patch(task, labelIds=["green"]).expect(200)
    anna.patch(task, labelIds=["red", "green"]).expect(422, pointers=["/labelIds/0"])


def test_a_parent_or_relation_in_the_trash_does_not_prevent_changes(anna, board):
    other, third = anna.task(projectId=board["id"]), anna.task(projectId=board["id"])
    blocks = {"kind": "blocks", "taskId": other["id"]}
    task = anna.task(projectId=board["id"], parentId=other["id"], relations=[blocks])
    anna.delete(other).expect(204)
    anna.patch(task, title="Still editable").expect(200)
    anna.patch(task, relations=[blocks, {"kind": "relates", "taskId": third["id"]}]).expect(200)
    anna.post(task, "/move", status="completed").expect(200)
    anna.patch(task, relations=[{"kind": "relates", "taskId": other["id"]}]).expect(422)
    anna.patch(task, parentId=None, relations=[]).expect(200)


def test_a_mentioned_user_who_left_stays_mentioned(anna, ben, cleo, board):
    task = anna.task(projectId=board["id"])
    comment = anna.post(f"/v1/tasks/{task['id']}/comments", text="Hello", mentions=[ben.id]).expect(201)
    anna.delete(f"/v1/projects/{board['id']}/members/{ben.id}").expect(204)
    anna.patch(comment, text="Hello again").expect(200)
    anna.patch(comment, mentions=[cleo.id, ben.id]).expect(200)
    anna.patch(comment, mentions=[]).expect(200)
    anna.patch(comment, mentions=[ben.id]).expect(422, pointers=["/mentions/0"])


def with_kinds(**kinds):
    return [{"id": i, "name": i, "kind": kinds.get(i, k)} for i, k in
            (("todo", "open"), ("review", "open"), ("completed", "done"))]


def test_tasks_follow_their_status_when_its_kind_changes(anna, world):
    project = anna.project(statuses=with_kinds())
    tasks = [anna.task(projectId=project["id"], status="review", dueDate="2020-01-01") for _ in range(3)]
    anna.delete(tasks[2]).expect(204)
    untouched = anna.task(projectId=project["id"], status="todo")
    cursor = anna.get(f"/v1/projects/{project['id']}/snapshot").expect(200)["cursor"]
    anna.patch(project, statuses=with_kinds(review="done")).expect(200)
    after = [anna.get(t).expect(200) for t in tasks[:2]]
    assert all(t["completedAt"] and t["rev"] == 2 for t in after)
    assert anna.items("/v1/tasks", projectId=project["id"], overdue="true") == []
    assert anna.get(untouched).expect(200).json == untouched.json
    events = list(anna.pages_of_events(project, since=cursor))
    assert sorted(e["kind"] for e in events) == ["project.updated"] + ["task.updated"] * 3
    assert all(list(e["changes"]) == ["completedAt"] for e in events if e["kind"] == "task.updated")
    assert anna.post(tasks[2], "/restore").expect(200)["completedAt"]
    anna.patch(project, statuses=with_kinds()).expect(200)
    assert [anna.get(t).expect(200)["completedAt"] for t in tasks] == [None] * 3
    anna.patch(project, name="No status changed").expect(200)
    assert anna.get(tasks[0]).expect(200)["rev"] == 3


def test_many_tasks_follow_their_status_in_batches(anna):
    project = anna.project(statuses=with_kinds())
    made = {anna.task(f"T{n}", projectId=project["id"], status="review")["id"] for n in range(130)}
    anna.patch(project, statuses=with_kinds(review="done")).expect(200)

    def completed():
        return {t["id"] for t in anna.pages("/v1/tasks", projectId=project["id"], limit=200) if t["completedAt"]}

    assert len(completed()) >= 100
    eventually(lambda: completed() == made, within=20, every=0.2, what="all tasks followed")
    anna.delete(project, "/statuses/review?moveTo=todo").expect(204)
    eventually(lambda: all((t["status"], t["completedAt"]) == ("todo", None) for t in
                           anna.pages("/v1/tasks", projectId=project["id"], limit=200)),
               within=20, every=0.2, what="all tasks have another status")


def test_deleting_a_status_in_use_reports_how_many_tasks_use_it(anna):
    project = anna.project(statuses=with_kinds())
    kept, trashed = (anna.task(projectId=project["id"], status="review") for _ in range(2))
    anna.delete(trashed).expect(204)
    without = [s for s in with_kinds() if s["id"] != "review"]
    error = anna.patch(project, statuses=without).expect(422, pointers=["/statuses"])["errors"][0]
    assert error["code"] == "in-use" and "2" in error["detail"] and "1" in error["detail"]
    anna.patch(kept, status="todo").expect(200)
    error = anna.patch(project, statuses=without).expect(422)["errors"][0]
    assert "trash" in error["detail"]
    anna.post(trashed, "/restore").expect(200)
    anna.patch(trashed, status="todo").expect(200)
    anna.patch(project, statuses=without).expect(200)
