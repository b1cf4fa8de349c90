"""Rights lost while connected: the stream ends within a second, and no later event leaks."""
import subprocess
import threading

import tokens
from bson import Int64, ObjectId
from client import PROMISED, eventually
from pymongo import MongoClient


def test_a_removed_member_gets_left_and_nothing_after_it(anna, ben, project, topic):
    anna.share(project, ben)
    with ben.live(follow=[topic]) as feed:
        anna.task("Seen", projectId=project["id"])
        feed.expect("task.created")
        anna.delete(f"/v1/projects/{project['id']}/members/{ben.id}").expect(204)
        anna.task("Secret", projectId=project["id"])
        left = feed.expect("left", within=PROMISED, topic=topic)
        assert left["reason"]
        feed.silent()
        assert not any((e["data"] or {}).get("title") == "Secret" for e in feed.events)
        assert feed.follow(topic)["op"] == "error"


def test_no_event_after_a_removal_leaks_while_others_write(anna, ben, project, topic):
    anna.share(project, ben)
    stop = threading.Event()

    def write():
        while not stop.is_set():
            anna.task("Noise", projectId=project["id"])

    writer = threading.Thread(target=write)
    with ben.live(follow=[topic]) as feed:
        writer.start()
        try:
            for _ in range(10):
                feed.expect("task.created")
            anna.delete(f"/v1/projects/{project['id']}/members/{ben.id}").expect(204)
            feed.expect("left", within=PROMISED, topic=topic)
        finally:
            stop.set()
            writer.join()
        removed = next(e for e in anna.pages_of_events(project) if e["kind"] == "member.removed")
        assert max(e["seq"] for e in feed.events) <= removed["seq"]
        feed.silent()


def test_a_lower_role_keeps_the_stream(anna, ben, project, topic):
    anna.share(project, ben, "admin")
    with ben.live(follow=[topic]) as feed:
        anna.share(project, ben, "viewer")
        feed.expect("member.updated", id=ben.id)
        anna.task("A", projectId=project["id"])
        feed.expect("task.created")


def test_a_member_who_rejoins_can_follow_again(anna, ben, project, topic):
    anna.share(project, ben)
    with ben.live(follow=[topic]) as feed:
        anna.delete(f"/v1/projects/{project['id']}/members/{ben.id}").expect(204)
        feed.expect("left", within=PROMISED)
        anna.share(project, ben)
        assert feed.follow(topic)["op"] == "following"
        anna.task("A", projectId=project["id"])
        feed.expect("task.created")


def test_missed_events_are_not_replayed_to_a_removed_member(anna, ben, project, topic):
    anna.share(project, ben)
    cursor = ben.get(f"/v1/projects/{project['id']}/snapshot").expect(200)["cursor"]
    anna.task("A", projectId=project["id"])
    anna.delete(f"/v1/projects/{project['id']}/members/{ben.id}").expect(204)
    with ben.live(follow=[]) as feed:
        assert feed.follow(topic, since=cursor)["op"] == "error"
        feed.silent()


def test_deleting_a_project_ends_its_stream(anna, ben, project, topic):
    anna.share(project, ben)
    with ben.live(follow=[topic]) as feed:
        anna.delete(project).expect(204)
        feed.expect("project.deleted")


def test_logging_out_closes_only_that_sessions_sockets(anna):
    other = anna.log_in()
    with anna.live() as mine, other.live() as theirs:
        other.delete("/v1/sessions/current").expect(204)
        theirs.expect_close(4401, within=PROMISED)
        mine.expect("session.revoked", within=PROMISED, id=tokens.claims(other.token)["sid"])
        task = anna.task("Still here")
        mine.expect("task.created", id=task["id"])


def test_ending_all_other_sessions_closes_their_sockets_with_one_event(anna):
    """Twice, so that a socket which was kept once is still known for what it is."""
    with anna.live() as mine:
        for _ in range(2):
            feeds = [anna.log_in().live() for _ in range(3)]
            anna.delete("/v1/sessions").expect((200, 204))
            for feed in feeds:
                feed.expect_close(4401, within=PROMISED)
            event = mine.expect("session.revoked", within=PROMISED, id=anna.id)
            assert event["data"] == {"kept": tokens.claims(anna.token)["sid"]}
        task = anna.task("Still here")
        assert mine.expect("task.created", id=task["id"])
    with anna.live():  # with its old access token
        pass


def test_a_socket_that_follows_nothing_is_also_closed_on_logout(anna):
    with anna.live(follow=[]) as feed:
        anna.delete("/v1/sessions/current").expect(204)
        feed.expect_close(4401, within=PROMISED)


def test_a_revoked_session_cannot_reconnect(anna):
    anna.delete("/v1/sessions/current").expect(204)

    def refused():
        from live import Closed, Live
        feed = Live(anna.world.ws_url, origin=anna.world.origin)
        try:
            feed.send(op="hello", token=anna.token)
            while True:
                if feed.receive()["op"] == "ready":
                    return False
        except Closed as closed:
            return closed.code == 4401
        finally:
            feed.close()
    eventually(refused, within=PROMISED, what="the refusal")


def test_replaying_a_stolen_refresh_token_closes_the_sockets(anna, world):
    first = anna.post("/v1/sessions/refresh", refreshToken=anna.refresh_token).expect(200)
    old = anna.refresh_token
    anna.take(first)
    with anna.live() as feed:
        anna.take(anna.post("/v1/sessions/refresh", refreshToken=first["refreshToken"]).expect(200))
        world.anonymous().post("/v1/sessions/refresh", refreshToken=old).expect(401)
        feed.expect_close(4401, within=PROMISED)


def change_without_content(stack, anna, project, access):
    """As an event whose changes were too long or are forgotten: in the log, then in Redis."""
    topic = "project:" + project["id"]
    anna.patch(project, name="Renamed").expect(200)
    with MongoClient(stack.mongodb_uri) as mongo:
        database = mongo[stack.mongodb_database]
        event = database.events.find_one({"topic": topic}, sort=[("seq", -1)])
        seq = event["seq"] + 1
        frame = event["frame"].replace(f'"seq":{seq - 1},', f'"seq":{seq},').replace(f'.{seq - 1}"', f'.{seq}"')
        frame = frame.split(',"changes":')[0] + ',"changes":null,"dataOmitted":true,"data":null}'
        database.projects.update_one({"_id": ObjectId(project["id"])}, {"$set": {"access": access}})
        database.events.insert_one({**{k: v for k, v in event.items() if k != "_id"}, "seq": Int64(seq), "frame": frame})
        database.topics.update_one({"_id": topic}, {"$set": {"seq": Int64(seq)}})
    said = subprocess.run(["redis-cli", "-s", stack.redis_url.removeprefix("unix://"), "-x", "PUBLISH", "tw:" + topic], check=True, capture_output=True,
                          input=f"{seq} project.updated {project['id']}\n{frame}".encode())
    assert int(said.stdout.decode()) > 0, said
    return seq


def test_an_erased_change_event_does_not_close_an_open_project(stack, anna, ben, project, topic):
    anna.patch(project, access="everyone").expect(200)
    with ben.live(follow=[topic]) as feed, anna.live(follow=[topic]) as hers:
        seq = change_without_content(stack, anna, project, "everyone")
        task = anna.task("Still seen", projectId=project["id"])
        for one in (feed, hers):
            assert one.expect("project.updated")["seq"] == seq - 1
            assert one.expect("project.updated")["seq"] == seq
            assert one.expect("task.created")["entityId"] == task["id"]


def test_an_erased_change_event_can_close_a_project(stack, anna, ben, project, topic):
    anna.patch(project, access="everyone").expect(200)
    with ben.live(follow=[topic]) as feed, anna.live(follow=[topic]) as hers:
        seq = change_without_content(stack, anna, project, "members")
        anna.task("Not seen", projectId=project["id"])
        hers.expect("task.created")
        feed.expect("left", within=PROMISED, topic=topic)
        feed.silent()
        assert max(e["seq"] for e in feed.events) < seq
