"""GET /v1/counts: each number is that of a list with a URL."""
import datetime as dt
import zoneinfo

from client import eventually
from filters import parse


def number_of(user, url):
    """How many items a list has, page by page."""
    count, cursor = 0, ""
    while cursor is not None:
        page = user.get(url + cursor).expect(200)
        count += len(page["items"])
        cursor = page["nextCursor"] and "&limit=7&cursor=" + page["nextCursor"]
    return count


def check(user):
    counts = user.get("/v1/counts").expect(200)
    for name, url in counts["lists"].items():
        assert counts[name] == number_of(user, url), name
    for ident, count in counts["projects"].items():
        for done in (False, True):
            url = f"/v1/tasks?projectId={ident}&filter=done%3D{str(done).lower()}"
            assert count["done" if done else "open"] == number_of(user, url), (ident, done)
    assert counts["projects"].keys() == {p["id"] for p in user.items("/v1/projects", archived="false")}
    return counts


def rfc(instant):
    return instant.astimezone(dt.timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def test_each_number_is_that_of_its_list(anna, ben):
    now = dt.datetime.now(dt.timezone.utc)
    zone = next(z for z in ("Pacific/Auckland", "Asia/Kolkata", "America/Havana", "Pacific/Pago_Pago")
                if 2 <= now.astimezone(zoneinfo.ZoneInfo(z)).hour <= 20)
    anna.patch("/v1/me", timeZone=zone).expect(200)
    today = now.astimezone(zoneinfo.ZoneInfo(zone)).date()
    shared, other = anna.project("Shared"), anna.project("Other")
    anna.share(shared, ben)
    days = [(today + n * dt.timedelta(days=1)).isoformat() for n in (-3, -1, 0, 1, 7, 8)]
    instants = [rfc(now + dt.timedelta(hours=n)) for n in (-60, -1, 1, 30, 160, 200)]
    for n, due in enumerate([{"dueDate": d} for d in days] + [{"dueAt": i} for i in instants] + [{}]):
        anna.task(f"I{n}", **due)
        anna.task(f"A{n}", projectId=shared["id"], assigneeIds=[anna.id], **due)
        anna.task(f"B{n}", projectId=shared["id"], assigneeIds=[ben.id], **due)
        anna.task(f"D{n}", projectId=other["id"], assigneeIds=[anna.id], status="completed", **due)
    anna.delete(anna.task("Gone", dueDate=days[2])).expect(204)
    anna.patch(anna.task("Old", dueDate=days[2]), archived=True).expect(200)
    counts = check(anna)
    overdue = 2 + 2
    soon = [t for t in instants if parse(t).astimezone(zoneinfo.ZoneInfo(zone)).date() == today]
    assert counts["overdue"] == 2 * overdue and counts["today"] == 2 * (1 + len(soon))
    assert counts["projects"][shared["id"]] == {"open": 26, "done": 0}
    assert counts["projects"][other["id"]] == {"open": 0, "done": 13}
    assert counts["unread"] == 0 and eventually(lambda: check(ben)["unread"] == 13 + 0)
    anna.patch(shared, archived=True).expect(200)
    counts = check(anna)
    assert shared["id"] not in counts["projects"] and counts["overdue"] == overdue


def test_a_projects_counts_follow_every_change(anna):
    """They are kept between requests; each kind of change of a task must be seen at once, by every process."""
    project, other = anna.project("Counted"), anna.project("Other")
    task = anna.task("One", projectId=project["id"])

    def now_have(first, second=(0, 0)):
        for _ in range(4):  # several processes answer
            projects = anna.get("/v1/counts").expect(200)["projects"]
            assert [tuple(projects[p["id"]].values()) for p in (project, other)] == [first, second]

    now_have((1, 0))
    anna.patch(task, status="completed").expect(200)
    now_have((0, 1))
    anna.patch(task, status="todo").expect(200)
    anna.patch(task, archived=True).expect(200)
    now_have((0, 0))
    anna.patch(task, archived=False).expect(200)
    anna.delete(task).expect(204)
    now_have((0, 0))
    anna.post(task, "/restore").expect(200)
    now_have((1, 0))
    anna.post(task, "/move", projectId=other["id"]).expect(200)
    now_have((0, 0), (1, 0))
    anna.post("/v1/tasks/bulk", ids=[task["id"]], change={"status": "completed"}).expect(200)
    now_have((0, 0), (0, 1))


def test_ones_due_tasks_follow_every_change(anna, ben):
    """Their due times are kept between requests; each change of a task, of a right and of the zone must be seen at once."""
    project = anna.project("Counted")
    anna.share(project, ben)
    past, later = "2020-01-01", "2099-01-01"
    task = anna.task("Due", projectId=project["id"], dueDate=past, assigneeIds=[ben.id])

    def overdue(count):
        for _ in range(4):  # several processes answer
            assert ben.get("/v1/counts").expect(200)["overdue"] == count

    overdue(1)
    anna.patch(task, dueDate=later).expect(200)
    overdue(0)
    anna.patch(task, dueDate=None, dueAt=past + "T00:00:00Z").expect(200)
    overdue(1)
    anna.patch(task, status="completed").expect(200)
    overdue(0)
    anna.patch(task, status="todo").expect(200)
    anna.patch(task, assigneeIds=[]).expect(200)
    overdue(0)
    ben.task("Nobody's", dueDate=past)  # in the Inbox
    overdue(1)
    anna.patch(task, assigneeIds=[ben.id]).expect(200)
    overdue(2)
    anna.patch(project, archived=True).expect(200)
    overdue(1)
    anna.patch(project, archived=False).expect(200)
    overdue(2)
    today = dt.datetime.now(zoneinfo.ZoneInfo("Pacific/Kiritimati")).date()
    anna.patch(task, dueAt=None, dueDate=str(today - dt.timedelta(1))).expect(200)
    for zone in ("Etc/GMT+12", "Pacific/Kiritimati"):  # there it is still, or tomorrow's, and already over
        ben.patch("/v1/me", timeZone=zone).expect(200)
        overdue(1 + (zone == "Pacific/Kiritimati"))
    anna.delete(f"/v1/projects/{project['id']}/members/{ben.id}").expect(204)
    overdue(1)
