"""Projects and their members."""
import pytest


def test_a_project_can_be_created_read_changed_and_listed(anna):
    project = anna.project("Moon landing", description="Before 1970", colour="#ff8800")
    assert (project["role"], project["access"], project["inbox"]) == ("owner", "members", False)
    assert anna.get(project).expect(200).json == project.json
    changed = anna.patch(project, name="Mars landing", colour="blue").expect(200)
    assert (changed["name"], changed["colour"], changed["description"]) == ("Mars landing", "blue", "Before 1970")
    assert changed["rev"] == project["rev"] + 1
    assert project["id"] in [p["id"] for p in anna.items("/v1/projects")]


def test_a_project_has_its_own_statuses_and_labels(anna):
    project = anna.project(statuses=[{"id": "idea", "name": "Idea", "kind": "open"},
                                     {"id": "shipped", "name": "Shipped", "kind": "done"}],
                           labels=[{"id": "bug", "name": "Bug", "colour": "#aa0000"}])
    task = anna.task(projectId=project["id"])
    assert task["status"] == "idea"
    assert anna.patch(task, status="shipped", labelIds=["bug"]).expect(200)["completedAt"]
    anna.patch(task, status="todo").expect(422, "invalid", {"/status"})
    anna.patch(task, labelIds=["nope"]).expect(422)


@pytest.mark.parametrize("fields, pointer", [
    ({"name": ""}, "/name"), ({"name": None}, "/name"), ({"name": "x" * 5000}, "/name"), ({"name": 7}, "/name"),
    ({"name": "A", "colour": 7}, "/colour"), ({"name": "A", "access": "world"}, "/access"),
    ({"name": "A", "statuses": []}, "/statuses"), ({"name": "A", "statuses": "todo"}, "/statuses"),
    ({"name": "A", "role": "owner"}, "/role"), ({"name": "A", "inbox": True}, "/inbox"),
    ({"name": "A", "members": []}, "/members"), ({"name": "A", "frobnicate": 1}, "/frobnicate"),
    ({"name": "A", "rev": 9}, "/rev"), ({"name": "A", "$set": {}}, "/$set"), ({"name": "A", "a.b": 1}, "/a.b"),
])
def test_an_invalid_project_is_refused(anna, fields, pointer):
    reply = anna.send("POST", "/v1/projects", fields).expect(422, "invalid")
    assert any(p == pointer or p.startswith(pointer + "/") for p in reply.pointers), reply


def test_trash_and_restore(anna):
    project = anna.project()
    task = anna.task(projectId=project["id"])
    anna.delete(project).expect(204)
    assert project["id"] not in [p["id"] for p in anna.items("/v1/projects")]
    anna.get(task).expect(404)
    restored = anna.post(project, "/restore").expect(200)
    assert restored["deletedAt"] is None
    anna.get(task).expect(200)


def test_an_archived_project_is_in_no_list_and_refuses_writes(anna, ben):
    project, other = anna.project(), anna.project()
    anna.share(project, ben)
    task = anna.task("Old", projectId=project["id"], dueDate="2020-01-01", assigneeIds=[anna.id])
    comment = anna.post(f"/v1/tasks/{task['id']}/comments", text="Hello").expect(201)
    elsewhere = anna.task("Elsewhere", projectId=other["id"])
    anna.patch(project, archived=True).expect(200)
    for query in ({}, {"overdue": "true"}, {"assigneeId": "me"}, {"q": "old"}, {"sort": "dueAt"}):
        assert task["id"] not in [t["id"] for t in anna.items("/v1/tasks", **query)], query
    assert [t["id"] for t in anna.items("/v1/tasks", projectId=project["id"])] == [task["id"]]
    anna.get(task).expect(200)
    for who in (anna, ben):
        for reply in (who.patch(task, title="New"), who.delete(task), who.post(task, "/move"),
                      who.post("/v1/tasks", title="New", projectId=project["id"]),
                      who.post(f"/v1/tasks/{task['id']}/comments", text="More")):
            assert "archived" in reply.expect(409, "conflict")["detail"]
    for reply in (anna.patch(comment, text="More"), anna.delete(comment), anna.patch(project, name="New"),
                  anna.post(elsewhere, "/move", projectId=project["id"]),
                  anna.post(task, "/move", projectId=other["id"])):
        reply.expect(409, "conflict")
    anna.patch(project, archived=True).expect(200)
    anna.patch(project, archived=False, name="Back").expect(200)
    assert task["id"] in [t["id"] for t in anna.items("/v1/tasks", overdue="true")]
    anna.patch(task, title="New").expect(200)


def test_a_project_can_be_archived_and_unarchived(anna):
    project = anna.project()
    archived = anna.patch(project, archived=True).expect(200)
    assert archived["archivedAt"]
    assert anna.patch(project, archived=False).expect(200)["archivedAt"] is None


def test_the_inbox_cannot_be_deleted_or_shared(anna, ben):
    inbox = next(p for p in anna.items("/v1/projects") if p["inbox"])
    anna.delete(inbox).expect((403, 409, 422))
    anna.put(inbox, f"/members/{ben.id}", role="member").expect((403, 409, 422))
    ben.get(inbox).expect(404)


def test_members_can_be_added_changed_and_removed(anna, ben, cleo):
    project, first = anna.project(), anna.project("First")
    ben.get(project).expect(404)
    anna.share(first, ben, "viewer")
    anna.put(project, f"/members/{ben.id}", role="viewer").expect(200)
    reply = anna.post(project, "/members", email=cleo.email.upper(), role="admin").expect(201)
    assert (reply["email"], reply["role"]) == (cleo.email, "admin")
    cleo.accept(reply["token"])
    members = {m["userId"]: m["role"] for m in ben.items(f"/v1/projects/{project['id']}/members")}
    assert members == {anna.id: "owner", ben.id: "viewer", cleo.id: "admin"}
    assert ben.get(project).expect(200)["role"] == "viewer"
    anna.put(project, f"/members/{ben.id}", role="member").expect(200)
    assert ben.get(project).expect(200)["role"] == "member"
    anna.delete(f"/v1/projects/{project['id']}/members/{ben.id}").expect(204)
    ben.get(project).expect(404)


def test_only_people_who_share_a_project_can_be_added_directly(anna, ben):
    project, shared = anna.project(), anna.project("Shared")
    unknown = anna.put(project, "/members/" + "f" * 24, role="member").expect(404, "not-found")
    stranger = anna.put(project, f"/members/{ben.id}", role="member").expect(404, "not-found")
    assert stranger["title"] == unknown["title"]
    anna.share(shared, ben, "viewer")
    anna.delete(shared).expect(204)
    anna.put(project, f"/members/{ben.id}", role="member").expect(404)  # a trashed project does not count
    anna.post(shared, "/restore").expect(200)
    anna.put(project, f"/members/{ben.id}", role="member").expect(200)


def test_invalid_members_are_refused(anna, ben):
    project = anna.project()
    members = f"/v1/projects/{project['id']}/members"
    anna.put(members + "/" + "f" * 24, role="member").expect((404, 422))
    anna.put(members + "/nobody", role="member").expect((404, 422))
    anna.put(members + "/" + ben.id, role="king").expect(422, "invalid", {"/role"})
    anna.put(members + "/" + ben.id).expect(422, "invalid", {"/role"})
    anna.post(members, email="nobody at all", role="member").expect(422, "invalid", {"/email"})
    anna.post(members, email={"$gt": ""}, role="member").expect(422, "invalid", {"/email"})
    anna.delete(members + "/" + ben.id).expect(404)


def test_the_last_owner_cannot_leave_or_step_down(anna, ben):
    project = anna.project()
    mine = f"/v1/projects/{project['id']}/members/{anna.id}"
    anna.delete(mine).expect((409, 422))
    anna.put(mine, role="admin").expect((409, 422))
    anna.share(project, ben, "owner")
    anna.put(mine, role="admin").expect(200)
    anna.delete(mine).expect(204)
    anna.get(project).expect(404)
