"""Every route with every kind of caller, from the table in matrix.py."""
import datetime

import bson
import judge
import matrix
import pymongo
import pytest
import tokens
from client import PROMISED, User, eventually
from matrix import ANYONE, IN_TRASH, MAYBE, OPEN, PERSON, ROLES, ROWS, SCOPES, SELF, STRANGERS, Scene, may

OURS = [row for row in ROWS if row.is_ours]
OWN = [row for row in ROWS if row.who == SELF]
# The ways an access token can be wrong, as tokens.forged() names them.
FORGED = ("expired", "another key", "a changed body", "no algorithm", "no algorithm, but signed",
          "another algorithm", "an asymmetric algorithm", "another audience", "another issuer",
          "another type", "an unknown kid", "not valid yet", "no signature")
BAD = (*FORGED, "revoked session", "expired API token", "removed API token", "unknown API token")


def name(row):
    return row.op.replace(" ", "")


@pytest.fixture(scope="module")
def bad_users(world, cast, signing_keys):
    """The owner of the scene with each kind of token that must not count."""
    owner = cast.by_role["owner"]
    found = dict(tokens.forged(owner.token, signing_keys))
    ended = owner.log_in()
    ended.delete("/v1/sessions/current").expect(204)
    found["revoked session"] = ended.token
    removed = matrix.api_token(owner, "admin")
    owner.delete("/v1/api-tokens/" + removed.made["id"]).expect(204)
    found["removed API token"], found["unknown API token"] = removed.token, "tw_" + "x" * 43
    found["expired API token"] = matrix.expired_api_token(owner).token
    users = {}
    for kind in found:
        users[kind] = User(world)
        users[kind].token = found[kind]
    return users


@pytest.fixture(scope="module")
def scenes(cast):
    kept = matrix.Scenes(cast)
    yield kept
    kept.close()


@pytest.fixture(scope="module")
def bad_scene(cast):
    """One scene for all requests that must change nothing, as the owner would see it."""
    scene = Scene(cast, "owner")
    return scene.furnish()


def test_the_matrix_covers_every_route(world):
    missing = sorted(set(matrix.operations()) - set(matrix.BY_OP))
    assert not missing, "write a row in tests/security/matrix.py for:\n  " + "\n  ".join(missing)
    gone = sorted(set(matrix.BY_OP) - set(matrix.operations()))
    assert not gone, "rows of routes that the contract does not have:\n  " + "\n  ".join(gone)


def test_openapi_says_which_routes_need_a_token(world):
    for op in matrix.operations():
        method, path = op.split()
        needs = bool(judge.contract["paths"][path][method.lower()].get("security"))
        assert needs == (matrix.BY_OP[op].who not in (ANYONE, MAYBE)), op


@pytest.mark.parametrize("row", ROWS, ids=name)
def test_requests_without_a_token_get_what_the_matrix_says(world, cast, bad_scene, row):
    path, body = Scene(cast).prepare(row) if row.who in (ANYONE, MAYBE) else filled(row, bad_scene)
    before = bad_scene.state()
    reply = world.anonymous().send(row.method, path, body)
    if row.who in (ANYONE, MAYBE):
        reply.expect(row.status)
        assert reply.status != 401 or reply.slug == "bad-credentials", reply
    else:
        reply.expect(401, "unauthenticated")
    assert bad_scene.state() == before


@pytest.mark.parametrize("kind", BAD)
@pytest.mark.parametrize("row", ROWS, ids=name)
def test_requests_with_a_bad_token_are_401(bad_users, cast, bad_scene, row, kind):
    path, body = filled(row, bad_scene)
    reply = bad_users[kind].send(row.method, path, body)
    if row.who == ANYONE:
        reply.expect(row.status)  # the token is not even looked at
    else:
        reply.expect(401, "unauthenticated")
        assert set(reply.json) <= {"type", "title", "status", "detail", "requestId"}, reply


def filled(row, scene):
    """A row's path and body with what is there; ids of one's own things are made once."""
    path = row.path
    for key, attribute in row.things.items():
        if "{" + key + "}" in path:
            value = scene.made.get(attribute)
            if value is None:
                value = scene.task_id if "trashed" in attribute else getattr(scene, attribute)
                scene.made[attribute] = value
            path = path.replace("{" + key + "}", value)
    return path, row.body(scene) if callable(row.body) else row.body


def test_requests_with_a_bad_token_change_nothing(cast, bad_scene):
    """Runs after them: what they asked for, some of them 13 times, was done by none."""
    status, snapshot, _ = bad_scene.state()
    assert status == 200 and sorted(t["title"] for t in snapshot["tasks"]) == ["A", "Again", "Another"], snapshot
    assert {m["userId"]: m["role"] for m in snapshot["members"]} == {
        cast.host.id: "owner", cast.guest.id: "member", bad_scene.caller.id: "owner"}
    assert bad_scene.caller.get("/v1/me").expect(200)["locale"] != "de"


@pytest.mark.parametrize("role", (*ROLES, *STRANGERS))
@pytest.mark.parametrize("row", OURS, ids=name)
def test_each_role_gets_what_the_matrix_says(scenes, row, role):
    scene = scenes.take(row, role, refused=role in STRANGERS or not may(row, role))
    path, body = scene.prepare(row)
    before = scene.known or scene.state()
    reply = scene.caller.send(row.method, path, body)
    if role in STRANGERS:
        in_body = row.op == "POST /v1/tasks"  # the project is in the body
        reply.expect((404, 422) if in_body else 404)
        assert reply.slug in ("not-found", "invalid") and scene.project["name"] not in reply.body.decode()
    elif may(row, role):
        reply.expect(row.status)
        return
    else:
        reply.expect(403, "forbidden")
    scene.known = scene.state()
    assert scene.known == before, f"a refused {row.op} of a {role} changed something"


@pytest.mark.parametrize("access_role", OPEN)
@pytest.mark.parametrize("row", OURS, ids=name)
def test_a_stranger_in_an_open_project_gets_what_the_matrix_says(scenes, row, access_role):
    """Has its access role, and nothing of what lies in the trash."""
    scene = scenes.take(row, "stranger", access_role=access_role, refused=not may(row, access_role))
    try:
        path, body = scene.prepare(row)
        before = scene.known or scene.state()
        reply = scene.caller.send(row.method, path, body)
        if row.things.get("id") == "trashed_project_id":
            reply.expect(404, "not-found")
        elif may(row, access_role):
            reply.expect(row.status)
            return
        else:
            reply.expect(403, "forbidden")
        scene.known = scene.state()
        assert scene.known == before, f"a refused {row.op} changed something"
    finally:
        if scene not in scenes.kept.values():
            scene.close()


@pytest.fixture(scope="module", params=[*[(role, None) for role in (*ROLES, "removed")], *[("stranger", given) for given in OPEN]],
                ids=lambda param: param[0] if param[1] is None else f"stranger-{param[1]}")
def trashed(request, cast):
    """A project in the trash, and who calls; for strangers it was open before."""
    role, given = request.param
    scene = Scene(cast, role, access_role=given)
    yield scene, scene.trash()
    scene.close()


@pytest.mark.parametrize("row", sorted(OURS, key=lambda row: row.op == "POST /v1/projects/{id}/restore"), ids=name)
def test_routes_of_a_trashed_project_get_what_the_matrix_says(trashed, row):
    scene, ready = trashed
    reply = scene.caller.send(row.method, *ready[row.op])
    if scene.role in STRANGERS:
        reply.expect(404, "not-found")
        assert scene.project["name"] not in reply.body.decode()
    elif not may(row, scene.role):
        reply.expect(403, "forbidden")
    elif row.op in IN_TRASH:
        reply.expect(row.status)
    else:
        reply.expect(404, "not-found")
    if row.op != "POST /v1/projects/{id}/restore":
        scene.host.get(scene.project).expect(404)


@pytest.mark.parametrize("role", ("owner", "viewer", "stranger"))
@pytest.mark.parametrize("row", OWN, ids=name)
def test_users_own_resources_require_no_role(world, scenes, row, role):
    scene = scenes.take(row, role, caller=world.user(role) if row.fresh else None)
    path, body = scene.prepare(row)
    scene.caller.send(row.method, path, body).expect(row.status)


@pytest.mark.parametrize("row", [row for row in OWN if row.things], ids=name)
@pytest.mark.parametrize("role", ("owner", "admin", "stranger"))
def test_other_users_resources_are_404(cast, scenes, row, role):
    theirs = scenes.take(row, "owner", caller=cast.guest)
    path, body = theirs.prepare(row)
    for _ in (1, 2):
        cast.by_role[role].send(row.method, path, body).expect(404, "not-found")
    cast.guest.send(row.method, path, body).expect(row.status)  # it was there, and still is


# -- a password given long ago ---------------------------------------------------------
@pytest.fixture(scope="module")
def confirmed_before(stack):
    """Says of a user's session when its password was given."""
    with pymongo.MongoClient(stack.mongodb_uri) as client:
        sessions = client[stack.mongodb_database].sessions

        def set_back(user, minutes):
            at = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(minutes=minutes)
            sid = bson.ObjectId(tokens.claims(user.token)["sid"])
            assert sessions.update_one({"_id": sid}, {"$set": {"confirmedAt": at}}).matched_count == 1
        yield set_back


@pytest.mark.parametrize("row", [row for row in ROWS if row.who not in (ANYONE, MAYBE)], ids=name)
def test_a_session_with_an_old_password_check_gets_what_the_matrix_says(world, scenes, confirmed_before, row):
    """As a stolen session is: it does all that needs no step-up, and nothing else."""
    scene = scenes.take(row, "owner", caller=world.user("owner") if row.fresh else None)
    path, body = scene.prepare(row)
    confirmed_before(scene.caller, minutes=16)
    reply = scene.caller.send(row.method, path, body)
    if not row.step_up:
        reply.expect(row.status)
    else:
        reply.expect(403, "step-up-required")
        scene.caller.post("/v1/sessions/current/confirm", password=matrix.PASSWORD).expect(204)
        scene.caller.send(row.method, path, body).expect(row.status)
    if not row.fresh:
        confirmed_before(scene.caller, minutes=0)


# -- API tokens ---------------------------------------------------------------------
@pytest.fixture(scope="module")
def holders(world):
    """An owner of everything, once for each scope."""
    owner = world.user("robot")
    return owner, {scope: matrix.api_token(owner, scope) for scope in SCOPES}


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("row", [row for row in ROWS if row.who not in (ANYONE, MAYBE)], ids=name)
def test_api_tokens_get_what_the_matrix_says(holders, scenes, row, scope):
    owner, by_scope = holders
    allowed = row.needed_scope != PERSON and SCOPES.index(scope) >= SCOPES.index(row.needed_scope)
    scene = scenes.take(row, "owner", caller=owner, refused=not allowed)
    path, body = scene.prepare(row)
    before = allowed or scene.known or scene.state()
    reply = by_scope[scope].send(row.method, path, body)
    if allowed:
        reply.expect(row.status)
    else:
        reply.expect(403, "forbidden")
        scene.known = scene.state()
        assert scene.known == before


@pytest.fixture(scope="module")
def elsewhere(holders):
    """The same owner's token of every scope, but bound to a project that no scene is about."""
    owner, _ = holders
    return owner, matrix.api_token(owner, "admin", projectIds=[owner.project("Elsewhere")["id"]])


@pytest.mark.parametrize("row", [row for row in ROWS if row.who not in (ANYONE, MAYBE)], ids=name)
def test_api_tokens_bound_to_another_project_get_what_the_matrix_says(elsewhere, scenes, row):
    owner, program = elsewhere
    scene = scenes.take(row, "owner", caller=owner, refused=True)
    path, body = scene.prepare(row)
    before = scene.known or scene.state()
    reply = program.send(row.method, path, body)
    reply.expect(404 if row.is_ours else row.bound)
    scene.known = scene.state()
    assert scene.known == before
    assert scene.project_id not in reply.body.decode() and "Scene" not in reply.body.decode()


@pytest.mark.parametrize("row", [row for row in ROWS if row.who in ROLES], ids=name)
def test_api_tokens_bound_to_this_project_get_what_the_matrix_says(holders, scenes, row):
    owner, _ = holders
    scene = scenes.take(row, "owner", caller=owner)
    if scene.program is None:
        scene.program = matrix.api_token(owner, "admin", projectIds=[scene.project_id])
    path, body = scene.prepare(row)
    scene.program.send(row.method, path, body).expect(row.bound_here or row.status)
    if scene not in scenes.kept.values():  # there may be only so many tokens
        owner.delete("/v1/api-tokens/" + scene.program.made["id"]).expect(204)


# -- share links ----------------------------------------------------------------------
@pytest.fixture(scope="module")
def shared(cast):
    """A project with a share link, its reader, and the reader of another project's link."""
    scene, other = Scene(cast, "owner").furnish(), Scene(cast, "owner")
    return scene, matrix.reader(scene), matrix.reader(other)


@pytest.mark.parametrize("row", ROWS, ids=name)
def test_readers_of_a_share_link_get_what_the_matrix_says(shared, row):
    scene, guest, _ = shared
    path, body = filled(row, scene)
    before = scene.state()
    reply = guest.send(row.method, path, body)
    if row.who == ANYONE or row.op in matrix.BY_LINK:
        reply.expect(row.status)
    else:
        reply.expect(403, "forbidden")
        personal = row.op.endswith("/subscription")  # readers of a link have no account
        assert personal or row.who != "viewer" or row.method != "GET", "add the route to matrix.BY_LINK, or give a reason here"
    assert scene.state() == before


@pytest.mark.parametrize("row", [row for row in ROWS if row.op in matrix.BY_LINK], ids=name)
def test_readers_of_another_projects_share_link_get_what_the_matrix_says(shared, row):
    scene, _, guest = shared
    reply = guest.send(row.method, *filled(row, scene))
    reply.expect(404 if row.is_ours else row.status)
    assert scene.project_id not in reply.body.decode()


@pytest.fixture(scope="module")
def ended_link(cast):
    scene = Scene(cast, "owner").furnish()
    guest = matrix.reader(scene)
    scene.host.delete(scene.project, "/links/" + scene.link["id"]).expect(204)
    scene.made.pop("link")  # others may make another
    eventually(lambda: guest.get(scene.project).status == 401, within=PROMISED)
    return scene, guest


@pytest.mark.parametrize("row", [row for row in ROWS if row.op in matrix.BY_LINK], ids=name)
def test_readers_of_an_ended_share_link_are_401(ended_link, row):
    scene, guest = ended_link
    guest.send(row.method, *filled(row, scene)).expect(401, "unauthenticated")


def test_readers_of_a_share_link_see_nothing_of_a_trashed_project(cast):
    scene = Scene(cast, "owner")
    guest = matrix.reader(scene)
    for op, (path, _) in scene.trash().items():
        if op in matrix.BY_LINK:
            reply = guest.get(path)
            reply.expect(404 if matrix.BY_OP[op].is_ours else 200)
            assert scene.project_id not in reply.body.decode()
