"""Logging in and out, refreshing, and access tokens."""
import datetime
import secrets
import threading
import time

import bson
import pymongo
import pytest

import tokens
from client import PASSWORD, PROMISED, User, eventually


def refresh(world, token):
    return User(world).post("/v1/sessions/refresh", refreshToken=token)


@pytest.mark.parametrize("login", ["email", "phone", "EMAIL"])
def test_users_can_log_in_with_address_or_number(world, anna, login):
    value = {"email": anna.email, "phone": anna.phone, "EMAIL": anna.email.upper()}[login]
    again = anna.log_in(login=value)
    assert again.get("/v1/me").expect(200)["id"] == anna.id
    assert again.refresh_token != anna.refresh_token


def test_a_wrong_password_and_an_unknown_account_get_the_same_response(world, anna):
    nobody = world.anonymous()
    wrong = nobody.post("/v1/sessions", login=anna.email, password="not the password").expect(401)
    unknown = nobody.post("/v1/sessions", login="nobody@example.com", password=PASSWORD).expect(401)
    differing = {k for k in wrong.json if wrong.json[k] != unknown.json[k]}
    assert differing <= {"requestId"}


@pytest.mark.parametrize("login", [{"$gt": ""}, ["a"], 3, None, True])
def test_a_database_operator_is_not_accepted_as_a_login(world, login):
    world.anonymous().post("/v1/sessions", login=login, password=PASSWORD).expect(422, "invalid", {"/login"})


def test_a_refresh_token_is_rotated(world, anna):
    first = refresh(world, anna.refresh_token).expect(200)
    assert first["refreshToken"] != anna.refresh_token
    me = User(world).take(first)
    assert me.get("/v1/me").expect(200)["id"] == anna.id
    refresh(world, first["refreshToken"]).expect(200)


def test_a_lost_refresh_response_can_be_requested_again(world, anna):
    lost = refresh(world, anna.refresh_token).expect(200)
    again = refresh(world, anna.refresh_token).expect(200)
    assert again["refreshToken"] == lost["refreshToken"]
    refresh(world, again["refreshToken"]).expect(200)


def age(stack, user, **ago):
    """The user's session was last refreshed some time ago."""
    long_ago = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(**ago)
    with pymongo.MongoClient(stack.mongodb_uri) as client:
        client[stack.mongodb_database].sessions.update_one(
            {"_id": bson.ObjectId(tokens.claims(user.token)["sid"])}, {"$set": {"lastUsedAt": long_ago}})


def test_a_lost_refresh_response_can_be_requested_while_its_token_is_unused(world, anna, stack):
    seen = {refresh(world, anna.refresh_token).expect(200)["refreshToken"]}
    for _ in range(2):
        age(stack, anna, hours=5)
        again = refresh(world, anna.refresh_token).expect(200)["refreshToken"]
        assert refresh(world, anna.refresh_token).expect(200)["refreshToken"] == again
        seen.add(again)
    assert len(seen) == 3
    refresh(world, again).expect(200)


@pytest.mark.parametrize("first", ["owner", "thief"])
def test_a_thief_who_always_follows_the_owner_is_noticed(world, anna, stack, first):
    """Both refresh with the same token, again and again, long after each other but before its successor is used."""
    mine = refresh(world, anna.refresh_token).expect(200)["refreshToken"]
    age(stack, anna, seconds=30)
    theirs = refresh(world, anna.refresh_token).expect(200)["refreshToken"]
    if first == "thief":
        refresh(world, theirs).expect(200)
    refresh(world, mine).expect(401, "bad-credentials")
    refresh(world, theirs).expect(401, "bad-credentials")
    eventually(lambda: anna.get("/v1/me").status == 401, within=PROMISED, what="the end of the access token")


def test_a_copied_refresh_token_with_an_idempotency_key_only_ends_its_session(world, anna, stack):
    """Regression: the worker crashed, because the refusal of a copied token is not recorded under the key."""
    before = stack.logs("api").count("serving with")
    copied, key = anna.refresh_token, secrets.token_hex(8)
    first = refresh(world, copied).expect(200)
    second = refresh(world, first["refreshToken"]).expect(200)
    for _ in range(2):
        User(world).post("/v1/sessions/refresh", refreshToken=copied, key=key).expect(401, "bad-credentials")
    refresh(world, second["refreshToken"]).expect(401, "bad-credentials")
    assert stack.logs("api").count("serving with") == before


def test_a_session_that_ended_behind_a_missing_number_is_noticed_at_once(anna, stack):
    """Numbers may expire unread while a host is stopped; later ones must not wait for them."""
    session = bson.ObjectId(tokens.claims(anna.token)["sid"])
    with pymongo.MongoClient(stack.mongodb_uri) as client:
        db = client[stack.mongodb_database]
        db.topics.update_one({"_id": "revocations"}, {"$inc": {"seq": 2}})
        db.revocations.insert_one({
            "_id": db.topics.find_one({"_id": "revocations"})["seq"], "sessionId": session, "userId": bson.ObjectId(anna.id),
            "expiresAt": datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=1)})
    eventually(lambda: anna.get("/v1/me").status == 401, within=PROMISED, what="the end of the session")


@pytest.mark.parametrize("kind", ["random", "changed", "of another session", "in capitals"])
def test_a_refresh_token_that_was_never_issued_ends_no_session(world, anna, kind):
    session, secret = anna.refresh_token.split(".")
    other = anna.log_in().refresh_token.split(".")[1]
    guess = {"random": session + "." + secrets.token_urlsafe(32),
             "changed": session + "." + ("B" if secret[0] == "A" else "A") + secret[1:],
             "of another session": session + "." + other,
             "in capitals": session.upper() + "." + secrets.token_urlsafe(32)}[kind]
    refresh(world, guess).expect(401, "bad-credentials")
    anna.get("/v1/me").expect(200)
    refresh(world, anna.refresh_token).expect(200)


def test_session_ids_are_unpredictable(world, anna):
    ids = {tokens.claims(anna.log_in().token)["sid"] for _ in range(6)}
    assert len({i[:8] for i in ids}) == len({i[8:18] for i in ids}) == len({i[18:] for i in ids}) == 6


def test_an_old_refresh_token_ends_the_session(world, anna):
    first = refresh(world, anna.refresh_token).expect(200)
    second = refresh(world, first["refreshToken"]).expect(200)
    refresh(world, anna.refresh_token).expect(401)
    refresh(world, second["refreshToken"]).expect(401)
    me = User(world).take(second)
    eventually(lambda: me.get("/v1/me").status == 401, within=PROMISED, what="the end of the access token")


def test_two_concurrent_refreshes_leave_one_active_session(world, anna):
    replies = []
    threads = [threading.Thread(target=lambda: replies.append(refresh(world, anna.refresh_token)))
               for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert {r.status for r in replies} == {200}
    assert any(refresh(world, r["refreshToken"]).status == 200 for r in replies)


@pytest.mark.parametrize("token", ["", "x", "a" * 43, 5, None, {"$ne": None}, "é" * 30])
def test_an_invalid_refresh_token_is_refused(world, token):
    refresh(world, token).expect((401, 422))


def test_logging_out_revokes_both_tokens_within_a_second(world, anna):
    anna.delete("/v1/sessions/current").expect(204)
    eventually(lambda: anna.get("/v1/me").status == 401, within=PROMISED, what="401")
    refresh(world, anna.refresh_token).expect(401)


def test_sessions_can_be_listed_and_ended_individually(anna):
    other = anna.log_in()
    sessions = anna.items("/v1/sessions")
    assert len(sessions) == 2
    other_id = tokens.claims(other.token)["sid"]
    anna.delete("/v1/sessions/" + other_id).expect(204)
    eventually(lambda: other.get("/v1/me").status == 401, within=PROMISED, what="401")
    anna.get("/v1/me").expect(200)


def test_all_other_sessions_can_be_ended_at_once(anna):
    others = [anna.log_in(), anna.log_in()]
    anna.delete("/v1/sessions").expect((200, 204))
    for other in others:
        eventually(lambda: other.get("/v1/me").status == 401, within=PROMISED, what="401")
    anna.get("/v1/me").expect(200)


def test_the_fifty_first_session_ends_the_oldest(world, anna):
    second = anna.log_in()
    for _ in range(48):
        anna.log_in()
    anna.get("/v1/me").expect(200)
    newest = anna.log_in()
    eventually(lambda: anna.get("/v1/me").status == 401, within=PROMISED, what="the end of the oldest")
    refresh(world, anna.refresh_token).expect(401)
    second.get("/v1/me").expect(200)
    assert len(newest.items("/v1/sessions", limit=200)) == 50


def test_five_thousand_sessions_end_with_one_write(stack, world, anna):
    """Ending thousands of sessions must not take longer than ending one."""
    other, user = anna.log_in(), bson.ObjectId(anna.id)
    with pymongo.MongoClient(stack.mongodb_uri) as client:
        sessions = client[stack.mongodb_database].sessions
        like = sessions.find_one({"_id": bson.ObjectId(tokens.claims(other.token)["sid"])})
        sessions.insert_many([{**like, "_id": bson.ObjectId(secrets.token_hex(12))} for _ in range(5000)])
        began = time.monotonic()
        anna.delete("/v1/sessions").expect(204)
        assert time.monotonic() - began < PROMISED
        assert sessions.count_documents({"userId": user, "generation": 1}) == 1  # the others were not touched
        eventually(lambda: other.get("/v1/me").status == 401, within=PROMISED, what="401")
        refresh(world, other.refresh_token).expect(401)
        assert len(anna.items("/v1/sessions")) == 1
        sessions.delete_many({"userId": user, "generation": 0})


def test_an_operator_can_end_the_sessions_of_an_account(world, anna, ben, stack):
    """As in the runbook: by raising the generation in the database."""
    other = anna.log_in()
    with pymongo.MongoClient(stack.mongodb_uri) as mongo:
        mongo[stack.mongodb_database].users.update_one({"email": anna.email}, {"$inc": {"credentialGen": 1, "rev": 1}})
    for user in (anna, other):
        refresh(world, user.refresh_token).expect(401)
    refresh(world, anna.log_in().refresh_token).expect(200)
    refresh(world, ben.refresh_token).expect(200)


def test_users_cannot_end_each_others_sessions(anna, ben):
    anna.delete("/v1/sessions/" + tokens.claims(ben.token)["sid"]).expect(404)
    ben.get("/v1/me").expect(200)


def test_the_access_token_has_the_specified_claims(anna):
    claims = tokens.claims(anna.token)
    assert (claims["iss"], claims["aud"], claims["typ"]) == ("taskwire", "taskwire", "access")
    assert claims["sub"] == anna.id and claims["exp"] - claims["iat"] <= 600
    assert tokens.header(anna.token)["alg"] == "HS256" and tokens.header(anna.token)["kid"]


def test_forged_tokens_are_refused(world, anna, signing_keys):
    right = tokens.make(tokens.header(anna.token), tokens.claims(anna.token),
                        signing_keys[tokens.header(anna.token)["kid"]])
    stranger = world.anonymous()
    stranger.get("/v1/me", headers={"Authorization": "Bearer " + right}).expect(200)
    for wrong, token in tokens.forged(anna.token, signing_keys):
        reply = stranger.get("/v1/me", headers={"Authorization": "Bearer " + token})
        assert reply.status == 401, f"{wrong}: {reply}"


@pytest.mark.parametrize("value", ["", "Bearer", "Bearer ", "Basic YTpi", "bearer", "Bearer a b", "\x7f"])
def test_a_malformed_authorization_header_is_401(world, value):
    world.anonymous().get("/v1/me", headers={"Authorization": value}).expect((400, 401))
