"""Small changes of large documents stay small everywhere: in the log, its pages, on sockets, in /v1/sync."""
from bson import ObjectId
from pymongo import MongoClient

import state

LARGE = "y" * 50_000
PAGE = 1_100_000  # bytes of one page of the log, with some room for the rest of the response


def log(user, project, since):
    """All events after a cursor, page by page."""
    items = []
    while (page := user.get(f"/v1/projects/{project['id']}/events", since=since, limit=1000).expect(200))["items"]:
        assert len(page.body) < PAGE
        items += page["items"]
        since = page["nextCursor"]
    return items


def history(user, task):
    pages, query = [], {}
    while True:
        page = user.get(f"/v1/tasks/{task['id']}/history", **query).expect(200)
        assert len(page.body) < PAGE
        pages.append(page)
        if page["nextCursor"] is None:
            return pages
        query = {"cursor": page["nextCursor"]}


def test_small_changes_of_a_large_task_create_little_history(anna):
    """Regression: 102 MiB of history for 120 changes of 14 bytes."""
    project = anna.project()
    task = anna.task("Large", projectId=project["id"], description=LARGE, checklist=[
        {"id": f"i{n}", "text": "z" * 400, "done": False} for n in range(100)])
    for n in range(120):
        anna.patch(task, title=f"Title {n}").expect(200)
    pages = history(anna, task)
    size = sum(len(page.body) for page in pages)
    print(f"\n120 changes of a task of {len(anna.get(task).body)} bytes: {size} bytes of history")
    assert sum(len(page["items"]) for page in pages) == 121 and size < 100_000
    assert pages[0]["items"][0]["changes"] == {"title": ["Title 118", "Title 119"]}


def test_an_event_about_a_large_document_says_that_it_is_omitted(anna):
    project = anna.project()
    start = anna.get(f"/v1/projects/{project['id']}/snapshot").expect(200)["cursor"]
    task = anna.task("Large", projectId=project["id"], description=LARGE)
    anna.patch(task, description="z" * 50_000, title="Still large").expect(200)
    anna.patch(task, description="small again").expect(200)
    created, changed, shrunk = log(anna, project, start)
    assert created["data"] is None and created["dataOmitted"] is True and created["changes"] == {}
    assert changed["changes"] == {"title": ["Large", "Still large"], "description": None}
    assert changed["data"] is None and changed["dataOmitted"] is True
    assert shrunk["changes"] == {"description": None} and shrunk["data"]["description"] == "small again"
    assert "dataOmitted" not in shrunk


def test_snapshot_and_events_converge_with_large_documents(anna):
    project = anna.project()
    shot = anna.get(f"/v1/projects/{project['id']}/snapshot").expect(200).json
    known, unknown = (anna.task(name, projectId=project["id"], description=LARGE) for name in ("Known", "Unknown"))
    middle = anna.get(f"/v1/projects/{project['id']}/snapshot").expect(200).json
    anna.patch(known, title="By its changes").expect(200)
    anna.patch(unknown, description="q" * 50_000).expect(200)
    anna.patch(unknown, labelIds=[], priority="high").expect(200)
    gone = anna.task("Gone", projectId=project["id"], description=LARGE)
    anna.delete(gone).expect(204)
    anna.patch(project, description="d" * 9000).expect(200)
    final = state.of_snapshot(anna.get(f"/v1/projects/{project['id']}/snapshot").expect(200).json)

    def fetch(entity, entity_id):
        reply = anna.get(f"/v1/{entity}s/{entity_id}").expect((200, 404))
        return reply.json if reply.status == 200 else None

    for start in (shot, middle):
        mirror = state.of_snapshot(start)
        for event in log(anna, project, start["cursor"]):
            mirror.apply(event, fetch)
        assert mirror == final


def test_pages_of_the_log_are_limited_in_bytes(anna):
    project = anna.project()
    start = anna.get(f"/v1/projects/{project['id']}/snapshot").expect(200)["cursor"]
    task = anna.task(projectId=project["id"])
    for n in range(80):
        anna.patch(task, description=f"{n:02}" + "w" * 11_000).expect(200)
    assert len(log(anna, project, start)) == 81
    pages = history(anna, task)
    assert len(pages) > 1
    assert [e["rev"] for page in pages for e in page["items"]] == list(range(81, 0, -1))
    anna.get(f"/v1/tasks/{task['id']}/history", cursor="nonsense").expect(400, "bad-parameter")
    anna.get(f"/v1/tasks/{task['id']}/history", limit=0).expect(400, "bad-parameter")


def test_sync_returns_documents_that_events_omit(anna):
    project = anna.project()
    cursor = anna.get("/v1/sync").expect(200)["cursor"]
    large = anna.task("Large", projectId=project["id"], description=LARGE)
    comment = anna.post(large, "/comments", text="c" * 9000).expect(201)
    gone = anna.task("Gone", projectId=project["id"], description=LARGE)
    anna.delete(gone).expect(204)
    step = anna.get("/v1/sync", cursor=cursor).expect(200)
    assert [t for t in step["tasks"] if t["id"] == large["id"]] == [anna.get(large).expect(200).json]
    assert [c["id"] for c in step["comments"]] == [comment["id"]] and len(step["comments"][0]["text"]) == 9000
    assert [d["id"] for d in step["deleted"]] == [gone["id"]]


def test_sync_returns_many_large_documents_once_each(anna, stack):
    """Two hundred large tasks in one answer of 10 MB."""
    project = anna.project()
    cursor = anna.get("/v1/sync").expect(200)["cursor"]
    model = anna.task("T", projectId=project["id"], description=LARGE)
    topic = f"project:{project['id']}"
    with MongoClient(stack.mongodb_uri) as mongo:
        db = mongo[stack.mongodb_database]
        task = db.tasks.find_one({"_id": ObjectId(model["id"])})
        event = db.events.find_one({"topic": topic, "entityId": task["_id"]})
        ids = [ObjectId() for _ in range(200)]
        for i in range(0, 200, 50):
            db.tasks.insert_many([{**task, "_id": id} for id in ids[i:i + 50]])
        db.events.insert_many([{**event, "_id": ObjectId(), "entityId": id, "seq": event["seq"] + n + 1}
                               for n, id in enumerate(ids)])
        db.topics.update_one({"_id": topic}, {"$inc": {"seq": 200}})
    step = anna.get("/v1/sync", cursor=cursor).expect(200)
    assert not step["full"] and not step["more"]
    assert sorted(t["id"] for t in step["tasks"]) == sorted(map(str, [*ids, model["id"]]))
