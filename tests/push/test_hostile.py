"""A socket that sends garbage gets an error frame or a close code, and others are not affected."""
import json

import pytest

from live import BINARY, CLOSE, PING, PONG, TEXT, Closed

NONSENSE = {
    "an unknown op": b'{"op":"fly"}', "no op": b"{}", "an op that is a number": b'{"op":1}',
    "an op that is null": b'{"op":null}',
    "an array": b"[1]", "a string": b'"hello"', "half an object": b'{"op":"ping"',
    "trailing text": b'{"op":"ping"}x',
    "duplicate keys": b'{"op":"ping","op":"pong"}', "NaN": b'{"op":"ping","ref":NaN}', "nothing": b"",
    "a NUL": b'{"op":"pi\x00ng"}', "an escaped NUL": b'{"op":"ping\\u0000"}', "deep nesting": b"[" * 30_000,
    "a server's op": b'{"op":"event","topic":"user:me"}', "follow without topic": b'{"op":"follow"}',
    "a topic that is an operator": b'{"op":"follow","topic":{"$gt":""}}',
    "a long topic": json.dumps({"op": "follow", "topic": "project:" + "a" * 20_000}).encode(),
}


def answer(feed):
    """error, or the code of the close."""
    try:
        while True:
            message = feed.receive()
            if message["op"] == "error":
                assert message["code"] and message["detail"]
                return "error"
    except Closed as closed:
        return closed.code


@pytest.mark.parametrize("name", NONSENSE)
def test_invalid_messages_are_errors(anna, name):
    with anna.live(follow=["user:me"]) as feed, anna.live(follow=["all"]) as witness:
        feed.frame(TEXT, NONSENSE[name])
        assert answer(feed) in ("error", 1007, 1008, 4400)
        task = anna.task("Others do not notice")
        witness.expect("task.created", id=task["id"])


def test_an_error_contains_the_ref(anna):
    with anna.live(follow=[]) as feed:
        feed.send(op="fly", ref="r-1")
        assert feed.expect("error")["ref"] == "r-1"
        feed.send(op="ping", ref={"deep": [1]})
        assert feed.receive()["op"] in ("pong", "error")


def test_a_frame_over_64_kib_is_1009(anna):
    with anna.live(follow=[]) as feed:
        feed.send(op="ping", ref="a", pad="x" * 60_000)
        assert feed.receive()["op"] in ("pong", "error")
        feed.send(op="ping", pad="x" * 70_000)
        feed.expect_close(1009)


def test_a_follow_may_exceed_64_kib_for_its_cursor(anna):
    """The cursor of somebody with 5,000 projects has more than 64 KiB."""
    with anna.live(follow=[]) as feed:
        cursor = feed.follow("all")["cursor"]
        assert feed.follow("all", since=cursor[:8] + "*" + "A" * 110_000)["reason"] == "bad-cursor"
        many = "".join(f"~p{n:024x}.{n}" for n in range(3_500))
        answer = feed.follow("all", since=cursor[:8] + many)
        assert answer["op"] == "following"
        assert feed.expect("left")["topic"] == f"project:{0:024x}"
    with anna.live(follow=[]) as feed:
        feed.send(op="follow", topic="all", since="x" * 140_000)
        feed.expect_close(1009)


def test_a_message_over_64_kib_in_small_frames_is_1009(anna):
    with anna.live(follow=[]) as feed:
        try:
            feed.frame(TEXT, b'{"op":"ping","pad":"', fin=False)
            for _ in range(20):
                feed.frame(0, b"x" * 8000, fin=False)
        except OSError:
            pass
        feed.expect_close(1009)


def test_a_frame_with_an_absurd_length_closes_the_socket(anna):
    with anna.live(follow=[]) as feed:
        try:
            feed.sock.sendall(b"\x81\xff" + b"\x3f" + b"\xff" * 7 + b"abcd" + b"x" * 70_000)
        except OSError:
            pass
        feed.expect_close(1009)


def test_binary_frames_are_refused(anna):
    with anna.live(follow=[]) as feed:
        feed.frame(BINARY, b'{"op":"ping"}')
        assert answer(feed) in ("error", 1003)


def test_invalid_utf8_is_1007(anna):
    with anna.live(follow=[]) as feed:
        feed.frame(TEXT, b'{"op":"\xff\xfe"}')
        assert answer(feed) in ("error", 1007)


def test_fragments_make_one_message(anna):
    with anna.live(follow=[]) as feed:
        feed.frame(TEXT, b'{"op":', fin=False)
        feed.frame(PING, b"between")
        assert feed.read()[0] == PONG
        feed.frame(0, b'"ping",', fin=False)
        feed.frame(0, b'"ref":"whole"}')
        assert feed.receive() == {"op": "pong", "ref": "whole"}


def breaks_protocol(feed, *frames):
    try:
        for options in frames:
            feed.frame(**options)
    except OSError:
        pass
    try:
        while True:
            feed.receive()
    except Closed as closed:
        return closed.code


@pytest.mark.parametrize("frames", [
    [{"opcode": TEXT, "payload": b"{}", "rsv": 4}], [{"opcode": 3, "payload": b"x"}], [{"opcode": 11}],
    [{"opcode": PING, "payload": b"x" * 126}], [{"opcode": PING, "fin": False}],
    [{"opcode": 0, "payload": b"x"}],
    [{"opcode": TEXT, "payload": b"{", "fin": False}, {"opcode": TEXT, "payload": b"}"}],
    [{"opcode": CLOSE, "payload": b"\x03"}],
],
    ids=["reserved bits", "reserved opcode", "reserved control", "long ping", "ping in pieces",
         "continuation of nothing",
        "text inside text", "close of one byte"])
def test_broken_framing_closes_the_socket(anna, frames):
    with anna.live(follow=[]) as feed:
        assert breaks_protocol(feed, *frames) in (1002, 1005, 1006, 1007)


def test_a_close_is_answered(anna):
    with anna.live(follow=[]) as feed:
        feed.frame(CLOSE, b"\x03\xe8bye")
        feed.expect_close(1000)


def test_a_socket_that_sends_too_much_is_closed(anna):
    with anna.live(follow=[]) as feed:
        try:
            for n in range(20_000):
                feed.send(op="ping", ref=n)
        except OSError:
            pass
        try:
            for _ in range(20_000):
                feed.receive()
        except Closed as closed:
            assert closed.code in (4429, 1006)
        else:
            pytest.fail("20,000 pings in a row were all answered")


def test_many_short_connections_leave_nothing_behind(anna):
    for _ in range(200):
        anna.live(follow=["user:me"]).close()
    task = anna.task("Here")
    with anna.live(follow=["all"]) as feed:
        anna.patch(task, title="Still").expect(200)
        feed.expect("task.updated", id=task["id"])
