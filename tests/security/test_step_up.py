"""What a thief can do with each kind of stolen credential to what needs the password: nothing."""
import datetime
import secrets

import bson
import matrix
import pymongo
import pytest
import tokens
from client import PASSWORD, User, fresh_account
from second_factor import code_of

NEW = "an altogether new one"


class Guarded:
    """A request that needs the password in its body: `given` is the member with it."""

    def __init__(self, op, given="password", **body):
        self.op, self.given, self.body = op, given, body
        self.method, self.path = op.split()

    def send(self, user, **secret):
        return user.send(self.method, self.path, {**self.body, **secret})


GUARDED = {
    "change the address": Guarded("PATCH /v1/me", email="thief@example.com"),
    "change the number": Guarded("PATCH /v1/me", phone="+491759999999"),
    "change the password": Guarded("POST /v1/me/password", "currentPassword", newPassword=NEW),
    "arm a second factor": Guarded("POST /v1/me/totp"),
    "close the account": Guarded("DELETE /v1/me"),
    "confirm the session": Guarded("POST /v1/sessions/current/confirm"),
}
WITH_FACTOR = {**{what: each for what, each in GUARDED.items() if what != "arm a second factor"},
               "disarm the second factor": Guarded("DELETE /v1/me/totp")}
STEP_UP = [row for row in matrix.ROWS if row.step_up]
GUESSES = ({}, {"$": None}, {"$": ""}, {"$": "not it at all"}, {"$": {"$ne": None}}, {"$": [PASSWORD]}, {"$": True})


@pytest.fixture(scope="module")
def db(stack):
    with pymongo.MongoClient(stack.mongodb_uri) as client:
        yield client[stack.mongodb_database]


def account(db, owner):
    """All that a thief would want to change."""
    user = bson.ObjectId(owner.id)
    mine = {"userId": user}
    return (db.users.find_one({"_id": user}), sorted(s["_id"] for s in db.sessions.find({**mine, "revokedAt": None})),
            sorted(str(t["_id"]) for t in db.tokens.find({**mine, "purpose": "api"})))


def set_back(db, user, minutes):
    """The session's password was given so long ago."""
    at = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(minutes=minutes)
    sid = bson.ObjectId(tokens.claims(user.token)["sid"])
    assert db.sessions.update_one({"_id": sid}, {"$set": {"confirmedAt": at}}).matched_count == 1


def with_access_token(db, owner):
    """Stolen just after the login, when step-up is no obstacle."""
    thief = User(owner.world)
    thief.token = owner.token
    return thief


def with_old_access_token(db, owner):
    set_back(db, owner, 16)
    return with_access_token(db, owner)


def with_refresh_token(db, owner):
    """The thief's access tokens are of the same session; refreshing does not confirm it."""
    set_back(db, owner, 16)
    return User(owner.world).take(User(owner.world).post("/v1/sessions/refresh", refreshToken=owner.refresh_token).expect(200))


def with_refresh_cookie(db, owner):
    opened = User(owner.world).post("/v1/sessions", login=owner.email, password=PASSWORD, cookie=True).expect(201)
    set_back(db, User(owner.world).take(opened), 16)
    cookie = opened.headers["set-cookie"].split(";")[0]
    return User(owner.world).take(User(owner.world).send("POST", "/v1/sessions/refresh", {}, headers={"Cookie": cookie}).expect(200))


SESSIONS = {"access token": with_access_token, "old access token": with_old_access_token, "refresh token": with_refresh_token,
            "refresh cookie": with_refresh_cookie}


def test_the_table_has_every_route_that_takes_the_password(world):
    import judge
    asked, without_session = set(), {"POST /v1/users", "POST /v1/sessions", "PUT /v1/password-resets"}
    of_links = {"POST /v1/projects/{id}/links", "PATCH /v1/projects/{id}/links/{linkId}", "POST /v1/links/sessions"}
    for op in matrix.operations():
        method, path = op.split()
        body = judge.contract["paths"][path][method.lower()].get("requestBody")
        if body is None:
            continue
        schema = body["content"][next(iter(body["content"]))]["schema"]
        schema = judge.contract["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]] if "$ref" in schema else schema
        if {"password", "currentPassword"} & set(schema.get("properties", ())):
            asked.add(op)
    known = {each.op for each in WITH_FACTOR.values()} | {each.op for each in GUARDED.values()}
    assert asked - without_session - of_links == known


@pytest.mark.parametrize("stolen", SESSIONS)
def test_a_stolen_session_cannot_do_what_needs_the_password(world, db, stolen):
    owner = world.user("owner")
    thief = SESSIONS[stolen](db, owner)
    before = account(db, owner)
    for what, guarded in GUARDED.items():
        for guess in GUESSES:
            reply = guarded.send(thief, **{guarded.given: value for value in guess.values()})
            assert (reply.status, reply.pointers) == (422, {"/" + guarded.given}), (what, guess, reply)
        assert account(db, owner) == before, what
    owner.log_in()


def test_with_a_second_factor_the_password_alone_is_not_enough(world, db):
    owner = world.user("owner")
    secret = owner.post("/v1/me/totp", password=PASSWORD).expect(201)["secret"]
    used = code_of(secret)
    owner.put("/v1/me/totp", code=used).expect(200)
    before = account(db, owner)
    for what, guarded in WITH_FACTOR.items():
        thief = with_access_token(db, owner)
        for code in ({}, {"code": None}, {"code": ""}, {"code": used}):
            reply = guarded.send(thief, **{guarded.given: PASSWORD}, **code)
            assert (reply.status, reply.pointers) == (422, {"/code"}), (what, code, reply)
        assert account(db, owner) == before, what


@pytest.mark.parametrize("stolen", [name for name in SESSIONS if name != "access token"])
def test_a_stolen_session_cannot_do_what_needs_a_recent_password(world, db, stolen):
    owner = world.user("owner")
    owner.log_in()
    thief = SESSIONS[stolen](db, owner)
    before = account(db, owner)
    for row in STEP_UP:
        thief.send(row.method, row.path, row.body).expect(403, "step-up-required")
    thief.post("/v1/sessions/current/confirm", password="not it at all").expect(422, "invalid", {"/password"})
    for row in STEP_UP:
        thief.send(row.method, row.path, row.body).expect(403, "step-up-required")
    assert account(db, owner) == before


@pytest.mark.parametrize("scope", matrix.SCOPES)
def test_a_stolen_api_token_does_none_of_it_even_with_the_password(world, db, scope):
    owner = world.user("owner")
    thief = matrix.api_token(owner, scope)
    before = account(db, owner)
    for guarded in [*GUARDED.values(), *WITH_FACTOR.values()]:
        guarded.send(thief, **{guarded.given: PASSWORD}).expect(403, "forbidden")
    for row in STEP_UP:
        if row.scope == matrix.PERSON:
            thief.send(row.method, row.path, row.body).expect(403, "forbidden")
    assert account(db, owner) == before


def test_a_stolen_session_cannot_drop_a_pending_address(world, db, outbox):
    """Regression: "end all other sessions" dropped it, and needed no password."""
    owner, new = world.user("owner"), fresh_account()["email"]
    owner.patch("/v1/me", email=new, password=PASSWORD).expect(200)
    thief = with_refresh_token(db, owner.log_in())
    thief.delete("/v1/sessions").expect(403, "step-up-required")
    assert owner.get("/v1/me")["pendingEmail"] == new
    owner.put("/v1/verifications", code=outbox.email(new, "new address").code).expect(204)
    assert owner.get("/v1/me")["email"] == new


def test_the_owners_key_does_not_replace_the_password(world, db):
    """A request with the key of the owner's own one replays nothing unless it has the same body, password included."""
    owner, key, name = world.user("owner"), secrets.token_hex(8), fresh_account()["email"]
    owner.patch("/v1/me", email=name, password=PASSWORD, key=key).expect(200)
    thief = with_old_access_token(db, owner)
    before = account(db, owner)
    thief.patch("/v1/me", email=name, key=key).expect(422)
    thief.patch("/v1/me", email=name, password="not it at all", key=key).expect(422)
    assert account(db, owner) == before
