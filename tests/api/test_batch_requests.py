"""POST /v1/batch: several changes in one request.  Each is an ordinary request, with its own result or, if the batch is
atomic, together with the others."""
import concurrent.futures
import json
import os
import secrets

import pytest

import faults
from client import Reply, eventually
from faults import log_of


def until_done(send):
    """Repeats the request after each 502 and 503, as a client would; returns the first other response."""
    return eventually(lambda: (lambda reply: reply if reply.status not in (502, 503) else None)(send()), within=20, every=0.1,
                      what="an answer")


def op(method, path, body=None, **more):
    return {"method": method, "path": path, **({} if body is None else {"body": body}), **more}


def batch(who, *ops, key=None, **fields):
    return who.send("POST", "/v1/batch", {"ops": list(ops), **fields}, key=key)


def new_task(project, title="Task", **more):
    return op("POST", "/v1/tasks", {"projectId": project["id"], "title": title}, **more)


def statuses(reply):
    return [r["status"] for r in reply.expect(200)["results"]]


@pytest.fixture(scope="module")
def plan(world):
    anna = world.user("anna")
    return anna, anna.project("Batch")


def state(anna, project):
    """Whatever a batch could change."""
    return (len(log_of(anna, project)), anna.get(f"/v1/projects/{project['id']}/snapshot").expect(200)["tasks"],
            anna.get(project).expect(200).json)


def test_an_operation_takes_the_parameters_of_its_route(plan):
    anna, _ = plan
    project = anna.project("Statuses")
    task, path = anna.task(projectId=project["id"], status="in-progress"), f"/v1/projects/{project['id']}/statuses"
    for bad in ("?moveTo=", "?moveTo=none", "?moveTo=completed&moveTo=todo", "?other=1", "?moveTo=%zz", ""):
        alone, within = anna.delete(f"{path}/in-progress{bad}"), batch(anna, op("DELETE", f"{path}/in-progress{bad}"))
        result = within.expect(200)["results"][0]
        assert result["status"] == alone.status >= 400 and result["body"]["type"] == alone["type"], bad
        assert result["body"].get("parameter") == alone.json.get("parameter")
        batch(anna, op("DELETE", f"{path}/in-progress{bad}"), atomic=True).expect(alone.status)
    move = [op("POST", path, {"name": "Review", "kind": "open"}, ref="s"), op("DELETE", f"{path}/in-progress?moveTo=$s")]
    key = secrets.token_hex(8)
    for _ in range(2):
        assert statuses(batch(anna, *move, key=key, atomic=True)) == [201, 204]
    assert batch(anna, op("DELETE", f"{path}/in-progress?moveTo=todo", key=f"{key}/1")).expect(200)["results"][0]["status"] == 422
    status = anna.get(task)["status"]
    assert status not in ("in-progress", "todo") and anna.get(f"{path}/{status}")["name"] == "Review"
    # A change of a task has no parameters: what it is sent is treated as on its own route.
    assert statuses(batch(anna, op("PATCH", f"/v1/tasks/{task['id']}?x=1", {"title": "Y"}))) == [anna.patch(f"/v1/tasks/{task['id']}?x=1", title="X").status]


def test_each_operation_of_a_batch_has_the_result_of_a_request_of_its_own(plan):
    anna, project = plan
    old = anna.task(projectId=project["id"])
    before = len(log_of(anna, project))
    reply = batch(anna, new_task(project, "First"), op("PATCH", f"/v1/tasks/{old['id']}", {"title": "Renamed"}, ifMatch=old.etag),
                  op("PATCH", f"/v1/tasks/{old['id']}", {"title": "Too late"}, ifMatch=old.etag),
                  op("PATCH", f"/v1/tasks/{old['id']}", {"title": "Later"}, baseRev=1),
                  new_task(project, ""), op("DELETE", f"/v1/tasks/{secrets.token_hex(12)}"),
                  op("POST", f"/v1/tasks/{old['id']}/comments", {"text": "Done?"}), op("PUT", "/v1/tasks"),
                  op("POST", "/v1/nothing"), op("DELETE", f"/v1/tasks/{old['id']}"), new_task(project, "Last"))
    assert statuses(reply) == [201, 200, 412, 412, 422, 404, 201, 405, 404, 204, 201]
    results = reply["results"]
    assert results[0]["location"] == "/v1/tasks/" + results[0]["body"]["id"]
    assert results[1]["body"]["rev"] == 2 and results[9] == {"status": 204, "location": None, "body": None}
    assert results[2]["body"]["current"]["title"] == "Renamed" and results[3]["body"]["conflicts"] == ["title"]
    assert results[4]["body"]["errors"][0]["pointer"] == "/title"
    assert results[10]["body"]["number"] == results[0]["body"]["number"] + 1
    events = log_of(anna, project)[before:]
    assert [e["kind"] for e in events] == ["task.created", "task.updated", "comment.created", "task.deleted", "task.created"]
    assert anna.get(results[10]["location"]).expect(200).json == results[10]["body"]


def test_operations_refer_to_what_earlier_ones_made(plan):
    anna, _ = plan
    reply = batch(anna, op("POST", "/v1/projects", {"name": "$p is a name"}, ref="p"),
                  op("POST", "/v1/projects/$p/labels", {"name": "Urgent"}, ref="label"),
                  op("POST", "/v1/tasks", {"projectId": "$p", "title": "$parent", "labelIds": ["$label"]}, ref="parent"),
                  op("POST", "/v1/tasks", {"projectId": "$p", "title": "Child", "parentId": "$parent",
                                           "relations": [{"kind": "blocks", "taskId": "$parent"}]}, ref="child"),
                  op("POST", "/v1/tasks/$child/checklist", {"text": "One"}, ref="item"),
                  op("PATCH", "/v1/tasks/$child/checklist/$item", {"done": True}),
                  op("PUT", f"/v1/tasks/$child/assignees/{anna.id}"), atomic=True)
    assert statuses(reply) == [201, 201, 201, 201, 201, 200, 200]
    made = [r["body"] for r in reply["results"]]
    assert made[0]["name"] == "$p is a name" and made[2]["title"] == "$parent"
    child = anna.get(made[3]).expect(200)
    assert child["parentId"] == made[2]["id"] and child["relations"] == [{"kind": "blocks", "taskId": made[2]["id"]}]
    assert child["assigneeIds"] == [anna.id] and child["checklist"][0]["done"] and child["projectId"] == made[0]["id"]
    assert made[2]["labelIds"] == [made[1]["labels"][0]["id"]]
    assert child.json == made[6]
    log_of(anna, made[0])


def test_an_operation_that_refers_to_a_failed_one_fails_too(plan):
    anna, project = plan
    before = state(anna, project)
    reply = batch(anna, new_task(project, "", ref="a"), new_task(project, "Child", ref="b") | {"body": {
        "projectId": project["id"], "title": "Child", "parentId": "$a"}}, op("PATCH", "/v1/tasks/$b", {"title": "X"}),
        op("DELETE", "/v1/tasks/$a"))
    assert statuses(reply) == [422, 424, 424, 424]
    assert reply["results"][1]["body"]["type"].endswith("failed-dependency")
    assert state(anna, project) == before


def test_an_atomic_batch_takes_effect_as_a_whole_or_not_at_all(plan, ben):
    anna, project = plan
    task = anna.task(projectId=project["id"])
    anna.share(project, ben)
    inbox = len(ben.items("/v1/notifications"))
    before, key = state(anna, project), secrets.token_hex(8)
    ops = [new_task(project, "One", ref="one"), op("PATCH", f"/v1/tasks/{task['id']}", {"assigneeIds": [ben.id]}),
           op("POST", "/v1/tasks/$one/comments", {"text": f"Look, @{ben.name}"}),
           op("DELETE", f"/v1/tasks/{task['id']}"), op("POST", f"/v1/projects/{project['id']}/labels", {"name": "New"})]
    failing = op("PATCH", f"/v1/tasks/{task['id']}", {"title": "Gone"})
    reply = batch(anna, *ops, failing, new_task(project), key=key, atomic=True).expect(404, "not-found")
    assert reply["op"] == 5
    assert batch(anna, *ops, new_task(project, ""), atomic=True).expect(422, "invalid", {"/title"})["op"] == 5
    stale = op("PATCH", "/v1/tasks/$one", {"title": "X"}, ifMatch='"9"')
    assert batch(anna, *ops, stale, atomic=True).expect(412, "stale")["current"]["title"] == "One"
    assert state(anna, project) == before and len(ben.items("/v1/notifications")) == inbox
    assert statuses(batch(anna, *ops, key=key, atomic=True)) == [201, 200, 201, 204, 201]  # nothing was recorded either
    assert len(log_of(anna, project)) == before[0] + 5
    assert len(ben.items("/v1/notifications")) > inbox


def test_a_repeated_batch_resumes_where_it_stopped(plan):
    anna, project = plan
    key = secrets.token_hex(8)
    first = batch(anna, new_task(project, "One", ref="a"), op("PATCH", "/v1/tasks/$a", {"title": "Two"}), new_task(project, ""), key=key)
    assert statuses(first) == [201, 200, 422]
    before = len(log_of(anna, project))
    again = batch(anna, new_task(project, "One", ref="a"), op("PATCH", "/v1/tasks/$a", {"title": "Two"}), new_task(project, "Three"), key=key)
    assert statuses(again) == [201, 200, 201]
    assert again["results"][:2] == first["results"][:2]
    assert len(log_of(anna, project)) == before + 1
    other = batch(anna, new_task(project, "Another", ref="a"), new_task(project, "New"), key=key)
    assert statuses(other) == [422, 422] and other["results"][0]["body"]["type"].endswith("key-reused")
    for atomic in (False, True):
        replayed = batch(anna, new_task(project, "One", ref="a"), op("PATCH", "/v1/tasks/$a", {"title": "Two"}), key=key, atomic=atomic)
        assert replayed.expect(200)["results"] == first["results"][:2]
    assert len(log_of(anna, project)) == before + 1


def test_an_operation_and_a_request_of_its_own_with_the_same_key_are_one(plan):
    anna, project = plan
    key, later = secrets.token_hex(8), secrets.token_hex(8)
    task = anna.post("/v1/tasks", projectId=project["id"], title="Once", key=key).expect(201)
    reply = batch(anna, new_task(project, "Once", key=key, ref="t"), op("PATCH", "/v1/tasks/$t", {"title": "Twice"}, key=later))
    assert statuses(reply) == [201, 200]
    assert reply["results"][0]["body"] == task.json
    assert anna.patch(task, title="Twice", key=later).expect(200)["rev"] == 2
    assert len([e for e in log_of(anna, project) if e["entityId"] == task["id"]]) == 2


def test_a_later_operation_is_judged_by_the_rights_that_an_earlier_one_left(plan, ben):
    anna, project = plan
    anna.share(project, ben, "admin")
    task = anna.task(projectId=project["id"])
    leave = op("PUT", f"/v1/projects/{project['id']}/members/{ben.id}", {"role": "viewer"})
    change = op("PATCH", f"/v1/tasks/{task['id']}", {"title": "By Ben"})
    assert statuses(batch(ben, change, leave, change)) == [200, 200, 403]
    assert anna.get(task)["rev"] == 2
    assert statuses(batch(ben, change)) == [403]
    anna.share(project, ben, "admin")
    assert batch(ben, change, leave, change, atomic=True).expect(403)["op"] == 2
    assert ben.patch(task, title="Still an admin").expect(200)["rev"] == 3


def test_what_a_batch_erases_is_not_in_its_own_events(plan):
    """A comment that is made and deleted in one transaction."""
    anna, project = plan
    task = anna.task(projectId=project["id"])
    with anna.live([f"project:{project['id']}"]) as feed:
        reply = batch(anna, op("POST", f"/v1/tasks/{task['id']}/comments", {"text": "A secret"}, ref="c"),
                      op("PATCH", "/v1/comments/$c", {"text": "A changed secret"}), op("DELETE", "/v1/comments/$c"), atomic=True)
        assert statuses(reply) == [201, 200, 204]
        live = [feed.expect(f"comment.{what}") for what in ("created", "updated", "deleted")]
        assert "secret" not in json.dumps(live)
    events = [e for e in log_of(anna, project) if e["entityId"] == reply["results"][0]["body"]["id"]]
    assert [e["kind"] for e in events] == ["comment.created", "comment.updated", "comment.deleted"]
    assert "secret" not in json.dumps(events)


def test_a_move_between_projects_is_an_operation_like_others(plan):
    anna, project = plan
    other = anna.project("Elsewhere")
    before = [len(log_of(anna, p)) for p in (project, other)]
    reply = batch(anna, new_task(project, "Wanderer", ref="t"), op("POST", "/v1/tasks/$t/move", {"projectId": other["id"]}),
                  op("PATCH", "/v1/tasks/$t", {"title": "Settled"}), new_task(project), atomic=True)
    assert statuses(reply) == [201, 200, 200, 201]
    assert [len(log_of(anna, p)) for p in (project, other)] == [before[0] + 3, before[1] + 2]


def test_a_hundred_changes_share_few_commits(stack, plan):
    anna, project = plan
    anna.task(projectId=project["id"])
    count = stack.proxy_control("add delay command=commitTransaction ms=1 times=0")
    reply = batch(anna, *(new_task(project, f"Task {n}") for n in range(100)), key=secrets.token_hex(8))
    assert statuses(reply) == [201] * 100
    assert stack.fault_hits(count) < 20
    numbers = [r["body"]["number"] for r in reply["results"]]
    assert numbers == list(range(numbers[0], numbers[0] + 100))
    log_of(anna, project)


def test_api_tokens_reach_in_a_batch_what_they_reach_without(plan):
    anna, project = plan
    other = anna.project("Not bound")

    def with_token(**fields):
        token = anna.post("/v1/api-tokens", name="Script", **fields).expect(201)["token"]
        user = anna.world.anonymous()
        user.token = token
        return user
    ops = [new_task(project), new_task(other), op("POST", "/v1/projects", {"name": "Third"}), op("DELETE", f"/v1/projects/{other['id']}")]
    bound = with_token(scopes=["write"], projectIds=[project["id"]])
    assert statuses(batch(bound, *ops)) == [201, 404, 403, 403]
    assert batch(bound, *ops[:2], atomic=True).expect(404)["op"] == 1
    assert statuses(batch(with_token(scopes=["write"]), *ops)) == [201, 201, 201, 403]
    batch(with_token(scopes=["read"]), *ops).expect(403)


BAD = {
    "no operations": ({"ops": []}, {"/ops"}),
    "101 operations": ({"ops": [op("DELETE", "/v1/tasks/x")] * 101}, {"/ops"}),
    "not a list": ({"ops": {"method": "POST"}}, {"/ops"}),
    "not an object": ({"ops": ["POST /v1/tasks"]}, {"/ops/0"}),
    "nothing in it": ({"ops": [{}]}, {"/ops/0/method", "/ops/0/path"}),
    "unknown members": ({"ops": [op("POST", "/v1/tasks", {"title": "x"}, headers={})], "retry": 1}, {"/ops/0/headers", "/retry"}),
    "atomic is no flag": ({"ops": [op("POST", "/v1/tasks", {"title": "x"})], "atomic": "yes"}, {"/atomic"}),
    "a batch within a batch": ({"ops": [op("POST", "/v1/batch", {"ops": []})]}, {"/ops/0/path"}),
    "the account": ({"ops": [op("PATCH", "/v1/me", {"name": "x"})]}, {"/ops/0/path"}),
    "a log-in": ({"ops": [op("POST", "/v1/sessions", {"login": "x", "password": "y"})]}, {"/ops/0/path"}),
    "a token": ({"ops": [op("POST", "/v1/api-tokens", {"name": "x", "scopes": ["read"]})]}, {"/ops/0/path"}),
    "a read by POST": ({"ops": [op("POST", "/v1/sync", {})]}, {"/ops/0/path"}),
    "a read": ({"ops": [op("GET", "/v1/tasks")]}, {"/ops/0/method"}),
    "another method": ({"ops": [op("TRACE", "/v1/tasks")]}, {"/ops/0/method"}),
    "a method in lower case": ({"ops": [op("post", "/v1/tasks", {"title": "x"})]}, {"/ops/0/method"}),
    "an absolute URL": ({"ops": [op("POST", "http://127.0.0.1/v1/tasks", {"title": "x"})]}, {"/ops/0/path"}),
    "a URL without a scheme": ({"ops": [op("POST", "//127.0.0.1/v1/tasks", {"title": "x"})]}, {"/ops/0/path"}),
    "a query with a space": ({"ops": [op("DELETE", "/v1/projects/x/statuses/todo?moveTo=not done")]}, {"/ops/0/path"}),
    "a query in a query": ({"ops": [op("DELETE", "/v1/projects/x/statuses/todo?moveTo=done?x")]}, {"/ops/0/path"}),
    "a ref to nothing in a query": ({"ops": [op("DELETE", "/v1/projects/x/statuses/todo?moveTo=$a")]}, {"/ops/0/path"}),
    "a fragment": ({"ops": [op("DELETE", "/v1/tasks/x#y")]}, {"/ops/0/path"}),
    "an escaped slash": ({"ops": [op("DELETE", "/v1/tasks%2Fx")]}, {"/ops/0/path"}),
    "a line break": ({"ops": [op("DELETE", "/v1/tasks/x\r\nHost: y")]}, {"/ops/0/path"}),
    "an empty segment": ({"ops": [op("DELETE", "/v1//tasks/x")]}, {"/ops/0/path"}),
    "a long path": ({"ops": [op("DELETE", "/v1/tasks/" + "x" * 300)]}, {"/ops/0/path"}),
    "If-Match and Base-Rev": ({"ops": [op("DELETE", "/v1/tasks/x", ifMatch='"1"', baseRev=1)]}, {"/ops/0/baseRev"}),
    "a revision that is none": ({"ops": [op("DELETE", "/v1/tasks/x", baseRev=0)]}, {"/ops/0/baseRev"}),
    "a ref to a later operation": ({"ops": [op("DELETE", "/v1/tasks/$a"), op("POST", "/v1/tasks", {"title": "x"}, ref="a")]}, {"/ops/0/path"}),
    "a ref to itself": ({"ops": [op("POST", "/v1/tasks", {"title": "x", "parentId": "$a"}, ref="a")]}, {"/ops/0/body/parentId"}),
    "a ref to nothing": ({"ops": [op("POST", "/v1/tasks", {"title": "x", "assigneeIds": ["$who"]})]}, {"/ops/0/body/assigneeIds/0"}),
    "a ref in an item": ({"ops": [op("POST", "/v1/tasks", {"title": "x", "relations": [{"kind": "blocks", "taskId": "$t"}]})]},
                         {"/ops/0/body/relations/0/taskId"}),
    "a ref in part of a segment": ({"ops": [op("POST", "/v1/tasks", {"title": "x"}, ref="a"), op("DELETE", "/v1/tasks/$a.b")]}, {"/ops/1/path"}),
    "an empty ref in a path": ({"ops": [op("DELETE", "/v1/tasks/$")]}, {"/ops/0/path"}),
    "a ref on a change": ({"ops": [op("DELETE", "/v1/tasks/x", ref="a")]}, {"/ops/0/ref"}),
    "a ref with other characters": ({"ops": [op("POST", "/v1/tasks", {"title": "x"}, ref="a/b")]}, {"/ops/0/ref"}),
    "the same ref twice": ({"ops": [op("POST", "/v1/tasks", {"title": "x"}, ref="a")] * 2}, {"/ops/1/ref"}),
    "the same key twice": ({"ops": [op("POST", "/v1/tasks", {"title": "x"}, key="k")] * 2}, {"/ops/1/key"}),
    "a key that another operation has by default": ({"ops": [op("POST", "/v1/tasks", {"title": "x"}, key="outer/1"),
                                                             op("POST", "/v1/tasks", {"title": "x"})]}, {"/ops/1/key"}),
    "a key that is not ASCII": ({"ops": [op("POST", "/v1/tasks", {"title": "x"}, key="schlüssel")]}, {"/ops/0/key"}),
}


@pytest.mark.parametrize("name", BAD)
def test_a_malformed_batch_is_refused_as_a_whole(plan, name):
    anna, _ = plan
    body, pointers = BAD[name]
    tasks = len(anna.items("/v1/tasks"))
    for atomic in (False, True):
        anna.send("POST", "/v1/batch", {"atomic": atomic, **body}, key="outer").expect(422, "invalid", pointers)
    assert len(anna.items("/v1/tasks")) == tasks


def test_a_deep_or_large_batch_is_refused(plan):
    anna, _ = plan
    deep = '{"ops":[{"method":"POST","path":"/v1/tasks","body":' + "[" * 400_000 + "]" * 400_000 + "}]}"
    anna.send("POST", "/v1/batch", raw=deep.encode()).expect(400, "malformed")
    anna.send("POST", "/v1/batch", raw=b'{"ops":[' + b" " * 1_048_576 + b"]}").expect(413, "too-large")
    anna.send("POST", "/v1/batch", raw=b"[]").expect(400, "malformed")
    empty = batch(anna, op("POST", "/v1/tasks"), op("POST", "/v1/tasks", [1]), op("PATCH", f"/v1/projects/{anna.id}", None))
    assert statuses(empty) == [400, 400, 400]


def test_results_are_bounded(plan):
    """The largest task there can be, changed a hundred times: the reply stays small, and nothing is done twice or lost."""
    anna, project = plan
    task = anna.post("/v1/tasks", projectId=project["id"], title="Large", description="\U0001F4DA" * 50_000).expect(201)
    reply = batch(anna, *(op("PATCH", f"/v1/tasks/{task['id']}", {"priority": ["low", "high"][n % 2]}) for n in range(100)))
    codes = statuses(reply)
    assert set(codes) <= {200, 413} and len(reply.body) < 10 * 1_048_576
    assert reply["results"][0]["body"]["priority"] == "low"
    assert anna.get(task)["rev"] == 1 + codes.count(200)


def test_a_limit_in_the_middle_of_an_atomic_batch_undoes_all_of_it(plan, outbox):
    """One address gets at most ADDRESS_INVITATIONS invitations."""
    anna, project = plan
    before, address = state(anna, project), f"{secrets.token_hex(8)}@example.com"
    invite = op("POST", f"/v1/projects/{project['id']}/invitations", {"email": address, "role": "viewer"})
    reply = batch(anna, *[new_task(project), invite] * 12, atomic=True).expect(429, "throttled")
    assert reply["op"] % 2 == 1 and int(reply.headers["retry-after"]) > 0
    assert state(anna, project) == before and outbox.emails(address) == []
    assert anna.items(f"/v1/projects/{project['id']}/invitations") == []


@pytest.mark.parametrize("harm", ["hold command=insert collection=idempotency", "delay command=commitTransaction"])
def test_a_batch_whose_worker_is_killed_takes_effect_once(stack, world, harm):
    """Before or after its commit: the client repeats it with its key."""
    anna = world.user("anna")
    anna.http.strict = False
    project, key = anna.project("Killed"), secrets.token_hex(8)
    before = len(log_of(anna, project))
    ops = [new_task(project, "New", ref="a"), op("PATCH", "/v1/tasks/$a", {"title": "Renamed"})]
    with stack.fault(harm + " ms=60000") as (held,), concurrent.futures.ThreadPoolExecutor(1) as pool:
        lost = pool.submit(lambda: batch(anna, *ops, key=key, atomic=True))
        eventually(lambda: stack.fault_hits(held) > 0, within=20, what="the harm")
        for _ in stack.workers("api"):
            stack.kill_worker("api")
        lost.result()
    reply = until_done(lambda: batch(anna, *ops, key=key, atomic=True))
    assert statuses(reply) == [201, 200]
    assert len(log_of(anna, project)) == before + 2


def test_operations_that_wait_too_long_for_their_project_are_503(stack, world):
    """Regression: none of them had begun when the batch's deadline passed, and the worker crashed."""
    anna = world.user("anna")
    anna.http.strict = False
    project = anna.project("Busy")
    task = anna.task(projectId=project["id"])
    with stack.api_with(API_REQUEST_SECONDS="2", API_PROCESSES="1"):
        with stack.fault("hold command=commitTransaction ms=60000") as (held,), concurrent.futures.ThreadPoolExecutor(1) as pool:
            pool.submit(lambda: anna.patch(task, title="Held"))
            eventually(lambda: stack.fault_hits(held) > 0, what="a commit that is held")
            assert statuses(batch(anna, new_task(project), new_task(project))) == [503, 503]
        until_done(lambda: anna.patch(task, title="Free")).expect(200)
    assert len(anna.items("/v1/tasks", projectId=project["id"])) == 1


# A step of each kind in every part of the transaction; with TASKWIRE_LONG all that mongo-proxy can do.
FAULTS = [*faults.rows()] if "TASKWIRE_LONG" in os.environ else [
    "cut-before command=update collection=topics", "cut-after command=insert collection=tasks",
    "error command=insert collection=events code=112 labels=TransientTransactionError",
    "error command=insert collection=idempotency code=50", "cut-before command=commitTransaction",
    "cut-after command=commitTransaction", "error command=commitTransaction code=251 labels=TransientTransactionError",
    "error-after command=commitTransaction code=91 labels=RetryableWriteError", "concern command=commitTransaction code=64"]


@pytest.mark.parametrize("atomic", [False, True])
def test_a_repeated_batch_has_one_effect_whatever_fails(stack, world, atomic):
    anna = world.user("anna")
    anna.http.strict = False
    project = anna.project("Faults")
    tasks = [anna.task(projectId=project["id"]) for _ in range(3)]
    for n, fault in enumerate(FAULTS):
        before, key = len(log_of(anna, project)), secrets.token_hex(8)
        ops = [new_task(project, f"New {n}", ref="a"), op("PATCH", "/v1/tasks/$a", {"title": "Renamed"}),
               *(op("PATCH", f"/v1/tasks/{t['id']}", {"title": f"Title {n}"}) for t in tasks)]
        stack.proxy_control("add " + fault)

        def send():
            reply = batch(anna, *ops, key=key, atomic=atomic)
            if reply.status == 200 and 503 in statuses(reply):
                return Reply("POST", "/v1/batch", 503, {"retry-after": "1"}, b"")
            return reply
        reply = until_done(send)
        stack.proxy_control("clear")
        assert statuses(reply) == [201, 200, 200, 200, 200], fault
        events = log_of(anna, project)[before:]
        assert [e["kind"] for e in events] == ["task.created"] + ["task.updated"] * 4, fault
        assert statuses(batch(anna, *ops, key=key, atomic=atomic)) == [201, 200, 200, 200, 200]
        assert len(log_of(anna, project)) == before + 5, fault
