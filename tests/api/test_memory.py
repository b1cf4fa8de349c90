"""The memory of a request is limited; reaching the limit fails that request and nothing else."""
import json

import pytest
from client import SETTINGS, World
from stack import Stack

BYTES = 1 << 20  # the least that API_REQUEST_BYTES may be


@pytest.fixture(scope="module")
def small():
    """A system whose requests may use no more memory than one large body."""
    with Stack(settings={**SETTINGS, "API_REQUEST_BYTES": str(BYTES), "API_PROCESSES": "1"}) as running:
        yield running


def large(**fields):
    """A valid body of the maximum size, filled up with white space."""
    return json.dumps(fields).ljust(BYTES).encode()


def test_a_request_that_needs_too_much_memory_is_refused_and_the_worker_survives(small):
    anna = World(small.url, small.ws_url).user("anna")
    task = anna.task("A")
    workers = small.workers("api")
    for key in (None, "once"):
        anna.send("PATCH", task, raw=large(title="B"), key=key).expect(413, "too-much")
        anna.send("POST", f"/v1/tasks/{task['id']}/comments", raw=large(text="B"), key=key).expect(413, "too-much")
    assert anna.get(task).expect(200).json == task.json
    assert anna.get(f"/v1/tasks/{task['id']}/comments").expect(200)["items"] == []
    assert small.workers("api") == workers
