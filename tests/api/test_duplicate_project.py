"""POST /v1/projects/{id}/duplicate: what a copy has, who may make one, and large ones, which a job fills."""
import pytest
import queued
from client import World
from pymongo import MongoClient

SETTINGS = {"description": "All of it", "colour": "teal", "requireIfMatch": False, "accessRole": "commenter",
            "labels": [{"id": "red", "name": "Red", "colour": "red"}, {"id": "blue", "name": "Blue", "colour": "blue"}],
            "statuses": [{"id": "new", "name": "New", "kind": "open"}, {"id": "fixed", "name": "Fixed", "kind": "done"}]}
KEPT = ("title", "description", "status", "priority", "startAt", "startDate", "dueAt", "dueDate", "labelIds", "checklist",
        "timeZone", "recurrence", "reminders", "completedAt", "archivedAt")
LARGE = 230  # tasks; 30 of them are subtasks of tasks that were made later


def duplicate(user, project, **fields):
    return user.post(project, "/duplicate", **{"name": "Copy", **fields})


def in_order(user, project):
    """By their positions."""
    tasks = user.get(f"/v1/projects/{project['id']}/snapshot").expect(200)["tasks"]
    return sorted(tasks, key=lambda t: t["position"])


def tasks_of(user, project):
    """By title, in that order."""
    return {t["title"]: t for t in in_order(user, project)}


@pytest.fixture
def plan(anna, ben):
    """A project with a bit of everything."""
    project = anna.project("Plan", **SETTINGS)
    anna.share(project, ben, "admin")
    here = {"projectId": project["id"]}
    child = anna.task("Child", **here)
    parent = anna.task("Parent", **here, assigneeIds=[anna.id, ben.id], labelIds=["red"], priority="high", dueDate="2031-05-06",
                       recurrence={"rule": "FREQ=WEEKLY"}, reminders=[{"id": "r", "at": "2031-05-05T10:00:00.000Z"}, {"id": "s", "before": "PT30M"}],
                       checklist=[{"id": "a", "text": "A", "done": True}, {"id": "b", "text": "B"}])
    anna.patch(child, parentId=parent["id"]).expect(200)
    done = anna.task("Done", **here, status="fixed", startAt="2030-01-01T08:00:00.000Z")
    anna.task("Archived", **here, description="Old.")
    anna.patch(f"/v1/tasks/{tasks_of(anna, project)['Archived']['id']}", archived=True).expect(200)
    trashed = anna.task("Trashed", **here)
    ben.put(done, f"/relations/blocks/{parent['id']}").expect(200)
    ben.put(done, f"/relations/relates/{trashed['id']}").expect(200)
    anna.post(done, "/move", before=child["id"]).expect(200)
    ben.attach(parent, b"Shared bytes").expect(201)
    anna.post(parent, "/comments", text="Not copied").expect(201)
    anna.delete(trashed).expect(204)
    return project


def test_a_copy_has_the_same_settings_and_tasks(stack, anna, ben, plan):
    copy = duplicate(anna, plan, key="copy-" + plan["id"]).expect(201)
    assert copy["name"] == "Copy" and copy["role"] == "owner" and copy["access"] == "members" and "jobId" not in copy
    assert copy.headers["location"] == "/v1/projects/" + copy["id"]
    assert {k: copy[k] for k in SETTINGS} == SETTINGS
    before, after = tasks_of(anna, plan), tasks_of(anna, copy)
    assert list(after) == list(before) == ["Done", "Child", "Parent", "Archived"]
    for title, task in before.items():
        assert {k: after[title][k] for k in KEPT} == {k: task[k] for k in KEPT}
        assert after[title]["id"] != task["id"] and after[title]["rev"] == 1 and after[title]["createdBy"] == anna.id
        assert after[title]["nextId"] is after[title]["previousId"] is None and after[title]["comments"] == 0
    assert sorted(t["number"] for t in after.values()) == [1, 2, 3, 4]
    assert after["Child"]["parentId"] == after["Parent"]["id"] and after["Parent"]["subtasks"] == {"done": 0, "total": 1}
    assert after["Done"]["relations"] == [{"kind": "blocks", "taskId": after["Parent"]["id"]}]
    assert after["Parent"]["assigneeIds"] == [anna.id] and after["Done"]["assigneeIds"] == []
    assert not {n["taskId"] for n in ben.items("/v1/notifications")} & {t["id"] for t in after.values()}
    ben.get(copy).expect(404)
    assert duplicate(anna, plan, key="copy-" + plan["id"]).json == copy.json
    events = list(anna.pages_of_events(copy))
    assert [e["seq"] for e in events] == list(range(1, 7)) and events[0]["kind"] == "project.created"
    assert {e["kind"] for e in events[1:]} == {"task.created", "attachment.created"}


def test_the_files_of_a_copy_share_their_bytes(stack, anna, plan):
    copy = duplicate(anna, plan).expect(201)
    (file,) = anna.get(f"/v1/projects/{copy['id']}/snapshot").expect(200)["attachments"]
    assert file["createdBy"] == anna.id and file["taskId"] == tasks_of(anna, copy)["Parent"]["id"]
    with MongoClient(stack.mongodb_uri) as mongo:
        assert mongo[stack.mongodb_database]["fs.files"].find_one({"filename": file["sha256"]})["metadata"]["refs"] >= 2
    (original,) = anna.items(f"/v1/tasks/{tasks_of(anna, plan)['Parent']['id']}/attachments")
    anna.delete(original).expect(204)
    assert anna.content(file).expect(200).body == b"Shared bytes"


def test_a_copy_goes_on_by_itself(anna, plan):
    """New tasks come last, numbers go on, and completing its recurring task continues its own series."""
    copy = duplicate(anna, plan).expect(201)
    last = anna.task("Last", projectId=copy["id"])
    assert last["number"] == 5 and list(tasks_of(anna, copy))[-1] == "Last"
    parent = tasks_of(anna, copy)["Parent"]
    anna.patch(parent, status="fixed").expect(200)
    assert len(in_order(anna, copy)) == 7 and len(in_order(anna, plan)) == 4
    again = duplicate(anna, copy).expect(201)
    assert [t["title"] for t in in_order(anna, again)] == [t["title"] for t in in_order(anna, copy)]


def test_only_the_structure_if_no_tasks_are_wanted(anna, plan):
    copy = duplicate(anna, plan, tasks=False).expect(201)
    assert {k: copy[k] for k in SETTINGS} == SETTINGS and tasks_of(anna, copy) == {}
    assert anna.task("First", projectId=copy["id"])["number"] == 1


# -- people --------------------------------------------------------------------------------------
def members_of(user, project):
    return {m["userId"]: m["role"] for m in user.items(f"/v1/projects/{project['id']}/members")}


def test_members_come_along_if_wanted(anna, ben, cleo, plan):
    anna.share(plan, cleo, "viewer")
    with ben.live(("user:me",)) as feed:
        copy = duplicate(cleo, plan, members=True).expect(201)
        added = feed.expect("member.added")
    assert added["data"] == {"userId": ben.id, "role": "admin", "name": ben.name, "projectId": copy["id"]}
    assert members_of(ben, copy) == {anna.id: "owner", ben.id: "admin", cleo.id: "owner"}
    assert tasks_of(ben, copy)["Parent"]["assigneeIds"] == [anna.id, ben.id]


def test_nobody_is_put_into_a_copy_by_somebody_they_do_not_know(anna, ben, cleo):
    """Anybody can join an open project, so being a member there is no acquaintance."""
    project = anna.project("Open", access="everyone")
    cleo.put(project, f"/members/{cleo.id}", role="viewer").expect(200)
    anna.acquaint(ben)
    anna.put(project, f"/members/{ben.id}", role="viewer").expect(200)
    copy = duplicate(cleo, project, members=True).expect(201)
    assert members_of(cleo, copy) == {cleo.id: "owner"} and copy["access"] == "everyone"
    copy = duplicate(anna, project, members=True).expect(201)
    assert members_of(anna, copy) == {anna.id: "owner", ben.id: "viewer"}
    for user in anna, cleo:  # everybody sees it otherwise
        for made in user.items("/v1/projects", limit=200):
            if made["access"] == "everyone" and made["createdBy"] == user.id:
                user.delete(made).expect(204)


def test_only_who_can_read_a_project_can_duplicate_it(anna, ben, cleo, plan):
    anna.share(plan, cleo, "viewer")
    assert len(tasks_of(cleo, duplicate(cleo, plan).expect(201))) == 4
    anna.delete(f"/v1/projects/{plan['id']}/members/{cleo.id}").expect(204)
    duplicate(cleo, plan).expect(404)
    assert duplicate(ben, "/v1/projects/" + ben.id).expect(201)["inbox"] is False
    anna.patch(plan, archived=True).expect(200)
    assert duplicate(ben, plan).expect(201)["archivedAt"] is None
    anna.delete(plan).expect(204)
    duplicate(anna, plan).expect(404)


def test_a_token_without_the_scope_admin_cannot_add_members(anna, ben, plan):
    token = anna.post("/v1/api-tokens", name="x", scopes=["write"]).expect(201)["token"]
    program = World(anna.world.url, anna.world.ws_url).anonymous()
    program.token, program.id = token, anna.id
    duplicate(program, plan, members=True).expect(403, "forbidden")
    duplicate(program, plan).expect(201)


@pytest.mark.parametrize("fields,pointer", [({"name": ""}, "/name"), ({"name": " "}, "/name"), ({"name": "x" * 201}, "/name"),
                                            ({"name": None}, "/name"), ({"tasks": "yes"}, "/tasks"), ({"members": 1}, "/members"),
                                            ({"access": "everyone"}, "/access"), ({"projectId": "0" * 24}, "/projectId")])
def test_a_malformed_request_changes_nothing(anna, fields, pointer):
    project = anna.project()
    duplicate(anna, project, **fields).expect(422, "invalid", {pointer})
    assert len(anna.items("/v1/projects")) == 2


# -- large ones ----------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def builder(world):
    return world.user("builder")


@pytest.fixture(scope="module")
def large(builder):
    """Of tasks in reverse order; every parent has a higher number than its subtasks."""
    project = builder.project("Large")
    queued.fill(builder, project, LARGE)
    tasks = {t["number"]: t for t in tasks_of(builder, project).values()}
    ops = [{"method": "PATCH", "path": f"/v1/tasks/{tasks[n]['id']}",
            "body": {"parentId": tasks[LARGE - n // 3]["id"],
                     "relations": [{"kind": "blocks", "taskId": tasks[LARGE - n]["id"]}]}} for n in range(1, 31)]
    ops += [{"method": "POST", "path": f"/v1/tasks/{tasks[n]['id']}/move", "body": {"before": tasks[1]["id"]}} for n in (100, 200)]
    assert {r["status"] for r in builder.post("/v1/batch", ops=ops).expect(200)["results"]} == {200}
    return project


def check_large(user, source, copy, count=LARGE):
    """The first tasks of the source, parents first, each once."""
    before, after = tasks_of(user, source), tasks_of(user, copy)
    assert list(after) == [title for title in before if title in after] and len(after) == count
    assert sorted(t["number"] for t in after.values()) == list(range(1, count + 1))
    titles = {t["id"]: title for title, t in before.items()} | {t["id"]: title for title, t in after.items()}
    for title, task in after.items():
        assert titles.get(task["parentId"]) == titles.get(before[title]["parentId"])
        assert [titles[r["taskId"]] for r in task["relations"]] == [titles[r["taskId"]] for r in before[title]["relations"]]
    created = [e["entityId"] for e in user.pages_of_events(copy) if e["kind"] == "task.created"]
    assert len(created) == count == len(set(created))
    return after


def test_a_large_project_is_filled_by_a_job(stack, builder, large):
    """Its first part takes so long that other jobs come first then."""
    with builder.live(("all",)) as feed, stack.fault("hold command=find collection=userJobs program= nth=2 ms=2100"):
        copy = duplicate(builder, large).expect(201)
        assert "jobId" not in builder.get(copy).expect(200)
        states = []
        while not states or not states[-1]["endedAt"]:
            states.append(feed.expect("job.updated", within=30.0)["data"])
    assert [(j["state"], j["done"]) for j in states] == [("waiting", 0), ("running", 100), ("running", 200), ("done", LARGE)]
    assert {(j["id"], j["kind"], j["projectId"], j["total"]) for j in states} == {(copy["jobId"], "duplicate", copy["id"], LARGE)}
    assert states[-1]["report"] == []
    after = check_large(builder, large, copy)
    assert after[f"Task {LARGE - 2}"]["subtasks"] == {"done": 0, "total": 3}
    assert list(tasks_of(builder, copy) | {"New": builder.task("New", projectId=copy["id"]).json})[-1] == "New"


def test_a_copy_goes_on_after_its_job_was_killed(stack, builder, large):
    with queued.killed_in_second_part(stack):
        copy = duplicate(builder, large).expect(201)
    job = queued.ended(builder, copy["jobId"])
    assert (job["state"], job["done"]) == ("done", LARGE)
    check_large(builder, large, copy)


def test_a_running_job_can_be_cancelled(stack, builder, large):
    """Most likely while its second part is in progress, which then does not take effect.  What was copied before stays."""
    with stack.fault("hold command=find collection=userJobs program= nth=3 ms=2500") as (held,):  # the request, and each part, look once
        copy = duplicate(builder, large).expect(201)
        stack.wait_for(lambda: stack.fault_hits(held) == 1, "the second part of the job")
        builder.delete("/v1/jobs/" + copy["jobId"]).expect(204)
    job = builder.get("/v1/jobs/" + copy["jobId"]).expect(200)
    assert job["state"] == "cancelled" and job["done"] in (100, 200)
    assert [line["what"] for line in job["report"]] == [f"cancelled after {job['done']} of {LARGE} tasks"]
    stack.wait_for(lambda: no_jobs(stack), "the end of the job")
    check_large(builder, large, copy, job["done"])


def no_jobs(stack):
    with MongoClient(stack.mongodb_uri) as mongo:
        return mongo[stack.mongodb_database].jobs.count_documents({"kind": "duplicate", "dueAt": {"$exists": True}}) == 0


def test_a_job_ends_as_failed_when_its_user_loses_the_rights(stack, builder, large, ben):
    builder.acquaint(ben)
    builder.put(large, f"/members/{ben.id}", role="viewer").expect(200)
    with stack.without("jobs"):
        copy = duplicate(ben, large).expect(201)
        builder.delete(f"/v1/projects/{large['id']}/members/{ben.id}").expect(204)
    job = queued.ended(ben, copy["jobId"])
    assert (job["state"], job["done"]) == ("failed", 0) and tasks_of(ben, copy) == {}
    assert [line["what"] for line in job["report"]] == ["the project is no longer there, or you can no longer see it"]
