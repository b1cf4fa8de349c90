"""Moving tasks: their order within a status, and between statuses and projects."""
import random
import threading

import pytest

import state


def order(user, project):
    """Ids by status, in the order of their positions."""
    tasks = sorted(user.pages("/v1/tasks", projectId=project["id"], limit=200), key=lambda t: t["position"])
    columns = {}
    for task in tasks:
        columns.setdefault(task["status"], []).append(task["id"])
    return columns


@pytest.fixture
def board(anna):
    project = anna.project()
    tasks = [anna.task(f"T{n}", projectId=project["id"]) for n in range(6)]
    return project, [t["id"] for t in tasks]


def test_new_tasks_come_last(anna, board):
    project, ids = board
    assert order(anna, project) == {"todo": ids}


def test_a_task_can_be_moved_before_after_or_to_the_end(anna, board):
    project, (a, b, c, d, e, f) = board
    anna.post(f"/v1/tasks/{f}", "/move", before=a).expect(200)
    anna.post(f"/v1/tasks/{b}", "/move", after=d).expect(200)
    anna.post(f"/v1/tasks/{a}", "/move").expect(200)
    assert order(anna, project) == {"todo": [f, c, d, b, e, a]}


def test_a_task_can_be_moved_to_another_status(anna, board):
    project, (a, b, c, d, e, f) = board
    moved = anna.post(f"/v1/tasks/{c}", "/move", status="completed").expect(200)
    assert moved["completedAt"]
    anna.post(f"/v1/tasks/{a}", "/move", status="completed", before=c).expect(200)
    anna.post(f"/v1/tasks/{e}", "/move", status="completed", after=a).expect(200)
    assert order(anna, project) == {"todo": [b, d, f], "completed": [a, e, c]}


def test_moving_to_another_project_is_one_event_in_each_project(anna, board):
    project, ids = board
    target = anna.project("Target")
    before = {p["id"]: anna.get(f"/v1/projects/{p['id']}/snapshot").expect(200)["cursor"] for p in (project,
    target)}
    moved = anna.post(f"/v1/tasks/{ids[0]}", "/move", projectId=target["id"]).expect(200)
    assert moved["projectId"] == target["id"]
    left, arrived = (anna.get(f"/v1/projects/{p['id']}/events", since=before[p["id"]]).expect(200)["items"]
                     for p in (project, target))
    for events in (left, arrived):
        assert [(e["kind"], e["entityId"], e["rev"]) for e in events] == [("task.moved", ids[0], moved["rev"])]
    assert arrived[0]["changes"] == {name: [None, moved[name]] for name in arrived[0]["changes"]} and "projectId" in arrived[0]["changes"]
    assert {**arrived[0]["data"], "dropped": moved["dropped"]} == moved.json
    assert left[0]["changes"]["projectId"] == [project["id"], None] and left[0]["data"] is None, "where to is a secret"


def test_assignees_without_access_to_the_new_project_are_removed(anna, ben, cleo):
    here, there = anna.project("Here"), anna.project("There")
    for project, others in ((here, (ben, cleo)), (there, (cleo,))):
        for other in others:
            anna.share(project, other)
    task = anna.task("Shared", projectId=here["id"], assigneeIds=[ben.id, cleo.id])
    other = anna.task("Of here alone", projectId=here["id"])
    anna.patch(task, relations=[{"kind": "blocks", "taskId": other["id"]}]).expect(200)
    moved = anna.post(f"/v1/tasks/{task['id']}/move", projectId=there["id"]).expect(200)
    assert moved["assigneeIds"] == [cleo.id]
    ben.get(f"/v1/tasks/{task['id']}").expect(404)
    log = anna.get(f"/v1/projects/{there['id']}/events").expect(200).body.decode()
    for secret in (here["id"], ben.id, other["id"]):  # regression: the event contained what the task lost in the move
        assert secret not in log


def test_invalid_moves_are_refused(anna, ben, board):
    project, ids = board
    elsewhere = anna.task("In the inbox")
    foreign = ben.task("Ben's")
    path = f"/v1/tasks/{ids[0]}/move"
    for fields in ({"before": ids[1], "after": ids[2]}, {"before": foreign["id"]}, {"after": elsewhere["id"]},
                   {"before": "x"}, {"status": "someday"}, {"before": ids[0]}, {"frob": 1},
                   {"before": {"$gt": ""}}):
        anna.post(path, **fields).expect(422)
    anna.post(path, projectId=foreign["projectId"]).expect((404, 422))
    assert order(anna, project) == {"todo": ids}


def test_random_moves_give_the_same_order_as_a_list(anna):
    """Positions must sort like a Python list after the same moves."""
    dice, project = random.Random(3), anna.project()
    model = {"todo": [], "in-progress": [], "completed": []}
    for n in range(12):
        model["todo"].append(anna.task(f"T{n}", projectId=project["id"])["id"])
    for _ in range(150):
        task = dice.choice([t for column in model.values() for t in column])
        status = dice.choice(list(model))
        source = next(column for column in model.values() if task in column)
        source.remove(task)
        target, fields = model[status], {"status": status}
        if target and dice.random() < 0.8:
            anchor = dice.choice(target)
            side = dice.choice(("before", "after"))
            fields[side] = anchor
            target.insert(target.index(anchor) + (side == "after"), task)
        else:
            target.append(task)
        anna.post(f"/v1/tasks/{task}", "/move", **fields).expect(200)
    assert order(anna, project) == {s: ids for s, ids in model.items() if ids}


def test_repeated_moves_between_two_tasks_keep_positions_short(anna, board):
    project, ids = board
    left, right = ids[0], ids[1]
    for n in range(60):
        task = ids[2 + n % 4]
        moved = anna.post(f"/v1/tasks/{task}", "/move",
                          **({"after": left} if n % 2 else {"before": right})).expect(200)
    assert len(moved["position"]) <= 64


def test_two_alternating_cards_never_run_out_of_room(anna, board):
    """Regression: there was no room after 4,989 moves; now neighbours get new positions before keys grow long,
    each with an event, so that followers have them too."""
    project, ids = board
    snapshot = anna.get(f"/v1/projects/{project['id']}/snapshot").expect(200)
    for n in range(260):
        anna.post(f"/v1/tasks/{ids[1 + n % 2]}", "/move", after=ids[0]).expect(200)
    follower = state.of_snapshot(snapshot)
    events = list(anna.pages_of_events(project, since=snapshot["cursor"]))
    for event in events:
        follower.apply(event)
    now = state.of_snapshot(anna.get(f"/v1/projects/{project['id']}/snapshot").expect(200))
    assert follower == now, follower.differences(now)
    assert order(anna, project) == {"todo": [ids[0], ids[2], ids[1], *ids[3:]]}
    assert max(len(t["position"]) for t in anna.items("/v1/tasks", projectId=project["id"])) <= 48
    others = [e for e in events if e["kind"] == "task.updated"]
    assert 0 < len(others) <= 40 and all(list(e["changes"]) == ["position"] for e in others)


def test_concurrent_moves_lose_nothing(anna, ben, board):
    project, ids = board
    anna.share(project, ben)
    failures = []

    def shuffle(user, seed):
        dice = random.Random(seed)
        for _ in range(20):
            task, anchor = dice.sample(ids, 2)
            reply = user.post(f"/v1/tasks/{task}", "/move", before=anchor)
            if reply.status != 200:
                failures.append(reply)

    threads = [threading.Thread(target=shuffle, args=(user, n)) for n,
               user in enumerate((anna, ben, anna, ben))]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not failures
    tasks = list(anna.pages("/v1/tasks", projectId=project["id"]))
    assert sorted(t["id"] for t in tasks) == sorted(ids)
    assert len({t["position"] for t in tasks}) == len(ids)
