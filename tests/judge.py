"""Checks the shape of every response in every test, and records which endpoints and problems occurred.

Where the system publishes /v1/openapi.json, replies are judged against that document too.
"""
import collections
import functools
import json
import re

INSTANT = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
DATE = re.compile(r"^\d{4}-\d\d-\d\d$")
ID = re.compile(r"^[0-9a-f]{24}$")
SECRET_KEYS = {"_id", "password", "passwordHash", "refreshHash", "hash", "tokenHash", "secret"}
REQUEST_ID = re.compile(r"^[\x21-\x7e]{1,200}$")
seen = collections.Counter()  # (method, pattern, status) -> times
slugs = collections.Counter()  # problem slug -> times
contract = None  # the OpenAPI document, once the world has one


def null_or(check):
    return lambda v: v is None or check(v)


def listing(check):
    return lambda v: isinstance(v, list) and all(check(x) for x in v)


def text(v):
    return isinstance(v, str)


def number(v):
    return isinstance(v, int) and not isinstance(v, bool)


def instant(v):
    return text(v) and bool(INSTANT.match(v))


def date(v):
    return text(v) and bool(DATE.match(v))


def ident(v):
    return text(v) and bool(ID.match(v))


def one_of(*words):
    return lambda v: v in words


def has(**fields):
    return lambda v: isinstance(v, dict) and all(k in v and check(v[k]) for k, check in fields.items())


TASK = {
    "id": ident, "rev": number, "projectId": ident, "number": number, "title": text,
    "description": null_or(text), "status": text, "priority": one_of("none", "low", "medium", "high", "urgent"),
    "startAt": null_or(instant), "startDate": null_or(date), "dueAt": null_or(instant),
    "dueDate": null_or(date),
    "assigneeIds": listing(ident), "labelIds": listing(text), "parentId": null_or(ident),
    "checklist": listing(has(id=text, text=text, done=lambda v: isinstance(v, bool))), "position": text,
    "reminders": listing(lambda v: has(id=text, at=instant)(v) or has(id=text, before=text)(v)),
    "completedAt": null_or(instant), "archivedAt": null_or(instant), "deletedAt": null_or(instant),
    "createdAt": instant, "createdBy": ident, "updatedAt": instant, "updatedBy": ident,
    "subtasks": has(done=number, total=number), "comments": number, "attachments": number,
}
PROJECT = {
    "id": ident, "rev": number, "name": text, "description": null_or(text), "colour": null_or(text),
    "statuses": listing(has(id=text, name=text, kind=one_of("open", "done"))),
    "labels": listing(has(id=text, name=text)), "access": one_of("members", "everyone"), "role": null_or(text),
    "inbox": lambda v: isinstance(v, bool), "archivedAt": null_or(instant), "deletedAt": null_or(instant),
    "createdAt": instant, "createdBy": ident, "updatedAt": instant, "updatedBy": ident,
}
MEMBER = {"userId": ident, "role": one_of("owner", "admin", "member", "commenter", "viewer"), "name": text}
INVITATION = {
    "id": ident, "projectId": ident, "email": text, "role": one_of("owner", "admin", "member", "commenter", "viewer"),
    "createdAt": instant, "createdBy": ident, "expiresAt": instant,
}
SEEN_INVITATION = {"id": ident, "role": text, "expiresAt": instant, "project": has(id=ident, name=text),
                   "inviter": has(id=ident, name=text)}
EVENT = {
    "topic": text, "seq": number, "cursor": text, "kind": text, "actorId": null_or(ident), "at": instant,
    "entity": text, "entityId": text, "rev": null_or(number),
    "changes": null_or(lambda v: isinstance(v, dict) and all(
        x is None or isinstance(x, list) and len(x) == 2 for x in v.values())),
    "data": null_or(lambda v: isinstance(v, dict)),
}
PROBLEM = {"type": text, "title": text, "status": number, "detail": text, "requestId": text}
COMPLAINT = {"pointer": text, "code": text, "detail": text}
IMAGES = ("image/png", "image/jpeg", "image/gif", "image/webp")
ATTACHMENT = {"id": ident, "rev": number, "taskId": ident, "projectId": ident, "name": text, "size": number, "type": text,
              "sha256": lambda v: text(v) and bool(re.fullmatch("[0-9a-f]{64}", v)), "createdAt": instant, "createdBy": ident}
PAGE = {"items": lambda v: isinstance(v, list), "nextCursor": null_or(text)}

# (method, path pattern, status) -> the shape of the whole reply, or of each item of a page
WHOLE = [
    ("GET POST PATCH", r"/v1/tasks/(?!bulk$)[^/]+(/restore|/move|/duplicate)?", (200, 201), TASK),
    ("POST", r"/v1/tasks", (201,), TASK),
    ("GET PATCH POST", r"/v1/projects/[^/]+(/restore)?", (200,), PROJECT),
    ("POST", r"/v1/projects", (201,), PROJECT),
    ("POST", r"/v1/tasks/[^/]+/attachments", (201,), ATTACHMENT),
    ("GET PATCH", r"/v1/attachments/[^/]+", (200,), ATTACHMENT),
    ("PUT", r"/v1/projects/[^/]+/members/[^/]+", (200,), MEMBER),
    ("POST", r"/v1/projects/[^/]+/(members|invitations)", (201,), {**INVITATION, "token": text}),
    ("GET", r"/v1/projects/[^/]+/invitations/[^/]+", (200,), INVITATION),
    ("POST", r"/v1/invitations/look", (200,), SEEN_INVITATION),
    ("POST", r"/v1/invitations/accept", (200,), PROJECT),
    ("POST", r"/v1/(users|sessions)", (201,),
     {"user": has(id=ident), "accessToken": text, "refreshToken": null_or(text), "expiresIn": number}),
]
ITEMS = [
    ("GET", r"/v1/tasks", (200,), TASK),
    ("GET", r"/v1/tasks/[^/]+/attachments", (200,), ATTACHMENT),
    ("GET", r"/v1/projects", (200,), PROJECT),
    ("GET", r"/v1/projects/[^/]+/members", (200,), MEMBER),
    ("GET", r"/v1/projects/[^/]+/events", (200,), EVENT),
    ("GET", r"/v1/projects/[^/]+/invitations", (200,), INVITATION),
    ("GET", r"/v1/invitations", (200,), SEEN_INVITATION),
]


def fits(document, shape, what):
    assert isinstance(document, dict), f"{what} is no object: {document!r}"
    for key, check in shape.items():
        assert key in document, f"{what} lacks {key}: {document!r}"
        assert check(document[key]), f"{what}: {key} is {document[key]!r}"


def no_secrets(value, what):
    if isinstance(value, dict):
        for key, inner in value.items():
            assert key not in SECRET_KEYS and not key.startswith("$"), f"{what} shows {key}"
            no_secrets(inner, what)
    elif isinstance(value, list):
        for inner in value:
            no_secrets(inner, what)


def pattern(path):
    """A path with its ids taken out, for counting."""
    return re.sub(r"/(?:[0-9a-f]{24}(?=/|$)|current$)", "/{id}", path.split("?")[0])


def row(table, reply, path):
    for methods, regex, statuses, shape in table:
        if reply.method in methods.split() and reply.status in statuses and re.fullmatch(regex, path):
            return shape
    return None


def reply(r, strict=True):
    """Fails the test if a response violates the contract."""
    path = r.path.split("?")[0]
    seen[r.method, pattern(path), r.status] += 1
    assert not strict or r.status < 500, f"the system failed: {r}"
    if r.status >= 500 and not strict:
        return
    if not path.startswith("/v1/"):  # a file of the web client
        if r.status >= 400:
            problem(r)
        return
    request_id = r.headers.get("x-request-id")
    assert request_id and REQUEST_ID.match(request_id), f"no X-Request-Id on {r}"
    if r.method == "HEAD":
        assert not r.body, f"a body on {r}"
        return
    if r.status in (204, 304):
        assert not r.body, f"a body on {r}"
        return
    if r.status < 300 and re.fullmatch(r"/v1/attachments/[^/]+/content", path):
        file(r)
        return
    assert r.json is not None, f"no JSON in {r} ({r.headers})"
    if path not in ("/v1/openapi.json", "/v1/me/totp"):  # that one's answer is the secret
        no_secrets(r.json, str(r))
    by_contract(r, path)
    if r.status >= 400:
        problem(r)
        return
    shape = row(WHOLE, r, path)
    if shape:
        fits(r.json, shape, str(r))
        if "rev" in shape and r.method != "DELETE":
            counted = r"\.\d+" if shape is TASK else ""
            assert re.fullmatch(f'"{r.json["rev"]}{counted}"', r.etag), f"ETag {r.etag} does not hold the rev of {r}"
    shape = row(ITEMS, r, path)
    if shape:
        if not path.endswith("/members"):
            fits(r.json, PAGE, str(r))
        for item in r.json["items"]:
            fits(item, shape, f"an item of {r.path}")
    if path == "/v1/batch":
        for result in r.json["results"]:
            if result["status"] >= 400 and result["body"] is not None:  # null after too many bytes of others
                fits(result["body"], PROBLEM, f"a result of {r}")
                assert result["body"]["status"] == result["status"], f"a result's problem has another status: {r}"
                slugs[result["body"]["type"].rsplit("/", 1)[1]] += 1
    if r.status == 201 and re.fullmatch(r"/v1/(tasks|projects)", path):
        assert r.headers.get("location", "").endswith(f"{path}/{r.json['id']}"), f"no Location on {r}"


def file(r):
    """Whatever somebody attached, a browser must not run it."""
    head = r.headers
    assert r.status in (200, 206), r
    assert head["x-content-type-options"] == "nosniff" and "sandbox" in head["content-security-policy"], head
    shown = head["content-disposition"].startswith("inline;") and head["content-type"] in IMAGES
    assert shown or head["content-disposition"].startswith("attachment;"), head
    assert int(head["content-length"]) == len(r.body) and head["accept-ranges"] == "bytes", head
    assert ("content-range" in head) == (r.status == 206), head


def problem(r):
    assert r.headers["content-type"].startswith("application/problem+json"), f"not a problem: {r} {r.headers}"
    fits(r.json, PROBLEM, str(r))
    assert r.json["status"] == r.status, f"the problem's status is not the reply's: {r}"
    if r.headers.get("x-request-id"):
        assert r.json["requestId"] == r.headers["x-request-id"], f"two request ids: {r} {r.headers}"
    for complaint in r.json.get("errors", []):
        fits(complaint, COMPLAINT, str(r))
        assert complaint["pointer"] == "" or complaint["pointer"].startswith("/"), f"no JSON Pointer: {r}"
        assert contract is None or complaint["code"] in known_codes(), f"not a code of the contract: {r}"
    if r.status == 405:
        assert r.headers.get("allow"), f"405 without Allow: {r}"
    if r.status in (429, 503):
        assert r.headers.get("retry-after"), f"{r.status} without Retry-After: {r}"
    if r.status == 412:
        assert "current" in r.json, f"412 without the current document: {r}"
    slugs[r.slug] += 1


# -- the published contract ------------------------------------------------------
def load_contract(text_of_it):
    global contract
    contract = json.loads(text_of_it)
    operation_like.cache_clear()
    validator.cache_clear()


def operation(path, method):
    return operation_like(pattern(path), method)


@functools.cache
def operation_like(path, method):
    """The template and the operation of a path whose ids were taken out; not looked for again at each reply."""
    for template, methods in contract["paths"].items():
        regex = re.sub(r"\{[^}]+\}", "[^/]+", template)
        if re.fullmatch(regex, path) and method.lower() in methods:
            return template, methods[method.lower()]
    return None, None


@functools.cache
def validator(template, method, status, kind):
    """Checks bodies of one kind of reply; None: the contract says nothing about them."""
    responses = contract["paths"][template][method.lower()]["responses"]
    declared = responses.get(str(status)) or responses.get("default")
    assert declared, f"{method} {template} does not declare {status}"
    if "$ref" in declared:
        declared = contract["components"]["responses"][declared["$ref"].rsplit("/", 1)[1]]
    schema = declared.get("content", {}).get(kind, {}).get("schema")
    if not schema:
        return None
    import jsonschema
    return jsonschema.Draft202012Validator({**schema, "components": contract.get("components", {})})


def by_contract(r, path):
    """A response must be declared by the operation, and its body must match the schema."""
    if contract is None:
        return
    template, found = operation(path, r.method)
    if found is None:  # /v1/live is asyncapi.json's
        assert r.status in (404, 405) or path == "/v1/live", f"{r.method} {path} is not in openapi.json, yet: {r}"
        return
    check = validator(template, r.method, r.status, r.headers.get("content-type", "").split(";")[0])
    if check and r.json is not None:
        errors = list(check.iter_errors(r.json))
        assert not errors, f"{r.method} {template} breaks openapi.json: {errors[0].message} in {r}"


# These only occur if something breaks at the right moment, or never.
RARE = {"internal", "busy", "unavailable", "in-progress", "no-answer", "timeout"}


def known_problems():
    """The slugs of the published contract."""
    declared = contract["components"]["schemas"]["Problem"]["properties"]["type"]["enum"] if contract else []
    return sorted({t.rsplit("/", 1)[-1] for t in declared})


def known_codes():
    """The codes of complaints about fields in the published contract."""
    problem_schema = contract["components"]["schemas"]["Problem"]["properties"]
    return problem_schema["errors"]["items"]["properties"]["code"]["enum"]


def unseen_problems():
    """Problems of the contract that never occurred."""
    return sorted(set(known_problems()) - set(slugs) - RARE)


def unseen_operations():
    """Operations of the contract that no test called."""
    if contract is None:
        return []
    called = set()
    for method, path, _ in seen:
        template, found = operation(path.replace("{id}", "x"), method)
        if found is not None:
            called.add((method, template))
    return sorted((m.upper(), t) for t, ms in contract["paths"].items() for m in ms
                  if m in ("get", "post", "put", "patch", "delete") and (m.upper(), t) not in called)
