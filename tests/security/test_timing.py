"""What somebody with a stop-watch learns about accounts: nothing.

Tries at the known and the unknown take turns, so that the machine's own moods meet both alike.  The
means of 200 each may differ by 5 %; noise is given three chances, a difference would use them all.
"""
import gc
import itertools
import statistics
import time

import pytest
from client import SETTINGS, World, fresh_account
from stack import Stack

TRIES = 200
MOST = 0.05


@pytest.fixture(scope="module")
def lenient():
    """A system that never makes anybody wait, and whose passwords cost about what others' work does."""
    settings = {**SETTINGS, "PASSWORD_COST": "12", "ACCOUNT_FAILURES": "1000000"}
    with Stack(settings=settings) as stack:
        yield World(stack.url, stack.ws_url)


def seconds(send):
    start = time.perf_counter()
    send()
    return time.perf_counter() - start


def difference(known, unknown):
    """Of the means, as a part of the smaller; each is called with the number of its try."""
    times = [], []
    for send in (known, unknown):
        send(-1)
    gc.disable()
    try:
        for n in range(TRIES):
            for kind, send in sorted(enumerate((known, unknown)), reverse=n % 2 == 0):
                times[kind].append(seconds(lambda: send(n)))
    finally:
        gc.enable()
    means = [statistics.fmean(t) for t in times]
    print(f"means {means[0] * 1000:.2f} and {means[1] * 1000:.2f} ms")
    return abs(means[0] - means[1]) / min(means)


def expect_alike(known, unknown):
    seen = []
    for _ in range(3):
        seen.append(difference(known, unknown))
        if seen[-1] <= MOST:
            return
    raise AssertionError(f"the means differ by {', '.join(f'{d:.1%}' for d in seen)}")


@pytest.mark.timeout(180)
@pytest.mark.parametrize("login", ["email", "phone"])
def test_logging_in(lenient, login):
    anna, nobody = lenient.user(), fresh_account()
    browser = lenient.anonymous()

    def log_in(value):
        return lambda n: browser.post("/v1/sessions", login=value, password=f"not the password {n}").expect(401)
    expect_alike(log_in(getattr(anna, login)), log_in(nobody[login]))


@pytest.mark.timeout(180)
def test_asking_for_a_new_password(lenient):
    """Each try for another account, since one gets no more than ten letters."""
    people = [lenient.user().email for _ in range(TRIES // 8 + 1)]
    browser, turns = lenient.anonymous(), itertools.count()

    def ask(email):
        return browser.post("/v1/password-resets", email=email).expect(202)
    expect_alike(lambda n: ask(people[next(turns) % len(people)]), lambda n: ask(fresh_account()["email"]))
