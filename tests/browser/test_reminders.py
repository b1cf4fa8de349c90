"""Reminders: choosing one in the form, and what the page says when it is due."""
import datetime as dt


def test_a_task_reminds_as_chosen(windows, anna):
    project = anna.project("Chores")
    due = (dt.datetime.now(dt.timezone.utc) + dt.timedelta(minutes=10, seconds=-30)).isoformat(timespec="milliseconds")
    task = anna.task("Water the plants", projectId=project["id"], dueAt=due.replace("+00:00", "Z"))
    odd = anna.task("Pay rent", projectId=project["id"], dueDate="2040-01-31", reminders=[{"id": "a", "before": "P3D"}])
    page = windows.log_in(anna, project)
    page.edit_task("Water the plants", remind="PT10M")
    page.until(lambda: "Reminder:" in page.text("#toasts") and "Water the plants" in page.text("#toasts"), why="no reminder")
    assert anna.get(task)["reminders"] == [{"id": "main", "before": "PT10M"}]
    page.edit_task("Water the plants", remind="at", remindAt="2040-01-31T08:00")
    assert anna.get(task)["reminders"] == [{"id": "main", "at": "2040-01-31T08:00:00.000Z"}]
    # Reminders that the choice cannot make stay as they are.
    page.edit_task("Pay rent", title="Pay the rent")
    assert anna.get(odd)["reminders"] == [{"id": "a", "before": "P3D"}]
    page.edit_task("Pay the rent", remind="")
    assert anna.get(odd)["reminders"] == []
