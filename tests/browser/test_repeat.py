"""Tasks that repeat: choosing how, what the form says about it, and the next task on the board."""


def test_a_task_repeats_as_chosen(windows, anna):
    project = anna.project("Chores")
    task = anna.task("Water the plants", projectId=project["id"], dueDate="2040-01-02")
    page = windows.log_in(anna, project)
    page.open_task("Water the plants")
    page.fill(repeat="WEEKLY", repeatEvery="2")
    page.click("#repeat-days [value=MO]")
    page.click("#repeat-days [value=FR]")
    assert page.text("#repeat-note") == "Every 2 weeks on Monday and Friday."
    page.save()
    page.until(lambda: page.text("#task-note") == "Saved")
    page.until(lambda: page.text("#repeat-next") == "Next: 6 Jan 2040, 16 Jan 2040, 20 Jan 2040"
               or page.text("#repeat-next") == "Next: Jan 6, 2040, Jan 16, 2040, Jan 20, 2040", why="no next dates")
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
