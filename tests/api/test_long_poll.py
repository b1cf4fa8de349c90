"""Long polls: the events endpoint waits for the next change, takes the same cursors as the socket, and blocks no thread."""
import socket
import threading
import time
import urllib.parse

from client import PROMISED, SOON, eventually

WAITERS = 100  # more than all worker threads together


def head(user, plan):
    return user.get(f"/v1/projects/{plan['id']}/snapshot").expect(200)["cursor"]


def wait(user, plan, since, seconds=20):
    return user.get(f"/v1/projects/{plan['id']}/events", since=since, wait=seconds).expect(200)


def test_a_poll_returns_as_soon_as_there_is_a_change(anna, ben):
    plan = anna.project()
    anna.share(plan, ben)
    since, got = head(ben, plan), []
    poll = threading.Thread(target=lambda: got.append((wait(ben, plan, since), time.monotonic())))
    poll.start()
    poll.join(0.5)
    assert poll.is_alive()
    task = anna.task(projectId=plan["id"])
    written = time.monotonic()
    poll.join()
    reply, when = got[0]
    assert [e["entityId"] for e in reply["items"]] == [task["id"]] and reply["resync"] is False
    assert when - written < PROMISED


def test_a_poll_with_missed_events_returns_at_once(anna):
    plan = anna.project()
    since = head(anna, plan)
    anna.task(projectId=plan["id"])
    began = time.monotonic()
    assert len(wait(anna, plan, since)["items"]) == 1
    assert time.monotonic() - began < PROMISED


def test_a_poll_that_times_out_returns_an_empty_page_and_its_cursor(anna):
    plan = anna.project()
    since = head(anna, plan)
    reply = wait(anna, plan, since, seconds=1)
    assert reply["items"] == [] and reply["nextCursor"] == since and reply["resync"] is False


def test_a_removed_member_gets_nothing_more_from_a_poll(anna, ben):
    plan = anna.project()
    anna.share(plan, ben)
    since, got = head(ben, plan), []
    poll = threading.Thread(target=lambda: got.append(
        ben.get(f"/v1/projects/{plan['id']}/events", since=since, wait=20)))
    poll.start()
    poll.join(0.3)
    anna.delete(f"/v1/projects/{plan['id']}/members/{ben.id}").expect(204)
    poll.join()
    got[0].expect(404)


def test_the_waiting_time_is_limited(anna):
    plan = anna.project()
    for wrong in ("26", "-1", "x", ""):
        anna.get(f"/v1/projects/{plan['id']}/events", wait=wrong).expect(400, "bad-parameter")


def test_more_polls_than_threads_do_not_block_other_requests(anna):
    plan = anna.project()
    since, got = head(anna, plan), []
    polls = [threading.Thread(target=lambda: got.append(wait(anna, plan, since))) for _ in range(WAITERS)]
    for poll in polls:
        poll.start()
    began = time.monotonic()
    for _ in range(20):
        anna.get("/v1/me").expect(200)
    assert time.monotonic() - began < 15 and not got
    anna.task(projectId=plan["id"])
    for poll in polls:
        poll.join()
    assert len(got) == WAITERS and all(len(reply["items"]) == 1 for reply in got)


def test_closed_and_endless_polls_do_not_use_up_all_places(anna, ben):
    """A user has a limited number of places; a closed connection frees its place at once."""
    plan = anna.project()
    anna.share(plan, ben)
    since, parts = head(anna, plan), urllib.parse.urlsplit(anna.world.url)
    sockets = []
    for _ in range(300):
        sockets.append(socket.create_connection((parts.hostname, parts.port), 5))
        sockets[-1].sendall((f"GET /v1/projects/{plan['id']}/events?since={since}&wait=20 HTTP/1.1\r\n"
                             f"Host: {parts.netloc}\r\nAuthorization: Bearer {anna.token}\r\n\r\n").encode())

    def answered():
        count = 0
        for one in sockets:
            one.setblocking(False)
            try:
                count += len(one.recv(4096, socket.MSG_PEEK)) > 0
            except BlockingIOError:
                pass
        return count

    eventually(lambda: answered() > 0, within=10.0, what="an answer without waiting")
    began = time.monotonic()
    assert wait(ben, plan, since, seconds=1)["items"] == [] and time.monotonic() - began > 0.9
    for one in sockets:
        one.close()
    began = time.monotonic()
    eventually(lambda: waits(anna, plan, since), what="a place for who hung up")
    assert time.monotonic() - began < SOON


def waits(user, plan, since):
    began = time.monotonic()
    wait(user, plan, since, seconds=1)
    return time.monotonic() - began > 0.9
