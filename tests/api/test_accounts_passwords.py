"""Passwords: which are refused, changing them, and resetting them by email."""
import threading

import pytest
from client import PASSWORD, PROMISED, eventually, fresh_account

OTHER = "an altogether different one"


def ask(world, email):
    return world.anonymous().post("/v1/password-resets", email=email)


def use(world, token, password=OTHER):
    return world.anonymous().put("/v1/password-resets", token=token, password=password)


def token_for(world, outbox, user):
    ask(world, user.email).expect(202)
    return outbox.email(user.email, "Choose a new password").token


@pytest.mark.parametrize("password", [
    "password1234", "Password1234!", "123456789012", "098765432109", "abcdefghijkl", "aaaaaaaaaaaa", "xyxyxyxyxyxy",
    "qwerty123456", "1q2w3e4r5t6y", "!!dragon!!12345", "Welcome2026!!", "administrator", "QWERTYUIOP123"])
def test_a_common_password_is_refused(world, password):
    reply = world.anonymous().post("/v1/users", **{**fresh_account(), "password": password}).expect(
        422, "invalid", {"/password"})
    assert reply["errors"][0]["code"] == "common"


@pytest.mark.parametrize("password", ["correct horse battery staple", "Tr0ub4dor&3-and-more", "ein gutes Kennwort",
                                      "пароль из шести слов", "😀😁😂🤣😃😄😅😆😉😊😋😎", "x7#kQ9!vLm2$", "y" * 250 + "abcdef"])
def test_a_good_password_may_contain_any_characters(world, password):
    account = {**fresh_account(), "password": password}
    world.anonymous().post("/v1/users", **account).expect(201)
    world.anonymous().post("/v1/sessions", login=account["email"], password=password).expect(201)


def test_a_password_based_on_the_name_or_address_is_refused(world, outbox):
    account = {**fresh_account(), "name": "Wilhelmina Katzenstein", "email": "fuzzball.%s@example.com" % fresh_account()["phone"][1:]}
    local = account["email"].split("@")[0]
    for password in ("wilhelmina 26", "KATZENSTEIN!1", "Katzensteinkatzenstein", local + "1!", local.upper()):
        reply = world.anonymous().post("/v1/users", **{**account, "password": password}).expect(422, "invalid", {"/password"})
        assert reply["errors"][0]["code"] == "personal"
    anna = world.anonymous()
    anna.take(anna.post("/v1/users", **{**account, "password": "wilhelmina and a cat"}).expect(201))
    anna.post("/v1/me/password", currentPassword="wilhelmina and a cat", newPassword="katzenstein 1").expect(
        422, "invalid", {"/newPassword"})
    token = token_for(world, outbox, anna)
    use(world, token, "wilhelmina 26").expect(422, "invalid", {"/password"})
    use(world, token).expect(204)


def test_changing_the_password_ends_all_other_sessions_but_not_the_current_one(world, anna, outbox):
    other = anna.log_in()
    anna.post("/v1/me/password", currentPassword=PASSWORD, newPassword=OTHER).expect(204)
    eventually(lambda: other.get("/v1/me").status == 401, within=PROMISED, what="the end of the other session")
    anna.get("/v1/me").expect(200)
    world.anonymous().post("/v1/sessions", login=anna.email, password=PASSWORD).expect(401)
    anna.log_in(password=OTHER)
    assert "password of your account was just changed" in outbox.email(anna.email, "password was changed").text


@pytest.mark.parametrize("body, pointers", [
    ({"currentPassword": "not it at all", "newPassword": OTHER}, {"/currentPassword"}),
    ({"currentPassword": PASSWORD, "newPassword": "short"}, {"/newPassword"}),
    ({"currentPassword": PASSWORD, "newPassword": "password1234"}, {"/newPassword"}),
    ({"newPassword": OTHER}, {"/currentPassword"}),
])
def test_a_password_change_with_invalid_input_is_refused(anna, body, pointers):
    anna.post("/v1/me/password", **body).expect(422, "invalid", pointers)
    anna.log_in()


def test_a_reset_by_email_sets_a_new_password_and_ends_every_session(world, anna, outbox):
    sessions = [anna, anna.log_in()]
    use(world, token_for(world, outbox, anna)).expect(204)
    for each in sessions:
        eventually(lambda: each.get("/v1/me").status == 401, within=PROMISED, what="the end of a session")
    world.anonymous().post("/v1/sessions/refresh", refreshToken=anna.refresh_token).expect(401)
    world.anonymous().post("/v1/sessions", login=anna.email, password=PASSWORD).expect(401)
    again = anna.log_in(password=OTHER)
    assert again.get("/v1/me")["emailVerifiedAt"] is not None
    outbox.email(anna.email, "password was changed")


def test_a_reset_closes_the_sockets(world, anna, outbox):
    token = token_for(world, outbox, anna)
    feed = anna.live()
    use(world, token).expect(204)
    feed.expect_close(4401, within=PROMISED)


def test_a_reset_token_works_once_even_for_two_concurrent_requests(world, anna, outbox):
    token, replies = token_for(world, outbox, anna), []
    threads = [threading.Thread(target=lambda n=n: replies.append(use(world, token, f"{OTHER} {n}"))) for n in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert sorted(r.status for r in replies) == [204, 401, 401, 401]
    use(world, token).expect(401, "bad-credentials")


def test_a_refused_password_does_not_use_up_the_reset_token(world, anna, outbox):
    token = token_for(world, outbox, anna)
    for bad in ("short", "password1234", None):
        use(world, token, bad).expect(422, "invalid", {"/password"})
    use(world, token).expect(204)


def test_a_reset_voids_the_tokens_of_all_reset_emails(world, anna, outbox):
    first = token_for(world, outbox, anna)
    ask(world, anna.email).expect(202)
    second = outbox.email(anna.email, "Choose a new password", count=2).token
    use(world, second).expect(204)
    use(world, first, OTHER + " again").expect(401)


@pytest.mark.parametrize("token", ["", "x", "A" * 43, "é" * 20, None, 5, {"$ne": ""}, ["a"]])
def test_tokens_for_other_purposes_cannot_reset_a_password(world, token):
    use(world, token).expect((401, 422))


def test_asking_for_a_reset_does_not_reveal_whether_an_account_exists(world, anna, outbox):
    known, unknown = ask(world, anna.email).expect(202), ask(world, "nobody.at.all@example.com").expect(202)
    assert known.json == unknown.json
    assert {k for k in known.headers} == {k for k in unknown.headers}
    outbox.email(anna.email, "Choose a new password")
    assert outbox.emails("nobody.at.all@example.com") == []


def test_the_link_uses_our_host_whatever_host_the_request_names(world, anna, outbox):
    world.anonymous().send("POST", "/v1/password-resets", {"email": anna.email},
                           headers={"Host": "evil.example", "X-Forwarded-Host": "evil.example"}).expect(202)
    mail = outbox.email(anna.email, "Choose a new password")
    assert f"{world.url}/#/password-resets?token=" in mail.text and "evil" not in mail.text + mail.html


def test_an_email_handles_utf8_and_escapes_names(world, anna, outbox):
    anna.patch("/v1/me", name="Änne 😀 <b>Öl</b>").expect(200)
    ask(world, anna.email).expect(202)
    first = outbox.email(anna.email, "Choose a new password")
    assert first.text.startswith("Hello,") and "<b>" not in first.html
    anna.patch("/v1/me", name="Änne 😀").expect(200)
    ask(world, anna.email).expect(202)
    mail = outbox.email(anna.email, "Choose a new password", count=2)
    assert mail.text.startswith("Hello Änne 😀,") and "<p>Hello Änne 😀,</p>" in mail.html
    assert mail.message["from"].addresses[0].display_name == "Taskwire"
    assert mail.token in mail.html and mail.id != first.id


def test_the_database_stores_the_reset_token_only_as_a_hash(stack, world, anna, outbox):
    import hashlib

    import pymongo
    token = token_for(world, outbox, anna)
    with pymongo.MongoClient(stack.mongodb_uri) as client:
        db = client[stack.mongodb_database]
        assert db.tokens.find_one({"_id": hashlib.sha256(token.encode()).hexdigest()})["purpose"] == "reset"
        for name in db.list_collection_names():
            assert not any(token in str(document) for document in db[name].find()), name


def thief_changes_the_password(thief, n):
    passwords = [PASSWORD, "a third one altogether"]
    return thief.post("/v1/me/password", currentPassword=passwords[n % 2], newPassword=passwords[(n + 1) % 2])


def thief_ends_all_others(thief, n):
    return thief.delete("/v1/sessions")


@pytest.mark.parametrize("again", [thief_changes_the_password, thief_ends_all_others])
def test_an_attacker_cannot_keep_voiding_reset_emails(world, anna, outbox, again):
    """Each credential event voids reset emails, so only a few events are allowed per hour, and a reset is always possible."""
    thief = anna.log_in()
    first = token_for(world, outbox, anna)
    for n in range(5):
        again(thief, n).expect(204)
    use(world, first).expect(401)
    ask(world, anna.email).expect(202)
    second = outbox.email(anna.email, "Choose a new password", count=2).token
    reply = again(thief, 5).expect(429, "throttled")
    assert 0 < int(reply.headers["retry-after"]) <= 3600
    use(world, second).expect(204)
    thief.get("/v1/me").expect(401)
    world.anonymous().post("/v1/sessions", login=anna.email, password=OTHER).expect(201)


def test_a_reset_drops_a_pending_address(world, anna, outbox):
    """Regression: a thief with the password requested a new address and confirmed it after the owner's reset."""
    thief, mine = anna.log_in(), fresh_account("thief")["email"]
    thief.patch("/v1/me", email=mine, password=PASSWORD).expect(200)
    mail = outbox.email(mine, "Confirm your new address")
    use(world, token_for(world, outbox, anna)).expect(204)
    world.anonymous().put("/v1/verifications", token=mail.token).expect(401)
    thief.put("/v1/verifications", code=mail.code).expect(401)
    me = anna.log_in(password=OTHER).get("/v1/me").expect(200)
    assert (me["email"], me["pendingEmail"]) == (anna.email, None)
    ask(world, mine).expect(202)
    assert outbox.emails(mine, "Choose a new password") == []


def test_reset_emails_voided_by_an_attacker_do_not_count_against_the_owner(world, anna, outbox):
    """Regression: after ten emails had been sent and voided, no further one was sent for half an hour."""
    for _ in range(10):
        ask(world, anna.email).expect(202)
    outbox.email(anna.email, "Choose a new password", count=10)
    anna.log_in().delete("/v1/sessions").expect(204)
    ask(world, anna.email).expect(202)
    use(world, outbox.email(anna.email, "Choose a new password", count=11).token).expect(204)


def test_ending_sessions_does_not_count_as_a_password_change(anna):
    for _ in range(5):
        anna.delete("/v1/sessions").expect(204)
    anna.delete("/v1/sessions").expect(429)
    anna.post("/v1/me/password", currentPassword=PASSWORD, newPassword=OTHER).expect(204)
