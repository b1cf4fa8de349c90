"""Base-Rev: a change that is based on an older revision is applied if nobody has changed the same fields since."""
import concurrent.futures
import contextlib

import pytest

from client import eventually


def test_changes_of_different_fields_are_both_applied(anna, ben):
    project = anna.project()
    anna.share(project, ben)
    task = anna.task("Old", projectId=project["id"])
    anna.patch(task, title="New").expect(200)
    after = ben.patch(task, base=task["rev"], priority="high").expect(200)
    assert (after["title"], after["priority"], after["rev"]) == ("New", "high", 3)


def test_a_field_changed_since_is_a_conflict_that_names_it(anna, ben):
    project = anna.project()
    anna.share(project, ben)
    task = anna.task("Old", projectId=project["id"])
    anna.patch(task, title="Anna's").expect(200)
    ben.patch(task, priority="low").expect(200)
    refused = ben.patch(task, base=1, title="Ben's", description="More").expect(412, "stale")
    assert refused["conflicts"] == ["title"] and refused["changedBy"] == anna.id
    assert refused["current"]["title"] == "Anna's" and refused["current"]["rev"] == 3
    assert anna.get(task)["description"] == "", "a part of the change was applied"
    again = ben.patch(task, base=refused["current"]["rev"], title="Ben's").expect(200)
    assert again["title"] == "Ben's"


# What Anna does to the task, what Ben then does on the revision before it, and the fields in conflict.
CASES = {
    "equal values": ({"title": "Same"}, {"title": "Same"}, None),
    "an equal value among others": ({"title": "Same"}, {"title": "Same", "priority": "high"}, None),
    "a date and an instant": ({"dueAt": "2031-01-01T09:00:00Z"}, {"dueDate": "2031-01-02"}, ["dueDate"]),
    "an instant and a date": ({"startDate": "2031-01-01"}, {"startAt": "2031-01-02T09:00:00Z"}, ["startAt"]),
    "start and due": ({"startDate": "2031-01-01"}, {"dueDate": "2031-01-02"}, None),
    "two statuses": ({"status": "completed"}, {"status": "in-progress"}, ["status"]),
    "archived": ({"archived": True}, {"archived": False}, ["archived"]),
    "archived twice": ({"archived": True}, {"archived": True}, None),
    "a list and another": ({"assigneeIds": []}, {"checklist": []}, None),
    "an item of a list": ({"checklist": [{"id": "a", "text": "A", "done": True}, {"id": "b", "text": "B"}]},
                          {"checklist": [{"id": "b", "text": "B"}]}, ["checklist"]),
    "nothing": ({"title": "Other"}, {}, None),
}


@pytest.mark.parametrize("case", CASES)
def test_what_conflicts(case, anna):
    first, second, conflicts = CASES[case]
    task = anna.task("T", assigneeIds=[anna.id], checklist=[{"id": "a", "text": "A"}, {"id": "b", "text": "B"}])
    anna.patch(task, **first).expect(200)
    reply = anna.patch(task, base=task["rev"], **second)
    if conflicts is None:
        reply.expect(200)
    else:
        assert reply.expect(412, "stale")["conflicts"] == conflicts


def test_a_move_conflicts_with_another_move_and_with_a_status(anna):
    project = anna.project()
    one, two = (anna.task(title, projectId=project["id"]) for title in ("One", "Two"))
    anna.patch(two, title="Second").expect(200)
    anna.post(two, "/move", base=1, before=one["id"]).expect(200)
    assert anna.post(two, "/move", base=1, after=one["id"]).expect(412)["conflicts"] == ["position"]
    anna.patch(one, status="completed").expect(200)
    assert anna.post(one, "/move", base=1, status="in-progress").expect(412)["conflicts"] == ["status"]
    anna.post(one, "/move", base=1, after=two["id"]).expect(200)


def test_deleting_conflicts_only_with_the_trash(anna):
    task = anna.task("T")
    anna.patch(task, title="Other").expect(200)
    anna.delete(task, base=1).expect(204)
    anna.post(task, "/restore").expect(200)
    assert anna.delete(task, base=1).expect(412)["conflicts"] == ["deletedAt"]


def test_a_move_to_another_project_conflicts_with_everything(anna):
    here, there = anna.project("Here"), anna.project("There")
    task = anna.task("T", projectId=here["id"])
    anna.post(task, "/move", projectId=there["id"]).expect(200)
    assert anna.patch(task, base=1, title="Other").expect(412)["conflicts"] == ["title"]
    assert anna.post(task, "/move", base=1, projectId=here["id"]).expect(412)["conflicts"] == ["position", "projectId"]
    anna.patch(task, base=2, title="Other").expect(200)


def test_projects_have_it_too(anna, ben):
    project = anna.project("Old")
    anna.patch(project, description="Words").expect(200)
    anna.share(project, ben)  # a revision without an event of the project
    anna.patch(project, base=1, name="New").expect(200)
    refused = anna.patch(project, base=1, description="Other words", colour="red").expect(412)
    assert refused["conflicts"] == ["description"] and refused["changedBy"] == anna.id
    anna.delete(project, base=1).expect(204)


def test_it_satisfies_a_project_that_requires_if_match(anna):
    project = anna.project(requireIfMatch=True)
    task = anna.task("T", projectId=project["id"])
    anna.patch(task, title="A").expect(428)
    anna.patch(task, base=1, title="A").expect(200)
    anna.post(task, "/move", base=1, status="completed").expect(200)
    anna.delete(task, base=1).expect(204)


@pytest.mark.parametrize("base", ["", "0", "-1", "x", '"1"', "1.0", "1" * 16, "1, 2"])
def test_a_base_that_is_no_revision_is_malformed(base, anna):
    task = anna.task("T")
    anna.patch(task, base=base, title="A").expect(400 if base else 200)


def test_base_and_if_match_cannot_be_combined(anna):
    task = anna.task("T")
    anna.patch(task, base=1, if_match=task.etag, title="A").expect(400, "malformed")


def test_what_the_log_does_not_know_is_a_conflict(anna, stack):
    task = anna.task("T")
    anna.patch(task, title="A").expect(200)
    refused = anna.patch(task, base=7, title="B", priority="low").expect(412)  # a revision that does not exist
    assert refused["conflicts"] == ["title", "priority"] and refused["changedBy"] == anna.id


@contextlib.contextmanager
def held(stack, anna, task):
    """While a commit of the task's project is held; what is sent meanwhile shares the next one."""
    with stack.fault("hold command=commitTransaction ms=250") as (number,), \
            concurrent.futures.ThreadPoolExecutor(8) as pool:
        first = pool.submit(lambda: anna.patch(task, description="Held"))
        eventually(lambda: stack.fault_hits(number) == 1, what="a commit that is held")
        yield pool
    first.result().expect(200)


def test_changes_of_one_batch_see_each_other(anna, stack):
    """All are based on the same revision and are committed together: one of each field wins."""
    blocker, task = anna.task("Blocker"), anna.task("T")
    fields = ["title", "description"] * 4
    with held(stack, anna, blocker) as pool:
        sent = [pool.submit(lambda f=f, n=n: (f, anna.patch(task, base=1, **{f: f"Text {n}"})))
                for n, f in enumerate(fields)]
    replies = [s.result() for s in sent]
    for field in ("title", "description"):
        own = [r for f, r in replies if f == field]
        assert sorted(r.status for r in own) == [200, 412, 412, 412]
        assert all(r["conflicts"] == [field] for r in own if r.status == 412)
    assert anna.get(task)["rev"] == 3
