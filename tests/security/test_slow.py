"""Deliberately slow clients, and bodies that are too large."""
import contextlib
import http.client
import resource
import selectors
import socket
import threading
import time
import urllib.parse

import bson
import pymongo
import pytest
from client import SETTINGS, SOON, World, eventually
from latency import p99
from stack import Stack

SLOW = 1000
ASKED = 300


@pytest.fixture(scope="module")
def own():
    with Stack(settings=SETTINGS) as stack:
        yield World(stack.url, stack.ws_url)


@contextlib.contextmanager
def half_open(world, count):
    """That many requests that never end: a byte every second, half of them in the headers, half in the body."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, count + 1000), hard))
    parts = urllib.parse.urlsplit(world.url)
    stop, sockets = threading.Event(), []
    for n in range(count):
        s = socket.create_connection((parts.hostname, parts.port), timeout=10)
        head = b"POST /v1/sessions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        s.sendall(head if n % 2 else head + b"Content-Length: 1000\r\n\r\n{")
        s.setblocking(False)
        sockets.append(s)

    def drip():
        while not stop.wait(1.0):
            for s in sockets:
                with contextlib.suppress(OSError):
                    s.send(b"x")
    thread = threading.Thread(target=drip, daemon=True)
    thread.start()
    try:
        yield sockets
    finally:
        stop.set()
        thread.join()
        for s in sockets:
            s.close()


def closed(sockets):
    """How many the server has closed, with or without a response."""
    with selectors.DefaultSelector() as chosen:
        for s in sockets:
            chosen.register(s, selectors.EVENT_READ)
        return len(chosen.select(0))


@pytest.mark.timeout(120)
def test_a_thousand_half_open_requests_do_not_slow_the_others(own):
    """The best pair counts, because the machine may be busy: real harm is in all."""
    anna = own.user()
    ratios = []
    for _ in range(8):
        before = p99(anna, ASKED)
        with half_open(own, SLOW):
            ratios.append(p99(anna, ASKED) / before)
        if ratios[-1] <= 2:
            return
    raise AssertionError(f"p99 rose to {ratios} times")


@pytest.mark.timeout(60)
def test_half_open_requests_are_closed_soon(own):
    """nginx gives ten seconds for the headers, and ten between two pieces of a body; a slow one is closed only by the limit for all headers."""
    with half_open(own, 40) as sockets:
        headers = sockets[1::2]
        limit = time.monotonic() + 10 + SOON
        while closed(headers) < len(headers):
            assert time.monotonic() < limit, f"{closed(headers)} of {len(headers)} ended"
            time.sleep(0.2)


@pytest.mark.parametrize("size, status", [(1 << 20, {400, 415, 422}), ((1 << 20) + 1, {413}), (50 << 20, {413})])
@pytest.mark.parametrize("path", ["/v1/users", "/v1/sessions", "/v1/tasks"])
def test_a_body_over_the_limit_is_413(own, path, size, status):
    anna = own.user()
    parts = urllib.parse.urlsplit(own.url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=20)
    connection.putrequest("POST", path)
    for name, value in (("Content-Type", "application/json"), ("Content-Length", str(size)),
                        ("Authorization", "Bearer " + anna.token)):
        connection.putheader(name, value)
    connection.endheaders()
    with contextlib.suppress(ConnectionError):  # it may hang up before it has read all
        connection.send(b" " * min(size, 2 << 20))
    reply = connection.getresponse()
    assert reply.status in status
    assert reply.headers["content-type"].startswith("application/problem+json")
    connection.close()


def test_a_body_longer_than_declared_is_not_a_second_request(own):
    """Bytes after the body are at most the next request of that connection, never of another one."""
    parts = urllib.parse.urlsplit(own.url)
    with socket.create_connection((parts.hostname, parts.port), timeout=10) as s:
        s.sendall(b"POST /v1/sessions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\n"
                  b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /v1/me HTTP/1.1\r\nHost: x\r\n\r\n")
        assert s.recv(65536).split(b" ")[1] == b"400"


@pytest.fixture(scope="module")
def few_threads():
    with Stack(settings={**SETTINGS, "API_PROCESSES": "1", "API_THREADS": "4"}, proxy=True) as stack:
        yield stack


CLIENTS, REQUESTS = 40, 240


def test_no_connection_waits_while_others_are_served_again_and_again(few_threads):
    """Regression: threads that were busy accepted a new connection only now and then, so most of the clients waited
    while the first ones got one reply after another."""
    world = World(few_threads.url, few_threads.ws_url)
    anna = world.user("anna")
    task = anna.task(projectId=anna.project()["id"])
    parts = urllib.parse.urlsplit(world.url)
    served, lock = [0] * CLIENTS, threading.Lock()

    def ask(number):
        connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=20)
        while sum(served) < REQUESTS:
            connection.request("GET", f"/v1/tasks/{task['id']}", headers={"Authorization": "Bearer " + anna.token})
            assert connection.getresponse().read()
            with lock:
                served[number] += 1
        connection.close()

    with few_threads.fault("delay command=aggregate ms=40 times=0"):
        clients = [threading.Thread(target=ask, args=(n,)) for n in range(CLIENTS)]
        for c in clients:
            c.start()
        for c in clients:
            c.join()
    assert min(served) >= REQUESTS / CLIENTS / 3, served


def test_slow_readers_of_long_responses_leave_threads_for_others(few_threads):
    """Regression: a user who read four snapshots slowly held all four threads, and every other request waited."""
    world = World(few_threads.url, few_threads.ws_url)
    eve, ben = world.user("eve"), world.user("ben")
    project = eve.project()
    task = eve.task(projectId=project["id"], description="x" * 45_000)
    with pymongo.MongoClient(few_threads.mongodb_uri) as client:
        tasks = client[few_threads.mongodb_database].tasks
        like = tasks.find_one({"_id": bson.ObjectId(task["id"])})
        for _ in range(12):  # together more than nginx takes from the API for a slow client
            tasks.insert_many([{**like, "_id": bson.ObjectId()} for _ in range(64)])
    path = f"/v1/projects/{project['id']}/snapshot"
    parts, silent = urllib.parse.urlsplit(world.url), []

    def is_limited():
        """Opens more of them each time: some were refused if eve's own request came before them."""
        for _ in range(4):
            s = socket.socket()
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            s.connect((parts.hostname, parts.port))
            s.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {eve.token}\r\n\r\n".encode())
            silent.append(s)
        return eve.get(path).status == 429

    try:
        eventually(is_limited, within=30, every=0.2, what="eve's limit")
        for _ in range(20):
            ben.get("/v1/me").expect(200)
            eve.get("/v1/me").expect(200)
    finally:
        for s in silent:
            s.close()
    eventually(lambda: eve.get(path).status == 200, within=40, what="the end of the slow responses")
