"""Rights follow the order of the log: a change is never based on a membership that ended before it.

The API remembers projects between changes; these tests would see a stale one."""
import random
import threading
import time

import bson
import pymongo

STORM_SECONDS = 4


def storm(*workers):
    until = time.monotonic() + STORM_SECONDS
    threads = [threading.Thread(target=worker, args=(until,)) for worker in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(STORM_SECONDS + 30)


def test_users_cannot_write_while_they_are_not_members(anna, ben):
    plan = anna.project()
    anna.acquaint(ben)
    dice = random.Random(1)
    answers = []

    def anna_shares_and_unshares(until):
        while time.monotonic() < until:
            anna.share(plan, ben)
            if dice.random() < .5:
                anna.patch(plan, name=f"Plan {dice.randrange(99)}").expect(200)
            anna.delete(f"/v1/projects/{plan['id']}/members/{ben.id}").expect(204)

    def ben_writes(until):
        while time.monotonic() < until:
            answers.append(ben.post("/v1/tasks", title="Mine", projectId=plan["id"]).expect((201, 404)).status)

    def anna_is_refused(until):  # undone changes must leave nothing behind
        while time.monotonic() < until:
            anna.post("/v1/tasks", title="No", projectId=plan["id"], status="nope").expect(422)
            anna.patch(plan, statuses=[]).expect(422)

    storm(anna_shares_and_unshares, ben_writes, ben_writes, anna_is_refused)
    log = [event for event in anna.pages_of_events(plan)]
    assert [event["seq"] for event in log] == list(range(1, len(log) + 1))
    member, written = False, 0
    for event in log:
        if event["kind"] in ("member.added", "member.removed"):
            member = event["kind"] == "member.added"
        elif event["kind"] == "task.created" and event["actorId"] == ben.id:
            assert member, f"written at {event['seq']} without a membership"
            written += 1
    assert written == answers.count(201) > 0 and answers.count(404) > 0


def test_a_revoked_role_is_ineffective_from_its_event_on(anna, ben):
    plan = anna.project()
    anna.share(plan, ben)
    task = anna.task(projectId=plan["id"])

    def roles(until):
        while time.monotonic() < until:
            anna.share(plan, ben, "viewer")
            anna.share(plan, ben, "member")

    def changes(until):
        n = 0
        while time.monotonic() < until:
            n += 1
            ben.patch(task, title=f"Version {n}").expect((200, 403))

    storm(roles, changes)
    role = "member"
    for event in anna.pages_of_events(plan):
        if event["kind"] == "member.updated":
            role = event["data"]["role"]
        elif event["kind"] == "task.updated":
            assert role == "member", f"changed at {event['seq']} as {role}"


def test_rights_changed_directly_in_the_database_take_effect(anna, stack):
    """After a repair or a restored backup, the API must not use what it remembers of a project."""
    plan = anna.project()
    for _ in range(20):  # so that every worker remembers
        anna.task(projectId=plan["id"])
    with pymongo.MongoClient(stack.mongodb_uri) as client:
        client[stack.mongodb_database].projects.update_one(
            {"_id": bson.ObjectId(plan["id"])}, {"$inc": {"rev": 7}, "$set": {"colour": "#123456"}})
    assert anna.patch(plan, name="As it is").expect(200)["colour"] == "#123456"
