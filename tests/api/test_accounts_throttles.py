"""Limits on wrong passwords per account and on requests per address, with Redis and without."""
import threading
import time

import pytest
from client import PASSWORD, SETTINGS, World
from stack import Stack

FREE = 3


@pytest.fixture(scope="module")
def strict():
    """A system that allows three failures, with two workers and two api programs."""
    with Stack(api=2, settings={**SETTINGS, "ACCOUNT_FAILURES": str(FREE)}) as stack:
        yield stack


@pytest.fixture(scope="module")
def people(strict):
    return World(strict.url, strict.ws_url)


def log_in(world, login, password="not it at all"):
    return world.anonymous().post("/v1/sessions", login=login, password=password)


def fail(world, login, times=FREE):
    for _ in range(times):
        log_in(world, login).expect(401, "bad-credentials")


def wait_for(reply):
    reply.expect(429, "throttled")
    seconds = int(reply.headers["retry-after"])
    assert int(reply.headers["ratelimit-reset"]) == seconds and reply.headers["ratelimit-remaining"] == "0"
    return seconds


def quickly(people, send, prepare=None):
    """What `send` returns for a new user with FREE failures.  It starts the first wait, which takes a second, so with
    another user if the machine takes longer for it."""
    while True:
        anna = people.user()
        prepare(anna) if prepare else fail(people, anna.email)
        began = time.monotonic()
        result = send(anna)
        if time.monotonic() - began < 1:
            return anna, result


@pytest.mark.parametrize("known", [True, False], ids=["known", "unknown"])
def test_each_failed_login_makes_the_next_wait_longer(people, known):
    login = people.user().email if known else "nobody.throttled@example.com"
    fail(people, login)
    failed = 0
    for _ in range(2):
        reply = log_in(people, login)
        while reply.status == 401:  # starts a wait; more than one if the machine then takes as long as that
            failed, began = failed + 1, time.monotonic()
            reply = log_in(people, login)
        seconds, longest = wait_for(reply), 2 ** (failed - 1)
        assert longest - (time.monotonic() - began) <= seconds <= longest
        time.sleep(seconds + 0.1)
    assert failed > 1


def test_the_right_password_also_has_to_wait_and_resets_the_count(people):
    def right_after_wrong(anna):
        log_in(people, anna.email).expect(401)
        return log_in(people, anna.email, PASSWORD)
    anna, reply = quickly(people, right_after_wrong)
    time.sleep(wait_for(reply) + 0.1)
    log_in(people, anna.email, PASSWORD).expect(201)
    fail(people, anna.email)
    log_in(people, anna.email, PASSWORD).expect(201)


def test_spelling_the_login_differently_gives_no_extra_attempts(people):
    def fail_in_each_spelling(anna):
        for login in (anna.email.upper(), anna.email.title(), anna.email):
            log_in(people, login).expect(401)

    def fail_once_more(anna):
        log_in(people, anna.email).expect(401)
        return log_in(people, anna.email.upper())
    wait_for(quickly(people, fail_once_more, fail_in_each_spelling)[1])


def wrong_log_ins_at_once(people, email, count):
    """As many attempts at the same time, after the last that starts no wait: one is made, and another for each wait that ends
    meanwhile; the waits are of 1, 2, 4 and so on seconds."""
    replies, began = [], time.monotonic()
    threads = [threading.Thread(target=lambda: replies.append(log_in(people, email).status)) for _ in range(count)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    seconds, made = time.monotonic() - began, replies.count(401)
    assert 1 <= made <= 1 + sum(seconds >= 2 ** n - 1 for n in range(1, 6)) and replies.count(429) == count - made, (seconds, replies)


def test_concurrent_logins_get_no_extra_attempts(people):
    """After three failures, one attempt is allowed per wait, however many come at the same time."""
    anna = people.user()
    fail(people, anna.email)
    wrong_log_ins_at_once(people, anna.email, 16)


def test_failures_on_one_account_do_not_affect_another(people):
    anna, ben = people.user(), people.user("ben")
    fail(people, anna.email, FREE + 1)
    log_in(people, ben.email, PASSWORD).expect(201)
    anna.get("/v1/me").expect(200)


def test_guessing_through_the_password_change_is_throttled(people):
    def guess(anna, times=FREE):
        for _ in range(times):
            anna.post("/v1/me/password", currentPassword="not it at all", newPassword="an altogether new one").expect(422)

    def guess_once_more(anna):
        guess(anna, 1)
        return (anna.post("/v1/me/password", currentPassword=PASSWORD, newPassword="an altogether new one"),
                anna.send("DELETE", "/v1/me", {"password": PASSWORD}))
    for reply in quickly(people, guess_once_more, guess)[1]:
        wait_for(reply)


def test_without_redis_failures_are_counted_in_the_database(strict, people):
    def fail_once_more(anna):
        log_in(people, anna.email).expect(401)
        return log_in(people, anna.email)
    with strict.without("redis"):
        anna, reply = quickly(people, fail_once_more)
        time.sleep(wait_for(reply) + 0.1)
        log_in(people, anna.email, PASSWORD).expect(201)
        fail(people, anna.email)
        wrong_log_ins_at_once(people, anna.email, 8)


def test_reset_emails_beyond_the_limit_are_silently_dropped(people, strict):
    from outbox import Outbox
    anna = people.user()
    for _ in range(13):
        people.anonymous().post("/v1/password-resets", email=anna.email).expect(202)
    outbox = Outbox(strict.data / "outbox")
    outbox.email(anna.email, "Choose a new password", count=10)


def test_requests_from_one_ip_address_are_limited():
    with Stack(settings={**SETTINGS, "ADDRESS_LOGINS": "8"}) as stack:
        world = World(stack.url, stack.ws_url)
        for left in range(7, -1, -1):
            reply = log_in(world, f"nobody{left}@example.com").expect(401)
            assert (reply.headers["ratelimit-limit"], reply.headers["ratelimit-remaining"]) == ("8", str(left))
            assert 0 < int(reply.headers["ratelimit-reset"]) <= 60
        assert 0 < wait_for(log_in(world, "nobody@example.com")) <= 60
        world.anonymous().post("/v1/password-resets", email="nobody@example.com").expect(429)
        world.anonymous().get("/v1/health").expect(200)
