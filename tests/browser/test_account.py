"""The account page: the user's own data and sessions."""
import datetime

import bson
import pymongo
import qr_reader
from client import fresh_account
from reach import too_wide
from second_factor import code_of
from selenium.webdriver.support.ui import Select

NEW = "an altogether new one"


def account(windows, user):
    page = windows.log_in(user)
    page.click("#me")
    page.visible("#account")
    page.until(lambda: page.all("#sessions li"))
    return page


def submit(page, form, **fields):
    for name, value in fields.items():
        page.type(f"{form} [name={name}]", value)
    page.click(f"{form} button[type=submit]")


def said(page, form, text):
    page.until(lambda: text in page.text(f"{form} .said"), why=f"{form} never said {text}")


def badge(page, kind):
    return page.text(f"#contact-{kind} .badge")


def sessions(page):
    return {e.get_attribute("data-session"): e.text for e in page.all("#sessions li")}


def end_session(page, session):
    page.click(f"#sessions [data-session='{session}'] button")


def test_name_and_time_zone_can_be_changed(windows, anna):
    page = account(windows, anna)
    Select(page.find("#profile [name=timeZone]")).select_by_value("Europe/Berlin")
    submit(page, "#profile", name="Änne Meyer")
    said(page, "#profile", "Saved")
    assert page.text("#me-name") == "Änne Meyer"
    me = anna.get("/v1/me")
    assert (me["name"], me["timeZone"]) == ("Änne Meyer", "Europe/Berlin")
    submit(page, "#profile", name="  ")
    page.visible("#profile .complaint")


def test_an_address_confirmed_by_another_account_is_not_shown(windows, anna, stack):
    page = account(windows, anna)
    with pymongo.MongoClient(stack.mongodb_uri) as client:
        client[stack.mongodb_database].users.update_one(
            {"_id": bson.ObjectId(anna.id)}, {"$set": {"email": f"released:{anna.id}", "emailVerifiedAt": None}})
    page.driver.refresh()
    page.visible("#contact-email")
    page.until(lambda: "another account" in page.text("#contact-email"), why="the account page does not say so")
    shown = page.text("#contact-email")
    assert "now belongs to another account" in shown and "released" not in shown
    assert not page.find("#contact-email [name=code]").is_displayed()


def test_the_account_page_has_an_address_and_a_way_back(windows, anna):
    project = anna.project("Back")
    page = windows.log_in(anna, project)
    page.click("#me")
    page.visible("#account")
    assert page.driver.switch_to.active_element.get_attribute("id") == "account-title"
    page.driver.refresh()
    page.visible("#account")
    page.escape()
    page.wait_project("Back")
    page.until(lambda: not page.find("#account").is_displayed() and page.find("#board").is_displayed())
    page.driver.back()
    page.visible("#account")
    page.click(".account .back")
    page.wait_project("Back")


def test_the_phone_number_is_confirmed_with_a_code(windows, anna, outbox):
    windows.expect("status of 401")
    page = account(windows, anna)
    assert badge(page, "phone") == "Not confirmed"
    page.click("#contact-phone form:not([hidden]) footer button:nth-child(2)")
    page.until(lambda: anna.phone in page.text("#contact-phone .hint"))
    code = outbox.text_code(anna.phone)
    for n in range(1, 4):  # of five attempts: each counts once
        submit(page, "#contact-phone", code=f"{(int(code) + n) % 10**6:06d}")
        page.until(lambda: page.all("#contact-phone .complaint") and not page.all("#contact-phone [aria-busy]"))
        assert "wrong or has expired" in page.text("#contact-phone .complaint")
    submit(page, "#contact-phone", code=code)
    page.until(lambda: badge(page, "phone") == "Confirmed")
    assert anna.get("/v1/me")["phoneVerifiedAt"] is not None
    page.until(lambda: not page.find("#contact-phone [name=code]").is_displayed())


def test_requesting_too_many_codes_is_reported_at_once(windows, anna):
    windows.expect("status of 429")
    for _ in range(10):
        anna.post("/v1/verifications", purpose="phone").expect(202)
    page = account(windows, anna)
    page.click("#contact-phone form:not([hidden]) footer button:nth-child(2)")
    page.until(lambda: "too many codes" in page.text("#contact-phone .form-error"))
    asked = "return performance.getEntriesByType('resource').filter((e) => e.name.endsWith('/v1/verifications')).length"
    assert page.driver.execute_script(asked) == 1  # not retried


def test_a_new_address_takes_effect_once_its_code_is_entered(windows, anna, outbox):
    windows.expect("status of 422")
    page = account(windows, anna)
    new = fresh_account()["email"]
    edit = "#contact-email form:nth-of-type(2)"
    page.click("#contact-email .contact-row button")
    submit(page, edit, email=new, password="not my password")
    page.visible(f"{edit} .complaint")
    submit(page, edit, email=new, password=anna.password)
    page.until(lambda: new in page.text("#contact-email .hint"))
    assert page.text("#contact-email strong") == anna.email
    submit(page, "#contact-email", code=outbox.email(new, "Confirm your new address").code)
    page.until(lambda: page.text("#contact-email strong") == new and badge(page, "email") == "Confirmed")


def test_a_pending_number_can_be_cancelled(windows, anna, outbox):
    page = account(windows, anna)
    new = fresh_account()["phone"]
    page.click("#contact-phone .contact-row button")
    submit(page, "#contact-phone form:nth-of-type(2)", phone=f"{new[:3]} {new[3:6]} {new[6:]}", password=anna.password)
    page.until(lambda: new in page.text("#contact-phone .hint"))
    page.click("#contact-phone footer button:first-child")
    page.until(lambda: anna.phone in page.text("#contact-phone .hint"))
    submit(page, "#contact-phone form:nth-of-type(2)", password=anna.password)
    page.until(lambda: "Enter your password" not in page.text("#contact-phone .hint"))
    assert new not in page.text("#contact-phone")
    me = anna.get("/v1/me")
    assert (me["phone"], me["pendingPhone"]) == (anna.phone, None)


def test_changing_the_password_logs_out_other_browsers(windows, anna):
    windows.expect("status of 401", "status of 422")
    other, page = windows.log_in(anna), account(windows, anna)
    submit(page, "#password", currentPassword="not my password", newPassword=NEW)
    page.visible("#password .complaint")
    submit(page, "#password", currentPassword=anna.password, newPassword=NEW)
    said(page, "#password", "Password changed")
    other.visible("#gate")
    page.until(lambda: len(sessions(page)) == 1)
    other.log_in(anna.email, NEW)
    other.wait_connection("live")


def test_ending_another_session_logs_that_browser_out(windows, anna):
    windows.expect("status of 401")
    anna.delete("/v1/sessions/current").expect(204)
    other = windows.log_in(anna)
    page = account(windows, anna)
    page.until(lambda: len(sessions(page)) == 2)
    assert all("Chrome on Linux" in text and "127.0.0.1" in text and "just now" in text for text in sessions(page).values())
    theirs = next(id for id, text in sessions(page).items() if "This browser" not in text)
    end_session(page, theirs)
    other.visible("#gate")
    assert "has ended" in other.text("#gate-note")
    page.until(lambda: len(sessions(page)) == 1)
    page.wait_connection("live")
    other.driver.refresh()
    other.visible("#gate")


def test_all_other_sessions_can_be_logged_out_at_once(windows, anna):
    windows.expect("status of 401")
    page = account(windows, anna)
    others = [windows.log_in(anna) for _ in range(2)]
    page.driver.refresh()
    page.until(lambda: len(sessions(page)) == 4)  # with the one of anna's first token
    page.click("#end-others")
    for other in others:
        other.visible("#gate")
    page.until(lambda: len(sessions(page)) == 1 and not page.find("#end-others").is_displayed())
    page.wait_connection("live")


def test_two_factor_authentication_can_be_set_up_used_and_turned_off(windows, anna):
    windows.expect("status of 401", "status of 422")
    page = account(windows, anna)
    submit(page, "#factor-password", password="not my password")
    page.visible("#factor-password .complaint")
    submit(page, "#factor-password", password=anna.password)
    page.visible("#factor-code")
    secret = page.text("#factor-secret").replace(" ", "")
    uri = page.find("#factor-uri").get_attribute("href")
    assert f"secret={secret}&" in uri and uri == page.find("#factor-uri-text").get_property("textContent")
    assert qr_reader.read(page.find("#factor-qr path").get_attribute("d")) == uri
    submit(page, "#factor-code", code="000000" if code_of(secret) != "000000" else "000001")
    page.visible("#factor-code .complaint")
    submit(page, "#factor-code", code=code_of(secret))
    page.visible("#factor-recovery")
    recovery = [e.text for e in page.all("#recovery-codes code")]
    assert len(set(recovery)) == 10
    page.click("#recovery-done")
    page.until(lambda: "On since" in page.text("#factor-text"))
    assert recovery[0] not in page.driver.page_source and secret not in page.driver.page_source  # shown once

    other = windows.open()
    other.log_in(anna.email, anna.password)
    other.visible("#login [name=code]")
    submit(other, "#login", code="nonsense")
    other.visible("#login .form-error")
    submit(other, "#login", code=recovery[0].lower())
    other.wait_connection("live")

    submit(page, "#factor-password", password=anna.password, code="nonsense")
    page.visible("#factor-password .complaint")
    submit(page, "#factor-password", password=anna.password, code=recovery[1])
    said(page, "#factor-password", "Turned off")
    assert anna.log_in().get("/v1/me")["totpEnabledAt"] is None


def test_two_factor_set_up_fits_every_screen_size(windows, anna):
    page = account(windows, anna)
    page.click("#contact-phone .contact-row button")
    submit(page, "#factor-password", password=anna.password)
    page.visible("#factor-code")
    for width in (1280, 768, 360):
        page.resize(width, 900)
        assert too_wide(page) == [], width


def test_the_qr_code_contains_its_text(windows):
    """With and without version bits, with one block and several, of equal and unequal length."""
    page = windows.open()
    script = """
        const [text, done] = arguments;
        import("/qr.js").then(({ qrCode }) => done(qrCode(text)?.flatMap((row, y) =>
            row.map((dark, x) => (dark ? `M${x} ${y}h1` : ""))).join("") ?? null));"""
    for length in (1, 17, 18, 78, 150, 154, 155, 230, 231, 400, 586, 858):
        text = ("otpauth://totp/Änne-" * 50).encode()[:length].decode(errors="ignore")
        assert qr_reader.read(page.driver.execute_async_script(script, text)) == text
    assert page.driver.execute_async_script(script, "x" * 859) is None


def test_every_field_has_a_label_and_every_button_a_name(windows, anna):
    page = account(windows, anna)
    nameless = page.driver.execute_script("""
        const named = (e) => (e.labels?.length && e.labels[0].textContent.trim()) || e.ariaLabel || e.textContent.trim();
        return [...document.querySelectorAll("#gate, #account")].flatMap((root) =>
            [...root.querySelectorAll("input, select, button, a[href]")]).filter((e) => !named(e)).map((e) => e.outerHTML)""")
    assert nameless == []


EXPORT = """window.exported = null;
import("/api.js").then((api) => api.request("GET", "/v1/me/export"))
  .then((all) => { window.exported = all.user.email; }, (problem) => { window.exported = problem.slug; });"""


def long_since_confirmed(stack, user):
    """Makes the user's sessions look as if the password had been entered an hour ago."""
    an_hour_ago = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(hours=1)
    with pymongo.MongoClient(stack.mongodb_uri) as client:
        client[stack.mongodb_database].sessions.update_many(
            {"userId": bson.ObjectId(user.id)}, {"$set": {"confirmedAt": an_hour_ago}})


def export(page):
    """Nothing on the page needs a step-up, so its own module asks for something that does."""
    page.driver.execute_script(EXPORT)


def exported(page, what):
    page.until(lambda: page.driver.execute_script("return window.exported") == what, why=f"the export did not give {what}")


def test_an_old_login_has_to_confirm_the_password(stack, windows, anna):
    page = windows.log_in(anna)
    long_since_confirmed(stack, anna)
    windows.expect("status of 403", "status of 422")
    export(page)
    submit(page, "#step-up-form", password="not it at all")
    assert page.visible("#step-up-form .complaint").text == "Wrong password."
    assert not page.find("#step-up-form [name=code]").is_displayed()
    submit(page, "#step-up-form", password=anna.password)
    exported(page, anna.email)
    assert not page.find("#step-up-dialog").is_displayed()
    assert page.find("#step-up-form [name=password]").get_property("value") == ""
    export(page)
    exported(page, anna.email)  # it does not ask again for a quarter of an hour


def test_cancelling_the_password_prompt_cancels_the_action(stack, windows, anna):
    page = windows.log_in(anna)
    long_since_confirmed(stack, anna)
    windows.expect("status of 403")
    export(page)
    page.click("#step-up-dialog [data-close]")
    exported(page, "step-up-required")


def test_with_two_factor_authentication_the_prompt_also_asks_for_a_code(stack, windows, anna):
    secret = anna.post("/v1/me/totp", password=anna.password).expect(201)["secret"]
    recovery = anna.put("/v1/me/totp", code=code_of(secret)).expect(200)["recoveryCodes"]
    page = windows.open()
    page.log_in(anna.email, anna.password)
    submit(page, "#login", code=recovery[0])
    page.wait_connection("live")
    long_since_confirmed(stack, anna)
    windows.expect("status of 401", "status of 403", "status of 422")
    export(page)
    submit(page, "#step-up-form", password=anna.password, code="nonsense")
    page.visible("#step-up-form .complaint")
    submit(page, "#step-up-form", password=anna.password, code=recovery[1])
    exported(page, anna.email)
