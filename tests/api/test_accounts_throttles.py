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


@pytest.mark.parametrize("known", [True, False], ids=["known", "unknown"])
def test_each_failed_login_makes_the_next_wait_longer(people, known):
    login = people.user().email if known else "nobody.throttled@example.com"
    fail(people, login)
    for expected in (1, 2):
        log_in(people, login).expect(401)  # the one that starts the wait
        seconds = wait_for(log_in(people, login))
        assert seconds == expected
        time.sleep(seconds + 0.1)


def test_the_right_password_also_has_to_wait_and_resets_the_count(people):
    anna = people.user()
    fail(people, anna.email, FREE + 1)
    seconds = wait_for(log_in(people, anna.email, PASSWORD))
    time.sleep(seconds + 0.1)
    log_in(people, anna.email, PASSWORD).expect(201)
    fail(people, anna.email)
    log_in(people, anna.email, PASSWORD).expect(201)


def test_spelling_the_login_differently_gives_no_extra_attempts(people):
    anna = people.user()
    for login in (anna.email.upper(), anna.email.title(), anna.email, anna.email):
        log_in(people, login).expect(401)
    wait_for(log_in(people, anna.email.upper()))


def wrong_log_ins_at_once(people, email, count):
    """The statuses of as many attempts at the same time, sorted."""
    replies = []
    threads = [threading.Thread(target=lambda: replies.append(log_in(people, email).status)) for _ in range(count)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return sorted(replies)


def test_concurrent_logins_get_no_extra_attempts(people):
    """After three failures, one attempt is allowed per wait, however many come at the same time."""
    anna = people.user()
    fail(people, anna.email)
    assert wrong_log_ins_at_once(people, anna.email, 16) == [401] + [429] * 15


def test_failures_on_one_account_do_not_affect_another(people):
    anna, ben = people.user(), people.user("ben")
    fail(people, anna.email, FREE + 1)
    log_in(people, ben.email, PASSWORD).expect(201)
    anna.get("/v1/me").expect(200)


def test_guessing_through_the_password_change_is_throttled(people):
    anna = people.user()
    for _ in range(FREE + 1):
        anna.post("/v1/me/password", currentPassword="not it at all", newPassword="an altogether new one").expect(422)
    wait_for(anna.post("/v1/me/password", currentPassword=PASSWORD, newPassword="an altogether new one"))
    wait_for(anna.send("DELETE", "/v1/me", {"password": PASSWORD}))


def test_without_redis_failures_are_counted_in_the_database(strict, people):
    anna = people.user()
    with strict.without("redis"):
        fail(people, anna.email)
        log_in(people, anna.email).expect(401)
        seconds = wait_for(log_in(people, anna.email))
        time.sleep(seconds + 0.1)
        log_in(people, anna.email, PASSWORD).expect(201)
        fail(people, anna.email)
        assert wrong_log_ins_at_once(people, anna.email, 8) == [401] + [429] * 7


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
