"""HTTP in general: methods, paths, content types, sizes, health, anonymous requests."""
import json

import pytest


def test_health_requires_no_token(world):
    reply = world.anonymous().get("/v1/health").expect(200)
    assert reply["status"] == "ok"


def test_ready_lists_its_checks(world):
    reply = world.anonymous().get("/v1/ready").expect(200)
    assert {"mongodb", "redis"} <= set(reply["checks"])


@pytest.mark.parametrize("path", ["/v1/nothing", "/v1/tasks/x/y/z", "/v1", "/v1/", "/v1/tasks/", "/v1//tasks",
                                 
                                  "/v1/tasks/%00", "/v1/tasks/" + "f" * 24,
                                  "/v1/tasks/zz",
                                  "/v1/projects/" + "F" * 24, "/v1/tasks/" + "a" * 2000])
def test_an_unknown_route_is_404(anna, path):
    anna.get(path).expect((400, 404))


@pytest.mark.parametrize("method, path, allow", [
    ("PUT", "/v1/tasks", {"GET", "POST"}), ("POST", "/v1/me", {"GET", "PATCH"}),
    ("DELETE", "/v1/health", {"GET"}),
    ("POST", "/v1/tasks/" + "f" * 24, {"GET", "PATCH", "DELETE"}), ("GET", "/v1/password-resets", {"POST", "PUT"}),
    ("PROPFIND", "/v1/tasks", {"GET", "POST"}),
])
def test_an_unsupported_method_is_405_with_allow(anna, method, path, allow):
    reply = anna.send(method, path).expect(405)
    assert allow <= {m.strip() for m in reply.headers["allow"].split(",")}


def test_head_is_get_without_a_body(anna):
    task = anna.task()
    reply = anna.send("HEAD", "/v1/tasks/" + task["id"]).expect(200)
    assert reply.etag == task.etag
    anna.send("HEAD", "/v1/tasks/" + "f" * 24).expect(404)


def test_options_lists_the_methods(anna):
    reply = anna.send("OPTIONS", "/v1/tasks").expect((200, 204, 405))
    assert "POST" in reply.headers.get("allow", reply.headers.get("access-control-allow-methods", ""))


@pytest.mark.parametrize("kind",
                         ["text/plain", "application/xml", "application/x-www-form-urlencoded",
                         "multipart/form-data",
                                  "application/jsonx"])
def test_another_content_type_is_415(anna, kind):
    anna.send("POST", "/v1/tasks", {"title": "T"}, headers={"Content-Type": kind}).expect(415)


@pytest.mark.parametrize("kind",
                         ["application/json", "application/json; charset=utf-8", "application/merge-patch+json",
                                  "APPLICATION/JSON"])
def test_accepted_content_types(anna, kind):
    task = anna.task()
    anna.send("PATCH", "/v1/tasks/" + task["id"], {"title": "T"}, headers={"Content-Type": kind}).expect(200)


def test_a_body_over_a_mebibyte_is_413(anna):
    anna.send("POST", "/v1/tasks", {"title": "T", "description": "x" * (1 << 20)}).expect(413)
    anna.send("POST", "/v1/tasks", {"title": "T", "description": "x" * 50_000}).expect(201)
    anna.send("POST", "/v1/tasks", {"title": "T", "description": "é" * 50_000}).expect(201)


def test_a_request_id_is_echoed_or_generated(anna):
    assert anna.get("/v1/me", headers={"X-Request-Id": "my-id-42"}).headers["x-request-id"] == "my-id-42"
    made = {anna.get("/v1/me").headers["x-request-id"] for _ in range(3)}
    assert len(made) == 3


@pytest.mark.parametrize("bad", ["a b", "x" * 500, '"><script>', "é".encode().decode("latin-1")])
def test_a_bad_request_id_is_not_echoed(anna, bad):
    assert anna.get("/v1/me", headers={"X-Request-Id": bad}).headers["x-request-id"] != bad


def test_responses_have_security_headers(anna):
    headers = anna.get("/v1/me").headers
    assert headers["x-content-type-options"] == "nosniff"
    assert "no-store" in headers["cache-control"] or "private" in headers["cache-control"]
    assert "server" not in headers or "/" not in headers["server"]


def test_metrics_are_not_served_outside(world):
    reply = world.anonymous().get("/metrics")
    assert reply.status in (403, 404) or b"# TYPE" not in reply.body


def test_openapi_contains_every_path(world):
    reply = world.anonymous().get("/v1/openapi.json").expect(200)
    document = json.loads(reply.body)
    assert document["openapi"].startswith("3.1") and "/v1/tasks/{id}" in document["paths"]
