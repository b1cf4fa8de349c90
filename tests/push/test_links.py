"""The sockets of share links: one project, seen but not touched, until the link ends."""
import datetime

import pytest
import tokens
from client import PROMISED, User, eventually
from live import Live


def open_link(world, link, **fields):
    """The access token of the link's reader."""
    return User(world).post("/v1/links/sessions", token=link["token"], **fields).expect(201)["accessToken"]


@pytest.fixture
def link(anna, project):
    return anna.post(project, "/links").expect(201)


@pytest.fixture
def feed(world, link):
    with Live(world.ws_url, origin=world.origin) as feed:
        feed.hello(open_link(world, link))
        yield feed


def links_path(project, link):
    return f"/v1/projects/{project['id']}/links/{link['id']}"


def test_a_reader_follows_the_project_live_and_resumes(world, anna, project, topic, link, feed):
    snapshot = feed.follow(topic)
    assert snapshot["op"] == "following"
    task = anna.task("Seen at once", projectId=project["id"])
    first = feed.expect("task.created", id=task["id"])
    anna.patch(task, title="Later").expect(200)
    feed.expect("task.updated")
    with Live(world.ws_url, origin=world.origin) as again:
        again.hello(open_link(world, link))
        assert again.follow(topic, since=first["cursor"])["recovered"] is True
        assert again.expect("task.updated")["seq"] == first["seq"] + 1


def test_a_reader_can_follow_nothing_else(anna, ben, project, topic, feed):
    other, public = anna.project("Other"), ben.project("Public", access="everyone")
    try:
        for name in ("project:" + other["id"], "project:" + public["id"], "project:" + "f" * 24, "user:me", "user:" + anna.id, "everyone"):
            assert feed.follow(name)["code"] == "not-found", name
        assert feed.follow("all")["code"] == "forbidden"
        assert feed.follow(topic)["op"] == "following"
        anna.task("Unseen", projectId=other["id"])
        ben.task("Unseen", projectId=public["id"])
        feed.silent()
    finally:
        ben.patch(public, access="members").expect(200)


def test_a_reader_is_invisible_and_sees_no_presence_or_signals(anna, topic, feed):
    feed.follow(topic)
    with anna.live(follow=[topic]) as mine, anna.live(follow=[topic]) as other:
        mine.send(op="presence", topic=topic, ref=1)
        assert mine.expect("presence", ref=1)["users"] == [{"id": anna.id, "state": "online"}]
        other.send(op="signal", topic=topic, typing=True)
        mine.expect("signal")
        for message in ({"op": "presence"}, {"op": "signal", "typing": True}):
            feed.send(**message, topic=topic, ref=2)
            assert feed.expect("error", ref=2)["code"] == "forbidden"
        feed.silent()


def test_a_deleted_link_closes_its_sockets_within_a_second(world, anna, project, topic, link, feed):
    feed.follow(topic)
    token = open_link(world, link)
    with Live(world.ws_url, origin=world.origin) as idle, anna.live(follow=[topic]) as mine:
        idle.hello(token)  # follows nothing
        anna.delete(links_path(project, link)).expect(204)
        feed.expect_close(4401, within=PROMISED)
        idle.expect_close(4401, within=PROMISED)
        mine.expect("link.deleted")
    with Live(world.ws_url, origin=world.origin) as late:
        late.send(op="hello", token=token)
        late.expect_close(4401, within=PROMISED)


def test_a_new_password_closes_sockets_and_refuses_older_tokens(world, anna, project, topic, link, feed):
    feed.follow(topic)
    token = open_link(world, link)
    anna.patch(links_path(project, link), password="open sesame").expect(200)
    feed.expect_close(4401, within=PROMISED)
    with Live(world.ws_url, origin=world.origin) as late:
        late.send(op="hello", token=token)
        late.expect_close(4401, within=PROMISED)
    with Live(world.ws_url, origin=world.origin) as fresh:
        fresh.hello(open_link(world, link, password="open sesame"))
        assert fresh.follow(topic)["op"] == "following"
        anna.patch(links_path(project, link), name="Renamed").expect(200)
        fresh.expect("link.updated")


def test_a_session_ends_with_the_links_expiry_unless_it_is_renewed(world, anna, project, topic):
    soon = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=4)
    link = anna.post(project, "/links", expiresAt=soon.isoformat(timespec="milliseconds").replace("+00:00", "Z")).expect(201)
    with Live(world.ws_url, origin=world.origin) as feed:
        feed.hello(open_link(world, link))
        feed.follow(topic)
        feed.expect_close(4401)


def test_a_token_is_renewed_only_by_one_of_the_same_link(world, anna, project, link, feed):
    other = anna.post(project, "/links").expect(201)
    feed.send(op="token", token=open_link(world, link), ref=1)
    feed.expect("ready", ref=1)
    feed.send(op="token", token=open_link(world, other), ref=2)
    feed.expect_close(4401, within=PROMISED)


def test_the_trash_shows_nothing_to_readers(world, anna, project, topic, link, feed):
    feed.follow(topic)
    anna.delete(project).expect(204)
    feed.expect("left", within=PROMISED, topic=topic)
    anna.post(project, "/restore").expect(200)
    eventually(lambda: feed.follow(topic)["op"] == "following")


def test_an_access_token_and_a_links_token_do_not_pass_for_each_other(world, anna, project, link):
    """The kinds are told apart by a signed claim."""
    token = open_link(world, link)
    assert tokens.claims(token)["typ"] == "link" and tokens.claims(anna.token)["typ"] == "access"
    for bad in (tokens.changed(token, typ="access"), tokens.changed(anna.token, typ="link"), link["token"]):
        with Live(world.ws_url, origin=world.origin) as feed:
            feed.send(op="hello", token=bad)
            feed.expect_close(4401, within=PROMISED)
