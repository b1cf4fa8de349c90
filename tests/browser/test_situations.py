"""Bug reports about other tools, tried here; `tests/situations.md` has the list."""
from reach import finger, scrolled, touch
from selenium.webdriver.common.action_chains import ActionChains


def test_swiping_over_cards_moves_none(windows, anna):
    project = anna.project("Swipe")
    tasks = [anna.task(f"Task {n:02}", projectId=project["id"])["title"] for n in range(20)]
    page = windows.log_in(anna, project)
    page.resize(380, 760)
    page.wait_titles("todo", tasks)

    touch(page, 150, 500, 0, 300)
    assert scrolled(page, ".cards", "scrollTop") > 100
    touch(page, 300, 500, 250, 0)
    assert scrolled(page, "#board", "scrollLeft") > 50
    assert page.titles("todo") == tasks and not page.find("#panel").is_displayed()
    assert all(t["rev"] == 1 for t in anna.items("/v1/tasks", projectId=project["id"]))


def test_a_long_touch_drags_a_card(windows, anna):
    project = anna.project("Touch")
    for title in ("First", "Second"):
        anna.task(title, projectId=project["id"])
    page = windows.log_in(anna, project)
    page.resize(900, 760)
    box, target = page.card("Second").rect, page.find(".cards[data-status='in-progress']").rect
    start = (box["x"] + 20, box["y"] + 20)
    finger(page, "touchStart", start)
    page.visible(".ghost")
    finger(page, "touchMove", (target["x"] + 40, target["y"] + 40))
    finger(page, "touchEnd")
    page.wait_titles("in-progress", ["Second"])
    page.until(lambda: [t["status"] for t in anna.items("/v1/tasks", projectId=project["id"], q="second")] == ["in-progress"])
    assert not page.find("#panel").is_displayed()


def test_a_double_click_on_create_creates_one_task(windows, anna):
    project = anna.project("Twice")
    page = windows.log_in(anna, project)
    page.click("#new-task")
    page.type("#task [name=title]", "Only once")
    ActionChains(page.driver).double_click(page.find("#task-save")).perform()
    page.wait_titles("todo", ["Only once"])
    page.browser.still()
    assert len(anna.items("/v1/tasks", projectId=project["id"])) == 1


def test_the_filter_stays_while_a_task_is_open_and_applies_to_both_views(windows, anna):
    project = anna.project("Filtered")
    for title in ("Roof", "Roof tiles", "Door"):
        anna.task(title, projectId=project["id"])
    page = windows.log_in(anna, project)
    page.find("#search").send_keys("roof")
    page.wait_titles("todo", ["Roof", "Roof tiles"])
    page.open_task("Roof")
    page.click("#task-close")
    page.wait_titles("todo", ["Roof", "Roof tiles"])
    page.click("#view-list")
    page.until(lambda: len(page.all(".tasks tbody tr")) == 2)


def test_opening_another_card_or_going_back_asks_before_input_is_lost(windows, anna):
    project = anna.project("Clicks")
    first, second = (anna.task(t, projectId=project["id"]) for t in ("First", "Second"))
    page = windows.log_in(anna, project)
    page.open_task("First")
    page.fill(description="Long text")
    page.card("Second").click()
    page.visible("#confirm-dialog")
    page.click("#confirm-dialog [data-close]")
    assert page.value("title") == "First" and page.value("description") == "Long text"
    page.until(lambda: page.driver.current_url.endswith(first["id"]))
    page.driver.execute_script("history.go(-2)")  # the entry of the cancelled click is gone
    page.visible("#confirm-dialog")
    page.click("#confirm-dialog [value=yes]")
    page.until(lambda: not page.find("#panel").is_displayed())
    page.card("Second").click()  # nothing is stuck
    page.until(lambda: page.value("title") == "Second")
    assert anna.get(second)["rev"] == 1


def test_a_card_can_be_dragged_to_a_column_beyond_the_edge(windows, anna):
    project = anna.project("Wide")
    anna.task("Far to go", projectId=project["id"])
    page = windows.log_in(anna, project)
    page.resize(820, 600)
    board = page.find("#board")
    assert page.driver.execute_script("const b = arguments[0]; return b.scrollWidth > b.clientWidth", board)
    ActionChains(page.driver, duration=80).click_and_hold(page.card("Far to go")).move_by_offset(60, 10).perform()
    ActionChains(page.driver, duration=80).move_to_element_with_offset(board, board.size["width"] // 2 - 10, 0).perform()
    page.until(lambda: page.driver.execute_script("const b = arguments[0]; return b.scrollLeft + b.clientWidth >= b.scrollWidth - 2", board),
               why="the board did not scroll along")
    ActionChains(page.driver).release().perform()
    page.wait_titles("completed", ["Far to go"])
