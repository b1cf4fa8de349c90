"""/v1/tasks/{id}/subscription: watching and muting a task, and who is notified of comments."""
import pytest
from client import eventually
from faults import TRANSIENT, log_of, until_done
from pymongo import MongoClient


@pytest.fixture
def scene(anna, ben, cleo):
    """Anna's project with Ben as a member and Cleo as a viewer, and a task of Anna's."""
    project = anna.project("Watched")
    anna.share(project, ben)
    anna.share(project, cleo, "viewer")
    return project, anna.task("Look", projectId=project["id"])


def state(user, task):
    reply = user.get(f"/v1/tasks/{task['id']}/subscription").expect(200)
    assert reply["taskId"] == task["id"]
    return reply["state"], reply["isDefault"]


def put(user, task, state):
    return user.put(f"/v1/tasks/{task['id']}/subscription", state=state)


def kinds(user, task):
    """The kinds of the user's notifications of a task, the newest first."""
    return [n["kind"] for n in user.items("/v1/notifications") if n["taskId"] == task["id"]]


@pytest.fixture
def settled(stack):
    """Waits until everybody has been notified of the comments so far."""
    jobs = MongoClient(stack.mongodb_uri)[stack.mongodb_database].jobs
    return lambda: eventually(lambda: jobs.count_documents({"kind": "commented"}) == 0, within=15.0, what="the end of the jobs")


def test_who_watches_by_default(anna, ben, cleo, scene):
    project, task = scene
    assert state(anna, task) == ("watching", True)  # the creator
    assert state(ben, task) == state(cleo, task) == ("none", True)
    anna.put(task, f"/assignees/{ben.id}").expect(200)
    assert state(ben, task) == ("watching", True)
    anna.delete(task, f"/assignees/{ben.id}").expect(204)
    assert state(ben, task) == ("none", True)
    ben.post(task, "/comments", text="Me too").expect(201)
    assert state(ben, task) == ("watching", True)  # who commented
    comment = anna.post(task, "/comments", text="And you, Cleo?").expect(201)
    assert state(cleo, task) == ("none", True)
    anna.patch(comment, mentions=[cleo.id]).expect(200)
    assert state(cleo, task) == ("watching", True)  # who was mentioned
    anna.patch(comment, mentions=[]).expect(200)
    assert state(cleo, task) == ("watching", True)


def test_a_state_is_set_read_and_removed(anna, ben, scene):
    _, task = scene
    path = f"/v1/tasks/{task['id']}/subscription"
    assert put(ben, task, "watching").expect(200).json == {"taskId": task["id"], "state": "watching", "isDefault": False}
    assert state(ben, task) == ("watching", False)
    put(ben, task, "muted").expect(200)
    put(anna, task, "muted").expect(200)
    assert state(ben, task) == state(anna, task) == ("muted", False)
    ben.delete(path).expect(204)
    ben.delete(path).expect(204)
    anna.delete(path).expect(204)
    assert state(ben, task) == ("none", True) and state(anna, task) == ("watching", True)
    for body in ({"state": "none"}, {"state": None}, {"state": ["muted"]}, {"state": {"$ne": "x"}}, {}):
        ben.send("PUT", path, body).expect(422, "invalid", {"/state"})
    ben.send("PUT", path, {"state": "muted", "userId": anna.id}).expect(422, "invalid", {"/userId"})
    ben.send("PUT", path, ["muted"]).expect((400, 422))
    ben.get(path, at="1").expect(400)
    assert ben.items("/v1/subscriptions") == [] and state(ben, task) == ("none", True)


def test_the_same_state_again_is_no_event_and_a_retry_is_replayed(ben, scene):
    _, task = scene
    path = f"/v1/tasks/{task['id']}/subscription"
    with ben.live(("user:me",)) as feed:
        ben.put(path, state="muted", key="k").expect(200)
        put(ben, task, "muted").expect(200)
        again = ben.put(path, state="muted", key="k").expect(200)
        assert again.headers["idempotency-replayed"] == "true"
        put(ben, task, "watching").expect(200)
        assert feed.expect("subscription.created")["data"]["state"] == "muted"
        event = feed.expect("subscription.updated")
    assert event["changes"] == {"state": ["muted", "watching"]} and event["rev"] == 2


def test_a_state_is_its_users_alone(anna, ben, cleo, world, scene):
    project, task = scene
    before = anna.get(f"/v1/projects/{project['id']}/snapshot").expect(200)
    put(ben, task, "muted").expect(200)
    put(cleo, task, "watching").expect(200)  # viewers may
    assert [(s["taskId"], s["state"]) for s in ben.items("/v1/subscriptions")] == [(task["id"], "muted")]
    assert [s["state"] for s in cleo.items("/v1/subscriptions")] == ["watching"]
    assert anna.items("/v1/subscriptions") == [] and state(anna, task) == ("watching", True)
    assert anna.get(task).expect(200).json == task.json and "involvedIds" not in task
    assert anna.get(f"/v1/projects/{project['id']}/snapshot").expect(200).json == before.json  # the cursor too
    assert anna.get("/v1/sync").expect(200)["subscriptions"] == []
    stranger = world.user("dora")
    put(stranger, task, "watching").expect(404)
    stranger.get(f"/v1/tasks/{task['id']}/subscription").expect(404)
    stranger.delete(f"/v1/tasks/{task['id']}/subscription").expect(404)


def test_watchers_are_notified_of_comments_and_authors_are_not(anna, ben, cleo, scene):
    _, task = scene
    ben.post(task, "/comments", text="First").expect(201)
    eventually(lambda: kinds(anna, task) == ["commented"], what="the creator's notification")
    notice = anna.items("/v1/notifications")[0]
    assert (notice["title"], notice["createdBy"], notice["projectId"]) == ("Look", ben.id, task["projectId"])
    put(cleo, task, "watching").expect(200)
    anna.post(task, "/comments", text="Second, for Ben", mentions=[ben.id]).expect(201)
    eventually(lambda: kinds(cleo, task) == ["commented"], what="the viewer's notification")
    assert kinds(ben, task) == ["mentioned"] and kinds(anna, task) == ["commented"]


def test_a_muted_task_notifies_only_of_mentions_and_assignments(anna, ben, cleo, scene, settled):
    _, task = scene
    put(anna, task, "muted").expect(200)
    put(cleo, task, "watching").expect(200)
    ben.post(task, "/comments", text="Quiet").expect(201)
    settled()
    assert kinds(anna, task) == [] and kinds(cleo, task) == ["commented"]
    ben.post(task, "/comments", text="Anna!", mentions=[anna.id]).expect(201)
    ben.put(task, f"/assignees/{anna.id}").expect(200)
    assert kinds(anna, task) == ["assigned", "mentioned"]
    assert state(anna, task) == ("muted", False)


def test_nobody_is_notified_of_what_they_can_no_longer_read(anna, ben, cleo, scene, settled):
    project, task = scene
    put(ben, task, "watching").expect(200)
    put(cleo, task, "watching").expect(200)
    anna.delete(f"/v1/projects/{project['id']}/members/{ben.id}").expect(204)
    anna.post(task, "/comments", text="Among us").expect(201)
    settled()
    assert kinds(cleo, task) == ["commented"]
    assert ben.items("/v1/notifications") == [] == ben.items("/v1/subscriptions")
    ben.get(f"/v1/tasks/{task['id']}/subscription").expect(404)
    anna.share(project, ben)
    assert state(ben, task) == ("none", True)


def test_a_comment_that_is_deleted_at_once_and_one_in_the_trash_notify_nobody(anna, ben, cleo, scene, settled):
    project, task = scene
    other = anna.task("Gone", projectId=project["id"])
    put(cleo, task, "watching").expect(200)
    for watched in (task, other):
        put(ben, watched, "watching").expect(200)
    anna.post("/v1/batch", atomic=True, ops=[
        {"method": "POST", "path": f"/v1/tasks/{task['id']}/comments", "body": {"text": "Oops"}, "ref": "c"},
        {"method": "DELETE", "path": "/v1/comments/$c"},
        {"method": "POST", "path": f"/v1/tasks/{other['id']}/comments", "body": {"text": "Soon gone"}},
        {"method": "DELETE", "path": f"/v1/tasks/{other['id']}"}]).expect(200)
    settled()
    assert ben.items("/v1/notifications") == [] == kinds(cleo, task)
    for refused in ("muted", "watching"):
        put(ben, other, refused).expect(404)


def test_a_state_goes_along_with_a_move_for_those_who_may_read_the_new_project(anna, ben, cleo, scene):
    project, task = scene
    new = anna.project("New")
    anna.share(new, ben)
    for user, wanted in ((anna, "muted"), (ben, "watching"), (cleo, "watching")):
        put(user, task, wanted).expect(200)
    anna.post(task, "/move", projectId=new["id"]).expect(200)
    assert state(anna, task) == ("muted", False) and state(ben, task) == ("watching", False)
    assert [s["projectId"] for s in ben.items("/v1/subscriptions")] == [new["id"]]
    assert cleo.items("/v1/subscriptions") == []
    anna.delete(f"/v1/projects/{new['id']}/members/{ben.id}").expect(204)
    assert ben.items("/v1/subscriptions") == []


def test_states_are_live_and_in_sync_and_export(ben, scene):
    project, task = scene
    before = ben.get("/v1/sync").expect(200)
    assert before["subscriptions"] == []
    with ben.live(("user:me",)) as feed:
        put(ben, task, "muted").expect(200)
        made = ben.items("/v1/subscriptions")[0]
        ben.delete(f"/v1/tasks/{task['id']}/subscription").expect(204)
        put(ben, task, "watching").expect(200)
        events = [feed.expect(f"subscription.{kind}") for kind in ("created", "deleted", "created")]
    assert events[0]["data"] == events[1]["data"] == made
    now = ben.items("/v1/subscriptions")
    news = ben.get("/v1/sync", cursor=before["cursor"]).expect(200)
    assert news["subscriptions"] == now and news["tasks"] == []
    assert [(d["entity"], d["id"]) for d in news["deleted"]] == [("subscription", made["id"])]
    assert ben.get("/v1/sync").expect(200)["subscriptions"] == now
    assert ben.get("/v1/me/export").expect(200)["subscriptions"] == now


def test_a_token_bound_to_projects_sees_only_the_states_there(anna, ben, scene):
    project, task = scene
    ours, theirs = ben.project("Ours"), anna.task("Other", projectId=project["id"])
    mine = ben.task("Mine", projectId=ours["id"])
    script = ben.log_in()
    script.token = ben.post("/v1/api-tokens", name="s", scopes=["read", "write"], projectIds=[ours["id"]]).expect(201)["token"]
    cursor = script.get("/v1/sync").expect(200)["cursor"]
    for each in (task, theirs, mine):
        put(ben, each, "muted").expect(200)
    ben.delete(f"/v1/tasks/{theirs['id']}/subscription").expect(204)
    assert [s["taskId"] for s in script.items("/v1/subscriptions")] == [mine["id"]]
    news = script.get("/v1/sync", cursor=cursor).expect(200)
    assert [s["taskId"] for s in news["subscriptions"]] == [mine["id"]] and news["deleted"] == []
    assert [s["taskId"] for s in script.get("/v1/sync").expect(200)["subscriptions"]] == [mine["id"]]
    put(script, task, "watching").expect(404)
    script.delete(f"/v1/tasks/{mine['id']}/subscription").expect(204)
    assert [(d["entity"]) for d in script.get("/v1/sync", cursor=news["cursor"]).expect(200)["deleted"]] == ["subscription"]


def test_the_next_task_of_a_series_keeps_the_states(anna, ben, cleo, scene):
    project, _ = scene
    task = anna.task("Weekly", projectId=project["id"], dueDate="2040-01-02", recurrence={"rule": "FREQ=WEEKLY"})
    child = anna.task("Part", projectId=project["id"], parentId=task["id"])
    put(anna, task, "muted").expect(200)
    put(ben, task, "watching").expect(200)
    put(ben, child, "muted").expect(200)
    put(cleo, task, "watching").expect(200)
    anna.delete(f"/v1/projects/{project['id']}/members/{cleo.id}").expect(204)
    with ben.live(("user:me",)) as feed:
        done = anna.patch(task, status="completed").expect(200)
        created = [feed.expect("subscription.created")["data"] for _ in range(2)]
    following = anna.get(f"/v1/tasks/{done['nextId']}").expect(200)
    part = anna.items("/v1/tasks", parentId=following["id"], projectId=project["id"])[0]
    assert [(s["taskId"], s["state"]) for s in created] == [(following["id"], "watching"), (part["id"], "muted")]
    eventually(lambda: state(anna, following) == ("muted", False), what="the creator's state")
    assert state(ben, following) == ("watching", False) and state(ben, part) == ("muted", False)


def test_whoever_can_comment_in_an_open_project_watches_until_it_is_closed(world, anna):
    project = anna.project(access="everyone", accessRole="commenter")
    task = anna.task(projectId=project["id"])
    others = [world.user("eve") for _ in range(3)]
    for other in others:
        other.post(task, "/comments", text="Here").expect(201)
        other.post(task, "/comments", text="And here").expect(201)
    assert [state(other, task) for other in others] == [("watching", True)] * 3
    eventually(lambda: kinds(others[0], task).count("commented") == 4, what="everybody's notifications")
    anna.patch(project, access="members").expect(200)
    anna.post(task, "/comments", text="Now among us").expect(201)
    others[0].get(f"/v1/tasks/{task['id']}/subscription").expect(404)


FAULTS = ["cut-before command=update collection=topics", "cut-after command=commitTransaction", "cut-after command=insert collection=events",
          f"error command=insert collection=events code=112 labels={TRANSIENT}", "cut-after command=commitTransaction times=2"]


def test_a_state_is_set_once_whatever_fails_and_the_projects_log_has_no_gap(stack, anna, ben, scene):
    """The number of the project that the change takes is given back."""
    project, task = scene
    ben.http.strict = False  # a 503 is an answer here
    put(ben, task, "watching").expect(200)
    for n, fault in enumerate(FAULTS):
        with stack.fault(fault):
            until_done(lambda n=n: ben.put(task, "/subscription", state=("muted", "watching")[n % 2], key=f"k{n}")).expect(200)
        assert ben.items("/v1/subscriptions")[0]["rev"] == n + 2
        anna.patch(task, title=f"After fault {n}").expect(200)
    assert [e["kind"] for e in log_of(anna, project)].count("task.updated") == len(FAULTS)


@pytest.mark.parametrize("fault", ["cut-after command=insert collection=notifications program=", "cut-before command=insert collection=notifications program=",
                                   f"error command=insert collection=notifications program= code=112 labels={TRANSIENT}"])
def test_a_watcher_is_notified_once_whatever_fails(stack, anna, ben, cleo, scene, settled, fault):
    _, task = scene
    put(cleo, task, "watching").expect(200)
    with stack.fault(fault):
        ben.post(task, "/comments", text="Once").expect(201)
        settled()
    assert kinds(anna, task) == kinds(cleo, task) == ["commented"]


def test_a_batch_can_set_states_among_other_changes(anna, ben, scene):
    project, task = scene
    path = f"/v1/tasks/{task['id']}"
    ops = [("PUT", "/subscription", {"state": "muted"}), ("PATCH", "", {"title": "Between"}), ("PUT", "/subscription", {"state": "muted"}),
           ("PUT", "/subscription", {"state": "watching"}), ("POST", "/comments", {"text": "Hm"}), ("DELETE", "/subscription", None)]
    for atomic in (True, False):
        results = ben.post("/v1/batch", atomic=atomic, ops=[
            {"method": method, "path": path + sub, **({"body": body} if body else {})} for method, sub, body in ops]).expect(200)["results"]
        assert [r["status"] for r in results] == [200, 200, 200, 200, 201, 204]
        assert ben.items("/v1/subscriptions") == [] and state(ben, task) == ("watching", True)
        anna.patch(task, title="After").expect(200)
    kinds_of = [e["kind"] for e in log_of(anna, project)]  # without a gap
    assert kinds_of.count("task.updated") == 4 and kinds_of.count("comment.created") == 2
