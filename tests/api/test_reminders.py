"""Reminders: what is set and refused, who is reminded when, and that it happens once."""
import collections
import contextlib
import datetime as dt
import os
import pathlib
import random
import subprocess
import time
import zoneinfo

import pymongo
import pytest
from bson import ObjectId

from client import eventually
from counted import count_as_used
from faults import TRANSIENT, log_of

UTC = dt.timezone.utc
LATE = 30  # seconds within which what is due must be sent, on a slow machine


def rfc(instant):
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def soon(seconds=0.3):
    """An instant from now; negative: ago."""
    return rfc(dt.datetime.now(UTC) + dt.timedelta(seconds=seconds))


def at(seconds=0.3, ident="r"):
    return {"id": ident, "at": soon(seconds)}


def by_day(zone, seconds=0):
    """A due date, and a reminder before 09:00 of it in the zone, so that it is due in so many seconds."""
    target = (dt.datetime.now(UTC) + dt.timedelta(seconds=seconds)).replace(microsecond=0)
    day = (target + dt.timedelta(days=2)).date()
    nine = dt.datetime(day.year, day.month, day.day, 9, tzinfo=zoneinfo.ZoneInfo(zone)).astimezone(UTC)
    return {"dueDate": day.isoformat(), "reminders": [{"id": "r", "before": f"PT{int((nine - target).total_seconds())}S"}]}


def of(user, task):
    """The user's reminders of a task."""
    return [n for n in user.pages("/v1/notifications", limit=200) if (n["kind"], n["taskId"]) == ("reminder", task["id"])]


def reminded(user, task, times=1):
    eventually(lambda: len(of(user, task)) >= times, within=LATE, what=f"reminder {times} of {task['title']}")
    assert len(of(user, task)) == times


def all_sent(user):
    """Until the reminder of a task is sent that is looked at after those that were due before."""
    reminded(user, user.task("The last", reminders=[at(0)]))


# -- the field ---------------------------------------------------------------------


def test_reminders_are_items_of_a_list(anna):
    given = [{"id": "a", "at": "2040-01-02T08:00:00.000Z"}, {"id": "b", "before": "PT30M"}]
    task = anna.task(reminders=given)
    assert task["reminders"] == given and anna.get(task)["reminders"] == given
    assert anna.task()["reminders"] == []
    same = anna.patch(task, reminders=given).expect(200)
    assert same["rev"] == 1, "what a client has read can be sent back"
    with anna.live() as feed:
        changed = anna.patch(task, reminders=[{"id": "b", "before": "P1D"}, {"id": "c", "before": "PT0S"}]).expect(200)
        event = feed.expect("task.updated", id=task["id"])
    assert event["changes"] == {
        "reminders/a": [given[0], None], "reminders/a/after": [None, None], "reminders/b/before": ["PT30M", "P1D"],
        "reminders/c": [None, {"id": "c", "before": "PT0S"}]}
    assert event["data"]["reminders"] == changed["reminders"]
    snapshot = anna.get(f"/v1/projects/{task['projectId']}/snapshot")["tasks"]
    synced = anna.get("/v1/sync")["tasks"]
    for one in (*snapshot, *synced, *anna.items("/v1/tasks")):
        assert "armedAt" not in one and "remindAt" not in one
        assert one["id"] != task["id"] or one["reminders"] == changed["reminders"]
    assert anna.patch(task, reminders=None).expect(200)["reminders"] == []


def test_a_change_of_reminders_conflicts_only_with_another(anna):
    task = anna.task(reminders=[{"id": "a", "before": "PT30M"}])
    anna.patch(task, title="Other", dueDate="2040-01-02").expect(200)
    anna.patch(task, base=1, reminders=[{"id": "a", "before": "PT20M"}]).expect(200)
    refused = anna.patch(task, base=1, reminders=[{"id": "b", "before": "PT5M"}])
    refused.expect(412)
    assert refused["conflicts"] == ["reminders"]
    anna.patch(task, base=1, reminders=[{"id": "a", "before": "PT20M"}]).expect(200)  # equal values never conflict


def test_undoing_a_change_sets_them_as_they_were(anna):
    given = [{"id": "a", "at": soon(3600)}, {"id": "b", "before": "PT30M"}]
    task = anna.task("T", dueAt=soon(3), reminders=given)
    anna.patch(task, reminders=[{"id": "b", "before": "PT20M"}]).expect(200)
    seq = log_of(anna, {"id": task["projectId"]})[-1]["seq"]
    undone = anna.post(task, "/undo", seq=seq).expect(200)
    assert undone["reminders"] == given and anna.patch(task, reminders=given).expect(200)["rev"] == undone["rev"]


BAD = {
    "no list": ({}, "/reminders", "type"),
    "no object": (["PT30M"], "/reminders/0", "type"),
    "no id": ([{"before": "PT30M"}], "/reminders/0/id", "required"),
    "an id of other characters": ([{"id": "A b", "before": "PT30M"}], "/reminders/0/id", "format"),
    "no time": ([{"id": "a"}], "/reminders/0/at", "required"),
    "two times": ([{"id": "a", "at": "2040-01-02T08:00:00Z", "before": "PT30M"}], "/reminders/0/before", "exclusive"),
    "another member": ([{"id": "a", "before": "PT30M", "after": "PT30M"}], "/reminders/0/after", "unknown"),
    "what the server keeps": ([{"id": "a", "before": "PT30M", "armedAt": "2040-01-02T08:00:00Z"}], "/reminders/0/armedAt", "unknown"),
    "a number": ([{"id": "a", "before": 30}], "/reminders/0/before", "type"),
    "an empty text": ([{"id": "a", "before": ""}], "/reminders/0/before", "too-short"),
    "a long text": ([{"id": "a", "before": "PT" + "0" * 60 + "1S"}], "/reminders/0/before", "too-long"),
    "words": ([{"id": "a", "before": "half an hour"}], "/reminders/0/before", "format"),
    "years": ([{"id": "a", "before": "P100Y"}], "/reminders/0/before", "format"),
    "months": ([{"id": "a", "before": "P1M"}], "/reminders/0/before", "format"),
    "a negative duration": ([{"id": "a", "before": "-PT30M"}], "/reminders/0/before", "format"),
    "a fraction": ([{"id": "a", "before": "PT0.5H"}], "/reminders/0/before", "format"),
    "an operator": ([{"id": "a", "before": {"$gt": ""}}], "/reminders/0/before", "type"),
    "more than a year": ([{"id": "a", "before": "P367D"}], "/reminders/0/before", "range"),
    "a year and a second": ([{"id": "a", "before": "P366DT1S"}], "/reminders/0/before", "range"),
    "a large number": ([{"id": "a", "before": "PT999999999H"}], "/reminders/0/before", "range"),
    "a day": ([{"id": "a", "at": "2040-01-02"}], "/reminders/0/at", "format"),
    "no such day": ([{"id": "a", "at": "2040-02-30T08:00:00Z"}], "/reminders/0/at", "format"),
    "one id twice": ([{"id": "a", "before": "PT1M"}, {"id": "a", "before": "PT2M"}], "/reminders/1/id", "duplicate"),
    "one time twice": ([{"id": "a", "before": "PT60M"}, {"id": "b", "before": "PT1H"}], "/reminders/1", "duplicate"),
    "one instant twice": ([{"id": "a", "at": "2040-01-02T08:00:00Z"}, {"id": "b", "at": "2040-01-02T09:00:00+01:00"}],
                          "/reminders/1", "duplicate"),
    "eleven": ([{"id": f"r{n}", "before": f"PT{n}M"} for n in range(11)], "/reminders", "too-long"),
}


def test_what_is_refused(anna):
    task = anna.task(reminders=[{"id": "a", "before": "PT5M"}])
    for what, (reminders, pointer, code) in BAD.items():
        for reply in (anna.post("/v1/tasks", title="T", reminders=reminders), anna.patch(task, reminders=reminders)):
            assert [(e["pointer"], e["code"]) for e in reply.expect(422)["errors"]] == [(pointer, code)], what
    assert anna.get(task).json == task.json


def test_the_largest_that_is_accepted(anna):
    reminders = [{"id": "r" * 40, "before": "P366D"}] + [{"id": f"r{n}", "before": f"P0DT0H{n:09}M0S"} for n in range(9)]
    assert anna.task(dueDate="2040-01-02", reminders=reminders)["reminders"] == reminders
    for due in ("0001-01-01", "9999-12-31"):
        anna.task(dueDate=due, reminders=reminders)
    anna.task(dueAt="0001-01-01T00:00:00Z", reminders=[*reminders[:9], {"id": "x", "at": "9999-12-31T23:59:59Z"}])


def test_batches_and_bulk_changes_set_them(anna):
    task, other = anna.task(), anna.task()
    reminders = [{"id": "a", "before": "PT10M"}]
    batch = anna.post("/v1/batch", atomic=True, ops=[
        {"method": "PATCH", "path": f"/v1/tasks/{task['id']}", "body": {"reminders": reminders}}]).expect(200)
    assert batch["results"][0]["status"] == 200 and anna.get(task)["reminders"] == reminders
    bulk = anna.post("/v1/tasks/bulk", ids=[task["id"], other["id"]], change={"dueAt": soon(600.3), "reminders": reminders}).expect(200)
    assert bulk["changed"] == 2
    for one in (task, other):
        reminded(anna, one)
    refused = anna.post("/v1/tasks/bulk", ids=[task["id"]], change={"reminders": [{"id": "a"}]})
    assert refused.status == 422 or refused["failed"], refused


# -- who is reminded, and when ---------------------------------------------------------


def test_assignees_are_reminded_or_else_the_creator(anna, ben, cleo):
    project = anna.project()
    anna.share(project, ben)
    anna.share(project, cleo)
    here = {"projectId": project["id"]}
    with anna.live() as feed:
        own = anna.task("Own", **here, reminders=[at()])
        theirs = anna.task("Theirs", **here, assigneeIds=[ben.id, cleo.id], reminders=[at()])
        before = anna.task("Before", **here, dueAt=soon(3600.3), reminders=[{"id": "r", "before": "PT1H"}])
        for user, task in ((anna, own), (ben, theirs), (cleo, theirs), (anna, before)):
            reminded(user, task)
        event = feed.expect("notification.created")
    notification = of(anna, own)[0]
    assert notification["title"] == "Own" and notification["projectId"] == project["id"] and not notification["read"]
    assert event["actorId"] is None and event["topic"] == "user:me" and event["data"]["kind"] == "reminder"
    assert not of(anna, theirs) and not of(ben, own)
    anna.patch(f"/v1/notifications/{notification['id']}", read=True).expect(200)
    assert anna.get(own)["rev"] == 1, "the task does not change"


def test_a_day_begins_in_the_recipients_zone(anna, ben, cleo):
    """A reminder that is due in Ben's zone now was due in Anna's hours ago, when it was not set, and is not yet in Cleo's."""
    project = anna.project()
    for user, zone in ((anna, "Asia/Tokyo"), (ben, "Asia/Kolkata"), (cleo, "America/New_York")):
        user.patch("/v1/me", timeZone=zone).expect(200)
        if user is not anna:
            anna.share(project, user)
    task = anna.task(projectId=project["id"], assigneeIds=[anna.id, ben.id, cleo.id], **by_day("Asia/Kolkata"))
    reminded(ben, task)
    cleo.patch("/v1/me", timeZone="Asia/Kolkata").expect(200)  # where it has just been due
    reminded(cleo, task)
    ben.patch("/v1/me", timeZone="Asia/Dubai").expect(200)  # where it is still to come
    all_sent(ben)
    assert not of(anna, task) and len(of(ben, task)) == len(of(cleo, task)) == 1


def test_a_move_to_another_zone(stack, anna):
    """To the west it is due later; to the east at once if 09:00 has passed there."""
    anna.patch("/v1/me", timeZone="Etc/GMT-3").expect(200)
    with stack.without("jobs"):
        now, later = [anna.task(str(seconds), **by_day("Etc/GMT-3", seconds)) for seconds in (0, 3600)]
        anna.patch("/v1/me", timeZone="Etc/GMT-2").expect(200)
        control = anna.task("West", **by_day("Etc/GMT-2", 0))
    reminded(anna, control)
    all_sent(anna)
    assert not of(anna, now) and not of(anna, later)
    anna.patch("/v1/me", timeZone="Etc/GMT-4").expect(200)
    for task in (now, later):
        reminded(anna, task)


def test_who_is_not_reminded(stack, anna, ben):
    """What is done, archived or in the trash, and nobody who may not see the task any more."""
    project, archived, left = anna.project(), anna.project(), anna.project()
    anna.share(left, ben)
    here = {"projectId": project["id"]}
    with stack.without("jobs"):
        due = [at(0)]
        mine = [anna.task(name, **here, reminders=due) for name in ("done", "archived", "trashed", "cleared", "moved")]
        mine.append(anna.task("project", projectId=archived["id"], reminders=due))
        mine.append(anna.task("postponed", **here, dueAt=soon(0), reminders=[{"id": "r", "before": "PT0S"}]))
        theirs = anna.task("left", projectId=left["id"], assigneeIds=[ben.id], reminders=due)
        anna.patch(mine[0], status="completed").expect(200)
        anna.patch(mine[1], archived=True).expect(200)
        anna.delete(mine[2]).expect(204)
        anna.patch(mine[3], reminders=[]).expect(200)
        anna.patch(mine[4], reminders=[{"id": "r", "at": soon(3600)}]).expect(200)
        anna.patch(archived, archived=True).expect(200)
        anna.patch(mine[6], dueAt=soon(3600)).expect(200)
        anna.delete(f"/v1/projects/{left['id']}/members/{ben.id}").expect(204)
        control = anna.task("control", **here, reminders=due)
    reminded(anna, control)
    all_sent(anna)
    for task in (*mine, theirs):
        assert not of(anna, task) and not of(ben, task), task["title"]
    anna.patch(mine[0], status="todo").expect(200)
    anna.post(mine[2], "/restore").expect(200)
    anna.patch(mine[0], dueDate="2040-01-01").expect(200)
    all_sent(anna)
    for task in mine[:3]:
        assert not of(anna, task), f"{task['title']}: what passed in between is not sent"


def test_whoever_has_muted_the_task_is_not_reminded(stack, anna, ben, cleo):
    project = anna.project()
    anna.share(project, ben)
    anna.share(project, cleo)
    with stack.without("jobs"):
        task = anna.task("T", projectId=project["id"], assigneeIds=[ben.id, cleo.id], reminders=[at(0)])
        own = anna.task("Own", projectId=project["id"], reminders=[at(0), at(0.1, "b")])
        for user, muted in ((ben, task), (anna, own)):
            user.put(muted, "/subscription", state="muted").expect(200)
        cleo.put(task, "/subscription", state="watching").expect(200)
    reminded(cleo, task)
    all_sent(anna)
    ben.delete(task, "/subscription").expect(204)
    ben.patch(task, assigneeIds=[ben.id]).expect(200)
    all_sent(anna)
    assert not of(ben, task) and not of(anna, own), "what came due meanwhile is not sent later"


def test_reminders_from_one_user_to_another_are_limited(stack, anna, ben):
    """196 notifications within the hour were made; three assignments and one reminder are left."""
    project = anna.project()
    anna.share(project, ben)
    count_as_used(stack, "sender-notifications", f"{anna.id} {ben.id}", 1, 196)
    with stack.without("jobs"):
        tasks = [anna.task(f"T{n}", projectId=project["id"], assigneeIds=[anna.id, ben.id], reminders=[at(0)]) for n in range(3)]
    for task in tasks:
        reminded(anna, task)
    all_sent(ben)
    assert sum(len(of(ben, task)) for task in tasks) == 1
    ben.patch(tasks[0], reminders=[at(0, "own")]).expect(200)
    eventually(lambda: sum(len(of(ben, task)) for task in tasks) == 2, within=LATE, what="one's own reminder")


def test_what_had_passed_when_it_was_set_is_not_sent(anna):
    long_ago = anna.task("Long ago", reminders=[at(-3600)])
    before = anna.task("Before", dueAt=soon(600), reminders=[{"id": "r", "before": "P1D"}])
    just = anna.task("Just", dueAt=soon(1790), reminders=[{"id": "r", "before": "PT30M"}])
    reminded(anna, just)
    all_sent(anna)
    assert not of(anna, long_ago) and not of(anna, before)


def test_what_arms_a_reminder_again(anna):
    task = anna.task("T", dueAt=soon(3600.3), reminders=[{"id": "b", "before": "PT1H"}, at(0.3, "a")])
    reminded(anna, task, 2)
    anna.patch(task, title="Other", priority="high", assigneeIds=[anna.id]).expect(200)
    anna.patch(task, status="completed").expect(200)
    anna.patch(task, status="todo").expect(200)
    all_sent(anna)
    assert len(of(anna, task)) == 2
    anna.patch(task, dueAt=soon(3600.3)).expect(200)  # only the one before it
    reminded(anna, task, 3)
    anna.patch(task, reminders=[{"id": "b", "before": "PT1H"}, at(0.3, "a")]).expect(200)
    reminded(anna, task, 4)
    all_sent(anna)
    assert len(of(anna, task)) == 4


def test_a_series_keeps_those_before_the_due_date(anna):
    reminders = [{"id": "b", "before": "PT1H"}, {"id": "a", "at": "2040-01-01T00:00:00.000Z"}]
    task = anna.task(dueAt=soon(-86400 + 3600.3), recurrence={"rule": "FREQ=DAILY"}, reminders=reminders)
    part = anna.task("Part", parentId=task["id"], reminders=[{"id": "a", "at": "2040-01-01T00:00:00.000Z"}])
    done = anna.patch(task, status="completed").expect(200)
    after = anna.get("/v1/tasks/" + done["nextId"]).expect(200)
    assert after["reminders"] == reminders[:1] and done["reminders"] == reminders
    assert [t["reminders"] for t in anna.items("/v1/tasks", parentId=after["id"])] == [[]] and part["reminders"]
    reminded(anna, after)
    skipped = anna.task("Skipped", dueAt=soon(-86400 + 3600.3), recurrence={"rule": "FREQ=DAILY"}, reminders=reminders[:1])
    anna.post(skipped, "/skip").expect(200)
    reminded(anna, skipped)


# -- once ------------------------------------------------------------------------------


class Program:
    """Another taskwire-jobs beside the stack's own."""

    def __init__(self, stack, number):
        shell = subprocess.run(["bash", "-c", "set -a; . ./env; env -0"], cwd=stack.data, check=True,
                               capture_output=True, text=True, env={**os.environ, **stack.settings})
        self.env = {**dict(pair.split("=", 1) for pair in shell.stdout.split("\0") if pair),
                    "JOBS_SESSIONS": str(stack.data / "run" / f"more-{number}.sessions")}
        self.stack, self.running = stack, None

    def start(self):
        program = ["setpriv", "--pdeathsig", "KILL", "--", str(pathlib.Path(self.stack.build) / "taskwire-jobs")]
        with (self.stack.data / "log" / "jobs-1.log").open("a") as log:
            self.running = subprocess.Popen(program, cwd=self.stack.data, env=self.env, stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log)

    def kill(self):
        if self.running:
            self.running.kill()
            self.running.wait(30)
            self.running = None


@contextlib.contextmanager
def more_programs(stack, count):
    programs = [Program(stack, n) for n in range(count)]
    try:
        for program in programs:
            program.start()
        yield programs
    finally:
        for program in programs:
            program.kill()


def test_each_is_sent_once_however_many_programs_are_killed(stack, world, anna, ben):
    dice = random.Random(5)
    project = anna.project()
    anna.share(project, ben)
    with more_programs(stack, 1) as programs:
        tasks = [anna.task(f"T{n}", projectId=project["id"], assigneeIds=[anna.id, ben.id],
                           reminders=[at(1 + n / 20)]) for n in range(10)]
        sent = lambda: len([n for n in ben.pages("/v1/notifications", limit=200) if n["kind"] == "reminder"])  # noqa: E731
        kills, limit = 0, time.monotonic() + 90
        while sent() < len(tasks):
            assert time.monotonic() < limit, f"only {sent()} were sent"
            victim = dice.choice([*programs, None])
            if victim is None:
                old = stack.kill("jobs")
                if old:
                    stack.wait_restarted("jobs", old)
            else:
                victim.kill()
                victim.start()
            kills += 1
            before = sent()
            with contextlib.suppress(AssertionError):  # goes on as soon as something was sent
                eventually(lambda: sent() > before, within=3)
        all_sent(anna)
    for user in (anna, ben):
        got = collections.Counter(n["taskId"] for n in user.pages("/v1/notifications", limit=200) if n["kind"] == "reminder")
        assert [got[task["id"]] for task in tasks] == [1] * len(tasks)
    assert kills > 0


def test_what_came_due_while_no_program_was_running_is_sent_once(stack, anna):
    with stack.without("jobs"):
        tasks = [anna.task(f"T{n}", reminders=[at(-n)]) for n in range(3)]
        edited = anna.task("Edited", reminders=[at(0)])
        anna.patch(edited, title="Still", reminders=[*edited["reminders"], at(3600, "later")]).expect(200)
        gone = anna.task("Gone", reminders=[at(0)])
        anna.patch(gone, status="completed").expect(200)
        days = [anna.task(f"{n} days", reminders=[at(0)]) for n in (1, 3)]
        with pymongo.MongoClient(stack.mongodb_uri) as mongo:  # as if the programs had been down for days
            for task, late in zip(days, (1, 3)):
                when = dt.datetime.now(UTC) - dt.timedelta(days=late)
                mongo[stack.mongodb_database].tasks.update_one({"_id": ObjectId(task["id"])}, {"$set": {
                    "reminders.0.at": when, "armedAt.0": when - dt.timedelta(days=1), "remindAt": when}})
    for task in (*tasks, edited, days[0]):
        reminded(anna, task)
    all_sent(anna)
    assert not of(anna, gone) and not of(anna, days[1]), "two days later it has no meaning any more"
    assert all(len(of(anna, task)) == 1 for task in (*tasks, edited, days[0]))


FAULTS = [  # the first ones also in the short form
    "cut-after command=insert collection=notifications", f"error command=update collection=tasks code=112 labels={TRANSIENT}",
    "error-after command=commitTransaction code=91 labels=RetryableWriteError",
    "cut-before command=insert collection=notifications", "cut-before command=insert collection=idempotency",
    "cut-after command=insert collection=idempotency", "cut-after command=update collection=tasks",
    f"error command=insert collection=idempotency code=112 labels={TRANSIENT}", "cut-before command=commitTransaction",
    "cut-after command=commitTransaction", f"error command=commitTransaction code=251 labels={TRANSIENT}",
    "error command=find collection=tasks code=50", "error command=update collection=topics code=50"]
SHORT = 3


def test_each_is_sent_once_whatever_fails(stack, anna):
    faults = FAULTS if "TASKWIRE_LONG" in os.environ else FAULTS[:SHORT]
    for fault in faults:
        with stack.without("jobs"):
            task = anna.task(fault, reminders=[at(0)])
            number = stack.proxy_control(f"add {fault} program=taskwire-jobs")
        eventually(lambda: stack.fault_hits(number) > 0, within=LATE, what=fault)
        reminded(anna, task)
    stack.proxy_control("clear")
    all_sent(anna)
    titles = [n["title"] for n in anna.items("/v1/notifications", limit=200)]
    assert [titles.count(fault) for fault in faults] == [1] * len(faults)


@pytest.mark.parametrize("change", [{"access": "members"}, {"archived": True}], ids=str)
def test_what_changes_at_the_same_moment_wins(change, stack, anna, ben):
    """The project changes while the transaction that reminds Ben is open."""
    project = anna.project(access="everyone", accessRole="member")
    with stack.without("jobs"):
        task = ben.task("T", projectId=project["id"], reminders=[at(0)])
        held = stack.proxy_control("add hold command=insert collection=notifications program=taskwire-jobs ms=700")
    eventually(lambda: stack.fault_hits(held) == 1, within=LATE, what="the open transaction")
    anna.patch(project, **change).expect(200)
    stack.proxy_control("clear")
    all_sent(anna)
    assert not of(ben, task)
    anna.delete(project).expect(204)  # an open project would be in every other user's list


def test_thousands_of_tasks_are_no_reason_to_look(anna, stack):
    """What is looked at is found by an index that has only tasks with reminders still to come."""
    anna.task("Plain")
    armed = anna.task("Armed", reminders=[{"id": "a", "at": "2040-01-01T00:00:00Z"}])
    with pymongo.MongoClient(stack.mongodb_uri) as mongo:
        tasks = mongo[stack.mongodb_database].tasks
        plain = tasks.find_one({"title": "Plain", "createdBy": ObjectId(anna.id)})
        assert "remindAt" not in plain
        assert tasks.index_information()["remindAt_1"]["partialFilterExpression"]
        anna.patch(armed, reminders=[]).expect(200)
        assert tasks.find_one({"_id": ObjectId(armed["id"])})["remindAt"] is None
