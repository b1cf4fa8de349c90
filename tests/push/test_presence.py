"""Presence across tabs and daemons, and signals."""
import contextlib

import pytest

from client import PROMISED, SOON
from daemons import daemon
from live import Nothing


@pytest.fixture
def shared(anna, ben, project):
    anna.share(project, ben)
    return project


@contextlib.contextmanager
def at(user, topic, world=None):
    if world is not None:
        user = user.log_in()
        user.world = world
    with user.live(follow=[topic]) as feed:
        yield feed


def join(feed, topic, state="online"):
    feed.send(op="presence", topic=topic, state=state, ref="p")
    return people(feed.expect("presence", ref="p"))


def people(message):
    return {u["id"]: u["state"] for u in message["users"]}


def becomes(feed, wanted, within=SOON):
    """Waits until the list is as said; lists on the way there do not matter."""
    seen = []
    while wanted not in seen:
        try:
            seen.append(people(feed.expect("presence", within=within)))
        except AssertionError:
            raise AssertionError(f"wanted {wanted}, saw {seen}") from None


def test_everyone_sees_users_arrive_change_and_leave(anna, ben, shared, topic):
    with at(anna, topic) as here:
        assert join(here, topic) == {anna.id: "online"}
        with at(ben, topic) as other:
            assert join(other, topic) == {anna.id: "online", ben.id: "online"}
            becomes(here, {anna.id: "online", ben.id: "online"})
            other.send(op="presence", topic=topic, state="away")
            becomes(here, {anna.id: "online", ben.id: "away"})
        becomes(here, {anna.id: "online"})


def test_a_user_is_present_while_any_of_two_tabs_is(anna, ben, shared, topic):
    with at(anna, topic) as here, at(ben, topic) as one:
        join(here, topic)
        join(one, topic)
        with at(ben, topic) as two:
            join(two, topic, "away")
            assert join(here, topic) == {anna.id: "online", ben.id: "online"}
            one.send(op="presence", topic=topic, state="away")
            becomes(here, {anna.id: "online", ben.id: "away"})
        one.send(op="presence", topic=topic, state="offline")
        becomes(here, {anna.id: "online"})


def test_presence_works_across_daemons(anna, ben, shared, topic, second_push):
    with at(anna, topic) as here, at(ben, topic, second_push) as there:
        join(here, topic)
        assert join(there, topic) == {anna.id: "online", ben.id: "online"}
        becomes(here, {anna.id: "online", ben.id: "online"})


def test_users_on_a_killed_daemon_disappear(stack, anna, ben, shared, topic, tmp_path_factory):
    """And not before: while the daemon lives, it says so again and again."""
    with contextlib.ExitStack() as daemons:
        one, two = (daemons.enter_context(daemon(stack, tmp_path_factory.mktemp("push"), PUSH_PRESENCE_SECONDS="3")) for _ in range(2))
        with at(anna, topic, one) as here, at(ben, topic, two) as there:
            join(here, topic)
            join(there, topic)
            both = {anna.id: "online", ben.id: "online"}
            becomes(here, both)
            with pytest.raises(Nothing):  # it would be told if it changed
                here.receive(4.0)
            assert join(here, topic) == both
            two.process.kill()
            becomes(here, {anna.id: "online"}, within=30)


def test_users_who_hide_their_presence_are_not_shown(anna, ben, shared, topic):
    ben.patch("/v1/me", presence=False).expect(200)
    with at(anna, topic) as here, at(ben, topic) as unseen:
        join(here, topic)
        assert join(unseen, topic) == {anna.id: "online"}
        assert join(here, topic) == {anna.id: "online"}


def test_turning_presence_off_and_on_takes_effect_at_once(anna, ben, shared, topic, second_push):
    both = {anna.id: "online", ben.id: "online"}
    with at(anna, topic) as here, at(ben, topic) as one, at(ben, topic, second_push) as two, \
            ben.live(follow=["user:me"]) as own:
        join(here, topic)
        join(one, topic)
        assert join(two, topic) == both
        becomes(here, both)
        ben.patch("/v1/me", presence=False, name="Ben the shy").expect(200)
        event = own.expect("user.updated", id=ben.id)
        assert event["changes"] == {"presence": [True, False]} and event["data"] is None
        becomes(here, {anna.id: "online"}, within=PROMISED)
        one.send(op="presence", topic=topic, state="away")
        assert join(here, topic) == {anna.id: "online"}
        ben.patch("/v1/me", presence=False).expect(200)
        ben.patch("/v1/me", name="Ben the bold").expect(200)
        own.silent()
        ben.patch("/v1/me", presence=True).expect(200)
        becomes(here, both, within=PROMISED)
        assert own.expect("user.updated")["changes"] == {"presence": [False, True]}


def test_presence_requires_following_the_topic(anna, ben, topic):
    with ben.live(follow=[]) as feed:
        feed.send(op="presence", topic=topic, state="online", ref=1)
        assert feed.expect("error")["code"] == "not-followed"
    with anna.live(follow=[topic]) as feed:
        feed.send(op="presence", topic=topic, state="<b>", ref=2)
        assert feed.expect("error")["code"] == "bad-field"


def test_a_removed_member_is_no_longer_present(anna, ben, shared, topic):
    with at(anna, topic) as here, at(ben, topic) as other:
        join(here, topic)
        join(other, topic)
        becomes(here, {anna.id: "online", ben.id: "online"})
        anna.delete(f"/v1/projects/{shared['id']}/members/{ben.id}").expect(204)
        becomes(here, {anna.id: "online"})
        other.expect("left")


def test_a_signal_reaches_everyone_but_its_sender(anna, ben, shared, topic, second_push):
    with at(anna, topic) as here, at(anna, topic) as tab, at(ben, topic, second_push) as there:
        here.send(op="signal", topic=topic, typing={"taskId": "x"}, userId="forged", ref=9)
        for feed in (tab, there):
            signal = feed.expect("signal")
            assert signal == {"op": "signal", "topic": topic, "typing": {"taskId": "x"}, "userId": anna.id}
        here.silent()


def test_signals_are_limited_and_require_access(anna, ben, topic):
    with anna.live(follow=[topic]) as here, ben.live(follow=[]) as stranger:
        here.send(op="signal", topic=topic, pad="x" * 2000)
        assert here.expect("error")["code"] == "too-large"
        stranger.send(op="signal", topic=topic)
        assert stranger.expect("error")["code"] == "not-followed"
        for _ in range(40):
            here.send(op="signal", topic=topic, n=1)
        assert here.expect("error")["code"] == "throttled"
        with pytest.raises(Nothing):
            stranger.receive(0.3)
