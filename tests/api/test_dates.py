"""Due dates are days in the reader's time zone: every filter and the order by due time, in zones from one end
of the world to the other, for instants around their midnights."""
import datetime as dt
import itertools
import zoneinfo

import pytest

ZONES = ["UTC", "Europe/Berlin", "Asia/Tokyo", "Pacific/Auckland", "Asia/Kolkata",
         "Pacific/Kiritimati", "Pacific/Pago_Pago", "America/Havana"]
MS = dt.timedelta(milliseconds=1)
DAY = dt.timedelta(days=1)


def rfc(instant):
    return instant.astimezone(dt.timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse(text):
    return dt.datetime.fromisoformat(text.replace("Z", "+00:00"))


def midnight(date, zone):
    return dt.datetime.combine(date, dt.time(), zone)


def local_date(text, zone):
    return parse(text).astimezone(zone).date().isoformat()


def due_date(task, zone):
    """The date on which a task is due there; None when it is not due at all."""
    return task["dueDate"] or (task["dueAt"] and local_date(task["dueAt"], zone))


@pytest.fixture(scope="module")
def tasks(world):
    """A user with tasks around the midnights of all zones, and those tasks by id."""
    user = world.user("zones")
    instants = {dt.datetime(1, 1, 2, tzinfo=dt.timezone.utc), dt.datetime(9999, 12, 30, tzinfo=dt.timezone.utc)}
    dates = {"0001-01-01", "9999-12-31", "2026-10-25", "2026-11-01"}
    for name in ZONES:
        zone = zoneinfo.ZoneInfo(name)
        today = dt.datetime.now(zone).date()
        dates |= {(today + n * DAY).isoformat() for n in (-1, 0, 1)}
        for n in (0, 1):
            start = midnight(today + n * DAY, zone).astimezone(dt.timezone.utc)
            instants |= {start - MS, start}
    bodies = [{"dueDate": d} for d in sorted(dates)] + [{"dueAt": rfc(i)} for i in sorted(instants)] + [{}, {}]
    made = [user.task(f"T{n}", priority=priority, **body)
            for n, (body, priority) in enumerate(zip(bodies, itertools.cycle(["none", "high", "low"])))]
    return user, {t["id"]: t for t in made}


def listed(user, **query):
    return [t["id"] for t in user.pages("/v1/tasks", **query)]


@pytest.mark.parametrize("name", ZONES)
def test_a_day_is_in_the_readers_time_zone(tasks, name):
    user, by_id = tasks
    zone = zoneinfo.ZoneInfo(name)
    user.patch("/v1/me", timeZone=name).expect(200)

    def which(condition):
        return {i for i, t in by_id.items() if due_date(t, zone) and condition(t, due_date(t, zone))}

    while True:  # repeat if midnight passes
        now = dt.datetime.now(zone)
        today = now.date().isoformat()
        found = {"today": set(listed(user, today="true")), "overdue": set(listed(user, overdue="true")),
                 "both": set(listed(user, today="true", overdue="true"))}
        if dt.datetime.now(zone).date() == now.date():
            break
    overdue = which(lambda t, date: parse(t["dueAt"]) < now if t["dueAt"] else date < today)
    assert found["today"] == which(lambda t, date: date == today)
    assert found["overdue"] == overdue
    assert found["both"] == overdue & found["today"]
    assert set(listed(user, dueBefore=today)) == which(lambda t, date: date < today)
    assert set(listed(user, dueAfter=today)) == which(lambda t, date: date >= today)
    boundary = midnight(now.date() + DAY, zone)
    for instant in (boundary - MS, boundary):
        before = which(lambda t, date: parse(t["dueAt"]) < instant if t["dueAt"]
                       else date < local_date(rfc(instant), zone))
        assert set(listed(user, dueBefore=rfc(instant))) == before
        assert set(listed(user, dueAfter=rfc(instant))) == which(lambda t, date: True) - before


@pytest.mark.parametrize("name", ZONES)
def test_sorting_by_due_date_uses_the_readers_time_zone_and_puts_undated_tasks_last(tasks, name):
    user, by_id = tasks
    zone = zoneinfo.ZoneInfo(name)
    user.patch("/v1/me", timeZone=name).expect(200)
    ranks = ["none", "low", "medium", "high", "urgent"]
    dated = [t for t in by_id.values() if due_date(t, zone)]
    undated = [t for t in by_id.values() if not due_date(t, zone)]

    def due(task):  # on one date, instants come before whole days
        return due_date(task, zone), task["dueDate"] is not None, task["dueAt"] or ""

    for down, urgent_first in itertools.product((False, True), repeat=2):
        step = -1 if urgent_first else 1
        rank = (lambda t: (step * ranks.index(t["priority"]), step * int(t["id"], 16)))
        wanted = sorted(sorted(dated, key=rank), key=due, reverse=False)
        if down:  # equal due times keep the order of their priorities
            wanted = [t for _, group in reversed([(k, list(g)) for k, g in itertools.groupby(wanted, due)])
                      for t in group]
        wanted = [t["id"] for t in wanted + sorted(undated, key=rank)]
        sort = ("-" if down else "") + "dueAt," + ("-" if urgent_first else "") + "priority"
        limits = [200] + [7] * (name in ("UTC", "Pacific/Kiritimati"))
        for limit in limits + [1] * ((name, down, urgent_first) == ("Pacific/Kiritimati", True, False)):
            assert listed(user, sort=sort, limit=limit) == wanted, (sort, limit)
        some = [i for i in wanted if (due_date(by_id[i], zone) or "0") >= "2026-11-01"]
        assert listed(user, sort=sort, limit=5, dueAfter="2026-11-01") == some


def test_a_start_date_is_compared_in_the_setters_time_zone(anna):
    anna.patch("/v1/me", timeZone="Pacific/Auckland").expect(200)  # 13 hours ahead in January
    anna.task(startAt="2030-01-31T10:59:59.999Z", dueDate="2030-01-31")
    anna.post("/v1/tasks", title="T", startAt="2030-01-31T11:00:00Z", dueDate="2030-01-31").expect(
        422, pointers=["/startAt"])
    anna.task(startDate="2030-02-01", dueAt="2030-01-31T11:00:00Z")
    task = anna.task(startDate="2030-01-31", dueAt="2030-01-31T10:00:00Z")
    anna.post("/v1/tasks", title="T", startDate="2030-02-01", dueAt="2030-01-31T10:59:59.999Z").expect(
        422, pointers=["/startDate"])
    anna.patch("/v1/me", timeZone="Pacific/Pago_Pago").expect(200)  # there it is the 30th
    anna.patch(task, title="Somebody else's order does not matter").expect(200)
    anna.patch(task, dueAt="2030-01-31T09:00:00Z").expect(422, pointers=["/startDate"])


@pytest.mark.parametrize("zone", ["posixrules", "localtime", "posix/Europe/Berlin", "right/UTC", "Europe/",
                                  "Europe//Berlin", "Europe/../Asia/Tokyo", "zone.tab", "Europe", "europe/berlin"])
def test_a_time_zone_must_be_the_name_of_a_zone_file(anna, zone):
    anna.patch("/v1/me", timeZone=zone).expect(422, pointers=["/timeZone"])
