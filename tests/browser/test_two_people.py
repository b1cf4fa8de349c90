"""Two users in two browsers: each sees what the other does."""
import time

from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select

from client import fresh_account

LIVE = 2.0


def sign_up(page, account):
    page.sign_up(**account)
    page.wait_connection("live")
    page.wait_project("Inbox")


def test_two_people_work_on_one_board(windows, outbox):
    anna_account, ben_account = fresh_account("anna"), fresh_account("ben")
    anna, ben = windows.open(), windows.open()
    sign_up(anna, anna_account)
    sign_up(ben, ben_account)
    anna.create_project("Garden house")
    anna.new_task("Measure the walls")
    anna.share(ben_account["email"])
    ben.answer_invitation(outbox.email(ben_account["email"], "invites you"))
    ben.wait_project("Garden house")
    ben.wait_titles("todo", ["Measure the walls"])

    anna.new_task("Buy paint")
    ben.wait_titles("todo", ["Measure the walls", "Buy paint"])

    ben.drag("Buy paint", "in-progress")
    anna.wait_titles("in-progress", ["Buy paint"])
    ben.drag("Buy paint", "todo", before="Measure the walls")
    anna.wait_titles("todo", ["Buy paint", "Measure the walls"])

    ben.edit_task("Buy paint", title="Buy white paint", priority="high")
    anna.wait_titles("todo", ["Buy white paint", "Measure the walls"])

    ben.delete_task("Buy white paint")
    anna.wait_titles("todo", ["Measure the walls"])
    ben.undo()
    anna.wait_titles("todo", ["Buy white paint", "Measure the walls"])

    for page in (anna, ben):
        ours, fresh = page.state_and_snapshot()
        assert ours == fresh


def test_a_change_is_seen_within_two_seconds(windows, anna, ben):
    """From the click on Create in one browser to the card in the other; the best of several attempts, because the machine may be busy."""
    project = anna.project("Race")
    anna.share(project, ben)
    first, second = windows.log_in(anna, project), windows.log_in(ben, project)
    took = []
    while len(took) < 5 and min(took, default=LIVE + 1) > LIVE:
        title = f"Start {len(took)}"
        first.click("#new-task")
        first.type("#task [name=title]", title)
        start = time.monotonic()
        first.save()
        second.card(title)
        took.append(time.monotonic() - start)
    print("seen after", *(f"{each * 1000:.0f} ms" for each in took))
    assert min(took) <= LIVE


def test_a_conflict_on_one_field_asks_which_version_to_keep(windows, anna, ben):
    windows.expect("status of 412")
    project = anna.project("Clash")
    anna.task("Paint it red", projectId=project["id"])
    anna.share(project, ben)
    first, second = windows.log_in(anna, project), windows.log_in(ben, project)
    first.open_task("Paint it red")
    first.fill(title="Paint it blue")
    second.edit_task("Paint it red", title="Paint it green")
    first.until(lambda: "changed the title" in first.text("#task-note"))
    first.save()
    first.visible("#conflict-dialog")
    row = first.find("#conflict-table tbody tr").text
    assert "Paint it green" in row and "Paint it blue" in row
    first.click("#conflict-dialog [value=mine]")
    second.card("Paint it blue")


def test_the_other_version_can_be_kept(windows, anna, ben):
    windows.expect("status of 412")
    project = anna.project("Clash")
    task = anna.task("Paint it red", projectId=project["id"])
    anna.share(project, ben)
    first = windows.log_in(anna, project)
    first.open_task("Paint it red")
    first.fill(title="Paint it blue", description="Twice.")
    ben.patch(task, title="Paint it green").expect(200)
    first.until(lambda: "changed the title" in first.text("#task-note"))
    first.save()
    first.click("#conflict-dialog [value=theirs]")
    first.until(lambda: first.text("#task-note") == "Saved")
    after = anna.get(task).expect(200)
    assert (after["title"], after["description"]) == ("Paint it green", "Twice.")


def test_a_label_or_status_deleted_by_another_user_does_not_prevent_saving(windows, anna, ben):
    project = anna.project("Shrinking")
    labels = [{"id": "red", "name": "red", "colour": "#aa5500"}, {"id": "blue", "name": "blue", "colour": "#0055aa"}]
    statuses = [*project["statuses"], {"id": "later", "name": "Later", "kind": "open"}]
    anna.patch(project, labels=labels, statuses=statuses).expect(200)
    anna.share(project, ben, "admin")
    task = anna.task("Paint", projectId=project["id"], labelIds=["red", "blue"])
    page = windows.log_in(anna, project)
    page.open_task("Paint")
    page.fill(status="later", description="Two coats.")
    ben.patch(project, labels=labels[1:], statuses=statuses[:-1]).expect(200)
    page.until(lambda: page.value("status") == "todo")
    page.until(lambda: page.text("#labels [data-id=red]") == "Deleted label")
    assert [e.text for e in page.all(".card .label")] == ["blue"]
    page.save()
    page.until(lambda: page.text("#task-note") == "Saved")
    after = anna.get(task)
    assert (after["status"], after["description"], after["labelIds"]) == ("todo", "Two coats.", ["red", "blue"])
    page.click("#labels [data-id=red]")
    page.save()
    page.until(lambda: anna.get(task)["labelIds"] == ["blue"])
    page.until(lambda: not page.all("#labels [data-id=red]") and not page.all("#task[aria-busy]"))
    page.escape()
    page.until(lambda: not page.find("#panel").is_displayed())

    ben.patch(project, statuses=statuses).expect(200)
    page.visible("[data-add=later]")
    page.browser.still()
    page.click("[data-add=later]")  # a new task in a column that is deleted while it is edited
    page.fill(title="Varnish")
    ben.patch(project, statuses=statuses[:-1]).expect(200)
    page.until(lambda: page.value("status") == "todo")
    page.save()
    page.wait_titles("todo", ["Paint", "Varnish"])


def test_changes_to_different_fields_are_merged(windows, anna, ben):
    project = anna.project("Together")
    task = anna.task("Paint", projectId=project["id"])
    anna.share(project, ben)
    first = windows.log_in(anna, project)
    first.open_task("Paint")
    first.fill(description="Two coats.")
    ben.patch(task, priority="urgent").expect(200)
    first.until(lambda: first.value("priority") == "urgent")
    assert first.value("description") == "Two coats."
    first.save()
    first.until(lambda: first.text("#task-note") == "Saved")
    after = anna.get(task).expect(200)
    assert (after["priority"], after["description"]) == ("urgent", "Two coats.")


CHECKLIST = [{"id": i, "text": f"Item {i}", "done": False} for i in "abcdef"]


def checklist(page):
    """The checklist in the form: texts, and whether they are done."""
    return page.driver.execute_script("""
        return [...document.querySelectorAll("#checklist .item")].map((row) => {
          const [done, text] = row.querySelectorAll("input");
          return [text.value, done.checked];
        })""")


def press(page, item, button):
    """Presses a button of an item, which is only visible under the mouse."""
    page.driver.execute_script("arguments[0].click()", page.find(f"#checklist [data-id={item}] .{button}"))


def test_two_people_who_edit_one_task_at_once_keep_both_edits(windows, anna, ben):
    """Both tick, add, remove and reorder, and change a field, before either saves."""
    project = anna.project("Together", labels=[{"id": i, "name": i} for i in ("red", "blue", "green")])
    anna.share(project, ben)
    task = anna.task("Paint", projectId=project["id"], labelIds=["green"], checklist=CHECKLIST)
    first, second = windows.log_in(anna, project), windows.log_in(ben, project)

    def edit(page, tick, remove, up, text, label, **fields):
        page.open_task("Paint")
        page.click(f"#checklist [data-id={tick}] [type=checkbox]")
        press(page, remove, "close")
        press(page, up, "up")
        page.find("#checklist-add").send_keys(text)
        page.click(f"#labels [data-id={label}]")
        page.fill(**fields)

    edit(first, "a", "b", "c", "Anna's", "red", description="Two coats.")
    edit(second, "e", "b", "f", "Ben's", "green", priority="high")
    windows.expect("status of 404")  # removed already
    for page in (first, second):
        page.driver.execute_script("document.getElementById('task-save').click()")
    for page in (first, second):
        page.until(lambda page=page: page.text("#task-note") == "Saved")
    after = anna.get(task)
    found = [(i["text"], i["done"]) for i in after["checklist"]]
    assert found[:5] == [("Item c", False), ("Item a", True), ("Item d", False), ("Item f", False), ("Item e", True)]
    assert sorted(found[5:]) == [("Anna's", False), ("Ben's", False)]
    assert (after["labelIds"], after["description"], after["priority"]) == (["red"], "Two coats.", "high")
    for page in (first, second):
        page.until(lambda page=page: checklist(page) == [list(i) for i in found])
        page.until(lambda page=page: page.find("#labels [data-id=red]").get_attribute("aria-pressed") == "true")
        ours, fresh = page.state_and_snapshot()
        assert ours == fresh


def test_edits_of_other_items_appear_while_one_is_edited_and_the_same_one_asks(windows, anna, ben):
    windows.expect("status of 412")
    project = anna.project("Together")
    anna.share(project, ben)
    task = anna.task("Paint", projectId=project["id"], checklist=CHECKLIST[:3])
    page = windows.log_in(anna, project)
    page.open_task("Paint")
    page.find("#checklist [data-id=a] [type=text]").send_keys(" in oak")
    page.find("#checklist-add").send_keys("Not yet")
    ben.patch(task, "/checklist/b", done=True).expect(200)
    ben.post(task, "/checklist", id="n", text="New", before="b").expect(201)
    page.until(lambda: checklist(page) == [["Item a in oak", False], ["New", False], ["Item b", True], ["Item c", False]])
    page.find("#checklist-add").send_keys(" done")
    ben.patch(task, "/checklist/a", text="Item a in pine").expect(200)
    page.until(lambda: "changed the checklist" in page.text("#task-note"))
    ben.delete(task, "/checklist/c").expect(204)
    page.save()
    page.visible("#conflict-dialog")
    row = page.find("#conflict-table tbody tr").text
    assert "Item a in pine" in row and "Item a in oak" in row
    page.click("#conflict-dialog [value=mine]")
    page.until(lambda: page.text("#task-note") == "Saved")
    after = [(i["text"], i["done"]) for i in anna.get(task)["checklist"]]
    assert after == [("Item a in oak", False), ("New", False), ("Item b", True), ("Not yet done", False)]
    assert checklist(page) == [list(i) for i in after]


def test_the_page_applies_events_that_name_items_only(windows, anna, ben):
    """The task is too large for its events, so the page has to build it from their changes."""
    labels = [{"id": i, "name": i} for i in ("red", "blue")]
    project = anna.project("Large", labels=labels)
    anna.share(project, ben)
    task, other = (anna.task("Large", projectId=project["id"], description="x" * 9000, checklist=CHECKLIST) for _ in range(2))
    page = windows.log_in(anna, project)
    for who, method, path, body in [
        (ben, "PATCH", "/checklist/c", {"done": True}), (anna, "PATCH", "/checklist/c", {"text": "Third", "done": False}),
        (ben, "POST", "/checklist", {"id": "n", "text": "First", "before": "a"}), (anna, "POST", "/checklist/e/move", {"before": "n"}),
        (ben, "POST", "/checklist/a/move", {}), (anna, "DELETE", "/checklist/b", None), (ben, "PUT", "/labels/red", None),
        (anna, "PUT", "/labels/blue", None), (ben, "DELETE", "/labels/red", None), (anna, "PUT", f"/assignees/{ben.id}", None),
        (ben, "PUT", f"/relations/blocks/{other['id']}", None), (anna, "PUT", f"/relations/relates/{other['id']}", None),
        (ben, "DELETE", f"/relations/blocks/{other['id']}", None), (anna, "PATCH", "", {"checklist": CHECKLIST[::-1], "title": "Small"}),
    ]:
        who.send(method, f"/v1/tasks/{task['id']}{path}", body).expect((200, 201, 204))
    page.card("Small")
    ours, fresh = page.state_and_snapshot()
    assert ours == fresh
    assert page.driver.execute_script("return performance.getEntriesByType('resource').map((e) => e.name).filter((n) => n.includes('/v1/tasks/'))") == []


def test_comments_are_written_edited_and_deleted_for_both(windows, anna, ben):
    project = anna.project("Talk")
    anna.share(project, ben, "commenter")
    task = anna.task("Paint", projectId=project["id"])
    child = anna.task("Sand", projectId=project["id"], parentId=task["id"])
    anna.post(task, "/comments", text="Which colour?").expect(201)
    first, second = windows.log_in(anna, project), windows.log_in(ben, project)

    def texts(page):
        return [e.text for e in page.all("#comment-list > .comment > .comment-text")]

    for page in (first, second):
        page.open_task("Paint")
        page.until(lambda page=page: texts(page) == ["Which colour?"])
    second.find("#comment-add").send_keys("<b>White</b>")
    second.press_with(Keys.CONTROL, Keys.ENTER)
    for page in (first, second):
        page.until(lambda page=page: texts(page) == ["Which colour?", "<b>White</b>"])
    own = second.find(".comment:last-child")
    assert [e.text for e in own.find_elements("css selector", ".link")] == ["Edit", "Delete"]
    assert not second.all(".comment:first-child .link"), "Anna's comment is not Ben's to change"
    own.find_element("css selector", ".link").click()
    second.type("#comment-list textarea", "Grey")
    second.press_with(Keys.CONTROL, Keys.ENTER)
    first.until(lambda: texts(first) == ["Which colour?", "Grey"])
    first.click(".comment:last-child summary")
    assert first.text(".comment:last-child .edits .comment-text") == "<b>White</b>"
    anna.patch(child, status="completed").expect(200)
    marks = lambda: [e.text for e in first.card("Paint").find_elements("css selector", ".progress")]  # noqa: E731
    first.until(lambda: marks() == ["1/1", "2"])
    first.click(".comment:last-child .link")  # as the project's owner: Delete
    first.click("#confirm-dialog [value=yes]")
    second.until(lambda: texts(second) == ["Which colour?"])
    first.until(lambda: marks() == ["1/1", "1"])
    for page in (first, second):
        ours, fresh = page.state_and_snapshot()
        assert ours == fresh
    first.click("#task-copy")
    for page in (first, second):
        page.until(lambda page=page: page.titles().count("Paint") == 2, why="the copy is not shown")
    choice = Select(second.find("#watch"))
    choice.select_by_visible_text("Muted")
    second.until(lambda: ben.get(f"/v1/tasks/{task['id']}/subscription")["state"] == "muted", why="the choice was not stored")
    ben.delete(task, "/subscription").expect(204)  # on another device
    second.until(lambda: choice.first_selected_option.text == "Automatic", why="the other device's choice is not shown")
    second.find("#comment-add").send_keys("Not sent")
    second.click("#task-close")
    second.click("#confirm-dialog [data-close]")  # it asks
    assert second.find("#comment-add").get_property("value") == "Not sent"


def test_a_removed_member_loses_the_project(windows, anna, ben):
    project = anna.project("Secret")
    anna.task("Hidden", projectId=project["id"])
    anna.share(project, ben)
    page = windows.log_in(ben, project)
    page.card("Hidden")
    anna.delete(f"/v1/projects/{project['id']}/members/{ben.id}").expect(204)
    page.until(lambda: "Secret" not in page.projects() and not page.all(".card"))
    page.wait_project("Inbox")


def test_a_role_change_takes_effect_at_once(windows, anna, ben):
    project = anna.project("Roles")
    anna.task("Look", projectId=project["id"])
    anna.share(project, ben, role="viewer")
    page = windows.log_in(ben, project)
    page.until(lambda: page.find("#new-task").get_attribute("disabled"))
    anna.put(f"/v1/projects/{project['id']}/members/{ben.id}", role="member").expect(200)
    page.until(lambda: not page.find("#new-task").get_attribute("disabled"))


def test_members_can_be_managed_in_the_share_dialog(windows, anna, ben):
    project = anna.project("Team")
    page = windows.log_in(anna, project)
    page.share(ben.email, "viewer")
    page.click("#share")
    page.until(lambda: len(page.all("#invitations li")) == 1)
    ben.accept(anna.invite(project, ben.email)["token"])  # replaces the one that was just sent
    page.until(lambda: len(page.all("#members li")) == 2 and not page.all("#invitations li"))
    page.click(f"#members li[data-member='{ben.id}'] button")
    page.until(lambda: len(page.all("#members li")) == 1)
    windows.expect("status of 422")
    page.type("#share-form [name=email]", "nobody at all")
    page.click("#share-form button[type=submit]")
    page.until(lambda: page.all("#share-form .complaint") or page.find("#share-form .form-error").is_displayed())


def test_others_see_a_renamed_and_a_trashed_project(windows, anna, ben):
    project = anna.project("Old name")
    anna.share(project, ben)
    first, second = windows.log_in(anna, project), windows.log_in(ben, project)
    first.click("#project-settings")
    first.type("#project-form [name=name]", "New name")
    first.click("#project-form button[type=submit]")
    second.until(lambda: second.text("#project-name") == "New name" and "New name" in second.projects())
    first.click("#project-settings")
    first.click("#project-trash")
    first.click("#confirm-dialog [value=yes]")
    second.until(lambda: "New name" not in second.projects())
    first.undo()
    second.until(lambda: "New name" in second.projects())


def test_a_project_is_duplicated_from_its_settings(windows, anna):
    project = anna.project("Original")
    anna.task("Keep", projectId=project["id"])
    page = windows.log_in(anna, project)
    page.click("#project-settings")
    page.click("#project-duplicate")
    page.undo()  # the button of the toast, which opens the copy
    page.wait_project("Original (copy)")
    page.wait_titles("todo", ["Keep"])
