"""Exporting an account's data, closing the account, reopening it, and its deletion."""
import datetime
import threading

import bson
import pymongo
import pytest
from client import PASSWORD, PROMISED, eventually, fresh_account


@pytest.fixture
def db(stack):
    with pymongo.MongoClient(stack.mongodb_uri) as client:
        yield client[stack.mongodb_database]


def leave(user, password=PASSWORD):
    return user.send("DELETE", "/v1/me", {"password": password})


def let_grace_pass(db, user):
    """Makes the account look closed a month ago, so its job is due now."""
    past = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=30)
    db.users.update_one({"_id": bson.ObjectId(user.id), "deletedAt": {"$ne": None}}, {"$set": {"deletedAt": past}})
    db.jobs.update_many({"kind": "purge"}, {"$set": {"dueAt": past}})
    eventually(lambda: db.jobs.count_documents({"kind": "purge", "dueAt": {"$lte": datetime.datetime.now(datetime.timezone.utc)}}) == 0
               and db.jobs.count_documents({"kind": "purge", "lease": {"$exists": True}}) == 0,
               within=10, what="the end of all purges")


def test_the_export_contains_the_users_data_and_nothing_else(anna, ben):
    project = ben.project("Shared")
    ben.share(project, anna)
    mine, his = anna.task("Mine", projectId=project["id"]), ben.task("His", projectId=project["id"])
    both = ben.task("For Anna", projectId=project["id"], assigneeIds=[anna.id])
    anna.post(f"/v1/tasks/{his['id']}/comments", text="A word").expect(201)
    ben.post(f"/v1/tasks/{his['id']}/comments", text="Another").expect(201)
    export = anna.get("/v1/me/export").expect(200).json
    assert export["user"]["email"] == anna.email and export["complete"] is True
    assert {t["id"] for t in export["tasks"]} == {mine["id"], both["id"]}
    assert [c["text"] for c in export["comments"]] == ["A word"]
    assert {(p["name"], p["role"]) for p in export["projects"]} == {("Inbox", "owner"), ("Shared", "member")}
    assert len(export["sessions"]) == 1
    assert {n["kind"] for n in export["notifications"]} - {"commented"} == {"assigned"}  # perhaps Ben's comment too by now
    assert "scrypt" not in str(export) and "$s1$" not in str(export)


@pytest.mark.parametrize("body", [None, {}, {"password": "not it at all"}, {"password": None}, {"password": {"$ne": ""}}])
def test_closing_an_account_requires_the_password(anna, body):
    anna.send("DELETE", "/v1/me", body).expect((400, 422))
    anna.get("/v1/me").expect(200)


def test_a_closed_account_is_inaccessible_until_its_owner_logs_in(world, anna, outbox):
    other = anna.log_in()
    leave(anna).expect(204)
    for each in (anna, other):
        eventually(lambda: each.get("/v1/me").status == 401, within=PROMISED, what="the end of a session")
    world.anonymous().post("/v1/sessions/refresh", refreshToken=other.refresh_token).expect(401)
    outbox.email(anna.email, "will be deleted")
    again = anna.log_in()
    assert again.get("/v1/me")["id"] == anna.id
    outbox.email(anna.email, "will not be deleted")


def test_a_reopened_account_is_not_deleted_when_the_old_job_runs(db, anna):
    leave(anna).expect(204)
    anna.log_in()
    let_grace_pass(db, anna)
    assert anna.log_in().get("/v1/me")["email"] == anna.email


def test_an_account_that_is_being_deleted_cannot_be_reopened(world, db, stack, anna):
    """Regression: a user who logged in during the deletion was told that the account was kept."""
    leave(anna).expect(204)
    user = bson.ObjectId(anna.id)
    with stack.fault("hold command=delete collection=sessions program=taskwire-jobs ms=5000"):
        purge = threading.Thread(target=let_grace_pass, args=(db, anna))
        purge.start()
        eventually(lambda: db.projects.count_documents({"members.userId": user}) == 0, what="the end of the projects")
        world.anonymous().post("/v1/sessions", login=anna.email, password=PASSWORD).expect(401, "bad-credentials")
    purge.join()
    assert "purgedAt" in db.users.find_one({"_id": user})


def test_a_closed_account_is_kept_during_the_grace_period(db, anna):
    others = [job["_id"] for job in db.jobs.find({"kind": "purge"})]  # ids of several programs are not in order
    leave(anna).expect(204)
    job, = db.jobs.find({"kind": "purge", "_id": {"$nin": others}})
    left = job["dueAt"] - datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)
    assert datetime.timedelta(days=13) < left < datetime.timedelta(days=15)


def test_deleting_an_account_emits_events_that_followers_see(world, db, anna, ben):
    shared, alone = anna.project("Shared"), anna.project("Alone")
    anna.share(shared, ben, "owner")
    task = anna.task("Stays", projectId=shared["id"])
    gone = anna.task("Goes", projectId=alone["id"])
    kept, link = (anna.post(project, "/links").expect(201)["id"] for project in (shared, alone))
    cursor = ben.get(f"/v1/projects/{shared['id']}/snapshot").expect(200)["cursor"]
    anna.post("/v1/filters", name="Mine", filter="done = false").expect(201)
    for watched in (task, gone):
        anna.put(watched, "/subscription", state="watching").expect(200)
    leave(anna).expect(204)
    let_grace_pass(db, anna)
    events = list(ben.pages_of_events(shared, cursor))
    assert [(e["kind"], e["entityId"], e["data"]) for e in events] == [("member.removed", anna.id, None)]
    assert [m["userId"] for m in ben.items(f"/v1/projects/{shared['id']}/members")] == [ben.id]
    assert ben.get(task).expect(200)["createdBy"] == anna.id
    user = db.users.find_one({"_id": bson.ObjectId(anna.id)})
    assert user["name"] == "Deleted user" and anna.email not in str(user) and anna.phone not in str(user)
    for name in ("sessions", "tokens", "notifications", "filters", "subscriptions"):
        assert db[name].count_documents({"userId": bson.ObjectId(anna.id)}) == 0, name
    assert db.tasks.find_one({"_id": bson.ObjectId(gone["id"])}) is None
    assert db.events.count_documents({"topic": {"$in": [f"project:{alone['id']}", f"user:{anna.id}", f"user:{link}"]}}) == 0
    assert db.topics.find_one({"_id": f"user:{link}"}) is None
    assert [ben.items(f"/v1/projects/{shared['id']}/links")[0]["id"], db.links.find_one({"_id": bson.ObjectId(link)})] == [kept, None]
    world.anonymous().post("/v1/sessions", login=anna.email, password=PASSWORD).expect(401)
    world.anonymous().post("/v1/users", **{**fresh_account(), "email": anna.email, "phone": anna.phone}).expect(201)


def test_the_only_owner_of_a_shared_project_must_transfer_it_first(anna, ben):
    project = anna.project("Needed")
    anna.share(project, ben, "admin")
    assert "Needed" in leave(anna).expect(409, "conflict")["detail"]
    anna.put(project, f"/members/{ben.id}", role="owner").expect(200)
    leave(anna).expect(204)


def test_a_closed_account_does_not_count_as_an_owner(anna, ben, cleo):
    """Regression: an owner could leave although the only other owner had closed their account."""
    project = anna.project("Needed")
    anna.share(project, ben, "owner")
    anna.share(project, cleo, "admin")
    leave(ben).expect(204)
    me = f"/v1/projects/{project['id']}/members/{anna.id}"
    anna.delete(me).expect(409, "conflict")
    anna.put(me, role="admin").expect(409, "conflict")
    leave(anna).expect(409, "conflict")
    anna.put(project, f"/members/{cleo.id}", role="owner").expect(200)
    anna.delete(me).expect(204)


def test_when_both_owners_leave_at_once_one_is_refused(stack, anna, ben):
    """Regression: each transaction still saw the other owner, and the project was left without one."""
    project, closed = anna.project("Needed"), []
    anna.share(project, ben, "owner")
    with stack.fault("hold command=insert collection=jobs ms=1500") as (number,):
        closing = threading.Thread(target=lambda: closed.append(leave(anna)))
        closing.start()
        eventually(lambda: stack.fault_hits(number) == 1, what="the closing, all but done")
        ben.delete(f"/v1/projects/{project['id']}/members/{ben.id}").expect(409, "conflict")
        closing.join()
    closed[0].expect(204)


def test_a_closed_account_cannot_become_a_member(anna, ben):
    """Regression: an account that was already being deleted was added and stayed as a member."""
    anna.acquaint(ben)
    leave(ben).expect(204)
    anna.put(anna.project(), f"/members/{ben.id}", role="viewer").expect(404, "not-found")
    again = ben.log_in()
    anna.put(anna.project(), f"/members/{again.id}", role="viewer").expect(200)


def test_two_members_of_a_project_can_be_deleted_at_the_same_time(stack, db, anna, ben):
    """Regression: each transaction looked before the other user had left, so the second account and the project were never deleted."""
    project, ids = anna.project("Theirs"), [bson.ObjectId(user.id) for user in (anna, ben)]
    anna.share(project, ben, "owner")
    with pymongo.MongoClient(stack.mongodb_uri) as mongo:
        users = mongo[stack.mongodb_database].users
        leave(anna).expect(204)
        users.update_one({"_id": ids[0]}, {"$unset": {"deletedAt": ""}})  # else Ben could not close his
        leave(ben).expect(204)
        past = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=30)
        users.update_many({"_id": {"$in": ids}}, {"$set": {"deletedAt": past}})
    with stack.fault("hold command=update collection=topics program=taskwire-jobs ms=1500"):
        let_grace_pass(db, anna)
        eventually(lambda: db.users.count_documents({"_id": {"$in": ids}, "purgedAt": {"$exists": True}}) == 2, within=10,
                   what="the end of both")
    assert db.projects.find_one({"_id": bson.ObjectId(project["id"])}) is None
    assert db.topics.find_one({"_id": "project:" + project["id"]}) is None
