"""axe-core must find no violations in any state of the page, light and dark.

axe-core comes out of a Python package that contains a current copy (axe-no-deps.txt); nothing else of the package is used."""
import importlib.util
import pathlib

import pytest

AXE = pathlib.Path(importlib.util.find_spec("axe_playwright_python").origin).parent / "axe.min.js"
RUN = """
    const [part, done] = arguments;
    axe.run(part ?? document, { resultTypes: ["violations"], preload: false }).then(({ violations }) => done(violations.flatMap((v) =>
        v.nodes.map((n) => `${v.id}: ${n.target.join(" ")} ${n.any.map((a) => a.message).join("; ").slice(0, 200)}`))), (e) => done([String(e)]))
"""


class Looker:
    def __init__(self, page):
        self.page, self.states, self.found = page, 0, []

    def look(self, state, part=None):
        """Runs all rules in both themes, on the whole page or on one part of it."""
        self.states += 1
        if not self.page.driver.execute_script("return 'axe' in window"):
            self.page.driver.execute_script(AXE.read_text())
        for theme in ("light", "dark"):
            self.page.browser.theme(theme)
            self.page.browser.still()
            self.found += [f"{state}, {theme}: {line}" for line in self.page.driver.execute_async_script(RUN, part)]


@pytest.fixture
def furnished(anna, ben):
    """A project that shows every part of a card, a row and a task."""
    project = anna.project("Garden house", description="All of it.")
    colours = ["#5865d8", "#2a9d8f", "#c2693d", "#b04a8b", "#6a8f2f", "#ffff00", "#000080"]
    anna.patch(project, labels=[{"id": f"l{n}", "name": f"label {n}", "colour": c} for n, c in enumerate(colours)]).expect(200)
    anna.share(project, ben)
    for n, (status, priority, due) in enumerate([("todo", "urgent", "2026-01-02"), ("todo", "low", "2031-02-03"), ("in-progress", "high", None),
                                                 ("completed", "medium", "2026-01-02"), ("completed", "none", None)]):
        task = anna.task(f"Task {n}", projectId=project["id"], status=status, priority=priority, dueDate=due, labelIds=["l0", f"l{n + 1}", "l6"],
                         assigneeIds=[anna.id, ben.id], description="Some words.",
                         checklist=[{"id": "a", "text": "one", "done": True}, {"id": "b", "text": "two", "done": n > 2}])
        anna.attach(task).expect(201)
    return project


@pytest.mark.timeout(300)
def test_axe_finds_no_violations(windows, anna, ben, furnished):
    link = anna.post(furnished, "/links", password="open sesame").expect(201)
    anna.post(f"/v1/tasks/{anna.items('/v1/tasks', projectId=furnished['id'], q='3')[0]['id']}/comments", text="So?").expect(201)
    windows.expect("status of 400", "status of 401", "status of 422", "status of 404")
    page = windows.open()
    at = Looker(page)
    at.look("log in")
    page.click("#login button[type=submit]")
    at.look("log in with complaints", "#gate")
    page.click("#tab-signup")
    at.look("sign up", "#gate")
    page.click("#tab-login")
    page.click("#forgot-link")
    at.look("forgot password", "#gate")
    page.driver.get(page.url + "/#/password-resets?token=" + "x" * 43)
    page.visible("#reset")
    at.look("new password")
    page.open("/nothing-here")
    at.look("page not found")
    page.open()
    page.visible("#gate")
    page.log_in(anna.email, anna.password)
    page.wait_connection("live")
    page.open_project("Garden house")
    other = windows.log_in(ben, furnished)
    page.until(lambda: page.all("#presence .avatar"))
    at.look("board")
    page.click("#select")
    page.card("Task 0").click()
    page.until(lambda: page.all(".card.picked"))
    at.look("selected cards", "#main")
    page.click("#selection-end")
    page.find("#search").send_keys("zzz")
    page.until(lambda: page.find("#filter-bar").is_displayed())
    at.look("filtered to nothing")
    page.click("#filter-clear")
    page.click("#view-list")
    page.visible(".tasks tbody tr")
    at.look("list")
    page.click("#new-filter")
    page.type("#filter-form [name=filter]", "due < todax\n")
    page.visible("#filter-fault")
    at.look("filter with a mistake", "#overview")
    page.type("#filter-form [name=filter]", "label in (missing, 'label 1')\n")
    page.visible("#overview-table tbody tr")
    page.click("#overview-select")
    page.click("#overview-table tbody tr")
    page.until(lambda: page.all("#overview tr.picked"))
    at.look("selected tasks of a filter")
    page.click("#selection-change")
    page.visible("#bulk-dialog")
    at.look("change several tasks", "#bulk-dialog")
    page.click("#bulk-dialog [data-close]")
    page.open_project("Garden house")
    page.click("#view-board")
    page.open_task("Task 0")
    page.visible("#files .file")
    at.look("task")
    page.fill(title="Another")
    page.escape()
    page.visible("#confirm-dialog")
    at.look("question", "#confirm-dialog")
    page.click("#confirm-dialog [value=yes]")
    page.click("#new-task")
    page.visible("#panel")
    page.click("#task-save")
    page.visible("#task .complaint, #task .form-error")
    at.look("new task with complaint", "#panel")
    page.escape()
    page.until(lambda: not page.find("#panel").is_displayed())
    page.click("#share")
    page.visible("#members li")
    page.visible("#link-list li")
    at.look("members and share links", "#share-dialog")
    page.click("#share-dialog [data-close]")
    page.click("#project-settings")
    page.visible("#project-dialog")
    at.look("project", "#project-dialog")
    page.click("#project-dialog [data-close]")
    page.open_task("Task 1")
    page.click("#task-delete")
    page.visible(".toast")
    at.look("toast", "#toasts")
    page.undo()
    page.until(lambda: not page.all(".toast"))
    page.resize(380, 760)
    at.look("board on a phone")
    page.click("#menu")
    page.visible("#new-project")
    at.look("menu on a phone", "#sidebar")
    page.escape()
    page.open_task("Task 2")
    at.look("task on a phone", "#panel")
    page.click("#task-close")
    page.resize(1280, 800)
    page.click("#me")
    page.visible("#sessions li")
    page.click("#contact-email .contact-row button")
    at.look("account")
    other.browser.theme("dark")
    page.open(f"/#/l/{link['token']}")
    page.visible("#shared-lock")
    at.look("password of a share link")
    page.type("#shared-lock-form [name=password]", "open sesame\n")
    page.card("Task 3").click()
    page.until(lambda: page.text("#shared-task-comments"))
    at.look("task of a share link")
    assert at.states >= 23
    assert at.found == [], "\n".join(at.found)
