"""Everyday use: dates that change with the clock, filters, focus, keys, other languages."""
import datetime
import pathlib

import pytest
from selenium.webdriver.common.keys import Keys

FOLDING = pathlib.Path(__file__).resolve().parents[1] / "folding.tsv"
FOLD = "import('/fold.js').then(({fold}) => arguments[1](arguments[0].map(fold)))"
DATES = """
    const [zone, now, tasks, done] = arguments;
    import("/dates.js").then((d) => { d.setZone(zone); done(tasks.map((t) => d.dueLabel(t, Date.parse(now)))); })
        .catch((e) => done(String(e)))
"""


def module(page, script, *arguments):
    return page.driver.execute_async_script(script, *arguments)


def focus(page):
    return page.driver.execute_script(
        "const e = document.activeElement; return e === document.body ? 'body' : (e.id || e.dataset.task || e.dataset.add || e.className || e.tagName)")


# ---- dates ----

@pytest.mark.parametrize("zone, now, late, today, tomorrow", [
    ("Europe/Berlin", "2031-03-10T18:44:00Z", "2031-03-09", "2031-03-10", "2031-03-11"),
    ("Asia/Tokyo", "2031-03-10T18:44:00Z", "2031-03-10", "2031-03-11", "2031-03-12"),
    ("Pacific/Auckland", "2031-03-10T12:00:00Z", "2031-03-10", "2031-03-11", "2031-03-12"),
    ("Asia/Kolkata", "2031-03-10T18:29:59Z", "2031-03-09", "2031-03-10", "2031-03-11"),
    ("Asia/Kolkata", "2031-03-10T18:30:00Z", "2031-03-10", "2031-03-11", "2031-03-12"),
    ("America/Havana", "2026-11-01T04:30:00Z", "2026-10-31", "2026-11-01", "2026-11-02"),  # midnight occurs twice
    ("Atlantic/Azores", "2026-10-25T00:30:00Z", "2026-10-24", "2026-10-25", "2026-10-26"),
    ("America/Los_Angeles", "2031-01-01T07:59:59Z", "2030-12-30", "2030-12-31", "2031-01-01"),
    ("Pacific/Kiritimati", "2031-01-01T10:00:00Z", "2031-01-01", "2031-01-02", "2031-01-03"),
])
def test_today_is_the_current_day_in_the_accounts_time_zone(windows, zone, now, late, today, tomorrow):
    page = windows.open()
    tasks = [{"dueDate": d} for d in (late, today, tomorrow, "9999-12-31")]
    labels = module(page, DATES, zone, now, tasks)
    assert [(label["text"], label["when"]) for label in labels[:3]] == [
        ("Yesterday", "late"), ("Today", "soon"), ("Tomorrow", "soon")]
    assert labels[3]["when"] == "later"


ROUND = """
    const [zone, texts, done] = arguments;
    import("/dates.js").then((d) => { d.setZone(zone); done(texts.map(([date, time]) => {
        const { dueAt } = d.dueFields(date, time);
        return [dueAt, d.dueInputs({ dueAt })];
    })); }).catch((e) => done(String(e)))
"""


@pytest.mark.parametrize("zone, date, time, instant, shown", [
    ("Europe/Berlin", "2031-07-01", "09:30", "2031-07-01T07:30:00.000Z", None),
    ("Asia/Kathmandu", "2031-07-01", "00:00", "2031-06-30T18:15:00.000Z", None),
    ("Europe/Berlin", "2026-10-25", "02:30", "2026-10-25T00:30:00.000Z", None),  # twice: the first
    ("Europe/Berlin", "2026-03-29", "02:30", "2026-03-29T01:30:00.000Z", "03:30"),  # skipped: after the gap
    ("Pacific/Chatham", "2031-01-01", "12:45", "2030-12-31T23:00:00.000Z", None),
])
def test_times_are_entered_and_shown_in_the_accounts_time_zone(windows, zone, date, time, instant, shown):
    page = windows.open()
    ((due, back),) = module(page, ROUND, zone, [[date, time]])
    assert due == instant and back == {"date": date, "time": shown or time}


def test_the_accounts_time_zone_is_used_not_the_browsers(windows, anna):
    anna.patch("/v1/me", timeZone="Pacific/Kiritimati").expect(200)
    project = anna.project("Far away")
    there = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=14)
    task = anna.task("Now", projectId=project["id"], dueDate=there.date().isoformat())
    page = windows.open()
    page.driver.execute_cdp_cmd("Emulation.setTimezoneOverride", {"timezoneId": "America/Los_Angeles"})
    page.log_in(anna.email, anna.password)
    page.open_project("Far away")
    page.until(lambda: page.text(".card .due") == "Today")
    page.open_task("Now")
    assert "Kiritimati" in page.text("#zone-note")
    page.fill(dueTime="10:00")
    page.save()
    page.until(lambda: (anna.get(task)["dueAt"] or "").endswith("T20:00:00.000Z"))


def test_due_labels_change_with_the_clock(windows, anna):
    """Labels change at the due time without any event, and after midnight when the computer wakes up."""
    project = anna.project("Clock")
    page = windows.log_in(anna, project)
    soon = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=2)
    anna.task("In a moment", projectId=project["id"], dueAt=soon.isoformat(timespec="milliseconds").replace("+00:00", "Z"))
    anna.task("Someday", projectId=project["id"], dueDate=(soon + datetime.timedelta(days=1)).date().isoformat())

    def when(title):
        return page.card(title).find_element("css selector", ".due").get_attribute("data-when")
    page.until(lambda: when("In a moment") == "late", why="it never became late")
    page.until(lambda: "Tomorrow" in page.card("Someday").text)
    page.driver.execute_script("""
        const now = Date.now; Date.now = () => now() + 2 * 86400000;
        window.dispatchEvent(new Event("focus"))""")
    page.until(lambda: when("Someday") == "late", why="it stayed as it was after a sleep")


# ---- the filter ----

def test_an_active_filter_is_visible_and_is_cleared_with_the_project(windows, anna):
    first, second = anna.project("First"), anna.project("Second")
    for title in ("Roof", "Door", "Wall"):
        anna.task(title, projectId=first["id"])
    anna.task("Other", projectId=second["id"])
    page = windows.log_in(anna, first)
    page.card("Roof")
    assert not page.find("#filter-bar").is_displayed()
    page.find("#search").send_keys("roo")
    page.wait_titles("todo", ["Roof"])
    assert "2 of 3 tasks are hidden" in page.text("#filter-bar")
    page.click("#view-list")
    page.resize(360, 640)
    assert "2 of 3 tasks are hidden" in page.visible("#filter-bar").text
    page.resize(1280, 800)
    page.click("#view-board")
    page.new_task("Window")  # a new task hidden by the filter is reported
    page.until(lambda: "hides it" in page.text("#toasts"))
    page.click("#filter-clear")
    page.wait_titles("todo", ["Roof", "Door", "Wall", "Window"])
    page.find("#search").send_keys("roo")
    page.find("#only-mine").click()
    page.until(lambda: "4 of 4 tasks are hidden" in page.text("#filter-bar"))
    page.open_project("Second")
    page.wait_titles("todo", ["Other"])
    assert not page.find("#filter-bar").is_displayed() and not page.find("#only-mine").is_selected()


def test_page_and_api_fold_words_alike(windows):
    """Uses the same table as the API's tests, and checks that the page's search finds what it should."""
    rows = [line.split("\t") for line in FOLDING.read_text().splitlines() if line and not line.startswith("#")]
    page = windows.open()
    folded = module(page, FOLD, [text for text, _ in rows])
    assert list(zip(folded, (text for text, _ in rows))) == [(wanted, text) for text, wanted in rows]


@pytest.mark.parametrize("text, query", [("İstanbul", "istanbul"), ("Straße", "STRASSE"), ("Démo", "demo"), ("ΑΣΦΑΛΗΣ", "ασφαλης"), ("Łódź", "lodz")])
def test_search_finds_a_word_however_it_is_spelled(windows, anna, text, query):
    project = anna.project("Words")
    task = anna.task(f"a {text} b", projectId=project["id"])
    anna.task("other", projectId=project["id"])
    assert [t["id"] for t in anna.items("/v1/tasks", projectId=project["id"], q=query)] == [task["id"]]
    page = windows.open()
    folded, wanted = module(page, FOLD, [text, query])
    assert wanted in folded, (folded, wanted)


# ---- focus and keys ----

def test_the_focus_never_falls_back_to_the_body(windows, anna):
    project = anna.project("Focus")
    tasks = [anna.task(f"Task {n}", projectId=project["id"], checklist=[{"id": "a", "text": "one", "done": False}, {"id": "b", "text": "two", "done": False}])
             for n in range(3)]
    page = windows.log_in(anna, project)

    def on(what):
        page.until(lambda: focus(page) == what, why=f"the focus is on {focus(page)}, not on {what}")

    def somewhere():
        page.browser.still()
        page.until(lambda: focus(page) != "body", why="the focus fell to the body")
    page.driver.execute_script("arguments[0].focus()", page.card("Task 1"))
    anna.delete(tasks[1]).expect(204)
    page.wait_titles("todo", ["Task 0", "Task 2"])
    on(tasks[2]["id"])
    page.press(Keys.ENTER)
    page.visible("#panel")
    page.driver.execute_script("const b = document.querySelector('#checklist .item:last-child button'); b.focus(); b.click()")
    somewhere()
    page.save()
    page.until(lambda: page.text("#task-note") == "Saved")
    on("task-save")
    page.escape()
    on(tasks[2]["id"])
    page.press("n")
    page.visible("#panel")
    page.escape()
    on(tasks[2]["id"])
    page.press("/", "zzz")
    page.wait_titles("todo", [])
    page.escape()
    page.wait_titles("todo", ["Task 0", "Task 2"])
    somewhere()
    page.driver.execute_script("arguments[0].focus()", page.card("Task 2"))
    page.press(Keys.ENTER)
    page.click("#task-delete")
    page.wait_titles("todo", ["Task 0"])
    somewhere()
    page.undo()
    page.wait_titles("todo", ["Task 0", "Task 2"])
    somewhere()
    page.driver.execute_script("arguments[0].focus()", page.card("Task 0"))
    page.click("#view-list")
    somewhere()
    page.click("#me")
    on("account-title")
    page.escape()
    somewhere()


def test_alt_and_arrow_keys_move_a_card_and_back(windows, anna):
    project = anna.project("Arrows")
    for title in ("A", "x hidden", "B", "C"):
        anna.task(title, projectId=project["id"])
    for title in ("P", "Q", "R"):
        anna.task(title, projectId=project["id"], status="in-progress")
    page = windows.log_in(anna, project)
    todo, doing = ["A", "x hidden", "B", "C"], ["P", "Q", "R"]
    page.wait_titles("todo", todo)

    def move(title, key):
        page.driver.execute_script("arguments[0].focus()", page.card(title))
        page.press_with(Keys.ALT, key)
    move("B", Keys.ARROW_RIGHT)
    page.wait_titles("in-progress", ["P", "Q", "B", "R"])
    move("B", Keys.ARROW_LEFT)
    page.wait_titles("todo", todo)
    page.wait_titles("in-progress", doing)
    move("A", Keys.ARROW_RIGHT)
    page.wait_titles("in-progress", ["A", *doing])
    move("A", Keys.ARROW_DOWN)
    page.wait_titles("in-progress", ["P", "A", "Q", "R"])
    move("A", Keys.ARROW_UP)
    page.wait_titles("in-progress", ["A", *doing])
    move("A", Keys.ARROW_LEFT)
    page.wait_titles("todo", todo)
    page.driver.execute_script("arguments[0].focus()", page.card("C"))
    for _ in range(3):  # faster than the responses
        page.press_with(Keys.ALT, Keys.ARROW_UP)
    page.wait_titles("todo", ["C", "A", "x hidden", "B"])
    for _ in range(3):
        page.press_with(Keys.ALT, Keys.ARROW_DOWN)
    page.wait_titles("todo", todo)


def test_a_card_that_was_completed_is_taken_back_where_it_was(windows, anna):
    project = anna.project("Undo")
    for title in ("First", "Second"):
        anna.task(title, projectId=project["id"])
    page = windows.log_in(anna, project)
    page.drag("First", "completed")
    page.wait_titles("completed", ["First"])
    page.until(lambda: "was completed" in page.text("#toasts"))
    page.undo()
    page.wait_titles("todo", ["First", "Second"])
    assert [t["completedAt"] for t in anna.items("/v1/tasks", projectId=project["id"])] == [None, None]


def test_the_panel_is_modal_on_a_phone(windows, anna):
    project = anna.project("Phone")
    anna.task("One", projectId=project["id"])
    page = windows.log_in(anna, project)
    page.resize(380, 760)
    page.open_task("One")
    assert page.find("#panel").get_attribute("aria-modal") == "true"
    for _ in range(30):
        page.press(Keys.TAB)
        assert page.driver.execute_script(
            "const e = document.activeElement; return e === document.body || document.querySelector('#panel').contains(e)")
    page.escape()
    page.until(lambda: not page.find("#panel").is_displayed())
    assert not page.driver.execute_script("return document.querySelector('#main').inert")
    page.click("#menu")
    page.visible("#new-project")
    assert page.driver.execute_script("return document.querySelector('#main').inert && document.querySelector('#sidebar').contains(document.activeElement)")
    page.escape()
    page.until(lambda: focus(page) == "menu")


# ---- storage, words, languages ----

def test_blocked_cookies_are_reported(windows):
    page = windows.blocked()
    page.until(lambda: "blocks cookies" in page.text("#boot"))


def test_user_text_has_its_own_direction(windows, anna):
    name = "מאיה כהן"
    anna.patch("/v1/me", name=name).expect(200)
    project = anna.project("פרויקט")
    anna.patch(project, labels=[{"id": "l", "name": "דחוף", "colour": "#aa5500"}]).expect(200)
    anna.task("לקנות חלב (2)", projectId=project["id"], labelIds=["l"], assigneeIds=[anna.id], checklist=[{"id": "a", "text": "שלב", "done": False}])
    page = windows.log_in(anna, project)
    page.open_task("לקנות חלב (2)")
    page.click("#share-dialog [data-close]") if page.find("#share-dialog").is_displayed() else None
    wrong = page.driver.execute_script("""
        const hebrew = /[\\u0590-\\u05ff]/, found = [];
        for (const e of document.body.querySelectorAll("*")) {
          const own = [...e.childNodes].filter((n) => n.nodeType === 3).map((n) => n.data).join("") + (e.value && !["OPTION", "BUTTON"].includes(e.tagName) ? e.value : "");
          if (!hebrew.test(own) || e.classList.contains("avatar") || e.tagName === "OPTION" || e.tagName === "SELECT") continue;
          const isolated = own.replace(/\\u2068[^\\u2069]*\\u2069/g, "");
          if (hebrew.test(isolated) && e.dir !== "auto" && e.tagName !== "BDI") found.push(`${e.tagName}#${e.id}.${e.className}: ${own}`);
        }
        return found""")
    assert wrong == []


def test_right_to_left_names_do_not_disturb_our_sentences(windows, anna, ben):
    windows.expect("status of 412")
    ben.patch("/v1/me", name="مريم الحسيني").expect(200)
    project = anna.project("بيت")
    anna.share(project, ben)
    task = anna.task("طلاء", projectId=project["id"])
    page = windows.log_in(anna, project)
    page.open_task("طلاء")
    page.fill(title="دهان")
    ben.patch(task, title="لون").expect(200)
    page.until(lambda: "changed the title" in page.text("#task-note"))
    page.save()
    page.visible("#conflict-dialog")

    def direction(css):
        return page.driver.execute_script("return getComputedStyle(document.querySelector(arguments[0])).direction", css)
    assert direction("#conflict-title") == "ltr" and direction("#conflict-table tbody td") == "rtl"
    page.click("#conflict-dialog [value=mine]")
    page.until(lambda: page.text("#task-note") == "Saved")
    page.click("#task-delete")
    page.visible(".toast")
    assert direction(".toast span") == "ltr"
    page.click("#share")
    assert direction("#share-title") == "ltr"


def test_every_problem_and_error_code_has_a_message(windows, world):
    """Exactly the problems and codes of the contract have a message, and no detail of the API is shown."""
    import judge
    page = windows.open()
    known = module(page, "import('/messages.js').then(({known}) => arguments[0](known))")
    assert sorted(known["problems"]) == judge.known_problems()
    assert sorted(known["fields"]) == sorted(judge.known_codes())
    page.type("#login [name=login]", "a@example.com")
    page.type("#login [name=password]", "x" * 12)
    replies = [{"type": f"/problems/{slug}", "status": 422, "title": "RAW", "detail": "RAW", "errors": errors}
               for slug in [*known["problems"], "unknown-to-the-page"] if slug != "code-required"
               for errors in ([], [{"pointer": "/elsewhere", "code": "type", "detail": "RAW"}])]
    replies += [{"type": "/problems/invalid", "status": 422, "title": "RAW", "detail": "RAW",
                 "errors": [{"pointer": "/login", "code": code, "detail": "RAW"}]} for code in [*known["fields"], "unknown-to-the-page"]]
    shown = module(page, """
        const [replies, done] = arguments, form = document.querySelector("#login"), shown = [], real = window.fetch;
        const seen = (what) => what && !what.hidden && what.textContent.trim();
        const idle = () => new Promise((free) => { const look = () => (form.hasAttribute("aria-busy") ? setTimeout(look) : free()); look(); });
        (async () => {
          for (const reply of replies) {
            window.fetch = async () => new Response(JSON.stringify(reply), { status: reply.status });
            form.requestSubmit();
            await idle();
            shown.push([seen(form.querySelector(".form-error")), seen(form.querySelector(".complaint")), form.innerText]);
          }
          window.fetch = real;
          done(shown);
        })()""", replies)
    for reply, (general, complaint, text) in zip(replies, shown, strict=True):
        assert general or complaint, f"nothing was said of {reply}"
        assert "RAW" not in text, reply
