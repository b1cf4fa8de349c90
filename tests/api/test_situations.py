"""Situations from public bug reports about other tools, as listed in situations.md; those
about search are rows of test_text_input.py, about zones of test_dates.py."""
import datetime as dt
import pathlib
import re
import zoneinfo

import pytest

from client import fresh_account


@pytest.mark.parametrize("email", ["o'brien@example.org", "a+taskwire@example.org", "a@example.fitness",
                                   "first_last@example.org", "a@sub.example.co.uk", "1@example.org", "A.B@EXAMPLE.ORG"])
def test_unusual_but_valid_addresses_are_accepted(world, email):
    user = world.anonymous().post("/v1/users", **{**fresh_account(), "email": email}).expect((201, 409))
    if user.status == 201:
        assert user["user"]["email"] == email.lower()


@pytest.mark.parametrize("zone", ["Asia/Calcutta", "Asia/Kolkata", "Europe/Kiev", "Europe/Kyiv", "Asia/Saigon",
                                  "America/Buenos_Aires", "US/Pacific", "Etc/GMT+5"])
def test_time_zones_are_accepted_by_old_and_new_names(anna, zone):
    assert anna.patch("/v1/me", timeZone=zone).expect(200)["timeZone"] == zone
    anna.get("/v1/tasks", today="true").expect(200)


@pytest.mark.parametrize("due", ["20132-11-03T18:00:00.000Z", "22222-02-17T07:00:00.000Z", "0000-00-00T00:00:00.000Z"])
def test_a_year_with_five_digits_is_refused_and_breaks_no_board(anna, due):
    project = anna.project()
    task = anna.task(projectId=project["id"])
    anna.patch(task, dueAt=due).expect(422, pointers=["/dueAt"])
    anna.patch(task, dueDate=due.split("T")[0]).expect(422, pointers=["/dueDate"])
    for sort in ("dueAt", "-dueAt", "position"):
        assert len(anna.items("/v1/tasks", projectId=project["id"], sort=sort)) == 1


def test_tasks_of_a_deleted_project_are_not_upcoming(anna):
    project = anna.project()
    task = anna.task(projectId=project["id"], dueDate="2020-01-01")
    anna.delete(project).expect(204)
    for query in ({"overdue": "true"}, {"dueBefore": "2021-01-01"}, {"sort": "dueAt"}):
        assert task["id"] not in [t["id"] for t in anna.items("/v1/tasks", **query)]
    anna.post(project, "/restore").expect(200)
    assert task["id"] in [t["id"] for t in anna.items("/v1/tasks", overdue="true")]


def test_tasks_due_soon_come_before_fifty_later_ones(world):
    user = world.user()
    for n in range(52):
        user.task(f"Far {n}", dueDate="2099-12-31")
    for n in range(3):
        user.task(f"Without {n}")
    soon, over = user.task("Soon", dueAt="2098-01-01T00:00:00Z"), user.task("Over", dueDate="2020-01-01")
    page = user.get("/v1/tasks", sort="dueAt").expect(200)
    assert [t["id"] for t in page["items"][:2]] == [over["id"], soon["id"]] and page["nextCursor"]


def test_a_due_date_without_a_time_stays_without_one(anna):
    for zone in ("Pacific/Kiritimati", "America/Los_Angeles"):
        anna.patch("/v1/me", timeZone=zone).expect(200)
        task = anna.task(dueDate="2030-06-01", startDate="2030-06-01")
        assert (task["dueDate"], task["dueAt"], task["startAt"]) == ("2030-06-01", None, None)
        assert [t["id"] for t in anna.items("/v1/tasks", dueAfter="2030-06-01", dueBefore="2030-06-02")][-1] == task["id"]
        assert anna.items("/v1/tasks", dueAfter="2030-06-02", dueBefore="2030-06-03") == []


def test_a_removed_due_date_stays_removed(anna):
    task = anna.task(dueAt="2020-01-01T09:00:00Z")
    moved = anna.post(anna.patch(task, dueAt=None).expect(200), "/move", status="in-progress").expect(200)
    assert moved["dueAt"] is moved["dueDate"] is None
    assert anna.items("/v1/tasks", overdue="true") == []


def test_due_today_is_not_overdue_at_any_hour_of_the_day(anna):
    for zone in ("Pacific/Kiritimati", "UTC", "Pacific/Pago_Pago"):
        anna.patch("/v1/me", timeZone=zone).expect(200)
        today = dt.datetime.now(zoneinfo.ZoneInfo(zone)).date()
        task = anna.task(dueDate=today.isoformat())
        if dt.datetime.now(zoneinfo.ZoneInfo(zone)).date() == today:  # otherwise midnight has just passed
            assert task["id"] in [t["id"] for t in anna.items("/v1/tasks", today="true")]
            assert task["id"] not in [t["id"] for t in anna.items("/v1/tasks", overdue="true")]


def test_a_subtask_outlives_its_parents_trash_and_may_be_detached(anna):
    parent = anna.task()
    child = anna.task(parentId=parent["id"], dueDate="2020-01-01")
    anna.delete(parent).expect(204)
    assert child["id"] in [t["id"] for t in anna.items("/v1/tasks", overdue="true")]
    anna.patch(child, title="Still there").expect(200)
    anna.patch(child, parentId=None).expect(200)
    anna.post(parent, "/restore").expect(200)


def test_reopening_a_subtask_leaves_its_parent_as_it_is(anna):
    parent = anna.task(status="completed")
    child = anna.task(parentId=parent["id"], status="completed")
    anna.patch(child, status="todo").expect(200)
    assert anna.get(parent).expect(200)["completedAt"]


def test_every_situation_names_an_existing_test():
    tests = pathlib.Path(__file__).resolve().parents[1]
    named = set(re.findall(r"`(test_\w+)`", (tests / "situations.md").read_text()))
    there = {name for file in tests.rglob("test_*.py") for name in re.findall(r"^def (test_\w+)", file.read_text(), re.M)}
    assert len(named) > 60 and named <= there, named - there
