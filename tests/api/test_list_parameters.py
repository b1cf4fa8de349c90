"""The query parameters of every list, and of what else has some: those that OpenAPI names are accepted, any other is refused."""
import pytest

import judge


def lists():
    """path template -> its query parameters by name, for every list that OpenAPI describes."""
    for template, methods in judge.contract["paths"].items():
        operation = methods.get("get", {})
        content = operation.get("responses", {}).get("200", {}).get("content", {})
        schema = next(iter(content.values()), {}).get("schema", {})
        parameters = {p["name"]: p for p in operation.get("parameters", []) if p.get("in") == "query"}
        if parameters or "nextCursor" in schema.get("properties", {}):
            yield template, parameters


@pytest.fixture(scope="module")
def reader(world):
    """Somebody with two of everything that can be listed, and the paths that lead there."""
    user = world.user("reader")
    project = user.project()
    user.project()
    task = user.task(projectId=project["id"])
    user.task(projectId=project["id"])
    for text in ("One", "Two"):
        user.post(task, "/comments", text=text).expect(201)
    for number in range(2):
        user.invite(project, f"guest{number}@example.org").expect(201)
    image = user.send("POST", f"/v1/tasks/{task['id']}/attachments?name=a.png", raw=b"\x89PNG\r\n\x1a\n", headers={"Content-Type": "image/png"})
    here = {"projects": project["id"], "tasks": task["id"], "attachments": image.expect(201)["id"]}
    return user, lambda template: template.replace("{id}", here.get(template.split("/")[2], ""))


def required(template, user):
    """The parameters that a list requires."""
    return {"/v1/users": {"ids": user.id}, "/v1/occurrences": {"rule": "FREQ=DAILY", "dueDate": "2040-01-02"}}.get(template, {})


def test_every_parameter_of_every_list(reader):
    user, path = reader
    seen = 0
    for template, parameters in lists():
        base = required(template, user)
        page = user.get(path(template), **base).expect(200)
        refused = user.get(path(template), frobnicate="1", **base).expect(400, "bad-parameter")
        assert refused["parameter"] == "frobnicate", template
        for name, parameter in parameters.items():
            seen += 1
            schema = parameter["schema"]
            # Whatever is wrong with the value, the parameter itself is known.
            reply = user.get(path(template), **{**base, name: "x"})
            assert reply.status == 200 or not reply["detail"].endswith("is unknown"), f"{template}?{name}"
            for value in schema.get("enum", []):
                user.get(path(template), **{**base, name: value}).expect(200)
            if schema["type"] == "boolean":
                user.get(path(template), **{**base, name: "true"}).expect(200)
                user.get(path(template), **{**base, name: "maybe"}).expect(400, "bad-parameter")
            for edge in ("minimum", "maximum"):
                if edge in schema:
                    user.get(path(template), **{**base, name: schema[edge]}).expect(200)
            if "maximum" in schema:
                user.get(path(template), **{**base, name: schema["maximum"] + 1}).expect(400, "bad-parameter")
        for name in ("sort", "limit", "cursor"):
            if name not in parameters:
                refused = user.get(path(template), **{**base, name: "1"}).expect(400, "bad-parameter")
                assert refused["parameter"] == name, template
        assert page.json is None or "items" in page or "cursor" in page, template  # None: the content of a file
    assert seen > 30


def test_every_list_that_has_more_names_its_cursor(reader):
    user, path = reader
    paged = 0
    for template, parameters in lists():
        if not {"limit", "cursor"} <= parameters.keys():
            continue
        first = user.get(path(template), limit=1).expect(200)
        if first["nextCursor"] is not None:
            paged += 1
            second = user.get(path(template), limit=1, cursor=first["nextCursor"]).expect(200)
            assert second["items"] != first["items"], template
    assert paged >= 4
