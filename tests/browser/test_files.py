"""Files of a task: attached by button and by dropping, seen by others, downloaded, renamed and deleted."""
import hashlib

from selenium.webdriver.common.keys import Keys

DROP = """
    const [text, name, times] = arguments, data = new DataTransfer();
    data.items.add(new File([text.repeat(times ?? 1)], name, { type: "text/plain" }));
    for (const kind of ["dragover", "drop"]) {
        document.querySelector("#panel .panel-body").dispatchEvent(new DragEvent(kind, { dataTransfer: data, bubbles: true, cancelable: true }));
    }
"""


def names(page):
    return [field.get_property("value") for field in page.all("#files .file:not(.sending) input")]


def test_files_are_attached_downloaded_renamed_and_deleted(windows, anna, ben, tmp_path):
    project = anna.project("Renovation")
    anna.share(project, ben, "viewer")
    task = anna.task("Buy paint", projectId=project["id"])
    page, other = windows.log_in(anna, project), windows.log_in(ben, project)
    for each in (page, other):
        each.open_task("Buy paint")
    chosen = tmp_path / "plan.txt"
    chosen.write_text("chosen")
    page.find("#files-input").send_keys(str(chosen))
    page.until(lambda: names(page) == ["plan.txt"], why="the chosen file is not shown")
    page.driver.execute_script(DROP, "dropped", "tour <b>.txt")
    page.until(lambda: names(page) == ["plan.txt", "tour <b>.txt"], why="the dropped file is not shown")
    other.until(lambda: names(other) == ["plan.txt", "tour <b>.txt"], why="the other user does not see the files")
    assert "7 bytes" in other.text("#files .file:last-child") and not other.find("#files-add").is_displayed()
    stored = anna.items(f"/v1/tasks/{task['id']}/attachments")
    assert [f["sha256"] for f in stored] == [hashlib.sha256(b).hexdigest() for b in (b"chosen", b"dropped")]

    page.find("#files .file input").send_keys(Keys.CONTROL + "a" + Keys.NULL + "Plan B.txt\n")
    for each in (page, other):
        each.until(lambda e=each: names(e)[0] == "Plan B.txt" and e.find("#files .file").get_attribute("data-rev") == "2", why="the new name is not shown")
    page.find("#files .file input").send_keys(Keys.CONTROL + "a" + Keys.NULL + "a/b\n")
    page.until(lambda: "can’t be used" in page.text("#toasts"), why="a bad name was not refused")
    page.until(lambda: names(page)[0] == "Plan B.txt", why="the name that was refused stays")
    windows.expect("status of 422")

    page.click("#files .file:first-child [title=Delete]")
    page.click("#confirm-dialog [value=yes]")
    other.until(lambda: names(other) == ["tour <b>.txt"], why="the deleted file is still shown")
    page.driver.execute_script(DROP, "x", "huge.bin", 26_300_000)
    page.until(lambda: "too large" in page.text("#toasts"), why="a file that is too large was not refused")
    windows.expect("status of 413")
    other.catch_download()
    other.click("#files .file [title=Download]")
    assert other.download() == ["tour <b>.txt", "blob:", "dropped"]
