#!/usr/bin/env python3
"""How long reading takes in a project of 4,000 tasks: the snapshot, /v1/counts and filters of every kind.
The whole system with the database that deploy/up starts, or that MONGODB_URI names; one client, requests one
after the other, through nginx.  usage: reading.py [--tasks N] [--rounds N]"""
import argparse
import datetime as dt
import pathlib
import statistics
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from bson import ObjectId  # noqa: E402
from client import SETTINGS, World  # noqa: E402
from pymongo import MongoClient  # noqa: E402
from stack import Stack  # noqa: E402

FILTERS = ["done = false", "priority >= high", "not priority = high", "label = blocked", "not label = blocked and assignee = me",
           "(priority >= high or due < today+3d) and not label = blocked and assignee = me", "due < now", "due = null",
           "title ~ house", "title = \"red house 17\"", "not title ~ hou", "description = null", "description ~ rare", "status = todo or done = true",
           "project = Large and creator = Anna", "number > 3990 or number = 7", "created > today-1mo and updated <= now", "archived = true or recurring = false",
           "title = nothing or title = \"never\""]


def fill(stack, user, count):
    """A project with that many tasks, written to the database directly."""
    project = user.project("Large", labels=[{"id": "l1", "name": "Blocked"}, {"id": "l2", "name": "Later"}])
    model = user.task("Model", projectId=project["id"])
    now = dt.datetime.now(dt.timezone.utc)
    with MongoClient(stack.mongodb_uri) as mongo:
        tasks = mongo[stack.mongodb_database].tasks
        one, me, rows = tasks.find_one({"_id": ObjectId(model["id"])}), ObjectId(user.id), []
        for n in range(count - 1):
            due = now + dt.timedelta(hours=n % 2000 - 1000)
            row = dict(one, _id=ObjectId(), number=n + 2, position=f"w{n:06d}", title=f"Red house {n}", terms=["house", "red", str(n)],
                       priority=n % 5, labelIds=[["l1"], ["l2"], []][n % 3], assigneeIds=[me] if n % 4 else [],
                       description="A rare one" if n % 400 == 0 else "")
            if n % 3 < 2:
                row["dueAt" if n % 3 else "dueDate"] = row["dueKey"] = due if n % 3 else due.date().isoformat()
            if n % 5 == 0:
                row.update(completedAt=now, state="done", status="completed")
            rows.append(row)
        tasks.insert_many(rows)
    return project["id"]


def measure(user, path, rounds, **query):
    """The middle of the milliseconds of that many requests after a first one, and the last reply."""
    times = []
    for _ in range(rounds + 1):
        began = time.perf_counter()
        reply = user.get(path, **query).expect(200)
        times.append((time.perf_counter() - began) * 1000)
    return statistics.median(times[1:]), reply


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tasks", type=int, default=4000)
    parser.add_argument("--rounds", type=int, default=15)
    args = parser.parse_args()
    with Stack(settings=SETTINGS) as stack:
        user = World(stack.url, stack.ws_url).user("anna")
        project = fill(stack, user, args.tasks)
        for name, path in (("snapshot", f"/v1/projects/{project}/snapshot"), ("counts", "/v1/counts")):
            print(f"{measure(user, path, args.rounds)[0]:8.1f} ms  {name}", flush=True)
        print(f"{measure(user, '/v1/tasks', args.rounds, projectId=project)[0]:8.1f} ms  list of 50 without a filter", flush=True)
        for text in FILTERS:
            for scope in ({"projectId": project}, {}):
                took, reply = measure(user, "/v1/tasks", args.rounds, filter=text, **scope)
                more = "more follow" if reply["nextCursor"] else "all"
                print(f"{took:8.1f} ms  {'project' if scope else 'everywhere':10}  {text}   ({len(reply['items'])} tasks, {more})", flush=True)


if __name__ == "__main__":
    main()
