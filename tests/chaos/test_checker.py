"""Gives the checker correct records and then each kind of violation, which it must detect."""
import copy
import json

import pytest

import checker

TOPIC, TASK = "project:" + "a" * 24, "b" * 24
SHARED, LINK = "project:" + "f" * 24, "e" * 24
PROJECT = {"id": "a" * 24, "name": "P", "rev": 1}


def task(rev, title):
    return {"id": TASK, "projectId": "a" * 24, "rev": rev, "title": title, "deletedAt": None}


def event(seq, rev, title):
    return {"topic": TOPIC, "seq": seq, "kind": "task.updated" if rev > 1 else "task.created", "entity": "task",
            "entityId": TASK, "rev": rev, "data": task(rev, title)}


def logged(e):
    return {**{k: e[k] for k in ("topic", "seq", "kind", "entity", "entityId", "rev")},
            "marker": e["data"]["title"], "frame": json.dumps(e)}


class Records:
    """Number 1 is the project's own; 2..6 are five changes of one task by one writer."""

    def __init__(self):
        events = [event(n + 1, n, f"m{n}") for n in range(1, 6)]
        self.changes = [{"marker": f"m{n}", "topic": TOPIC, "acked": True, "entityId": TASK, "rev": n}
                        for n in range(1, 6)]
        self.log = [{"topic": TOPIC, "seq": 1, "kind": "project.created", "entity": "project",
                     "entityId": "a" * 24,
                     "rev": 1, "frame": "{}"}] + [logged(e) for e in events]
        start = {"start": {"project": PROJECT, "members": [], "tasks": []}, "topic": TOPIC, "seq": 1}
        self.follower = [start] + [{"event": e} for e in events]
        # In another project, a link is deleted by the second change.
        self.shared = [{"topic": SHARED, "seq": n, "kind": kind, "entity": "link", "entityId": LINK, "rev": n, "frame": "{}"}
                       for n, kind in ((1, "link.created"), (2, "link.deleted"))]
        self.links = [{"link": LINK, "topic": SHARED, "seen": [1, 2], "ended": True}]
        self.reminders = [{"task": TASK, "reminders": 1}]
        self.snapshots = {TOPIC: {"project": PROJECT, "members": [], "tasks": [task(5, "m5")]}}

    def verdict(self):
        return checker.judge(self.changes, self.log + self.shared, {"follower-0": self.follower}, self.snapshots, self.links, self.reminders)


@pytest.fixture
def records():
    return Records()


def test_correct_records_pass(records):
    records.follower.insert(3, {"reconnect": True})
    records.changes.append({"marker": "given up", "topic": TOPIC, "acked": False})
    verdict = records.verdict()
    assert verdict.violations == []
    assert verdict.counts == {"logged": 8, "acknowledged": 5, "given up": 1, "delivered": 5, "reconnects": 1,
                              "followers": 1, "links": 1, "reminders": 1}


def lose(r):
    del r.log[-1], r.follower[-1]
    r.snapshots[TOPIC]["tasks"] = [task(4, "m4")]


def double(r):
    again = event(7, 6, "m5")
    r.log.append(logged(again))
    r.follower.append({"event": again})
    r.snapshots[TOPIC]["tasks"] = [task(6, "m5")]


def double_unacknowledged(r):
    r.changes[4]["acked"] = False
    double(r)


def swap(r):
    r.follower[2], r.follower[3] = r.follower[3], r.follower[2]


def alter(r):
    r.follower[2] = copy.deepcopy(r.follower[2])
    r.follower[2]["event"]["data"]["title"] = "forged"


LIES = {
    "an acknowledged change that is not in the log": (lose, {"lost"}),
    "a change that took effect twice": (double, {"doubled"}),
    "a change without an answer that took effect twice": (double_unacknowledged, {"doubled"}),
    "an answer with another rev than the log": (lambda r: r.changes[2].update(rev=9), {"denied"}),
    "an answer with another entity than the log": (lambda r: r.changes[2].update(entityId="c" * 24),
    {"denied"}),
    "an answer with another topic than the log": (lambda r: r.changes[2].update(topic="project:x"), {"denied"}),
    "an event nobody wrote": (lambda r: r.changes.pop(), {"unknown"}),
    "a number missing from the log": (lambda r: r.log.pop(3), {"missing", "revision", "lost", "unlogged"}),
    "a log that lost its beginning": (lambda r: r.log.pop(0), {"missing"}),
    "a number given twice": (lambda r: r.log.append(r.log[-1]), {"repeat-in-log", "revision", "doubled"}),
    "a revision skipped": (lambda r: r.log[-1].update(rev=7), {"revision", "denied"}),
    "an event that did not reach a follower": (lambda r: r.follower.pop(3), {"gap"}),
    "an event that came twice": (lambda r: r.follower.insert(3, r.follower[2]), {"repeat"}),
    "two events the wrong way round": (swap, {"gap", "reorder"}),
    "an event from nowhere": (lambda r: r.follower.append({"event": event(7, 6, "m6")}), {"unlogged", "stale"}),
    "an event changed on its way": (alter, {"altered"}),
    "a follower that stopped early": (lambda r: r.follower.pop(), {"behind", "stale"}),
    "a follower told to start over": (lambda r: r.follower.insert(3, {"resync": "trimmed"}), {"resync"}),
    "a state that is not the fresh one": (lambda r: r.snapshots[TOPIC]["tasks"].append({**task(1, "x"),
    "id": "d" * 24}), {"stale"}),
    "a link whose deletion is not in the log": (lambda r: r.shared.pop(), {"lost"}),
    "a link's reader who saw more": (lambda r: r.links[0]["seen"].append(3), {"leak"}),
    "a link's reader who was not refused": (lambda r: r.links[0].update(ended=False), {"leak"}),
    "a reminder that was not sent": (lambda r: r.reminders[0].update(reminders=0), {"reminder"}),
    "a reminder that was sent twice": (lambda r: r.reminders[0].update(reminders=2), {"reminder"}),
    "a task that should be gone": (lambda r: r.snapshots[TOPIC].update(tasks=[]), {"stale"}),
}


@pytest.mark.parametrize("lie", LIES)
def test_the_checker_detects_each_violation(records, lie):
    tell, expected = LIES[lie]
    tell(records)
    assert records.verdict().kinds() == expected


def test_every_kind_of_violation_has_an_example():
    assert set().union(*(kinds for _, kinds in LIES.values())) == set(checker.KINDS)


def test_the_checker_is_a_program(records, tmp_path):
    def write(name, rows):
        (tmp_path / name).write_text("".join(json.dumps(r) + "\n" for r in rows))
    write("writer-0.jsonl", records.changes)
    write("log.jsonl", records.log)
    write("follower-0.jsonl", records.follower)
    (tmp_path / "snapshot-0.json").write_text(json.dumps(
        {**records.snapshots[TOPIC], "project": PROJECT}))
    assert checker.main(["checker", str(tmp_path)]) == 0
    write("writer-1.jsonl", [{"marker": "gone", "topic": TOPIC, "acked": True, "entityId": TASK, "rev": 3}])
    assert checker.main(["checker", str(tmp_path)]) == 1
