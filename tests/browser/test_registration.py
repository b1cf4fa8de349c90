"""Signing up where accounts are opened by email, or by invitation only."""
from client import fresh_account


def test_an_account_is_opened_by_the_link_in_the_email(stack, windows, outbox):
    account = fresh_account("dora")
    windows.expect_losses()  # of the page that is still open when the api gets its own settings back
    with stack.api_with(REGISTRATION="verified"):
        page = windows.open()
        page.sign_up(**account)
        page.visible("#login")
        assert page.text("#gate-note") == f"We’ve emailed a link to {account['email']} to activate your account. Follow it, then log in here."
        mail = outbox.email(account["email"], "Open your Taskwire account")
        page.driver.get(next(word for word in mail.text.split() if "token=" in word))
        page.visible("#login")
        page.until(lambda: mail.token not in page.driver.current_url)
        page.log_in(account["email"], account["password"])
        page.wait_connection("live")


def test_the_page_says_that_signing_up_needs_an_invitation(stack, windows):
    windows.expect("status of 403")
    windows.expect_losses()
    with stack.api_with(REGISTRATION="invited"):
        page = windows.open()
        page.sign_up(**fresh_account("erik"))
        page.until(lambda: "with an invitation" in page.text("#signup .form-error"))
