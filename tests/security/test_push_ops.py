"""Each WebSocket op by every kind of sender: the answer, and what others must not receive."""
import pathlib
import re

import pytest
from client import PROMISED
from live import Closed, Live
from matrix import ROLES, STRANGERS, Scene, reader

ROOT = pathlib.Path(__file__).resolve().parents[2]
CALLERS = ("no hello", *STRANGERS, *ROLES, "link")

# op: (what is sent, the answer to those who may not see the project, the answer to its members)
# The reader of a share link gets what a member gets, or `forbidden`.
READERS = ("hello", "token", "follow", "unfollow", "ping")
OPS = {
    "hello": (lambda s, c: {"token": c.token}, "error said-hello", "error said-hello"),
    "token": (lambda s, c: {"token": c.token}, "ready", "ready"),
    "follow": (lambda s, c: {"topic": s.topic}, "error not-found", "following"),
    "unfollow": (lambda s, c: {"topic": s.topic}, "error not-followed", "error not-followed"),
    "presence": (lambda s, c: {"topic": s.topic, "state": "online"}, "error not-followed", "presence"),
    "signal": (lambda s, c: {"topic": s.topic, "typing": True}, "error not-followed", None),
    "ping": (lambda s, c: {}, "pong", "pong"),
}


def ask(feed, op, **fields):
    """The answer to one message: its op, or `error code`; None when there is none."""
    feed.send(op=op, ref="asked", **fields)
    feed.send(op="ping", ref="after")
    found, passed = None, False
    late = op in ("follow", "presence")  # these look into a store first
    while found is None and not (passed and not late) or not passed:
        message = feed.receive()
        passed = passed or message.get("ref") == "after"
        if message.get("ref") == "asked":
            found = message
    return found and (f"error {found['code']}" if found["op"] == "error" else found["op"])


def test_every_op_is_covered():
    source = (ROOT / "push" / "base" / "wire.c").read_text()
    table = source[source.index("ops[WIRE_OP__COUNT] = {"):]
    ops = re.findall(r"\[WIRE_[A-Z]+\]\s*=\s*\{\"([a-z]+)\"", table[:table.index("};")])
    assert sorted(ops) == sorted(OPS), "write a row for every op of push/base/wire.c"


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("op", OPS)
def test_each_op_is_allowed_for_the_right_users(world, cast, op, caller):
    scene = Scene(cast, caller if caller in (*ROLES, *STRANGERS) else "stranger").settle()
    scene.topic = "project:" + scene.project_id
    fields, outside, inside = OPS[op]
    who = reader(scene) if caller == "link" else scene.caller
    with scene.host.live(follow=[scene.topic]) as witness, \
            Live(world.ws_url, origin=world.origin) as feed:
        if op == "presence":  # seen by those who are there themselves
            assert ask(witness, "presence", topic=scene.topic, state="online") == "presence"
        if caller == "no hello":
            answer = "ready" if op == "hello" else "pong" if op == "ping" else "error no-hello"
            feed.send(op=op, ref="asked", **fields(scene, scene.caller))
            message = feed.expect(answer.split()[0], ref="asked")
            assert message.get("code", "no-hello") == "no-hello"
            witness.silent()
            return
        feed.hello(who.token)
        if caller in (*ROLES, "link") and op in ("presence", "signal"):
            assert feed.follow(scene.topic)["op"] == "following"
        wanted = inside if caller in ROLES or (caller == "link" and op in READERS) else outside
        assert ask(feed, op, **fields(scene, who)) == ("error forbidden" if caller == "link" and op not in READERS else wanted)
        if caller in ROLES and op in ("presence", "signal"):
            witness.expect(op)
        elif op == "presence":
            hears_only_of_itself(witness, scene.host)
        else:
            witness.silent()


def hears_only_of_itself(witness, user):
    """Of its own arrival it may hear twice: as the answer, and from Redis."""
    witness.send(op="ping", ref="end")
    while (message := witness.receive()).get("ref") != "end":
        assert message["op"] == "presence" and [u["id"] for u in message["users"]] == [user.id], message


@pytest.mark.parametrize("caller", STRANGERS)
@pytest.mark.parametrize("topic", ["user", "project", "everyone", "user:$ne", "project:*", "tw:*", "*", ""])
def test_foreign_topics_cannot_be_used(world, cast, caller, topic):
    scene = Scene(cast, caller).settle()
    name = {"user": "user:" + scene.host.id, "project": "project:" + scene.project_id}.get(topic, topic)
    with scene.caller.live(follow=[]) as feed:
        for op in ("follow", "presence", "signal"):
            assert ask(feed, op, topic=name).startswith("error"), (op, name)
        scene.host.task("Unseen", projectId=scene.project_id)
        feed.silent()


@pytest.mark.parametrize("op", ["follow", "presence", "signal"])
def test_a_member_removed_during_a_conversation_is_cut_off(cast, op):
    """The socket stays open, the topic is gone, and every op on it is treated like a stranger's."""
    scene = Scene(cast, "removed")
    topic = "project:" + scene.project_id
    with scene.caller.live(follow=[topic]) as feed:
        scene.settle()
        feed.expect("left", within=PROMISED)
        assert ask(feed, op, topic=topic).startswith("error")


def test_an_ended_session_can_send_nothing_more(world, cast):
    scene = Scene(cast, "owner")
    other = scene.caller.log_in()
    topic = "project:" + scene.project_id
    with other.live(follow=[topic]) as feed, scene.host.live(follow=[topic]) as witness:
        other.delete("/v1/sessions/current").expect(204)
        feed.expect_close(4401, within=PROMISED)
        with pytest.raises((Closed, OSError)):
            feed.send(op="signal", topic=topic)
            feed.receive()
        witness.silent()
