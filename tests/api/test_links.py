"""Share links: whoever has the link's token reads one project, and nothing else, until the link ends."""
import datetime
import secrets
import threading
import time

import pymongo
import pytest
import tokens
from bson import ObjectId
from client import PROMISED, User, eventually
from faults import log_of, until_done

PASSWORD = "open sesame"
WRONG = "open barley!"
DAY = 86400


@pytest.fixture(scope="module")
def db(stack):
    with pymongo.MongoClient(stack.mongodb_uri) as client:
        yield client[stack.mongodb_database]


def here(project, link=None):
    return f"/v1/projects/{project['id']}/links" + (f"/{link['id']}" if link else "")


def instant(seconds):
    at = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def open_link(world, token, **fields):
    return world.anonymous().post("/v1/links/sessions", token=token, **fields)


def reader(world, link, **fields):
    """A User who shows the access token of a share link."""
    other = User(world)
    other.opened = open_link(world, link["token"], **fields).expect(201)
    other.token = other.opened["accessToken"]
    return other


# -- making links --------------------------------------------------------------------
def test_an_admin_makes_lists_changes_and_deletes_links(anna):
    project = anna.project()
    made = anna.post(here(project), name="For the client", password=PASSWORD, expiresAt=instant(DAY)).expect(201)
    assert len(made["token"]) == 43 and made.headers["location"] == here(project, made) and made.etag == '"1"'
    assert (made["name"], made["hasPassword"], made["projectId"], made["createdBy"]) == (
        "For the client", True, project["id"], anna.id)
    plain = anna.post(here(project)).expect(201)
    assert (plain["name"], plain["hasPassword"], plain["expiresAt"]) == (None, False, None)
    shown = anna.items(here(project))
    assert [link["id"] for link in shown] == [made["id"], plain["id"]]
    assert shown[0] == anna.get(here(project, made)).expect(200).json == {k: v for k, v in made.json.items() if k != "token"}
    for secret in (made["token"], PASSWORD, "Hash", "generation"):
        assert secret not in str(shown)
    assert anna.get("/v1/me/export").expect(200)["links"] == shown
    changed = anna.patch(here(project, made), name=None, if_match=made.etag).expect(200)
    assert (changed["name"], changed["rev"], changed["hasPassword"]) == (None, 2, True)
    anna.patch(here(project, made), name="x", if_match=made.etag).expect(412, "stale")
    assert anna.patch(here(project, made), name="x", base=1).expect(412, "stale")["conflicts"] == ["name"]
    same = anna.patch(here(project, made), name=None).expect(200)
    assert same["rev"] == 2
    anna.delete(here(project, made), if_match=made.etag).expect(412, "stale")
    anna.delete(here(project, made)).expect(204)
    anna.delete(here(project, made)).expect(404)
    assert [link["id"] for link in anna.items(here(project))] == [plain["id"]]


def test_links_are_listed_page_by_page(anna):
    project = anna.project()
    made = [anna.post(here(project)).expect(201)["id"] for _ in range(3)]
    assert [link["id"] for link in anna.pages(here(project), limit=1)] == made
    assert [link["id"] for link in anna.pages(here(project), limit=1, sort="-createdAt")] == made[::-1]


def test_a_repeated_request_makes_one_link_and_shows_its_token_again(anna):
    project, key = anna.project(), secrets.token_hex(8)
    first = anna.post(here(project), key=key, name="One").expect(201)
    again = anna.post(here(project), key=key, name="One").expect(201)
    assert again.headers["idempotency-replayed"] == "true" and again.json == first.json
    assert len(anna.items(here(project))) == 1


BAD_FIELDS = [({"password": "short"}, "/password"), ({"password": "x" * 257}, "/password"), ({"password": 12345678}, "/password"),
              ({"expiresAt": instant(-1)}, "/expiresAt"), ({"expiresAt": "tomorrow"}, "/expiresAt"),
              ({"name": ""}, "/name"), ({"name": "x" * 101}, "/name"), ({"token": "x" * 43}, "/token"),
              ({"projectId": "f" * 24}, "/projectId"), ({"hasPassword": False}, "/hasPassword"), ({"generation": 9}, "/generation")]


def test_bad_links_are_refused_and_change_nothing(anna):
    project = anna.project()
    link = anna.post(here(project)).expect(201)
    for fields, pointer in BAD_FIELDS:
        anna.post(here(project), **fields).expect(422, "invalid", [pointer])
        anna.patch(here(project, link), **fields).expect(422, "invalid", [pointer])
    assert anna.items(here(project)) == [{k: v for k, v in link.json.items() if k != "token"}]


def test_links_exist_only_for_projects_that_can_be_shared(anna, world):
    inbox = next(p for p in anna.items("/v1/projects") if p["inbox"])
    anna.post(here(inbox)).expect(403, "forbidden")
    project = anna.project()
    link = anna.post(here(project)).expect(201)
    anna.patch(project, archived=True).expect(200)
    anna.post(here(project)).expect(409, "conflict")
    anna.patch(here(project, link), name="x").expect(409, "conflict")
    reader(world, link).get(project).expect(200)
    anna.delete(here(project, link)).expect(204)


def test_a_link_is_found_in_its_own_project_only(anna):
    one, two = anna.project(), anna.project()
    link = anna.post(here(one)).expect(201)
    for send in (anna.get, anna.delete, lambda path: anna.patch(path, name="x")):
        send(here(two, link)).expect(404, "not-found")
        send(here(two, {"id": "f" * 24})).expect(404, "not-found")
    anna.get(here(one, link)).expect(200)


def test_events_of_links_carry_no_content(anna, ben):
    project = anna.project()
    anna.share(project, ben, "viewer")
    with ben.live(follow=[f"project:{project['id']}"]) as feed:
        link = anna.post(here(project), name="Secret plan", password=PASSWORD).expect(201)
        event = feed.expect("link.created")
        assert (event["entity"], event["entityId"], event["data"]) == (
            "link", link["id"], {"id": link["id"], "createdBy": anna.id, "projectId": project["id"]})
        anna.patch(here(project, link), name="Another", password=None).expect(200)
        event = feed.expect("link.updated")
        assert set(event["changes"]) == {"name", "hasPassword", "expiresAt"} and not any(event["changes"].values())
        anna.delete(here(project, link)).expect(204)
        feed.expect("link.deleted")
    for event in anna.pages_of_events(project):
        assert "Secret" not in str(event) and link["token"] not in str(event)


# -- reading by link -----------------------------------------------------------------
@pytest.fixture()
def scene(anna, ben):
    """A project with something of everything, and one beside it."""
    class Scene:
        project = anna.project("Moon landing", labels=[{"id": "red", "name": "Red"}])
        task = anna.task("Build a rocket", projectId=project["id"], assigneeIds=[anna.id], dueDate="2030-01-31",
                         labelIds=["red"], description="Large")
        comment = anna.post(task, "/comments", text="How large?").expect(201)
        file = anna.attach(task, b"Plans").expect(201)
        elsewhere = anna.project("Hidden agenda")
        hidden = anna.task("Build a bomb", projectId=elsewhere["id"])
        hidden_file = anna.attach(hidden, b"Wires").expect(201)
        link = anna.post(here(project)).expect(201)
    anna.share(Scene.project, ben, "member")
    return Scene


def test_a_reader_sees_the_whole_project(world, anna, ben, scene):
    guest, project, task = reader(world, scene.link), scene.project, scene.task
    assert guest.opened["projectId"] == project["id"] and 0 < guest.opened["expiresIn"] <= 600
    seen = guest.get(project).expect(200)
    assert (seen["name"], seen["role"]) == ("Moon landing", "viewer")
    snapshot = guest.get(f"/v1/projects/{project['id']}/snapshot").expect(200)
    assert [t["id"] for t in snapshot["tasks"]] == [task["id"]] and snapshot["project"]["role"] == "viewer"
    people = guest.items(f"/v1/projects/{project['id']}/members")
    assert people == snapshot["members"] and {p["name"] for p in people} == {anna.name, ben.name}
    assert all(set(p) == {"userId", "role", "name"} for p in people)
    assert guest.get(task).expect(200).json == anna.get(task).expect(200).json
    assert [c["text"] for c in guest.items(f"/v1/tasks/{task['id']}/comments")] == ["How large?"]
    assert [f["id"] for f in guest.items(f"/v1/tasks/{task['id']}/attachments")] == [scene.file["id"]]
    for query in ("", "?inline=false"):
        mine, theirs = (who.content(scene.file, query).expect(200) for who in (guest, anna))
        assert mine.body == theirs.body == b"Plans"
        for name in ("content-disposition", "content-security-policy", "content-type", "x-content-type-options", "etag", "cache-control"):
            assert mine.headers[name] == theirs.headers[name], name
    guest.content(scene.file, "?inline").expect(400, "bad-parameter")
    assert guest.content(scene.file, Range="bytes=1-2").expect(206).body == b"la"
    assert [e["kind"] for e in guest.pages_of_events(project)] == [e["kind"] for e in anna.pages_of_events(project)]
    assert [t["id"] for t in guest.items("/v1/tasks")] == [task["id"]]
    assert [t["id"] for t in guest.items("/v1/tasks", projectId=project["id"], q="rocket")] == [task["id"]]
    assert guest.items("/v1/tasks", dueBefore="2030-02-01", filter=f"assignee = {anna.id}") != []
    assert guest.items("/v1/tasks", assigneeId="me") == []
    assert guest.items("/v1/users", ids=f"{anna.id},{ben.id}") != []


def test_a_reader_sees_no_address_and_nothing_of_other_projects(world, anna, ben, scene):
    guest, hidden = reader(world, scene.link), scene.elsewhere
    for path in (f"/v1/projects/{hidden['id']}", f"/v1/projects/{hidden['id']}/snapshot", f"/v1/projects/{hidden['id']}/events",
                 f"/v1/tasks/{scene.hidden['id']}", f"/v1/tasks/{scene.hidden['id']}/history",
                 f"/v1/tasks/{scene.hidden['id']}/attachments", f"/v1/attachments/{scene.hidden_file['id']}",
                 f"/v1/attachments/{scene.hidden_file['id']}/content",
                 f"/v1/tasks?projectId={hidden['id']}", "/v1/tasks?filterId=" + "f" * 24):
        guest.get(path).expect(404, "not-found")
    for path in ("/v1/tasks", "/v1/tasks?q=build", "/v1/tasks?deleted=true", f"/v1/projects/{scene.project['id']}/snapshot",
                 f"/v1/projects/{scene.project['id']}/events", f"/v1/tasks/{scene.task['id']}/history"):
        text = guest.get(path).expect(200).body.decode()
        assert hidden["id"] not in text and scene.hidden["id"] not in text and "bomb" not in text
        for private in (anna.email, anna.phone, ben.email, ben.phone):
            assert private not in text
    stranger = world.user("Stranger")
    assert guest.items("/v1/users", ids=stranger.id) == []


def test_what_moves_away_or_into_the_trash_is_gone_for_readers(world, anna, scene):
    guest = reader(world, scene.link)
    anna.post(scene.task, "/move", projectId=scene.elsewhere["id"]).expect(200)
    for path in (f"/v1/tasks/{scene.task['id']}", f"/v1/comments/{scene.comment['id']}", f"/v1/attachments/{scene.file['id']}/content"):
        guest.get(path).expect(404, "not-found")
    anna.delete(scene.project).expect(204)
    for path in ("", "/snapshot", "/events", "/members", "/labels"):
        guest.get(f"/v1/projects/{scene.project['id']}{path}").expect(404, "not-found")
    assert guest.items("/v1/tasks") == [] == guest.items("/v1/tasks", deleted="true")
    open_link(world, scene.link["token"]).expect(404, "not-found")
    anna.post(scene.project, "/restore").expect(200)
    guest.get(scene.project).expect(200)


# -- the end -------------------------------------------------------------------------
ENDS = {
    "deleted": lambda owner, path: owner.delete(path).expect(204),
    "another password": lambda owner, path: owner.patch(path, password="something else").expect(200),
    "no password": lambda owner, path: owner.patch(path, password=None).expect(200),
    "another expiry": lambda owner, path: owner.patch(path, expiresAt=instant(2 * DAY)).expect(200),
}


def test_ending_links_ends_their_sessions_within_a_second(world, anna):
    project = anna.project()
    file = anna.attach(anna.task(projectId=project["id"])).expect(201)
    links = {end: anna.post(here(project), password=PASSWORD).expect(201) for end in (*ENDS, "none")}
    guests = {end: reader(world, link, password=PASSWORD) for end, link in links.items()}
    for guest in guests.values():
        guest.get(project).expect(200)
    for end, take in ENDS.items():
        take(anna, here(project, links[end]))
    for end in ENDS:  # whichever worker answers
        eventually(lambda end=end: all(guests[end].get(project).status == 401 for _ in range(10)), within=PROMISED, what=end)
        guests[end].get(project).expect(401, "unauthenticated")
        guests[end].content(file).expect(401, "unauthenticated")
    guests["none"].get(project).expect(200)


def test_nothing_opened_while_a_link_gets_a_new_password_outlives_it(world, anna):
    """Sessions are opened in a loop; those of the old password are dead a second after the change."""
    project = anna.project()
    link, opened, stop = anna.post(here(project), password=PASSWORD).expect(201), [], threading.Event()

    def keep_opening():
        guest = world.anonymous()
        guest.http.strict = False
        while not stop.is_set():
            reply = guest.post("/v1/links/sessions", token=link["token"], password=PASSWORD)
            if reply.status == 503:
                continue  # too many at once
            if reply.status != 201:
                break  # the new password is in force
            opened.append(reply["accessToken"])

    threads = [threading.Thread(target=keep_opening) for _ in range(3)]
    for thread in threads:
        thread.start()
    eventually(lambda: len(opened) >= 6)
    anna.patch(here(project, link), password="something else").expect(200)
    for thread in threads:
        thread.join(timeout=10)
    stop.set()
    guest = User(world)
    for guest.token in opened:
        eventually(lambda: guest.get(project).status == 401, within=PROMISED, what="the end of a session")


@pytest.mark.parametrize("fault", ["cut-before command=insert collection=links", "cut-after command=commitTransaction",
                                   "error command=insert collection=revocations code=112 labels=TransientTransactionError",
                                   "error-after command=commitTransaction code=189 labels=RetryableWriteError"])
def test_each_change_of_a_link_takes_effect_once_whatever_happens_to_its_commands(stack, world, db, fault):
    owner = world.user("Owner")
    owner.http.strict = False  # a 503 is an answer here
    project = owner.project()
    key = secrets.token_hex(8)

    def lossy(send):
        with stack.fault(fault):
            send()
        return until_done(send)
    link = lossy(lambda: owner.post(here(project), password=PASSWORD, key=key)).expect(201)
    guest = reader(world, link, password=PASSWORD)
    lossy(lambda: owner.patch(here(project, link), password="something else", key=key + "2")).expect(200)
    lossy(lambda: owner.delete(here(project, link), key=key + "3")).expect(204)
    eventually(lambda: guest.get(project).status == 401, within=PROMISED)
    own = sorted(db.events.find({"topic": f"user:{link['id']}"}), key=lambda event: event["seq"])
    assert [(event["seq"], event["kind"]) for event in own] == [(1, "link.created"), (2, "session.revoked"), (3, "session.revoked")]
    assert [e["kind"] for e in log_of(owner, project) if e["entity"] == "link"] == ["link.created", "link.updated", "link.deleted"]
    assert db.links.count_documents({"projectId": ObjectId(project["id"])}) == 0


def test_a_new_name_ends_no_session(world, anna, scene):
    guest = reader(world, scene.link)
    anna.patch(here(scene.project, scene.link), name="Renamed", password=None, expiresAt=None).expect(200)
    time.sleep(0.6)  # longer than workers take to learn of an end
    guest.get(scene.project).expect(200)


def test_a_link_and_its_sessions_end_when_it_expires(world, anna):
    project = anna.project()
    link = anna.post(here(project), expiresAt=instant(3)).expect(201)
    guest = reader(world, link)
    assert guest.opened["expiresIn"] <= 3
    eventually(lambda: guest.get(project).status == 401, within=6)
    open_link(world, link["token"]).expect(404, "not-found")
    anna.patch(here(project, link), expiresAt=None).expect(200)
    reader(world, link).get(project).expect(200)


# -- attacks -------------------------------------------------------------------------
def test_tokens_that_open_nothing_get_one_answer(world, anna):
    project, trashed = anna.project(), anna.project()
    gone, late, away = (anna.post(here(p), password=PASSWORD, **more).expect(201)
                        for p, more in ((project, {}), (project, {"expiresAt": instant(1)}), (trashed, {})))
    anna.delete(here(project, gone)).expect(204)
    anna.delete(trashed).expect(204)
    eventually(lambda: open_link(world, late["token"]).status == 404)
    answers = set()
    for token in (gone["token"], late["token"], away["token"], "x" * 43, "x", gone["id"], anna.token[:100], "$ne"):
        for fields in ({}, {"password": PASSWORD}, {"password": WRONG}):
            reply = open_link(world, token, **fields).expect(404, "not-found")
            answers.add(str({k: v for k, v in reply.json.items() if k != "requestId"}))
    assert len(answers) == 1


def test_malformed_requests_for_a_session_are_refused(world):
    for body in ({}, {"token": None}, {"token": ""}, {"token": "x" * 101}, {"token": {"$ne": None}}, {"token": ["x"]},
                 {"token": "x", "password": {"$gt": ""}}, {"token": "x", "password": "x" * 300}, {"token": "x", "more": 1}):
        world.anonymous().send("POST", "/v1/links/sessions", body).expect(422, "invalid")


def test_the_password_is_needed_and_wrong_ones_are_throttled_for_the_link(world, anna):
    project = anna.project()
    link, other = (anna.post(here(project), password=PASSWORD).expect(201) for _ in "ab")
    missing, wrong = open_link(world, link["token"]), open_link(world, link["token"], password=WRONG)
    for reply in (missing, wrong):
        reply.expect(401, "bad-credentials")
    replies = [open_link(world, link["token"], password=WRONG) for _ in range(12)]
    refused = [reply for reply in replies if reply.status == 429]
    assert refused and all(int(reply.headers["retry-after"]) >= 1 for reply in refused)
    open_link(world, link["token"], password=PASSWORD).expect((201, 429))
    reader(world, other, password=PASSWORD).get(project).expect(200)
    open_link(world, link["token"]).expect(401, "bad-credentials")  # asking costs no attempt


def test_a_right_password_does_not_give_attempts_back(world, anna):
    """Others who use the link would otherwise help whoever guesses."""
    link = anna.post(here(anna.project()), password=PASSWORD).expect(201)
    free = 0
    while open_link(world, link["token"], password=WRONG).status == 401:
        free += 1
        assert free < 50
        if free == 3:
            reader(world, link, password=PASSWORD)
    assert free <= 12  # not 3 more


def test_the_secrets_are_stored_as_hashes(db, anna):
    link = anna.post(here(anna.project()), password=PASSWORD).expect(201)
    stored = db.links.find_one({"_id": ObjectId(link["id"])})
    assert link["token"] not in str(stored) and PASSWORD not in str(stored)
    assert stored["passwordHash"].startswith("$s1$") and len(stored["tokenHash"]) == 64


def test_a_links_token_is_no_access_token(world, anna, scene):
    guest = User(world)
    for token in (scene.link["token"], "tw_" + scene.link["token"]):
        guest.token = token
        guest.get(scene.project).expect(401, "unauthenticated")


def test_a_reader_cannot_refresh_confirm_or_write(world, anna, scene):
    guest = reader(world, scene.link)
    for token in (guest.token, scene.link["token"], f"{tokens.claims(guest.token)['sid']}.{scene.link['token']}"):
        world.anonymous().post("/v1/sessions/refresh", refreshToken=token).expect((401, 422))
    before = anna.get(f"/v1/projects/{scene.project['id']}/snapshot").expect(200).json
    for method, path, body in (
            ("POST", "/v1/tasks", {"title": "x", "projectId": scene.project["id"]}), ("PATCH", scene.task, {"title": "x"}),
            ("DELETE", scene.task, None), ("POST", f"/v1/tasks/{scene.task['id']}/comments", {"text": "x"}),
            ("PUT", f"/v1/projects/{scene.project['id']}/members/{tokens.claims(guest.token)['sub']}", {"role": "viewer"}),
            ("POST", here(scene.project), {}), ("GET", here(scene.project), None), ("GET", "/v1/me", None),
            ("GET", f"/v1/projects/{scene.project['id']}/invitations", None), ("GET", "/v1/sync", None),
            ("POST", "/v1/batch", {"ops": [{"method": "DELETE", "path": f"/v1/tasks/{scene.task['id']}"}]}),
            ("DELETE", "/v1/sessions/current", None), ("POST", "/v1/sessions/current/confirm", {"password": PASSWORD})):
        guest.send(method, path, body).expect(403, "forbidden")
    assert anna.get(f"/v1/projects/{scene.project['id']}/snapshot").expect(200).json == before


def test_a_changed_token_is_refused(world, scene):
    guest = reader(world, scene.link)
    token = guest.token
    for claims in ({"typ": "access"}, {"sid": scene.elsewhere["id"]}, {"sub": "f" * 24}, {"gen": 99}, {"exp": 4102444800}):
        guest.token = tokens.changed(token, **claims)
        guest.get(scene.project).expect(401, "unauthenticated")
        guest.get(scene.elsewhere).expect(401, "unauthenticated")


def test_a_base_older_than_a_new_password_conflicts(anna):
    project = anna.project()
    link = anna.post(here(project), name="x").expect(201)
    anna.patch(here(project, link), password=PASSWORD).expect(200)
    stale = anna.patch(here(project, link), base=1, password=None).expect(412, "stale")
    assert stale["conflicts"] == ["password"] and stale["current"]["hasPassword"] is True


def test_links_stay_when_whoever_made_them_leaves(world, anna, ben):
    """They belong to the project; its admins see who made them, and end them."""
    project = anna.project()
    anna.share(project, ben, "admin")
    link = ben.post(here(project)).expect(201)
    guest = reader(world, link)
    assert [each["id"] for each in ben.get("/v1/me/export").expect(200)["links"]] == [link["id"]]
    ben.delete(project, f"/members/{ben.id}").expect(204)
    guest.get(project).expect(200)
    assert ben.get("/v1/me/export").expect(200)["links"] == []
    assert anna.items(here(project))[0]["createdBy"] == ben.id
    anna.delete(here(project, link)).expect(204)
    eventually(lambda: guest.get(project).status == 401, within=PROMISED)
