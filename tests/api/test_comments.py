"""Comments, their notifications, and a task's history."""
import threading

import pytest


@pytest.fixture
def scene(anna, ben):
    project = anna.project()
    anna.share(project, ben)
    return project, anna.task(projectId=project["id"])


def test_a_comment_can_be_created_read_edited_and_removed(anna, ben, scene):
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


def test_only_the_author_can_edit_a_comment_but_an_admin_can_remove_it(anna, ben, cleo, scene):
    project, task = scene
    anna.share(project, cleo, "commenter")
    comment = ben.post(task, "/comments", text="Mine").expect(201)
    anna.patch(comment, text="Yours").expect(403)
    cleo.delete(comment).expect(403)
    anna.delete(comment).expect(204)
    own = cleo.post(task, "/comments", text="A commenter's").expect(201)
    cleo.delete(own).expect(204)


def test_a_comment_cannot_be_edited_while_its_task_is_in_the_trash(anna, ben, scene):
    """Regression: it could be, and could mention people who cannot read it.  Its author may still remove it."""
    _, task = scene
    comment = anna.post(task, "/comments", text="Hello").expect(201)
    anna.delete(task).expect(204)
    anna.patch(comment, text="Look here", mentions=[ben.id]).expect(404)
    assert ben.items("/v1/notifications") == []
    anna.post(task, "/restore").expect(200)
    anna.patch(comment, text="Look here", mentions=[ben.id]).expect(200)
    anna.delete(task).expect(204)
    anna.delete(comment).expect(204)


def test_viewers_can_read_comments_and_strangers_cannot(anna, ben, cleo, scene):
    project, task = scene
    comment = anna.post(task, "/comments", text="Hm").expect(201)
    cleo.get(f"/v1/tasks/{task['id']}/comments").expect(404)
    cleo.patch(comment, text="x").expect(404)
    cleo.delete(comment).expect(404)
    cleo.post(task, "/comments", text="x").expect(404)
    anna.share(project, cleo, "viewer")
    assert len(cleo.items(f"/v1/tasks/{task['id']}/comments")) == 1
    cleo.post(task, "/comments", text="x").expect(403)


def test_comments_appear_in_the_log_and_the_history(anna, scene):
    project, task = scene
    start = anna.get(f"/v1/projects/{project['id']}/snapshot").expect(200)["cursor"]
    comment = anna.post(task, "/comments", text="A").expect(201)
    anna.patch(comment, text="B").expect(200)
    assert list(anna.pages_of_events(project, start))[1]["changes"]["text"] == ["A", "B"]
    anna.delete(comment).expect(204)  # test_erasure.py: what becomes of the texts
    events = list(anna.pages_of_events(project, start))
    assert [e["kind"] for e in events] == ["comment.created", "comment.updated", "comment.deleted"]


def test_a_tasks_history_shows_who_changed_what(anna, ben, cleo, scene):
    _, task = scene
    ben.patch(task, title="B").expect(200)
    anna.post(task, "/move", status="completed").expect(200)
    items = anna.items(f"/v1/tasks/{task['id']}/history")
    kinds = {(e["kind"], e["actorId"]) for e in items}
    assert {("task.created", anna.id), ("task.updated", ben.id), ("task.moved", anna.id)} <= kinds
    cleo.get(f"/v1/tasks/{task['id']}/history").expect(404)


def test_assigned_or_mentioned_users_are_notified_once(anna, ben, scene):
    _, task = scene
    anna.patch(task, assigneeIds=[ben.id]).expect(200)
    anna.patch(task, title="New").expect(200)
    anna.post(task, "/comments", text="Look, Ben", mentions=[ben.id]).expect(201)
    notifications = ben.items("/v1/notifications")
    assert [(n["kind"], n["taskId"], n["read"]) for n in notifications] == [
        ("mentioned", task["id"], False), ("assigned", task["id"], False)]
    assert anna.items("/v1/notifications") == []
    ben.patch("/v1/notifications/" + notifications[0]["id"], read=True).expect(200)
    anna.patch("/v1/notifications/" + notifications[0]["id"], read=True).expect(404)
    assert [n["read"] for n in ben.items("/v1/notifications")] == [True, False]
    ben.post("/v1/notifications/read").expect((200, 204))
    assert [n["read"] for n in ben.items("/v1/notifications")] == [True, True]


def test_users_without_access_cannot_be_mentioned(anna, cleo, scene):
    _, task = scene
    anna.post(task, "/comments", text="Hi", mentions=[cleo.id]).expect(422)


# -- what moves with a task to another project ----------------------------------------------
@pytest.fixture
def moved(anna, ben, cleo):
    """Ben is a member of the old project, Cleo of the new one; both have comments or notifications there."""
    old, new = anna.project("Old"), anna.project("New")
    anna.share(old, ben)
    anna.share(new, cleo)
    task = anna.task("Wanderer", projectId=old["id"], assigneeIds=[ben.id])
    comment = ben.post(task, "/comments", text="From the old project").expect(201)
    mine = anna.post(task, "/comments", text="Ben?", mentions=[ben.id]).expect(201)
    before = {user: user.get("/v1/sync").expect(200)["cursor"] for user in (ben, cleo)}
    anna.post(task, "/move", projectId=new["id"]).expect(200)
    return old, new, task, comment, mine, before


def test_comments_move_with_their_task(anna, ben, cleo, moved):
    old, new, task, comment, mine, _ = moved
    assert [(c["id"], c["projectId"]) for c in cleo.items(f"/v1/tasks/{task['id']}/comments")] == [
        (comment["id"], new["id"]), (mine["id"], new["id"])]
    ben.get(f"/v1/tasks/{task['id']}/comments").expect(404)
    ben.patch(comment, text="Still mine?").expect(404)
    ben.delete(comment).expect(404)
    anna.share(old, ben, "admin")
    ben.delete(mine).expect(404)
    anna.share(new, cleo, "admin")
    cleo.delete(comment).expect(204)
    start = anna.get(f"/v1/projects/{new['id']}/snapshot")["cursor"]
    anna.patch(mine, text="Cleo?", if_match=mine.etag).expect(412)
    anna.patch(mine, text="Cleo?").expect(200)
    assert [e["kind"] for e in anna.pages_of_events(new, start)] == ["comment.updated"]


def test_mentions_of_non_members_are_dropped_when_a_task_moves(anna, moved):
    *_, task, _, mine, _ = moved
    listed = anna.items(f"/v1/tasks/{task['id']}/comments")
    assert [c["mentions"] for c in listed if c["id"] == mine["id"]] == [[]]


def test_sync_includes_the_comments_of_a_task_that_moved_in(ben, cleo, moved):
    _, new, task, comment, mine, before = moved
    later = cleo.get("/v1/sync", cursor=before[cleo]).expect(200)
    assert [t["id"] for t in later["tasks"]] == [task["id"]]
    assert {(c["id"], c["projectId"]) for c in later["comments"]} == {
        (comment["id"], new["id"]), (mine["id"], new["id"])}
    left = ben.get("/v1/sync", cursor=before[ben]).expect(200)
    assert [(d["entity"], d["id"]) for d in left["deleted"]] == [("task", task["id"])]
    assert left["comments"] == [] == left["tasks"]
    whole = {c["id"]: c["projectId"] for c in cleo.get("/v1/sync").expect(200)["comments"]}
    assert whole == {comment["id"]: new["id"], mine["id"]: new["id"]}
    assert ben.get("/v1/sync").expect(200)["comments"] == []


def test_nobody_is_notified_about_a_task_that_moved_out_of_their_reach(anna, ben, cleo, moved):
    old, new, task, *_ = moved
    assert ben.items("/v1/notifications") == []
    anna.patch(task, assigneeIds=[cleo.id]).expect(200)
    anna.post(task, "/comments", text="You", mentions=[cleo.id]).expect(201)
    anna.share(old, cleo, "viewer")
    anna.post(task, "/move", projectId=old["id"]).expect(200)
    assert {(n["kind"], n["projectId"]) for n in cleo.items("/v1/notifications")} == {
        ("assigned", old["id"]), ("mentioned", old["id"])}


def test_a_comment_and_a_concurrent_move_of_its_task_are_consistent(anna, ben):
    """Whichever is first, the comment and its event end up in the task's project."""
    here, there = anna.project("Here"), anna.project("There")
    for project in (here, there):
        anna.share(project, ben)
    task, made = anna.task(projectId=here["id"]), 0
    for n in range(20):
        target = there if n % 2 == 0 else here
        replies = [None]

        def say():
            replies[0] = ben.post(task, "/comments", text=f"Number {n}")
        thread = threading.Thread(target=say)
        thread.start()
        anna.post(task, "/move", projectId=target["id"]).expect(200)
        thread.join()
        made += replies[0].expect(201).status == 201
    comments = anna.items(f"/v1/tasks/{task['id']}/comments", limit=200)
    assert len(comments) == made > 0 and {c["projectId"] for c in comments} == {here["id"]}
    for project in (here, there):
        for event in anna.pages_of_events(project):
            if event["kind"] == "comment.created":
                assert event["data"]["projectId"] == project["id"]


# -- earlier texts ------------------------------------------------------------------------
def test_a_comment_keeps_its_earlier_texts(anna, ben, scene):
    project, task = scene
    comment = anna.post(task, "/comments", text="One").expect(201)
    path = f"/v1/comments/{comment['id']}"
    assert comment["edits"] == []
    start = anna.get(f"/v1/projects/{project['id']}/snapshot").expect(200)["cursor"]
    second = anna.patch(comment, text="Two").expect(200)
    assert second["edits"] == [{"at": comment["createdAt"], "text": "One"}]
    assert anna.patch(comment, text="Two").expect(200)["rev"] == 2  # not an edit
    anna.patch(comment, mentions=[ben.id]).expect(200)
    third = anna.patch(comment, text="Three").expect(200)
    assert third["edits"] == [*second["edits"], {"at": second["editedAt"], "text": "Two"}]
    assert ben.get(path).expect(200).json == third.json
    assert ben.get(path, if_none_match=third.etag).status == 304
    assert anna.items(f"/v1/tasks/{task['id']}/comments") == [third.json]
    synced = ben.get("/v1/sync").expect(200)["comments"]
    assert third.json in synced
    last = list(anna.pages_of_events(project, start))[-1]
    assert last["changes"].keys() == {"text", "editedAt"} and last["data"] == third.json
    anna.patch(comment, edits=[]).expect(422, "invalid", {"/edits"})


def test_a_comment_keeps_the_last_twenty_texts_and_no_more_than_64_kib(anna, scene):
    _, task = scene
    comment = anna.post(task, "/comments", text="0").expect(201)
    for n in range(1, 23):
        edited = anna.patch(comment, text=str(n)).expect(200)
    assert [e["text"] for e in edited["edits"]] == [str(n) for n in range(2, 22)]
    for letter in "abcd":
        edited = anna.patch(comment, text=letter * 20000).expect(200)
    assert [e["text"][0] for e in edited["edits"]][-3:] == ["a", "b", "c"] and len(edited["edits"]) == 20
    edited = anna.patch(comment, text="e").expect(200)
    assert [e["text"][0] for e in edited["edits"]] == ["b", "c", "d"]
    anna.patch(comment, text="\U0001f98a" * 20000).expect(200)  # 80,000 bytes
    assert [e["text"][0] for e in anna.patch(comment, text="f").expect(200)["edits"]] == ["\U0001f98a"]


def test_a_comment_is_read_by_its_id_as_long_as_its_task_is(anna, cleo, scene):
    project, task = scene
    comment = anna.post(task, "/comments", text="Hm").expect(201)
    path = f"/v1/comments/{comment['id']}"
    cleo.get(path).expect(404)
    anna.get(path + "?x=1").expect(400)
    anna.delete(task).expect(204)
    anna.get(path).expect(404)
    anna.post(task, "/restore").expect(200)
    anna.delete(project).expect(204)
    anna.get(path).expect(404)
    anna.post(project, "/restore").expect(200)
    assert anna.get(path).expect(200)["text"] == "Hm"
    anna.delete(comment).expect(204)
    anna.get(path).expect(404)
