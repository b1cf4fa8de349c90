"""Operators, dotted keys and other languages' syntax, in every field, parameter, path part and header of the
published contract: refused, or kept as the text it is; never an operator, never a 5xx."""
import http.client
import json
import re
import secrets
import urllib.parse

import judge
import matrix
import pytest
from client import PASSWORD, User
from live import Live
from pymongo import MongoClient

OPERATORS = [{"$gt": ""}, {"$ne": None}, {"$regex": ".*"}, {"$where": "sleep(1000) || true"}, {"$in": [""]},
             {"$exists": True}, {"$expr": {"$eq": [1, 1]}}, {"$function": {"body": "x", "args": [], "lang": "js"}},
             {"a.b": 1}, {"$oid": "0" * 24}, {"$date": 0}, {"$numberLong": "1"}, {"__proto__": {"a": 1}},
             [{"$ne": 1}], [["$gt", ""]], {"": 1}]
WORDS = ["$gt", "$where", "{\"$gt\":\"\"}", "{$ne:null}", "a.b.c", "$$ROOT", "$members.userId", "'; return true; //",
         "' OR '1'='1", "\"}; db.dropDatabase(); //", "..", "../../etc/passwd", "%s%s%n", "${7*7}", "{{7*7}}",
         "<script>alert(1)</script>", "a\r\nSet-Cookie: x=1", "`id`", "$(id)", "*", "\u2028\u202e", "-1", "1e999",
         "\\u0000", "*)(uid=*", "-" * 300]
SOME = [word for n, word in enumerate(WORDS) if n % 4 == 0]  # where every field is walked
KEYS = ["$set", "$where", "$unset.title", "a.b", "members.0.role", "title.$", "__proto__", "constructor", "$", "",
        "passwordHash", "emailVerifiedAt", "userId", "createdBy"]
# By the name of a field, what would be right there.
EXAMPLES = {"email": "right@example.com", "phone": "+4915112345678", "password": PASSWORD, "name": "Right",
            "title": "Right", "text": "Right", "login": "right@example.com", "role": "viewer", "read": True,
            "refreshToken": "x" * 68, "currentPassword": PASSWORD, "newPassword": PASSWORD, "purpose": "email",
            "token": "x" * 43, "code": "123456", "scopes": ["read"]}
TEXTS = {("POST", "/v1/projects"): ("name", "description"), ("POST", "/v1/tasks"): ("title", "description"),
         ("POST", "/v1/tasks/{id}/comments"): ("text",), ("PATCH", "/v1/tasks/{id}"): ("title", "description"),
         ("PATCH", "/v1/projects/{id}"): ("name", "description"), ("PATCH", "/v1/comments/{id}"): ("text",)}


@pytest.fixture
def scene(cast, world):
    """The target of the attempts, owned by the attacker, so that only the payload can be refused."""
    scene = matrix.Scene(cast, "owner", caller=world.user("attacker"))
    scene.ids = {"projects": scene.project_id, "tasks": scene.task_id, "comments": scene.comment_id,
                 "notifications": scene.own_notification, "sessions": matrix.own_session(scene.caller), "filters": scene.own_filter,
                 "jobs": scene.own_job}
    return scene


@pytest.fixture(scope="module", autouse=True)
def only_text_was_stored(stack, world):
    """Afterwards no document in the database has a key that is an operator, contains a dot or is one of the payloads."""
    yield
    with MongoClient(stack.mongodb_uri) as mongo:
        database = mongo[stack.mongodb_database]
        for name in database.list_collection_names():
            for document in database[name].find():
                for key in keys_of(document):
                    assert not key.startswith("$") and "." not in key and key not in ("__proto__", ""), (name, key)


def keys_of(value):
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from keys_of(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from keys_of(inner)


def schema_of(content):
    schema = next(iter(content.values()))["schema"]
    return judge.contract["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]] if "$ref" in schema else schema


def bodies():
    """(method, path, its JSON Schema) of everything that takes a body."""
    for path, methods in judge.contract["paths"].items():
        for method, operation in methods.items():
            if isinstance(operation, dict) and operation.get("requestBody"):
                yield method.upper(), path, schema_of(operation["requestBody"]["content"])


def real(scene, path, **but):
    """A path of the contract with the scene's ids in it."""
    for part in [p for p in path.split("/") if p.startswith("{")]:
        name = part[1:-1]
        right = scene.guest_id if name == "userId" else scene.ids.get(path.split("/")[2], "0" * 24)
        path = path.replace(part, but.get(name) or right)
    return path


def right(schema):
    return {name: EXAMPLES[name] for name in schema.get("required", []) if name in EXAMPLES}


def accepts(prop, value):
    """Does the contract allow an object or a list there?"""
    kind = prop.get("type")
    kinds = kind if isinstance(kind, list) else [kind]
    return not prop or (isinstance(value, list) and "array" in kinds) or (isinstance(value, dict) and "object" in kinds)


def test_operators_in_every_field_are_refused_or_text(world, scene):
    failures, sent = [], 0
    for method, path, schema in bodies():
        for name, prop in schema.get("properties", {}).items():
            for value in OPERATORS:
                body = {**right(schema), name: value}
                reply = scene.caller.send(method, real(scene, path), body)
                sent += 1
                named = any(p == "/" + name or p.startswith(f"/{name}/") for p in reply.pointers)
                if reply.status != 422 or not (named or accepts(prop, value)):
                    failures.append(f"{method} {path} {json.dumps(body)}: {str(reply)[:200]}")
    assert sent > 500
    assert not failures, "\n".join(failures[:20])


def test_operators_in_arrays_and_objects_are_refused_or_text(world, scene):
    """One level deeper: the items of arrays, and their members."""
    failures, sent = [], 0
    for method, path, schema in bodies():
        for name, prop in schema.get("properties", {}).items():
            inner = prop.get("items") or {}
            members = list(inner.get("properties", {})) or [None]
            for value in OPERATORS if inner else []:
                for member in members:
                    item = value if member is None else {member: value}
                    reply = scene.caller.send(method, real(scene, path), {**right(schema), name: [item]})
                    sent += 1
                    if reply.status != 422:
                        failures.append(f"{method} {path} {name}: {item}: {str(reply)[:200]}")
    assert sent > 100
    assert not failures, "\n".join(failures[:20])


def test_keys_that_are_operators_or_dotted_paths_are_refused(world, scene):
    failures = []
    for method, path, schema in bodies():
        for key in KEYS:
            if key in schema.get("properties", {}):
                continue
            reply = scene.caller.send(method, real(scene, path), {**right(schema), key: {"$gt": ""}})
            if reply.status not in (400, 422):
                failures.append(f"{method} {path} {key}: {str(reply)[:200]}")
        for whole in ([], [{"$set": 1}], "$where", 7, None, {"$set": {"title": "x"}}):
            if whole is None and not schema.get("required"):
                continue  # as good as no body
            reply = scene.caller.send(method, real(scene, path), raw=json.dumps(whole).encode())
            if reply.status not in (400, 422):
                failures.append(f"{method} {path} {whole!r}: {str(reply)[:200]}")
    assert not failures, "\n".join(failures[:20])


def test_injected_text_is_stored_unchanged(world, scene):
    for (method, path), names in TEXTS.items():
        for name in names:
            for word in WORDS:
                if "\r" in word and name in ("name", "title"):
                    continue  # one line
                extra = {"title": "T"} if path == "/v1/tasks" and name != "title" else {}
                extra = {"name": "N"} if path == "/v1/projects" and name != "name" else extra
                reply = scene.caller.send(method, real(scene, path), {**extra, name: word})
                if reply.status == 422 and reply.pointers == {"/" + name}:
                    continue  # refused by its rule, and named
                assert reply.expect((200, 201))[name] == word, reply
                where = matrix_path(reply)
                if where:
                    assert scene.caller.get(where)[name] == word


def matrix_path(reply):
    if "taskId" in reply.json:
        return None
    return ("/v1/tasks/" if "projectId" in reply.json else "/v1/projects/") + reply["id"]


def test_injected_text_in_every_field_stays_text(world, scene):
    """Where the rule of a field is not known here: any answer but a 5xx, which the client itself looks for."""
    for method, path, schema in bodies():
        if (method, path) == ("DELETE", "/v1/me"):
            continue
        for name in schema.get("properties", {}):
            for word in SOME:
                body = {**right(schema), name: word}
                assert scene.caller.send(method, real(scene, path), body).status < 500


def parameters():
    for path, methods in judge.contract["paths"].items():
        for parameter in methods.get("get", {}).get("parameters", []):
            if parameter.get("in") == "query":
                yield path, parameter["name"]


@pytest.mark.timeout(240)  # over 800 requests, at the end of a run to a database that is full by then
def test_injection_in_every_query_parameter_has_no_effect(world, scene):
    """A payload is refused, or finds only what the caller may see."""
    stranger = scene.host.task("Not theirs", projectId=scene.host.project("Hidden")["id"])
    payloads = [*SOME, *(json.dumps(o) for o in OPERATORS), "[$ne]", "\ud7ff", "a" * 2000]
    count = 0
    for n, (path, name) in enumerate(parameters()):
        for payload in payloads[n % 3::3]:  # each payload meets a third of them, of every kind
            query = urllib.parse.urlencode({name: payload})
            reply = scene.caller.send("GET", real(scene, path) + "?" + query).expect((200, 400, 404))
            assert stranger["id"].encode() not in reply.body, reply
            count += 1
        for suffix in ("[$ne]", "[$gt]", ".$where", "[]", "[0]"):
            scene.caller.send("GET", real(scene, path) + f"?{urllib.parse.quote(name + suffix)}=x").expect(400)
        twice = f"?{name}=a&{name}=b"
        scene.caller.send("GET", real(scene, path) + twice).expect(400)
    assert count > 200
    for path in judge.contract["paths"]:
        if "get" in judge.contract["paths"][path] and "{" not in path.replace("{id}", ""):
            reply = scene.caller.send("GET", real(scene, path) + "?%24where=1&%24or%5B0%5D=x")
            assert reply.status in (200, 400), reply


def test_injection_in_every_path_segment_has_no_effect(world, scene):
    words = [*WORDS, *(json.dumps(o) for o in OPERATORS), "0" * 23, "0" * 25, "G" * 24, "current;x", "null"]
    words = [word for word in words if ".." not in word]  # below
    for op in matrix.operations():
        method, path = op.split()
        for part in [p[1:-1] for p in path.split("/") if p.startswith("{")]:
            for word in words:
                if method == "DELETE" and path == "/v1/sessions/{id}" and word == "current":
                    continue
                value = urllib.parse.quote(word, safe="")
                reply = scene.caller.send(method, real(scene, path, **{part: value}),
                                          matrix_body(op, scene) if method in ("POST", "PUT", "PATCH") else None)
                # What might be the id of a label: no label of the project, or not on the task.
                is_slug = part == "labelId" and path.startswith("/v1/tasks/") and re.fullmatch("[a-z0-9-]{1,40}", word)
                right = {"PUT": (422,), "DELETE": (204,)}.get(method) if is_slug else (400, 404)
                assert reply.status in right, reply


@pytest.mark.parametrize("path", ["/v1/tasks/../../../../etc/passwd", "/v1/..%2f..%2f..%2fetc%2fpasswd", "/..%2f..%2f",
                                  "/v1/tasks/%2e%2e/%2e%2e/metrics", "//etc/passwd", "/.git/config", "/web/../keys",
                                  "/v1/tasks/..%5c..%5c", "/app.js/../../nginx.conf", "/v1/../metrics", "/keys/"])
def test_no_path_escapes_the_web_folder(world, path):
    """nginx resolves dots before it selects a location; nothing outside the page's folder is served."""
    connection = http.client.HTTPConnection(urllib.parse.urlsplit(world.url).netloc, timeout=5)
    connection.request("GET", path)
    reply = connection.getresponse()
    text = reply.read().decode()
    connection.close()
    assert reply.status in (400, 401, 404) or "<title>Taskwire</title>" in text, (path, reply.status, text[:200])
    assert not any(word in text for word in ("root:", "[core]", "taskwire_", "fastcgi_pass")), path


def matrix_body(op, scene):
    row = matrix.BY_OP.get(op)
    return row.body(scene) if row and callable(row.body) else row and row.body


HEADERS = ("If-Match", "If-None-Match", "Idempotency-Key", "X-Request-Id", "User-Agent", "Authorization", "Accept",
           "Content-Type", "Content-Language", "Origin", "Referer", "Cookie", "X-Forwarded-For", "X-Real-IP",
           "X-Forwarded-Host", "Forwarded", "X-HTTP-Method-Override", "Proxy", "Range", "Accept-Language")


def test_injection_in_every_header_has_no_effect(world, scene):
    payloads = [w.replace("\r\n", " ") for w in WORDS if w.isascii()] + [json.dumps(o) for o in OPERATORS] + ["x" * 4000]
    for header in HEADERS:
        for payload in payloads:
            reply = scene.caller.send("PATCH", f"/v1/tasks/{scene.task_id}", {"priority": "low"},
                                      headers={header: payload})
            assert reply.status < 500 and "set-cookie" not in reply.headers, (header, payload, reply)
            if header == "X-Request-Id" and len(payload) > 64:
                assert reply.headers["x-request-id"] != payload
            if header in ("Authorization", "Content-Type", "If-Match"):
                assert reply.status in (400, 401, 412, 415) or payload == "*", (header, payload, reply)


def test_forwarded_addresses_and_hosts_are_ignored(world, scene):
    """The session's address is the connection's, the device a text, and links come from the settings."""
    header = {"X-Forwarded-For": "203.0.113.7", "X-Real-IP": "203.0.113.7", "Forwarded": "for=203.0.113.7",
              "X-Forwarded-Host": "evil.example", "User-Agent": '{"$gt":""}<script>'}
    other = User(world)
    made = other.send("POST", "/v1/sessions", {"login": scene.caller.email, "password": PASSWORD}, headers=header)
    other.take(made.expect(201))
    session = next(s for s in other.items("/v1/sessions") if s["current"])
    assert session["ip"] == "127.0.0.1" and "203.0.113.7" not in json.dumps(session)
    assert session["device"] == '{"$gt":""}<script>'
    assert "evil.example" not in made.headers.get("location", "")


def test_operators_cannot_log_in_or_refresh(world, scene):
    for value in OPERATORS:
        for field in ("login", "password"):
            body = {"login": scene.caller.email, "password": PASSWORD, field: value}
            world.anonymous().send("POST", "/v1/sessions", body).expect(422)
        world.anonymous().send("POST", "/v1/sessions/refresh", {"refreshToken": value}).expect(422)
    for word in WORDS:
        login = world.anonymous().send("POST", "/v1/sessions", {"login": word, "password": word})
        assert login.status in (401, 422, 429), login
        assert world.anonymous().send("POST", "/v1/sessions/refresh", {"refreshToken": word}).status in (401, 422)


def test_injection_in_every_frame_field_has_no_effect(world, scene):
    """push: an error with a name or silence, and the socket still works."""
    with scene.host.live(follow=["project:" + scene.project_id]) as witness, \
            Live(world.ws_url, origin=world.origin) as feed:
        feed.hello(scene.caller.token)
        count = 0
        for op, members in {"follow": ("topic", "since"), "unfollow": ("topic",), "presence": ("topic", "state"),
                            "signal": ("topic",), "ping": ("ref",)}.items():
            for member in members:
                for value in [*OPERATORS, *SOME]:
                    fields = {"topic": "project:" + "0" * 24, "ref": "r", member: value}
                    feed.send(op=op, **fields)
                    count += 1
        assert 100 < count < 180  # push lets 200 messages come at once
        drain(feed)
        witness.silent()


def drain(feed):
    """Waits until all was answered."""
    mark = secrets.token_hex(4)
    feed.send(op="ping", ref=mark)
    while feed.receive().get("ref") != mark:
        pass
