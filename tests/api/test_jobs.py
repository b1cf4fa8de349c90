"""Jobs that their user sees: what takes long, how far it is, and cancelling it."""
import re

import pytest
import queued
from client import eventually

LABEL = {"id": "l", "name": "Soon"}


def labelled(user, count=230):
    """A project whose tasks all have a label."""
    project = user.project("Large", labels=[LABEL])
    queued.fill(user, project, count, labelIds=["l"])
    return project


def remove_label(user, project, **more):
    reply = user.delete(f"/v1/projects/{project['id']}/labels/l", **more).expect(204)
    return re.fullmatch("/v1/jobs/([0-9a-f]{24})", reply.headers["location"])[1]


def updates(feed, job, within=30.0):
    """The job as its events tell it, until it has ended."""
    while True:
        event = feed.expect("job.updated", within=within)
        assert event["entityId"] == job["id"] and event["rev"] == event["data"]["rev"]
        yield event["data"]
        if event["data"]["endedAt"]:
            return


def labels_left(user, project):
    return [t["title"] for t in user.pages("/v1/tasks", projectId=project["id"], limit=200) if t["labelIds"]]


def test_deleting_a_label_that_many_tasks_have_names_a_job(anna, ben):
    project = labelled(anna)
    synced = anna.get("/v1/sync").expect(200)
    with anna.live(("user:me",)) as feed:
        job = anna.get("/v1/jobs/" + remove_label(anna, project)).expect(200).json
        told = list(updates(feed, job))
    assert (job["kind"], job["total"], job["projectId"]) == ("follow", 130, project["id"])
    assert [j["state"] for j in told] == ["waiting", "running", "done"] and [j["done"] for j in told] == [0, 100, 130]
    assert labels_left(anna, project) == []
    last = anna.get("/v1/jobs/" + job["id"]).expect(200)
    assert last.json == told[-1] and anna.get("/v1/jobs/" + job["id"], if_none_match=last.etag).status == 304
    assert anna.items("/v1/jobs") == [last.json] == anna.get("/v1/sync", cursor=synced["cursor"]).expect(200)["jobs"]
    assert anna.get("/v1/sync").expect(200)["jobs"] == [last.json] == anna.get("/v1/me/export").expect(200)["jobs"]
    ben.get("/v1/jobs/" + job["id"]).expect(404)
    ben.delete("/v1/jobs/" + job["id"]).expect(404)
    assert ben.items("/v1/jobs") == []
    anna.delete("/v1/jobs/" + job["id"]).expect(409, "conflict")


def test_few_tasks_need_no_job(anna):
    project = labelled(anna, 3)
    assert "location" not in anna.delete(f"/v1/projects/{project['id']}/labels/l").expect(204).headers
    assert "jobId" not in anna.get(project).expect(200) and anna.items("/v1/jobs") == []


def test_statuses_that_change_their_kinds_share_a_job(stack, anna):
    statuses = [{"id": name, "name": name, "kind": kind} for name, kind in
                (("todo", "open"), ("a", "open"), ("b", "open"), ("z", "done"))]
    project = anna.project("Kinds", statuses=statuses)
    for status in ("a", "b"):
        queued.fill(anna, project, 60, status=status)
    for status in statuses[1:3]:
        status["kind"] = "done"
    changed = anna.patch(project, statuses=statuses, key="kinds-" + project["id"]).expect(200)
    assert queued.ended(anna, changed["jobId"])["done"] == 20
    done = [t["completedAt"] for t in anna.pages("/v1/tasks", projectId=project["id"], limit=200)]
    assert len(done) == 120 and all(done)
    again = anna.patch(project, statuses=statuses, key="kinds-" + project["id"]).expect(200)
    assert again["jobId"] == changed["jobId"] and len(anna.items("/v1/jobs")) == 1
    assert "jobId" not in anna.get(project).expect(200)


def test_a_job_goes_on_after_its_program_was_killed(stack, anna):
    """What was done before is not done, nor counted, again."""
    project = labelled(anna)
    with queued.killed_in_second_part(stack), stack.without("jobs"):
        job = remove_label(anna, project)
        assert anna.get("/v1/jobs/" + job).expect(200)["state"] == "waiting"
        anna.delete("/v1/jobs/" + job).expect(409, "conflict")  # the label is gone: its tasks have to follow
    job = queued.ended(anna, job)
    assert (job["state"], job["done"], job["total"]) == ("done", 130, 130) and labels_left(anna, project) == []
    updated = [e for e in anna.pages_of_events(project) if e["kind"] == "task.updated"]
    assert len(updated) == 230 == len({e["entityId"] for e in updated})


def test_a_waiting_job_can_be_cancelled(stack, anna):
    job = "/v1/jobs/" + queued.insert(stack, anna, total=4000, done=1200)
    anna.delete(job, if_match='"2"').expect(412)
    anna.delete(job, key="cancel-" + job).expect(204)
    found = anna.get(job).expect(200)
    assert found["state"] == "cancelled" and found["endedAt"]
    assert [line["what"] for line in found["report"]] == ["cancelled after 1200 of 4000 tasks"]
    anna.delete(job, key="cancel-" + job).expect(204)
    anna.delete(job).expect(204)
    assert anna.get(job).expect(200).json == found.json


def test_a_users_jobs_are_limited(stack, anna):
    """The oldest that has ended gives way; a request that would need another job changes nothing."""
    project = labelled(anna, 101)
    jobs = [queued.insert(stack, anna) for _ in range(100)]
    refused = anna.delete(f"/v1/projects/{project['id']}/labels/l").expect(409, "quota-exceeded")
    assert "100 jobs" in refused["detail"] and len(labels_left(anna, project)) == 101
    for job in jobs[40], jobs[20]:
        anna.delete("/v1/jobs/" + job).expect(204)
    new = remove_label(anna, project)
    assert queued.ended(anna, new)["done"] == 1
    assert {j["id"] for j in anna.pages("/v1/jobs")} == {*jobs, new} - {jobs[20]}


@pytest.mark.parametrize("query", [{"state": "done"}, {"sort": "total"}, {"limit": 201}])
def test_wrong_parameters_are_named(anna, query):
    assert anna.get("/v1/jobs", **query).expect(400, "bad-parameter")["parameter"] in query


def test_emails_do_not_wait_for_jobs_that_take_long(stack, world, outbox, anna, ben):
    """Every other thread of taskwire-jobs is busy when a password is to be reset."""
    project = anna.project("Busy")
    anna.share(project, ben)
    task = anna.task(projectId=project["id"])
    with stack.fault("hold command=find collection=comments program=taskwire-jobs times=0 ms=60000") as (held,):
        for n in range(5):
            ben.post(task, "/comments", text=f"Comment {n}").expect(201)
        stack.wait_for(lambda: stack.fault_hits(held) >= 4, "all threads to be busy")
        world.anonymous().post("/v1/password-resets", email=anna.email).expect(202)
        assert outbox.email(anna.email, "Choose a new password").token
    eventually(lambda: len(anna.items("/v1/notifications")) == 5, within=15.0, what="what the other threads were busy with")
