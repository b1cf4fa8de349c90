"""Lists over more projects than the database can merge in one query: the pages are the same as for one."""
import datetime
import random

import pytest
from bson import ObjectId
from pymongo import MongoClient

PROJECTS = 205  # 3 groups of at most 100 for two states, 2 of at most 200 for one
PRIORITIES = ("none", "low", "medium", "high", "urgent")
NOW = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)


def copies(dice, project, task, count):
    """Many copies of a project with one or two tasks of every kind; written directly to the database, for speed."""
    projects = [{**project, "_id": ObjectId(), "name": f"P{dice.random()}", "nameKey": f"p{dice.random()}"} for _ in range(count)]
    tasks = []
    for n, place in enumerate(p["_id"] for p in projects for _ in range(1 + dice.randrange(2))):
        made = NOW - datetime.timedelta(seconds=dice.randrange(40))
        one = {**task, "_id": ObjectId(), "projectId": place, "position": f"{dice.randrange(10**8):08d}", "title": f"T{n}",
               "createdAt": made, "updatedAt": made, "priority": n % 5, "state": "open",
               "terms": ["common", "rare"] if n % 50 == 0 else ["common"]}
        if n % 3 == 0:
            one["dueAt"] = one["dueKey"] = NOW + datetime.timedelta(hours=dice.randrange(-2000, 2000))
        elif n % 3 == 1:
            one["dueDate"] = one["dueKey"] = (NOW + datetime.timedelta(days=dice.randrange(-80, 80))).strftime("%Y-%m-%d")
        if n % 7 == 0:
            one.update(completedAt=NOW, status="completed", state="done")
        elif n % 7 == 1:
            one.update(archivedAt=NOW, state="archived")
        elif n % 7 == 2:
            one.update(deletedAt=NOW, state="trashed")
        tasks.append(one)
    return projects, tasks


@pytest.fixture(scope="module")
def wide(world, stack):
    anna, dice = world.user("anna"), random.Random(11)
    project = anna.project()
    task = anna.task("Model", projectId=project["id"])
    with MongoClient(stack.mongodb_uri) as mongo:
        db = mongo[stack.mongodb_database]
        model, item = db.projects.find_one({"_id": ObjectId(project["id"])}), db.tasks.find_one({"_id": ObjectId(task["id"])})
        projects, tasks = copies(dice, model, item, PROJECTS)
        foreign = [dict(p, members=[{"userId": ObjectId(), "role": "owner"}]) for p in copies(dice, model, item, 3)[0]]
        hidden = [dict(t, _id=ObjectId(), projectId=p["_id"], title="Hidden") for p in foreign for t in tasks[:20]]
        db.projects.insert_many(projects + foreign)
        db.tasks.insert_many(tasks + hidden)
    anna.delete(task).expect(204)
    return anna, tasks


def key(task, field):
    if field == "dueAt":  # in the order of days, and of a day those with a time first
        at, date = task.get("dueAt"), task.get("dueDate")
        return (at.strftime("%Y-%m-%d"), at.strftime("%H%M")) if at else (date, "~") if date else None
    return task[field]


@pytest.mark.parametrize("sort", ["position", "-createdAt", "dueAt", "-dueAt,priority", "priority"])
def test_every_task_is_listed_once_and_in_order(wide, sort):
    anna, tasks = wide
    got = list(anna.pages("/v1/tasks", sort=sort, limit=120))
    wanted = {t["title"]: t for t in tasks if t["state"] in ("open", "done")}
    assert len(got) == len(wanted) and {t["title"] for t in got} == wanted.keys()
    field = sort.lstrip("-").split(",")[0]
    keys = [key(wanted[t["title"]], field) for t in got]
    dated = [k for k in keys if k is not None]
    assert keys[:len(dated)] == dated == sorted(dated, reverse=sort.startswith("-"))
    if sort == "priority":
        assert [t["id"] for t in got] == sorted((t["id"] for t in got), key=lambda i: (
            PRIORITIES.index(next(t["priority"] for t in got if t["id"] == i)), i))


FILTERS = [
    ({"archived": "true"}, lambda t: t["state"] == "archived"),
    ({"deleted": "true", "sort": "priority"}, lambda t: t["state"] == "trashed"),
    ({"priority": "low,high", "sort": "-priority"}, lambda t: t["priority"] in (1, 3)),
    ({"priority": "urgent", "sort": "dueAt"}, lambda t: t["priority"] == 4),
    ({"q": "rar", "sort": "-dueAt"}, lambda t: "rare" in t["terms"]),
    ({"q": "common rare", "priority": "none"}, lambda t: "rare" in t["terms"] and t["priority"] == 0),
    ({"q": "common", "archived": "true", "sort": "createdAt"}, lambda t: t["state"] == "archived"),
    ({"overdue": "true", "sort": "dueAt"}, lambda t: t["state"] == "open" and is_over(t)),
]


def is_over(task):
    at, date = task.get("dueAt"), task.get("dueDate")
    now = datetime.datetime.now(datetime.timezone.utc)
    return at < now if at else bool(date) and date < now.strftime("%Y-%m-%d")


@pytest.mark.parametrize("query, wanted", FILTERS, ids=lambda v: "&".join(map("=".join, v.items())) if isinstance(v, dict) else "")
def test_every_filter_works_across_many_projects(wide, query, wanted):
    anna, tasks = wide
    got = [t["title"] for t in anna.pages("/v1/tasks", limit=200, **query)]
    known = [t for t in tasks if wanted(t) and (set(query) & {"archived", "deleted"} or t["state"] in ("open", "done"))]
    assert sorted(set(got) - {"Model"}) == sorted(t["title"] for t in known) and len(got) == len(set(got))


@pytest.mark.parametrize("sort", ["name", "-createdAt", "updatedAt"])
def test_projects_can_be_sorted_in_every_order(wide, sort):
    anna, _ = wide
    got = list(anna.pages("/v1/projects", sort=sort, limit=110))
    assert len(got) == len({p["id"] for p in got}) == PROJECTS + 2  # the model and the Inbox
    field = sort.lstrip("-")
    keys = [p[field].lower() if field == "name" else p[field] for p in got if p["name"].startswith("P0")]
    assert field == "name" or keys == sorted(keys, reverse=sort.startswith("-"))
    assert all(p["role"] == "owner" for p in got)
