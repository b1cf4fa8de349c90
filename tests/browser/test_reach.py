"""Every control of every view can be reached at every size, by wheel, touch and keyboard, and no text is too long."""
import pytest

from reach import scrolled_to, tab_through, too_wide, touch, unreachable, wheel

DESKTOP, TABLET, PHONE, SMALL, FLAT = (1440, 900), (768, 1024), (380, 760), (360, 640), (800, 320)
SIZES = [DESKTOP, TABLET, PHONE, FLAT]
WORD = "Donaudampfschifffahrtselektrizitaetenhauptbetriebswerkbau1"  # 58 letters
CARDS = 40


@pytest.fixture(scope="module")
def crowded(world):
    """A user with a full project: 40 cards in a column and long words in every text."""
    anna = world.user("anna")
    anna.patch("/v1/me", name=WORD).expect(200)
    project = anna.project(WORD, description=WORD * 3)
    statuses = [{**s, "name": WORD[:50]} for s in project["statuses"]]
    labels = [{"id": f"l{i}", "name": f"{i}{WORD}"[:50], "colour": "#aa5500"} for i in range(6)]
    anna.patch(project, labels=labels, statuses=statuses).expect(200)
    for n in range(1, 8):
        anna.share(project, world.user(f"{WORD}{n}"[:40]), "member")
    for n in range(CARDS):
        anna.task(f"{WORD} {n}", projectId=project["id"], labelIds=["l0"], assigneeIds=[anna.id], priority="high", dueDate="2031-01-01")
    last = anna.task(f"{WORD} last", projectId=project["id"], description="A line.\n" * 60,
                     checklist=[{"id": f"i{n}", "text": f"{WORD} {n}", "done": False} for n in range(6)])
    for n in range(2):
        anna.attach(last, name=f"{WORD * 3} {n}.txt").expect(201)
    for n in range(16):
        anna.project(f"{WORD} {n:02}")
    anna.crowded = project
    return anna


def every_control(page, css, name):
    """At every size, all controls can be reached by wheel and nothing is wider than the window."""
    for size in SIZES:
        page.resize(*size)
        assert unreachable(page, css) == [], f"{name} at {size}, by wheel"
        assert too_wide(page) == [], f"{name} at {size}"
    page.resize(*SMALL)
    assert unreachable(page, css) == [], f"{name} at {SMALL}, by wheel"
    assert too_wide(page) == [], f"{name} at {SMALL}"


def by_touch(page, css):
    page.resize(*PHONE)
    page.driver.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": True})
    missed = unreachable(page, css, touch)
    page.driver.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": False})
    return missed


def by_keyboard(page, css):
    page.resize(*FLAT)
    page.browser.still()
    return tab_through(page, css)


def open_menu(page):
    page.click("#menu")
    page.visible("#new-project")
    page.browser.still()


def test_the_last_card_and_the_last_row_can_be_reached(windows, crowded):
    page = windows.log_in(crowded, crowded.crowded)
    page.card(f"{WORD} last")
    for size in SIZES:
        page.resize(*size)
        for move in (wheel, touch) if size == PHONE else (wheel,):
            page.driver.execute_script("for (const c of document.querySelectorAll('.cards')) c.scrollTop = 0")
            assert scrolled_to(page, page.card(f"{WORD} last"), move) is None, f"{move.__name__} at {size}"
        assert unreachable(page, "#main") == [], f"the board at {size}"
        assert too_wide(page) == [], f"the board at {size}"
    assert by_keyboard(page, "#main") == []
    page.resize(*DESKTOP)
    page.click("#view-list")
    page.visible(".tasks tbody tr")
    for size in SIZES:
        page.resize(*size)
        for row in (page.all(".tasks tbody tr")[-1], page.all(".tasks tbody tr")[0]):
            assert scrolled_to(page, row, wheel) is None, f"the list at {size}"
        assert too_wide(page) == [], f"the list at {size}"


def test_the_sidebar_and_its_logout_button_can_be_reached(windows, crowded):
    page = windows.log_in(crowded, crowded.crowded)
    for size in SIZES:
        page.resize(*size)
        if page.find("#menu").is_displayed():
            open_menu(page)
        assert unreachable(page, "#sidebar") == [], f"the side at {size}"
        assert too_wide(page) == [], f"the side at {size}"
        page.escape()
    page.resize(*PHONE)
    open_menu(page)
    assert by_touch(page, "#sidebar") == []


def test_the_sidebar_is_gone_at_once_when_the_window_becomes_narrow(windows, anna):
    """Regression: it slid away for 180 ms and took swipes that were meant for the board."""
    page = windows.log_in(anna)
    page.resize(*DESKTOP)
    page.browser.still()
    page.driver.execute_script("""
        window.slides = 0;
        document.getElementById("sidebar").addEventListener("transitionrun", () => window.slides++);""")
    page.resize(*PHONE)
    page.until(lambda: not page.find("#sidebar").is_displayed())
    page.browser.still()
    assert page.driver.execute_script("return window.slides") == 0
    open_menu(page)
    page.until(lambda: page.driver.execute_script("return window.slides") > 0, why="the user's own moves are not shown")


def test_every_control_of_the_task_panel_can_be_reached(windows, crowded):
    page = windows.log_in(crowded, crowded.crowded)
    page.open_task(f"{WORD} last")
    page.until(lambda: len(page.all("#files .file")) == 2, why="the files are not shown")
    every_control(page, "#panel", "task")
    assert by_touch(page, "#panel") == []
    assert by_keyboard(page, "#panel") == []


def test_every_control_of_a_filtered_list_and_its_dialogs_can_be_reached(windows, crowded):
    page = windows.log_in(crowded, crowded.crowded)
    page.driver.get(f"{page.url}/#/filter/label%20in%20({WORD}{WORD}%2C%200{WORD[:49]})")
    page.visible("#overview-table tbody tr")
    page.click("#overview-select")
    page.click("#overview-table tbody tr")
    page.visible("#selection-change")
    every_control(page, "#overview", "list")
    assert by_keyboard(page, "#overview") == []
    page.click("#selection-change")
    every_control(page, "#bulk-dialog", "bulk")
    page.click("#bulk-dialog [data-close]")
    page.click("#filter-save")
    page.type("#filter-dialog [name=name]", WORD)
    every_control(page, "#filter-dialog", "filter")


def test_every_control_of_the_account_page_can_be_reached(windows, crowded):
    page = windows.log_in(crowded, crowded.crowded)
    page.click("#me")
    page.visible("#sessions li")
    every_control(page, "#account", "account")
    assert by_touch(page, "#account") == []
    assert by_keyboard(page, "#account") == []


@pytest.mark.parametrize("opener, dialog", [("#share", "#share-dialog"), ("#project-settings", "#project-dialog")])
def test_every_control_of_a_dialog_can_be_reached(windows, crowded, opener, dialog):
    page = windows.log_in(crowded, crowded.crowded)
    page.click(opener)
    every_control(page, dialog, dialog[1:])
    assert by_touch(page, dialog) == []
    assert by_keyboard(page, dialog) == []


WINDOWS = {
    "conflict": "askConflict([{ label: 'Description', theirs: word, mine: word }, { label: 'Title', theirs: word, mine: word }], word)",
    "confirm": "confirm(word, word, 'Move to trash')",
    "kept": "offerText(word, word, word)",
    "step-up": "askPassword(async () => {}, true)",
    "invitation": "ask((document.querySelector('#invitation-text').textContent = word, document.querySelector('#invitation-dialog')))",
}


def test_every_control_of_a_confirmation_can_be_reached(windows, crowded):
    page = windows.log_in(crowded, crowded.crowded)
    for name, call in WINDOWS.items():
        page.driver.execute_script(f"const [word] = arguments; import('/dialogs.js').then((dialogs) => dialogs.{call})", WORD)
        page.visible(f"#{name}-dialog")
        every_control(page, f"#{name}-dialog", name)
        page.driver.execute_script("document.querySelector('dialog[open]').close('')")


def test_every_control_of_the_login_forms_can_be_reached(windows):
    page = windows.open()
    for form, opener in [("login", None), ("signup", "#tab-signup"), ("forgot", "#forgot-link")]:
        page.resize(*DESKTOP)
        if opener == "#forgot-link":
            page.click("#tab-login")
        if opener:
            page.click(opener)
        page.visible(f"#{form}")
        every_control(page, "#gate", form)
        assert by_touch(page, "#gate") == []
    page.driver.get(page.url + "/#/password-resets?token=" + "x" * 43)
    page.visible("#reset")
    every_control(page, "#gate", "reset")
