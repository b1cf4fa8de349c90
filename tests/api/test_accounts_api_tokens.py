"""API tokens: what each scope allows, how they end, and that they cannot access the account itself."""
import datetime
import threading

import bson
import pymongo
import pytest
import tokens
from client import PASSWORD, PROMISED, User, eventually

OTHER = "an altogether new one"


def instant(**ahead):
    at = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(**ahead)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def instant_of(minutes):
    return datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(minutes=minutes)


def make(user, *scopes, name="A script", **fields):
    return user.post("/v1/api-tokens", name=name, scopes=list(scopes), **fields)


def program(world, user, *scopes, **fields):
    """A program that acts for a user."""
    who = User(world)
    who.token = make(user, *scopes, **fields).expect(201)["token"]
    return who


def test_an_api_token_is_shown_only_once(anna, outbox):
    made = make(anna, "read", "write").expect(201)
    assert made["token"].startswith("tw_") and len(made["token"]) >= 40
    assert made.headers["location"] == "/v1/api-tokens/" + made["id"]
    listed = anna.items("/v1/api-tokens")
    assert [(t["id"], t["name"], t["scopes"], t["expiresAt"]) for t in listed] == [
        (made["id"], "A script", ["read", "write"], None)]
    assert made["token"] not in str(listed) and made["token"] not in anna.get("/v1/me/export").body.decode()
    mail = outbox.email(anna.email, "new API token")
    assert "read, write" in mail.text and made["token"] not in mail.text


def test_a_tokens_name_is_not_turned_into_a_link_in_the_email(anna, outbox):
    """The name may be chosen by someone who stole the session, and the owner trusts the email."""
    make(anna, "read", name="Safe: go to https://evil.example/win").expect(201)
    mail = outbox.email(anna.email, "new API token")
    assert "evil" in mail.text and "evil." not in mail.text + mail.html and "://evil" not in mail.html


@pytest.mark.parametrize("scope, reads, writes, manages", [
    ("read", True, False, False), ("write", True, True, False), ("admin", True, True, True)])
def test_each_scope_includes_the_lower_ones(world, anna, ben, scope, reads, writes, manages):
    project = anna.project()
    anna.share(project, ben, "viewer")
    script = program(world, anna, scope)
    assert script.get("/v1/me").expect(200)["id"] == anna.id and reads
    assert script.get("/v1/tasks").status == 200
    reply = script.post("/v1/tasks", title="By a script", projectId=project["id"])
    reply.expect(201) if writes else reply.expect(403, "forbidden")
    reply = script.put(project, f"/members/{ben.id}", role="member")
    reply.expect(200) if manages else reply.expect(403, "forbidden")


@pytest.mark.parametrize("method, path, body", [
    ("GET", "/v1/sessions", None), ("DELETE", "/v1/sessions", None), ("DELETE", "/v1/sessions/current", None),
    ("GET", "/v1/api-tokens", None), ("POST", "/v1/api-tokens", {"name": "More", "scopes": ["admin"]}),
    ("POST", "/v1/me/password", {"currentPassword": "x" * 12, "newPassword": "y" * 12}),
    ("POST", "/v1/me/totp", {}), ("DELETE", "/v1/me", {"password": "x" * 12}), ("GET", "/v1/me/export", None),
    ("POST", "/v1/verifications", {"purpose": "email"})])
def test_no_api_token_can_access_the_account_itself(world, anna, method, path, body):
    program(world, anna, "admin").send(method, path, body).expect(403, "forbidden")
    anna.get("/v1/me").expect(200)


def test_the_scope_write_cannot_open_trash_or_transfer_a_project(world, anna, ben):
    project = anna.project()
    anna.share(project, ben, "member")
    writer, admin = program(world, anna, "write"), program(world, anna, "admin")
    writer.patch(project, name="Renamed").expect(200)
    writer.post("/v1/projects", name="Mine").expect(201)
    for refused in (writer.patch(project, access="everyone"), writer.post("/v1/projects", name="Open", access="everyone"),
                    writer.delete(project), writer.put(project, f"/members/{ben.id}", role="owner")):
        refused.expect(403, "forbidden")
    assert anna.get(project).expect(200)["access"] == "members"
    admin.patch(project, access="everyone").expect(200)
    writer.patch(project, access="members").expect(403, "forbidden")
    admin.delete(project).expect(204)
    writer.send("POST", f"/v1/projects/{project['id']}/restore").expect(403, "forbidden")


def test_changing_the_password_ends_api_tokens_unless_they_are_kept(world, anna):
    ended = program(world, anna, "read")
    anna.post("/v1/me/password", currentPassword=PASSWORD, newPassword=OTHER).expect(204)
    ended.get("/v1/me").expect(401)
    kept = program(world, anna, "read")
    anna.post("/v1/me/password", currentPassword=OTHER, newPassword=PASSWORD, keepApiTokens=True).expect(204)
    kept.get("/v1/me").expect(200)
    anna.delete("/v1/sessions").expect(204)
    kept.get("/v1/me").expect(200)


def test_api_tokens_and_the_export_require_a_recent_password(stack, world, anna):
    """A session stolen long after its login cannot get either."""
    sid = {"_id": bson.ObjectId(tokens.claims(anna.token)["sid"])}
    with pymongo.MongoClient(stack.mongodb_uri) as client:
        sessions = client[stack.mongodb_database].sessions
        for minutes, status in ((14, 201), (16, 403)):
            sessions.update_one(sid, {"$set": {"confirmedAt": instant_of(minutes)}})
            make(anna, "read").expect(status, None if status == 201 else "step-up-required")
    anna.get("/v1/me/export").expect(403, "step-up-required")
    for body in ({}, {"password": "not it at all"}):
        anna.send("POST", "/v1/sessions/current/confirm", body).expect(422, "invalid", {"/password"})
    make(anna, "read").expect(403, "step-up-required")
    anna.post("/v1/sessions/current/confirm", password=PASSWORD).expect(204)
    make(anna, "read").expect(201)
    anna.get("/v1/me/export").expect(200)


def test_an_api_token_has_no_more_rights_than_its_owner(world, anna, ben):
    his = ben.project()
    script = program(world, anna, "admin")
    script.get(his).expect(404)
    ben.share(his, anna, "viewer")
    script.get(his).expect(200)
    script.post("/v1/tasks", title="No", projectId=his["id"]).expect(403)


def ids(reply):
    return {item["id"] for item in reply.expect(200)["items"]}


def two_projects(anna):
    """A project that the token may access and one that it may not, each with a task and a comment."""
    made = []
    for name in ("Within", "Outside"):
        project = anna.project(name)
        task = anna.task(f"A task {name.lower()}", projectId=project["id"])
        made += [project, task, anna.post(task, "/comments", text=f"Said {name.lower()}").expect(201)]
    return made[:3], made[3:]


def test_a_token_bound_to_projects_sees_no_other_project(world, anna):
    (project, task, _), (other, hidden, _) = two_projects(anna)
    script = program(world, anna, "admin", projectIds=[project["id"]])
    assert anna.items("/v1/api-tokens")[0]["projectIds"] == [project["id"]]
    assert ids(script.get("/v1/projects")) == {project["id"]}
    assert ids(script.get("/v1/tasks")) == ids(script.get("/v1/tasks", q="task")) == {task["id"]}
    assert len(ids(script.get(f"/v1/tasks/{task['id']}/comments"))) == 1
    for path in (f"/v1/projects/{other['id']}", f"/v1/projects/{other['id']}/snapshot",
                 f"/v1/projects/{other['id']}/members", f"/v1/tasks?projectId={other['id']}",
                 f"/v1/tasks/{hidden['id']}", f"/v1/tasks/{hidden['id']}/comments",
                 f"/v1/tasks/{hidden['id']}/history"):
        script.get(path).expect(404, "not-found")
    assert script.get("/v1/me").expect(200)["id"] == anna.id


def test_a_token_bound_to_projects_cannot_write_elsewhere(world, anna):
    (project, task, comment), (other, hidden, said) = two_projects(anna)
    script = program(world, anna, "admin", projectIds=[project["id"]])
    script.post("/v1/tasks", title="Here", projectId=project["id"]).expect(201)
    script.patch(task, title="Renamed").expect(200)
    script.patch(f"/v1/comments/{comment['id']}", text="Changed").expect(200)
    before = anna.get(f"/v1/projects/{other['id']}/snapshot").expect(200).json
    for refused in (script.post("/v1/tasks", title="There", projectId=other["id"]),
                    script.post("/v1/tasks", title="In the Inbox"), script.patch(hidden, title="Renamed"),
                    script.patch(f"/v1/comments/{said['id']}", text="Changed"), script.delete(hidden),
                    script.post(task, "/move", projectId=other["id"]),
                    script.post(hidden, "/move", projectId=project["id"]), script.patch(other, name="Renamed")):
        refused.expect(404, "not-found")
    script.post("/v1/projects", name="One more").expect(403, "forbidden")
    assert anna.get(f"/v1/projects/{other['id']}/snapshot").expect(200).json == before
    assert anna.get(task).expect(200)["projectId"] == project["id"]


def test_sync_with_a_bound_token_returns_only_its_projects(stack, world, anna, ben):
    (project, task, comment), (other, hidden, _) = two_projects(anna)
    for plan in (project, other):
        ben.acquaint(anna)
        anna.share(plan, ben, "member")
    script = program(world, anna, "read", projectIds=[project["id"]])
    whole = script.get("/v1/sync").expect(200)
    assert [p["id"] for p in whole["projects"]] == [project["id"]]
    assert [t["id"] for t in whole["tasks"]] == [task["id"]] and [c["id"] for c in whole["comments"]] == [comment["id"]]
    for one in (task, hidden):
        ben.patch(one, title="Yours", assigneeIds=[anna.id]).expect(200)
    changes = script.get("/v1/sync", cursor=whole["cursor"]).expect(200)
    assert [t["id"] for t in changes["tasks"]] == [task["id"]] and changes["projects"] == [] and changes["deleted"] == []
    assert [n["projectId"] for n in changes["notifications"]] == [project["id"]]
    again = script.post("/v1/sync", cursor=None).expect(200)
    assert [n["projectId"] for n in again["notifications"]] == [project["id"]]
    notifications = anna.items("/v1/notifications")
    with pymongo.MongoClient(stack.mongodb_uri) as mongo:
        mongo[stack.mongodb_database].notifications.delete_many({"userId": bson.ObjectId(anna.id)})
    gone = script.get("/v1/sync", cursor=whole["cursor"]).expect(200)["deleted"]
    assert {"notification"} == {d["entity"] for d in gone}
    assert [d["id"] for d in gone] == [n["id"] for n in notifications if n["projectId"] == project["id"]]  # a single time: the other's as well


def test_notifications_with_a_bound_token_are_only_those_of_its_projects(world, anna, ben):
    (project, task, _), (other, hidden, _) = two_projects(anna)
    for plan, one in ((project, task), (other, hidden)):
        anna.share(plan, ben, "member")
        ben.patch(one, assigneeIds=[anna.id]).expect(200)
    script = program(world, anna, "write", projectIds=[project["id"]])
    by_project = {n["projectId"]: n["id"] for n in anna.items("/v1/notifications")}
    assert ids(script.get("/v1/notifications")) == {by_project[project["id"]]}
    script.patch(f"/v1/notifications/{by_project[other['id']]}", read=True).expect(404)
    script.post("/v1/notifications/read").expect(204)
    assert {n["projectId"]: n["read"] for n in anna.items("/v1/notifications")} == {
        project["id"]: True, other["id"]: False}


def test_a_long_poll_with_a_bound_token_is_limited_to_its_projects(world, anna):
    (project, task, _), (other, _, _) = two_projects(anna)
    script = program(world, anna, "read", projectIds=[project["id"]])
    here, there = (f"/v1/projects/{plan['id']}" for plan in (project, other))
    since, got = script.get(here + "/snapshot").expect(200)["cursor"], []
    script.get(there + "/events", since=since, wait=20).expect(404)
    poll = threading.Thread(target=lambda: got.append(script.get(here + "/events", since=since, wait=20)))
    poll.start()
    anna.patch(task, title="Moved on").expect(200)
    poll.join(20)
    assert [e["entityId"] for e in got[0].expect(200)["items"]] == [task["id"]]


def test_a_bound_token_does_not_replay_its_owners_responses(world, anna):
    """The owner's request with the same key was about a task that the token may not see."""
    (project, _, _), (_, hidden, _) = two_projects(anna)
    script = program(world, anna, "write", projectIds=[project["id"]])
    anna.patch(hidden, title="Secret", key="the same").expect(200)
    script.patch(hidden, title="Secret", key="the same").expect(404)


def test_a_bound_token_cannot_add_people_known_from_other_projects(world, anna, ben):
    (project, _, _), (other, _, _) = two_projects(anna)
    anna.share(other, ben, "member")
    script = program(world, anna, "admin", projectIds=[project["id"]])
    script.put(project, f"/members/{ben.id}", role="viewer").expect(404)
    assert [p["id"] for p in script.get("/v1/users", ids=ben.id).expect(200)["items"]] == []
    anna.put(project, f"/members/{ben.id}", role="viewer").expect(200)
    assert [p["id"] for p in script.get("/v1/users", ids=ben.id).expect(200)["items"]] == [ben.id]


def test_the_email_about_a_bound_token_names_its_projects(anna, outbox):
    made = make(anna, "read", projectIds=[anna.project()["id"]]).expect(201)
    assert len(made["projectIds"]) == 1
    assert "read, in 1 project" in outbox.email(anna.email, "new API token").text


def test_a_token_can_only_be_bound_to_projects_its_owner_can_read(anna, ben):
    own, his = anna.project(), ben.project()
    gone = anna.project()
    anna.delete(gone).expect(204)
    make(anna, "read", projectIds=[own["id"], his["id"], gone["id"]]).expect(
        422, "invalid", {"/projectIds/1", "/projectIds/2"})
    make(anna, "read", projectIds=[]).expect(422, "invalid", {"/projectIds"})
    make(anna, "read", projectIds=["f" * 24] * 51).expect(422, "invalid", {"/projectIds"})
    assert make(anna, "read", projectIds=None).expect(201)["projectIds"] is None


def test_a_removed_api_token_stops_working_immediately(world, anna):
    script = program(world, anna, "read")
    script.get("/v1/me").expect(200)
    anna.delete("/v1/api-tokens/" + anna.items("/v1/api-tokens")[0]["id"]).expect(204)
    script.get("/v1/me").expect(401, "unauthenticated")
    assert anna.items("/v1/api-tokens") == []


def test_an_api_token_expires(world, anna):
    script = program(world, anna, "read", expiresAt=instant(seconds=1))
    script.get("/v1/me").expect(200)
    eventually(lambda: script.get("/v1/me").status == 401, within=PROMISED, what="the end of the token")


def test_users_cannot_see_or_remove_each_others_api_tokens(anna, ben):
    made = make(anna, "read").expect(201)
    ben.delete("/v1/api-tokens/" + made["id"]).expect(404)
    assert ben.items("/v1/api-tokens") == []
    assert len(anna.items("/v1/api-tokens")) == 1


def test_a_password_reset_ends_api_tokens(world, anna, outbox):
    script = program(world, anna, "read")
    world.anonymous().post("/v1/password-resets", email=anna.email).expect(202)
    token = outbox.email(anna.email, "Choose a new password").token
    world.anonymous().put("/v1/password-resets", token=token, password="an altogether new one").expect(204)
    script.get("/v1/me").expect(401)


def test_the_last_use_of_a_token_is_recorded(world, anna):
    script = program(world, anna, "read")
    assert anna.items("/v1/api-tokens")[0]["lastUsedAt"] is None
    script.get("/v1/me").expect(200)
    assert anna.items("/v1/api-tokens")[0]["lastUsedAt"] is not None


@pytest.mark.parametrize("body, pointers", [
    ({"name": "x"}, {"/scopes"}), ({"scopes": ["read"]}, {"/name"}), ({"name": "", "scopes": []}, {"/name", "/scopes"}),
    ({"name": "x", "scopes": ["root"]}, {"/scopes/0"}), ({"name": "x", "scopes": "read"}, {"/scopes"}),
    ({"name": "x", "scopes": ["read", "read"]}, {"/scopes/1"}),
    ({"name": "x", "scopes": ["read"], "expiresAt": "2020-01-01T00:00:00Z"}, {"/expiresAt"}),
    ({"name": "x", "scopes": ["read"], "userId": "f" * 24}, {"/userId"})])
def test_an_api_token_with_invalid_fields_is_refused(anna, body, pointers):
    anna.post("/v1/api-tokens", **body).expect(422, "invalid", pointers)


@pytest.mark.parametrize("token", ["tw_", "tw_x", "tw_" + "A" * 43, "tw_" + "A" * 5000, "TW_" + "A" * 43])
def test_a_malformed_api_token_is_refused(world, token):
    User(world).get("/v1/me", headers={"Authorization": "Bearer " + token}).expect(401)
