#!/usr/bin/env python3
"""How long reading takes in a project of 4,000 tasks: the snapshot, /v1/counts and filters of every kind.
The whole system with the benchmark's database server (tests/bench/README.md), or the one that MONGODB_URI names; one
client, requests one after the other, through nginx.  First what the database alone takes for the queries behind them, asked with
pymongo.  usage: reading.py [--tasks N] [--rounds N]"""
import argparse
import datetime as dt
import http.client
import json
import pathlib
import statistics
import sys
import time
import urllib.parse

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE / "harness"), str(HERE.parent)]
from bson import ObjectId  # noqa: E402
from bson.raw_bson import RawBSONDocument  # noqa: E402
import client  # noqa: E402
import world  # noqa: E402
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


def measure(stack, user, path, rounds, **query):
    """The middle of the milliseconds until all bytes of a reply are there, of that many requests after a first one; the last reply."""
    times, head = [], {"Authorization": "Bearer " + user.token}
    connection = http.client.HTTPConnection("127.0.0.1", stack.port, timeout=30)
    for _ in range(rounds + 1):
        began = time.perf_counter()
        connection.request("GET", f"{path}?{urllib.parse.urlencode(query)}", headers=head)
        reply = connection.getresponse()
        body = reply.read()
        times.append((time.perf_counter() - began) * 1000)
        assert reply.status == 200, body
    connection.close()
    return statistics.median(times[1:]), json.loads(body)


def bare(stack, project, rounds):
    """The same for the queries behind a page, a snapshot and the counts of a project; documents are not decoded."""
    where = {"projectId": ObjectId(project), "state": {"$in": ["done", "open"]}}
    with MongoClient(stack.mongodb_uri, document_class=RawBSONDocument) as mongo:
        tasks = mongo[stack.mongodb_database].tasks
        queries = (("bare find of 50 in order", lambda: list(tasks.find(where).sort([("position", 1), ("_id", 1)]).limit(51))),
                   ("bare find of all", lambda: list(tasks.find(where))),
                   ("bare count by state", lambda: list(tasks.aggregate([{"$match": where}, {"$group": {"_id": "$state", "n": {"$sum": 1}}}]))))
        for name, ask in queries:
            times = []
            for _ in range(rounds + 1):
                began = time.perf_counter()
                ask()
                times.append((time.perf_counter() - began) * 1000)
            print(f"{statistics.median(times[1:]):8.1f} ms  {name}", flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tasks", type=int, default=4000)
    parser.add_argument("--rounds", type=int, default=15)
    args = parser.parse_args()
    database = world.World()
    with database.close:
        database.start_database()
        stack = database.close.enter_context(Stack(settings={**client.SETTINGS, "MONGODB_URI": database.uri}))
        user = client.World(stack.url, stack.ws_url).user("anna")
        project = fill(stack, user, args.tasks)
        bare(stack, project, args.rounds)
        for name, path in (("snapshot", f"/v1/projects/{project}/snapshot"), ("counts", "/v1/counts")):
            print(f"{measure(stack, user, path, args.rounds)[0]:8.1f} ms  {name}", flush=True)
        print(f"{measure(stack, user, '/v1/tasks', args.rounds, projectId=project)[0]:8.1f} ms  list of 50 without a filter", flush=True)
        for text in FILTERS:
            for scope in ({"projectId": project}, {}):
                took, reply = measure(stack, user, "/v1/tasks", args.rounds, filter=text, **scope)
                more = "more follow" if reply["nextCursor"] else "all"
                print(f"{took:8.1f} ms  {'project' if scope else 'everywhere':10}  {text}   ({len(reply['items'])} tasks, {more})", flush=True)


if __name__ == "__main__":
    main()
