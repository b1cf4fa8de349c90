"""Limits per user, topic and address, and that what the server says is true."""
import contextlib
import socket
import time
import urllib.parse

import live
import pytest
from client import PROMISED, eventually
from daemons import daemon
from flood import flood
from live import Closed

NOBODYS = "project:" + "0" * 24


def topic_of(project):
    return "project:" + project["id"]


@contextlib.contextmanager
def at(other, *users):
    """Their sockets go to that daemon: limits of a user are each daemon's own."""
    before = users[0].world
    for user in users:
        user.world = other
    try:
        yield
    finally:
        for user in users:
            user.world = before


def test_recovered_is_only_true_when_every_missed_event_follows(anna):
    one, other = anna.project("One"), anna.project("Other")
    with anna.live(follow=[]) as feed:
        cursor = feed.follow("all")["cursor"]
    missed = anna.task("Missed", projectId=one["id"])
    with anna.live(follow=[topic_of(one)]) as feed:  # from now on: the event before is not shown
        assert feed.follow("all", since=cursor)["recovered"] is False
    with anna.live(follow=[topic_of(other)]) as feed:  # here nothing was missed
        assert feed.follow("all", since=cursor)["recovered"] is True
        feed.expect("task.created", id=missed["id"])
    with anna.live(follow=[]) as feed:
        feed.follow(topic_of(one), since=cursor)
        assert feed.follow("all", since=cursor)["recovered"] is True
        feed.expect("task.created", id=missed["id"])
        feed.silent()


def test_unfollow_ends_a_topic_even_if_all_follows_it(anna):
    one, other = anna.project("One"), anna.project("Other")
    with anna.live(follow=["all"]) as feed:
        feed.send(op="unfollow", topic=topic_of(one), ref=1)
        feed.expect("unfollowed", topic=topic_of(one), ref=1)
        anna.task("Not shown", projectId=one["id"])
        shown = anna.task("Shown", projectId=other["id"])
        assert feed.expect("task.created")["entityId"] == shown["id"]
        feed.silent()


def unfollow_while_all_is_asked(anna, one, other, since):
    """Neither project may be shown wrongly; False when the answer to `all` was given before the unfollow was read."""
    with anna.live(follow=[]) as feed:
        feed.send(op="follow", topic="all", ref="all", **since)
        feed.send(op="unfollow", topic=topic_of(one), ref=1)
        feed.expect("unfollowed", topic=topic_of(one), ref=1)
        answer = feed.expect("following", topic="all", ref="all")
        assert topic_of(other) in answer["topics"]
        anna.task("Not shown", projectId=one["id"])
        shown = anna.task("Shown", projectId=other["id"])
        feed.expect("task.created", id=shown["id"])
        feed.silent()
        assert not [m for m in feed.waiting if m["op"] == "left"]
        return topic_of(one) not in answer["topics"]


def test_unfollow_ends_a_topic_that_all_is_still_loading(anna):
    one, other = anna.project("One"), anna.project("Other")
    with anna.live(follow=[]) as feed:
        cursor = feed.follow("all")["cursor"]
    for since in ({}, {"since": cursor}):
        assert any(unfollow_while_all_is_asked(anna, one, other, since) for _ in range(10))


def test_unfollow_does_not_echo_unfollowed_names(anna):
    with anna.live(follow=[]) as feed:
        for topic in (NOBODYS, "x" * 40_000, "all", "user:me", ""):
            feed.send(op="unfollow", topic=topic, ref="r")
            answer = feed.expect("error", ref="r")
            assert answer["code"] == "not-followed" and len(str(answer)) < 300


def test_ids_are_case_insensitive(anna):
    project = anna.project("Case")
    upper = "project:" + project["id"].upper()
    with anna.live(follow=[upper]) as feed:
        feed.send(op="presence", topic=upper, state="online", ref="p")
        assert feed.expect("presence", ref="p")["topic"] == topic_of(project)
        feed.send(op="signal", topic=upper)
        feed.send(op="unfollow", topic=upper, ref="u")
        assert feed.expect("unfollowed", ref="u")["topic"] == topic_of(project)


def test_a_ref_is_returned_unchanged_or_not_at_all(anna):
    with anna.live(follow=[]) as feed:
        for ref in (0, -1, 2**53 - 1, 1.5, "\u00e9\"\\/\u2028", ""):
            feed.send(op="ping", ref=ref)
            assert feed.expect("pong") == {"op": "pong", "ref": ref}
        for ref in (2**53, -2**53, 10**30, "x" * 65):
            feed.send(op="ping", ref=ref)
            assert "ref" not in feed.expect("error", code="bad-field")


def test_hidden_users_send_no_signals(anna, ben):
    project = anna.project("Quiet")
    anna.share(project, ben)
    with anna.live(follow=[topic_of(project)]) as feed, ben.live(follow=[topic_of(project)]) as other:
        feed.follow("user:me")
        anna.send("PATCH", "/v1/me", {"presence": False}).expect(200)
        feed.expect("user.updated")
        feed.send(op="signal", topic=topic_of(project), what="typing")
        feed.silent()
        other.send(op="signal", topic=topic_of(project), what="typing")
        feed.expect("signal", userId=ben.id)
        assert not [m for m in other.waiting if m["op"] == "signal"]
        other.silent()


def test_a_users_sockets_share_the_signal_limit(anna, second_push):
    project = anna.project("Loud")
    with at(second_push, anna):
        feeds = [anna.live(follow=[topic_of(project)]) for _ in range(4)]
    for _ in range(10):
        for feed in feeds:
            feed.send(op="signal", topic=topic_of(project))
    refused = 0
    for feed in feeds:
        feed.send(op="ping", ref="end")
        feed.expect("pong", ref="end")
        refused += len([m for m in feed.waiting if m.get("code") == "throttled"])
        feed.close()
    assert refused >= 10, refused


def test_a_users_sockets_share_the_message_limit(anna, ben, second_push):
    """A user over the limit is refused, not disconnected; others notice nothing."""
    anna.project("One")
    with at(second_push, anna, ben):
        feeds, refused = [anna.live(follow=[]) for _ in range(10)], 0
        for n in range(16):
            for feed in feeds:
                feed.send(op="follow", topic="all", ref=n)
        with ben.live(follow=["all"]) as other:
            began = time.monotonic()
            other.silent()
            assert time.monotonic() - began < PROMISED
    for feed in feeds:
        feed.send(op="ping", ref="end")
        feed.expect("pong", ref="end")
        refused += len([m for m in feed.waiting if m.get("code") == "throttled"])
        feed.close()
    assert 0 < refused <= 160 - 80, refused


def test_incomplete_handshakes_have_their_own_limit(stack, tmp_path):
    """An address may have 64 handshakes under way, however many sockets it may have."""
    with daemon(stack, tmp_path) as other:
        parts = urllib.parse.urlsplit(other.ws_url)
        half = []
        for _ in range(100):
            half.append(socket.create_connection((parts.hostname, parts.port), 5))
            half[-1].sendall(b"GET /v1/live HTTP/1.1\r\n")
            half[-1].setblocking(False)

        def dropped():
            count = 0
            for one in half:
                try:
                    count += one.recv(1) == b""
                except BlockingIOError:
                    pass
                except OSError:
                    count += 1
            return count

        eventually(lambda: dropped() >= 30, what="the end of the handshakes beyond 64")
        for one in half:
            one.close()

        def opens():
            try:
                live.Socket(other.ws_url, origin=other.origin).close()
            except (live.Refused, OSError):
                return False
            return True

        eventually(opens, what="a socket once they are gone")


def test_sockets_that_read_nothing_are_closed(stack, anna, tmp_path):
    project = anna.project("Unread")
    task = anna.task("Long", projectId=project["id"])
    with daemon(stack, tmp_path, PUSH_QUEUE_BYTES="65536") as other:
        with at(other, anna):
            reader = anna.live(follow=[topic_of(project)])
            unread = [anna.live(follow=[topic_of(project)], rcvbuf=2304) for _ in range(8)]
        for n in range(60):
            anna.patch(task, description=str(n % 10) * 7_000).expect(200)
            reader.expect("task.updated")
        for feed in unread:
            with pytest.raises(Closed):  # or Nothing: a socket that read nothing is still open
                while True:
                    feed.receive()
        reader.silent()
        reader.close()


@pytest.mark.parametrize("piece", [b"\x89\x80abcd", b"\x8a\x80abcd", b"\x01\x80abcd" + b"\x00\x80abcd" * 2000],
                         ids=["pings", "pongs", "pieces of a message"])
def test_reads_of_a_socket_are_limited(anna, second_push, piece):
    """The library handles control frames and fragments by itself, so its reads are limited, and the peer waits."""
    with at(second_push, anna):
        feed = anna.live(follow=[])
    feed.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4_096)
    if piece[0] == 1:  # all of it is one message
        feed.frame(live.TEXT, b"", fin=False)
        piece = piece[6:]
    assert flood(feed, piece)[0] < 4_000_000
    feed.sock.close()


def test_a_paused_socket_is_read_again(anna, second_push):
    with at(second_push, anna):
        feed = anna.live(follow=[])
    feed.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4_096)
    sent, rest = flood(feed, b"\x8a\x80abcd")  # pongs that nobody asked for, so they have no answer
    assert sent < 4_000_000
    feed.sock.sendall(rest)
    feed.send(op="ping", ref="after")
    feed.expect("pong", within=20.0, ref="after")
    feed.close()
