"""Invitations in the page: the link in the email, the list in the sidebar, and withdrawing."""
import bson
from client import eventually, fresh_account
from pymongo import MongoClient


def plain(text):
    """Without the characters that isolate the direction of names."""
    return text.replace("\u2068", "").replace("\u2069", "")


def link(mail):
    return next(word for word in mail.text.split() if "#/i/" in word)


def invited(anna, outbox, email, name="Garden house"):
    project = anna.project(name)
    made = anna.invite(project, email, "member")
    return project, made, outbox.email(email, f"invites you to {name}")


def test_an_invitation_link_can_be_answered_after_logging_in(windows, anna, ben, outbox):
    project, made, mail = invited(anna, outbox, ben.email)
    page = windows.open()
    page.driver.get(link(mail))
    page.until(lambda: "Anna invites you to join “Garden house” as a member." in plain(page.visible("#gate-note").text))
    assert made["token"] not in page.driver.current_url
    page.log_in(ben.email, ben.password)
    page.until(lambda: "Garden house" in page.visible("#invitation-text").text)
    page.click("#invitation-dialog [value=accept]")
    page.wait_project("Garden house")
    assert ben.get(project).expect(200)["role"] == "member"


def sign_up(windows, mail, account):
    """The page after the account was opened by an invitation's link."""
    page = windows.open()
    page.driver.get(link(mail))
    page.until(lambda: "Garden house" in page.visible("#gate-note").text)
    page.click("#tab-signup")
    for name in ("name", "email", "phone", "password"):
        page.type(f"#signup [name={name}]", account[name])
    page.click("#signup button[type=submit]")
    return page


def test_an_invitation_link_can_be_answered_by_signing_up(windows, anna, outbox):
    account = fresh_account("gina")
    _, _, mail = invited(anna, outbox, account["email"])
    page = sign_up(windows, mail, account)
    page.until(lambda: "Garden house" in page.projects())


def test_a_declined_invitation_link_is_no_longer_valid(windows, anna, ben, outbox):
    windows.expect("status of 404")
    project, _, mail = invited(anna, outbox, ben.email)
    page = windows.log_in(ben)
    page.answer_invitation(mail, "decline")
    eventually(lambda: not anna.items(f"/v1/projects/{project['id']}/invitations"))
    ben.get(project).expect(404)
    page.driver.get(link(mail))
    page.until(lambda: "no longer valid" in page.text("#toasts"))


def test_the_list_of_received_invitations_is_current(windows, anna, ben, outbox):
    ben.confirm(outbox)
    page = windows.log_in(ben)
    project = anna.project("Surprise")
    anna.invite(project, ben.email, "viewer")
    page.until(lambda: "Surprise" in page.text("#my-invitations"))
    page.click("#my-invitations button")
    page.click("#invitation-dialog [value=accept]")
    page.wait_project("Surprise")
    page.until(lambda: not page.find("#my-invitations").is_displayed())


def test_an_admin_can_see_and_withdraw_sent_invitations(windows, anna, ben):
    project = anna.project("Team")
    page = windows.log_in(anna, project)
    page.share(ben.email, "viewer")
    page.click("#share")
    page.until(lambda: ben.email in page.text("#invitations"))
    page.click("#invitations button")
    page.until(lambda: not page.all("#invitations li"))
    assert anna.items(f"/v1/projects/{project['id']}/invitations") == []


def test_a_viewer_of_an_open_project_gets_the_controls_of_its_access_role(windows, anna, ben):
    """A member with a lower role has at least the rights that everyone has, and the page follows changes."""
    project = anna.project("Agora", access="everyone", accessRole="viewer")
    anna.share(project, ben, "viewer")
    page = windows.log_in(ben, project)
    page.until(lambda: not page.find("#new-task").is_enabled())
    anna.patch(project, accessRole="member").expect(200)
    page.until(lambda: page.find("#new-task").is_enabled())
    anna.patch(project, access="members").expect(200)
    page.until(lambda: not page.find("#new-task").is_enabled())


def test_signing_up_says_that_the_project_is_full(windows, stack, anna, outbox):
    """Regression: the account was opened without any message about the project."""
    account = fresh_account("gina")
    project, _, mail = invited(anna, outbox, account["email"])
    others = [{"userId": bson.ObjectId(), "role": "viewer"} for _ in range(10_000)]
    with MongoClient(stack.mongodb_uri) as client:
        client[stack.mongodb_database].projects.update_one({"_id": bson.ObjectId(project["id"])}, {"$push": {"members": {"$each": others}}})
    page = sign_up(windows, mail, account)
    page.until(lambda: "“Garden house” is full" in plain(page.text("#toasts")))
