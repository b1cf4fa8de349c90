"""The links in emails, from the .eml in the outbox to the page; the token must not stay in the address bar."""
import pytest
from client import fresh_account
from selenium.webdriver.common.by import By

NEW = "an altogether new one"


def link(mail):
    """The link in the email."""
    return next(word for word in mail.text.split() if "token=" in word)


def note(page):
    return page.visible("#gate-note").text


def request_reset(page, email):
    page.click("#forgot-link")
    page.type("#forgot [name=email]", email)
    page.click("#forgot button[type=submit]")
    page.visible("#login")
    return note(page)


def set_password(page, password):
    page.type("#reset [name=password]", password)
    page.click("#reset button[type=submit]")


def assert_token_gone(page, mail):
    """Neither in the address bar nor in the history."""
    assert mail.token not in page.driver.current_url
    entries = page.driver.execute_cdp_cmd("Page.getNavigationHistory", {})["entries"]
    assert not any(mail.token in entry["url"] for entry in entries)


def test_a_forgotten_password_can_be_reset_and_used(windows, anna, outbox):
    windows.expect("status of 401", "status of 422")
    other = windows.log_in(anna)
    page = windows.open()
    page.type("#login [name=login]", anna.email)
    page.click("#forgot-link")
    assert page.find("#forgot [name=email]").get_property("value") == anna.email  # not typed twice
    page.click("#forgot button[type=submit]")
    page.visible("#login")
    mail = outbox.email(anna.email, "Choose a new password")
    page.driver.get(link(mail))
    page.visible("#reset")
    assert_token_gone(page, mail)
    set_password(page, "short")
    page.visible("#reset .complaint")
    set_password(page, "password1234")  # refused by the server, which does not use the token up
    page.until(lambda: "too common" in page.text("#reset .complaint"))
    set_password(page, NEW)
    page.visible("#login")
    assert "has been changed" in note(page)
    page.log_in(anna.email, anna.password)
    page.visible("#login .form-error")
    page.log_in(anna.email, NEW)
    page.wait_connection("live")
    other.visible("#gate")  # a reset ends every session


@pytest.mark.parametrize("who", ["known", "unknown", "typed in capitals"])
def test_asking_for_a_reset_shows_the_same_message_for_unknown_accounts(windows, anna, who):
    email = {"known": anna.email, "unknown": fresh_account()["email"], "typed in capitals": anna.email.upper()}[who]
    assert request_reset(windows.open(), email) == (
        "If there’s an account with this address, we’ve emailed a link to it. The link works for 30 minutes.")


def test_an_invalid_address_is_reported_at_its_field(windows):
    windows.expect("status of 422")
    page = windows.open()
    page.click("#forgot-link")
    page.click("#forgot button[type=submit]")
    page.until(lambda: page.text("#forgot .complaint") == "Please fill this in.")
    page.type("#forgot [name=email]", "no address")
    page.click("#forgot button[type=submit]")
    page.until(lambda: "email address" in page.text("#forgot .complaint"))
    page.click("#forgot [data-to-login]")
    page.visible("#login")


def test_a_used_or_broken_link_offers_a_new_one(windows, anna, outbox):
    windows.expect("status of 401")
    page = windows.open()
    request_reset(page, anna.email)
    mail = outbox.email(anna.email, "Choose a new password")
    anna.world.anonymous().put("/v1/password-resets", token=mail.token, password=NEW).expect(204)
    for address in (link(mail), page.url + "/#/password-resets?token=" + "x" * 43):
        page.driver.get(address)
        page.visible("#reset")
        set_password(page, "yet another one, longer")
        page.visible("#forgot")
        assert "no longer works" in note(page)
    assert_token_gone(page, mail)


def test_the_link_of_a_warning_email_opens_the_reset_form(windows, anna):
    page = windows.open()
    page.driver.get(page.url + "/#/password-resets")
    page.visible("#forgot")


def test_the_link_in_the_sign_up_email_confirms_the_address(windows, world, outbox):
    windows.expect("status of 401")
    account = fresh_account("dora")
    page = windows.open()
    page.sign_up(**account)
    page.wait_connection("live")
    page.until(lambda: account["email"] in page.text("#toasts"))
    mail = outbox.email(account["email"], "Confirm your address")
    page.driver.get(link(mail))  # in the open page, without loading a new document
    page.until(lambda: "is confirmed" in page.text("#toasts"))
    assert_token_gone(page, mail)
    page.click("#me")
    page.until(lambda: page.text("#contact-email .badge") == "Confirmed")
    page.driver.get(link(mail))
    page.until(lambda: "no longer works" in page.text("#toasts"))


def test_the_confirmation_link_works_in_a_browser_that_is_not_logged_in(windows, anna, outbox):
    windows.expect("status of 401")
    mail = outbox.email(anna.email, "Confirm your address")
    page = windows.open()
    page.driver.get("about:blank")
    page.driver.get(link(mail))
    page.until(lambda: "is confirmed" in note(page))
    assert_token_gone(page, mail)
    assert anna.get("/v1/me")["emailVerifiedAt"] is not None
    page.driver.get("about:blank")
    page.driver.get(link(mail))
    page.until(lambda: "no longer works" in note(page))
    assert not page.find("#shell").is_displayed() and page.driver.find_elements(By.CSS_SELECTOR, "#login")


def test_opening_a_confirmation_link_while_logged_in_keeps_the_session(windows, anna, outbox):
    mail = outbox.email(anna.email, "Confirm your address")
    page = windows.log_in(anna)
    page.driver.get("about:blank")
    page.driver.get(link(mail))
    page.wait_connection("live")
    page.until(lambda: "is confirmed" in page.text("#toasts"))
