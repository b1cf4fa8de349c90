"""?filter= of the task list: the same tasks as a second implementation finds (filters.py), errors with their
position, names that nothing has, rights, pages."""
import datetime as dt
import os
import random
import zoneinfo

import pytest

import filters
from filters import Reader

ZONES = ["Pacific/Auckland", "Asia/Kolkata", "Europe/Berlin", "America/Havana", "America/Los_Angeles", "Pacific/Pago_Pago"]
FILTERS = 4000 if os.environ.get("TASKWIRE_LONG") else 40
TITLES = ["Buy milk", "Écrire à l'école", "BUY bread", "Straße fegen", "Red house", "say \"hi\"", "C:\\new", "milk & honey"]


def quiet_zones():
    """Two zones in which it will not be midnight soon."""
    now = dt.datetime.now(dt.timezone.utc)
    return [z for z in ZONES if 1 <= now.astimezone(zoneinfo.ZoneInfo(z)).hour <= 22][:2]


def rfc(instant):
    return instant.astimezone(dt.timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def random_task(dice, now, projects, people, subtask_of):
    project = dice.choice(projects)
    body = {"projectId": project["id"], "title": dice.choice(TITLES), "priority": dice.choice(filters.PRIORITIES),
            "status": dice.choice(project["statuses"])["id"],
            "labelIds": [label["id"] for label in project["labels"] if dice.randrange(3) == 0],
            "assigneeIds": dice.sample(people, dice.randrange(3)) if project["name"] != "Inbox" else []}
    if dice.randrange(2):
        body["description"] = dice.choice(["Two litres of milk", "Only café au lait", "x"])
    half = now.replace(minute=17, second=0, microsecond=0)  # far from whole hours after now
    for field in ("due", "start"):
        kind = dice.randrange(3)
        offset = dice.randrange(-60, 61) if field == "due" else dice.randrange(-200, -70)
        if kind == 0:
            body[field + "At"] = rfc(half + dt.timedelta(hours=offset, minutes=dice.choice([0, 30]) if half.minute == now.minute else 0))
        elif kind == 1:
            body[field + "Date"] = (now + dt.timedelta(hours=offset)).date().isoformat()
    parents = [t for t in subtask_of if t["projectId"] == project["id"] and not t["parentId"]]
    if parents and dice.randrange(4) == 0:
        body["parentId"] = dice.choice(parents)["id"]
    return body


@pytest.fixture(scope="module")
def team(world):
    """Anna and Ben with two common projects, in two zones; the tasks that both can see."""
    dice, now = random.Random(7), dt.datetime.now(dt.timezone.utc)
    anna, ben = world.user("anna"), world.user("ben")
    for user, zone in zip((anna, ben), quiet_zones()):
        user.patch("/v1/me", timeZone=zone).expect(200)
    house = anna.project("House & home", labels=[{"id": "l1", "name": "Blocked"}, {"id": "blocked", "name": "Waiting"}])
    garden = anna.project("Gärten", labels=[{"id": "l1", "name": "Später"}, {"id": "l2", "name": "two words"}],
                          statuses=[{"id": "new", "name": "Brand new", "kind": "open"}, {"id": "gone", "name": "To do", "kind": "done"}])
    for project in (house, garden):
        anna.share(project, ben)
    projects = [p.json for p in (house, garden)]
    made = []
    for n in range(70):
        user = (anna, ben)[n % 2]
        made.append(user.post("/v1/tasks", **random_task(dice, now, projects, [anna.id, ben.id], made[:20])).expect(201).json)
    for task in made[20:70:7]:
        anna.patch(task, archived=True).expect(200)
    for task in made[23:70:11]:
        anna.delete(task).expect(204)
    anna.task("Of Anna alone")
    projects = {p["id"]: p for user in (anna, ben) for p in user.items("/v1/projects")}
    return anna, ben, projects, {anna.id: anna.name, ben.id: ben.name}


def everything(user):
    """All tasks that are not in the trash, as they are."""
    return list(user.pages("/v1/tasks", limit=200)) + list(user.pages("/v1/tasks", limit=200, archived="true"))


def test_filters_mean_what_a_second_implementation_says(team):
    anna, ben, projects, people = team
    dice = random.Random(int(os.environ.get("TASKWIRE_SEED", 42)))
    now = dt.datetime.now(dt.timezone.utc)
    readers = [(user, Reader(user, zone, now, projects, people), everything(user))
               for user, zone in zip((anna, ben), quiet_zones())]
    some = 0
    for number in range(FILTERS):
        user, reader, tasks = readers[number % 2]
        tree = filters.random_filter(dice, reader, tasks)
        text = tree.text(dice)
        sort = dice.choice(["position", "-createdAt", "dueAt", "-dueAt,priority", "priority"])
        got = [t["id"] for t in user.pages("/v1/tasks", filter=text, sort=sort, limit=dice.choice([7, 50, 200]))]
        wanted = {t["id"] for t in tasks if tree.matches(t, reader) and
                  (t["archivedAt"] is None or "archived" in tree.fields())}
        assert set(got) == wanted and len(got) == len(wanted), f"{text!r} sort={sort}: {len(got)} instead of {len(wanted)}"
        some += 0 < len(wanted) < len(tasks)
        if not tree.fields() & {"archived"} and sort != "dueAt" and number % 8 == 0:
            order = [t["id"] for t in user.pages("/v1/tasks", sort=sort, limit=200)]
            assert got == [i for i in order if i in wanted], text
    assert some > FILTERS // 3


WRONG = [
    ("", 0, "a field"),
    ("colour = red", 0, "a field"),
    ("title = 'é😀' or colour = red", 16, "a field"),
    ("done = maybe", 7, "true or false"),
    ("due < 2030-02-30", 6, "a date"),
    ("due < today+999999y", 6, "a time"),
    ("title = \"open", 13, "a closing quote"),
    ("(" * 1000 + "done = true", 8, "at most 8 levels"),
    ("not " * 300 + "done = true", 32, "at most 8 levels"),
    (" or ".join(["done=true"] * 21), 260, "at most 20 comparisons"),
    ("label in (" + ",".join(["a"] * 101) + ")", 210, "at most 100 values"),
    ("x" * 2001, 2000, "at most 2,000 characters"),
    ("$where = 1", 0, "a field"),
    ("terms = a", 0, "a field"),
    ("done = true\t;", 12, "and, or, or the end"),
]


def test_errors_name_the_position_and_what_was_expected(anna):
    for text, position, expected in WRONG:
        refused = anna.get("/v1/tasks", filter=text).expect(400, "bad-parameter")
        assert (refused["parameter"], refused["position"]) == ("filter", position), f"{text[:60]}: {refused}"
        assert refused["expected"].startswith(expected), f"{text[:60]}: {refused}"


def test_unknown_names_match_nothing_and_are_reported(anna):
    task = anna.task("Plain")
    page = anna.get("/v1/tasks", filter="label = lost or assignee in (me, \"No One\")").expect(200)
    assert page["items"] == []
    assert [(w["position"], w["field"], w["name"]) for w in page["warnings"]] == [(8, "label", "lost"), (33, "assignee", "No One")]
    page = anna.get("/v1/tasks", filter="not project = nowhere and status = todo").expect(200)
    assert [t["id"] for t in page["items"]] == [task["id"]] and len(page["warnings"]) == 1
    assert anna.get("/v1/tasks", filter="done = false").expect(200)["warnings"] == []


def test_a_filter_shows_nothing_of_others(anna, ben):
    """Neither their tasks nor whether they and their projects exist."""
    secret = anna.project("Secret", labels=[{"id": "l1", "name": "Hidden"}])
    task = anna.task("Hidden", projectId=secret["id"], labelIds=["l1"])
    ben.task("Own")
    for text in (f"project = {secret['id']}", "project = Secret", "label = Hidden", f"creator = {anna.id}", "title = Hidden",
                 f"parent = {task['id']}", "number > 0 and title ~ hid"):
        page = ben.get("/v1/tasks", filter=text).expect(200)
        assert page["items"] == [], text
    for text in (f"project = {secret['id']}", "project = Secret", "label = Hidden", f"creator = {anna.id}", "creator = Anna"):
        assert len(ben.get("/v1/tasks", filter=text).expect(200)["warnings"]) == 1, text
    assert len(ben.items("/v1/tasks", filter=f"project != {secret['id']}")) == 1
    ben.get("/v1/tasks", filter="done = false", projectId=secret["id"]).expect(404)


def test_a_filter_joins_the_other_parameters(anna):
    project = anna.project()
    high = anna.task("Red house", projectId=project["id"], priority="high", dueDate="2020-01-01")
    anna.task("Red car", projectId=project["id"], priority="high")
    anna.task("Red house", priority="high", dueDate="2020-01-01")
    for query in ({"overdue": "true"}, {"dueBefore": "2021-01-01"}, {"q": "house"}, {"priority": "high", "q": "hou"}):
        got = anna.items("/v1/tasks", projectId=project["id"], filter="priority = high and title ~ house", **query)
        assert [t["id"] for t in got] == [high["id"]], query
    assert anna.items("/v1/tasks", filter="due < 2021-01-01", dueAfter="2021-01-01") == []


def test_a_page_may_be_short_although_more_follow(anna, stack):
    """What no index answers examines a bounded number of tasks for each page."""
    from bson import ObjectId
    from pymongo import MongoClient
    model = anna.task("Model", description="Rare")
    with MongoClient(stack.mongodb_uri) as mongo:
        tasks = mongo[stack.mongodb_database].tasks
        one = tasks.find_one({"_id": ObjectId(model["id"])})
        tasks.insert_many([dict(one, _id=ObjectId(), position=f"w{n:05d}", number=n + 2, terms=[],
                                description="Rare" if n == 520 else "Frequent") for n in range(560)])
    for sort in ("position", "-createdAt", "dueAt"):
        found, counts, cursor = [], [], None
        while cursor or not counts:
            page = anna.get("/v1/tasks", filter="description = rare", sort=sort, **({"cursor": cursor} if cursor else {})).expect(200)
            cursor = page["nextCursor"]
            counts.append(len(page["items"]))
            found += [t["number"] for t in page["items"]]
        assert sorted(found) == [1, 522] and len(counts) == 3, (sort, counts)
    full = anna.get("/v1/tasks", filter="not description = rare", limit=200).expect(200)
    assert len(full["items"]) == 200 and full["nextCursor"]
