"""Tasks that repeat: choosing how, what the form says about it, and the next task on the board."""
MONTHS = {1: "Jan", 2: "Feb"}


def wait_next(page, *days):
    """Waits for these next dates, (month, day) of 2040, in either English order."""
    texts = [("; ".join(f"{day} {MONTHS[month]} 2040" for month, day in days)), ("; ".join(f"{MONTHS[month]} {day}, 2040" for month, day in days))]
    page.until(lambda: page.text("#repeat-next") in [f"Next: {text}" for text in texts], why=f"the next dates are not {days}")


def test_a_task_repeats_as_chosen(windows, anna):
    project = anna.project("Chores")
    task = anna.task("Water the plants", projectId=project["id"], dueDate="2040-01-02")
    page = windows.log_in(anna, project)
    page.open_task("Water the plants")
    page.fill(repeat="WEEKLY", repeatEvery="2")
    page.click("#repeat-days [value=MO]")
    page.click("#repeat-days [value=FR]")
    assert page.text("#repeat-note") == "Every 2 weeks on Monday and Friday."
    wait_next(page, (1, 6), (1, 16), (1, 20), (1, 30), (2, 3))
    assert anna.get(task)["recurrence"] is None and not page.find("#repeat-skip").is_displayed()
    page.save()
    page.until(lambda: page.text("#task-note") == "Saved")
    page.until(lambda: page.find("#repeat-skip").is_displayed())
    wait_next(page, (1, 6), (1, 16), (1, 20), (1, 30), (2, 3))
    assert anna.get(task)["recurrence"]["rule"] == "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,FR"
    page.fill(status="completed")
    page.save()
    page.wait_titles("todo", ["Water the plants"])  # the next one, by a live event
    page.wait_titles("completed", ["Water the plants"])
    page.click("#task-close")
    # A rule that the choices cannot make stays as it is.
    odd = anna.task("Pay rent", projectId=project["id"], dueDate="2040-01-31", recurrence={"rule": "FREQ=MONTHLY;BYMONTHDAY=-1"})
    page.edit_task("Pay rent", title="Pay the rent")
    assert anna.get(odd)["recurrence"]["rule"] == "FREQ=MONTHLY;BYMONTHDAY=-1"
    page.edit_task("Pay the rent", repeat="")
    assert anna.get(odd)["recurrence"] is None


def test_a_series_ends_and_a_date_is_skipped(windows, anna):
    windows.expect("status of 412")
    project = anna.project("Courses")
    task = anna.task("Spanish", projectId=project["id"], dueDate="2040-01-02")
    page = windows.log_in(anna, project)
    page.open_task("Spanish")
    page.fill(repeat="WEEKLY", repeatEnds="count", repeatCount="3")
    assert page.text("#repeat-note") == "Every week, 3 times."
    page.save()
    page.until(lambda: page.text("#task-note") == "Saved")
    wait_next(page, (1, 9), (1, 16))
    assert anna.get(task)["recurrence"]["rule"] == "FREQ=WEEKLY;COUNT=3"
    page.click("#repeat-skip")
    page.until(lambda: page.value("dueDate") == "2040-01-09", why="the date was not skipped")
    assert anna.get(task)["recurrence"]["rule"] == "FREQ=WEEKLY;COUNT=2"
    page.fill(repeatEnds="until", repeatUntil="2040-01-23")
    page.save()
    page.until(lambda: anna.get(task)["recurrence"]["rule"] == "FREQ=WEEKLY;UNTIL=20400123")
    page.until(lambda: page.find("#repeat-skip").is_displayed())
    # Another member skips at the same moment: the date is skipped once.
    page.driver.execute_script("""
        const real = window.fetch;
        window.fetch = async (path, options) => {
          if (!String(path).endsWith("/skip") || window.raced) return real(path, options);
          window.raced = true;
          const other = new Headers(options.headers);
          other.set("Idempotency-Key", "another");
          await real(path, { ...options, headers: other });
          return real(path, options);
        };""")
    page.click("#repeat-skip")
    page.until(lambda: any("Someone changed the date" in e.text for e in page.all(".toast")))
    page.until(lambda: page.value("dueDate") == "2040-01-16")
    page.until(lambda: page.find("#repeat-skip").get_attribute("aria-disabled") is None)
    page.click("#repeat-skip")
    page.until(lambda: page.text("#repeat-next") == "No further date." and not page.find("#repeat-skip").is_displayed())
    # The same rule in another order of its parts is not an edit.
    odd = anna.task("Yoga", projectId=project["id"], dueDate="2040-01-02", recurrence={"rule": "COUNT=5;FREQ=WEEKLY"})
    page.click("#task-close")
    page.edit_task("Yoga", title="Yoga class")
    assert anna.get(odd)["recurrence"]["rule"] == "COUNT=5;FREQ=WEEKLY"


def test_the_next_dates_follow_what_is_typed(windows, anna):
    windows.expect("status of 400")
    project = anna.project("Plans")
    page = windows.log_in(anna, project)
    page.click("#new-task")
    page.fill(repeat="DAILY")
    page.until(lambda: "needs a due date" in page.text("#repeat-next"))
    page.fill(dueDate="2040-01-02", repeatEvery="7")
    wait_next(page, (1, 9), (1, 16), (1, 23), (1, 30), (2, 6))
    page.fill(dueDate="2040-01-03")
    wait_next(page, (1, 10), (1, 17), (1, 24), (1, 31), (2, 7))
    page.fill(repeatEnds="until", repeatUntil="2039-12-31")
    page.until(lambda: page.text("#repeat-next") == "No date fits these choices.")
    page.fill(repeat="")
    assert page.text("#repeat-next") == ""
