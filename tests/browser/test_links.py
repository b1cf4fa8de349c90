"""Share links in the page: made in the share dialog, opened in a window where nobody is logged in."""
PASSWORD = "open sesame"


def test_a_share_link_shows_the_project_live_until_it_is_deleted(windows, anna):
    windows.expect("status of 401", "status of 404")
    project = anna.project("Garden house")
    task = anna.task("Dig", projectId=project["id"], description="Deep enough")
    anna.post(task, "/comments", text="How deep?").expect(201)
    anna.attach(task, b"Two metres", name="plan <b>.txt").expect(201)
    owner = windows.log_in(anna)
    owner.open_project("Garden house")
    owner.click("#share")
    owner.type("#link-form [name=password]", PASSWORD)
    owner.click("#link-form button[type=submit]")
    url = owner.visible("#link-url").get_attribute("value")

    reader = windows.open()
    reader.driver.get(url)
    for guess in ("not it at all", PASSWORD):
        reader.type("#shared-lock-form [name=password]", guess)
        reader.click("#shared-lock-form button")
        reader.until(lambda: reader.find("#shared").is_displayed() or "not the password" in reader.text("#shared-lock-form .form-error"))
    assert reader.visible("#shared-name").text == "Garden house"
    reader.wait_titles("todo", ["Dig"])
    assert not any(button.is_displayed() for button in reader.all("#shared-board [data-add]"))
    anna.patch(task, title="Dig deeper").expect(200)
    reader.wait_titles("todo", ["Dig deeper"])
    reader.card("Dig deeper").click()
    reader.until(lambda: "Deep enough" in reader.text("#shared-task") and "How deep?" in reader.text("#shared-task-comments"))
    reader.catch_download()
    reader.click("#shared-task-files [title=Download]")
    assert reader.download() == ["plan <b>.txt", "blob:", "Two metres"]
    more = anna.attach(task, name="more.txt").expect(201)
    reader.until(lambda: "more.txt" in reader.text("#shared-task-files"), why="the new file is not shown")
    anna.delete(more).expect(204)
    anna.patch(task, title="Deepest").expect(200)
    reader.until(lambda: "more.txt" not in reader.text("#shared-task-files") and reader.text("#shared-task-title") == "Deepest", why="the open task is not kept current")

    owner.click("#link-list [data-link] button")
    reader.until(lambda: "doesn’t work" in reader.text("#boot"))
    assert not reader.find("#shared").is_displayed() and not reader.titles()
    assert anna.items(f"/v1/projects/{project['id']}/links") == []
