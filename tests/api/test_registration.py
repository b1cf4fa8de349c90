"""REGISTRATION: who can open an account, and what the response reveals about others."""
import pytest

import judge
from client import SETTINGS, User, World, eventually, fresh_account
from outbox import Outbox
from stack import Stack


@pytest.fixture(scope="module")
def gated(world):
    """A system with REGISTRATION=verified; `world` has loaded the contract."""
    with Stack(settings={**SETTINGS, "REGISTRATION": "verified"}) as stack:
        yield stack


@pytest.fixture
def here(gated):
    return World(gated.url, gated.ws_url)


@pytest.fixture
def post(gated):
    return Outbox(gated.data / "outbox")


def register(world, account, **more):
    return world.anonymous().post("/v1/users", **account, **more)


def open_account(world, post, account, **more):
    assert register(world, account, **more).expect(202).json == {}
    token = post.email(account["email"], "Open your Taskwire account").token
    world.anonymous().put("/v1/verifications", token=token).expect(204)
    return User(world).take(User(world).post("/v1/sessions", login=account["email"],
                                             password=account["password"]).expect(201))


def test_with_verified_registration_only_the_emailed_link_opens_the_account(here, post):
    account = fresh_account("dora")
    register(here, account).expect(202)
    log_in = {"login": account["email"], "password": account["password"]}
    here.anonymous().post("/v1/sessions", **log_in).expect(401)
    token = post.email(account["email"], "Open your Taskwire account").token
    here.anonymous().put("/v1/verifications", token=token).expect(204)
    here.anonymous().put("/v1/verifications", token=token).expect(401, "bad-credentials")
    dora = User(here).take(here.anonymous().post("/v1/sessions", **log_in).expect(201))
    me = dora.get("/v1/me").expect(200)
    assert me["emailVerifiedAt"] and me["name"] == account["name"]
    assert [p["inbox"] for p in dora.items("/v1/projects")] == [True]
    dora.task("Hello")


def test_the_owner_of_a_taken_address_is_notified_and_the_response_is_the_same(here, post):
    account = fresh_account("emil")
    open_account(here, post, account)
    other = {**fresh_account("thief"), "email": account["email"].upper()}
    taken = register(here, other).expect(202)
    new = register(here, fresh_account("new")).expect(202)
    assert taken.json == new.json and taken.headers.keys() == new.headers.keys()
    mail = post.email(account["email"], "You already have a Taskwire account")
    assert "Emil" in mail.text and "Thief" not in mail.text and "token=" not in mail.text
    assert len(post.emails(account["email"], "Open your")) == 1


def test_invalid_input_is_reported_and_activation_emails_are_limited(here, post):
    account = fresh_account("flood")
    register(here, {**account, "email": "nobody"}).expect(422, "invalid", {"/email"})
    register(here, {**account, "password": "short"}).expect(422, "invalid", {"/password"})
    replies = [register(here, {**fresh_account("flood"), "email": account["email"]}).status for _ in range(12)]
    assert replies == [202] * 10 + [429] * 2


def test_an_address_taken_before_activation_is_a_conflict(here, post):
    first, second = fresh_account("first"), fresh_account("second")
    tokens = []
    for count, account in ((1, first), (2, {**second, "email": first["email"]})):
        register(here, account).expect(202)
        tokens.append(post.email(first["email"], "Open your", count=count).token)
    here.anonymous().put("/v1/verifications", token=tokens[0]).expect(204)
    here.anonymous().put("/v1/verifications", token=tokens[1]).expect(409, "conflict", {"/email"})


def confirm_number(user, post, number):
    user.post("/v1/verifications", purpose="phone").expect(202)
    return user.put("/v1/verifications", code=post.text_code(number))


def test_nothing_reveals_whether_a_number_is_taken(here, post):
    """Regression: the link that opens an account was a conflict if somebody else had confirmed its number, and the
    number was pending if somebody else had not."""
    owner = open_account(here, post, fresh_account("owner"))
    confirmed, unconfirmed, free = owner.get("/v1/me")["pendingPhone"], fresh_account("other"), fresh_account()["phone"]
    confirm_number(owner, post, confirmed).expect(204)
    open_account(here, post, unconfirmed)
    seen = set()
    for number in (confirmed, unconfirmed["phone"], free):
        guess = open_account(here, post, {**fresh_account("guess"), "phone": number})
        me = guess.get("/v1/me").expect(200)
        seen.add((me["phone"].replace(guess.id, "own id"), me["pendingPhone"].replace(number, "the number"), me["phoneVerifiedAt"]))
    assert seen == {("released:own id", "the number", None)}
    confirm_number(guess, post, free).expect(204)
    assert guess.get("/v1/me")["phone"] == free and guess.log_in(login=free).id == guess.id


def test_a_stranger_who_uses_up_the_activation_emails_does_not_keep_the_owner_out(here, post):
    """Each link that a stranger caused opens the account for whoever reads the mailbox, who then chooses the password."""
    mine = fresh_account("owner")
    theirs = {**fresh_account("stranger"), "email": mine["email"], "password": "known to the stranger only"}
    for _ in range(10):
        register(here, theirs).expect(202)
    assert "the link in each of them works" in register(here, mine).expect(429, "throttled")["detail"]
    token = eventually(lambda: post.emails(mine["email"], "Open your"), what="an email")[0].token
    here.anonymous().put("/v1/verifications", token=token).expect(204)
    stranger = User(here).take(here.anonymous().post("/v1/sessions", login=mine["email"], password=theirs["password"]).expect(201))
    here.anonymous().post("/v1/password-resets", email=mine["email"]).expect(202)
    token = post.email(mine["email"], "Choose a new password").token
    here.anonymous().put("/v1/password-resets", token=token, password=mine["password"]).expect(204)
    stranger.get("/v1/me").expect(401)
    here.anonymous().post("/v1/sessions", login=mine["email"], password=theirs["password"]).expect(401)
    here.anonymous().post("/v1/sessions", login=mine["email"], password=mine["password"]).expect(201)


def test_an_invitation_is_accepted_when_the_account_opens(here, post):
    anna = open_account(here, post, fresh_account("anna"))
    project, account = anna.project(), fresh_account("gina")
    made, dead = anna.invite(project, account["email"], "viewer"), anna.invite(project, "x" + account["email"])
    gina = open_account(here, post, account, invitation=made["token"])
    assert gina.get(project).expect(200)["role"] == "viewer"
    register(here, fresh_account("h"), invitation=made["token"]).expect(422, "invalid", {"/invitation"})
    late = fresh_account("late")
    register(here, late, invitation=dead["token"]).expect(202)
    anna.delete(f"/v1/projects/{project['id']}/invitations/{dead['id']}").expect(204)
    token = post.email(late["email"], "Open your").token
    here.anonymous().put("/v1/verifications", token=token).expect(204)  # without what was withdrawn
    late = User(here).take(User(here).post("/v1/sessions", login=late["email"], password=late["password"]).expect(201))
    late.get(project).expect(404)


def ask(here, post, account):
    """The token in the activation email."""
    register(here, account).expect(202)
    return post.email(account["email"], "Open your").token


def test_registration_by_invitation_only(gated, here, post):
    anna = open_account(here, post, fresh_account("anna"))
    project, asked_before = anna.project(), ask(here, post, fresh_account("before"))
    with gated.api_with(REGISTRATION="invited"):
        register(here, fresh_account("i")).expect(403, "forbidden")
        register(here, fresh_account("i"), invitation="x" * 43).expect(422, "invalid", {"/invitation"})
        made = anna.invite(project, fresh_account("i")["email"])
        with_it = register(here, fresh_account("i"), invitation=made["token"]).expect(201)
        assert User(here).take(with_it).get(project).expect(200)["role"] == "member"
        register(here, fresh_account("i"), invitation=made["token"]).expect(422, "invalid", {"/invitation"})
        here.anonymous().put("/v1/verifications", token=asked_before).expect(403, "forbidden")


def test_closed_registration(gated, here, post):
    anna = open_account(here, post, fresh_account("anna"))
    made, asked_before = anna.invite(anna.project(), fresh_account("j")["email"]), ask(here, post, fresh_account("before"))
    with gated.api_with(REGISTRATION="closed"):
        register(here, fresh_account("j")).expect(403, "forbidden")
        register(here, fresh_account("j"), invitation=made["token"]).expect(403, "forbidden")
        here.anonymous().put("/v1/verifications", token=asked_before).expect(403, "forbidden")
    here.anonymous().put("/v1/verifications", token=asked_before).expect(204)


def test_openapi_describes_registration_by_email(world):
    assert set(judge.contract["paths"]["/v1/users"]["post"]["responses"]) == {"201", "202", "default"}
