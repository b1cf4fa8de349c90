"""/v1/filters: saved filters, their events and their place in sync and export; ?filterId=."""
import pytest
from client import SETTINGS, World
from stack import Stack


def save(user, name="Mine", filter="assignee = me", **fields):
    return user.post("/v1/filters", name=name, filter=filter, **fields).expect(201)


def test_a_saved_filter_is_made_read_changed_and_deleted(anna):
    made = save(anna, filter="label = x and due < today+3d", sort="-dueAt,priority")
    assert made.headers["location"] == f"/v1/filters/{made['id']}" and made["colour"] == "grey"
    path = f"/v1/filters/{made['id']}"
    assert anna.get(path).expect(200).json == made.json
    assert anna.items("/v1/filters") == [made.json]
    changed = anna.patch(path, name="Ours", sort=None, if_match=made.etag).expect(200)
    assert (changed["name"], changed["sort"], changed["rev"], changed["filter"]) == ("Ours", None, 2, made["filter"])
    assert anna.patch(path, name="Late", if_match=made.etag).expect(412, "stale")["current"] == changed.json
    assert anna.patch(path, name="Other", base=1).expect(412, "stale")["conflicts"] == ["name"]
    anna.patch(path, colour="red", base=1).expect(200)
    anna.patch(path, name="Ours", key="k").expect(200)
    anna.delete(path).expect(204)
    anna.get(path).expect(404)
    anna.delete(path).expect(404)
    assert anna.items("/v1/filters") == []


BAD = [
    ({"name": "", "filter": "done=true"}, {"/name"}),
    ({"name": "x"}, {"/filter"}),
    ({"name": "x", "filter": "(" * 1000}, {"/filter"}),
    ({"name": "x", "filter": "colour = red"}, {"/filter"}),
    ({"name": "x", "filter": "x" * 2001}, {"/filter"}),
    ({"name": "x", "filter": "done=true", "sort": "title"}, {"/sort"}),
    ({"name": "x", "filter": "done=true", "colour": 7, "userId": "0" * 24}, {"/colour", "/userId"}),
]


def test_a_wrong_filter_is_not_saved(anna):
    for body, pointers in BAD:
        anna.post("/v1/filters", **body).expect(422, "invalid", pointers)
    refused = anna.post("/v1/filters", name="x", filter="done = maybe").expect(422, "invalid", {"/filter"})
    assert refused["position"] == 7 and refused["expected"].startswith("true or false")
    made = save(anna)
    anna.patch(f"/v1/filters/{made['id']}", filter="done =").expect(422, "invalid", {"/filter"})
    assert anna.items("/v1/filters") == [made.json]


def test_the_task_list_takes_a_saved_filter_and_its_order(anna):
    tasks = [anna.task(f"T{n}", priority=p) for n, p in enumerate(("low", "high", "none", "urgent"))]
    saved = save(anna, filter="priority > none", sort="-priority")
    got = anna.items("/v1/tasks", filterId=saved["id"])
    assert [t["id"] for t in got] == [tasks[n]["id"] for n in (3, 1, 0)]
    assert [t["id"] for t in anna.pages("/v1/tasks", filterId=saved["id"], limit=2)] == [t["id"] for t in got]
    got = anna.items("/v1/tasks", filterId=saved["id"], sort="createdAt")
    assert [t["id"] for t in got] == [tasks[n]["id"] for n in (0, 1, 3)]
    assert anna.get("/v1/tasks", filterId=saved["id"], filter="done=true").expect(400)["parameter"] == "filterId"
    assert anna.get("/v1/tasks", filterId="x").expect(400)["parameter"] == "filterId"


def test_names_that_have_gone_never_break_a_saved_filter(anna, ben):
    project = anna.project("Short-lived", labels=[{"id": "l1", "name": "Soon"}])
    anna.share(project, ben)
    task = anna.task(projectId=project["id"])
    saved = save(anna, filter="project = Short-lived and (label = Soon or assignee = Ben or done = false)")
    page = anna.get("/v1/tasks", filterId=saved["id"]).expect(200)
    assert [t["id"] for t in page["items"]] == [task["id"]] and page["warnings"] == []
    anna.delete(f"/v1/projects/{project['id']}/labels/l1").expect(204)
    anna.delete(f"/v1/projects/{project['id']}/members/{ben.id}").expect(204)
    page = anna.get("/v1/tasks", filterId=saved["id"]).expect(200)
    assert len(page["items"]) == 1 and [w["field"] for w in page["warnings"]] == ["label", "assignee"]
    anna.delete(project).expect(204)
    page = anna.get("/v1/tasks", filterId=saved["id"]).expect(200)
    assert page["items"] == [] and len(page["warnings"]) == 3
    anna.patch(f"/v1/filters/{saved['id']}", name="Still there").expect(200)


def test_a_saved_filter_belongs_to_its_user(anna, ben):
    path = f"/v1/filters/{(saved := save(anna))['id']}"
    ben.get(path).expect(404)
    ben.patch(path, name="Mine").expect(404)
    ben.delete(path).expect(404)
    ben.get("/v1/tasks", filterId=saved["id"]).expect(404)
    assert ben.items("/v1/filters") == [] and anna.items("/v1/filters") == [saved.json]


def test_changes_of_saved_filters_are_live_and_in_sync(anna):
    before = anna.get("/v1/sync").expect(200)
    assert before["filters"] == []
    with anna.live(("user:me",)) as feed:
        made = save(anna)
        anna.patch(f"/v1/filters/{made['id']}", name="Other").expect(200)
        other = save(anna, name="Second")
        anna.delete(f"/v1/filters/{made['id']}").expect(204)
        events = [feed.expect(f"filter.{kind}") for kind in ("created", "updated", "created", "deleted")]
    assert events[0]["data"] == made.json and events[1]["changes"] == {"name": ["Mine", "Other"]}
    news = anna.get("/v1/sync", cursor=before["cursor"]).expect(200)
    assert news["filters"] == [other.json]
    assert [(d["entity"], d["id"]) for d in news["deleted"]] == [("filter", made["id"])]
    assert anna.get("/v1/sync").expect(200)["filters"] == [other.json]
    assert anna.get("/v1/me/export").expect(200)["filters"] == [other.json]


@pytest.fixture(scope="module")
def small():
    with Stack(settings={**SETTINGS, "USER_FILTERS": "3"}) as stack:
        yield World(stack.url, stack.ws_url)


def test_saved_filters_are_limited(small):
    user = small.user("anna")
    made = [save(user) for _ in range(3)]
    user.post("/v1/filters", name="x", filter="done=true").expect(409, "quota-exceeded")
    user.delete(f"/v1/filters/{made[0]['id']}").expect(204)
    save(user)
