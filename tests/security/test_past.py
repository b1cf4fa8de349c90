"""What a hostile member tries with `at=`, undo and the log, to see what one may not see now.  Everything that
must stay hidden has the word "secret" in it."""
import types

import pytest
from client import User


@pytest.fixture(scope="module")
def scene(world):
    anna, mallory = world.user("anna"), world.user("mallory")
    s = types.SimpleNamespace(anna=anna, mallory=mallory, world=world)
    s.board = anna.project("Board", labels=[{"id": "red", "name": "Red"}])
    s.hidden = anna.project("secret project", labels=[{"id": "secret-label", "name": "secret label"}])
    anna.share(s.board, mallory)
    s.left, s.large = (anna.task("Plain", projectId=s.board["id"], labelIds=["red"], description=d) for d in ("", "d" * 9000))
    s.file = anna.attach(s.left, name="plain.txt").expect(201)
    s.comment = anna.post(s.left, "/comments", text="secret comment").expect(201)
    s.own = mallory.project("Mallory's")
    s.taken = anna.task("Taken", projectId=s.board["id"])
    mallory.post(s.taken, "/move", projectId=s.own["id"]).expect(200)
    s.take = mallory.items(f"/v1/tasks/{s.taken['id']}/history")[0]["cursor"]
    s.then = at(mallory, s.board).expect(200)["seq"]
    anna.delete(s.comment).expect(204)
    for task in (s.left, s.large):
        anna.post(task, "/move", projectId=s.hidden["id"]).expect(200)
        anna.patch(task, title="secret title", description="secret " * 1500, labelIds=["secret-label"]).expect(200)
    anna.patch(s.file, name="secret.txt").expect(200)
    anna.attach(s.left, name="secret too.txt").expect(201)
    s.came = anna.task("secret draft", projectId=s.hidden["id"], labelIds=["secret-label"], status="in-progress")
    anna.patch(s.came, title="Harmless").expect(200)
    anna.post(s.came, "/move", projectId=s.board["id"]).expect(200)
    s.now = at(mallory, s.board).expect(200)["seq"]
    made = anna.post(f"/v1/projects/{s.board['id']}/links").expect(201)
    s.reader = User(world)
    s.reader.token = world.anonymous().post("/v1/links/sessions", token=made["token"]).expect(201)["accessToken"]
    s.bound = User(world)
    s.bound.token = mallory.post("/v1/api-tokens", name="Script", scopes=["write"], projectIds=[s.own["id"]]).expect(201)["token"]
    return s


def at(user, project, number=None, **more):
    return user.get(f"/v1/projects/{project['id']}/snapshot", **({} if number is None else {"at": number}), **more)


def undo(user, task, **which):
    return user.post(f"/v1/tasks/{task['id']}/undo", **which)


ATTEMPTS = {
    "the past of a project that one is not in": (404, lambda s: at(s.mallory, s.hidden, 1)),
    "with a cursor of it": (400, lambda s: at(s.mallory, s.board, at(s.anna, s.hidden)["cursor"])),
    "a task and its file that have left, as they are elsewhere": (200, lambda s: at(s.mallory, s.board, s.then)),
    "just before it left": (200, lambda s: at(s.mallory, s.board, s.then + 1)),
    "a task that came, before it came": (200, lambda s: at(s.mallory, s.board, s.now - 1)),
    "every number of the log": (200, lambda s: [at(s.mallory, s.board, n) for n in range(1, s.now + 1)]),
    "the events of the moves": (200, lambda s: list(s.mallory.pages_of_events(s.board))),
    "the history of a task that came": (200, lambda s: s.mallory.get(f"/v1/tasks/{s.came['id']}/history")),
    "the history of a task that left": (404, lambda s: s.mallory.get(f"/v1/tasks/{s.left['id']}/history")),
    "the reader of a link: the past": (200, lambda s: at(s.reader, s.board, s.then)),
    "the reader of a link: another project's past": ((403, 404), lambda s: at(s.reader, s.hidden, 1)),
    "the reader of a link: taking back": (403, lambda s: undo(s.reader, s.came, seq=s.now)),
    "undo in a task that is elsewhere": (404, lambda s: undo(s.mallory, s.left, seq=s.then)),
    "undo of somebody else's move here": (403, lambda s: undo(s.mallory, s.came, seq=s.now)),
    "undo in a batch": (404, lambda s: s.mallory.post("/v1/batch", atomic=True, ops=[
        {"method": "POST", "path": f"/v1/tasks/{s.left['id']}/undo", "body": {"seq": s.then}}])),
    "undo with a token for one of the two projects": (404, lambda s: undo(s.bound, s.taken, cursor=s.take)),
    "at= with a token for another project": (404, lambda s: at(s.bound, s.board, s.then)),
}


@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_what_one_may_not_see_now(attempt, scene):
    status, act = ATTEMPTS[attempt]
    replies = act(scene)
    for reply in replies if isinstance(replies, list) else [replies]:
        if hasattr(reply, "expect"):
            reply.expect(status)
        text = reply.body.decode() if hasattr(reply, "body") else str(reply)
        assert "secret" not in text, text
        assert "@" not in text, "an address"


def test_the_past_is_as_closed_as_the_project_to_who_has_left_and_as_open_to_who_is_back(scene, world):
    s, guest = scene, world.user("guest")
    s.anna.share(s.board, guest)
    number = at(guest, s.board).expect(200)["seq"]
    s.anna.delete(s.board, f"/members/{guest.id}").expect(204)
    at(guest, s.board, number).expect(404)
    task = s.anna.task("While away", projectId=s.board["id"])
    s.anna.share(s.board, guest, "viewer")
    assert task["id"] not in at(guest, s.board, number).expect(200).body.decode()
    assert guest.id in [m["userId"] for m in at(guest, s.board, number)["members"]]


def test_a_deleted_link_shows_no_past(scene, world):
    s = scene
    project = s.anna.project()
    link = s.anna.post(f"/v1/projects/{project['id']}/links").expect(201)
    guest = User(world)
    guest.token = world.anonymous().post("/v1/links/sessions", token=link["token"]).expect(201)["accessToken"]
    at(guest, project, 1).expect(200)
    s.anna.delete(f"/v1/projects/{project['id']}/links/{link['id']}").expect(204)
    at(guest, project, 1).expect(401, "unauthenticated")
