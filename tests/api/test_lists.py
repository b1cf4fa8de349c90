"""Lists: filters, sorting, paging, and unknown parameters."""
import random

import pytest

PRIORITIES = ("none", "low", "medium", "high", "urgent")
PAST, SOON, LATER = "2020-05-01T10:00:00.000Z", "2099-01-01T00:00:00.000Z", "2099-06-01T00:00:00.000Z"


@pytest.fixture(scope="module")
def backlog(world):
    """Forty tasks of every kind in one project."""
    owner, other = world.user("owner"), world.user("other")
    project = owner.project(labels=[{"id": "bug", "name": "Bug", "colour": "#aa0000"}])
    owner.share(project, other)
    dice, tasks = random.Random(7), []
    for n in range(40):
        fields = {"priority": PRIORITIES[n % 5], "status": ("todo", "in-progress", "completed")[n % 3]}
        if n % 4 == 0:
            fields["dueAt"] = dice.choice((PAST, SOON, LATER))
        if n % 6 == 0:
            fields["labelIds"] = ["bug"]
        if n % 7 == 0:
            fields["assigneeIds"] = [owner.id]
        tasks.append(owner.task(f"Task {n:02d}", projectId=project["id"], **fields).json)
    return owner, other, project, tasks


FILTERS = [
    ({"status": "todo"}, lambda t, me: t["status"] == "todo"),
    ({"priority": "urgent"}, lambda t, me: t["priority"] == "urgent"),
    ({"label": "bug"}, lambda t, me: "bug" in t["labelIds"]),
    ({"assigneeId": "me"}, lambda t, me: me in t["assigneeIds"]),
    ({"dueBefore": "2099-02-01T00:00:00.000Z"}, lambda t, me: t["dueAt"] and t["dueAt"] < "2099-02"),
    ({"dueAfter": "2099-02-01T00:00:00.000Z"}, lambda t, me: t["dueAt"] and t["dueAt"] > "2099-02"),
    ({"overdue": "true"}, lambda t, me: t["dueAt"] == PAST and not t["completedAt"]),
    ({"status": "todo", "priority": "high"}, lambda t, me: t["status"] == "todo" and t["priority"] == "high"),
    ({}, lambda t, me: True),
]


@pytest.mark.parametrize("query, wanted", FILTERS, ids=lambda v: "&".join(v) if isinstance(v, dict) else "")
def test_filters_select_the_matching_tasks(backlog, query, wanted):
    owner, _, project, tasks = backlog
    got = {t["title"] for t in owner.pages("/v1/tasks", projectId=project["id"], limit=7, **query)}
    assert got == {t["title"] for t in tasks if wanted(t, owner.id)}


def sort_key(field):
    if field == "priority":
        return lambda t: PRIORITIES.index(t["priority"])
    return lambda t: t[field]


@pytest.mark.parametrize("sort", ["createdAt", "-createdAt", "dueAt", "-dueAt",
                                  "-updatedAt",
                                  "priority", "-priority", "position"])
def test_sorting_holds_across_pages(backlog, sort):
    owner, _, project, tasks = backlog
    got = list(owner.pages("/v1/tasks", projectId=project["id"], sort=sort, limit=7))
    assert sorted(t["id"] for t in got) == sorted(t["id"] for t in tasks)
    values = [sort_key(sort.lstrip("-"))(t) for t in got]
    dated = [v for v in values if v is not None]
    assert dated == sorted(dated, reverse=sort.startswith("-"))
    assert values[:len(dated)] == dated, "what has no date comes last in both directions"


def test_members_get_the_same_lists(backlog):
    owner, other, project, _ = backlog
    path = {"projectId": project["id"], "limit": 200}
    assert owner.items("/v1/tasks", **path) == other.items("/v1/tasks", **path)
    assert other.items("/v1/tasks", assigneeId="me", **path) == []
    assert len(other.items("/v1/tasks", assigneeId=owner.id, **path)) == 6


def test_a_page_has_fifty_items_by_default(world):
    user = world.user()
    for n in range(51):
        user.task(f"T{n}")
    page = user.get("/v1/tasks").expect(200)
    assert len(page["items"]) == 50 and page["nextCursor"]
    rest = user.get("/v1/tasks", cursor=page["nextCursor"]).expect(200)
    assert len(rest["items"]) == 1 and rest["nextCursor"] is None
    assert len(user.items("/v1/tasks", limit=200)) == 51


def test_pages_neither_repeat_nor_skip_items_while_others_change(anna):
    """Items that do not move are listed exactly once, whatever happens to others."""
    dice = random.Random(11)
    tasks = [anna.task(f"T{n}") for n in range(40)]
    still = {t["id"] for t in tasks[::2]}
    movers, got, cursor = tasks[1::2], [], None
    while True:
        page = anna.get("/v1/tasks", sort="-createdAt", limit=5,
                        **({"cursor": cursor} if cursor else {})).expect(200)
        got += [t["id"] for t in page["items"]]
        cursor = page["nextCursor"]
        if cursor is None:
            break
        gone = movers.pop(dice.randrange(len(movers)))
        anna.delete(gone).expect(204)
        anna.task("New one")
    assert len(got) == len(set(got))
    assert still <= set(got)


@pytest.mark.parametrize("query, name", [
    ({"limit": "201"}, "limit"), ({"limit": "0"}, "limit"), ({"limit": "-1"}, "limit"),
    ({"limit": "x"}, "limit"),
    ({"limit": "1e2"}, "limit"), ({"limit": ""}, "limit"), ({"limit": "99999999999999999999"}, "limit"),
    ({"sort": "colour"}, "sort"), ({"sort": "-"}, "sort"), ({"sort": "title,$where"}, "sort"),
    ({"sort": ""}, "sort"),
    ({"frobnicate": "1"}, "frobnicate"), ({"$where": "1"}, "$where"), ({"status[$ne]": "todo"}, "status[$ne]"),
    ({"cursor": "garbage"}, "cursor"), ({"cursor": "x" * 4000}, "cursor"), ({"projectId": "x"}, "projectId"),
    ({"assigneeId": "$me"}, "assigneeId"), ({"priority": "highest"}, "priority"),
    ({"dueBefore": "soon"}, "dueBefore"),
    ({"overdue": "maybe"}, "overdue"), ({"deleted": "2"}, "deleted"), ({"_id": "x"}, "_id"),
])
def test_an_invalid_parameter_is_named(anna, query, name):
    reply = anna.get("/v1/tasks", **query).expect(400)
    assert name in reply["detail"] or name == reply.json.get("parameter"), reply


@pytest.mark.parametrize("path", ["/v1/projects", "/v1/sessions"])
def test_every_list_refuses_unknown_parameters(anna, path):
    assert "frob" in anna.get(path, frob="1").expect(400).body.decode()
    anna.get(path, limit="201").expect(400)


def test_a_parameter_given_twice_is_refused(anna):
    anna.get("/v1/tasks?limit=1&limit=2").expect(400)


def test_a_cursor_for_another_sort_order_is_refused(anna):
    for n in range(3):
        anna.task(f"T{n}")
    cursor = anna.get("/v1/tasks", limit=1, sort="-createdAt").expect(200)["nextCursor"]
    anna.get("/v1/tasks", limit=1, sort="createdAt", cursor=cursor).expect(400)
    anna.get("/v1/tasks", limit=1, sort="-createdAt", cursor=cursor[:-1] + "~").expect(400)


def test_listing_an_inaccessible_project_is_404(anna, ben):
    project = anna.project()
    ben.get("/v1/tasks", projectId=project["id"]).expect(404)
    ben.get("/v1/tasks", projectId="f" * 24).expect(404)


def test_without_a_project_all_the_users_tasks_are_listed(anna, ben):
    project = anna.project()
    anna.share(project, ben)
    shared = anna.task("Shared", projectId=project["id"])
    mine, hidden = ben.task("Mine"), anna.task("Hidden")
    got = {t["id"] for t in ben.items("/v1/tasks")}
    assert got == {shared["id"], mine["id"]} and hidden["id"] not in got
