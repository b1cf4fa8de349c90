"""Emails through a real SMTP relay with TLS and a password, and its failures."""
import collections

import pytest
from client import SETTINGS, World, eventually
from outbox import Relay
from stack import Stack, free_port


@pytest.fixture(scope="module")
def relay(tmp_path_factory):
    relay = Relay(tmp_path_factory.mktemp("relay"), free_port())
    yield relay
    relay.stop()


@pytest.fixture(scope="module")
def mailing(relay):
    """A system that sends emails through the relay."""
    with Stack(settings={**SETTINGS, **relay.settings()}) as stack:
        yield World(stack.url, stack.ws_url)


@pytest.fixture(autouse=True)
def fresh(relay):
    relay.emails.clear()
    relay.mood = "well"


def people(world, relay, count):
    """New users whose registration emails have been sent."""
    here = [world.user() for _ in range(count)]
    expect_one_each(relay, here)
    relay.emails.clear()
    return here


def ask(world, user):
    world.anonymous().post("/v1/password-resets", email=user.email).expect(202)


def expect_one_each(relay, people):
    """Every email arrives exactly once."""
    def counts():
        return collections.Counter(mail.to for mail in relay.emails)
    eventually(lambda: all(counts()[each.email] for each in people), within=20, what="everybody's email")
    assert [counts()[each.email] for each in people] == [1] * len(people)


def test_emails_wait_while_the_relay_is_down(mailing, relay):
    relay.start()
    some = people(mailing, relay, 5)
    relay.stop()
    for each in some:
        ask(mailing, each)
    relay.start()
    expect_one_each(relay, some)
    token = next(mail for mail in relay.emails if mail.to == some[0].email).token
    mailing.anonymous().put("/v1/password-resets", token=token, password="an altogether new one").expect(204)


@pytest.mark.parametrize("mood", ["later", "drop"])
def test_no_email_is_lost_or_duplicated_when_the_relay_fails(mailing, relay, mood):
    some = people(mailing, relay, 3)
    relay.mood, before = mood, relay.tried
    for each in some:
        ask(mailing, each)
    eventually(lambda: relay.tried - before >= 4, within=15, what="a second try")
    assert relay.emails == []
    relay.mood = "well"
    expect_one_each(relay, some)


def test_a_slow_relay_gets_each_email_once(mailing, relay):
    some = people(mailing, relay, 6)
    relay.mood = "slow"
    for each in some:
        ask(mailing, each)
    expect_one_each(relay, some)


def test_an_email_whose_acknowledgement_was_lost_is_sent_again_with_the_same_id(mailing, relay):
    anna, = people(mailing, relay, 1)
    relay.mood = "lost"
    ask(mailing, anna)
    relay.wait(1)
    relay.mood = "well"
    relay.wait(2)
    assert len({mail.id for mail in relay.emails}) == 1


def test_a_permanently_rejected_address_is_not_retried(mailing, relay):
    anna, ben = people(mailing, relay, 2)
    relay.mood, before = "never", relay.tried
    ask(mailing, anna)
    eventually(lambda: relay.tried == before + 1, what="the try")
    relay.mood = "well"
    ask(mailing, ben)
    expect_one_each(relay, [ben])
    assert relay.tried == before + 2


def test_a_relay_with_a_wrong_certificate_gets_no_email(relay):
    """With a wrong or untrusted certificate the email waits, and the log says why."""
    settings = {**SETTINGS, **relay.settings()}
    del settings["SMTP_CA"]
    with Stack(settings=settings) as stack:
        world = World(stack.url, stack.ws_url)
        ask(world, world.user())
        eventually(lambda: "certificate" in stack.logs()["jobs-1"], within=15, what="the complaint")
        assert relay.emails == []
