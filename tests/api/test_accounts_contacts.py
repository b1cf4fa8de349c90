"""Email addresses and phone numbers: confirmed by codes, and changed only once the new one is confirmed."""
import secrets
import threading

import pytest
from client import PASSWORD, fresh_account
from pymongo import MongoClient
from second_factor import code_of


def send(user, purpose="email"):
    return user.post("/v1/verifications", purpose=purpose)


def confirm(user, **body):
    return user.put("/v1/verifications", **body)


def fresh_email():
    return fresh_account()["email"]


def test_an_address_is_confirmed_with_its_code(anna, outbox):
    """Registering sends it without being asked."""
    assert anna.get("/v1/me")["emailVerifiedAt"] is None
    confirm(anna, code=outbox.email(anna.email, "Confirm your address").code).expect(204)
    assert anna.get("/v1/me")["emailVerifiedAt"] is not None
    send(anna).expect(409, "conflict")


def test_an_address_can_be_confirmed_by_link_without_logging_in(world, anna, outbox):
    token = outbox.email(anna.email, "Confirm your address").token
    confirm(world.anonymous(), token=token).expect(204)
    assert anna.get("/v1/me")["emailVerifiedAt"] is not None
    confirm(world.anonymous(), token=token).expect(401)


def test_registering_sends_a_confirmation_email(world, anna, outbox):
    """One email per account, none for a refused registration, and no text message without being asked."""
    refused = {**fresh_account(), "email": anna.email}
    world.anonymous().post("/v1/users", **refused).expect(409, "conflict")
    account, key = fresh_account(), secrets.token_hex(8)
    for _ in range(2):
        world.anonymous().post("/v1/users", key=key, **account).expect(201)
    outbox.email(account["email"], "Confirm your address")
    assert len(outbox.emails(anna.email)) == 1 and outbox.texts(account["phone"]) == []


def test_a_number_is_confirmed_with_its_code(anna, outbox):
    send(anna, "phone").expect(202)
    confirm(anna, code=outbox.text_code(anna.phone)).expect(204)
    me = anna.get("/v1/me")
    assert me["phoneVerifiedAt"] is not None and me["emailVerifiedAt"] is None


def test_a_code_only_works_for_its_own_account(world, anna, ben, outbox):
    code = outbox.email(anna.email, "Confirm your address").code
    confirm(world.anonymous(), code=code).expect(401)
    confirm(ben, code=code if code != outbox.email(ben.email).code else "x").expect(401)
    confirm(anna, code=code).expect(204)


def test_a_code_is_void_after_five_wrong_attempts_even_concurrent_ones(anna, outbox):
    code = outbox.email(anna.email, "Confirm your address").code
    wrong = [f"{(int(code) + n) % 10**6:06d}" for n in range(1, 13)]
    threads = [threading.Thread(target=lambda w=w: confirm(anna, code=w).expect(401)) for w in wrong]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    confirm(anna, code=code).expect(401)
    send(anna).expect(202)
    confirm(anna, code=outbox.email(anna.email, "Confirm your address", count=2).code).expect(204)


def test_only_the_newest_code_works(anna, outbox):
    old = outbox.email(anna.email, "Confirm your address").code
    send(anna).expect(202)
    new = outbox.email(anna.email, "Confirm your address", count=2).code
    if old != new:
        confirm(anna, code=old).expect(401)
    confirm(anna, code=new).expect(204)


def test_the_number_of_codes_sent_is_limited(anna):
    """Ten an hour; the first one came with the account."""
    for _ in range(9):
        send(anna).expect(202)
    reply = send(anna).expect(429, "throttled")
    assert int(reply.headers["retry-after"]) > 0


@pytest.mark.parametrize("body", [{}, {"token": "x", "code": "y"}, {"code": 123456}, {"token": {"$ne": 1}}, {"code": None}])
def test_a_confirmation_takes_either_a_code_or_a_token(anna, body):
    confirm(anna, **body).expect(422, "invalid")


@pytest.mark.parametrize("purpose", ["reset", "", None, 1, ["email"]])
def test_an_unknown_purpose_is_refused(anna, purpose):
    send(anna, purpose).expect(422, "invalid", {"/purpose"})


def test_a_new_address_takes_effect_when_confirmed_and_the_old_one_is_notified(world, anna, outbox):
    old, new = anna.email, fresh_email()
    me = anna.patch("/v1/me", email=new.upper(), password=PASSWORD).expect(200)
    assert (me["email"], me["pendingEmail"]) == (old, new)
    confirm(anna, code=outbox.email(new, "Confirm your new address").code).expect(204)
    me = anna.get("/v1/me")
    assert (me["email"], me["pendingEmail"]) == (new, None) and me["emailVerifiedAt"] is not None
    assert new in outbox.email(old, "address of your Taskwire account was changed").text
    world.anonymous().post("/v1/sessions", login=old, password=PASSWORD).expect(401)
    anna.log_in(login=new)


def test_a_new_number_takes_effect_when_confirmed_and_the_old_one_is_notified(anna, outbox):
    old, new = anna.phone, fresh_account()["phone"]
    send(anna, "phone").expect(202)
    confirm(anna, code=outbox.text_code(old)).expect(204)  # else it is nobody's, who would be written to
    assert anna.patch("/v1/me", phone=new, password=PASSWORD).expect(200)["phone"] == old
    confirm(anna, code=outbox.text_code(new)).expect(204)
    assert anna.get("/v1/me")["phone"] == new
    outbox.email(anna.email, "phone number of your Taskwire account was changed")
    from client import eventually
    eventually(lambda: any("was changed" in t for t in outbox.texts(old)), what="word at the old number")


def test_a_reset_link_sent_to_the_old_address_stops_working_after_the_change(world, anna, outbox):
    world.anonymous().post("/v1/password-resets", email=anna.email).expect(202)
    token, new = outbox.email(anna.email, "Choose a new password").token, fresh_email()
    anna.patch("/v1/me", email=new, password=PASSWORD).expect(200)
    confirm(anna, code=outbox.email(new).code).expect(204)
    world.anonymous().put("/v1/password-resets", token=token, password="an altogether new one").expect(401)


def test_no_reset_email_goes_to_an_address_the_account_has_left(stack, world, anna, outbox):
    """Regression: the job had found the account by its old address, and sent a valid token there after the change."""
    new = fresh_email()
    anna.patch("/v1/me", email=new, password=PASSWORD).expect(200)
    code = outbox.email(new, "new address").code
    with stack.fault("hold command=update collection=users program=taskwire-jobs ms=700") as (held,), MongoClient(stack.mongodb_uri) as client:
        jobs = client[stack.mongodb_database].jobs
        world.anonymous().post("/v1/password-resets", email=anna.email).expect(202)
        stack.wait_for(lambda: stack.fault_hits(held), "the job did not begin")
        confirm(anna, code=code).expect(204)
        stack.wait_for(lambda: jobs.count_documents({"kind": {"$in": ["reset", "letter"]}}) == 0, "jobs are left")
    assert not outbox.emails(anna.email, "Choose a new password")


def test_a_code_for_a_replaced_pending_address_does_not_work(anna, outbox):
    first, second = fresh_email(), fresh_email()
    anna.patch("/v1/me", email=first, password=PASSWORD).expect(200)
    token = outbox.email(first).token
    anna.patch("/v1/me", email=second, password=PASSWORD).expect(200)
    confirm(anna, token=token).expect(401)
    assert anna.patch("/v1/me", email=anna.email, password=PASSWORD).expect(200)["pendingEmail"] is None
    confirm(anna, token=outbox.email(second).token).expect(401)
    assert anna.get("/v1/me")["email"] == anna.email


def test_when_two_users_confirm_the_same_address_only_one_gets_it(anna, ben, outbox):
    new, replies = fresh_email(), []
    for who in (anna, ben):
        who.patch("/v1/me", email=new, password=PASSWORD).expect(200)
    outbox.email(new, count=2)
    tokens = [mail.token for mail in outbox.emails(new)]
    threads = [threading.Thread(target=lambda t=t: replies.append(confirm(anna, token=t))) for t in tokens]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert sorted(r.status for r in replies) == [204, 409]


def test_changing_the_address_or_number_requires_the_password(anna):
    """However new the session is: it may be stolen."""
    new, phone = fresh_email(), fresh_account()["phone"]
    anna.patch("/v1/me", email=new).expect(422, "invalid", {"/password"})
    anna.patch("/v1/me", phone=phone).expect(422, "invalid", {"/password"})
    anna.patch("/v1/me", email=new, password=secrets.token_hex(8)).expect(422, "invalid", {"/password"})
    assert anna.get("/v1/me")["pendingEmail"] is None
    anna.patch("/v1/me", name="No question here").expect(200)
    assert anna.patch("/v1/me", email=new, password=PASSWORD).expect(200)["pendingEmail"] == new


def test_cancelling_a_pending_address_or_number_requires_the_password(anna, outbox):
    """A thief with a session must not keep the owner from moving the account to a safe address."""
    new, phone = fresh_email(), fresh_account()["phone"]
    anna.patch("/v1/me", email=new, phone=phone, password=PASSWORD).expect(200)
    anna.patch("/v1/me", email=anna.email).expect(422, "invalid", {"/password"})
    anna.patch("/v1/me", phone=anna.phone, password=secrets.token_hex(8)).expect(422, "invalid", {"/password"})
    me = anna.get("/v1/me")
    assert (me["pendingEmail"], me["pendingPhone"]) == (new, phone)
    anna.patch("/v1/me", phone=anna.phone, password=PASSWORD).expect(200)
    anna.patch("/v1/me", phone=anna.phone, name="Nothing is pending, so there is nothing to cancel").expect(200)
    confirm(anna, code=outbox.email(new, "new address").code).expect(204)
    me = anna.get("/v1/me")
    assert (me["email"], me["phone"], me["pendingPhone"]) == (new, anna.phone, None)


def test_users_cannot_mark_contacts_as_confirmed_or_set_invalid_ones(anna):
    anna.patch("/v1/me", emailVerifiedAt="2020-01-01T00:00:00.000Z", pendingEmail="a@b.de").expect(
        422, "invalid", {"/emailVerifiedAt", "/pendingEmail"})
    anna.patch("/v1/me", email="no address", phone="12").expect(422, "invalid", {"/email", "/phone"})
    anna.patch("/v1/me", email=None).expect(422, "invalid", {"/email"})


@pytest.mark.parametrize("typed", ["+49 (0)171 {0}", "+49 0171/{0}", "+49-171-{0}", "+49.171.{0}"])
def test_a_phone_number_is_the_same_however_it_is_formatted(world, typed):
    tail = f"{secrets.randbelow(10**8):08d}"
    account = {**fresh_account(), "phone": typed.format(tail)}
    assert world.anonymous().post("/v1/users", **account).expect(201)["user"]["phone"] == "+49171" + tail
    again = world.anonymous().post("/v1/users", **{**fresh_account(), "phone": "+49171" + tail}).expect(201)["user"]
    assert again["pendingPhone"] == "+49171" + tail
    world.anonymous().post("/v1/sessions", login=typed.format(tail), password=PASSWORD).expect(201)


def test_a_leading_zero_that_belongs_to_the_number_is_kept(world):
    tail = f"{secrets.randbelow(10**8):08d}"
    reply = world.anonymous().post("/v1/users", **{**fresh_account(), "phone": "+39 06 " + tail}).expect(201)
    assert reply["user"]["phone"] == "+3906" + tail


def register_at_once(world, **same):
    """What six registrations get that have this in common."""
    replies = []
    threads = [threading.Thread(target=lambda: replies.append(world.anonymous().post("/v1/users", **{**fresh_account(), **same})))
               for _ in range(6)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return replies


def test_concurrent_registrations_with_one_address_or_number_succeed_once(world):
    email, phone = fresh_account()["email"], fresh_account()["phone"]
    assert sorted(reply.status for reply in register_at_once(world, email=email)) == [201] + [409] * 5
    opened = [reply["user"] for reply in register_at_once(world, phone=phone) if reply.expect((201, 409)).status == 201]
    assert [user["phone"] for user in opened].count(phone) == 1
    assert {user["pendingPhone"] for user in opened if user["phone"] != phone} <= {phone}


@pytest.mark.parametrize("field, bad, good", [
    ("timeZone", ["Mars/Olympus", "../etc/passwd", "/etc", ""], ["Europe/Berlin", "UTC", "America/Argentina/Ushuaia"]),
    ("locale", ["d", "de_DE", "de-", "-", "deutschland-x", "d3"], ["de", "pt-BR", "zh-Hant-TW"])])
def test_time_zone_and_locale_are_validated(world, anna, field, bad, good):
    for value in bad:
        anna.patch("/v1/me", **{field: value}).expect(422, "invalid", {"/" + field})
        world.anonymous().post("/v1/users", **{**fresh_account(), field: value}).expect(422, "invalid", {"/" + field})
    for value in good:
        assert anna.patch("/v1/me", **{field: value}).expect(200)[field] == value
        assert world.anonymous().post("/v1/users", **{**fresh_account(), field: value}).expect(201)["user"][field] == value


# -- an unconfirmed address belongs to nobody --------------------------------------------------------
def test_confirming_an_address_takes_it_from_an_account_that_never_confirmed_it(world, anna, outbox):
    """Regression: permanently 409; whoever registered someone else's address first kept it."""
    squatter = world.user("squatter")
    anna.patch("/v1/me", email=squatter.email, password=PASSWORD).expect(200)
    confirm(anna, code=outbox.email(squatter.email, "new address").code).expect(204)
    assert anna.get("/v1/me")["email"] == squatter.email
    left = squatter.get("/v1/me")
    assert (left["email"], left["emailVerifiedAt"]) == (f"released:{squatter.id}", None)
    world.anonymous().post("/v1/sessions", login=squatter.email, password=PASSWORD).expect(201)["user"]["id"] == anna.id
    assert squatter.log_in(login=squatter.phone).id == squatter.id
    send(squatter).expect(409, "conflict")
    sent = len(outbox.emails(squatter.email))
    squatter.post("/v1/me/password", currentPassword=PASSWORD, newPassword="an altogether new one").expect(204)
    other = fresh_email()
    squatter.patch("/v1/me", email=other, password="an altogether new one").expect(200)
    confirm(squatter, code=outbox.email(other).code).expect(204)
    assert squatter.get("/v1/me")["email"] == other and len(outbox.emails(squatter.email)) == sent


def test_confirming_a_number_takes_it_from_an_account_that_never_confirmed_it(world, anna, outbox):
    squatter = world.user("squatter")
    anna.patch("/v1/me", phone=squatter.phone, password=PASSWORD).expect(200)
    confirm(anna, code=outbox.text_code(squatter.phone)).expect(204)
    assert anna.get("/v1/me")["phone"] == squatter.phone
    assert squatter.get("/v1/me")["phone"] == f"released:{squatter.id}"


def test_a_number_someone_else_never_confirmed_does_not_block_registration(world, anna, outbox):
    """Regression: 409, so a person with only that number could not register, since there is no reset by phone."""
    owner = world.anonymous()
    owner.take(owner.post("/v1/users", **{**fresh_account("owner"), "phone": anna.phone}).expect(201))
    mine = owner.get("/v1/me")
    assert (mine["phone"], mine["pendingPhone"]) == (f"released:{owner.id}", anna.phone)
    assert anna.get("/v1/me")["phone"] == anna.phone
    send(owner, "phone").expect(202)
    confirm(owner, code=outbox.text_code(anna.phone)).expect(204)
    assert owner.get("/v1/me")["phone"] == anna.phone and anna.get("/v1/me")["phone"] == f"released:{anna.id}"
    taken = world.anonymous().post("/v1/users", **{**fresh_account(), "phone": anna.phone})
    taken.expect(409, "conflict", {"/phone"})


def test_a_confirmed_address_cannot_be_taken_by_anyone(anna, ben, outbox):
    ben.confirm(outbox)
    anna.patch("/v1/me", email=ben.email, password=PASSWORD).expect(200)
    confirm(anna, code=outbox.email(ben.email, "new address").code).expect(409, "conflict")
    assert ben.get("/v1/me")["email"] == ben.email


def test_the_owner_of_an_address_can_take_over_an_account_opened_with_it(world, outbox):
    """By a password reset.  Regression: the second factor of whoever had opened the account locked the owner out."""
    squatter = world.user("squatter")
    secret = squatter.post("/v1/me/totp", password=PASSWORD).expect(201)["secret"]
    squatter.put("/v1/me/totp", code=code_of(secret)).expect(200)
    world.anonymous().post("/v1/password-resets", email=squatter.email).expect(202)
    token = outbox.email(squatter.email, "Choose a new password").token
    world.anonymous().put("/v1/password-resets", token=token, password="an altogether new one").expect(204)
    owner = world.anonymous().post("/v1/sessions", login=squatter.email, password="an altogether new one").expect(201)
    assert owner["user"]["totpEnabledAt"] is None and owner["user"]["emailVerifiedAt"] is not None
    squatter.get("/v1/me").expect(401)
