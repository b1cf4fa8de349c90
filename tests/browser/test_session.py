"""Getting in and staying in: sign up, log in, reload, log out, and what is said when it fails."""
from client import fresh_account


def complaints(page):
    return {e.find_element("xpath", "..").find_element("css selector", "[name]").get_attribute("name")
            for e in page.all(".complaint")}


def test_every_complaint_stands_at_its_field(windows, anna):
    windows.expect("status of 409", "status of 422", "status of 400")
    page = windows.open()
    page.click("#tab-signup")
    page.click("#signup button[type=submit]")
    assert complaints(page) == {"name", "email", "phone", "password"}
    page.sign_up("Dora", "no address", "12", "correct horse battery staple")
    page.until(lambda: complaints(page) == {"email", "phone"})
    page.browser.screenshot("gate-complaints")
    page.sign_up(**{**fresh_account("dora"), "email": anna.email})
    page.until(lambda: "email" in page.text("#signup .form-error"))


def test_a_wrong_password_is_answered_in_words(windows, anna):
    windows.expect("status of 401")
    page = windows.open()
    page.log_in(anna.email, "not the password")
    page.until(lambda: page.find("#login .form-error").is_displayed() and page.text("#login .form-error"))
    page.log_in(anna.phone, anna.password)
    page.wait_connection("live")


def test_a_reload_keeps_the_session_and_the_place(windows, anna):
    project = anna.project("Place")
    task = anna.task("Open me", projectId=project["id"])
    page = windows.log_in(anna, project)
    page.open_task("Open me")
    page.driver.refresh()
    page.wait_connection("live")
    page.wait_project("Place")
    page.until(lambda: page.value("title") == "Open me")
    assert page.driver.current_url.endswith(f"/t/{task['id']}")


def test_logging_out_ends_the_session(windows, anna):
    page = windows.log_in(anna)
    page.log_out()
    page.driver.refresh()
    page.visible("#gate")
    assert page.driver.execute_script("return localStorage.length && localStorage.getItem('taskwire.refresh')") in (None, 0)


def test_a_session_ended_elsewhere_ends_here(windows, anna):
    windows.expect("status of 401")
    page = windows.log_in(anna)
    other = anna.log_in()
    sessions = other.items("/v1/sessions")
    for session in sessions:
        if not session.get("current"):
            other.delete(f"/v1/sessions/{session['id']}")
    page.visible("#gate", within=5)


def test_two_tabs_share_one_session(windows, anna):
    project = anna.project("Tabs")
    page = windows.log_in(anna, project)
    first = page.driver.current_window_handle
    page.driver.switch_to.new_window("tab")
    page.open()
    page.wait_connection("live")
    page.open_project("Tabs")
    page.new_task("From the second tab")
    page.driver.switch_to.window(first)
    page.card("From the second tab")
    page.driver.refresh()
    page.card("From the second tab")
