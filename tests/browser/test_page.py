"""The page itself: keys, all fields, and that user input stays text."""
from selenium.webdriver.common.keys import Keys

NASTY = "<img src=x onerror=\"window.hacked = 1\"><script>window.hacked = 1</script>"


def test_user_input_stays_text(windows, anna):
    anna.patch("/v1/me", name=NASTY).expect(200)
    project = anna.project(NASTY[:100])
    anna.patch(project, labels=[{"id": "bold", "name": "<b>bold</b>", "colour": "#aa5500"}]).expect(200)
    anna.task(NASTY, projectId=project["id"], description=NASTY, labelIds=["bold"], assigneeIds=[anna.id],
              checklist=[{"id": "one", "text": NASTY, "done": False}])
    page = windows.log_in(anna)
    page.open_project(NASTY[:100])
    page.open_task(NASTY)
    assert page.text(".card .label") == "<b>bold</b>"
    page.click("#task-close")
    page.click("#view-list")
    page.visible(".tasks tbody tr")
    page.click("#share")
    page.visible("#members li")
    assert not page.driver.execute_script("return window.hacked || document.querySelector('[onerror], .cards b')")


def test_everything_can_be_done_with_the_keyboard(windows, anna):
    project = anna.project("Keys")
    page = windows.log_in(anna, project)
    page.press("n")
    page.visible("#panel")
    page.press("First", Keys.ENTER)
    page.card("First")
    page.press("n")
    page.press("Second", Keys.ENTER)
    page.wait_titles("todo", ["First", "Second"])
    page.press("/", "sec")
    page.wait_titles("todo", ["Second"])
    page.escape()
    page.wait_titles("todo", ["First", "Second"])

    # Tab reaches one card of a column.
    stops = "return [...document.querySelectorAll(arguments[0])].filter((e) => e.tabIndex === 0).map((e) => e.querySelector('.card-title').textContent)"
    assert len(page.driver.execute_script(stops, ".card")) == 1
    page.driver.execute_script("arguments[0].focus()", page.card("First"))
    page.press(Keys.ARROW_DOWN)
    assert page.driver.execute_script(stops, ".card") == ["Second"]
    page.press_with(Keys.ALT, Keys.ARROW_UP)
    page.wait_titles("todo", ["Second", "First"])
    page.press_with(Keys.ALT, Keys.ARROW_RIGHT)
    page.wait_titles("in-progress", ["Second"])
    page.until(lambda: page.driver.execute_script(stops, ".card") == ["First", "Second"])
    page.until(lambda: page.driver.switch_to.active_element.text.startswith("Second"))
    page.press(Keys.ENTER)
    page.visible("#panel")
    page.escape()
    page.until(lambda: not page.find("#panel").is_displayed())
    page.until(lambda: page.driver.switch_to.active_element.text.startswith("Second"), why="the focus was lost")
    page.click("#view-list")
    page.until(lambda: len(page.driver.execute_script(stops, "#list tbody tr")) == 1)


def test_unsaved_input_is_not_discarded_without_asking(windows, anna):
    project = anna.project("Careful")
    page = windows.log_in(anna, project)
    page.press("n")
    page.visible("#panel")
    page.press("Half a tho")
    page.escape()
    page.visible("#confirm-dialog")
    page.click("#confirm-dialog [data-close]")
    assert page.value("title") == "Half a tho"
    page.escape()
    page.click("#confirm-dialog [value=yes]")
    page.until(lambda: not page.find("#panel").is_displayed())


def test_all_fields_of_a_task_are_saved(windows, anna):
    project = anna.project("Fields")
    page = windows.log_in(anna, project)
    page.new_task("Full", status="in-progress", priority="urgent", description="Line one.", dueDate="2031-02-03", dueTime="09:30")
    page.open_task("Full")
    page.find("#checklist-add").send_keys("One", Keys.ENTER, "Two", Keys.ENTER)
    page.find("#labels .new-label").send_keys("paper", Keys.ENTER)
    page.visible("#labels .chip[aria-pressed=true]")
    page.click("#assignees .chip")
    page.click("#checklist .item input[type=checkbox]")
    page.save()
    page.until(lambda: page.text("#task-note") == "Saved")
    task = anna.items("/v1/tasks", projectId=project["id"])[0]
    assert task["status"] == "in-progress" and task["priority"] == "urgent"
    assert task["description"] == "Line one." and task["assigneeIds"] == [anna.id]
    assert task["dueDate"] is None and task["dueAt"].startswith("2031-02-03T")
    assert [(i["text"], i["done"]) for i in task["checklist"]] == [("One", True), ("Two", False)]
    assert len(task["labelIds"]) == 1
    page.fill(dueTime="")
    page.save()
    page.until(lambda: anna.get(task).json["dueDate"] == "2031-02-03")
    assert anna.get(task).json["dueAt"] is None
    ours, fresh = page.state_and_snapshot()
    assert ours == fresh


def test_the_list_can_be_sorted_by_due_date_and_priority(windows, anna):
    project = anna.project("Sorted")
    for title, fields in [("Late", {"dueDate": "2020-01-01", "priority": "low"}), ("Never", {"priority": "urgent"}),
                          ("Soon", {"dueAt": "2031-01-01T10:00:00.000Z"})]:
        anna.task(title, projectId=project["id"], **fields)
    page = windows.log_in(anna, project)
    page.click("#view-list")

    def rows():
        return page.driver.execute_script(
            "return [...document.querySelectorAll('.tasks .card-title')].map(e => e.textContent)")
    page.until(lambda: rows() == ["Late", "Soon", "Never"])
    page.click("th[data-key=due] button")
    page.until(lambda: rows() == ["Soon", "Late", "Never"])
    page.click("th[data-key=priority] button")
    page.until(lambda: rows() == ["Never", "Late", "Soon"])
