"""Lists across projects, their numbers in the sidebar, filters that are tried and saved, and notifications."""
import datetime as dt

from selenium.webdriver.common.keys import Keys


def day(offset):
    return (dt.datetime.now(dt.timezone.utc).date() + dt.timedelta(days=offset)).isoformat()


def plain(text):
    """Without the characters that isolate the direction of names."""
    return text.replace("\u2068", "").replace("\u2069", "")


def rows(page):
    return page.driver.execute_script("return [...document.querySelectorAll('#overview-table tbody .card-title')].map((e) => e.textContent)")


def wait_rows(page, titles):
    page.until(lambda: rows(page) == titles, why=f"the list is not {titles}")


def number(page, name):
    """The number in a line of the sidebar; "" if there is none."""
    return page.driver.execute_script("return document.querySelector(arguments[0])?.textContent ?? ''", f"[data-row='{name}'] .tally")


def wait_numbers(page, **wanted):
    def shown():
        return {name: number(page, name) for name in wanted}
    page.until(lambda: shown() == wanted, why=f"the numbers are not {wanted}")


def filtered(page, text):
    page.type("#filter-form [name=filter]", text + Keys.ENTER)


def test_numbers_and_lists_follow_changes_in_all_projects(windows, anna, ben):
    house, garden = anna.project("House"), ben.project("Garden")
    ben.share(garden, anna)
    ben.task("Dig", projectId=garden["id"], assigneeIds=[anna.id], dueDate=day(0))
    late = anna.task("Roof", projectId=house["id"], assigneeIds=[anna.id], dueDate=day(-3))
    anna.task("Call", dueDate=day(2))
    page = windows.log_in(anna, house)
    page.hurry()
    wait_numbers(page, today="1", overdue="1", upcoming="1", notifications="1")
    wait_numbers(page, **{house["id"]: "1", garden["id"]: "1"})
    page.click("[data-row=today]")
    wait_rows(page, ["Dig"])
    # Somebody else's changes, in a project that is not open: a task comes, and the list's task goes.
    ben.task("Sow", projectId=garden["id"], assigneeIds=[anna.id], dueDate=day(0), priority="low")
    page.until(lambda: sorted(rows(page)) == ["Dig", "Sow"])
    wait_numbers(page, today="2", notifications="2")
    ben.patch(next(t for t in ben.items("/v1/tasks", projectId=garden["id"], q="dig")), status="completed").expect(200)
    wait_rows(page, ["Sow"])
    wait_numbers(page, today="1")
    # A task is edited beside the list, and leaves it.
    page.click("[data-row=overdue]")
    wait_rows(page, ["Roof"])
    page.click("#overview-table tbody tr")
    page.until(lambda: page.value("title") == "Roof")
    page.fill(dueDate=day(5))
    page.save()
    wait_rows(page, [])
    wait_numbers(page, overdue="", upcoming="2")
    assert anna.get(late)["dueDate"] == day(5)
    page.click("#task-close")
    page.until(lambda: page.driver.current_url.endswith("#/overdue"))
    assert page.text("#overview-note") == "Nothing is overdue."
    # Notifications: one is opened, the others are marked as read.
    page.click("[data-row=notifications]")
    page.until(lambda: [plain(e.text).split(".")[0] for e in page.all("#notices-list .notice")]
               == ["The status of “Dig” changed", "You were assigned to “Sow”", "You were assigned to “Dig”"])
    page.click("#notices-read")
    wait_numbers(page, notifications="")
    assert page.text("#notices-note") == "No new notifications."


def test_a_filter_is_tried_saved_renamed_and_deleted(windows, anna, ben):
    windows.expect("status of 400", "status of 422", "status of 404")
    house = anna.project("House", labels=[{"id": "red", "name": "Très rouge"}])
    paint, wash = (anna.task(t, projectId=house["id"], priority="high", labelIds=["red"]) for t in ("Paint", "Wash"))
    anna.task("Rest", priority="low")
    page, second = windows.log_in(anna, house), windows.log_in(anna, house)
    page.hurry()
    second.hurry()
    page.click("#new-filter")
    page.click("#filter-examples li:nth-child(2) a")
    page.until(lambda: sorted(rows(page)) == ["Paint", "Wash"])
    filtered(page, "title = '😀' or priority >= hihg")
    page.until(lambda: page.find("#filter-fault").is_displayed())
    assert page.text("#filter-where mark") == "hihg"
    assert page.text("#filter-expected") == "At character 28: expected none, low, medium, high or urgent."
    assert page.driver.execute_script("const f = document.activeElement; return f.value.slice(f.selectionStart, f.selectionEnd)") == "hihg"
    filtered(page, "label in ('tres rouge', blue) and priority = high")
    page.until(lambda: sorted(rows(page)) == ["Paint", "Wash"])
    assert plain(page.text("#filter-warnings")) == "There is no label called “blue”, so this part of the filter finds nothing."
    page.click("#filter-save")
    page.type("#filter-dialog [name=name]", "Important")
    page.type("#filter-dialog [name=filter]", "priority = high and (")
    page.click("#filter-dialog [type=submit]")
    page.until(lambda: "At the end: expected a field" in page.text("#filter-dialog .complaint"))
    page.type("#filter-dialog [name=filter]", "priority = high")
    page.click("#filter-dialog [type=submit]")
    page.until(lambda: page.text("#overview-title") == "Important")
    page.until(lambda: page.text("#filters") == "Important" and sorted(rows(page)) == ["Paint", "Wash"])
    # It appears in the other window, whose list follows changes of tasks and of the filter.
    second.until(lambda: second.text("#filters") == "Important", why="the saved filter did not arrive")
    second.click("#filters a")
    second.until(lambda: sorted(rows(second)) == ["Paint", "Wash"])
    anna.patch(wash, priority="low").expect(200)
    wait_rows(page, ["Paint"])
    wait_rows(second, ["Paint"])
    filtered(page, "priority = low and title = Wash")
    wait_rows(page, ["Wash"])
    wait_rows(second, ["Paint"])  # only tried
    page.click("#filter-settings")
    page.type("#filter-dialog [name=name]", "Not so important")
    page.click("#filter-dialog [type=submit]")
    page.until(lambda: page.text("#overview-title") == "Not so important")
    second.until(lambda: second.text("#overview-title") == "Not so important")
    wait_rows(second, ["Wash"])
    page.driver.refresh()
    page.wait_connection("live")
    wait_rows(page, ["Wash"])
    page.click("#filter-settings")
    page.click("#filter-delete")
    page.click("#confirm-dialog [value=yes]")
    second.until(lambda: not second.find("#filters").is_displayed())
    second.until(lambda: second.text("#overview-note") == "This filter no longer exists.")
    assert anna.items("/v1/filters") == [] and anna.get(paint)["rev"] == 1


def test_a_long_list_is_shown_in_parts(windows, anna):
    project = anna.project("Many")
    ops = [{"method": "POST", "path": "/v1/tasks", "body": {"projectId": project["id"], "title": f"Task {n}"}} for n in range(100)]
    for _ in range(2):
        anna.post("/v1/batch", ops=ops).expect(200)
    anna.task("The last", projectId=project["id"])
    page = windows.log_in(anna, project)
    page.driver.get(f"{page.url}/#/filter/done%20%3D%20false")
    page.until(lambda: len(rows(page)) == 100)
    page.click("#overview-more")
    page.until(lambda: len(rows(page)) == 200)
    page.click("#overview-more")
    page.until(lambda: len(rows(page)) == 201 and not page.find("#overview-more").is_displayed())
    anna.task("One more", projectId=project["id"])
    page.until(lambda: len(rows(page)) == 202, why="what was shown is not kept current")


def test_another_project_can_be_opened_while_a_task_is_open(windows, anna):
    """Regression: closing the task's panel took the user back to the first project."""
    house, garden = anna.project("House"), anna.project("Garden")
    anna.task("Roof", projectId=house["id"])
    page = windows.log_in(anna, house)
    page.open_task("Roof")
    page.open_project("Garden")
    page.browser.still()
    page.until(lambda: page.driver.current_url.endswith(garden["id"]) and not page.find("#panel").is_displayed())
    assert page.text("#project-name") == "Garden"


def test_input_beside_a_list_is_kept_until_access_ends(windows, anna, ben):
    windows.expect("status of 401", "status of 404")
    house, garden = anna.project("House"), ben.project("Garden")
    ben.share(garden, anna)
    anna.task("Roof", projectId=house["id"])
    ben.task("Dig", projectId=garden["id"])
    page = windows.log_in(anna, house)
    page.driver.get(f"{page.url}/#/filter/done%20%3D%20false")
    page.until(lambda: sorted(rows(page)) == ["Dig", "Roof"])

    def click(title):
        next(e for e in page.all("#overview-table tbody tr") if title in e.text).click()
    click("Dig")
    page.until(lambda: page.value("title") == "Dig")
    page.fill(title="Dig deeper")
    for leave in (lambda: click("Roof"), lambda: page.click("#projects a")):
        leave()
        page.visible("#confirm-dialog")
        page.click("#confirm-dialog [data-close]")
        page.until(lambda: f"/filter/done%20%3D%20false/t/{garden['id']}/" in page.driver.current_url)
    other = anna.log_in()
    other.delete("/v1/sessions").expect(204)
    page.visible("#gate")
    page.log_in(anna.email, anna.password)
    page.until(lambda: page.find("#panel").is_displayed() and page.value("title") == "Dig deeper", why="the input is lost")
    page.save()
    page.until(lambda: "Dig deeper" in rows(page))
    ben.delete(garden, f"/members/{anna.id}").expect(204)
    wait_rows(page, ["Roof"])
    page.until(lambda: not page.find("#panel").is_displayed())
    for place, shown in (("f/" + "a" * 24, "This filter no longer exists."), ("filter/%E0%A4%A", "")):
        page.driver.get(f"{page.url}/#/{place}")
        page.until(lambda: page.find("#overview").is_displayed() and page.text("#overview-note") == shown and rows(page) == [])
    page.log_out()
    left = "return [...document.querySelectorAll('#overview tbody, #views, #filters, #notices-list, #overview-title')].map((e) => e.textContent).join('')"
    assert page.driver.execute_script(left + " + document.querySelector('#filter-form input').value") == ""


def test_the_address_is_that_of_the_place_after_a_copy_is_closed(windows, anna):
    house = anna.project("House")
    anna.task("Roof", projectId=house["id"])
    page = windows.log_in(anna, house)
    page.open_task("Roof")
    page.click("#task-copy")
    page.wait_titles("todo", ["Roof", "Roof"])
    page.click("#task-close")
    page.until(lambda: page.driver.current_url.endswith(f"#/p/{house['id']}"))
