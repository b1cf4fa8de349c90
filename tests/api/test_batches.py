"""Changes that wait for each other are committed together, and each still succeeds or fails by itself.  A commit is held
while others queue behind it, so that they form batches; mongo-proxy counts the commits and does the harm."""
import concurrent.futures
import contextlib
import os
import secrets

import pytest

from client import eventually
from faults import RETRYABLE, TRANSIENT, log_of, until_done

TASKS = 24


@pytest.fixture(scope="module")
def board(world):
    """A person, a project and its tasks."""
    anna = world.user("anna")
    anna.http.strict = False  # a 503 is an answer here
    project = anna.post("/v1/projects", name="Batches").expect(201)
    tasks = [anna.post("/v1/tasks", projectId=project["id"], title=f"Task {n}").expect(201) for n in range(TASKS)]
    return anna, project, tasks


@contextlib.contextmanager
def held(stack, anna, task, ms=250):
    """While a commit of the task's project is held; what is sent meanwhile has to wait for it."""
    with stack.fault(f"hold command=commitTransaction ms={ms}") as (number,), \
            concurrent.futures.ThreadPoolExecutor(1) as pool:
        first = pool.submit(lambda: anna.patch(task, title=f"Held {secrets.token_hex(4)}"))
        eventually(lambda: stack.fault_hits(number) == 1, what="a commit that is held")
        yield
        first.result().expect(200)


def at_once(stack, anna, task, sends, *faults, ms=250):
    """Sends all while a commit is held; their replies, and how many commits there were (without the one held).  Where these are
    counted, the machine gets a second to send all."""
    with held(stack, anna, task, ms), concurrent.futures.ThreadPoolExecutor(len(sends)) as pool:
        count = stack.proxy_control("add delay command=commitTransaction ms=1 times=0")
        for fault in faults:
            stack.proxy_control("add " + fault)
        replies = list(pool.map(lambda send: send(), sends))
        return replies, stack.fault_hits(count)


def events_of(anna, project, *tasks):
    ids = {t["id"] for t in tasks}
    return [e for e in log_of(anna, project) if e["entityId"] in ids]


def test_each_change_of_a_batch_succeeds_or_fails_by_itself(stack, board):
    anna, project, tasks = board
    blocker, tasks = tasks[0], tasks[1:]
    for t in tasks:
        t.json.update(anna.get(t).json)
    before = len(log_of(anna, project))
    unknown, stale = {"id": secrets.token_hex(12)}, '"99"'
    good = [lambda t=t: anna.patch(t, title="Changed", key=secrets.token_hex(8)) for t in tasks[:6]]
    made = [lambda: anna.post("/v1/tasks", projectId=project["id"], title="Made") for _ in range(4)]
    moved = [lambda t=t: anna.post(f"/v1/tasks/{t['id']}/move", status="in-progress") for t in tasks[6:8]]
    late = [lambda t=t: anna.patch(t, title="Too late", if_match=stale) for t in tasks[8:12]]
    same = [lambda t=t: anna.patch(t, title=t["title"], key=secrets.token_hex(8)) for t in tasks[12:16]]
    wrong = [lambda t=t: anna.patch(t, status="no-such") for t in tasks[16:19]]
    absent = [lambda: anna.patch(f"/v1/tasks/{unknown['id']}", title="Nobody") for _ in range(2)]
    wanted = [200] * 6 + [201] * 4 + [200] * 2 + [412] * 4 + [200] * 4 + [422] * 3 + [404] * 2
    # Mixed, so that changes that fail are between others.
    sends = list(zip(good + made + moved + late + same + wrong + absent, wanted))
    sends = sends[::3] + sends[1::3] + sends[2::3]
    replies, commits = at_once(stack, anna, blocker, [send for send, _ in sends], ms=1000)
    assert [r.status for r in replies] == [status for _, status in sends]
    assert commits < 12, "they were not committed together"
    assert len(log_of(anna, project)) == before + 1 + 12  # dense, and nothing of those that failed
    assert all(r.json["current"]["title"] != "Too late" for r in replies if r.status == 412)
    numbers = [r["number"] for r in replies if r.status == 201]
    assert len(set(numbers)) == 4 and max(numbers) - min(numbers) == 3
    again = anna.post("/v1/tasks", projectId=project["id"], title="The next").expect(201)
    assert again["number"] == max(numbers) + 1  # nobody who failed has used one up


def test_a_later_change_of_a_batch_sees_what_an_earlier_one_did(stack, board):
    anna, project, tasks = board
    task = anna.get(tasks[1]).expect(200)
    before = len(events_of(anna, project, task))
    replies, commits = at_once(stack, anna, tasks[0],
                               [lambda n=n: anna.patch(task, title=f"By {n}") for n in range(12)], ms=1000)
    assert {r.status for r in replies} == {200} and commits < 8
    assert sorted(r["rev"] for r in replies) == list(range(task["rev"] + 1, task["rev"] + 13))
    events = events_of(anna, project, task)[before:]
    assert [e["rev"] for e in events] == list(range(task["rev"] + 1, task["rev"] + 13))
    titles = [task["title"]] + [e["changes"]["title"][1] for e in events]
    assert [e["changes"]["title"][0] for e in events] == titles[:-1]
    assert anna.get(task)["title"] == titles[-1]


def test_of_one_version_in_a_batch_one_change_wins(stack, board):
    """If-Match of all names the same version; the second already sees the first one's change."""
    anna, project, tasks = board
    task = anna.get(tasks[2]).expect(200)
    replies, _ = at_once(stack, anna, tasks[0],
                         [lambda n=n: anna.patch(task, title=f"Mine {n}", if_match=task.etag) for n in range(8)])
    assert sorted(r.status for r in replies) == [200] + [412] * 7
    won = next(r for r in replies if r.status == 200)
    assert all(r.json["current"]["title"] == won["title"] for r in replies if r.status == 412)
    log_of(anna, project)


def test_a_key_sent_twice_at_once_takes_effect_once(stack, board):
    """Both wait for the same commit; the second must not be committed with the first."""
    anna, project, tasks = board
    task = anna.get(tasks[3]).expect(200)
    before = len(log_of(anna, project))
    pairs = [[lambda n=n, k=secrets.token_hex(8): anna.post("/v1/tasks", projectId=project["id"], title=f"Twin {n}", key=k)] * 2
             for n in range(3)]
    pairs += [[lambda n=n, k=secrets.token_hex(8): anna.patch(task, title=f"Twin {n}", key=k)] * 2 for n in range(3)]
    replies, _ = at_once(stack, anna, tasks[0], [first for first, _ in pairs] + [second for _, second in pairs])
    for twins in zip(replies[:6], replies[6:]):  # 409: the other one is still running
        assert {r.status for r in twins} <= {200, 201, 409}
        done = [r for r in twins if r.status != 409]
        assert [r for r in done if "idempotency-replayed" not in r.headers] and done[0].json == done[-1].json
    assert len(log_of(anna, project)) == before + 1 + 6
    assert anna.get(task)["rev"] == task["rev"] + 3


def test_moves_of_a_batch_have_the_result_of_one_after_another(stack, board):
    """Also between statuses, and next to tasks that the same batch moves: each sees the moves before it."""
    anna = board[0]
    project = anna.post("/v1/projects", name="Columns").expect(201)
    tasks = [anna.post("/v1/tasks", projectId=project["id"], title=f"Task {n}").expect(201) for n in range(14)]
    ids = [t["id"] for t in tasks]
    moves = {ids[1]: {"after": ids[5]}, ids[2]: {"after": ids[5]}, ids[3]: {"before": ids[6], "status": "in-progress"},
             ids[4]: {"before": ids[6], "status": "completed"}, ids[5]: {"after": ids[9]}, ids[6]: {"before": ids[1]},
             ids[7]: {}, ids[8]: {"status": "in-progress"}, ids[9]: {"after": ids[12]}, ids[10]: {"before": ids[11]}}
    before = len(log_of(anna, project))
    replies, commits = at_once(stack, anna, tasks[0], [lambda i=i, m=m: anna.post(f"/v1/tasks/{i}/move", **m)
                                                       for i, m in moves.items()], ms=1000)
    assert [r.status for r in replies] == [200] * len(moves) and commits < len(moves)
    moved = [e["entityId"] for e in log_of(anna, project)[before:] if e["kind"] == "task.moved"]
    assert sorted(moved) == sorted(moves)
    for task in moved:  # in the order in which they took effect
        ids.remove(task)
        other = moves[task].get("after") or moves[task].get("before")
        ids.insert(len(ids) if other is None else ids.index(other) + ("after" in moves[task]), task)
    now = {t["id"]: t for t in anna.pages("/v1/tasks", projectId=project["id"], limit=200)}
    assert sorted(now, key=lambda i: now[i]["position"]) == ids
    assert all(now[i]["status"] == m.get("status", "todo") for i, m in moves.items())


def test_a_project_that_does_not_exist_does_not_break_up_a_batch(stack, board):
    anna, _, tasks = board
    projects = [anna.post("/v1/projects", name=f"Project {n}").expect(201) for n in range(8)]
    absent = [{"id": secrets.token_hex(12)} for _ in range(3)]
    sends = [lambda p=p: anna.post("/v1/tasks", projectId=p["id"], title="Made") for p in projects + absent]
    replies, commits = at_once(stack, anna, tasks[0], sends, ms=400)  # writers of other topics wait half a second
    assert [r.status for r in replies] == [201] * 8 + [404] * 3
    assert commits < 8, "each project's change was committed by itself"


COMMANDS = ["update collection=topics", "find collection=tasks", "update collection=tasks", "insert collection=events",
            "insert collection=idempotency", "commitTransaction"]


def batch_faults():
    """Each command lost, refused, and undone by a conflict; without TASKWIRE_LONG in turn."""
    for n, command in enumerate(COMMANDS):
        label = RETRYABLE if command == "commitTransaction" else TRANSIENT
        each = [f"cut-before command={command}", f"cut-after command={command}",
                f"error command={command} code=112 labels={TRANSIENT}",
                f"error command={command} code=10107 labels={label}", f"error command={command} code=50"]
        yield from each if "TASKWIRE_LONG" in os.environ else (each[n % 2], each[2 + n % 3])
    yield f"error-after command=commitTransaction code=189 labels={RETRYABLE}"
    yield "vanish command=commitTransaction"


@pytest.mark.parametrize("fault", batch_faults())
def test_a_batch_takes_effect_once(stack, board, fault):
    anna, project, tasks = board
    some = tasks[9:15]
    before = {t["id"]: anna.get(t)["rev"] for t in some}
    keys = [secrets.token_hex(8) for _ in some]
    sends = [lambda t=t, k=k: anna.patch(t, title=f"Once {k}", key=k) for t, k in zip(some, keys)]
    replies, _ = at_once(stack, anna, tasks[0], sends, fault)
    assert {r.status for r in replies} <= {200, 503}
    for task, key, send, first in zip(some, keys, sends, replies):
        reply = until_done(send).expect(200)
        assert reply["rev"] == before[task["id"]] + 1 and reply["title"] == f"Once {key}"
        assert first.status == 503 or first["rev"] == reply["rev"]
    log_of(anna, project)
