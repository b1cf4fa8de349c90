"""Several tasks are selected, by mouse and keyboard, and changed, moved or deleted together."""
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select

from faults import log_of
from reach import finger


def selected(page, table="#list"):
    return page.driver.execute_script("return [...document.querySelectorAll(`${arguments[0]} tr.picked .card-title`)].map((e) => e.textContent)", table)


def wait_selected(page, titles, table="#list"):
    page.until(lambda: selected(page, table) == titles, why=f"{titles} are not what is selected")


def row(page, title, table="#list"):
    return page.until(lambda: next((e for e in page.all(f"{table} tbody tr") if title in e.text), None))


def click(page, title, *held, table="#list"):
    chain = ActionChains(page.driver)
    for key in held:
        chain = chain.key_down(key)
    chain = chain.click(row(page, title, table))
    for key in held:
        chain = chain.key_up(key)
    chain.perform()


def change(page, **fields):
    page.click("#selection-change")
    page.visible("#bulk-dialog")
    for name, value in fields.items():
        if name == "dueDate":
            page.driver.execute_script("arguments[0].value = arguments[1]", page.visible("#bulk-form [name=dueDate]"), value)
        else:
            Select(page.find(f"#bulk-form [name={name}]")).select_by_value(value)
    page.click("#bulk-form [type=submit]")
    page.until(lambda: not page.find("#bulk-dialog").is_displayed())


def said(page, text):
    page.until(lambda: any(text in e.text for e in page.all(".toast")), why=f"no message {text!r}")


def test_selected_tasks_are_changed_together(windows, anna, ben):
    project = anna.project("House", labels=[{"id": "red", "name": "Red"}, {"id": "old", "name": "Old"}])
    anna.share(project, ben)
    tasks = [anna.task(f"Task {n}", projectId=project["id"], labelIds=["old"]) for n in range(6)]
    page = windows.log_in(anna, project)
    page.click("#view-list")
    # By mouse: Ctrl adds, Shift selects a range.
    click(page, "Task 1", Keys.CONTROL)
    click(page, "Task 3", Keys.SHIFT)
    wait_selected(page, ["Task 1", "Task 2", "Task 3"])
    page.until(lambda: page.text("#selection-text") == "3 tasks selected.")
    click(page, "Task 2")
    wait_selected(page, ["Task 1", "Task 3"])
    assert not page.find("#panel").is_displayed()
    change(page, status="in-progress", priority="high", due="date", dueDate="2040-01-31", label="+red", person=f"+{ben.id}")
    said(page, "Changed 2 tasks.")
    for n, task in enumerate(tasks):
        now = anna.get(task)
        is_changed = n in (1, 3)
        assert (now["status"], now["priority"], now["dueDate"], sorted(now["labelIds"]), now["assigneeIds"]) == (
            ("in-progress", "high", "2040-01-31", ["old", "red"], [ben.id]) if is_changed else ("todo", "none", None, ["old"], []))
    page.until(lambda: "In progress" in row(page, "Task 3").text)
    assert not page.find("#selection-bar").is_displayed()
    # By keyboard: x selects, Shift and arrows extend, Escape ends it.
    page.driver.execute_script("arguments[0].focus()", row(page, "Task 0"))
    page.press("x")
    page.press_with(Keys.SHIFT, Keys.ARROW_DOWN)
    wait_selected(page, ["Task 0", "Task 2"])
    page.press(Keys.SPACE)
    wait_selected(page, ["Task 0"])
    page.press_with(Keys.CONTROL, "a")
    page.until(lambda: len(selected(page)) == 6)
    page.escape()
    wait_selected(page, [])
    assert not page.find("#selection-bar").is_displayed()
    # Deleted together, and restored.
    click(page, "Task 4", Keys.CONTROL)
    click(page, "Task 5", Keys.CONTROL)
    page.click("#selection-trash")
    said(page, "2 tasks moved to the trash.")
    page.until(lambda: len(page.all("#list tbody tr")) == 4)
    page.undo()
    said(page, "Restored 2 tasks.")
    page.until(lambda: len(page.all("#list tbody tr")) == 6)


def test_cards_are_selected_by_mouse_keyboard_and_touch(windows, anna):
    project = anna.project("House")
    tasks = {title: anna.task(title, projectId=project["id"], status=status) for title, status in
             (("Roof", "todo"), ("Walls", "todo"), ("Floor", "todo"), ("Paint", "in-progress"))}
    page = windows.log_in(anna, project)
    picked = "return [...document.querySelectorAll('.card.picked')].filter((c) => c.querySelector('.pick input').checked).map((c) => c.querySelector('.card-title').textContent)"

    def wait_picked(*titles):
        page.until(lambda: page.driver.execute_script(picked) == list(titles), why=f"{titles} are not what is selected")

    # A finger: the button, then cards.
    page.click("#select")
    page.visible("#selection-bar")  # which moves the cards down
    page.driver.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": True})
    for title, picked_then in (("Roof", ["Roof"]), ("Paint", ["Roof", "Paint"])):
        box = page.card(title).rect
        finger(page, "touchStart", (box["x"] + 40, box["y"] + 15))
        finger(page, "touchEnd")
        wait_picked(*picked_then)
    page.driver.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": False})
    page.click("#selection-end")
    page.until(lambda: not page.find("#selection-bar").is_displayed())
    # A mouse: Ctrl adds, Shift selects a range of a column.
    ActionChains(page.driver).key_down(Keys.CONTROL).click(page.card("Roof")).key_up(Keys.CONTROL).perform()
    page.visible("#selection-bar")  # which moves the cards down
    ActionChains(page.driver).key_down(Keys.SHIFT).click(page.card("Floor")).key_up(Keys.SHIFT).perform()
    wait_picked("Roof", "Walls", "Floor")
    page.card("Walls").click()
    wait_picked("Roof", "Floor")
    assert not page.find("#panel").is_displayed()
    page.escape()
    page.until(lambda: not page.find("#selection-bar").is_displayed())
    # Keys: x selects, Shift and arrows extend, the bar moves them all.
    page.driver.execute_script("arguments[0].focus()", page.card("Roof"))
    page.press("x")
    page.press_with(Keys.SHIFT, Keys.ARROW_DOWN)
    wait_picked("Roof", "Walls")
    page.press(Keys.ARROW_RIGHT, Keys.SPACE)
    wait_picked("Roof", "Walls", "Paint")
    change(page, status="completed")
    said(page, "Changed 3 tasks.")
    page.wait_titles("todo", ["Floor"])
    page.until(lambda: sorted(page.titles("completed")) == ["Paint", "Roof", "Walls"])
    assert {title: anna.get(task)["status"] for title, task in tasks.items()} == {"Roof": "completed", "Walls": "completed", "Floor": "todo", "Paint": "completed"}


def test_what_fails_is_said_and_stays_selected_and_a_lost_answer_changes_nothing_twice(windows, stack, anna, ben):
    windows.expect_losses()
    house, garden = anna.project("House"), anna.project("Garden", requireIfMatch=True)
    theirs = ben.project("Theirs")
    ben.share(theirs, anna, "viewer")
    ours = [anna.task(t, projectId=p["id"]) for t, p in (("Roof", house), ("Dig", garden))]
    ben.task("Look", projectId=theirs["id"])
    page = windows.log_in(anna, house)
    page.driver.get(f"{page.url}/#/filter/done%20%3D%20false")
    for title in ("Roof", "Dig", "Look"):
        click(page, title, Keys.CONTROL, table="#overview")
    page.until(lambda: page.text("#selection-text") == "3 tasks selected.")
    # The first answer is lost: the page sends the same requests, with the same keys, again.
    page.driver.execute_script("""
        const real = window.fetch;
        window.lost = 0;
        window.fetch = async (path, options) => {
          const reply = await real(path, options);
          if (options?.method === "POST" && window.lost++ % 2 === 0) throw new TypeError("lost");
          return reply;
        };""")
    change(page, status="done", priority="urgent")
    page.until(lambda: "Changed 2 of 3 tasks. 1 failed: You don’t have permission to do this." in page.text("#selection-text"))
    wait_selected(page, ["Look"], "#overview")
    for task, project in zip(ours, (house, garden)):
        assert (anna.get(task)["status"], anna.get(task)["priority"], anna.get(task)["rev"]) == ("completed", "urgent", 2)
        assert [e["kind"] for e in log_of(anna, project) if e["entityId"] == task["id"]] == ["task.created", "task.updated"]
    assert page.driver.execute_script("return window.lost") >= 4
