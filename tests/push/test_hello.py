"""Hello, tokens, origins, and sockets that send nothing."""
import time

import pytest

import tokens
from client import PROMISED
from live import Closed, Live, Refused


@pytest.fixture
def connect(world):
    """Opens sockets that have not said hello, and closes them at the end."""
    opened = []

    def open_one(**options):
        options.setdefault("origin", world.origin)
        opened.append(Live(world.ws_url, **options))
        return opened[-1]

    yield open_one
    for feed in opened:
        feed.close()


def test_hello_is_answered_with_ready(anna, connect):
    feed = connect()
    feed.send(op="hello", token=anna.token, ref="h1")
    ready = feed.expect("ready")
    assert ready["user"] == anna.id or ready["user"]["id"] == anna.id
    assert len(ready["epoch"]) == 8 and ready["heartbeat"] > 0 and ready["ref"] == "h1"
    assert "taskwire.v1" in feed.head


def test_a_token_in_the_handshake_replaces_hello(anna, connect):
    feed = connect(headers={"Authorization": "Bearer " + anna.token})
    feed.expect("ready")
    assert feed.follow("user:me")["op"] == "following"


def test_forged_tokens_are_refused_by_push(anna, connect, signing_keys):
    for wrong, token in tokens.forged(anna.token, signing_keys):
        feed = connect()
        feed.send(op="hello", token=token)
        try:
            feed.expect_close(4401, within=PROMISED)
        except AssertionError as failure:
            raise AssertionError(f"{wrong}: {failure}") from None


@pytest.mark.parametrize("token", [None, 5, {"$gt": ""}, "", []], ids=str)
def test_a_hello_without_a_token_is_refused(connect, token):
    feed = connect()
    feed.send(op="hello", token=token)
    with pytest.raises(Closed) as closed:
        while True:
            assert feed.receive()["op"] == "error"
    assert closed.value.code in (4401, 4408)


def test_a_socket_that_sends_nothing_is_closed(connect):
    connect().expect_close(4408)


def test_a_socket_that_never_sends_hello_is_closed(connect, topic):
    feed = connect()
    feed.send(op="follow", topic=topic, ref="f1")
    assert feed.receive()["op"] == "error"
    feed.expect_close(4408)


def test_another_origin_is_refused(connect):
    for origin in ("https://evil.example", "null", "http://127.0.0.1:1", "http://127.0.0.1.evil.example"):
        with pytest.raises(Refused) as refused:
            connect(origin=origin)
        assert refused.value.status == 403, origin


def test_a_plain_get_is_not_upgraded(world):
    reply = world.anonymous().get("/v1/live")
    assert 400 <= reply.status < 500


@pytest.mark.parametrize("protocol", [None, "chat", "taskwire.v2"])
def test_another_subprotocol_is_refused(connect, protocol):
    with pytest.raises(Refused) as refused:
        connect(protocol=protocol)
    assert refused.value.status in (400, 426)


def test_a_token_can_be_renewed_on_the_socket(anna, connect):
    feed = connect()
    feed.hello(anna.token)
    feed.follow("user:me")
    anna.take(anna.post("/v1/sessions/refresh", refreshToken=anna.refresh_token).expect(200))
    feed.send(op="token", token=anna.token, ref="t1")
    assert feed.expect("ready")["ref"] == "t1"
    feed.send(op="token", token="rubbish", ref="t2")
    feed.expect_close(4401, within=PROMISED)


@pytest.mark.parametrize("scopes", [["read"], ["admin"]], ids=str)
def test_an_api_token_cannot_open_a_socket(anna, connect, scopes):
    token = anna.post("/v1/api-tokens", name="Robot", scopes=scopes).expect(201)["token"]
    feed = connect()
    feed.send(op="hello", token=token)
    feed.expect_close(4403)
    connect(headers={"Authorization": "Bearer " + token}).expect_close(4403)
    with anna.live(follow=["user:me"]) as own:
        own.send(op="token", token=token)
        own.expect_close(4401, within=PROMISED)


def test_each_socket_ends_when_its_token_expires(anna, connect, signing_keys):
    head, body, now = tokens.header(anna.token), tokens.claims(anna.token), int(time.time())
    feeds = {}
    for seconds in (6, 3, 4):
        feeds[seconds] = connect()
        feeds[seconds].hello(tokens.make(head, {**body, "exp": now + seconds}, signing_keys[head["kid"]]))
    renewed = connect()
    renewed.hello(tokens.make(head, {**body, "exp": now + 5}, signing_keys[head["kid"]]))
    renewed.send(op="token", token=anna.token)
    renewed.expect("ready")
    for seconds in sorted(feeds):
        feeds[seconds].expect_close(4401)
        assert now + seconds <= time.time()
    renewed.silent()


def test_another_users_token_cannot_renew_a_socket(anna, ben, connect):
    feed = connect()
    feed.hello(anna.token)
    feed.follow("user:me")
    feed.send(op="token", token=ben.token, ref="t1")
    try:
        assert feed.expect("error")["ref"] == "t1"
    except Closed as closed:
        assert closed.code in (4401, 4403)
        return
    task = anna.task("Still Anna's socket")
    assert feed.follow("project:" + task["projectId"])["op"] == "following"
    assert feed.follow("project:" + ben.task("Ben's")["projectId"])["op"] == "error"
