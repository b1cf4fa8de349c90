"""Users' jobs, for tests: many tasks for them to work on, and documents without any work behind them."""
import contextlib
import datetime

import bson
import pymongo
from client import eventually


def fill(user, project, count, **fields):
    """That many tasks, in batches."""
    for first in range(0, count, 100):
        ops = [{"method": "POST", "path": "/v1/tasks", "body": {"title": f"Task {n}", "projectId": project["id"], **fields}}
               for n in range(first, min(first + 100, count))]
        results = user.post("/v1/batch", ops=ops).expect(200)["results"]
        assert all(r["status"] == 201 for r in results), results


def insert(stack, user, **fields):
    """A waiting job of the user that nothing will ever do; gives its id."""
    now = datetime.datetime.now(datetime.timezone.utc)
    me = bson.ObjectId(user.id)
    job = {"_id": bson.ObjectId(), "rev": 1, "createdAt": now, "createdBy": me, "updatedAt": now, "updatedBy": me,
           "kind": "duplicate", "state": "waiting", "done": 0, "total": 1000, "projectId": None, "report": [],
           "endedAt": None, "userId": me, "expiresAt": now + datetime.timedelta(days=1), **fields}
    with pymongo.MongoClient(stack.mongodb_uri) as mongo:
        mongo[stack.mongodb_database].userJobs.insert_one(job)
    return str(job["_id"])


def ended(user, job, within=30):
    """The job once it has ended."""
    def look():
        found = user.get(f"/v1/jobs/{job}").expect(200).json
        return found["endedAt"] and found
    return eventually(look, within=within, every=0.1, what="the end of the job")


@contextlib.contextmanager
def killed_in_second_part(stack):
    """Whatever job is started here: its program is killed when it writes the job's document for the second time, and another
    goes on."""
    held = stack.proxy_control("add hold command=update collection=userJobs nth=2 ms=60000")
    try:
        yield
        stack.wait_for(lambda: stack.fault_hits(held) == 1, "the second part of the job")
        pid = stack.kill("jobs")
        stack.wait_restarted("jobs", pid)
    finally:
        stack.proxy_control("clear")
    make_due(stack)


def make_due(stack):
    """A program that died cannot keep its jobs for the rest of its lease."""
    with pymongo.MongoClient(stack.mongodb_uri) as mongo:
        mongo[stack.mongodb_database].jobs.update_many(
            {"lease": {"$exists": True}}, {"$set": {"dueAt": datetime.datetime.now(datetime.timezone.utc)}})
