"""Operator settings: signing keys, the cost of passwords, the gateway for text messages."""
import datetime
import http.server
import json
import secrets
import threading

import bson
import pymongo
import pytest
import tokens
from client import PASSWORD, SETTINGS, User, World, eventually
from outbox import Relay
from second_factor import code_of
from stack import Stack, free_port


@pytest.fixture(scope="module")
def relay(tmp_path_factory):
    """Not started."""
    relay = Relay(tmp_path_factory.mktemp("relay"), free_port())
    yield relay
    relay.stop()


@pytest.fixture(scope="module")
def own(relay):
    """A system whose keys the tests change, and whose relay is away."""
    with Stack(settings={**SETTINGS, **relay.settings()}) as stack:
        yield stack


def add_key(stack, kid):
    """A new signing key, before the others; returns once all programs use it and what is stored is encrypted with it."""
    stack.signing_keys_file.write_text(f"{kid} {secrets.token_hex(32)}\n" + stack.signing_keys_file.read_text())
    before = stack.logs("jobs").count("reencrypt: ")
    stack.restart_programs("api", "push", "jobs")
    eventually(lambda: stack.logs("jobs").count("reencrypt: ") > before, what="the new encryption")


def remove_older_keys(stack):
    stack.signing_keys_file.write_text(stack.signing_keys_file.read_text().split("\n")[0] + "\n")


def world_of(stack):
    return World(stack.url, stack.ws_url)


def refresh(user):
    return User(user.world).post("/v1/sessions/refresh", refreshToken=user.refresh_token)


def used_just_now(stack, user):
    """A refresh token may be repeated within 10 s; restarting may take longer."""
    sid = bson.ObjectId(tokens.claims(user.token)["sid"])
    with pymongo.MongoClient(stack.mongodb_uri) as client:
        client[stack.mongodb_database].sessions.update_one(
            {"_id": sid}, {"$set": {"lastUsedAt": datetime.datetime.now(datetime.timezone.utc)}})


def test_signing_keys_are_created_at_the_first_start_and_readable_only_by_their_owner(own):
    assert own.signing_keys_file.stat().st_mode & 0o777 == 0o600
    (kid, key), = tokens.read_keys(own.signing_keys_file).items()
    assert kid and len(key) == 32


def test_rotating_keys_logs_nobody_out(own):
    anna = world_of(own).user()
    secret = anna.post("/v1/me/totp", password=PASSWORD).expect(201)["secret"]
    anna.put("/v1/me/totp", code=code_of(secret)).expect(200)
    lost = refresh(anna).expect(200)  # assume that its response was lost
    task = anna.post("/v1/tasks", title="Once", key="once").expect(201)
    add_key(own, "next")
    anna.get("/v1/me").expect(200)  # the token of the old key
    assert anna.post("/v1/tasks", title="Once", key="once").expect(201)["id"] == task["id"]
    used_just_now(own, anna)
    reply = refresh(anna).expect(200)
    assert reply["refreshToken"] == lost["refreshToken"]
    assert tokens.header(reply["accessToken"])["kid"] == "next"
    remove_older_keys(own)
    own.restart_programs("api", "push", "jobs")
    anna.get("/v1/me").expect(401)
    newer = User(anna.world).take(reply)
    newer.get("/v1/me").expect(200)
    newer.log_in(code=code_of(secret, 1)).get("/v1/me").expect(200)  # nobody had logged in since


def test_jobs_survive_the_rotation_of_their_key(own, relay):
    """An email that no relay accepted and an account that is being closed, both encrypted with a key that is removed."""
    anna, ben = (world_of(own).user(name) for name in ("anna", "ben"))
    anna.send("DELETE", "/v1/me", {"password": PASSWORD}).expect(204)
    anna.world.anonymous().post("/v1/password-resets", email=ben.email).expect(202)
    add_key(own, "later")
    remove_older_keys(own)
    past = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=30)
    with own.without("jobs"), pymongo.MongoClient(own.mongodb_uri) as client:
        db = client[own.mongodb_database]
        db.users.update_one({"_id": bson.ObjectId(anna.id)}, {"$set": {"deletedAt": past}})
        db.jobs.update_many({}, {"$set": {"dueAt": past}, "$unset": {"lease": ""}})
        own.restart_programs("api")
        relay.start()
    reset = eventually(lambda: [m for m in relay.emails if m.to == ben.email and m.subject.startswith("Choose a new password")], what="the email")
    token = reset[0].token
    anna.world.anonymous().put("/v1/password-resets", token=token, password="an altogether new one").expect(204)
    with pymongo.MongoClient(own.mongodb_uri) as client:
        users = client[own.mongodb_database].users
        eventually(lambda: users.find_one({"_id": bson.ObjectId(anna.id)})["name"] == "Deleted user",
                   what="the end of the account")


def test_a_password_is_rehashed_when_the_cost_is_raised(stack, world, anna):
    def stored():
        with pymongo.MongoClient(stack.mongodb_uri) as client:
            return client[stack.mongodb_database].users.find_one({"_id": bson.ObjectId(anna.id)})["passwordHash"]
    before = stored()
    assert before.startswith("$s1$0a0803$")
    anna.log_in()
    assert stored() == before
    with stack.api_with(PASSWORD_COST="11"):
        anna.log_in()
        raised = stored()
        assert raised.startswith("$s1$0b0803$")
        world.anonymous().post("/v1/sessions", login=anna.email, password="not it at all").expect(401)
    anna.log_in()
    assert stored() == raised  # never lowered


class Gateway(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.asked.append((dict(self.headers), body))
        self.send_response(self.server.statuses.pop(0) if self.server.statuses else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def gateway():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Gateway)
    server.asked, server.statuses = [], []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()


def test_text_messages_go_through_the_gateway_and_are_retried(gateway):
    settings = {**SETTINGS, "SMS_URL": f"http://127.0.0.1:{gateway.server_port}/send", "SMS_TOKEN": "gateway secret"}
    with Stack(settings=settings) as stack:
        anna = world_of(stack).user()
        gateway.statuses[:] = [503, 429]
        anna.post("/v1/verifications", purpose="phone").expect(202)
        eventually(lambda: len(gateway.asked) == 3, within=15, what="the third try")
        headers, body = gateway.asked[-1]
        assert headers["Authorization"] == "Bearer gateway secret" and body["to"] == anna.phone
        assert len({h["Idempotency-Key"] for h, _ in gateway.asked}) == 1
        anna.put("/v1/verifications", code=body["text"].split()[0]).expect(204)
        assert anna.get("/v1/me")["phoneVerifiedAt"] is not None
        assert "gateway secret" not in "".join(stack.logs().values())


def test_a_full_hash_queue_returns_retry_after():
    """More concurrent logins than may wait: 503 with Retry-After, and the others succeed."""
    with Stack(settings={**SETTINGS, "PASSWORD_COST": "15", "PASSWORD_SLOTS": "1", "API_PROCESSES": "1",
                         "API_THREADS": "48"}) as stack:
        world = world_of(stack)
        world.strict = False
        anna = world.user()
        replies = []

        def log_in():
            replies.append(world.anonymous().post("/v1/sessions", login=anna.email, password=PASSWORD))
        threads = [threading.Thread(target=log_in) for _ in range(40)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        assert {r.status for r in replies} == {201, 503}
        for reply in replies:
            assert reply.status == 201 or (reply.slug == "busy" and int(reply.headers["retry-after"]) > 0)
