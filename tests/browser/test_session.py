"""Sign up, log in, reload, log out, and the messages when they fail."""
import json

from client import fresh_account

REFRESH = "import('/session.js').then(({session}) => session.refresh()).then(() => { window.renewed = true; })"


def complaints(page):
    return {e.find_element("xpath", "..").find_element("css selector", "[name]").get_attribute("name")
            for e in page.all(".complaint")}


def test_every_error_is_shown_at_its_field(windows, anna):
    windows.expect("status of 409", "status of 422", "status of 400")
    page = windows.open()
    page.click("#tab-signup")
    page.click("#signup button[type=submit]")
    assert complaints(page) == {"name", "email", "phone", "password"}
    page.sign_up("Dora", "no address", "12", "correct horse battery staple")
    page.until(lambda: complaints(page) == {"email", "phone"})
    page.sign_up(**{**fresh_account("dora"), "email": anna.email})
    page.until(lambda: complaints(page) == {"email"})


def test_a_wrong_password_shows_a_message(windows, anna):
    windows.expect("status of 401")
    page = windows.open()
    page.log_in(anna.email, "not the password")
    page.until(lambda: page.find("#login .form-error").is_displayed() and page.text("#login .form-error"))
    page.log_in(anna.phone, anna.password)
    page.wait_connection("live")


def test_a_reload_keeps_the_session_and_the_open_task(windows, anna):
    project = anna.project("Place")
    task = anna.task("Open me", projectId=project["id"])
    page = windows.log_in(anna, project)
    page.open_task("Open me")
    page.driver.refresh()
    page.wait_connection("live")
    page.wait_project("Place")
    page.until(lambda: page.value("title") == "Open me")
    page.until(lambda: page.driver.current_url.endswith(f"/t/{task['id']}"))


def cookies(page):
    return page.driver.execute_cdp_cmd("Network.getAllCookies", {})["cookies"]


def stored(page):
    """Everything persistent that a script can read."""
    return page.driver.execute_script(
        "return JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie, location.href, history.state])")


def test_scripts_cannot_read_any_secret(windows, outbox):
    account = fresh_account("dora")
    page = windows.open()
    page.sign_up(**account)
    page.wait_connection("live")
    page.driver.refresh()
    page.wait_connection("live")
    (cookie,) = cookies(page)
    assert (cookie["name"], cookie["path"], cookie["httpOnly"], cookie["sameSite"]) == (
        "taskwire_refresh", "/v1/sessions", True, "Strict")
    local, session, readable, _, state = json.loads(stored(page))
    assert set(local) <= {"taskwire.user", "taskwire.project", "taskwire.view"} and session == {} and readable == ""
    assert state is None and all(len(value) <= 24 for value in local.values()), local  # ids and words
    assert not page.driver.execute_script("return indexedDB.databases ? indexedDB.databases().then(d => d.length) : 0")
    assert cookie["value"] not in page.driver.page_source


def test_logging_out_ends_the_session(windows, anna):
    page = windows.log_in(anna)
    assert {c["name"] for c in cookies(page)} == {"taskwire_device", "taskwire_refresh"}
    page.log_out()
    assert [c["name"] for c in cookies(page)] == ["taskwire_device"]  # not a credential: it only has its own count of failed attempts
    page.driver.refresh()
    page.visible("#gate")
    assert "taskwire.user" not in stored(page)


def test_a_logout_that_did_not_reach_the_server_is_reported(windows, anna):
    windows.expect_losses()
    page = windows.log_in(anna)
    page.hurry()
    page.browser.offline(True)
    page.click("#logout")
    page.visible("#gate")
    assert "may still be open" in page.text("#gate-note")
    page.browser.offline(False)
    page.driver.refresh()
    page.visible("#gate")


def test_tabs_that_refresh_at_once_keep_the_session(windows, anna):
    """With and without the browser's locks."""
    page = windows.log_in(anna)
    for _ in range(2):
        page.driver.switch_to.new_window("tab")
        page.open()
        page.wait_connection("live")
    tabs = page.driver.window_handles
    for before in ("", "Object.defineProperty(navigator, 'locks', {value: undefined});"):
        for tab in tabs:
            page.driver.switch_to.window(tab)
            page.driver.execute_script(f"{before} window.renewed = false; setTimeout(() => {REFRESH}, 150)")
        for tab in tabs:
            page.driver.switch_to.window(tab)
            page.until(lambda: page.driver.execute_script("return window.renewed"))
    for tab in tabs:
        page.driver.switch_to.window(tab)
        page.driver.refresh()
        page.wait_connection("live")


def test_logging_out_in_one_tab_logs_out_the_others(windows, anna):
    page = windows.log_in(anna)
    first = page.driver.current_window_handle
    page.driver.switch_to.new_window("tab")
    page.open()
    page.wait_connection("live")
    page.log_out()
    page.driver.switch_to.window(first)
    page.visible("#gate")
    assert "another tab" in page.text("#gate-note")


def test_a_session_ended_elsewhere_ends_in_the_page(windows, anna):
    windows.expect("status of 401")
    page = windows.log_in(anna)
    other = anna.log_in()
    sessions = other.items("/v1/sessions")
    for session in sessions:
        if not session.get("current"):
            other.delete(f"/v1/sessions/{session['id']}")
    page.visible("#gate")


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
