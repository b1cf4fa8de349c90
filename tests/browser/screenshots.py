#!/usr/bin/env python3
"""Screenshots of every view at three widths in both themes: `tests/browser/screenshots.py FOLDER [WORD...]`.

Starts a system of its own and writes FOLDER/VIEW-WIDTH-THEME.png for each view whose name has one of the words.  They
are for looking at; nothing is checked.
"""
import argparse
import datetime
import functools
import os
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

if __name__ == "__main__":
    import prepare
    prepare.command()

from client import SETTINGS, World, fresh_account  # noqa: E402
from conftest import Windows  # noqa: E402
from outbox import Outbox  # noqa: E402
from second_factor import code_of  # noqa: E402
from stack import Stack  # noqa: E402

SIZES = [(380, 760), (768, 1024), (1440, 900)]
THEMES = ["light", "dark"]
LONG = "Donaudampfschifffahrtselektrizitaetenhauptbetriebswerkbau1"
VIEWS = {}


def view(function):
    """Registers a function that brings a browser to a view and returns the page."""
    VIEWS[function.__name__.replace("_", "-")] = function
    return function


class Cast:
    """Realistic users, projects and tasks."""

    def __init__(self, stack):
        self.stack, self.outbox = stack, Outbox(stack.data / "outbox")
        world = World(stack.url, stack.ws_url)
        self.anna, self.ben, self.maya = world.user("anna"), world.user("ben"), world.user("maya")
        self.anna.patch("/v1/me", name="Anna Meyer").expect(200)
        self.ben.patch("/v1/me", name=LONG).expect(200)
        self.maya.patch("/v1/me", name="مريم الحسيني").expect(200)
        self.windows = Windows(stack.url, [])
        self.house = self.fill(self.anna.project("Garden house", description="All of it."))
        self.arabic = self.fill_arabic(self.anna.project("بيت الحديقة"))
        self.empty = self.anna.project("Nothing yet")

    @functools.cached_property
    def many(self):
        """Made for the one view that shows it, since it takes minutes."""
        project = self.anna.project("Four thousand")
        for n in range(4000):
            self.anna.task(f"Task {n}", projectId=project["id"], status=["todo", "in-progress", "completed"][n % 3],
                           priority=["none", "low", "medium", "high", "urgent"][n % 5])
        return project

    def fill(self, project):
        labels = [("roof", "#c2693d"), ("paper", "#5865d8"), ("yellow", "#ffff00"), ("navy", "#000080"), (LONG[:50], "#2a9d8f")]
        self.anna.patch(project, labels=[{"id": f"l{n}", "name": name, "colour": c} for n, (name, c) in enumerate(labels)]).expect(200)
        self.anna.share(project, self.ben, "admin")
        self.anna.share(project, self.maya, "member")
        people = [self.anna.id, self.ben.id, self.maya.id]
        self.task = self.anna.task(
            "Ask three roofers for offers, with and without insulation", projectId=project["id"], priority="urgent", dueDate="2026-01-02",
            labelIds=["l0", "l1"], assigneeIds=people, description="Those from the village first.\n\nAsk for:\n- slate\n- tiles",
            checklist=[{"id": "a", "text": "Call the first one", "done": True}, {"id": "b", "text": LONG, "done": False}])
        self.anna.task(LONG, projectId=project["id"], labelIds=["l4"], assigneeIds=[self.ben.id], priority="high")
        for n in range(40):
            self.anna.task(f"Choose colour number {n}", projectId=project["id"], status=["todo", "in-progress", "todo", "completed"][n % 4],
                           priority=["none", "low", "medium"][n % 3], labelIds=[f"l{n % 4}"] if n % 3 == 0 else [],
                           dueDate="2031-02-03" if n % 5 == 0 else None, assigneeIds=people[: n % 3])
        return project

    def fill_arabic(self, project):
        self.anna.patch(project, labels=[{"id": "l", "name": "عاجل", "colour": "#b04a8b"}]).expect(200)
        self.anna.share(project, self.maya, "member")
        for title in ("شراء الطلاء الأبيض (2 لتر)", "قياس الجدران قبل يوم الأحد", "לקנות חלב", "Mixed: طلاء and paint, 3 × 2 m"):
            self.anna.task(title, projectId=project["id"], labelIds=["l"], assigneeIds=[self.maya.id], dueDate="2031-02-03", description=title,
                           checklist=[{"id": "a", "text": "الخطوة الأولى", "done": False}])
        return project

    def page(self, project=None):
        return self.windows.log_in(self.anna, project or self.house)


# ---- before login ----

@view
def log_in(cast):
    return cast.windows.open()


@view
def log_in_wrong(cast):
    page = cast.windows.open()
    page.log_in(cast.anna.email, "not the password")
    page.until(lambda: page.text("#login .form-error"))
    return page


@view
def sign_up(cast):
    page = cast.windows.open()
    page.click("#tab-signup")
    return page


@view
def sign_up_complaints(cast):
    page = sign_up(cast)
    page.sign_up("Dora", "no address", "12", "short")
    page.sign_up("Dora", "no address", "12", "correct horse battery")
    page.visible("#signup .complaint")
    return page


@view
def forgot(cast):
    page = cast.windows.open()
    page.click("#forgot-link")
    return page


@view
def reset(cast):
    page = cast.windows.open()
    page.driver.get(page.url + "/#/password-resets?token=" + "x" * 43)
    page.visible("#reset")
    return page


@view
def second_factor(cast):
    who = cast.anna.world.user("zoe")
    secret = who.post("/v1/me/totp", password=who.password).expect(201)["secret"]
    who.put("/v1/me/totp", code=code_of(secret)).expect(200)
    page = cast.windows.open()
    page.log_in(who.email, who.password)
    page.visible("#login [name=code]")
    return page


@view
def invitation_at_the_gate(cast):
    page = cast.windows.open()
    email = fresh_account("gina")["email"]
    cast.anna.invite(cast.house, email)
    mail = cast.outbox.email(email, "invites you")
    page.driver.get(next(word for word in mail.text.split() if "#/i/" in word))
    page.visible("#gate-note")
    return page


@view
def not_found(cast):
    page = cast.windows.open()
    page.driver.get(page.url + "/nothing")
    return page


@view
def cookies_blocked(cast):
    page = cast.windows.blocked()
    page.until(lambda: "blocks" in page.text("#boot"))
    return page


# ---- a project ----

@view
def board(cast):
    return cast.page()


@view
def board_empty(cast):
    return cast.page(cast.empty)


@view
def board_arabic(cast):
    return cast.page(cast.arabic)


@view
def board_4000(cast):
    page = cast.page(cast.many)
    page.until(lambda: len(page.titles("todo")) > 1000)
    return page


@view
def board_filtered(cast):
    page = cast.page()
    page.find("#search").send_keys("colour")
    page.click("#only-mine")
    page.visible("#filter-bar")
    return page


@view
def board_with_others(cast):
    page = cast.page()
    cast.windows.log_in(cast.ben, cast.house)
    page.until(lambda: page.all("#presence .avatar"))
    return page


@view
def listing(cast, project=None):
    page = cast.page(project)
    page.click("#view-list")
    page.visible(".tasks tbody tr")
    return page


@view
def listing_arabic(cast):
    return listing(cast, cast.arabic)


@view
def list_today(cast):
    page = cast.page()
    cast.anna.task("Call the roofer", dueDate=datetime.datetime.now(datetime.timezone.utc).date().isoformat(), priority="high")
    page.click("[data-row=today]")
    page.visible("#overview-table tbody tr")
    return page


@view
def filter_help(cast):
    page = cast.page()
    page.click("#new-filter")
    return page


@view
def filter_wrong(cast):
    page = filter_help(cast)
    page.type("#filter-form [name=filter]", f"label = {LONG} and (due < todax or done = true)\n")
    page.visible("#filter-fault")
    return page


@view
def filter_selected(cast):
    page = filter_help(cast)
    page.type("#filter-form [name=filter]", f"label in (roof, paper, {LONG}, missing)\n")
    page.visible("#overview-table tbody tr")
    page.click("#overview-select")
    for row in page.all("#overview-table tbody tr")[:3]:
        row.click()
    return page


@view
def filter_saved(cast):
    page = filter_help(cast)
    for name in ("Roof and paper", LONG, "مهم"):
        cast.anna.post("/v1/filters", name=name, filter="label in (roof, paper)").expect(201)
    page.until(lambda: len(page.all("#filters a")) >= 3)
    page.click("#filters a")
    page.visible("#overview-table tbody tr")
    page.click("#filter-settings")
    return page


@view
def list_task(cast):
    page = filter_help(cast)
    page.type("#filter-form [name=filter]", "label = roof\n")
    page.click("#overview-table tbody tr")
    page.visible("#panel")
    return page


@view
def bulk(cast):
    page = filter_selected(cast)
    page.click("#selection-change")
    page.visible("#bulk-dialog")
    return page


@view
def listing_selected(cast):
    page = listing(cast)
    page.click("#select")
    for row in page.all("#list tbody tr")[1:4]:
        row.click()
    return page


@view
def notifications(cast):
    page = cast.windows.log_in(cast.maya, cast.house)
    page.click("[data-row=notifications]")
    page.visible("#notices-list li")
    return page


@view
def repeat(cast):
    page = task(cast)
    page.fill(repeat="WEEKLY", repeatEnds="count")
    page.driver.execute_script("document.querySelector('#repeat-field').scrollIntoView()")
    return page


@view
def menu(cast):
    page = cast.page()
    page.resize(380, 760)
    page.click("#menu")
    page.visible("#new-project")
    return page


@view
def offline(cast):
    page = cast.page()
    page.browser.offline(True)
    page.wait_connection("offline")
    return page


@view
def caught_up(cast):
    page = cast.page()
    page.driver.execute_script("import('/sidebar.js').then((s) => s.renderCaughtUp(12)); window.setTimeout = () => 0")
    return page


@view
def toast(cast):
    page = cast.page()
    page.driver.execute_script("""
        window.setTimeout = () => 0;
        import('/dialogs.js').then((d) => { d.toast('“A rather long title of a task that somebody has deleted” is in the trash.', { label: "Undo", run() {} });
          d.toastError({ message: "The server can’t be reached. What you typed is still here: try again in a moment." }); })""")
    page.visible(".toast")
    return page


# ---- a task ----

@view
def task(cast):
    page = cast.page()
    page.open_task(cast.task["title"])
    return page


@view
def task_end(cast):
    page = task(cast)
    page.driver.execute_script("document.querySelector('#task-meta').scrollIntoView()")
    return page


@view
def task_arabic(cast):
    page = cast.page(cast.arabic)
    page.open_task("شراء الطلاء الأبيض (2 لتر)")
    return page


@view
def task_new(cast):
    page = cast.page()
    page.click("#new-task")
    page.click("#task-save")
    page.visible("#task .complaint")
    return page


@view
def task_to_look_at(cast):
    looked = cast.anna.world.user("vera")
    cast.anna.share(cast.house, looked, "viewer")
    page = cast.windows.log_in(looked, cast.house)
    page.open_task(cast.task["title"])
    return page


@view
def conflict(cast):
    page = cast.page()
    task_of_two = cast.anna.task("Paint it red", projectId=cast.house["id"])
    page.open_task("Paint it red")
    page.fill(title="Paint it blue")
    cast.maya.patch(task_of_two, title="ادهنه بالأخضر").expect(200)
    page.until(lambda: "changed the title" in page.text("#task-note"))
    page.save()
    page.visible("#conflict-dialog")
    cast.anna.delete(task_of_two)
    return page


@view
def discard(cast):
    page = task(cast)
    page.fill(title="Another title")
    page.escape()
    page.visible("#confirm-dialog")
    return page


# ---- dialogs of a project ----

@view
def project_new(cast):
    page = cast.page()
    page.click("#new-project")
    return page


@view
def project_settings(cast):
    page = cast.page()
    page.click("#project-settings")
    return page


@view
def members(cast):
    page = cast.page()
    cast.anna.invite(cast.house, fresh_account("gina")["email"])
    page.click("#share")
    page.visible("#invitations li")
    return page


@view
def invited(cast):
    page = cast.windows.log_in(cast.maya, cast.house)
    cast.ben.acquaint(cast.anna)
    project = cast.anna.project("Surprise")
    made = cast.anna.invite(project, cast.maya.email)
    page.driver.get(f"{page.url}/#/i/{made['token']}")
    page.visible("#invitation-dialog")
    return page


# ---- the account ----

@view
def account(cast):
    page = cast.page()
    page.click("#me")
    page.visible("#sessions li")
    return page


@view
def account_end(cast):
    page = account(cast)
    page.driver.execute_script("document.querySelector('#account').scrollTop = 1e6")
    return page


@view
def account_changes(cast):
    page = account(cast)
    page.click("#contact-email .contact-row button")
    page.click("#contact-phone .contact-row button")
    page.click("#contact-email form:not([hidden]) button[type=submit]")
    return page


@view
def account_second_factor(cast):
    page = account(cast)
    page.type("#factor-password [name=password]", cast.anna.password)
    page.click("#factor-password button[type=submit]")
    page.visible("#factor-code")
    page.driver.execute_script("document.querySelector('#factor-title').scrollIntoView()")
    return page


@view
def step_up(cast):
    page = account(cast)
    page.driver.execute_script("import('/dialogs.js').then((d) => d.askPassword(async () => {}, true))")
    page.visible("#step-up-dialog")
    return page


@view
def session_ended(cast):
    page = cast.windows.log_in(cast.maya, cast.house)
    other = cast.maya.log_in()
    other.delete("/v1/sessions").expect(204)
    page.visible("#gate")
    return page


def shoot(page, folder, name):
    for width, height in SIZES:
        page.resize(width, height)
        for theme in THEMES:
            page.browser.theme(theme)
            page.browser.still()
            page.driver.save_screenshot(str(folder / f"{name}-{width}-{theme}.png"))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("words", nargs="*", help="only views whose names contain one of these")
    asked = parser.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("TASKWIRE_BUILD", str(HERE.parents[1] / "var/build"))
    with Stack(push=2, settings=SETTINGS) as stack:
        cast = Cast(stack)
        for name, lead in VIEWS.items():
            if asked.words and not any(word in name for word in asked.words):
                continue
            try:
                shoot(lead(cast), asked.folder, name)
                print(name, flush=True)
            except Exception as error:  # the other views are still useful
                print(f"{name}: {type(error).__name__}: {str(error).splitlines()[0]}", flush=True)
            cast.windows.close(False)
            cast.windows.browsers = []
        for browser in cast.windows.idle:
            browser.close()


if __name__ == "__main__":
    main()
