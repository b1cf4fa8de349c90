"""Walks through the contract and sends every field of every body with wrong values: wrong type, too long, null, foreign ids.

A new field is tested automatically; a case is left out only where the schema allows the value.
"""
import pytest

import judge

WRONG = {"string": [7, True, ["x"], {"$gt": ""}], "integer": ["7", 1.5, []], "boolean": ["true", 1, {}],
         "array": ["x", {}, 7], "object": ["x", []]}


def wrong_values(schema):
    """(what is wrong, value) for a property, by its schema."""
    types = schema.get("type", [])
    types = types if isinstance(types, list) else [types]
    for kind in types:
        for value in WRONG.get(kind, []):
            yield f"{type(value).__name__} for {kind}", value
    if types and "null" not in types:
        yield "null", None
    if "maxLength" in schema:
        yield "too long", "x" * (schema["maxLength"] + 1)
    if schema.get("minLength", 0) > 0:
        yield "too short", "x" * (schema["minLength"] - 1)
    if "pattern" in schema:
        yield "no match", "!" * 8
    if "enum" in schema:
        yield "no choice", "frobnicate"
    if schema.get("format") in ("date", "date-time"):
        yield "no date", "yesterday"
    if "maxItems" in schema and schema.get("items", {}).get("pattern", "").startswith("^[0-9a-f]"):
        yield "too many", [f"{n:024x}" for n in range(schema["maxItems"] + 1)]


@pytest.fixture(scope="module")
def targets(world):
    """An existing entity of each kind, so that only the body can be the reason for a refusal."""
    user, guest = world.user("walker"), world.user("guest")
    project = user.project()
    task = user.task(projectId=project["id"])
    comment = user.post(task, "/comments", text="Hm")
    here, there = f"/v1/projects/{project['id']}", f"/v1/tasks/{task['id']}"
    paths = {"/v1/users": "/v1/users", "/v1/me": "/v1/me", "/v1/sessions": "/v1/sessions",
             "/v1/sessions/refresh": "/v1/sessions/refresh", "/v1/projects": "/v1/projects",
             "/v1/projects/{id}": here, "/v1/projects/{id}/members": here + "/members",
             "/v1/projects/{id}/members/{userId}": f"{here}/members/{guest.id}", "/v1/tasks": "/v1/tasks",
             "/v1/tasks/{id}": there, "/v1/tasks/{id}/move": there + "/move",
             "/v1/tasks/{id}/comments": there + "/comments"}
    if comment.status == 201:
        paths["/v1/comments/{id}"] = "/v1/comments/" + comment["id"]
    return user, paths


def bodies():
    """(method, template, schema) of every operation that takes a body."""
    for template, methods in judge.contract["paths"].items():
        for method, operation in methods.items():
            content = operation.get("requestBody", {}).get("content", {}) if isinstance(operation, dict) else {}
            schema = next(iter(content.values()), {}).get("schema", {})
            if "$ref" in schema:
                schema = judge.contract["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
            if schema.get("properties"):
                yield method.upper(), template, schema


def right(schema, but):
    """Values for required fields, so that only one complaint is left."""
    examples = {"email": "right@example.com", "phone": "+4915112345678", "password": "a right good password",
                "name": "Right", "title": "Right", "text": "Right", "login": "right@example.com", "role": "viewer",
                "refreshToken": "x" * 43, "read": True}
    return {k: examples[k] for k in schema.get("required", []) if k != but}


def test_every_field_of_every_body_is_checked(targets):
    user, paths = targets
    failures, sent = [], 0
    for method, template, schema in bodies():
        if template not in paths:
            continue
        for name, prop in schema["properties"].items():
            for what, value in wrong_values(prop):
                reply = user.send(method, paths[template], {**right(schema, name), name: value})
                sent += 1
                named = any(p == "/" + name or p.startswith(f"/{name}/") for p in reply.pointers)
                if reply.status != 422 or not named:
                    failures.append(f"{method} {template} {name} {what}: {str(reply)[:200]}")
        for foreign in ("_id", "rev", "passwordHash", "frobnicate", "__proto__", "$where"):
            reply = user.send(method, paths[template], {**right(schema, None), foreign: "x"})
            sent += 1
            if reply.status != 422 or "/" + foreign not in reply.pointers:
                failures.append(f"{method} {template} {foreign}: {str(reply)[:200]}")
        for name in schema.get("required", []):
            reply = user.send(method, paths[template], right(schema, name))
            sent += 1
            if reply.status != 422 or "/" + name not in reply.pointers:
                failures.append(f"{method} {template} without {name}: {str(reply)[:200]}")
    assert sent > 200
    assert not failures, "\n".join(failures)
