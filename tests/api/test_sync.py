"""/v1/sync: everything once, then only what changed, with tombstones for what went."""
KINDS = ("projects", "members", "tasks", "comments", "notifications")


def sync(user, cursor=None):
    """All of it, however many answers it takes."""
    whole = {kind: [] for kind in KINDS} | {"deleted": []}
    while True:
        part = user.get("/v1/sync", **({"cursor": cursor} if cursor else {})).expect(200)
        for kind in whole:
            whole[kind] += part[kind]
        cursor = part["cursor"]
        if not part["more"]:
            return {**whole, "cursor": cursor, "full": part["full"]}


def ids(things):
    return {t["id"] for t in things}


def test_without_a_cursor_everything_comes(anna, ben):
    project = anna.project("Shared")
    anna.share(project, ben)
    task = anna.task("A", projectId=project["id"])
    comment = anna.post(task, "/comments", text="Hm").expect(201)
    own, hidden = ben.task("Ben's own"), anna.task("Hidden")
    got = sync(ben)
    assert ids(got["projects"]) == {project["id"], own["projectId"]}
    assert ids(got["tasks"]) == {task["id"], own["id"]} and hidden["id"] not in str(got)
    assert ids(got["comments"]) == {comment["id"]}
    assert {m["userId"] for m in got["members"] if m["projectId"] == project["id"]} == {anna.id, ben.id}


def test_with_a_cursor_only_what_changed_comes(anna):
    kept, changed, gone = anna.task("Kept"), anna.task("A"), anna.task("Gone")
    cursor = sync(anna)["cursor"]
    nothing = sync(anna, cursor)
    assert all(not nothing[kind] for kind in (*KINDS, "deleted"))
    anna.patch(changed, title="B").expect(200)
    anna.patch(changed, title="C").expect(200)
    anna.delete(gone).expect(204)
    new = anna.task("New")
    got = sync(anna, nothing["cursor"])
    assert {t["id"]: t["title"] for t in got["tasks"]} == {changed["id"]: "C", new["id"]: "New"}
    assert [(d["entity"], d["id"]) for d in got["deleted"]] == [("task", gone["id"])]
    assert kept["id"] not in str(got)


def test_a_project_that_comes_brings_its_tasks_and_one_that_goes_is_a_tombstone(anna, ben):
    project = anna.project()
    task = anna.task("A", projectId=project["id"])
    cursor = sync(ben)["cursor"]
    anna.share(project, ben)
    got = sync(ben, cursor)
    assert project["id"] in ids(got["projects"]) and task["id"] in ids(got["tasks"])
    anna.delete(f"/v1/projects/{project['id']}/members/{ben.id}").expect(204)
    after = sync(ben, got["cursor"])
    assert ("project", project["id"]) in [(d["entity"], d["id"]) for d in after["deleted"]]
    assert not after["tasks"]


def test_a_cursor_that_cannot_be_followed_gives_everything_again(anna):
    task = anna.task("A")
    cursor = sync(anna)["cursor"]
    other = ("0" if cursor[0] != "0" else "1") + cursor[1:]
    for bad in (other, "nonsense", "x" * 3000):
        reply = anna.get("/v1/sync", cursor=bad).expect((200, 400))
        assert reply.status == 400 or (reply["full"] and task["id"] in ids(reply["tasks"])), reply


def test_sync_and_all_share_one_cursor(anna):
    cursor = sync(anna)["cursor"]
    task = anna.task("While away")
    with anna.live(follow=[]) as feed:
        answer = feed.follow("all", since=cursor)
        assert answer["op"] == "following" and answer["recovered"] is True, answer
        feed.expect("task.created", id=task["id"], within=2.0)
        feed.silent()


def test_a_mirror_kept_by_sync_equals_everything(anna, ben):
    """Changes of every kind, synced in steps, end where a fresh sync stands."""
    project = anna.project()
    anna.share(project, ben)
    mirror = sync(ben)
    known = {kind: {t["id"]: t for t in mirror[kind]} for kind in ("projects", "tasks", "comments")}
    cursor, tasks = mirror["cursor"], []
    for n in range(24):
        if n % 4 == 0 or not tasks:
            tasks.append(anna.task(f"T{n}", projectId=project["id"]))
        elif n % 4 == 1:
            anna.patch(tasks[-1], title=f"U{n}").expect(200)
        elif n % 4 == 2:
            anna.post(tasks[-1], "/comments", text=f"C{n}").expect(201)
        elif n % 8 == 3:
            anna.delete(tasks.pop(0)).expect(204)
        if n % 5 == 0:
            step = sync(ben, cursor)
            cursor = step["cursor"]
            apply(known, step)
    apply(known, sync(ben, cursor))
    fresh = sync(ben)
    for kind, things in known.items():
        gone = {t["id"] for t in mirror[kind]} - ids(fresh[kind])
        assert {k: v for k, v in things.items() if k not in gone} == {t["id"]: t for t in fresh[kind]}, kind


def apply(known, step):
    for kind, things in known.items():
        things.update((t["id"], t) for t in step[kind])
    for dead in step["deleted"]:
        known.get(dead["entity"] + "s", {}).pop(dead["id"], None)
