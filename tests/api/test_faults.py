"""Whatever happens to a command of a change, the change takes effect once and the log has no gap.
mongo-proxy (tests/proxy) causes the faults; each row is one command of a change and one fault."""
import concurrent.futures
import secrets
import threading
import time

import pytest

from client import eventually
from faults import RETRYABLE, TRANSIENT, log_of, rows, until_done

def add_task(anna, project, title, key):
    return anna.post("/v1/tasks", title=title, projectId=project["id"], key=key)


def check_one_effect(anna, project, title, key, reply):
    """Exactly one task and one event, and the key still gives the same reply."""
    again = add_task(anna, project, title, key).expect(201)
    assert again["id"] == reply["id"] and again.headers["idempotency-replayed"] == "true"
    found = anna.get(f"/v1/tasks?projectId={project['id']}&limit=200").expect(200)["items"]
    assert [t["id"] for t in found if t["title"] == title] == [reply["id"]]
    created = [e for e in log_of(anna, project) if e["entityId"] == reply["id"]]
    assert [e["kind"] for e in created] == ["task.created"]


@pytest.fixture(scope="module")
def project(world):
    anna = world.user("anna")
    anna.http.strict = False  # a 503 is an answer here
    project = anna.post("/v1/projects", name="Faults").expect(201)
    add_task(anna, project, "The first", "first").expect(201)
    return anna, project


@pytest.mark.parametrize("fault", rows())
def test_a_change_takes_effect_once(stack, project, fault):
    anna, project = project
    title, key = f"Task {secrets.token_hex(4)}", secrets.token_hex(8)
    with stack.fault(fault):
        began = time.monotonic()
        first = add_task(anna, project, title, key).expect((201, 503))
        assert time.monotonic() - began < 20  # its deadline is 10 s
    reply = until_done(lambda: add_task(anna, project, title, key)).expect(201)
    if first.status == 201:
        assert reply["id"] == first["id"]
    check_one_effect(anna, project, title, key, reply)


def test_changes_that_share_an_email_counter_do_not_block_each_other(stack, world):
    """Regression: two concurrent emails to one address conflicted, so repeating one delayed the other for seconds."""
    anna, slow = world.user("anna"), []
    thread = threading.Thread(target=lambda: slow.append(anna.post("/v1/api-tokens", name="slow", scopes=["read"])))
    with stack.fault("hold command=insert collection=jobs ms=9000") as (number,):  # its deadline is 10 s
        thread.start()
        eventually(lambda: stack.fault_hits(number) == 1, what="a change that has counted its email")
        anna.post("/v1/api-tokens", name="quick", scopes=["read"]).expect(201)
        assert not slow
    thread.join()
    slow[0].expect(201)


@pytest.mark.parametrize("fault", [row for row in rows() if "times=2" in row or "commit" not in row
                                   or "251" in row][::7])
def test_an_update_takes_effect_once(stack, project, fault):
    anna, project = project
    task = add_task(anna, project, "To be changed", secrets.token_hex(8)).expect(201)
    fault = fault.replace("insert collection=tasks", "update collection=tasks")
    key = secrets.token_hex(8)

    def change():
        return anna.patch(task, title="Changed", if_match=task.etag, key=key)
    with stack.fault(fault):
        change().expect((200, 503))
    reply = until_done(change).expect(200)
    assert reply["rev"] == task["rev"] + 1
    assert [e["kind"] for e in log_of(anna, project) if e["entityId"] == task["id"]] == \
        ["task.created", "task.updated"]


def test_a_twin_gets_the_replay_before_a_majority_read_shows_it(stack, project):
    """The record was just committed through another host, and majority reads lag behind."""
    anna, project = project
    title, key = f"Twin {secrets.token_hex(4)}", secrets.token_hex(8)
    first = add_task(anna, project, title, key).expect(201)
    with stack.fault("empty command=find collection=idempotency level=majority times=0"):
        again = add_task(anna, project, title, key).expect(201)
    assert again["id"] == first["id"] and again.headers["idempotency-replayed"] == "true"


@pytest.mark.parametrize("code", [112, 251])
@pytest.mark.parametrize("how", ["log-out", "copied token"])
def test_logging_out_succeeds_despite_a_conflict(stack, world, code, how):
    """The change runs again, and must still know which session it was to end."""
    anna = world.user("anna")
    copied = anna.refresh_token
    if how == "copied token":
        for _ in range(2):
            anna.take(anna.post("/v1/sessions/refresh", refreshToken=anna.refresh_token).expect(200))
    with stack.fault(f"error command=update collection=sessions code={code} labels={TRANSIENT}"):
        if how == "log-out":
            anna.delete("/v1/sessions/current").expect(204)
        else:
            anna.post("/v1/sessions/refresh", refreshToken=copied).expect(401, "bad-credentials")
    anna.get("/v1/me").expect(401)
    anna.post("/v1/sessions/refresh", refreshToken=anna.refresh_token).expect(401, "bad-credentials")


@pytest.mark.parametrize("repeat", [
    lambda anna, task, key: anna.patch(task, title="Changed", if_match=task.etag, key=key),
    lambda anna, task, key: anna.delete(task, key=key),
    lambda anna, task, key: anna.post("/v1/projects/" + task["projectId"] + "/invitations",
                                      email=f"{key}@example.com", key=key),
], ids=["change", "deletion", "invitation"])
def test_a_twin_that_would_be_refused_gets_the_replay(stack, project, repeat):
    """It looked for the record before the other's commit and runs after it: what it finds is its own change."""
    anna, project = project
    task = anna.post("/v1/tasks", title="Twice", projectId=project["id"]).expect(201)
    key = secrets.token_hex(8)
    first = repeat(anna, task, key).expect((200, 201, 204))
    with stack.fault("empty command=find collection=idempotency level=majority times=0"):
        again = repeat(anna, task, key).expect(first.status)
    assert again.json == first.json and again.headers["idempotency-replayed"] == "true"


def test_a_twin_does_not_end_sessions_opened_later(stack, world):
    """Regression: its worker took the new generation for ended, so new logins did not work."""
    anna = world.user("anna")
    key = secrets.token_hex(8)
    anna.delete("/v1/sessions", key=key).expect(204)
    later = anna.log_in()
    with stack.fault("empty command=find collection=idempotency level=majority times=0"):
        again = anna.delete("/v1/sessions", key=key).expect(204)
    assert again.headers["idempotency-replayed"] == "true"
    for _ in range(8):
        later.get("/v1/me").expect(200)


def test_writers_wait_for_a_new_primary(stack, project):
    """Two seconds without a primary, as in an election: no request is refused."""
    anna, project = project
    replies = []

    def write(n):
        replies.append(add_task(anna, project, f"In an election {n}", secrets.token_hex(8)))
    no_primary = (f"error command=update collection=topics code=10107 labels={TRANSIENT} times=0",
                  f"error command=commitTransaction code=10107 labels={RETRYABLE} times=0")
    threads = [threading.Thread(target=write, args=(n,)) for n in range(4)]
    with stack.fault(*no_primary):
        for t in threads:
            t.start()
        time.sleep(2)
        assert replies == []
    for t in threads:
        t.join()
    assert [r.status for r in replies] == [201] * 4
    log_of(anna, project)


def test_reads_wait_for_a_new_primary(stack, anna):
    task = anna.post("/v1/tasks", title="Read me").expect(201)
    with stack.fault("error command=aggregate collection=tasks code=10107 times=4",
                     "error command=find collection=tasks code=10107 times=4"):
        anna.get(task).expect(200)


def test_a_list_that_takes_too_long_is_not_reported_as_a_lost_database(stack, anna):
    """Regression: it said that the database could not be reached."""
    anna.http.strict = False
    with stack.fault("error command=find collection=tasks code=50"):
        refused = anna.get("/v1/tasks").expect(503)
    assert refused["type"] == "/problems/busy"
    anna.get("/v1/tasks").expect(200)


@pytest.mark.timeout(90)
def test_a_request_ends_at_its_deadline_even_if_the_network_drops_everything(stack, project):
    """The database does not answer.  Regression: each wait took 6 s longer."""
    anna, project = project
    task = add_task(anna, project, "Behind a wall", secrets.token_hex(8)).expect(201)
    requests = [lambda: anna.get(task), lambda: anna.get("/v1/tasks", projectId=project["id"]),
                lambda: anna.patch(task, title="Seen?", key=secrets.token_hex(8)),
                lambda: add_task(anna, project, "Lost?", secrets.token_hex(8))]

    def seconds(send):
        began = time.monotonic()
        send().expect(503)
        return time.monotonic() - began
    with stack.api_with(API_REQUEST_SECONDS="2"):
        for what, concerned in (("", requests), (" command=commitTransaction", requests[2:])):
            with stack.fault(f"hold{what} ms=60000 times=0"), concurrent.futures.ThreadPoolExecutor() as pool:
                assert max(pool.map(seconds, concerned)) < 7, what
            until_done(lambda: anna.get(task)).expect(200)
    log_of(anna, project)
