"""/v1/sync: everything once, then only changes, including deletions."""
import copy

from bson import ObjectId
from pymongo import MongoClient

KINDS = ("projects", "members", "tasks", "comments", "notifications", "filters", "subscriptions", "jobs")


def sync(user, cursor=None):
    """Everything, however many responses it takes."""
    whole = {kind: [] for kind in KINDS} | {"deleted": []}
    full = None
    while True:
        part = user.post("/v1/sync", **({"cursor": cursor} if cursor else {})).expect(200)
        for kind in whole:
            whole[kind] += part[kind]
        cursor, full = part["cursor"], part["full"] if full is None else full
        if not part["more"]:
            return {**whole, "cursor": cursor, "full": full}


def ids(things):
    return {t["id"] for t in things}


def test_without_a_cursor_sync_returns_everything(anna, ben):
    project = anna.project("Shared")
    anna.share(project, ben)
    task = anna.task("A", projectId=project["id"])
    comment = anna.post(task, "/comments", text="Hm").expect(201)
    own, hidden = ben.task("Ben's own"), anna.task("Hidden")
    got = sync(ben)
    visible = {p["id"] for p in got["projects"] if p["createdBy"] in (anna.id, ben.id)}  # others may have left open ones
    assert visible == {project["id"], own["projectId"]}
    assert ids(got["tasks"]) == {task["id"], own["id"]} and hidden["id"] not in str(got)
    assert ids(got["comments"]) == {comment["id"]}
    assert {m["userId"] for m in got["members"] if m["projectId"] == project["id"]} == {anna.id, ben.id}


def test_get_and_post_return_the_same(anna, ben):
    project = anna.project()
    anna.share(project, ben)
    cursor = sync(ben)["cursor"]
    anna.task("A", projectId=project["id"])
    for since in ({}, {"cursor": cursor}, {"cursor": "nonsense"}):
        assert ben.get("/v1/sync", **since).expect(200).json == ben.post("/v1/sync", **since).expect(200).json
    assert ben.post("/v1/sync", cursor=None).expect(200)["full"]
    ben.post("/v1/sync", cursor=7).expect(422, pointers=["/cursor"])
    ben.post("/v1/sync", since=cursor).expect(422, pointers=["/since"])


def test_with_a_cursor_sync_returns_only_changes(anna):
    kept, changed, gone = anna.task("Kept"), anna.task("A"), anna.task("Gone")
    cursor = sync(anna)["cursor"]
    nothing = sync(anna, cursor)
    assert all(not nothing[kind] for kind in (*KINDS, "deleted"))
    anna.patch(changed, title="B").expect(200)
    anna.patch(changed, title="C").expect(200)
    anna.delete(gone).expect(204)
    new = anna.task("New")
    got = sync(anna, nothing["cursor"])
    assert {t["id"]: t["title"] for t in got["tasks"]} == {changed["id"]: "C", new["id"]: "New"}
    assert [(d["entity"], d["id"]) for d in got["deleted"]] == [("task", gone["id"])]
    assert kept["id"] not in str(got)


def test_a_joined_project_comes_with_its_tasks_and_a_left_one_is_deleted(anna, ben):
    project = anna.project()
    task = anna.task("A", projectId=project["id"])
    cursor = sync(ben)["cursor"]
    anna.share(project, ben)
    got = sync(ben, cursor)
    assert project["id"] in ids(got["projects"]) and task["id"] in ids(got["tasks"])
    anna.delete(f"/v1/projects/{project['id']}/members/{ben.id}").expect(204)
    after = sync(ben, got["cursor"])
    assert ("project", project["id"]) in [(d["entity"], d["id"]) for d in after["deleted"]]
    assert not after["tasks"]


def test_an_unusable_cursor_returns_everything_again(anna):
    task = anna.task("A")
    cursor = sync(anna)["cursor"]
    other = ("0" if cursor[0] != "0" else "1") + cursor[1:]
    for bad in (other, "nonsense", "x" * 3000):
        reply = anna.get("/v1/sync", cursor=bad).expect((200, 400))
        assert reply.status == 400 or (reply["full"] and task["id"] in ids(reply["tasks"])), reply


def test_sync_and_follow_all_share_one_cursor(anna):
    cursor = sync(anna)["cursor"]
    task = anna.task("While away")
    with anna.live(follow=[]) as feed:
        answer = feed.follow("all", since=cursor)
        assert answer["op"] == "following" and answer["recovered"] is True, answer
        feed.expect("task.created", id=task["id"])
        feed.silent()


def test_a_mirror_updated_by_sync_equals_a_full_load(anna, ben):
    """After changes of every kind, syncing in steps gives the same as a fresh sync."""
    project = anna.project()
    anna.share(project, ben)
    mirror = sync(ben)
    known = {kind: {t["id"]: t for t in mirror[kind]} for kind in ("projects", "tasks", "comments")}
    cursor, tasks = mirror["cursor"], []
    for n in range(24):
        if n % 4 == 0 or not tasks:
            tasks.append(anna.task(f"T{n}", projectId=project["id"]))
        elif n % 4 == 1:
            anna.patch(tasks[-1], title=f"U{n}").expect(200)
        elif n % 4 == 2:
            anna.post(tasks[-1], "/comments", text=f"C{n}").expect(201)
        elif n % 8 == 3:
            anna.delete(tasks.pop(0)).expect(204)
        if n % 5 == 0:
            step = sync(ben, cursor)
            cursor = step["cursor"]
            apply(known, step)
    apply(known, sync(ben, cursor))
    fresh = sync(ben)
    for kind, things in known.items():
        gone = {t["id"] for t in mirror[kind]} - ids(fresh[kind])
        assert {k: v for k, v in things.items() if k not in gone} == {t["id"]: t for t in fresh[kind]}, kind


def apply(known, step):
    for kind, things in known.items():
        things.update((t["id"], t) for t in step[kind])
    for dead in step["deleted"]:
        known.get(dead["entity"] + "s", {}).pop(dead["id"], None)


# -- many projects, a long absence ---------------------------------------------------
MANY = 270


def copy_project(stack, project, task, count):
    """Many copies of a project with one task, including topics and logs; written directly to the database, for speed."""
    with MongoClient(stack.mongodb_uri) as mongo:
        db = mongo[stack.mongodb_database]
        model, item = db.projects.find_one({"_id": ObjectId(project["id"])}), db.tasks.find_one({"_id": ObjectId(task["id"])})
        log = list(db.events.find({"topic": f"project:{project['id']}"}).sort("seq", 1))
        made = {name: [] for name in ("projects", "tasks", "topics", "events")}
        for _ in range(count):
            new, own = ObjectId(), ObjectId()
            made["projects"].append({**model, "_id": new})
            made["tasks"].append({**item, "_id": own, "projectId": new})
            made["topics"].append({"_id": f"project:{new}", "seq": len(log), "tasks": 1})
            made["events"] += [{**copy.deepcopy(e), "_id": ObjectId(), "topic": f"project:{new}",
                                "entityId": own if e["entity"] == "task" else new} for e in log]
        for name, documents in made.items():
            db[name].insert_many(documents)
        return [str(p["_id"]) for p in made["projects"]], [str(t["_id"]) for t in made["tasks"]]


def test_hundreds_of_projects_can_be_synced_at_once(anna, ben, stack):
    """A cursor of that many projects is too long for a URL.  Regression: a change in each used up a worker's memory."""
    project = anna.project()
    anna.share(project, ben)
    task = anna.task("A", projectId=project["id"])
    projects, tasks = copy_project(stack, project, task, MANY)
    before = {name: stack.workers(name) for name in stack.pids() if name.startswith("api")}
    got = sync(ben)
    assert got["full"] and set(projects) < ids(got["projects"]) and set(tasks) < ids(got["tasks"])
    assert sum(m["projectId"] in projects for m in got["members"]) == 2 * MANY
    with MongoClient(stack.mongodb_uri) as mongo:
        topics = mongo[stack.mongodb_database].topics
        last = topics.find_one({"_id": f"project:{projects[-1]}"})["seq"]
        own = topics.find_one({"_id": f"user:{ben.id}"})["seq"]
    for t in tasks[:20]:
        anna.patch(f"/v1/tasks/{t}", title="B").expect(200)
    step = sync(ben, got["cursor"])
    assert ids(step["tasks"]) == set(tasks[:20]) and not step["projects"] and not step["members"]
    behind = f"{got['cursor'][:8]}~u{ben.id}.{own}" + "".join(f"~p{p}.{last - 1}" for p in projects)
    late = sync(ben, behind)
    assert ids(late["tasks"]) >= set(tasks) and not late["full"]
    assert not set(projects) & ids(late["projects"]), "only tasks have changed there"
    export = anna.get("/v1/me/export").expect(200).json
    assert export["complete"] and set(projects) < ids(export["projects"]) and set(tasks) < ids(export["tasks"])
    assert {name: stack.workers(name) for name in before} == before


def test_a_large_sync_is_split_into_several_responses(anna, stack):
    """Every project has its tasks counted; an answer ends with the one that fills it."""
    projects = [anna.project(f"P{n}") for n in range(4)]
    tasks = [anna.task("A", projectId=p["id"])["id"] for p in projects]
    with MongoClient(stack.mongodb_uri) as mongo:
        mongo[stack.mongodb_database].topics.update_many(
            {"_id": {"$in": [f"project:{p['id']}" for p in projects]}}, {"$set": {"tasks": 30000}})
    first = anna.post("/v1/sync").expect(200)
    assert first["more"] and first["full"] and len(first["projects"]) < 4
    answers, cursor = [first], first["cursor"]
    while answers[-1]["more"]:
        answers.append(anna.post("/v1/sync", cursor=answers[-1]["cursor"]).expect(200))
        assert not answers[-1]["full"] and ids(answers[-1]["projects"]) == set(answers[-1]["whole"])
        assert not answers[-1]["deleted"]
    seen = [p["id"] for a in answers for p in a["projects"]]
    assert len(seen) == len(set(seen)) and {p["id"] for p in projects} <= set(seen)
    assert {t["id"] for a in answers for t in a["tasks"]} >= set(tasks)
    assert not anna.post("/v1/sync", cursor=answers[-1]["cursor"]).expect(200)["projects"], cursor


def test_a_long_absence_is_synced_in_several_responses(anna, stack):
    """One response covers at most 2,000 events; raised numbers stand in for events."""
    project = anna.project()
    task = anna.task("A", projectId=project["id"])
    cursor, topic = sync(anna)["cursor"], f"project:{project['id']}"
    with MongoClient(stack.mongodb_uri) as mongo:
        db = mongo[stack.mongodb_database]
        event = db.events.find_one({"topic": topic, "entity": "task"})
        head = db.topics.find_one({"_id": topic})["seq"]
        db.events.insert_many([{**event, "_id": ObjectId(), "seq": head + n + 1} for n in range(2500)])
        db.topics.update_one({"_id": topic}, {"$set": {"seq": head + 2500}})
    first = anna.post("/v1/sync", cursor=cursor).expect(200)
    assert first["more"] and ids(first["tasks"]) == {task["id"]} and not first["whole"]
    second = anna.post("/v1/sync", cursor=first["cursor"]).expect(200)
    assert not second["more"] and ids(second["tasks"]) == {task["id"]}


def test_a_hole_in_the_log_makes_sync_return_the_whole_project(anna, stack):
    project = anna.project()
    cursor = sync(anna)["cursor"]
    tasks = [anna.task(f"T{n}", projectId=project["id"]) for n in range(5)]
    with MongoClient(stack.mongodb_uri) as mongo:
        done = mongo[stack.mongodb_database].events.delete_one(
            {"topic": f"project:{project['id']}", "entityId": ObjectId(tasks[2]["id"])})
        assert done.deleted_count == 1
    got = anna.post("/v1/sync", cursor=cursor).expect(200)
    assert got["whole"] == [project["id"]] and ids(got["tasks"]) == ids(tasks)
    assert anna.post("/v1/sync", cursor=got["cursor"]).expect(200)["whole"] == []


def test_a_task_that_moved_out_of_reach_is_deleted(anna, ben):
    shared, own = anna.project(), anna.project()
    anna.share(shared, ben)
    task = anna.task("A", projectId=shared["id"])
    cursor = sync(ben)["cursor"]
    anna.patch(task, title="B").expect(200)
    anna.post(task, "/move", projectId=own["id"]).expect(200)
    anna.patch(task, title="Secret").expect(200)
    got = sync(ben, cursor)
    assert not got["tasks"] and "Secret" not in str(got)
    assert ("task", task["id"]) in [(d["entity"], d["id"]) for d in got["deleted"]]


def test_sync_returns_only_the_members_that_changed(anna, ben, cleo):
    project = anna.project()
    anna.share(project, ben)
    cursor = sync(anna)["cursor"]
    anna.share(project, cleo, "viewer")
    got = sync(anna, cursor)
    assert [(m["userId"], m["role"], m["name"]) for m in got["members"]] == [(cleo.id, "viewer", cleo.name)]
    anna.delete(f"/v1/projects/{project['id']}/members/{cleo.id}").expect(204)
    after = sync(anna, got["cursor"])
    assert ("member", cleo.id, project["id"]) in [(d["entity"], d["id"], d["projectId"]) for d in after["deleted"]]
