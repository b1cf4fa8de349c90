"""Registering and /v1/me."""
import pytest

from client import PASSWORD, User, fresh_account


def test_registering_returns_a_user_and_tokens_that_work_immediately(world):
    account = fresh_account("anna")
    reply = world.anonymous().post("/v1/users", **account).expect(201)
    assert reply["user"]["email"] == account["email"]
    assert reply["user"]["phone"] == account["phone"]
    assert reply["user"]["name"] == account["name"]
    assert 0 < reply["expiresIn"] <= 900
    me = User(world).take(reply).get("/v1/me").expect(200)
    assert me["id"] == reply["user"]["id"]


def test_registering_reports_all_errors_at_once(world):
    world.anonymous().post("/v1/users", email="no address", phone="12", password="short", name="").expect(
        422, "invalid", {"/email", "/phone", "/password", "/name"})


@pytest.mark.parametrize("missing", ["email", "password", "name"])
def test_registering_requires_each_field(world, missing):
    account = fresh_account()
    del account[missing]
    world.anonymous().post("/v1/users", **account).expect(422, "invalid", {"/" + missing})


def test_an_email_address_is_unique_regardless_of_case(world, anna):
    again = {**fresh_account(), "email": anna.email.upper()}
    world.anonymous().post("/v1/users", **again).expect(409, "conflict", {"/email"})


def test_a_taken_address_and_a_taken_number_are_reported_together(world, anna, ben):
    both = {**fresh_account(), "email": anna.email, "phone": ben.phone}
    world.anonymous().post("/v1/users", **both).expect(409, "conflict", {"/email", "/phone"})


@pytest.mark.parametrize("password", ["", "elevenchars", "x" * 257, "password1234", "123456789012", 12, None],
                         ids=["empty", "11", "257", "common", "digits", "number", "null"])
def test_a_bad_password_is_refused(world, password):
    world.anonymous().post("/v1/users", **{**fresh_account(), "password": password}).expect(
        422, "invalid", {"/password"})


@pytest.mark.parametrize("email", ["", "a", "a@", "@b.de", "a b@c.de", "a@b@c.de", "a" * 300 + "@b.de", 7,
                                   {"$gt": ""}, ["a@b.de"]])
def test_a_bad_address_is_refused(world, email):
    world.anonymous().post("/v1/users", **{**fresh_account(), "email": email}).expect(
        422, "invalid", {"/email"})


@pytest.mark.parametrize("phone", ["0171", "+49", "+49abc1234567", "+" + "1" * 20, 4917112345, {"$ne": None}])
def test_a_bad_number_is_refused(world, phone):
    world.anonymous().post("/v1/users", **{**fresh_account(), "phone": phone}).expect(
        422, "invalid", {"/phone"})


def test_users_can_change_their_own_fields_and_nothing_else(anna):
    me = anna.get("/v1/me").expect(200)
    changed = anna.patch("/v1/me", name="Änne 😀", timeZone="Europe/Berlin", locale="de-DE").expect(200)
    assert changed["name"] == "Änne 😀" and changed["timeZone"] == "Europe/Berlin"
    assert changed["email"] == me["email"]
    anna.patch("/v1/me", id="0" * 24, emailVerifiedAt="2020-01-01T00:00:00.000Z", role="admin").expect(422)


def test_me_requires_a_token(world):
    reply = world.anonymous().get("/v1/me").expect(401)
    assert "bearer" in reply.headers["www-authenticate"].lower()


def test_a_new_user_has_an_inbox(anna):
    inboxes = [p for p in anna.items("/v1/projects") if p["inbox"]]
    assert [(p["name"], p["role"]) for p in inboxes] == [("Inbox", "owner")]
    assert [(s["id"], s["kind"]) for s in inboxes[0]["statuses"]] == [
        ("todo", "open"), ("in-progress", "open"), ("completed", "done")]


def test_a_task_without_a_project_goes_to_the_inbox(anna):
    inbox = next(p for p in anna.items("/v1/projects") if p["inbox"])
    assert anna.task("Buy milk")["projectId"] == inbox["id"]


def test_no_response_contains_the_password(world, anna):
    assert PASSWORD not in anna.get("/v1/me").expect(200).body.decode()
