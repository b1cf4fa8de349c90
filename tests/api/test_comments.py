"""Comments, what they tell whom, and a task's history."""
import pytest


@pytest.fixture
def scene(anna, ben):
    project = anna.project()
    anna.share(project, ben)
    return project, anna.task(projectId=project["id"])


def test_a_comment_is_made_read_edited_removed(anna, ben, scene):
    _, task = scene
    first = anna.post(task, "/comments", text="Hm 🤔").expect(201)
    second = ben.post(task, "/comments", text="Yes").expect(201)
    assert (first["taskId"], first["createdBy"], first["editedAt"]) == (task["id"], anna.id, None)
    assert [c["id"] for c in anna.items(f"/v1/tasks/{task['id']}/comments")] == [first["id"], second["id"]]
    edited = anna.patch(first, text="Ha", if_match=first.etag).expect(200)
    assert edited["text"] == "Ha" and edited["editedAt"]
    anna.patch(first, text="Hi", if_match=first.etag).expect(412, "stale")
    anna.delete(first).expect(204)
    assert [c["id"] for c in ben.items(f"/v1/tasks/{task['id']}/comments")] == [second["id"]]


def test_only_its_author_edits_a_comment_and_an_admin_may_remove_it(anna, ben, cleo, scene):
    project, task = scene
    anna.share(project, cleo, "commenter")
    comment = ben.post(task, "/comments", text="Mine").expect(201)
    anna.patch(comment, text="Yours").expect(403)
    cleo.delete(comment).expect(403)
    anna.delete(comment).expect(204)
    own = cleo.post(task, "/comments", text="A commenter's").expect(201)
    cleo.delete(own).expect(204)


def test_viewers_read_and_strangers_see_nothing(anna, ben, cleo, scene):
    project, task = scene
    comment = anna.post(task, "/comments", text="Hm").expect(201)
    cleo.get(f"/v1/tasks/{task['id']}/comments").expect(404)
    cleo.patch(comment, text="x").expect(404)
    cleo.delete(comment).expect(404)
    cleo.post(task, "/comments", text="x").expect(404)
    anna.share(project, cleo, "viewer")
    assert len(cleo.items(f"/v1/tasks/{task['id']}/comments")) == 1
    cleo.post(task, "/comments", text="x").expect(403)


def test_comments_are_in_the_log_and_in_the_history(anna, scene):
    project, task = scene
    start = anna.get(f"/v1/projects/{project['id']}/snapshot").expect(200)["cursor"]
    comment = anna.post(task, "/comments", text="A").expect(201)
    anna.patch(comment, text="B").expect(200)
    anna.delete(comment).expect(204)
    events = list(anna.pages_of_events(project, start))
    assert [e["kind"] for e in events] == ["comment.created", "comment.updated", "comment.deleted"]
    assert events[1]["changes"]["text"] == ["A", "B"]


def test_a_tasks_history_tells_who_changed_what(anna, ben, cleo, scene):
    _, task = scene
    ben.patch(task, title="B").expect(200)
    anna.post(task, "/move", status="completed").expect(200)
    items = anna.items(f"/v1/tasks/{task['id']}/history")
    told = {(e["kind"], e["actorId"]) for e in items}
    assert {("task.created", anna.id), ("task.updated", ben.id), ("task.moved", anna.id)} <= told
    cleo.get(f"/v1/tasks/{task['id']}/history").expect(404)


def test_who_is_assigned_or_mentioned_is_told_once(anna, ben, scene):
    _, task = scene
    anna.patch(task, assigneeIds=[ben.id]).expect(200)
    anna.patch(task, title="New").expect(200)
    anna.post(task, "/comments", text="Look, Ben", mentions=[ben.id]).expect(201)
    told = ben.items("/v1/notifications")
    assert [(n["kind"], n["taskId"], n["read"]) for n in told] == [
        ("mentioned", task["id"], False), ("assigned", task["id"], False)]
    assert anna.items("/v1/notifications") == []
    ben.patch("/v1/notifications/" + told[0]["id"], read=True).expect(200)
    anna.patch("/v1/notifications/" + told[0]["id"], read=True).expect(404)
    assert [n["read"] for n in ben.items("/v1/notifications")] == [True, False]
    ben.post("/v1/notifications/read").expect((200, 204))
    assert [n["read"] for n in ben.items("/v1/notifications")] == [True, True]


def test_who_cannot_see_the_project_cannot_be_mentioned(anna, cleo, scene):
    _, task = scene
    anna.post(task, "/comments", text="Hi", mentions=[cleo.id]).expect(422)
