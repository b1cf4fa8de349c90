"""Unsaved input is never lost, and without unsaved input nothing asks."""
import pytest
from selenium.webdriver.common.keys import Keys



def type_title(page, text):
    page.fill(title=text)


def asks_before_leaving(page):
    """Whether the browser would ask before a reload (WebDriver dismisses such dialogs itself)."""
    return page.driver.execute_script("return !window.dispatchEvent(new Event('beforeunload', { cancelable: true }))")


def end_sessions(user):
    other = user.log_in()
    for session in other.items("/v1/sessions"):
        if not session.get("current"):
            other.delete(f"/v1/sessions/{session['id']}").expect(204)


def test_reloading_with_unsaved_input_asks(windows, anna):
    project = anna.project("Reload")
    anna.task("Plan", projectId=project["id"])
    page = windows.log_in(anna, project)
    page.open_task("Plan")
    assert not asks_before_leaving(page)
    type_title(page, "Plan B")
    assert asks_before_leaving(page)
    page.save()
    page.until(lambda: page.text("#task-note") == "Saved")
    assert not asks_before_leaving(page)
    page.find("#checklist-add").send_keys("an item")
    assert asks_before_leaving(page)


def test_the_project_dialog_asks_before_input_is_lost(windows, anna):
    project = anna.project("Window", description="One\r\ntwo ")
    page = windows.log_in(anna, project)
    page.click("#project-settings")
    page.visible("#project-form [name=name]")
    assert not asks_before_leaving(page)
    page.escape()
    page.until(lambda: not page.find("#project-dialog").is_displayed(), why="closing asked")
    page.click("#project-settings")
    page.type("#project-form [name=name]", "Window 2")
    assert asks_before_leaving(page)
    for close in (page.escape, lambda: page.click("#project-dialog [data-close]")):
        close()
        page.visible("#confirm-dialog")
        page.escape()
        page.until(lambda: not page.find("#confirm-dialog").is_displayed())
        assert page.find("#project-form [name=name]").get_property("value") == "Window 2"
    page.click("#project-form button[type=submit]")
    page.until(lambda: page.text("#project-name") == "Window 2")
    assert not asks_before_leaving(page)
    page.click("#new-project")
    page.type("#project-form [name=description]", "Much to say")
    page.escape()
    page.click("#confirm-dialog [value=yes]")
    page.until(lambda: not page.find("#project-dialog").is_displayed())
    page.click("#share")
    page.type("#share-form [name=email]", "someone@example.org")
    page.escape()
    page.visible("#confirm-dialog")
    assert anna.get(project)["description"] == "One\r\ntwo "


def test_the_account_forms_ask_before_input_is_lost(windows, anna):
    project = anna.project("Elsewhere")
    page = windows.log_in(anna, project)
    page.click("#me")
    page.visible("#sessions li")
    page.type("#password [name=currentPassword]", "a secret is not asked about")
    assert not asks_before_leaving(page)
    page.type("#profile [name=name]", "Anna Two")
    assert asks_before_leaving(page)
    for leave in (".account .back", "#projects .project", "#logout"):
        page.click(leave)
        page.visible("#confirm-dialog")
        page.click("#confirm-dialog [data-close]")
        page.until(lambda: page.driver.current_url.endswith("#/account"), why="the address is another page's")
        assert page.find("#profile [name=name]").get_property("value") == "Anna Two"
    page.click("#profile button[type=submit]")
    page.until(lambda: page.text("#profile .said") == "Saved")
    assert not asks_before_leaving(page)
    page.click("#contact-phone .contact-row button")
    page.type("#contact-phone [name=phone]", "+49 170")
    assert asks_before_leaving(page)
    page.click(".account .back")
    page.click("#confirm-dialog [value=yes]")
    page.wait_project("Elsewhere")
    assert not asks_before_leaving(page)
    page.log_out()
    page.click("#tab-signup")
    assert not asks_before_leaving(page)
    page.type("#signup [name=name]", "Dora")
    assert asks_before_leaving(page)


def test_input_in_a_dialog_survives_an_ended_session(windows, anna):
    windows.expect("status of 401")
    project = anna.project("Short", description="As it was.")
    page = windows.log_in(anna, project)
    page.click("#project-settings")
    page.type("#project-form [name=name]", "A long new name")
    end_sessions(anna)
    page.visible("#gate")
    assert "A long new name" not in everything(page)
    page.log_in(anna.email, anna.password)
    page.until(lambda: page.visible("#project-form [name=name]").get_property("value") == "A long new name")
    page.click("#project-form button[type=submit]")
    page.until(lambda: page.text("#project-name") == "A long new name")
    assert anna.log_in().get(project)["description"] == "As it was."
    page.click("#me")
    page.visible("#sessions li")
    page.type("#profile [name=name]", "Anna Two")
    end_sessions(anna)
    page.visible("#gate")
    page.log_in(anna.email, anna.password)
    page.until(lambda: page.visible("#profile [name=name]").get_property("value") == "Anna Two")


def test_concurrent_changes_of_a_project_are_never_overwritten_unseen(windows, anna, ben):
    windows.expect("status of 412")
    project = anna.project("Draft", description="As it was.")
    anna.share(project, ben, "admin")
    page = windows.log_in(anna, project)
    page.click("#project-settings")
    page.type("#project-form [name=name]", "Mine")
    ben.patch(project, name="Theirs", description="Better.").expect(200)
    page.click("#project-form button[type=submit]")
    page.until(lambda: "Theirs" in page.text("#project-form .form-error"))
    assert page.find("#project-form [name=name]").get_property("value") == "Mine"
    page.click("#project-form button[type=submit]")
    page.until(lambda: page.text("#project-name") == "Mine")
    after = anna.get(project)
    assert (after["name"], after["description"]) == ("Mine", "Better.")


def test_input_in_a_task_survives_an_ended_session(windows, anna):
    """The task and the input are restored after the same user logs in again; until then nothing of them is in the page."""
    windows.expect("status of 401")
    project = anna.project("Expiry")
    task = anna.task("Old title", projectId=project["id"], description="Kept.")
    page = windows.log_in(anna, project)
    page.open_task("Old title")
    page.fill(title="A long new title")
    page.find("#checklist-add").send_keys("buy nails")
    end_sessions(anna)
    page.visible("#gate")
    assert "A long new title" not in everything(page) and "buy nails" not in everything(page)
    page.log_in(anna.email, anna.password)
    page.until(lambda: page.value("title") == "A long new title")
    page.until(lambda: page.driver.current_url.endswith(f"/t/{task['id']}"))
    page.save()
    page.until(lambda: page.text("#task-note") == "Saved")
    after = anna.log_in().get(task).expect(200)
    assert (after["title"], after["description"]) == ("A long new title", "Kept.")
    assert [i["text"] for i in after["checklist"]] == ["buy nails"]


def test_another_user_does_not_get_the_unsaved_input(windows, anna, ben):
    windows.expect("status of 401")
    project = anna.project("Expiry")
    anna.task("Old title", projectId=project["id"])
    page = windows.log_in(anna, project)
    page.open_task("Old title")
    type_title(page, "For Anna only")
    end_sessions(anna)
    page.visible("#gate")
    page.log_in(ben.email, ben.password)
    page.wait_project("Inbox")
    assert "For Anna only" not in everything(page)


def test_a_checklist_item_typed_without_enter_is_saved(windows, anna):
    project = anna.project("Items")
    task = anna.task("List", projectId=project["id"], checklist=[{"id": "a", "text": "one", "done": False}])
    page = windows.log_in(anna, project)
    page.open_task("List")
    page.find("#checklist-add").send_keys("two")
    page.save()
    page.until(lambda: page.text("#task-note") == "Saved")
    assert [i["text"] for i in anna.get(task)["checklist"]] == ["one", "two"]
    assert page.find("#checklist-add").get_property("value") == ""
    page.find("#labels .new-label").send_keys("soon")
    page.save()
    page.until(lambda: len(anna.get(task)["labelIds"]) == 1)


def test_text_can_be_copied_after_losing_write_access(windows, anna, ben):
    project = anna.project("Rights")
    anna.task("Draft", projectId=project["id"])
    anna.share(project, ben)
    page = windows.log_in(ben, project)
    page.open_task("Draft")
    page.fill(description="Much work.")
    anna.put(f"/v1/projects/{project['id']}/members/{ben.id}", role="viewer").expect(200)
    page.until(lambda: "can no longer edit" in page.text("#task-note"))
    assert page.value("description") == "Much work."
    page.find("#task [name=description]").click()  # it can still be selected and copied
    assert page.driver.execute_script("return document.activeElement.readOnly && document.activeElement.value") == "Much work."
    anna.delete(f"/v1/projects/{project['id']}/members/{ben.id}").expect(204)
    page.visible("#kept-dialog")
    assert page.find("#kept-typed").get_property("value") == "Much work."
    page.click("#kept-dialog [data-close]")


@pytest.mark.parametrize("fields", [
    {"description": "One\r\ntwo\rthree\r\n"}, {"title": "  padded  "}, {"title": "line\r\nbreak"},
    {"checklist": [{"id": "a", "text": "  padded ", "done": True}, {"id": "b", "text": "two\nlines", "done": False}]},
    {"dueAt": "2031-01-31T22:59:59.999Z"}, {"dueDate": "9999-12-31"}, {"title": "\u200fשלום 🚀 "}],
    ids=["line breaks", "padded title", "broken title", "padded items", "seconds", "last day", "marks"])
def test_closing_without_edits_does_not_ask(windows, anna, fields):
    project = anna.project("Quiet")
    body = {"projectId": project["id"], "title": "Quiet", **fields}
    reply = anna.post("/v1/tasks", **body)
    if reply.status == 422:
        pytest.skip("the API does not keep this")
    page = windows.log_in(anna, project)
    page.driver.get(f"{page.url}/#/p/{project['id']}/t/{reply['id']}")
    page.visible("#panel")
    page.escape()
    page.until(lambda: not page.find("#panel").is_displayed(), why="closing asked")
    assert anna.get(reply)["rev"] == reply["rev"]


def everything(page):
    """All text and all values in the document."""
    return page.driver.execute_script("""
        const values = [...document.querySelectorAll("input, textarea, select")].map((e) => e.value);
        const names = [...document.querySelectorAll("*")].flatMap((e) => [...e.attributes].map((a) => a.value));
        return [document.title, document.body.textContent, location.href, ...values, ...names].join("\\n")""")


def test_logging_out_removes_all_account_data_from_the_page(windows, anna, ben):
    anna.patch("/v1/me", name="Annamaria Verylongname").expect(200)
    project = anna.project("Confidential plan", description="Secret words")
    anna.patch(project, labels=[{"id": "l", "name": "classified", "colour": "#aa5500"}]).expect(200)
    anna.share(project, ben)
    task = anna.task("Hidden thing", projectId=project["id"], labelIds=["l"], assigneeIds=[anna.id, ben.id],
                     description="Nobody may read this", checklist=[{"id": "a", "text": "step one", "done": False}])
    page = windows.log_in(anna, project)
    page.find("#search").send_keys("Hidden")
    page.open_task("Hidden thing")
    page.click("#task-close")
    for opener, dialog in (("#share", "#share-dialog"), ("#project-settings", "#project-dialog")):
        page.click(opener)
        page.visible(dialog)
        page.click(f"{dialog} [data-close]")
    page.click("#view-list")
    page.visible(".tasks tbody tr")
    page.click(".tasks tbody tr")
    page.visible("#panel")
    page.click("#task-close")
    page.click("#me")
    page.visible("#sessions li")
    page.log_out()
    seen = everything(page)
    for secret in ("Annamaria", anna.email, anna.phone, anna.id, "Confidential", project["id"], "Secret words", "classified",
                   "Hidden", task["id"], "Nobody may", "step one", ben.name, ben.id, "127.0.0.1,"):
        assert secret not in seen, f"{secret} is still there"
    page.log_in(ben.email, ben.password)
    page.open_project("Confidential plan")
    assert page.find("#search").get_property("value") == ""


def test_leaving_a_project_asks_first(windows, anna, ben):
    project = anna.project("Club")
    anna.share(project, ben)
    page = windows.log_in(ben, project)
    page.click("#share")
    page.click(f"#members li[data-member='{ben.id}'] button")
    page.visible("#confirm-dialog")
    assert "Leave" in page.text("#confirm-title") and "Club" in page.text("#confirm-title")
    page.click("#confirm-dialog [data-close]")
    ben.get(project).expect(200)
    page.click(f"#members li[data-member='{ben.id}'] button")
    page.click("#confirm-dialog [value=yes]")
    page.wait_project("Inbox")
    ben.get(project).expect(404)


@pytest.mark.parametrize("composition", [{"isComposing": True, "keyCode": 13}, {"isComposing": False, "keyCode": 229}])
def test_enter_that_ends_a_composition_does_nothing_else(windows, anna, composition):
    project = anna.project("日本")
    anna.task("準備", projectId=project["id"])
    page = windows.log_in(anna, project)
    page.open_task("準備")
    page.find("#checklist-add").send_keys("買う")
    page.find("#labels .new-label").send_keys("急")
    page.fill(title="準備する")

    def enter(css, key="Enter"):
        page.driver.execute_script("""
            const [css, key, more] = arguments;
            document.querySelector(css).dispatchEvent(new KeyboardEvent("keydown", { key, code: key, bubbles: true, cancelable: true, ...more }))
        """, css, key, composition)
    for css in ("#task [name=title]", "#checklist-add", "#labels .new-label", "#task [name=description]"):
        enter(css)
        enter(css, "Escape")
    page.browser.still()
    assert page.all("#checklist .item") == [] and page.all("#labels .chip") == []
    assert page.find("#checklist-add").get_property("value") == "買う" and page.value("title") == "準備する"
    assert page.text("#task-note") == "" and not page.find("#confirm-dialog").is_displayed()
    assert [t["title"] for t in anna.items("/v1/tasks", projectId=project["id"])] == ["準備"]
    enter(".card")
    page.find("#task [name=title]").send_keys(Keys.CONTROL, Keys.ENTER)
    page.until(lambda: page.text("#task-note") == "Saved")
