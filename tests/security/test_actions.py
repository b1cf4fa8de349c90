"""Each action of the table in api/access/access.c by each role: those that tests/api/test_roles.py leaves out."""
import pathlib
import re

import pytest
from matrix import ROLES, STRANGERS, Scene

ROOT = pathlib.Path(__file__).resolve().parents[2]
READ, COMMENT, WRITE, MANAGE, OWN = ("viewer", "commenter", "member", "admin", "owner")


def comment_of_host(scene):
    return "/v1/comments/" + scene.host.post(scene.task, "/comments", text="Mine").expect(201)["id"]


def elsewhere(scene):
    """Another project of the caller's, to move things to."""
    return scene.caller.project("Elsewhere")["id"]


def handed_over(scene):
    """The caller's comment, written before they had the role."""
    return "/v1/comments/" + scene.comment_id


def trash(scene):
    return "/v1/projects/" + scene.trashed_project_id


# action: (the least role, or None: nobody; status; what it needs; the request)
ACTIONS = {
    "read a task's history": (
        READ, 200, lambda s: s.task, lambda s, t: s.caller.get(f"/v1/tasks/{t['id']}/history")),
    "read comments": (READ, 200, lambda s: s.task, lambda s, t: s.caller.get(f"/v1/tasks/{t['id']}/comments")),
    "comment": (COMMENT, 201, lambda s: s.task, lambda s, t: s.caller.post(t, "/comments", text="Hm")),
    "mention somebody": (
        COMMENT, 201, lambda s: s.task,
        lambda s, t: s.caller.post(t, "/comments", text="Hm", mentions=[s.guest.id])),
    "edit one's own comment": (COMMENT, 200, handed_over, lambda s, c: s.caller.patch(c, text="Hm!")),
    "remove one's own comment": (COMMENT, 204, handed_over, lambda s, c: s.caller.delete(c)),
    "edit another's comment": (None, 200, comment_of_host, lambda s, c: s.caller.patch(c, text="Yours")),
    "remove another's comment": (MANAGE, 204, comment_of_host, lambda s, c: s.caller.delete(c)),
    "assign somebody": (
        WRITE, 200, lambda s: s.task, lambda s, t: s.caller.patch(t, assigneeIds=[s.guest.id])),
    "archive a task": (WRITE, 200, lambda s: s.task, lambda s, t: s.caller.patch(t, archived=True)),
    "tick a checklist": (
        WRITE, 200, lambda s: s.task, lambda s, t: s.caller.patch(t, checklist=[{"id": "a", "text": "a", "done": True}])),
    "move a task away": (
        WRITE, 200, lambda s: (s.task, elsewhere(s)),
        lambda s, p: s.caller.post(p[0], "/move", projectId=p[1])),
    "move a task in": (
        WRITE, 200, lambda s: s.caller.task("Theirs"),
        lambda s, t: s.caller.post(t, "/move", projectId=s.project_id)),
    "open the project to everyone": (
        MANAGE, 200, lambda s: None, lambda s, _: s.caller.patch(s.project, access="everyone")),
    "demand If-Match": (
        MANAGE, 200, lambda s: None, lambda s, _: s.caller.patch(s.project, requireIfMatch=True)),
    "define statuses": (
        MANAGE, 200, lambda s: None,
        lambda s, _: s.caller.patch(s.project, statuses=[{"id": "todo", "name": "To do", "kind": "open"},
                                                         {"id": "done", "name": "Done", "kind": "done"}])),
    "define labels": (
        MANAGE, 200, lambda s: None,
        lambda s, _: s.caller.patch(s.project, labels=[{"id": "red", "name": "Red", "colour": "#ff0000"}])),
    "restore the project": (OWN, 200, trash, lambda s, p: s.caller.send("POST", p + "/restore")),
    "delete the project": (OWN, 204, lambda s: None, lambda s, _: s.caller.delete(s.project)),
}


def test_every_action_in_the_source_is_covered():
    """access.h's enum: a new action needs rows here."""
    source = (ROOT / "api" / "access" / "access.h").read_text()
    actions = re.findall(r"^\s+ACTION_([A-Z]+),", source, re.M)
    assert actions == ["READ", "COMMENT", "WRITE", "MANAGE", "OWN"], actions
    table = re.findall(r"\[ACTION_([A-Z]+)\] = ROLE_([A-Z]+)", (ROOT / "api" / "access" / "access.c").read_text())
    least = dict(zip(actions, (READ, COMMENT, WRITE, MANAGE, OWN)))
    assert {a: r.lower() for a, r in table} == least
    assert set(least.values()) <= {row[0] for row in ACTIONS.values()}


@pytest.mark.parametrize("role", (*ROLES, *STRANGERS))
@pytest.mark.parametrize("action", ACTIONS)
def test_each_role_can_perform_exactly_its_actions(cast, action, role):
    least, status, prepare, act = ACTIONS[action]
    scene = Scene(cast, role)
    prepared = prepare(scene)
    scene.settle()
    before = scene.state()
    reply = act(scene, prepared)
    into_body = action == "move a task in"  # a project in the body
    if role in STRANGERS:
        reply.expect((404, 422) if into_body else 404)
    elif least is None:
        reply.expect(403)  # for nobody but its author, be they owners
    elif ROLES.index(role) >= ROLES.index(least):
        reply.expect(status)
        return
    else:
        reply.expect(403, "forbidden")
    assert scene.state() == before


@pytest.mark.parametrize("role", ROLES)
def test_a_task_cannot_be_moved_to_a_project_without_write_access(cast, role):
    """Rights are needed on both sides of a move."""
    scene = Scene(cast, role)
    mine = scene.caller.task("Mine")
    reply = scene.caller.post(mine, "/move", projectId=scene.project_id)
    allowed = ROLES.index(role) >= ROLES.index(WRITE)
    reply.expect(200 if allowed else 403)
    assert scene.caller.get(mine)["projectId"] == (scene.project_id if allowed else mine["projectId"])


def test_a_stranger_in_an_open_project_has_its_access_role_and_no_more(cast):
    scene = Scene(cast, "stranger")
    scene.host.patch(scene.project, access="everyone", accessRole="member").expect(200)
    made = scene.caller.post("/v1/tasks", title="Hello", projectId=scene.project_id).expect(201)
    scene.caller.delete(made).expect(204)
    scene.caller.patch(scene.project, name="Mine").expect(403)
    scene.caller.delete(scene.project).expect(403)
    scene.caller.put(f"/v1/projects/{scene.project_id}/members/{scene.caller.id}", role="owner").expect(403)
    scene.host.patch(scene.project, access="members").expect(200)
    scene.caller.get(scene.project).expect(404)
