"""The vocabulary of the tests: a User sends requests, and every Reply is checked as soon as it arrives.

    task = anna.post("/v1/tasks", title="Buy milk").expect(201)
    anna.patch(task, status="completed", if_match=task.etag).expect(412, "stale")
"""
import http.client
import itertools
import json
import os
import secrets
import threading
import time
import urllib.parse

import judge

# Settings that differ from the defaults: cheap passwords, a short timeout for hello.
SETTINGS = {"PASSWORD_COST": "10", "PASSWORD_SLOTS": "4", "PUSH_HELLO_SECONDS": "2",
            "USER_INVITATIONS": "1000000", "UNCONFIRMED_INVITATIONS": "1000000", "ADDRESS_EMAILS": "1000", "NETWORK_RESETS": "1000000"}  # some people are everywhere
PASSWORD = "correct horse battery staple"
# Seconds to wait.  SOON: for what must come; how fast it comes is for the tests that measure it, so the bound only ends a test
# that has failed.  PROMISED: for what a second is promised for, on a machine that runs two suites with sanitizers.
SOON, PROMISED = 15.0, 5.0
RETRIABLE = (http.client.RemoteDisconnected, ConnectionError, BrokenPipeError)
_phones = itertools.count(int.from_bytes(os.urandom(4), "big"))


class Reply:
    """One answer of the system: status, headers (lower-cased), bytes, and its JSON."""

    def __init__(self, method, path, status, headers, body):
        self.method, self.path, self.status, self.headers, self.body = method, path, status, headers, body
        kind = headers.get("content-type", "")
        self.json = json.loads(body) if body and ("json" in kind) else None

    @property
    def etag(self):
        return self.headers.get("etag")

    @property
    def slug(self):
        kind = (self.json or {}).get("type", "")
        return kind.replace("#", "/").replace(":", "/").rsplit("/", 1)[-1]

    @property
    def pointers(self):
        return {e["pointer"] for e in (self.json or {}).get("errors", [])}

    def expect(self, status, slug=None, pointers=None):
        """Returns itself if the status is the expected one (or one of several); a slug names the problem."""
        wanted = status if isinstance(status, (tuple, set, range)) else (status,)
        assert self.status in wanted, f"expected {status}, got {self}"
        if slug is not None:
            assert self.slug == slug, f"expected the problem {slug}, got {self}"
        if pointers is not None:
            assert self.pointers == set(pointers), f"expected complaints on {pointers}, got {self}"
        return self

    def __getitem__(self, key):
        return self.json[key]

    def __contains__(self, key):
        return key in self.json

    def __str__(self):
        return f"{self.method} {self.path} -> {self.status} {self.body[:600]!r}"

    __repr__ = __str__


def path_of(thing):
    """The URL of a resource: a Reply, a document from a list, or a path."""
    if isinstance(thing, str):
        return thing
    document = thing.json if isinstance(thing, Reply) else thing
    if "taskId" in document:
        return ("/v1/attachments/" if "sha256" in document else "/v1/comments/") + document["id"]
    return ("/v1/tasks/" if "projectId" in document else "/v1/projects/") + document["id"]


class Http:
    """A keep-alive connection per thread.  A request that got no byte of an answer on a reused
    connection is sent again once, as browsers do; `strict` off lets 5xx and broken lines through."""

    def __init__(self, url, strict=True, timeout=15):
        self.url, self.strict, self.timeout = url, strict, timeout
        parts = urllib.parse.urlsplit(url)
        self.host, self.port = parts.hostname, parts.port or 80
        self._local = threading.local()

    def close(self):
        conn = getattr(self._local, "conn", None)
        if conn is not None:
            conn.close()
        self._local.conn = None

    def request(self, method, path, body=None, headers=None):
        """Sends bytes, gives a judged Reply."""
        reused = getattr(self._local, "conn", None) is not None
        for attempt in (0, 1):
            conn = getattr(self._local, "conn", None)
            if conn is None:
                conn = self._local.conn = http.client.HTTPConnection(self.host, self.port, timeout=self.timeout)
            try:
                conn.request(method, path, body=body, headers=headers or {})
                raw = conn.getresponse()
                data = raw.read()
                break
            except RETRIABLE:
                self.close()
                if attempt == 1 or not reused:
                    raise
            except BaseException:
                self.close()
                raise
        reply = Reply(method, path, raw.status, {k.lower(): v for k, v in raw.getheaders()}, data)
        if raw.will_close:
            self.close()
        judge.reply(reply, strict=self.strict)
        return reply


class User:
    """A user with an account; `anonymous` is a User without a token."""

    def __init__(self, world, account=None, http=None):
        self.world, self.http = world, http or Http(world.url, strict=world.strict)
        self.token = self.refresh_token = self.id = self.email = self.phone = self.name = None
        self.password = PASSWORD
        if account is not None:
            self.take(account)

    def take(self, account):
        """Stores the response to registering, logging in or refreshing."""
        self.token, self.refresh_token = account["accessToken"], account["refreshToken"]
        if "user" in account:
            user = account["user"]
            self.id, self.email = user["id"], user.get("email", self.email)
            self.phone, self.name = user.get("phone", self.phone), user.get("name", self.name)
        return self

    # -- requests -----------------------------------------------------------
    def send(self, method, path, body=None, query=None, raw=None, if_match=None, if_none_match=None,
             key=None, base=None, headers=None):
        """`body` is sent as JSON, `raw` unchanged; `key` is the Idempotency-Key, `base` the Base-Rev."""
        head = dict(headers or {})
        if self.token and "Authorization" not in head:
            head["Authorization"] = "Bearer " + self.token
        if key is not None:
            head["Idempotency-Key"] = key
        if if_match is not None:
            head["If-Match"] = if_match
        if base is not None:
            head["Base-Rev"] = str(base)
        if if_none_match is not None:
            head["If-None-Match"] = if_none_match
        data = raw
        if raw is None and body is not None:
            data = json.dumps(body).encode()
        if data is not None:
            head.setdefault("Content-Type", "application/merge-patch+json" if method == "PATCH"
                            else "application/json")
        if query:
            path += "?" + urllib.parse.urlencode(query)
        return self.http.request(method, path_of(path), data, head)

    def get(self, thing, if_none_match=None, headers=None, **query):
        return self.send("GET", path_of(thing), query=query, if_none_match=if_none_match, headers=headers)

    def post(self, thing, sub="", key=None, if_match=None, base=None, **fields):
        return self.send("POST", path_of(thing) + sub, fields, key=key, if_match=if_match, base=base)

    def patch(self, thing, sub="", if_match=None, key=None, base=None, **fields):
        return self.send("PATCH", path_of(thing) + sub, fields, key=key, if_match=if_match, base=base)

    def put(self, thing, sub="", key=None, if_match=None, base=None, **fields):
        return self.send("PUT", path_of(thing) + sub, fields, key=key, if_match=if_match, base=base)

    def delete(self, thing, sub="", key=None, if_match=None, base=None):
        return self.send("DELETE", path_of(thing) + sub, key=key, if_match=if_match, base=base)

    # -- what tests do all the time -----------------------------------------
    def project(self, name="Plan", **fields):
        return self.post("/v1/projects", name=name, **fields).expect(201)

    def task(self, title="Write the report", **fields):
        return self.post("/v1/tasks", title=title, **fields).expect(201)

    def attach(self, task, data=b"Some text.\n", name="notes.txt", kind="text/plain", key=None):
        """Sends a file; name None: without one."""
        query = {} if name is None else {"name": name}
        return self.send("POST", path_of(task) + "/attachments", query=query, raw=data, key=key,
                         headers={"Content-Type": kind})

    def content(self, attachment, query="", **headers):
        """The bytes of a file; headers: Range="bytes=0-1", If_Range=..."""
        return self.send("GET", path_of(attachment) + "/content" + query,
                         headers={k.replace("_", "-"): v for k, v in headers.items()})

    def share(self, project, other, role="member"):
        """Makes a user a member: directly if the two already share a project, otherwise by an invitation."""
        reply = self.put(project, f"/members/{other.id}", role=role)
        if reply.status == 200:
            return reply
        return other.accept(self.invite(project, other.email, role)["token"])

    def acquaint(self, other):
        """Puts both into a common project, so that share() needs no invitation."""
        self.share(self.project("Acquaintances"), other, "viewer")

    def invite(self, project, email, role="member"):
        return self.post(project, "/invitations", email=email, role=role).expect(201)

    def accept(self, token):
        """Gives the project."""
        return self.post("/v1/invitations/accept", token=token).expect(200)

    def items(self, path, **query):
        return self.get(path, **query).expect(200)["items"]

    def pages(self, path, **query):
        """Every item of a list, page by page."""
        cursor = None
        while True:
            page = self.get(path, **query, **({"cursor": cursor} if cursor else {})).expect(200)
            yield from page["items"]
            cursor = page["nextCursor"]
            if cursor is None:
                return

    def pages_of_events(self, project, since=None):
        """Every event of a project since a cursor (or all that is kept), page by page."""
        while True:
            query = {"since": since} if since else {}
            page = self.get(f"/v1/projects/{project['id']}/events", limit=200, **query).expect(200)
            assert not page["resync"], page
            if not page["items"]:
                return
            yield from page["items"]
            since = page["items"][-1]["cursor"]

    def confirm(self, outbox):
        """Confirms the address with the registration email."""
        token = outbox.email(self.email, "Confirm your address").token
        User(self.world).put("/v1/verifications", token=token).expect(204)
        return self

    def log_in(self, login=None, password=None, **fields):
        """Another session of the same user, as a new User."""
        other = User(self.world, http=self.http)
        reply = User(self.world).post("/v1/sessions", login=login or self.email,
                                      password=password or self.password, **fields).expect(201)
        other.password = self.password
        return other.take(reply)

    def live(self, follow=("all",), **options):
        """A WebSocket that has said hello and follows the topics (all of mine by default)."""
        from live import Live
        feed = Live(self.world.ws_url, origin=self.world.origin, **options)
        feed.hello(self.token)
        for topic in follow:
            feed.follow(topic)
        return feed


class World:
    """The running system: its URLs, and how to create users."""

    def __init__(self, url, ws_url, origin=None, strict=True):
        self.url, self.ws_url, self.origin = url.rstrip("/"), ws_url, origin or url.rstrip("/")
        self.strict = strict

    def anonymous(self):
        return User(self)

    def user(self, name="anna"):
        """A new user with a unique address and number."""
        who = self.anonymous()
        reply = who.post("/v1/users", **fresh_account(name)).expect(201)
        return who.take(reply)


def fresh_account(name="anna"):
    return {"name": name.capitalize(), "email": f"{name}.{secrets.token_hex(6)}@example.com",
            "phone": f"+4917{next(_phones) % 10**9:09d}", "password": PASSWORD}


def eventually(check, within=SOON, every=0.02, what="the condition"):
    """Waits until check() returns something true, and returns that."""
    end = time.monotonic() + within
    while True:
        value = check()
        if value:
            return value
        assert time.monotonic() < end, f"{what} did not come true within {within} s"
        time.sleep(every)
