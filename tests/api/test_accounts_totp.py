"""Two-factor authentication: codes from a phone (RFC 6238) and recovery codes."""
import base64
import os
import pathlib
import subprocess
import threading
import time
import urllib.parse

import pytest
from client import PASSWORD, PROMISED, User, eventually
from second_factor import code_of


def log_in(world, user, password=PASSWORD, **fields):
    return User(world).post("/v1/sessions", login=user.email, password=password, **fields)


@pytest.fixture
def armed(anna):
    """Anna with a second factor; the current code has been used."""
    anna.secret = anna.post("/v1/me/totp", password=PASSWORD).expect(201)["secret"]
    anna.recovery = anna.put("/v1/me/totp", code=code_of(anna.secret)).expect(200)["recoveryCodes"]
    return anna


def wait_for_a_fresh_step():
    """Waits for the start of a time step, so that it does not change during the test."""
    if time.time() % 30 > 25:
        time.sleep(30 - time.time() % 30 + 0.1)


def test_codes_match_the_test_vectors_of_the_rfc():
    """RFC 6238, appendix B (its eight digits cut to six)."""
    secret = base64.b32encode(b"12345678901234567890")
    for at, code in ((59, "287082"), (1111111109, "081804"), (2000000000, "279037")):
        assert code_of(secret, at=at) == code


def test_two_factor_authentication_is_set_up_with_its_first_code(world, anna, outbox):
    begun = anna.post("/v1/me/totp", password=PASSWORD).expect(201)
    uri = urllib.parse.urlsplit(begun["uri"])
    query = dict(urllib.parse.parse_qsl(uri.query))
    assert (uri.scheme, uri.netloc) == ("otpauth", "totp") and urllib.parse.unquote(uri.path) == f"/Taskwire:{anna.email}"
    assert query == {"secret": begun["secret"], "issuer": "Taskwire", "algorithm": "SHA1", "digits": "6", "period": "30"}
    assert len(base64.b32decode(begun["secret"])) == 20
    log_in(world, anna).expect(201)  # not before it is confirmed
    anna.put("/v1/me/totp", code="000000" if code_of(begun["secret"]) != "000000" else "1").expect(
        422, "invalid", {"/code"})
    codes = anna.put("/v1/me/totp", code=code_of(begun["secret"])).expect(200)["recoveryCodes"]
    assert len(set(codes)) == 10 and all(len(c.replace("-", "")) == 24 for c in codes)
    assert anna.get("/v1/me")["totpEnabledAt"] is not None
    assert "authentication was turned on" in outbox.email(anna.email, "Logging in").text
    anna.post("/v1/me/totp", password=PASSWORD).expect(409, "conflict")


def test_logging_in_requires_the_password_and_a_code(world, armed):
    wait_for_a_fresh_step()
    log_in(world, armed).expect(401, "code-required")
    log_in(world, armed, password="not it at all").expect(401, "bad-credentials")
    log_in(world, armed, password="not it at all", code=code_of(armed.secret, 1)).expect(401, "bad-credentials")
    log_in(world, armed, code=code_of(armed.secret, 3)).expect(401, "bad-credentials")
    log_in(world, armed, code=code_of(armed.secret, 1)).expect(201)


def test_a_code_works_only_once(world, armed):
    wait_for_a_fresh_step()
    log_in(world, armed, code=code_of(armed.secret)).expect(401)  # used when it was set up
    code = code_of(armed.secret, 1)
    log_in(world, armed, code=code).expect(201)
    log_in(world, armed, code=code).expect(401)
    log_in(world, armed, code=code_of(armed.secret)).expect(401)  # nor one before it


def test_two_concurrent_logins_with_one_code_succeed_once(world, armed):
    wait_for_a_fresh_step()
    code, replies = code_of(armed.secret, 1), []
    threads = [threading.Thread(target=lambda: replies.append(log_in(world, armed, code=code).status)) for _ in range(2)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert sorted(replies) == [201, 401]


def test_a_recovery_code_works_once_and_its_use_is_reported_by_email(world, armed, outbox):
    code = armed.recovery[3]
    log_in(world, armed, code=code.lower().replace("-", " ")).expect(201)
    log_in(world, armed, code=code).expect(401)
    log_in(world, armed, code=armed.recovery[4]).expect(201)
    outbox.email(armed.email, "Logging in", count=3)  # in any order
    mails = [mail for mail in outbox.emails(armed.email, "Logging in") if "recovery code was used" in mail.text]
    assert len(mails) == 2


def test_guessing_codes_is_limited(world, armed):
    answers = [log_in(world, armed, code=f"{n:06d}").status for n in range(14)]
    assert answers[:10] == [401] * 10 and 429 in answers[10:]


def test_turning_it_on_requires_the_password(world, anna):
    """Otherwise someone who stole a session could lock the owner out."""
    for body in ({}, {"password": "not it at all"}):
        anna.send("POST", "/v1/me/totp", body).expect(422, "invalid", {"/password"})
    anna.put("/v1/me/totp", code="123456").expect(409, "conflict")
    log_in(world, anna).expect(201)


def test_turning_it_off_requires_the_password_and_a_code(world, armed):
    wait_for_a_fresh_step()
    code = code_of(armed.secret, 1)
    armed.send("DELETE", "/v1/me/totp", {}).expect(422, "invalid", {"/password", "/code"})
    armed.send("DELETE", "/v1/me/totp", {"password": PASSWORD}).expect(422, "invalid", {"/code"})
    armed.send("DELETE", "/v1/me/totp", {"password": "not it at all", "code": code}).expect(422, "invalid", {"/password"})
    armed.send("DELETE", "/v1/me/totp", {"password": PASSWORD, "code": "000000"}).expect(422, "invalid", {"/code"})
    armed.send("DELETE", "/v1/me/totp", {"password": PASSWORD, "code": code}).expect(204)
    armed.send("DELETE", "/v1/me/totp", {"password": PASSWORD, "code": code}).expect(409, "conflict")
    log_in(world, armed).expect(201)


@pytest.mark.parametrize("method, path, body", [
    ("PATCH", "/v1/me", {"email": "new@example.com", "password": PASSWORD}),
    ("POST", "/v1/me/password", {"currentPassword": PASSWORD, "newPassword": "an altogether new one"}),
    ("POST", "/v1/sessions/current/confirm", {"password": PASSWORD}),
    ("DELETE", "/v1/me", {"password": PASSWORD})])
def test_changing_contacts_or_closing_the_account_also_requires_a_code(armed, method, path, body):
    armed.send(method, path, body).expect(422, "invalid", {"/code"})
    armed.send(method, path, {**body, "code": "000000"}).expect(422, "invalid", {"/code"})
    code = armed.recovery[0]
    armed.send(method, path, {**body, "code": code}).expect((200, 204))
    if method != "DELETE":
        armed.send(method, path, {**body, "code": code}).expect(422, "invalid")  # it was used up


def test_turning_it_on_ends_sessions_opened_without_it(world, anna):
    other = anna.log_in()
    secret = anna.post("/v1/me/totp", password=PASSWORD).expect(201)["secret"]
    other.get("/v1/me").expect(200)
    anna.put("/v1/me/totp", code=code_of(secret)).expect(200)
    eventually(lambda: other.get("/v1/me").status == 401, within=PROMISED, what="the end of the other session")
    User(world).post("/v1/sessions/refresh", refreshToken=other.refresh_token).expect(401)
    anna.get("/v1/me").expect(200)


def test_the_database_does_not_contain_the_secret_in_the_clear(stack, armed):
    import bson
    import pymongo
    with pymongo.MongoClient(stack.mongodb_uri) as client:
        user = client[stack.mongodb_database].users.find_one({"_id": bson.ObjectId(armed.id)})
    assert base64.b32decode(armed.secret) not in bson.encode(user)
    assert armed.recovery[0].replace("-", "") not in str(user)
    assert armed.secret not in armed.get("/v1/me").body.decode() + armed.get("/v1/me/export").body.decode()


@pytest.mark.parametrize("code", [None, "", 123456, {"$ne": ""}, ["1"], "x" * 41])
def test_a_malformed_code_is_refused(world, anna, code):
    log_in(world, anna, code=code).expect((201, 422) if code is None else 422)
    anna.put("/v1/me/totp", code=code).expect(422, "invalid", {"/code"})


def admin(stack, *words):
    env = {**os.environ, "MONGODB_URI": stack.mongodb_uri, "MONGODB_DATABASE": stack.mongodb_database, "LOG_LEVEL": "info"}
    done = subprocess.run([pathlib.Path(stack.build) / "taskwire-admin", *words], env=env, timeout=50, text=True,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return done.returncode, done.stdout


def test_an_operator_can_remove_a_lost_second_factor(stack, world, armed):
    """As the runbook says: the password is still needed, and all sessions end."""
    feed = armed.live()
    assert admin(stack, "remove-second-factor", armed.email)[0] == admin(stack, "remove-second-factor")[0] == 2
    assert admin(stack, "remove-second-factor", "f" * 24)[0] == 1
    status, said = admin(stack, "remove-second-factor", armed.id)
    assert status == 0 and '"event":"second-factor.removed"' in said and armed.id in said
    feed.expect_close(4401)
    eventually(lambda: armed.get("/v1/me").status == 401, within=PROMISED, what="the end of the session")
    world.anonymous().post("/v1/sessions/refresh", refreshToken=armed.refresh_token).expect(401)
    log_in(world, armed, password="not it at all").expect(401)
    assert log_in(world, armed).expect(201)["user"]["totpEnabledAt"] is None
    assert admin(stack, "remove-second-factor", armed.id)[0] == 1
