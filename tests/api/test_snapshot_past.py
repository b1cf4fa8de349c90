"""The project as it was: at each number of its log it is what a snapshot was then."""
import json
import random

import pytest
from bson import ObjectId
from pymongo import MongoClient

import state

LABELS = [{"id": i, "name": i.title(), "colour": "grey"} for i in ("red", "blue", "green")]


@pytest.fixture(scope="module")
def database(stack):
    with MongoClient(stack.mongodb_uri) as mongo:
        yield mongo[stack.mongodb_database]


def past(user, project, at):
    return user.get(f"/v1/projects/{project['id']}/snapshot", at=at)


def pad(database, project, count=520):
    """Adds events to the log that change nothing, so that earlier ones are far back."""
    topic = f"project:{project['id']}"
    last = database.events.find_one({"topic": topic}, sort=[("topic", -1), ("seq", -1)])
    rows = []
    for seq in range(last["seq"] + 1, last["seq"] + count + 1):
        row = {k: v for k, v in last.items() if k not in ("_id", "counted")}
        rows.append({**row, "seq": seq, "kind": "task.later", "entityId": ObjectId(),
                     "frame": '{"op":"event","kind":"task.later"}'})
    database.events.insert_many(rows)
    database.topics.update_one({"_id": topic}, {"$inc": {"seq": count}})


def files_of(snapshot):
    return {f["id"]: {k: v for k, v in f.items() if k not in ("rev", "updatedAt", "updatedBy", "projectId")}
            for f in snapshot["attachments"]}


def head(user, project):
    return user.get(f"/v1/projects/{project['id']}/snapshot").expect(200)["seq"]


class Editor:
    """Random edits of a project by two people."""

    def __init__(self, anna, ben, seed):
        self.anna, self.ben, self.random = anna, ben, random.Random(seed)
        self.project, self.elsewhere = anna.project("Past", labels=LABELS), anna.project("Elsewhere", labels=LABELS[:1])
        anna.share(self.project, ben)
        self.comments, self.files, self.deleted = [], [], set()

    def tasks(self, **query):
        return self.anna.items("/v1/tasks", projectId=self.project["id"], limit=200, **query)

    def task(self, **query):
        found = self.tasks(**query)
        return self.random.choice(found) if found else self.anna.task(projectId=self.project["id"])

    def checklist(self, text="Item"):
        return [{"id": i, "text": text, "done": self.random.random() < 0.5} for i in self.random.sample("abcdef", 4)]

    def patch(self):
        pick = self.random.choice
        other = self.task()
        body = pick([{"title": pick("xyz")}, {"description": pick(["", "short", "é" * 6000])}, {"checklist": self.checklist()},
                     {"checklist": self.checklist("T" * 400), "description": "d" * 9000},
                     {"labelIds": self.random.sample(["red", "blue"], 2)}, {"labelIds": []}, {"assigneeIds": [self.anna.id]},
                     {"dueDate": pick([None, "2030-01-31"]), "priority": pick(["low", "high"])}, {"parentId": other["id"]},
                     {"parentId": None}, {"relations": [{"kind": "blocks", "taskId": other["id"]}]}, {"archived": pick([True, False])}])
        pick([self.anna, self.ben]).patch(self.task(), **body)

    def complete(self):
        self.anna.patch(self.task(), status=self.random.choice(["todo", "completed", "in-progress"]))

    def subtask(self):
        parents = [t for t in self.tasks() if not t["parentId"]]
        self.anna.task("Sub", projectId=self.project["id"], parentId=self.random.choice(parents)["id"] if parents else None)

    def item(self):
        task = self.task()
        if task["checklist"]:
            path = f"/checklist/{self.random.choice(task['checklist'])['id']}"
            self.random.choice([lambda: self.anna.patch(task, path, done=True), lambda: self.anna.delete(task, path),
                                lambda: self.anna.post(task, path + "/move"), lambda: self.anna.post(task, "/checklist", text="New")])()

    def move(self):
        self.anna.post(self.task(), "/move", before=self.task()["id"], status="in-progress")

    def leave(self):
        self.anna.post(self.task(), "/move", projectId=self.elsewhere["id"])

    def come(self):
        found = self.anna.items("/v1/tasks", projectId=self.elsewhere["id"])
        if found:
            self.anna.post(found[0], "/move", projectId=self.project["id"])

    def trash(self):
        self.anna.delete(self.task())

    def restore(self):
        self.anna.post(self.task(deleted="true"), "/restore")

    def comment(self):
        made = self.random.choice([self.anna, self.ben]).post(self.task(), "/comments", text="Hm")
        self.comments += [made] if made.status == 201 else []  # Ben may not be a member now

    def uncomment(self):
        if self.comments:
            self.anna.delete(self.comments.pop())

    def attach(self):
        self.files.append(self.anna.attach(self.task()).expect(201))

    def attach_elsewhere(self):
        for task in self.anna.items("/v1/tasks", projectId=self.elsewhere["id"], limit=1):
            self.files.append(self.anna.attach(task).expect(201))

    def rename(self):
        if self.files:
            self.anna.patch(self.random.choice(self.files), name=self.random.choice(["a.txt", "b.txt"]))

    def unattach(self):
        if self.files:
            self.deleted.add(self.files[-1]["id"])
            self.anna.delete(self.files.pop())

    def member(self):
        self.random.choice([lambda: self.anna.share(self.project, self.ben, self.random.choice(["member", "admin"])),
                            lambda: self.anna.delete(self.project, f"/members/{self.ben.id}")])()

    def settings(self):
        self.anna.patch(self.project, **self.random.choice([{"name": "Other"}, {"description": "d" * 9000}, {"labels": LABELS}]))

    def unlabel(self):
        self.anna.delete(self.project, "/labels/blue")

    def undo(self):
        task = self.task()
        self.anna.post(task, "/undo", seq=self.anna.items(f"/v1/tasks/{task['id']}/history", limit=1)[0]["seq"])

    ALL = ("patch " * 9 + "complete " * 3 + "subtask " * 3 + "item " * 4 + "move move leave come trash restore comment comment uncomment "
           "attach attach attach_elsewhere rename rename unattach member settings unlabel undo undo").split()

    def edit(self):
        getattr(self, self.random.choice(self.ALL))()


@pytest.mark.parametrize("seed", [3])
def test_after_any_changes_it_is_what_a_snapshot_was_then(seed, world, database):
    anna, ben = world.user("anna"), world.user("ben")
    anna.acquaint(ben)
    editor = Editor(anna, ben, seed)
    project = editor.project
    states, files = {}, {}
    for step in range(40):
        editor.edit()
        now = anna.get(f"/v1/projects/{project['id']}/snapshot").expect(200)
        states[now["seq"]], files[now["seq"]] = state.of_snapshot(now.json), files_of(now)
        if step == 20:
            pad(database, project)
    assert len(states) > 15
    wrong = []
    for seq, expected in states.items():
        got = past(anna, project, seq).expect(200)
        assert got["seq"] == seq
        omitted = {lost["id"]: lost["fields"] for lost in got["omitted"] if lost["entity"] == "attachment"}
        known = {i: {**f, "name": None} if omitted.get(i) == ["name"] else f for i, f in files_of(got).items()}
        assert known == {i: {**f, "name": None} if omitted.get(i) == ["name"] else f for i, f in files[seq].items()
                         if i not in editor.deleted and omitted.get(i) != []}
        for lost in got["omitted"]:  # too large for an event, and no longer in the project
            if lost["entity"] == "attachment":
                continue
            was = expected.tasks.pop(lost["id"])
            assert lost["fields"] == [] and len(json.dumps(was)) > 4000
            if was["parentId"] in expected.tasks:
                expected.tasks[was["parentId"]]["subtasks"] = next(t for t in got["tasks"] if t["id"] == was["parentId"])["subtasks"]
        wrong += [f"{seq}: {d}" for d in state.of_snapshot(got.json).differences(expected)]
    assert not wrong, "\n".join(wrong[:5])


def test_which_number(anna, ben):
    project = anna.project()
    task = anna.task("One", projectId=project["id"])
    cursor = anna.get(f"/v1/projects/{project['id']}/snapshot")["cursor"]
    anna.patch(task, title="Two").expect(200)
    now = head(anna, project)
    assert [past(anna, project, at).expect(200)["tasks"][0]["title"] for at in (cursor, now - 1, now)] == ["One", "One", "Two"]
    assert past(anna, project, cursor)["cursor"] == cursor
    assert past(anna, project, 1).expect(200)["tasks"] == []
    for at in (0, -1, "", "x", now + 1, 10**15, "1x", " 1", "1.5", cursor + "x" * 20, "9" * 300,
               anna.get(f"/v1/projects/{anna.project()['id']}/snapshot")["cursor"]):
        assert past(anna, project, at).expect(400, "bad-parameter")["parameter"] == "at"
    past(anna, project, "00000000" + cursor[8:]).expect(410, "gone")
    past(ben, project, 1).expect(404, "not-found")
    past(ben, project, "x").expect(404, "not-found")
    anna.delete(project).expect(204)
    past(anna, project, 1).expect(404, "not-found")


def test_a_client_goes_on_from_the_past(anna):
    """Snapshot then + events since = snapshot now."""
    project = anna.project()
    task = anna.task(projectId=project["id"])
    at = head(anna, project)
    anna.patch(task, title="Later").expect(200)
    anna.task("New", projectId=project["id"], parentId=task["id"])
    then = past(anna, project, at).expect(200)
    known = state.of_snapshot(then.json)
    for event in anna.pages_of_events(project, since=then["cursor"]):
        known.apply(event)
    assert known == state.of_snapshot(anna.get(f"/v1/projects/{project['id']}/snapshot").json)


def test_files_and_what_was_erased_do_not_come_back(anna, ben):
    project, other = anna.project(), anna.project()
    anna.share(project, ben)
    task, moved = (anna.task(projectId=p["id"]) for p in (project, other))
    kept, renamed, removed, theirs = (anna.attach(t, name=n).expect(201) for t, n in (
        (task, "kept.txt"), (task, "old.txt"), (task, "secret.txt"), (moved, "theirs.txt")))
    comment = anna.post(task, "/comments", text="secret").expect(201)
    at = head(anna, project)
    anna.patch(renamed, name="new.txt").expect(200)
    anna.delete(removed).expect(204)
    anna.delete(comment).expect(204)
    anna.attach(task, name="later.txt").expect(201)
    anna.post(moved, "/move", projectId=project["id"]).expect(200)
    anna.delete(project, f"/members/{ben.id}").expect(204)
    ben.patch("/v1/me", name="Renamed").expect(200)
    then = past(anna, project, at).expect(200)
    assert sorted(f["name"] for f in then["attachments"]) == ["kept.txt", "old.txt"]
    assert (then["tasks"][0]["comments"], then["tasks"][0]["attachments"]) == (1, 3)
    assert "secret" not in then.body.decode() and [t["id"] for t in then["tasks"]] == [task["id"]]
    assert {m["userId"]: (m["role"], m["name"]) for m in then["members"]} == {
        anna.id: ("owner", anna.name), ben.id: ("member", ben.name)}, "with the name that the log has"


def test_files_of_tasks_that_have_left_are_as_they_were(anna):
    project, other, home = anna.project(), anna.project(), anna.project()
    left, back, guest, new = (anna.task(projectId=p["id"]) for p in (project, project, other, other))
    files = [anna.attach(t, name=f"{n}.txt").expect(201) for t, n in ((left, "left"), (left, "erased"), (back, "back"), (guest, "guest"))]
    anna.post(guest, "/move", projectId=project["id"]).expect(200)
    at = head(anna, project)
    for task in (left, back, guest):
        anna.post(task, "/move", projectId=home["id"]).expect(200)
    for file in (files[0], files[2]):
        anna.patch(file, name="secret.txt").expect(200)
    anna.delete(files[1]).expect(204)
    for task in (left, back):
        anna.attach(task, name="secret.txt").expect(201)
    anna.attach(new, name="later.txt").expect(201)
    for task in (back, new):
        anna.post(task, "/move", projectId=project["id"]).expect(200)
    then = past(anna, project, at).expect(200)
    assert {t["id"] for t in then["tasks"]} == {left["id"], back["id"], guest["id"]}
    assert sorted(f["name"] for f in then["attachments"]) == ["back.txt", "left.txt"]
    assert then["omitted"] == [{"entity": "attachment", "id": files[3]["id"], "fields": []}], "it came from elsewhere"


def test_the_number_of_commands_does_not_grow_with_the_changes(anna, database, stack):
    """Tasks changed shortly before the number are found by reading the log, others a hundred at a time."""
    project = anna.project()
    make = lambda count: [{"method": "POST", "path": "/v1/tasks", "body": {"projectId": project["id"], "title": "T"}}] * count
    ids = [r["body"]["id"] for r in anna.post("/v1/batch", ops=make(40)).expect(200)["results"]]
    change = lambda value: anna.post("/v1/batch", ops=[{"method": "PATCH", "path": f"/v1/tasks/{i}", "body": {"title": value}} for i in ids])
    near, change_then = head(anna, project), change("U").expect(200)
    assert {r["status"] for r in change_then["results"]} == {200}
    pad(database, project)
    far = head(anna, project)
    change("V").expect(200)
    for at, title in ((near, "T"), (far, "U")):
        with stack.fault("delay ms=0 times=0 collection=events command=find program=taskwire-api") as (finds,):
            then = past(anna, project, at).expect(200)
            assert {t["title"] for t in then["tasks"]} == {title} and len(then["tasks"]) == 40
            assert stack.fault_hits(finds) <= 8


def test_what_was_too_long_for_the_log_is_named(anna):
    project = anna.project()
    task = anna.task(projectId=project["id"], description="é" * 30000)
    at = head(anna, project)
    anna.patch(task, description="short", title="Else").expect(200)
    then = past(anna, project, at).expect(200)
    assert then["omitted"] == [{"entity": "task", "id": task["id"], "fields": ["description"]}]
    assert (then["tasks"][0]["title"], then["tasks"][0]["rev"], then["tasks"][0]["description"]) == (task["title"], 1, "short")
    left = anna.task(projectId=project["id"], description="é" * 30000)
    at = head(anna, project)
    anna.post(left, "/move", projectId=anna.project()["id"]).expect(200)
    then = past(anna, project, at).expect(200)
    assert then["omitted"] == [{"entity": "task", "id": left["id"], "fields": []}] and len(then["tasks"]) == 1


def test_the_log_reaches_back_so_far(anna, database):
    project = anna.project()
    task = anna.task(projectId=project["id"])
    anna.patch(task, title="Two").expect(200)
    topic = {"_id": f"project:{project['id']}"}
    now = head(anna, project)
    database.topics.update_one(topic, {"$set": {"trimmed": now - 1}})
    database.events.delete_many({"topic": topic["_id"], "seq": {"$lt": now}})
    past(anna, project, now - 2).expect(410, "gone")
    then = past(anna, project, now - 1).expect(200)
    assert (then["tasks"][0]["title"], then["tasks"][0]["updatedAt"]) == (task["title"], task["createdAt"])
    assert then["omitted"] == [{"entity": "task", "id": task["id"], "fields": ["updatedAt", "updatedBy"]}]
    database.topics.update_one(topic, {"$set": {"seq": now + 5000}})
    past(anna, project, now - 1).expect(410, "gone")


def test_members_whose_account_was_erased_are_not_in_it(anna, ben, database):
    project = anna.project()
    anna.share(project, ben, "viewer")
    at = head(anna, project)
    anna.share(project, ben, "admin")
    anna.delete(project, f"/members/{ben.id}").expect(204)
    for event in database.events.find({"topic": f"project:{project['id']}", "kind": {"$in": ["member.added", "member.updated"]}}):
        erased = event["frame"].split(',"changes":')[0] + ',"changes":null,"dataOmitted":true,"data":null}'
        database.events.update_one({"_id": event["_id"]}, {"$set": {"frame": erased}})
    then = past(anna, project, at).expect(200)
    assert [m["userId"] for m in then["members"]] == [anna.id] and ben.name not in then.body.decode()
