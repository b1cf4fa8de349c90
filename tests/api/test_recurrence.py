"""Recurring tasks: what is set, what completing, skipping and reopening do, and what is refused."""
import concurrent.futures
import datetime
import secrets

import pytest

from faults import RETRYABLE, TRANSIENT, log_of, until_done

DUE = "2040-01-02"  # a Monday


def daily(**fields):
    return {"rule": "FREQ=DAILY", **fields}


def recurring(anna, rule="FREQ=DAILY", due=DUE, **fields):
    return anna.task(**{"dueAt" if "T" in due else "dueDate": due}, recurrence={"rule": rule}, **fields)


def complete(anna, task):
    return anna.patch(task, status="completed").expect(200)


def successor(anna, task):
    return anna.get("/v1/tasks/" + anna.get(task)["nextId"]).expect(200)


def test_a_rule_is_counted_from_the_due_date_it_is_set_with(anna):
    anna.patch("/v1/me", timeZone="Europe/Berlin").expect(200)
    task = recurring(anna)
    assert task["recurrence"] == {"rule": "FREQ=DAILY", "basis": "due", "start": DUE}
    assert (task["timeZone"], task["nextId"], task["previousId"]) == ("Europe/Berlin", None, None)
    moved = anna.patch(task, dueDate="2040-01-05").expect(200)
    assert moved["recurrence"]["start"] == DUE, "moving a date moves one occurrence"
    weekly = anna.patch(task, recurrence={"rule": "FREQ=WEEKLY"}).expect(200)
    assert weekly["recurrence"] == {"rule": "FREQ=WEEKLY", "basis": "due", "start": "2040-01-05"}
    other = anna.patch(task, recurrence={"basis": "completion"}).expect(200)
    assert other["recurrence"] == {"rule": "FREQ=WEEKLY", "basis": "completion", "start": "2040-01-05"}
    same = anna.patch(task, recurrence=other["recurrence"]).expect(200)
    assert same["rev"] == other["rev"], "what a client has read can be sent back"
    timed = anna.patch(task, dueAt="2040-01-06T08:00:00Z").expect(200)
    assert timed["recurrence"]["start"] == "2040-01-05T08:00:00.000Z" and timed["dueDate"] is None
    assert anna.patch(task, recurrence=None).expect(200)["recurrence"] is None


def test_completing_creates_the_next_task(anna, ben):
    project = anna.project(labels=[{"id": "l", "name": "L"}])
    anna.share(project, ben)
    other = anna.task("Other", projectId=project["id"])
    task = anna.task("Water the plants", projectId=project["id"], description="All", priority="high",
                     startDate="2040-01-01", dueDate=DUE, labelIds=["l"], assigneeIds=[ben.id],
                     checklist=[{"id": "a", "text": "A", "done": True}],
                     relations=[{"kind": "relates", "taskId": other["id"]}], recurrence=daily())
    notified = len(ben.items("/v1/notifications"))
    done = ben.patch(task, status="completed").expect(200)
    after = anna.get("/v1/tasks/" + done["nextId"]).expect(200)
    assert done["rev"] == 2 and after["rev"] == 1
    for name in "title description priority labelIds assigneeIds relations projectId timeZone recurrence".split():
        assert after[name] == task[name], name
    assert (after["startDate"], after["dueDate"]) == ("2040-01-02", "2040-01-03")
    assert after["checklist"] == [{"id": "a", "text": "A", "done": False}]
    assert (after["status"], after["completedAt"], after["previousId"]) == ("todo", None, task["id"])
    assert (after["createdBy"], after["number"]) == (anna.id, task["number"] + 1)
    assert anna.task("Next", projectId=project["id"])["number"] == after["number"] + 1
    assert len(ben.items("/v1/notifications")) == notified
    kinds = [(e["kind"], e["entityId"]) for e in log_of(anna, project)][-3:-1]
    assert kinds == [("task.updated", task["id"]), ("task.created", after["id"])]
    found = [t["id"] for t in anna.items("/v1/tasks", projectId=project["id"], sort="dueAt", status="todo")]
    assert found[0] == after["id"]
    assert [t["id"] for t in anna.items("/v1/tasks", projectId=project["id"], q="plants")].count(after["id"]) == 1


WAYS = {
    "a change": lambda anna, task: anna.patch(task, status="completed"),
    "a move": lambda anna, task: anna.post(task, "/move", status="completed"),
    "a move to another project": lambda anna, task: anna.post(task, "/move", status="completed",
                                                              projectId=anna.project("Other")["id"]),
}


@pytest.mark.parametrize("way", WAYS)
def test_each_way_to_complete_a_task_creates_one_successor(way, anna):
    task = recurring(anna, projectId=anna.project()["id"])
    done = WAYS[way](anna, task).expect(200)
    after = successor(anna, task)
    assert after["dueDate"] == "2040-01-03" and after["projectId"] == done["projectId"]
    anna.patch(task, status="todo").expect(200)  # takes it back
    assert anna.get(after).status == 404
    complete(anna, task)
    again = successor(anna, task)
    anna.patch(task, title="Still done").expect(200)
    assert again["id"] != after["id"] and successor(anna, task).json == again.json


def test_what_does_not_create_a_successor(anna):
    project = anna.project()
    task = recurring(anna, projectId=project["id"])
    done = anna.task(projectId=project["id"], dueDate=DUE, recurrence=daily(), status="completed")
    assert done["nextId"] is None and done["completedAt"]
    statuses = [dict(s, kind="done") if s["id"] == "todo" else s for s in project["statuses"]]
    statuses.append({"id": "open", "name": "Open", "kind": "open"})
    anna.patch(project, statuses=statuses).expect(200)
    assert anna.get(task)["completedAt"] and anna.get(task)["nextId"] is None
    plain = anna.task(dueDate=DUE)
    assert complete(anna, plain)["nextId"] is None


def test_reopening_keeps_a_successor_that_was_changed(anna):
    tasks = [recurring(anna) for _ in range(5)]
    for task in tasks:
        complete(anna, task)
    changed, commented, trashed, filed, divided = (successor(anna, task) for task in tasks)
    anna.patch(changed, title="Changed").expect(200)
    anna.post(commented, "/comments", text="Hello").expect(201)
    anna.delete(trashed).expect(204)
    anna.send("POST", f"/v1/tasks/{filed['id']}/attachments?name=a", raw=b"a").expect(201)
    anna.task("A part", projectId=divided["projectId"], parentId=divided["id"])
    for task in tasks:
        refused = anna.patch(task, status="todo", recurrence={"rule": "FREQ=WEEKLY"})
        refused.expect(422, pointers=["/recurrence"])
        again = anna.patch(task, status="todo").expect(200)
        assert again["recurrence"] is None and again["nextId"] is not None
        assert complete(anna, task)["nextId"] == again["nextId"], "it has had its one successor"
    assert anna.get(changed)["title"] == "Changed" and anna.get(commented).expect(200)


def test_a_successor_taken_back_has_no_series_of_its_own(anna):
    task = recurring(anna)
    complete(anna, task)
    after = successor(anna, task)
    assert anna.patch(task, status="todo").expect(200)["nextId"] is None
    again = anna.post(after, "/restore").expect(200)
    assert again["recurrence"] is None and anna.get(task)["recurrence"]


def test_subtasks_come_along(anna):
    task = recurring(anna, due="2040-01-31", rule="FREQ=MONTHLY;BYMONTHDAY=-1")
    parent = {"projectId": task["projectId"], "parentId": task["id"]}
    anna.task("A", dueDate="2040-01-30", status="completed", checklist=[{"id": "i", "text": "I", "done": True}], **parent)
    anna.task("B", startAt="2040-01-29T09:00:00Z", **parent)
    anna.delete(anna.task("Deleted", **parent)).expect(204)
    own = recurring(anna, title="Own", due="2040-01-20", **parent)
    complete(anna, own)  # its successor is a subtask too
    complete(anna, task)
    after = successor(anna, task)
    copies = {t["title"]: t for t in anna.items("/v1/tasks", projectId=task["projectId"], parentId=after["id"])}
    assert after["subtasks"] == {"done": 0, "total": 3}
    assert after["dueDate"] == "2040-02-29" and sorted(copies) == ["A", "B", "Own"]
    assert (copies["A"]["dueDate"], copies["A"]["status"], copies["A"]["checklist"][0]["done"]) == (
        "2040-02-28", "todo", False)
    assert copies["B"]["startAt"] == "2040-02-27T09:00:00.000Z"
    assert copies["Own"]["dueDate"] == "2040-02-19" and copies["Own"]["recurrence"]["start"] == "2040-02-18"
    anna.patch(task, status="todo").expect(200)
    assert anna.items("/v1/tasks", projectId=task["projectId"], parentId=after["id"]) == []


def test_files_come_along(anna):
    task = recurring(anna)
    path = f"/v1/tasks/{task['id']}/attachments"
    file = anna.send("POST", path + "?name=plan.txt", raw=b"water", headers={"Content-Type": "text/plain"}).expect(201)
    complete(anna, task)
    after = successor(anna, task)
    copy, = anna.items(f"/v1/tasks/{after['id']}/attachments")
    assert (copy["name"], copy["sha256"], copy["taskId"]) == ("plan.txt", file["sha256"], after["id"])
    anna.delete(f"/v1/attachments/{file['id']}").expect(204)
    assert anna.get(f"/v1/attachments/{copy['id']}/content").expect(200).body == b"water"


def test_late_tasks_skip_what_has_passed(anna):
    today = datetime.datetime.now(datetime.timezone.utc).date()
    late = (today - datetime.timedelta(days=3)).isoformat()
    tomorrow = (today + datetime.timedelta(days=1)).isoformat()
    endless, counted = recurring(anna, due=late), recurring(anna, "FREQ=DAILY;COUNT=9", late)
    ended = recurring(anna, "FREQ=DAILY;COUNT=3", late)
    for task in (endless, counted, ended):
        complete(anna, task)
    assert successor(anna, endless)["dueDate"] == tomorrow
    after = successor(anna, counted)
    assert after["dueDate"] == tomorrow and after["recurrence"]["rule"] == "FREQ=DAILY;COUNT=5"
    assert anna.get(ended)["nextId"] is None


def test_a_rule_ends(anna):
    task = recurring(anna, "COUNT=2;FREQ=WEEKLY")
    complete(anna, task)
    last = successor(anna, task)
    assert last["recurrence"] == {"rule": "COUNT=1;FREQ=WEEKLY", "basis": "due", "start": DUE}
    assert complete(anna, last)["nextId"] is None
    until = recurring(anna, "FREQ=WEEKLY;UNTIL=20400108")
    assert complete(anna, until)["nextId"] is None


def test_counted_from_completion(anna):
    today = datetime.datetime.now(datetime.timezone.utc).date()
    task = anna.task(dueDate=DUE, recurrence={"rule": "FREQ=DAILY;INTERVAL=3;COUNT=5", "basis": "completion"})
    complete(anna, task)
    after = successor(anna, task)
    expected = (today + datetime.timedelta(days=3)).isoformat()
    assert after["dueDate"] == expected
    assert after["recurrence"] == {"rule": "FREQ=DAILY;INTERVAL=3;COUNT=4", "basis": "completion", "start": expected}


# Zone, rule, due date, start; and the next due date and start.
DATES = {
    "the time of day stays when summer begins": (
        "Europe/Berlin", "FREQ=DAILY", "2040-03-24T08:00:00.000Z", "2040-03-24T07:30:00.000Z",
        "2040-03-25T07:00:00.000Z", "2040-03-25T06:30:00.000Z"),
    "and when it ends": (
        "America/New_York", "FREQ=DAILY", "2040-11-03T13:00:00.000Z", None, "2040-11-04T14:00:00.000Z", None),
    "a time that is skipped": (
        "Europe/Berlin", "FREQ=DAILY", "2040-03-24T01:30:00.000Z", None, "2040-03-25T01:30:00.000Z", None),
    "in the zone's week": (
        "Pacific/Auckland", "FREQ=WEEKLY;BYDAY=MO", "2040-01-01T20:00:00.000Z", None, "2040-01-08T20:00:00.000Z", None),
    "the last day of the month": ("UTC", "FREQ=MONTHLY;BYMONTHDAY=-1", "2040-01-31", "2040-01-30", "2040-02-29",
                                  "2040-02-28"),
    "a leap day": ("UTC", "FREQ=YEARLY", "2040-02-29", None, "2044-02-29", None),
    "two months without a 31st": ("UTC", "FREQ=MONTHLY", "2040-03-31", None, "2040-05-31", None),
}


@pytest.mark.parametrize("case", DATES)
def test_next_dates(case, anna):
    zone, rule, due, start, next_due, next_start = DATES[case]
    kind = "At" if "T" in due else "Date"
    starts = {"start" + kind: start} if start else {}
    task = recurring(anna, rule, due, timeZone=zone, **starts)
    dates = anna.items(f"/v1/tasks/{task['id']}/occurrences", limit=1)
    assert dates == [{"dueAt": None, "dueDate": None, "due" + kind: next_due}]
    skipped = anna.post(task, "/skip").expect(200)
    assert (skipped["due" + kind], skipped["start" + kind], skipped["rev"]) == (next_due, next_start, 2)
    anna.patch(task, recurrence=None, **{"due" + kind: due}, **({"start" + kind: start} if start else {})).expect(200)
    anna.patch(task, recurrence={"rule": rule}).expect(200)
    complete(anna, task)
    after = successor(anna, task)
    assert (after["due" + kind], after["start" + kind]) == (next_due, next_start)


def test_skipping(anna):
    task = recurring(anna, "FREQ=DAILY;COUNT=3")
    key = secrets.token_hex(8)
    first, second = (anna.post(task, "/skip", key=key).expect(200) for _ in range(2))
    assert first.json == second.json and first["recurrence"]["rule"] == "FREQ=DAILY;COUNT=2"
    changes = log_of(anna, {"id": task["projectId"]})[-1]["changes"]
    assert changes["dueDate"] == [DUE, "2040-01-03"] and set(changes) == {"dueDate", "recurrence"}
    anna.post(task, "/skip", if_match='"1"').expect(412, "stale")
    anna.patch(task, dueDate="2040-01-05").expect(200)
    anna.post(task, "/skip", base=2).expect(412, "stale")
    assert anna.post(task, "/skip").expect(200)["dueDate"] == "2040-01-06"
    anna.post(task, "/skip").expect(409)
    anna.post(anna.task(), "/skip").expect(409)
    done = recurring(anna)
    complete(anna, done)
    anna.post(done, "/skip").expect(409)


def test_occurrences(anna):
    task = recurring(anna, "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1;COUNT=4", "2040-01-31")
    path = f"/v1/tasks/{task['id']}/occurrences"
    assert [t["dueDate"] for t in anna.items(path)] == ["2040-02-29", "2040-03-30", "2040-04-30"]
    assert len(anna.items(path, limit=2)) == 2
    assert anna.items(f"/v1/tasks/{anna.task()['id']}/occurrences") == []
    assert len(anna.items(f"/v1/tasks/{recurring(anna)['id']}/occurrences", limit=200)) == 200
    for limit in ("0", "201", "1000000", "-1", "x"):
        anna.get(path, limit=limit).expect(400)
    anna.get(path, cursor="x").expect(400)


REFUSED = {
    "every second": ({"rule": "FREQ=SECONDLY"}, "/recurrence/rule"),
    "never": ({"rule": "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30"}, "/recurrence/rule"),
    "never, day by day": ({"rule": "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30"}, "/recurrence/rule"),
    "never, by its interval": ({"rule": "FREQ=MONTHLY;INTERVAL=12;BYMONTH=2"}, "/recurrence/rule"),
    "never, by its position": ({"rule": "FREQ=MONTHLY;BYDAY=1MO;BYMONTHDAY=20"}, "/recurrence/rule"),
    "ended before": ({"rule": "FREQ=DAILY;UNTIL=20391231"}, "/recurrence/rule"),
    "a million": ({"rule": "FREQ=DAILY;COUNT=1000000"}, "/recurrence/rule"),
    "a huge interval": ({"rule": "FREQ=DAILY;INTERVAL=65537"}, "/recurrence/rule"),
    "long": ({"rule": "FREQ=DAILY;BYMONTHDAY=" + "1," * 300 + "1"}, "/recurrence/rule"),
    "another line": ({"rule": "FREQ=DAILY\r\nRRULE:FREQ=DAILY"}, "/recurrence/rule"),
    "no rule": ({"basis": "due"}, "/recurrence/rule"),
    "null": ({"rule": None}, "/recurrence/rule"),
    "no text": ({"rule": 7}, "/recurrence/rule"),
    "another basis": ({"rule": "FREQ=DAILY", "basis": "moon"}, "/recurrence/basis"),
    "no start": ({"rule": "FREQ=DAILY", "start": "2040-02-30"}, "/recurrence/start"),
    "an early start": ({"rule": "FREQ=DAILY", "start": "0001-01-01"}, "/recurrence/start"),
    "an unknown member": ({"rule": "FREQ=DAILY", "byHour": 1}, "/recurrence/byHour"),
    "a list": ([], "/recurrence"),
    "a text": ("FREQ=DAILY", "/recurrence"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused(case, anna):
    recurrence, pointer = REFUSED[case]
    anna.post("/v1/tasks", title="T", dueDate=DUE, recurrence=recurrence).expect(422, pointers=[pointer])
    task = anna.task(dueDate=DUE)
    anna.patch(task, recurrence=recurrence).expect(422, pointers=[pointer])
    assert anna.get(task)["rev"] == 1


PREVIEWED = [  # the bodies of PATCHes
    {"recurrence": {"rule": "FREQ=WEEKLY;BYDAY=MO,FR;COUNT=4"}},
    {"recurrence": {"rule": "FREQ=DAILY;INTERVAL=3", "basis": "completion"}},
    {"recurrence": {"rule": "FREQ=MONTHLY;BYMONTHDAY=-1", "start": "2040-01-31"}, "dueDate": "2040-02-29"},
    {"recurrence": {"rule": "FREQ=DAILY"}, "dueAt": "2040-03-24T01:30:00Z", "dueDate": None, "timeZone": "Europe/Berlin"},
    {"recurrence": {"basis": "completion"}},
    {"dueDate": "2040-05-05"},
]


def as_parameters(body):
    """The values of a PATCH as the parameters of a preview."""
    return {k: v for k, v in {**body, **body.get("recurrence", {})}.items() if k != "recurrence" and v is not None}


def test_a_preview_shows_what_a_change_would_give_and_changes_nothing(anna):
    for body in PREVIEWED:
        task = recurring(anna, "FREQ=MONTHLY", "2040-01-31")
        here, asked = f"/v1/tasks/{task['id']}/occurrences", {"limit": 5, **as_parameters(body)}
        seen = anna.items(here, **asked)
        assert seen and anna.get(task)["rev"] == 1
        assert anna.items(here, limit=5) != seen or "recurrence" in body, body
        if "rule" in asked:
            due = {} if {"dueAt", "dueDate"} & asked.keys() else {"dueDate": "2040-01-31"}
            assert anna.items("/v1/occurrences", **asked, **due) == seen, body
        anna.patch(task, **body).expect(200)
        assert anna.items(here, limit=5) == seen, body


RULE = {"rule": "FREQ=DAILY"}
BAD_PARAMETERS = [  # what is asked for, and the parameter that is refused
    *(({"dueDate": DUE, **recurrence}, pointer.split("/")[-1]) for recurrence, pointer in REFUSED.values()
      if isinstance(recurrence, dict) and "byHour" not in recurrence and all(isinstance(v, str) for v in recurrence.values())),
    *(({**RULE, "dueDate": DUE, "timeZone": zone}, "timeZone") for zone in ("Mars/Olympus", "../etc/passwd", "posix/UTC", "")),
    ({**RULE, "dueDate": "2040-02-30"}, "dueDate"), ({**RULE, "dueDate": "9999-01-01"}, "dueDate"), ({**RULE, "dueDate": ""}, "dueDate"),
    ({**RULE, "dueAt": DUE}, "dueAt"), ({**RULE, "dueAt": f"{DUE}T00:00:00Z", "dueDate": DUE}, "dueAt"), (RULE, "dueDate"),
    ({"rule": "", "dueDate": DUE}, "rule"), ({**RULE, "dueDate": DUE, "limit": "201"}, "limit"), ({**RULE, "dueDate": DUE, "cursor": "x"}, "cursor"),
]


def test_a_preview_refuses_what_a_change_would_refuse(anna, ben):
    task = anna.task()
    here = f"/v1/tasks/{task['id']}/occurrences"
    for parameters, name in BAD_PARAMETERS:
        for path in (here, "/v1/occurrences"):
            assert anna.get(path, **parameters).expect(400, "bad-parameter")["parameter"] == name, (path, parameters)
    assert anna.get("/v1/occurrences", dueDate=DUE).expect(400, "bad-parameter")["parameter"] == "rule"
    assert anna.items(here, dueDate=DUE) == []
    ben.get(here, dueDate=DUE, **RULE).expect(404)


def test_a_recurring_task_needs_a_due_date_and_a_zone(anna):
    anna.post("/v1/tasks", title="T", recurrence=daily()).expect(422, pointers=["/dueDate"])
    anna.post("/v1/tasks", title="T", dueDate="9999-01-01", recurrence=daily()).expect(422, pointers=["/dueDate"])
    task = recurring(anna)
    anna.patch(task, dueDate=None).expect(422, pointers=["/dueDate"])
    for zone in ("Mars/Olympus", "../etc/passwd", "posix/UTC", ""):
        anna.patch(task, timeZone=zone).expect(422, pointers=["/timeZone"])
    for name in ("nextId", "previousId"):
        anna.patch(task, **{name: task["id"]}).expect(422, pointers=["/" + name])
    assert anna.get(task)["rev"] == 1


def test_two_people_complete_the_same_task_at_once(anna, ben):
    project = anna.project()
    anna.share(project, ben)
    task = recurring(anna, projectId=project["id"])
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda n: (anna, ben)[n % 2].patch(task, status="completed"), range(8)))
    assert {r.status for r in replies} == {200} and len({r["nextId"] for r in replies}) == 1
    assert [e["kind"] for e in log_of(anna, project)].count("task.created") == 2


FAULTS = ["cut-before command=commitTransaction", "cut-after command=commitTransaction",
          f"error-after command=commitTransaction code=189 labels={RETRYABLE}", "vanish command=commitTransaction",
          f"error command=insert collection=tasks code=112 labels={TRANSIENT}", "cut-after command=insert collection=tasks"]


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_leaves_exactly_one_successor(stack, anna, fault):
    anna.http.strict = False
    task, key = recurring(anna), secrets.token_hex(8)
    with stack.fault(fault):
        done = until_done(lambda: anna.patch(task, status="completed", key=key)).expect(200)
    kinds = [(e["kind"], e["entityId"]) for e in log_of(anna, {"id": task["projectId"]})]
    assert kinds[1:] == [("task.created", task["id"]), ("task.updated", task["id"]), ("task.created", done["nextId"])]


def test_too_many_subtasks_refuse_the_completion_whole(anna):
    task = recurring(anna)
    parent = {"projectId": task["projectId"], "parentId": task["id"]}
    for n in range(101):
        anna.task(f"Subtask {n}", **parent)
    anna.patch(task, status="completed").expect(409)
    assert anna.get(task)["status"] == "todo"
    anna.patch(task, status="completed", recurrence=None).expect(200)


@pytest.mark.parametrize("atomic", [True, False])
def test_completing_in_a_batch_creates_one_successor_each(anna, atomic):
    project = anna.project()
    tasks = [recurring(anna, projectId=project["id"]) for _ in range(2)]
    ops = [{"method": "PATCH", "path": f"/v1/tasks/{t['id']}", "body": {"status": "completed"}} for t in tasks]
    ops.insert(1, {"method": "POST", "path": "/v1/tasks", "body": {"title": "New", "projectId": project["id"]}})
    key = secrets.token_hex(8)
    first, again = (anna.post("/v1/batch", key=key, atomic=atomic, ops=ops).expect(200) for _ in range(2))
    assert [result["status"] for result in first["results"]] == [200, 201, 200]
    assert [r["body"]["id"] for r in again["results"]] == [r["body"]["id"] for r in first["results"]]
    found = anna.items("/v1/tasks", projectId=project["id"])
    assert sorted(t["number"] for t in found) == [1, 2, 3, 4, 5]
    assert {t["previousId"] for t in found} == {None, *(t["id"] for t in tasks)}
    ops = [{"method": "PATCH", "path": f"/v1/tasks/{tasks[0]['id']}", "body": {"status": "todo"}},
           {"method": "PATCH", "path": f"/v1/tasks/{tasks[0]['id']}", "body": {"status": "completed"}},
           {"method": "POST", "path": "/v1/tasks", "body": {"title": ""}}]
    refused = anna.post("/v1/batch", atomic=atomic, ops=ops)
    assert refused.status == (422 if atomic else 200)
    log_of(anna, project)
    after = [t for t in anna.items("/v1/tasks", projectId=project["id"]) if t["previousId"] == tasks[0]["id"]]
    assert len(after) == 1 and after[0]["id"] == anna.get(tasks[0])["nextId"]
    assert (after[0]["id"] in {t["id"] for t in found}) == atomic
