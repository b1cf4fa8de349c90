"""A program that is killed during a transaction leaves it open in the database.  The next one aborts it, so that
its topic is free again long before the server's own limit of 60 s."""
import secrets
import threading
import time

import pytest

from client import eventually

FREE = 20  # seconds; a program's start is among them


def until_done(send):
    """Repeats the request after each 503; returns the first other response."""
    began = time.monotonic()
    while True:
        reply = send()
        assert time.monotonic() - began < FREE, reply
        if reply.status not in (502, 503):
            return reply
        time.sleep(0.1)


def test_a_topic_locked_by_a_killed_jobs_process_is_released(stack, world, outbox):
    """It was notifying Ben of an invitation."""
    anna, ben = world.user("anna"), world.user("ben")
    project = anna.project()
    ben.confirm(outbox)
    ben.http.strict = False
    with stack.without("jobs"):
        anna.post(f"/v1/projects/{project['id']}/invitations", email=ben.email, role="member").expect(201)
        held = stack.proxy_control("add hold command=insert collection=events ms=60000")
    try:
        eventually(lambda: stack.fault_hits(held) == 1, within=20, what="the job's event")
        pid = stack.kill("jobs")
        until_done(lambda: ben.post("/v1/projects", name="Mine")).expect(201)
        stack.wait_restarted("jobs", pid)
    finally:
        stack.proxy_control("clear")


def test_a_worker_aborts_transactions_of_lost_connections_without_further_writes(stack, world):
    """The thread that had the transaction may get no other request for a long time."""
    anna = world.user("anna")
    anna.http.strict = False
    project = anna.project()
    with stack.api_with(API_REQUEST_SECONDS="2"):
        with stack.fault("cut-after command=insert collection=events", "error command=abortTransaction code=13 times=0",
                         "error command=killSessions code=13 times=0"):
            anna.post("/v1/tasks", title="Lost", projectId=project["id"]).expect(503)
        with stack.fault("delay command=killSessions ms=1 times=0") as (ended,):
            eventually(lambda: stack.fault_hits(ended) > 0, within=20, what="the end of the transaction")
        until_done(lambda: anna.post("/v1/tasks", title="Free", projectId=project["id"])).expect(201)


@pytest.mark.parametrize("lost", ["its connection", "nothing"])
def test_a_topic_locked_by_a_killed_worker_is_released(stack, world, lost):
    """At first nobody can abort its transaction, and the parent process that should is killed as well."""
    anna = world.user("anna")
    anna.http.strict = False
    project, key = anna.project(), secrets.token_hex(8)

    def add():
        return anna.post("/v1/tasks", title="Held", projectId=project["id"], key=key)
    harm, more = ("cut-after", "") if lost == "its connection" else ("hold", " ms=60000")
    with stack.fault(f"{harm} command=insert collection=events{more}", "error command=abortTransaction code=13 times=0",
                     "error command=killSessions code=13 times=0") as (held, _, refused):
        writer = threading.Thread(target=add)
        writer.start()
        eventually(lambda: stack.fault_hits(held) == 1, within=20, what="the task's event")
        if lost == "its connection":
            eventually(lambda: stack.fault_hits(refused) > 0, within=20, what="the worker's try to end it")
        before, workers = stack.fault_hits(refused), stack.workers("api")
        for _ in workers:
            stack.kill_worker("api")
        eventually(lambda: stack.fault_hits(refused) > before, within=20, what="the parent's try to end it")
        pid = stack.kill("api")
        writer.join()
        stack.wait_restarted("api", pid)
    until_done(add).expect(201)
