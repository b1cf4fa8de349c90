"""Long polls: the events path waits for the next change, with the socket's own cursors, and holds no worker."""
import threading
import time

WAITERS = 100  # more than all worker threads together


def head(user, plan):
    return user.get(f"/v1/projects/{plan['id']}/snapshot").expect(200)["cursor"]


def wait(user, plan, since, seconds=20):
    return user.get(f"/v1/projects/{plan['id']}/events", since=since, wait=seconds).expect(200)


def test_a_poll_answers_as_soon_as_there_is_a_change(anna, ben):
    plan = anna.project()
    anna.share(plan, ben)
    since, got = head(ben, plan), []
    poll = threading.Thread(target=lambda: got.append((wait(ben, plan, since), time.monotonic())))
    poll.start()
    poll.join(0.5)
    assert poll.is_alive()
    task = anna.task(projectId=plan["id"])
    written = time.monotonic()
    poll.join(5)
    reply, when = got[0]
    assert [e["entityId"] for e in reply["items"]] == [task["id"]] and reply["resync"] is False
    assert when - written < 1.5


def test_a_poll_with_something_missed_does_not_wait(anna):
    plan = anna.project()
    since = head(anna, plan)
    anna.task(projectId=plan["id"])
    began = time.monotonic()
    assert len(wait(anna, plan, since)["items"]) == 1
    assert time.monotonic() - began < 2


def test_a_poll_that_waits_in_vain_says_so_and_keeps_its_cursor(anna):
    plan = anna.project()
    since = head(anna, plan)
    reply = wait(anna, plan, since, seconds=1)
    assert reply["items"] == [] and reply["nextCursor"] == since and reply["resync"] is False


def test_a_poller_who_is_removed_learns_nothing_more(anna, ben):
    plan = anna.project()
    anna.share(plan, ben)
    since, got = head(ben, plan), []
    poll = threading.Thread(target=lambda: got.append(
        ben.get(f"/v1/projects/{plan['id']}/events", since=since, wait=20)))
    poll.start()
    poll.join(0.3)
    anna.delete(f"/v1/projects/{plan['id']}/members/{ben.id}").expect(204)
    poll.join(5)
    got[0].expect(404)


def test_waiting_is_bounded(anna):
    plan = anna.project()
    for wrong in ("26", "-1", "x", ""):
        anna.get(f"/v1/projects/{plan['id']}/events", wait=wrong).expect(400, "bad-parameter")


def test_more_polls_than_workers_leave_the_others_free(anna):
    plan = anna.project()
    since, got = head(anna, plan), []
    polls = [threading.Thread(target=lambda: got.append(wait(anna, plan, since))) for _ in range(WAITERS)]
    for poll in polls:
        poll.start()
    began = time.monotonic()
    for _ in range(20):
        anna.get("/v1/me").expect(200)
    assert time.monotonic() - began < 5 and not got
    anna.task(projectId=plan["id"])
    for poll in polls:
        poll.join(10)
    assert len(got) == WAITERS and all(len(reply["items"]) == 1 for reply in got)
