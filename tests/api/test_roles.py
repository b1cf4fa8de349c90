"""Every action by every role."""
import pytest

ROLES = ("owner", "admin", "member", "commenter", "viewer", "stranger")
ALL, WRITE, RULE, OWN = ROLES[:5], ROLES[:3], ROLES[:2], ROLES[:1]


class Scene:
    """A project of the host with a task, a trashed task, a guest (member) and the actor in their role."""

    def __init__(self, host, guest, new, actor, role):
        self.host, self.guest, self.new, self.actor = host, guest, new, actor
        self.project = host.project("Scene")
        self.path = "/v1/projects/" + self.project["id"]
        host.share(self.project, guest, "member")
        if role != "stranger":
            host.share(self.project, actor, role)
        self.task = host.task("A", projectId=self.project["id"])
        self.other = host.task("B", projectId=self.project["id"])

    def trashed(self):
        self.host.delete(self.task).expect(204)
        return self.task

    def second_owner(self):
        self.host.share(self.project, self.new, "owner")
        return self.new


# action -> (roles that may, the status they get, the request)
ACTIONS = {
    "read the project": (ALL, 200, lambda s: s.actor.get(s.project)),
    "list its members": (ALL, 200, lambda s: s.actor.get(s.path + "/members")),
    "take a snapshot": (ALL, 200, lambda s: s.actor.get(s.path + "/snapshot")),
    "read its events": (ALL, 200, lambda s: s.actor.get(s.path + "/events")),
    "list its tasks": (ALL, 200, lambda s: s.actor.get("/v1/tasks", projectId=s.project["id"])),
    "read a task": (ALL, 200, lambda s: s.actor.get(s.task)),
    "create a task": (WRITE, 201, lambda s: s.actor.post("/v1/tasks", title="C", projectId=s.project["id"])),
    "change a task": (WRITE, 200, lambda s: s.actor.patch(s.task, title="New")),
    "move a task": (WRITE, 200, lambda s: s.actor.post(s.task, "/move", status="completed")),
    "throw a task away": (WRITE, 204, lambda s: s.actor.delete(s.task)),
    "restore a task": (WRITE, 200, lambda s: s.actor.post(s.trashed(), "/restore")),
    "change the settings": (RULE, 200, lambda s: s.actor.patch(s.project, name="New")),
    "archive the project": (RULE, 200, lambda s: s.actor.patch(s.project, archived=True)),
    "add a member": (RULE, 201, lambda s: s.actor.post(s.path + "/members", email=s.new.email, role="viewer")),
    "change a role": (RULE, 200, lambda s: s.actor.put(f"{s.path}/members/{s.guest.id}", role="viewer")),
    "remove a member": (RULE, 204, lambda s: s.actor.delete(f"{s.path}/members/{s.guest.id}")),
    "make an owner": (OWN, 200, lambda s: s.actor.put(f"{s.path}/members/{s.guest.id}", role="owner")),
    "add an owner": (OWN, 201, lambda s: s.actor.post(s.path + "/members", email=s.new.email, role="owner")),
    "demote an owner": (OWN, 200,
    lambda s: s.actor.put(f"{s.path}/members/{s.second_owner().id}", role="viewer")),
    "remove an owner": (OWN, 204, lambda s: s.actor.delete(f"{s.path}/members/{s.second_owner().id}")),
    "delete the project": (OWN, 204, lambda s: s.actor.delete(s.project)),
    "leave": (ALL, 204, lambda s: s.actor.delete(f"{s.path}/members/{s.actor.id}")),
}


@pytest.fixture(scope="module")
def cast(world):
    return [world.user(name) for name in ("host", "guest", "newcomer", "actor")]


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("role", ROLES)
def test_each_role_can_do_what_the_table_says(cast, role, action):
    roles, status, act = ACTIONS[action]
    scene = Scene(*cast, role)
    reply = act(scene)
    if role in roles:
        reply.expect(status)
    elif role == "stranger":
        reply.expect(404)
    else:
        reply.expect(403)


def test_users_cannot_raise_their_own_role(cast):
    scene = Scene(*cast, "member")
    scene.actor.put(f"{scene.path}/members/{scene.actor.id}", role="owner").expect(403)


def test_requests_without_a_token_are_refused(world, cast):
    scene = Scene(*cast, "member")
    nobody = world.anonymous()
    for path in (scene.path, scene.path + "/snapshot", scene.path + "/events", scene.path + "/members",
                 "/v1/tasks/" + scene.task["id"], "/v1/tasks", "/v1/projects", "/v1/me", "/v1/sessions"):
        nobody.get(path).expect(401)
