"""Secrets sent in wrong places (URLs, headers, frames) leave no trace, and none reaches Redis
or the system's files.  test_secrets.py has an account's whole life; conftest.py looks at the logs of the whole run."""
import base64
import pathlib
import secrets
import socket
import threading

import pytest
from bson import CodecOptions
from bson.raw_bson import RawBSONDocument
from client import PROMISED, User, eventually, fresh_account
from live import Closed, Live, Refused
from pymongo import MongoClient


class Ear:
    """Records every command that Redis gets."""

    def __init__(self, url):
        self.received, self.sock = bytearray(), socket.socket(socket.AF_UNIX)
        self.sock.connect(url.removeprefix("unix://"))
        self.sock.sendall(b"MONITOR\r\n")
        self.thread = threading.Thread(target=self.listen, daemon=True)
        self.thread.start()

    def listen(self):
        while data := self.sock.recv(65536):
            self.received += data

    def stop(self):
        self.sock.shutdown(socket.SHUT_RDWR)
        self.thread.join(5)
        self.sock.close()


class Careless:
    """A user who sends every secret everywhere."""

    def __init__(self, world, outbox):
        self.world, self.known = world, {}
        self.password = self.keep("password", "careless " + secrets.token_hex(10))
        self.user = User(world)
        made = self.user.post("/v1/users", **{**fresh_account("careless"), "password": self.password}, key="once")
        self.user.take(made.expect(201))
        self.user.password = self.password
        other = self.user.log_in()
        renewed = User(world).post("/v1/sessions/refresh", refreshToken=other.refresh_token, key="twice").expect(200)
        for name, account in (("registration", self.user), ("log-in", other)):
            self.keep(name + "'s access token", account.token)
            self.keep(name + "'s refresh token", account.refresh_token)
            self.keep(name + "'s refresh secret", account.refresh_token.rsplit(".", 1)[-1])
        self.keep("renewed refresh token", renewed["refreshToken"])
        world.anonymous().post("/v1/password-resets", email=self.user.email).expect(202)
        self.keep("reset token", outbox.email(self.user.email, "Choose a new password").token)

    def keep(self, what, secret):
        self.known[what] = secret
        return secret

    def in_urls(self):
        for name, secret in self.known.items():
            if " " in secret:
                secret = secret.replace(" ", "+")
            for place in ("/v1/tasks?token=", "/v1/me?access_token=", "/?token=", "/password-resets?token=",
                          "/v1/live?token=", "/v1/invitations/", "/v1/calendar/", "/v1/tasks/", "/v1/projects/x/"):
                raw = socket.create_connection((self.user.http.host, self.user.http.port), timeout=5)
                line = f"GET {place}{secret} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                if "?" in place or "/invitations/" in place or "/calendar/" in place:
                    raw.sendall((line + "\r\n").encode())
                    while raw.recv(65536):
                        pass
                raw.close()

    def in_headers(self):
        nobody = self.world.anonymous()
        basic = base64.b64encode(f"{self.user.email}:{self.password}".encode()).decode()
        for value in ("Bearer " + self.user.token[:-3] + "AAA", "Basic " + self.keep("basic log-in", basic),
                      "Bearer " + self.user.refresh_token, self.user.token, "Bearer  " + self.user.token):
            nobody.get("/v1/me", headers={"Authorization": value}).expect(401)
        for header in ("Referer", "Cookie", "X-Request-Id", "Origin", "X-Api-Key", "Forwarded"):
            nobody.get("/v1/me", headers={header: "t=" + self.user.refresh_token}).expect(401)
        nobody.send("POST", "/v1/sessions", {self.password.replace(" ", ""): self.password}).expect(422)
        self.keep("password as a name", self.password.replace(" ", ""))
        nobody.send("POST", "/v1/sessions", {"login": self.password, "password": self.password}).expect(401)

    def in_frames(self):
        url, origin = self.world.ws_url, self.world.origin
        with Live(url, origin=origin, headers={"Authorization": "Bearer " + self.user.token}) as feed:
            feed.expect("ready")
            feed.send(op="follow", topic="project:" + self.user.refresh_token)
            feed.send(op=self.password)
            feed.send(op="token", token=self.user.token[:-3] + "AAA")
            feed.expect_close(4401, within=PROMISED)
        with Live(url, origin=origin) as feed:
            feed.send(op="hello", token=self.user.refresh_token)
            feed.expect_close(4401, within=PROMISED)
        for bad in ({"origin": "https://" + self.user.refresh_token.replace(".", "-")},
                    {"origin": origin, "protocol": "taskwire.v1, " + self.user.token}):
            try:
                Live(url, **bad).close()
            except (Refused, ConnectionError):
                pass


@pytest.fixture(scope="module")
def careless(world, stack, outbox):
    ear = Ear(stack.redis_url)
    who = Careless(world, outbox)
    who.in_urls()
    who.in_headers()
    who.in_frames()
    who.user.task("Heard by Redis")
    eventually(lambda: b"PUBLISH" in ear.received.upper(), what="a message in Redis")
    who.received = ear.received
    eventually(lambda: "/v1/live" in stack.logs("access"), what="nginx's log")  # written once a second
    yield who
    ear.stop()


def found_in(data, known, where):
    """In the spellings that a secret could have."""
    hits = []
    for what, secret in known.items():
        raw = secret.encode()
        spelled = (raw, raw.replace(b" ", b"+"), raw.replace(b" ", b"%20"), raw.hex().encode(),
                   base64.b64encode(raw)[:-4])
        hits += [f"{where} holds the {what}"] if any(s in data for s in spelled) else []
    return hits


def test_no_file_contains_a_secret(careless, stack):
    """Logs, nginx's buffers, Redis' folder, the state that tools read: all but the outbox, the keys and the database."""
    hits, looked = [], set()
    for folder in ("log", "nginx", "redis", "run"):
        for path in (stack.data / folder).rglob("*"):
            if path.is_file():
                looked.add(path.stem)
                hits += found_in(path.read_bytes(), careless.known, path.name)
    hits += found_in((stack.data / "state.json").read_bytes(), careless.known, "state.json")
    assert {"access", "nginx", "api-1", "push-1", "push-2", "jobs-1", "redis"} <= looked, looked
    assert not hits, hits


def test_redis_is_never_sent_a_secret(careless):
    assert not found_in(bytes(careless.received), careless.known, "Redis")


def test_the_database_contains_no_secret_in_any_encoding(careless, stack):
    """The bytes of every document: binary fields and encrypted emails too."""
    hits, options = set(), CodecOptions(document_class=RawBSONDocument)
    with MongoClient(stack.mongodb_uri) as mongo:
        database = mongo[stack.mongodb_database]
        names = set(database.list_collection_names())
        for name in names:
            for document in database.get_collection(name, codec_options=options).find():
                hits.update(found_in(document.raw, careless.known, name))
    assert {"users", "sessions", "tokens", "idempotency", "events", "jobs"} <= names
    assert not hits, sorted(hits)


def test_no_workers_command_line_contains_a_secret(careless, stack, signing_keys):
    known = {**careless.known, **{"key " + kid: key.hex() for kid, key in signing_keys.items()}}
    looked, pids = 0, {name: [pid, *stack.workers(name)] for name, pid in stack.pids().items() if pid}
    for name, family in pids.items():
        for pid in family:
            for file in ("cmdline", "environ"):
                text = pathlib.Path(f"/proc/{pid}/{file}").read_bytes()
                assert not found_in(text, known, f"{file} of {name}")
                assert b"SIGNING_KEYS=" not in text, f"{name} has the keys themselves in its environment"
                looked += 1
    assert looked >= 16


def test_no_core_dump_is_written(stack):
    """A core would hold everything; nothing crashed, so none is there."""
    assert not [p for p in stack.data.rglob("*core*") if p.is_file() and p.read_bytes()[:4] == b"\x7fELF"]


def test_no_response_reveals_the_software_used(careless):
    """Versions, paths and error texts of libraries only help attackers."""
    for reply in (careless.user.get("/v1/tasks", sort="$where").expect(400), careless.user.get("/v1/me").expect(200),
                  careless.user.send("POST", "/v1/tasks", raw=b"{").expect(400)):
        text = (str(reply.headers) + reply.body.decode()).lower()
        assert not [w for w in ("mongo", "bson", "fcgi", "x-powered-by", "nginx/", ".c:", "/home/") if w in text], text
