"""Removed comments and deleted accounts are erased from the log, sync, history and push; their event numbers stay."""
import secrets

import pytest
from client import PASSWORD, SETTINGS, World, eventually
from pymongo import MongoClient
from stack import Stack


def events(user, project, since=None):
    query = {"since": since} if since else {}
    return user.get(f"/v1/projects/{project['id']}/events", limit=1000, **query).expect(200)["items"]


def test_a_removed_comment_disappears_from_every_response(anna, ben, stack):
    project, secret, edited = anna.project(), secrets.token_hex(12), secrets.token_hex(12)
    anna.share(project, ben)
    task = anna.task(projectId=project["id"])
    start = anna.get("/v1/sync").expect(200)["cursor"]
    with ben.live(follow=[f"project:{project['id']}"]) as feed:
        cursor = feed.cursors[f"project:{project['id']}"]
        comment = anna.post(task, "/comments", text=f"The key is {secret}.").expect(201)
        anna.patch(comment, text=f"The key was {edited}.").expect(200)
        before = events(anna, project)
        assert feed.expect("comment.created")["data"]["text"] == f"The key is {secret}."
        anna.delete(comment).expect(204)
        removed = feed.expect("comment.deleted")
        assert removed["data"] is None and removed["changes"] == {} and removed["entityId"] == comment["id"]
    after = events(anna, project)
    numbers = [(e["seq"], e["cursor"], e["kind"], e["entityId"], e["rev"], e["actorId"], e["at"]) for e in after]
    assert numbers[:-1] == [(e["seq"], e["cursor"], e["kind"], e["entityId"], e["rev"], e["actorId"], e["at"])
                            for e in before]
    erased = [e for e in after if e["entityId"] == comment["id"]]
    assert [(e["changes"], e["data"], e.get("dataOmitted")) for e in erased] == [
        (None, None, True), (None, None, True), ({}, None, None)]
    step = anna.get("/v1/sync", cursor=start).expect(200)
    assert {"entity": "comment", "id": comment["id"], "projectId": project["id"]} in step["deleted"]
    answers = [anna.get(path).expect(200).body for path in (
        f"/v1/projects/{project['id']}/events?limit=1000", f"/v1/projects/{project['id']}/snapshot",
        f"/v1/tasks/{task['id']}/history", f"/v1/tasks/{task['id']}/comments", "/v1/sync", "/v1/notifications")]
    with MongoClient(stack.mongodb_uri) as mongo:
        base = mongo[stack.mongodb_database]
        stored = [str(list(base[name].find())).encode() for name in ("events", "comments", "notifications", "tasks")]
    for text in (secret.encode(), edited.encode()):
        assert not any(text in where for where in answers + [step.body] + stored)
    with ben.live(follow=[]) as again:  # its replay: neither from push's memory nor from the log
        assert again.follow(f"project:{project['id']}", since=cursor)["recovered"] is True
        while len(again.events) < 3:
            again.receive()
        assert secret not in str(again.events) and edited not in str(again.events)
        assert [e["kind"] for e in again.events] == ["comment.created", "comment.updated", "comment.deleted"]


def test_a_moved_comment_is_also_erased_from_its_old_project(anna, ben, stack):
    """In the log of every project that it was ever in, and nothing else there."""
    projects, secret, kept = [anna.project(name) for name in ("First", "Second", "Third")], secrets.token_hex(12), secrets.token_hex(12)
    anna.share(projects[0], ben)
    task = anna.task(projectId=projects[0]["id"])
    comment = anna.post(task, "/comments", text=secret).expect(201)
    anna.post(task, "/comments", text=kept).expect(201)
    before = events(ben, projects[0])
    for n in (1, 2):
        anna.post(task, "/move", projectId=projects[n]["id"]).expect(200)
        anna.patch(comment, text=f"{secret} {n}").expect(200)
    assert secret in str(events(ben, projects[0])) and secret in str(events(anna, projects[1]))
    anna.delete(comment).expect(204)
    with MongoClient(stack.mongodb_uri) as mongo:
        log = str(list(mongo[stack.mongodb_database].events.find()))
    assert secret not in log and kept in log
    after = events(ben, projects[0])
    assert [(e["seq"], e["kind"], e["entityId"]) for e in after][:len(before)] == [
        (e["seq"], e["kind"], e["entityId"]) for e in before]
    assert [e for e in after if e["kind"] != "comment.created"][:-1] == [e for e in before if e["kind"] != "comment.created"]


def test_the_number_of_edits_of_a_comment_is_limited():
    """So that erasing all of them is one write of limited size."""
    with Stack(settings={**SETTINGS, "COMMENT_EDITS": "5"}) as stack:
        anna = World(stack.url, stack.ws_url).user()
        comment = anna.post(anna.task(), "/comments", text="One").expect(201)
        for n in range(4):
            anna.patch(comment, text=f"More {n}").expect(200)
        anna.patch(comment, text="One too many").expect(409, "quota-exceeded")
        anna.delete(comment).expect(204)


@pytest.mark.timeout(90)
def test_a_deleted_account_is_erased_from_the_log_of_every_project():
    with Stack(settings={**SETTINGS, "ACCOUNT_GRACE_DAYS": "0"}) as stack:
        world = World(stack.url, stack.ws_url)
        name = "Z" + secrets.token_hex(8)
        anna, zoe = world.user(), world.user(name.lower())
        name = zoe.name
        present, left = anna.project("Present"), anna.project("Left")
        for project in (present, left):
            anna.share(project, zoe)
        anna.delete(f"/v1/projects/{left['id']}/members/{zoe.id}").expect(204)
        numbers = {p["id"]: [e["seq"] for e in events(anna, p)] for p in (present, left)}
        assert name in str(events(anna, present)) and name in str(events(anna, left))
        secret, own = secrets.token_hex(12), zoe.project("Own")
        task = zoe.task(projectId=present["id"])
        zoe.post(task, "/comments", text=secret).expect(201)
        zoe.post(task, "/move", projectId=own["id"]).expect(200)
        assert secret in str(events(anna, present))
        numbers[present["id"]] = [e["seq"] for e in events(anna, present)]
        zoe.send("DELETE", "/v1/me", {"password": PASSWORD}).expect(204)
        with MongoClient(stack.mongodb_uri) as mongo:
            base = mongo[stack.mongodb_database]
            eventually(lambda: base.users.find_one({"purgedAt": {"$ne": None}}), within=20, what="the erasure")
            for collection in ("events", "users", "projects", "tasks", "sessions", "notifications", "filters", "subscriptions"):
                assert name not in str(list(base[collection].find())), collection
            assert secret not in str([list(base[name].find()) for name in ("events", "comments")])
        assert [e["seq"] for e in events(anna, left)] == numbers[left["id"]]
        assert [e["seq"] for e in events(anna, present)][:-1] == numbers[present["id"]]
        assert name not in str(events(anna, present)) + str(anna.get("/v1/sync").expect(200).json)
