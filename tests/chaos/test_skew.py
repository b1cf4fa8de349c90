"""Nothing depends on hosts' clocks agreeing: the second program of each kind runs half a minute fast or slow
(libfaketime), and all time limits still hold, because all programs use the database's time."""
import concurrent.futures
import datetime

import pytest

from client import PROMISED, SETTINGS, World, eventually
from outbox import Outbox
from live import Live
from skew import skewed_build
from stack import Stack


@pytest.fixture(scope="module", params=["+30s", "-30s"])
def skewed(request, tmp_path_factory):
    build = skewed_build(tmp_path_factory.mktemp("skewed"), request.param)
    with Stack(build=build, api=2, push=2, jobs=2, settings=SETTINGS) as stack:
        stack.world = World(stack.url, stack.ws_url)
        yield stack


def seconds_off(instant):
    at = datetime.datetime.fromisoformat(instant.replace("Z", "+00:00"))
    return (at - datetime.datetime.now(datetime.timezone.utc)).total_seconds()


def test_instants_come_from_the_database(skewed):
    anna = skewed.world.user("anna")
    for n in range(8):  # nginx takes turns between the programs
        assert abs(seconds_off(anna.post("/v1/tasks", title=f"Task {n}").expect(201)["createdAt"])) < 5


def test_a_token_from_one_host_works_on_the_other(skewed):
    anna = skewed.world.user("anna")
    for _ in range(4):
        again = anna.log_in()
        for _ in range(4):
            again.get("/v1/me").expect(200)


def test_a_session_ended_on_one_host_is_ended_on_the_other(skewed):
    anna = skewed.world.user("anna")
    for _ in range(4):
        other = anna.log_in()
        other.get("/v1/me").expect(200)
        ended = [s for s in anna.items("/v1/sessions") if not s["current"]][0]
        anna.delete(f"/v1/sessions/{ended['id']}").expect(204)
        eventually(lambda: all(other.get("/v1/me").status == 401 for _ in range(4)), within=PROMISED,
                   what="the end of the session")


def test_both_daemons_find_unpublished_events(skewed):
    """Without Redis, only the sweep finds events, by the time at which their topic was touched."""
    anna = skewed.world.user("anna")
    project = anna.post("/v1/projects", name="Skewed").expect(201)
    sockets = [Live(skewed.ws_url, origin=skewed.url) for _ in range(4)]
    for s in sockets:
        s.hello(anna.token)
        assert s.follow("project:" + project["id"])["op"] == "following"
    with skewed.without("redis"):
        for n in range(4):
            task = anna.post("/v1/tasks", title=f"Swept {n}", projectId=project["id"]).expect(201)
            with concurrent.futures.ThreadPoolExecutor(4) as pool:
                list(pool.map(lambda s: s.expect("task.created", id=task["id"]), sockets))
    for s in sockets:
        s.close()


@pytest.mark.parametrize("held", ["jobs-1", "jobs-2"])
def test_an_email_is_sent_at_once_whichever_host_creates_and_sends_it(skewed, held):
    outbox = Outbox(skewed.data / "outbox")
    hold = skewed.data / "run" / f"{held}.hold"
    hold.touch()
    try:
        skewed.wait_for(lambda: skewed.pids()[held] is None, f"{held} did not stop", 20)
        for name in ("anna", "ben"):
            who = skewed.world.user(name)
            eventually(lambda: outbox.emails(who.email), what="the email")  # not 30 s later
    finally:
        hold.unlink()
