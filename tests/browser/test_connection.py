"""The connection state in the corner: after a disconnect the page reconnects and misses nothing."""
import contextlib
import threading

WATCH = """
    window.states = [document.querySelector("#connection").dataset.state];
    new MutationObserver(() => window.states.push(document.querySelector("#connection").dataset.state))
        .observe(document.querySelector("#connection"), {attributes: true, attributeFilter: ["data-state"]});
"""


def states(page):
    return page.driver.execute_script("return window.states")


def push_daemons(stack):
    return [name for name in stack.pids() if name.startswith("push")]


@contextlib.contextmanager
def no_push(stack):
    """Within the block, no push daemon is running."""
    with contextlib.ExitStack() as held:
        for name in push_daemons(stack):
            held.enter_context(stack.without(name))
        yield


def test_the_page_reconnects_after_push_is_killed(windows, stack, anna):
    windows.expect_losses()
    project = anna.project("Kill")
    page = windows.log_in(anna, project)
    page.driver.execute_script(WATCH)
    old = {name: stack.kill(name) for name in push_daemons(stack)}
    for n in range(3):
        anna.task(f"Task {n}", projectId=project["id"])
    for name, pid in old.items():
        stack.wait_restarted(name, pid)
    page.until(lambda: "reconnecting" in states(page) and states(page)[-1] == "live")
    page.wait_titles("todo", ["Task 0", "Task 1", "Task 2"])
    ours, fresh = page.state_and_snapshot()
    assert ours == fresh


def test_the_corner_shows_how_many_changes_were_caught_up(windows, stack, anna, ben):
    windows.expect_losses()
    project = anna.project("Away")
    anna.share(project, ben)
    known = anna.task("Known", projectId=project["id"])
    page = windows.log_in(anna, project)
    page.card("Known")
    page.driver.execute_script(WATCH)
    with no_push(stack):
        page.hurry()
        page.until(lambda: "reconnecting" in states(page))
        ben.patch(known, title="Renamed").expect(200)
        ben.task("New", projectId=project["id"])
        ben.post(known, "/move", status="completed").expect(200)
        page.until(lambda: states(page)[-1] == "offline", why="never offline")
        assert page.corner().startswith("Offline since")
        assert page.titles() == ["Known"], "nothing can have come"
    page.wait_connection("live", within=30)
    page.until(lambda: page.corner() == "Caught up on 3 changes", why=f"the corner said {page.corner()}")
    page.wait_titles("completed", ["Renamed"])
    page.wait_titles("todo", ["New"])
    ours, fresh = page.state_and_snapshot()
    assert ours == fresh


def test_a_user_removed_while_offline_loses_the_project(windows, stack, anna, ben):
    windows.expect_losses()
    project = anna.project("Gone")
    anna.share(project, ben)
    page = windows.log_in(ben, project)
    page.driver.execute_script(WATCH)
    with no_push(stack):
        page.until(lambda: "reconnecting" in states(page))
        anna.delete(f"/v1/projects/{project['id']}/members/{ben.id}").expect(204)
    page.wait_project("Inbox")
    assert "Gone" not in page.projects()


def test_a_browser_that_was_offline_catches_up(windows, anna, ben):
    windows.expect_losses()
    project = anna.project("Tunnel")
    anna.share(project, ben)
    page = windows.log_in(anna, project)
    page.browser.offline(True)
    page.wait_connection("offline")
    for n in range(5):
        ben.task(f"Task {n}", projectId=project["id"])
    page.browser.offline(False)
    page.wait_connection("live")
    page.wait_titles("todo", [f"Task {n}" for n in range(5)])


def test_a_write_started_offline_takes_effect_once(windows, anna):
    windows.expect_losses()
    project = anna.project("Once")
    page = windows.log_in(anna, project)
    page.click("#new-task")
    page.type("#task [name=title]", "Only one")
    page.browser.offline(True)
    page.save()
    page.wait_connection("offline")
    page.until(lambda: page.text("#task-note") == "Saving…", why="nothing says that the task is not saved yet")
    page.browser.offline(False)
    page.wait_titles("todo", ["Only one"])
    assert [t["title"] for t in anna.items("/v1/tasks", projectId=project["id"])] == ["Only one"]


def test_a_write_whose_worker_is_killed_takes_effect_once(windows, stack, anna):
    windows.expect_losses()
    project = anna.project("Killed")
    page = windows.log_in(anna, project)
    stop = threading.Event()

    def rage():
        while not stop.wait(0.15):
            stack.kill_worker("api")

    killer = threading.Thread(target=rage)
    killer.start()
    try:
        for n in range(4):
            page.new_task(f"Task {n}")
    finally:
        stop.set()
        killer.join()
    page.wait_titles("todo", [f"Task {n}" for n in range(4)])


def test_renewing_the_token_keeps_the_connection(windows, anna):
    page = windows.log_in(anna)
    page.driver.execute_script(WATCH)
    page.driver.execute_async_script("""
        const done = arguments[0];
        import("/session.js").then(({ session }) => session.refresh()).then(done);
    """)
    project = anna.project("After")
    page.open_project("After")
    anna.task("Still here", projectId=project["id"])
    page.card("Still here")
    assert set(states(page)) == {"live"}


def test_after_many_concurrent_changes_the_page_equals_the_snapshot(windows, anna, ben):
    """After many changes by another user, the page's state equals a fresh snapshot."""
    project = anna.project("Storm")
    anna.share(project, ben)
    page = windows.log_in(anna, project)
    tasks = [ben.task(f"Task {n}", projectId=project["id"]) for n in range(20)]
    for n, task in enumerate(tasks):
        ben.post(task, "/move", status=["todo", "in-progress", "completed"][n % 3]).expect(200)
        ben.patch(task, priority="low").expect(200)
        if n % 5 == 0:
            ben.delete(task).expect(204)
    page.until(lambda: len(page.titles()) == 16, why="the cards never were 16")

    def equal():
        ours, fresh = page.state_and_snapshot()
        return ours == fresh
    page.until(equal, why="the page and the snapshot differ")


def test_large_tasks_omitted_from_events_still_equal_the_snapshot(windows, anna, ben):
    """Events of large tasks omit the document: the page applies their changes, or loads the task."""
    project = anna.project("Large")
    anna.share(project, ben)
    known = ben.task("Known", projectId=project["id"], description="y" * 30_000)
    page = windows.log_in(anna, project)
    ben.patch(known, title="Renamed").expect(200)
    ben.task("Unknown", projectId=project["id"], description="z" * 30_000)
    ben.patch(known, description="w" * 40_000).expect(200)
    page.until(lambda: sorted(page.titles()) == ["Renamed", "Unknown"], why="the cards never were these two")

    def equal():
        ours, fresh = page.state_and_snapshot()
        return ours == fresh
    page.until(equal, why="the page and the snapshot differ")


THROTTLED = """
    const done = arguments[0], sent = [], states = [];
    window.WebSocket = class {
      static OPEN = 1;
      readyState = 1;
      constructor() { setTimeout(() => this.onopen()); }
      say(frame) { setTimeout(() => this.onmessage({ data: JSON.stringify(frame) })); }
      close() { sent.push("close"); }
      send(text) {
        const { op, topic, ref } = JSON.parse(text);
        sent.push(topic ?? op);
        if (op === "hello") this.say({ op: "ready" });
        if (op !== "follow") return;
        const refused = topic === "project:a" && sent.filter((each) => each === topic).length < 3;
        this.say(refused ? { op: "error", code: "throttled", ref } : { op: "following", topic, cursor: "c", ref });
      }
    };
    const timer = window.setTimeout;
    window.setTimeout = (work, ms = 0) => timer(work, ms < 5000 ? ms / 20 : ms);
    import("/live.js").then(({ Live }) => {
      const live = new Live({ url: "ws://x", token: async () => "t", onState: ({ state }) => {
        states.push(state);
        if (state === "live") done([sent, states]);
      } });
      live.follow("all");
      live.follow("project:a");
      live.start();
    });
"""


def test_a_throttled_follow_is_repeated_on_the_same_connection(windows):
    """A new connection would count more against the limit than the throttled follow."""
    page = windows.open()
    sent, shown = page.driver.execute_async_script(THROTTLED)
    assert sent == ["hello", "project:a", "all", "project:a", "project:a"]
    assert shown == ["connecting", "live"]
