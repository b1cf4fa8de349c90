"""Projects open to everyone: access, joining and leaving, and the trash."""
import pytest

from client import eventually

ROLES = ("viewer", "commenter", "member")


@pytest.fixture
def opened(anna):
    """Creates open projects of Anna's and closes them after the test, because all other users would see them."""
    made = []

    def make(name="Agora", **fields):
        made.append(anna.project(name, access="everyone", **fields))
        return made[-1]
    yield make
    for project in made:
        anna.post(project, "/restore")
        anna.patch(project, access="members")


def members(user, project):
    return {m["userId"]: m["role"] for m in user.items(f"/v1/projects/{project['id']}/members")}


def may(user, project, task):
    """The highest of the three roles whose rights the user has."""
    if user.get(task).status != 200:
        return None
    comment = user.post(task, "/comments", text="Hm")
    write = user.patch(task, priority="low")
    assert {comment.status, write.status} <= {200, 201, 403}, (comment, write)
    return "member" if write.status == 200 else "commenter" if comment.status == 201 else "viewer"


@pytest.mark.parametrize("role", (None, *ROLES))
def test_everyone_gets_the_projects_access_role_and_no_more(anna, ben, role, opened):
    project = opened(**({"accessRole": role} if role else {}))
    task = anna.task(projectId=project["id"])
    assert ben.get(project).expect(200)["role"] == (role or "viewer") == may(ben, project, task)
    assert project["id"] in [p["id"] for p in ben.pages("/v1/projects", limit=200)]
    ben.patch(project, name="Mine now").expect(403)
    anna.patch(project, access="members").expect(200)
    ben.get(project).expect(404)
    ben.get(task).expect(404)


@pytest.mark.parametrize("role", ["admin", "owner", "king", 3])
def test_a_project_cannot_give_everyone_an_administrative_role(anna, role):
    anna.send("POST", "/v1/projects", {"name": "A", "access": "everyone", "accessRole": role}).expect(
        422, "invalid", {"/accessRole"})


@pytest.mark.parametrize("given", ROLES)
@pytest.mark.parametrize("role", ROLES)
def test_leaving_or_being_removed_never_increases_rights(anna, ben, cleo, role, given, opened):
    project = opened(accessRole=given)
    task = anna.task(projectId=project["id"])
    for who in (ben, cleo):
        anna.share(project, who, role)
    path = f"/v1/projects/{project['id']}/members/"
    before = may(ben, project, task)
    ben.delete(path + ben.id).expect(204)
    anna.delete(path + cleo.id).expect(204)
    for who in (ben, cleo):
        assert ROLES.index(may(who, project, task)) <= ROLES.index(before)


def test_anyone_can_join_with_at_most_the_access_role(anna, ben, opened):
    project = opened(accessRole="commenter")
    mine = f"/v1/projects/{project['id']}/members/{ben.id}"
    for role in ("member", "admin", "owner"):
        ben.put(mine, role=role).expect(403, "forbidden")
    assert ben.put(mine, role="commenter").expect(200)["userId"] == ben.id
    assert members(anna, project)[ben.id] == "commenter"
    ben.put(mine, role="owner").expect(403)
    ben.delete(mine).expect(204)
    ben.put(mine, role="viewer").expect(200)
    anna.patch(project, access="members").expect(200)
    assert ben.get(project).expect(200)["role"] == "viewer"
    ben.delete(mine).expect(204)
    ben.put(mine, role="viewer").expect(404)


def test_users_cannot_add_others_or_join_a_closed_project(anna, ben, cleo, opened):
    closed, open_ = anna.project(), opened(accessRole="member")
    ben.put(closed, f"/members/{ben.id}", role="viewer").expect(404)
    anna.share(closed, ben, "viewer")
    anna.share(closed, cleo, "viewer")
    ben.put(closed, f"/members/{ben.id}", role="member").expect(403)
    ben.put(open_, f"/members/{cleo.id}", role="viewer").expect(403)


def test_sharing_only_an_open_project_does_not_allow_adding_someone(anna, ben, opened):
    """Otherwise a newcomer could join one and add all its members to other projects."""
    agora, trap = opened(), ben.project("Trap")
    ben.put(agora, f"/members/{ben.id}", role="viewer").expect(200)
    ben.put(trap, f"/members/{anna.id}", role="member").expect(404)


def test_only_members_can_be_assigned_or_mentioned(anna, ben, cleo, opened):
    project = opened(accessRole="member")
    anna.share(project, ben)
    task = anna.task(projectId=project["id"])
    anna.patch(task, assigneeIds=[cleo.id]).expect(422, "invalid", {"/assigneeIds/0"})
    anna.post("/v1/tasks", title="T", projectId=project["id"], assigneeIds=[cleo.id]).expect(422)
    anna.post(task, "/comments", text="You!", mentions=[cleo.id]).expect(422, "invalid", {"/mentions/0"})
    assert cleo.items("/v1/notifications") == []
    anna.patch(task, assigneeIds=[ben.id]).expect(200)
    comment = anna.post(task, "/comments", text="You!", mentions=[ben.id]).expect(201)
    ben.delete(f"/v1/projects/{project['id']}/members/{ben.id}").expect(204)
    anna.patch(task, title="Who left does not block another field").expect(200)
    anna.patch(comment, text="Neither here").expect(200)
    anna.patch(task, assigneeIds=[ben.id, cleo.id]).expect(422, "invalid", {"/assigneeIds/1"})


def test_an_open_project_in_the_trash_is_hidden_from_strangers(anna, ben, cleo, opened):
    project = opened()
    anna.share(project, cleo, "viewer")
    task = anna.task("Open", projectId=project["id"])
    cursor = ben.get("/v1/sync").expect(200)["cursor"]
    here = f"/v1/projects/{project['id']}"
    paths = [here, here + "/events", here + "/snapshot", here + "/members", f"/v1/tasks/{task['id']}",
             f"/v1/tasks/{task['id']}/history", f"/v1/tasks/{task['id']}/comments"]
    for path in paths:
        ben.get(path).expect(200)
    anna.delete(project).expect(204)
    for path in paths:
        ben.get(path).expect(404, "not-found")
    ben.get("/v1/tasks", projectId=project["id"]).expect(404)
    for query in ({}, {"deleted": "true"}, {"archived": "true"}):
        assert project["id"] not in [p["id"] for p in ben.pages("/v1/projects", limit=200, **query)]
        assert task["id"] not in [t["id"] for t in ben.pages("/v1/tasks", limit=200, **query)]
    later = ben.get("/v1/sync", cursor=cursor).expect(200)
    assert project["id"] in [d["id"] for d in later["deleted"]] and not later["tasks"], later
    ben.put(here + f"/members/{ben.id}", role="viewer").expect(404)
    cleo.get(here + "/events").expect(200)  # members may still see where it went
    anna.post(project, "/restore").expect(200)
    ben.get(here + "/events").expect(200)


def test_strangers_can_follow_an_open_project_except_while_it_is_in_the_trash(anna, ben, cleo, opened):
    project = opened()
    anna.share(project, cleo, "viewer")
    topic = "project:" + project["id"]
    with ben.live(follow=(topic,)) as stranger, cleo.live(follow=(topic,)) as member, ben.live() as everything:
        anna.delete(project).expect(204)
        assert member.expect("project.deleted", entityId=project["id"])
        stranger.expect("left", topic=topic)
        everything.expect("left", topic=topic)
        assert stranger.follow(topic)["op"] == "error"
        anna.post(project, "/restore").expect(200)
        assert member.expect("project.restored", entityId=project["id"])
        everything.expect("following", topic=topic)
        anna.task("Back", projectId=project["id"])
        everything.expect("task.created")


def test_ownership_can_be_transferred(anna, ben):
    project = anna.project()
    path = f"/v1/projects/{project['id']}/members/"
    anna.share(project, ben, "viewer")
    anna.delete(path + anna.id).expect(409)
    anna.put(path + ben.id, role="owner").expect(200)
    anna.delete(path + anna.id).expect(204)
    assert members(ben, project) == {ben.id: "owner"}
    ben.delete(path + ben.id).expect(409, "conflict")
    assert eventually(lambda: ben.get(project).status == 200)
