"""No token, code or password in logs, URLs or the process list.

Uses an account with every kind of secret, then searches everything that was written."""
import json
import pathlib
import re
import secrets
import time
import urllib.parse

import pymongo
import pytest
from client import SETTINGS, User, World
from outbox import Outbox
from stack import Stack
from second_factor import code_of


class Life:
    """The steps of an account's life, and every secret that occurred."""

    def __init__(self, world, outbox):
        self.world, self.outbox, self.secrets = world, outbox, {}

    def keep(self, kind, value):
        self.secrets[value] = kind
        return value

    def password(self):
        return self.keep("password", "a secret " + secrets.token_hex(10))

    def keep_reply(self, reply):
        for kind in ("accessToken", "refreshToken", "token", "secret"):
            if reply.json and reply.json.get(kind):
                self.keep(kind, reply.json[kind])
        for value in re.findall(r"taskwire_refresh=([^;]+)", reply.headers.get("set-cookie", "")):
            self.keep("cookie", value)
        return reply

    def live(self):
        anna = self.world.user("secretive")
        self.keep("accessToken", anna.token), self.keep("refreshToken", anna.refresh_token)
        for _ in range(2):
            self.world.anonymous().post("/v1/sessions", login=anna.email, password=self.password()).expect(401)
        self.codes(anna)
        self.by_email(anna)
        password = anna.password
        body = {"login": anna.email, "password": password, "cookie": True}
        self.keep_reply(self.world.anonymous().send("POST", "/v1/sessions", body, key=secrets.token_hex(8)).expect(201))
        script = User(self.world)
        script.token = self.keep_reply(anna.post("/v1/api-tokens", name="x", scopes=["read"]).expect(201))["token"]
        script.get("/v1/me").expect(200)
        secret = self.keep_reply(anna.post("/v1/me/totp", password=password).expect(201))["secret"]
        codes = anna.put("/v1/me/totp", code=code_of(secret)).expect(200)["recoveryCodes"]
        self.keep_reply(self.world.anonymous().post("/v1/sessions", login=anna.email, password=password,
                                                    code=self.keep("recovery code", codes[0])).expect(201))
        with anna.live() as feed:
            feed.silent()
        self.mistakes(anna)
        return anna

    def by_email(self, anna):
        self.world.anonymous().post("/v1/password-resets", email=anna.email).expect(202)
        token = self.keep("reset token", self.outbox.email(anna.email, "Choose a new password").token)
        anna.password = self.password()
        self.world.anonymous().put("/v1/password-resets", token=token, password=anna.password).expect(204)
        anna.take(self.keep_reply(self.world.anonymous().post("/v1/sessions", login=anna.email,
                                                              password=anna.password).expect(201)))

    def codes(self, anna):
        self.keep("verification token", self.outbox.email(anna.email, "Confirm your address").token)
        anna.post("/v1/verifications", purpose="email").expect(202)
        mail = self.outbox.email(anna.email, "Confirm your address", count=2)
        self.keep("verification token", mail.token)
        anna.put("/v1/verifications", code=mail.code).expect(204)

    def mistakes(self, anna):
        """Secrets where clients put them by mistake: in queries, in paths, in broken JSON."""
        word = self.password()
        anna.get("/v1/tasks?password=" + urllib.parse.quote(word)).expect(400)
        anna.send("POST", "/v1/sessions", raw=b'{"password":"' + word.encode()).expect(400)
        anna.send("POST", "/v1/sessions", {"login": anna.email, "password": word, "passphrase": word}).expect(422)
        anna.get("/v1/me", headers={"Authorization": "Bearer " + self.keep("odd token", "x." + secrets.token_hex(20))})


@pytest.fixture(scope="module")
def lived(tmp_path_factory):
    """The system after such a life, and the secrets; it is still running."""
    with Stack(settings={**SETTINGS, "LOG_LEVEL": "debug"}) as stack:
        life = Life(World(stack.url, stack.ws_url), Outbox(stack.data / "outbox"))
        life.live()
        time.sleep(1.2)  # nginx writes its log once a second
        yield stack, life.secrets


def found_in(text, known):
    """Also as URLs and JSON spell them."""
    return [kind for value, kind in known.items()
            if value in text or urllib.parse.quote(value) in text or urllib.parse.quote_plus(value) in text]


def test_the_secrets_were_really_used(lived):
    _, known = lived
    assert {"password", "accessToken", "refreshToken", "reset token", "verification token", "token", "secret", "cookie",
            "recovery code", "odd token"} <= set(known.values())


def test_logs_contain_no_secret(lived):
    stack, known = lived
    logs = stack.logs()
    assert logs["access"] and logs["api-1"] and logs["jobs-1"]
    assert {name: hits for name, text in logs.items() if (hits := found_in(text, known))} == {}


def test_logs_contain_no_email_address_or_phone_number(lived):
    stack, _ = lived
    for name, text in stack.logs().items():
        assert not re.search(r"secretive\.[0-9a-f]+@example\.com", text), name


def test_the_process_list_contains_no_secret(lived):
    stack, known = lived
    keys = [line.split()[1] for line in stack.signing_keys_file.read_text().splitlines() if line.strip()]
    known = {**known, **dict.fromkeys(keys, "signing key")}
    for pid in [*filter(None, stack.pids().values()), *stack.workers("api")]:
        for name in ("cmdline", "environ"):
            text = pathlib.Path(f"/proc/{pid}/{name}").read_bytes().decode(errors="replace")
            assert found_in(text, known) == [], (pid, name)


def test_files_with_secrets_are_readable_only_by_their_owner(lived):
    stack, _ = lived
    for path in (stack.signing_keys_file, *(stack.data / "outbox").iterdir()):
        assert path.stat().st_mode & 0o077 == 0, path
    for folder in ("keys", "outbox", "db"):
        assert (stack.data / folder).stat().st_mode & 0o077 == 0, folder


def test_the_database_stores_secrets_only_as_hashes(lived):
    stack, known = lived
    with pymongo.MongoClient(stack.mongodb_uri) as client:
        db = client[stack.mongodb_database]
        for name in db.list_collection_names():
            text = "\n".join(str(document) for document in db[name].find())
            assert found_in(text, known) == [], name


def test_the_security_log_records_who_what_and_from_where(lived):
    stack, _ = lived
    logs = stack.logs("api").splitlines() + stack.logs("jobs").splitlines()
    lines = [json.loads(line) for line in logs if '"subject":"audit"' in line]
    events = {line["event"] for line in lines}
    assert {"account.opened", "session.opened", "session.refused", "password.reset-asked", "password.reset",
            "contact.confirmed", "api-token.made", "second-factor.on"} <= events, events
    for line in lines:
        assert line["ip"] == "127.0.0.1" and line["at"] and line["requestId"], line
        assert line["event"] == "session.refused" or re.fullmatch(r"[0-9a-f]{24}", line["userId"]), line
