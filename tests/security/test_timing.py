"""Known and unknown accounts cannot be distinguished: same status, same body, same time.

The limit: means of 200 attempts each differ by at most 5 %.  Attempts are interleaved in random
order, so that load affects both alike.  Means are taken of the middle half: the rest are pauses of the machine.
"""
import random
import secrets
import statistics
import time

import pytest
from client import PASSWORD, fresh_account
from test_foreign_ids import visible

TRIES, BOUND = 200, 0.05
PEOPLE = TRIES // 10  # so that no account fails often enough to wait (ACCOUNT_FAILURES), or gets too many emails


def middle_mean(seconds):
    """Of the middle half."""
    quarter = len(seconds) // 4
    return statistics.fmean(sorted(seconds)[quarter:-quarter])


def compare(ask, known, unknown, seconds):
    """Adds the times of 200 tries each to `seconds`: how much longer a known one takes, as a share.  Every answer
    must be the same."""
    answers = set()
    tries = [(side, n) for n in range(TRIES) for side in (True, False)]
    # Not in pairs: what is left to do for a known one falls on the next try, which must be of either side alike.
    random.shuffle(tries)
    for side, n in tries:
        login = (known if side else unknown)[n % PEOPLE]
        start = time.perf_counter()
        reply = ask(login)
        seconds[side].append(time.perf_counter() - start)
        answers.add(visible(reply))
    assert len(answers) == 1, answers
    return middle_mean(seconds[True]) / middle_mean(seconds[False]) - 1


def people(world, of):
    """Addresses or numbers of people there are, and of nobody."""
    return [getattr(world.user("timed"), of) for _ in range(PEOPLE)], [fresh_account()[of] for _ in range(PEOPLE)]


def bounded(world, ask, of="email"):
    """When 200 tries are over the bound, up to 2000 decide: noise shrinks, what is real stays."""
    nobody, seconds, seen = world.anonymous(), {True: [], False: []}, []
    for _ in range(10):
        seen.append(compare(lambda login: ask(nobody, login), *people(world, of), seconds))
        if abs(seen[-1]) <= BOUND:
            return
    pytest.fail(f"a known account takes {', '.join(f'{share:+.1%}' for share in seen)} longer than an unknown one")


def without_counts(reply):
    for header in [h for h in reply.headers if h.startswith("ratelimit")]:
        del reply.headers[header]
    return reply


@pytest.mark.timeout(180)
@pytest.mark.parametrize("of", ["email", "phone"])
def test_a_wrong_password_takes_as_long_as_an_unknown_account(world, of):
    bounded(world, lambda nobody, login: without_counts(
        nobody.post("/v1/sessions", login=login, password="not the right one").expect(401, "bad-credentials")), of)


@pytest.mark.timeout(180)
def test_asking_for_a_reset_takes_the_same_time_for_unknown_accounts(world):
    bounded(world, lambda nobody, login: without_counts(
        nobody.post("/v1/password-resets", email=login).expect(202)))


@pytest.mark.parametrize("login", ["phone", "case", "spaces"])
def test_other_spellings_reveal_nothing(world, anna, login):
    """A number, another case, spaces around: the answer to a wrong password is one and the same."""
    spelled = {"phone": anna.phone, "case": anna.email.upper(), "spaces": f" {anna.email} "}[login]
    nobody = world.anonymous()
    known = nobody.post("/v1/sessions", login=spelled, password="not the right one")
    unknown = nobody.post("/v1/sessions", login="x" + spelled, password="not the right one")
    assert visible(without_counts(known)) == visible(without_counts(unknown))


def test_a_closed_account_looks_like_an_unknown_one(world, anna):
    anna.send("DELETE", "/v1/me", {"password": PASSWORD}).expect(204)
    nobody = world.anonymous()
    closed = nobody.post("/v1/sessions", login=anna.email, password="not the right one").expect(401)
    unknown = nobody.post("/v1/sessions", login="x" + anna.email, password="not the right one").expect(401)
    assert visible(without_counts(closed)) == visible(without_counts(unknown))


def test_known_and_unknown_email_tokens_take_the_same_time(world):
    """Each wrong secret gets the same words, whatever is wrong with it."""
    nobody = world.anonymous()
    answers = {visible(without_counts(nobody.put("/v1/password-resets", token=t, password="an altogether new one")))
               for t in ("x" * 43, "y" * 43, "0" * 24 + "." + "z" * 43, "short")}
    assert len(answers) == 1, answers


def test_adding_a_stranger_costs_as_much_as_adding_nobody(stack, world, anna, ben):
    """Regression: only for an id that somebody has was there a transaction, so the refusal took twice as long."""
    project, taken = anna.project(), []
    for who in (ben.id, secrets.token_hex(12)):
        with stack.fault("hold command=update collection=topics ms=1") as (numbers,):
            anna.put(f"/v1/projects/{project['id']}/members/{who}", role="viewer").expect(404)
            taken.append(stack.fault_hits(numbers))
    assert taken[0] == taken[1] > 0, taken
