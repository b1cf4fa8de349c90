"""Invitations: nobody becomes a member without agreeing, and only the invited user or the holder of the email decides."""
import datetime
import secrets
import threading

import pymongo
import pytest
from bson import ObjectId

from client import SETTINGS, eventually, fresh_account
from counted import count_as_used

ROLES = ("viewer", "commenter", "member", "admin", "owner")
DAY = 86400


def address():
    return f"someone.{secrets.token_hex(6)}@example.com"


def members(user, project):
    return {m["userId"]: m["role"] for m in user.items(f"/v1/projects/{project['id']}/members")}


def here(project):
    return f"/v1/projects/{project['id']}/invitations"


@pytest.mark.parametrize("role", ROLES)
def test_whoever_has_the_email_can_become_a_member(anna, ben, outbox, role):
    project, email = anna.project("Moon landing"), address()
    made = anna.invite(project, email.upper(), role)
    assert (made["email"], made["role"], made["projectId"]) == (email, role, project["id"])
    assert made.headers["location"] == f"{here(project)}/{made['id']}"
    mail = outbox.email(email, "invites you to Moon landing")
    assert f"/#/i/{made['token']}" in mail.text and "Anna" in mail.text and role in mail.text
    seen = ben.world.anonymous().post("/v1/invitations/look", token=mail.token).expect(200)
    assert (seen["project"]["name"], seen["inviter"]["name"], seen["role"]) == ("Moon landing", anna.name, role)
    ben.get(project).expect(404)
    accepted = ben.accept(mail.token)
    assert (accepted["id"], accepted["role"]) == (project["id"], role)
    assert members(anna, project) == {anna.id: "owner", ben.id: role}
    assert anna.items(here(project)) == []


@pytest.mark.parametrize("path", ["members", "invitations"])
def test_inviting_does_not_reveal_whether_an_account_exists(anna, ben, outbox, path):
    project = anna.project()
    ben.confirm(outbox)
    url = f"/v1/projects/{project['id']}/{path}"
    known = anna.post(url, email=ben.email, role="viewer").expect(201)
    unknown = anna.post(url, email=address(), role="viewer").expect(201)
    assert known.json.keys() == unknown.json.keys() and known["role"] == unknown["role"]
    assert members(anna, project) == {anna.id: "owner"}
    assert [i["id"] for i in anna.items(here(project))] == [known["id"], unknown["id"]]
    assert "token" not in str(anna.items(here(project)))
    read = anna.get(f"{here(project)}/{known['id']}").expect(200)
    assert read.json == {k: v for k, v in known.json.items() if k != "token"}


def test_users_with_a_confirmed_address_can_accept_without_the_email(anna, ben, outbox):
    project = anna.project("Mine")
    ben.confirm(outbox)
    with ben.live(follow=["user:me"]) as feed:
        made = anna.invite(project, ben.email, "commenter")
        notification = feed.expect("notification.created")["data"]
    assert (notification["kind"], notification["projectId"], notification["invitationId"], notification["taskId"], notification["title"]) == (
        "invited", project["id"], made["id"], None, "Mine")
    assert notification["createdBy"] == anna.id
    mine = ben.items("/v1/invitations")
    assert [(i["id"], i["project"]["name"], i["inviter"]["name"]) for i in mine] == [(made["id"], "Mine", anna.name)]
    assert ben.post("/v1/invitations/accept", id=made["id"]).expect(200)["role"] == "commenter"
    assert ben.items("/v1/invitations") == [] == ben.items("/v1/notifications")
    ben.post("/v1/invitations/accept", id=made["id"]).expect(404)


def test_an_unconfirmed_address_gives_no_access_to_invitations(world, anna, ben, outbox):
    """Someone has registered with an address that is not theirs."""
    project = anna.project()
    made = anna.invite(project, ben.email, "admin")
    assert ben.items("/v1/invitations") == []
    ben.post("/v1/invitations/accept", id=made["id"]).expect(404)
    ben.post("/v1/invitations/decline", id=made["id"]).expect(404)
    outbox.email(ben.email, "invites you")  # the job that would notify them has already run
    last = world.user("last").confirm(outbox)
    anna.invite(project, last.email)
    eventually(lambda: last.items("/v1/notifications"), what="the notification of a later invitation")
    assert ben.items("/v1/notifications") == []
    ben.confirm(outbox)
    assert [i["id"] for i in ben.items("/v1/invitations")] == [made["id"]]


def test_an_invitations_id_only_works_for_the_invited_user(anna, ben, cleo, outbox):
    made = anna.invite(anna.project(), ben.email)
    cleo.confirm(outbox)
    for what in ("accept", "decline"):
        cleo.post("/v1/invitations/" + what, id=made["id"]).expect(404, "not-found")
        cleo.post("/v1/invitations/" + what, id=made["id"], token=made["token"]).expect(422)
        cleo.post("/v1/invitations/" + what).expect(422)
    cleo.world.anonymous().post("/v1/invitations/decline", id=made["id"]).expect(401)
    cleo.world.anonymous().post("/v1/invitations/accept", token=made["token"]).expect(401)


def test_a_second_invitation_to_an_address_replaces_the_first(anna, ben):
    project, email = anna.project(), address()
    first, second = anna.invite(project, email, "admin"), anna.invite(project, email, "viewer")
    assert first["id"] != second["id"] and first["token"] != second["token"]
    assert [i["id"] for i in anna.items(here(project))] == [second["id"]]
    gone(ben, first["token"])
    assert ben.accept(second["token"])["role"] == "viewer"


def gone(user, token):
    for what in ("look", "accept", "decline"):
        user.post("/v1/invitations/" + what, token=token).expect(404, "not-found")


def test_used_declined_and_withdrawn_invitations_are_void(anna, ben, cleo):
    project = anna.project()
    used, declined, withdrawn = (anna.invite(project, address()) for _ in range(3))
    ben.accept(used["token"])
    cleo.world.anonymous().post("/v1/invitations/decline", token=declined["token"]).expect(204)
    anna.delete(f"{here(project)}/{withdrawn['id']}").expect(204)
    for each in (used, declined, withdrawn):
        gone(cleo, each["token"])
        anna.delete(f"{here(project)}/{each['id']}").expect(404)
    for guess in (secrets.token_urlsafe(32), "x", used["id"], "$gt", used["token"][:-1]):
        gone(cleo, guess)
    assert set(members(anna, project)) == {anna.id, ben.id}


def test_an_expired_invitation_is_void(stack, anna, ben, outbox):
    project = anna.project()
    ben.confirm(outbox)
    made = anna.invite(project, ben.email)
    assert not ben.items("/v1/invitations") == []
    base = pymongo.MongoClient(stack.mongodb_uri)[stack.mongodb_database]
    past = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=1)
    stored = base.invitations.find_one({"_id": ObjectId(made["id"])})
    assert 6.9 * DAY < (stored["expiresAt"] - stored["createdAt"]).total_seconds() <= 7 * DAY
    assert made["token"] not in str(stored), "the secret is stored as its hash"
    base.invitations.update_one({"_id": stored["_id"]}, {"$set": {"expiresAt": past}})
    gone(ben, made["token"])
    ben.post("/v1/invitations/accept", id=made["id"]).expect(404)
    assert ben.items("/v1/invitations") == [] == anna.items(here(project))


def spoil_removed(anna, ben, project):
    anna.delete(f"/v1/projects/{project['id']}/members/{ben.id}").expect(204)


def spoil_demoted(anna, ben, project):
    anna.share(project, ben, "member")


def spoil_trashed(anna, ben, project):
    anna.delete(project).expect(204)


def spoil_archived(anna, ben, project):
    anna.patch(project, archived=True).expect(200)


def spoil_closed(anna, ben, project):
    ben.send("DELETE", "/v1/me", {"password": ben.password}).expect(204)


@pytest.mark.parametrize("spoil, status", [
    (spoil_removed, 409), (spoil_demoted, 409), (spoil_closed, 409), (spoil_archived, 409), (spoil_trashed, 404)])
def test_accepting_requires_an_active_project_and_an_inviter_with_rights(anna, ben, cleo, outbox, spoil, status):
    project = anna.project()
    anna.share(project, ben, "admin")
    cleo.confirm(outbox)
    made = ben.invite(project, cleo.email)
    spoil(anna, ben, project)
    for what in ("look", "accept"):
        cleo.post("/v1/invitations/" + what, token=made["token"]).expect(status)
    cleo.post("/v1/invitations/accept", id=made["id"]).expect(status)
    assert cleo.items("/v1/invitations") == []
    cleo.get(project).expect(404)


def test_only_owners_can_invite_owners(anna, ben, cleo):
    project = anna.project()
    anna.share(project, ben, "admin")
    ben.post(here(project), email=address(), role="owner").expect(403)
    anna.share(project, ben, "owner")
    made = ben.invite(project, address(), "owner")
    anna.share(project, ben, "admin")
    cleo.post("/v1/invitations/accept", token=made["token"]).expect(409)


def test_inviting_does_not_reveal_whether_a_member_has_the_address(world, anna, ben, cleo, outbox):
    """Otherwise an admin could find out members' addresses by guessing."""
    project = anna.project()
    ben.confirm(outbox)
    for who in (ben, cleo):  # cleo's address is unconfirmed
        anna.share(project, who, "commenter")
    replies = [anna.post(here(project), email=email, role="commenter").expect(201)
               for email in (ben.email, cleo.email, address())]
    assert len({tuple(sorted(r.json)) for r in replies}) == 1
    for reply in replies:  # the two members had an email before, by which they became members
        outbox.email(reply["email"], "invites you", count=2 if reply["email"] in (ben.email, cleo.email) else 1)
    assert ben.items("/v1/invitations") == []  # nothing would be gained
    ben.post("/v1/invitations/accept", id=replies[0]["id"]).expect(409, "conflict")
    raised = anna.invite(project, ben.email, "admin")
    assert [i["id"] for i in ben.items("/v1/invitations")] == [raised["id"]]
    assert ben.post("/v1/invitations/accept", id=raised["id"]).expect(200)["role"] == "admin"


def test_invalid_invitations_are_refused(anna):
    project = anna.project()
    for email in ("nobody", "a@b", "", {"$gt": ""}, None):
        anna.post(here(project), email=email).expect(422, "invalid", {"/email"})
    anna.post(here(project), email=address(), role="king").expect(422, "invalid", {"/role"})
    inbox = next(p for p in anna.items("/v1/projects") if p["inbox"])
    anna.post(here(inbox), email=address()).expect(403)
    anna.patch(project, archived=True).expect(200)
    anna.post(here(project), email=address()).expect(409)
    anna.delete(project).expect(204)
    anna.post(here(project), email=address()).expect(404)
    anna.get(here(project)).expect(404)


def test_a_member_who_accepts_gets_a_higher_role_or_a_conflict(anna, ben):
    project = anna.project(access="everyone", accessRole="viewer")
    low, high = anna.invite(project, address(), "viewer"), anna.invite(project, address(), "admin")
    ben.put(project, f"/members/{ben.id}", role="viewer").expect(200)
    ben.post("/v1/invitations/accept", token=low["token"]).expect(409, "conflict")
    assert ben.accept(high["token"])["role"] == "admin"
    anna.post("/v1/invitations/accept", token=low["token"]).expect(409)
    assert members(anna, project) == {anna.id: "owner", ben.id: "admin"}
    anna.patch(project, access="members").expect(200)  # nobody else shall see it in their lists


def test_only_admins_see_the_invited_address(anna, ben, cleo):
    project, email = anna.project(), address()
    for who, role in ((ben, "member"), (cleo, "viewer")):
        anna.share(project, who, role)
    start = anna.get(f"/v1/projects/{project['id']}/snapshot")["cursor"]
    with cleo.live(follow=["project:" + project["id"]]) as feed:
        made = anna.invite(project, email)
        event = feed.expect("invitation.created", id=made["id"])
        assert event["data"]["role"] == "member" and email not in str(event)
        anna.delete(f"{here(project)}/{made['id']}").expect(204)
        assert feed.expect("invitation.deleted", id=made["id"])["data"] is None
    for who in (ben, cleo):
        who.get(here(project)).expect(403)
        who.get(f"{here(project)}/{made['id']}").expect(403)
        who.post(here(project), email=address()).expect(403)
        who.delete(f"{here(project)}/{made['id']}").expect(403)
        events = who.get(f"/v1/projects/{project['id']}/events", since=start).expect(200)
        assert [e["kind"] for e in events["items"]] == ["invitation.created", "invitation.deleted"]
        assert email not in events.body.decode()
        assert email not in who.get("/v1/sync").body.decode()


def test_every_end_of_an_invitation_is_an_event_of_the_project(anna, ben):
    project = anna.project()
    start = anna.get(f"/v1/projects/{project['id']}/snapshot")["cursor"]
    first, second = anna.invite(project, address()), anna.invite(project, address())
    ben.accept(first["token"])
    ben.post("/v1/invitations/decline", token=second["token"]).expect(204)
    events = [(e["kind"], e["entityId"], e["actorId"]) for e in anna.pages_of_events(project, start)]
    assert events == [("invitation.created", first["id"], anna.id), ("invitation.created", second["id"], anna.id),
                    ("member.added", ben.id, ben.id), ("invitation.accepted", first["id"], ben.id),
                    ("invitation.declined", second["id"], ben.id)]


def test_names_in_emails_are_not_turned_into_links(world, outbox):
    mallory, email = world.anonymous(), address()
    mallory.take(mallory.post("/v1/users", **{**fresh_account("x"), "name": "evil.example/win"}).expect(201))
    mallory.invite(mallory.project("Claim it: https://evil.example"), email)
    mail = outbox.email(email, "invites you")
    assert "evil" not in mail.text + mail.html + mail.subject


@pytest.mark.parametrize("dot", "\u3002\uff0e\uff61\u2024\ufe52")
def test_characters_that_look_like_dots_do_not_create_links(world, outbox, dot):
    mallory, email = world.anonymous(), address()
    mallory.take(mallory.post("/v1/users", **{**fresh_account("x"), "name": f"evil{dot}example"}).expect(201))
    mallory.invite(mallory.project(f"evil{dot}example\uff0fwin"), email)
    mail = outbox.email(email, "invites you")
    assert "evil" not in mail.text + mail.html + mail.subject


def test_users_with_an_unconfirmed_address_can_send_fewer_invitations(stack, anna, ben, outbox):
    """Accounts with unconfirmed addresses cost nothing, so they may only send few emails to strangers."""
    allowed = int(SETTINGS["UNCONFIRMED_INVITATIONS"])
    for who in (anna.confirm(outbox), ben):
        count_as_used(stack, "unconfirmed-invitations", who.id, 24, allowed)
    anna.invite(anna.project(), address())
    ben.post(here(ben.project()), email=address()).expect(429)
    ben.confirm(outbox).invite(ben.project(), address())


def test_invitations_to_one_address_are_limited_across_senders(world, outbox):
    email = address()
    senders = [world.user("sender") for _ in range(4)]
    projects = [s.project() for s in senders]
    replies = [senders[n % 4].post(here(projects[n % 4]), email=email) for n in range(14)]
    assert [r.status for r in replies] == [201] * 10 + [429] * 4
    assert 0 < int(replies[-1].headers["retry-after"]) <= DAY
    other = address()
    senders[0].invite(projects[0], other)  # nobody else is hindered
    outbox.email(other, "invites you")
    assert len(outbox.emails(email)) == 10


def at_once(*calls):
    """Runs them together; gives their replies."""
    replies, barrier = [None] * len(calls), threading.Barrier(len(calls))

    def run(n):
        barrier.wait()
        replies[n] = calls[n]()
    threads = [threading.Thread(target=run, args=(n,)) for n in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return replies


def test_concurrent_invitations_to_one_address_leave_one(anna, ben):
    project, email = anna.project(), address()
    made = [r.expect(201) for r in at_once(*[lambda: anna.post(here(project), email=email)] * 2)]
    left = [i["id"] for i in anna.items(here(project))]
    assert len(left) == 1
    for each in made:
        if each["id"] in left:
            ben.accept(each["token"])
        else:
            gone(ben, each["token"])


# -- a registration with an invitation -------------------------------------------------
def test_registering_can_accept_an_invitation(world, anna):
    project = anna.project()
    made = anna.invite(project, address(), "commenter")
    dora = world.anonymous()
    dora.take(dora.post("/v1/users", **fresh_account("dora"), invitation=made["token"]).expect(201))
    assert members(anna, project) == {anna.id: "owner", dora.id: "commenter"}
    assert dora.get("/v1/me")["emailVerifiedAt"] is None, "the inviter has the token as well"
    account = fresh_account("late")
    world.anonymous().post("/v1/users", **account, invitation=made["token"]).expect(422, "invalid", {"/invitation"})
    world.anonymous().post("/v1/sessions", login=account["email"], password=account["password"]).expect(401)


def test_users_can_read_names_of_people_they_share_a_project_with(anna, ben, cleo):
    project = anna.project()
    anna.share(project, ben, "viewer")
    asked = ",".join((anna.id, ben.id, cleo.id, "f" * 24))
    names = {p["id"]: p["name"] for p in anna.items("/v1/users", ids=asked)}
    assert names == {anna.id: anna.name, ben.id: ben.name}
    assert [p["id"] for p in cleo.items("/v1/users", ids=asked)] == [cleo.id]
    assert set(anna.items("/v1/users", ids=ben.id)[0]) == {"id", "name"}
    anna.delete(project).expect(204)
    assert anna.items("/v1/users", ids=ben.id) == []
    for bad in ("", "x", ben.id + ",", "," + ben.id, ",".join([ben.id] * 101)):
        anna.get("/v1/users", ids=bad).expect(400, "bad-parameter")
    anna.get("/v1/users").expect(400, "bad-parameter")


def test_notifications_from_one_user_to_another_are_limited(stack, anna, ben, cleo):
    """199 notifications within the hour were made; of the next five one is."""
    project = anna.project()
    for who in (ben, cleo):
        anna.share(project, who)
    count_as_used(stack, "sender-notifications", f"{anna.id} {ben.id}", 1, 199)
    for _ in range(5):
        anna.task("Next", projectId=project["id"], assigneeIds=[ben.id, cleo.id])
    assert len(ben.items("/v1/notifications")) == 1
    assert len(cleo.items("/v1/notifications")) == 5
    cleo.task("Another sender", projectId=project["id"], assigneeIds=[ben.id])
    assert len(ben.items("/v1/notifications")) == 2
    # Removing and adding them again does not restart the count.
    anna.acquaint(ben)
    anna.delete(f"/v1/projects/{project['id']}/members/{ben.id}").expect(204)
    anna.share(project, ben)
    anna.task("Again", projectId=project["id"], assigneeIds=[ben.id])
    assert ben.items("/v1/notifications") == []


@pytest.mark.parametrize("leave", ["leaving", "being removed"])
def test_former_members_lose_the_notifications_of_a_project(anna, ben, leave):
    project, other = anna.project(), anna.project()
    for each in (project, other):
        anna.share(each, ben)
        anna.task("Secret", projectId=each["id"], assigneeIds=[ben.id])
    assert len(ben.items("/v1/notifications")) == 2
    who = ben if leave == "leaving" else anna
    who.delete(f"/v1/projects/{project['id']}/members/{ben.id}").expect(204)
    assert [n["projectId"] for n in ben.items("/v1/notifications")] == [other["id"]]
    assert project["id"] not in ben.get("/v1/sync").body.decode()
