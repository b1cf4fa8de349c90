"""A file passes through a worker in a memory that does not grow with it."""
import hashlib
import http.client
import os
import pathlib
import re
import resource

import pytest
from client import SETTINGS, World
from stack import Stack

MIB = 1 << 20
SIZE = (100 if os.environ.get("TASKWIRE_LONG") else 24) * MIB
ROOM = 16 * MIB  # that the worker may still allocate: the kernel refuses more
WHOLE = 64 * MIB  # the largest resident set that the worker may ever have had


def status(pid, name):
    """A number of /proc/PID/status in bytes."""
    return int(re.search(rf"^{name}:\s+(\d+) kB", pathlib.Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)[1]) * 1024


def blocks():
    block = bytes(range(256)) * 4096
    return (block for _ in range(SIZE // MIB))


@pytest.mark.timeout(300)
def test_a_large_file_passes_in_both_directions_in_bounded_memory():
    settings = {**SETTINGS, "ATTACHMENT_BYTES": str(SIZE), "API_PROCESSES": "1"}
    with Stack(settings=settings) as stack:
        anna = World(stack.url, stack.ws_url).user("anna")
        task = anna.task()
        expected = hashlib.sha256()
        for block in blocks():
            expected.update(block)
        (worker,) = stack.workers("api")
        limit = status(worker, "VmData") + ROOM
        resource.prlimit(worker, resource.RLIMIT_DATA, (limit, limit))
        connection = http.client.HTTPConnection("127.0.0.1", stack.port, timeout=120)
        head = {"Authorization": "Bearer " + anna.token, "Content-Type": "application/octet-stream", "Content-Length": str(SIZE)}
        connection.request("POST", f"/v1/tasks/{task['id']}/attachments?name=large.bin", blocks(), head)
        reply = connection.getresponse()
        assert reply.status == 201, reply.read()
        reply.read()
        made = anna.items(f"/v1/tasks/{task['id']}/attachments")[0]
        assert (made["size"], made["sha256"]) == (SIZE, expected.hexdigest())
        connection.request("GET", f"/v1/attachments/{made['id']}/content", headers=head | {"Content-Length": "0"})
        reply, got = connection.getresponse(), hashlib.sha256()
        while block := reply.read(MIB):
            got.update(block)
        assert got.hexdigest() == expected.hexdigest()
        assert stack.workers("api") == [worker]
        peak = status(worker, "VmHWM")
        print(f"{SIZE // MIB} MiB: the worker's peak is {peak / MIB:.1f} MiB")
        assert peak < WHOLE, peak
