"""The web client as a user sees it.  Everything that looks for something waits for it."""
import json

from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select, WebDriverWait

SOON = 20.0  # generous: this does not measure speed


class Page:
    def __init__(self, browser, url):
        self.browser, self.driver, self.url = browser, browser.driver, url

    # ---- finding and waiting ----

    def resize(self, width, height):
        self.width = width
        self.browser.resize(width, height)

    def find(self, css):
        return self.driver.find_element(By.CSS_SELECTOR, css)

    def all(self, css):
        return self.driver.find_elements(By.CSS_SELECTOR, css)

    def until(self, what, within=SOON, why=""):
        """Polls `what` until it returns something true, and returns that."""
        wait = WebDriverWait(self.driver, within, poll_frequency=0.03, ignored_exceptions=(
            NoSuchElementException, StaleElementReferenceException))
        return wait.until(lambda _: what(), why)

    def visible(self, css, within=SOON):
        def look():
            found = self.find(css)
            return found if found.is_displayed() else None
        return self.until(look, within, f"{css} is not to be seen")

    def click(self, css):
        self.visible(css).click()

    def type(self, css, text):
        field = self.visible(css)
        field.clear()
        field.send_keys(text)

    def text(self, css):
        return self.find(css).text

    # ---- files ----

    def catch_download(self):
        """From now on a download gives what the browser would save to download(), instead of saving it."""
        self.driver.execute_script("""
            const make = URL.createObjectURL.bind(URL);
            let blob;
            URL.createObjectURL = (of) => { blob = of; return make(of); };
            HTMLAnchorElement.prototype.click = function () {
                blob.text().then((text) => { window.caught = [this.download, this.protocol, text]; });
            };""")

    def download(self):
        """[name, protocol of the link, text] of the download."""
        return self.until(lambda: self.driver.execute_script("return window.caught"))

    # ---- the session ----

    def open(self, path="/"):
        self.driver.get(self.url + path)
        return self

    def sign_up(self, name, email, phone, password):
        self.click("#tab-signup")
        for field, value in [("name", name), ("email", email), ("phone", phone), ("password", password)]:
            self.type(f"#signup [name={field}]", value)
        self.click("#signup button[type=submit]")

    def log_in(self, login, password):
        self.click("#tab-login")
        self.type("#login [name=login]", login)
        self.type("#login [name=password]", password)
        self.click("#login button[type=submit]")

    def log_out(self):
        self.click("#logout")
        self.visible("#gate")

    def wait_connection(self, state, within=SOON):
        return self.until(lambda: self.find("#connection").get_attribute("data-state") == state, within,
                          f"the corner never said {state}")

    def corner(self):
        return self.text("#connection")

    # ---- projects ----

    def projects(self):
        return [e.text for e in self.all("#projects .clip")]

    def create_project(self, name):
        self.click("#new-project")
        self.type("#project-form [name=name]", name)
        self.click("#project-form button[type=submit]")
        self.wait_project(name)

    def open_project(self, name, within=SOON):
        def follow():
            found = next((e for e in self.all("#projects .clip") if e.text == name), None)
            return found and (found.click() or True)  # if a redraw replaces the link before the click, it is looked for again
        self.until(follow, within, f"no project {name}")
        self.wait_project(name)

    def wait_project(self, name, within=SOON):
        self.until(lambda: self.text("#project-name") == name and self.all(".column, .tasks"), within,
                   f"{name} did not open")

    def share(self, email, role="member"):
        self.click("#share")
        self.type("#share-form [name=email]", email)
        Select(self.find("#share-form [name=role]")).select_by_value(role)
        self.click("#share-form button[type=submit]")
        self.until(lambda: any(email in e.text for e in self.all("#invitations li")), why=f"{email} was not invited")
        self.click("#share-dialog [data-close]")

    def answer_invitation(self, mail, choice="accept"):
        """Follows the invitation link of an email and answers."""
        self.driver.get(next(word for word in mail.text.split() if "#/i/" in word))
        self.click(f"#invitation-dialog [value={choice}]")

    # ---- tasks ----

    def titles(self, status=None):
        scope = f".cards[data-status='{status}']" if status else ".cards"
        return self.driver.execute_script(
            "return [...document.querySelectorAll(arguments[0])].map(e => e.textContent)",
            f"{scope} .card-title")

    def card(self, title, within=SOON):
        """The card with this title, once it exists."""
        def look():
            return self.driver.execute_script(
                "return [...document.querySelectorAll('.card')].find(c => "
                "c.querySelector('.card-title').textContent === arguments[0]) ?? null", title)
        return self.until(look, within, f"no card {title!r}")

    def wait_titles(self, status, titles, within=SOON):
        """Waits until a column contains exactly these cards in this order."""
        try:
            self.until(lambda: self.titles(status) == titles, within)
        except Exception as error:
            raise AssertionError(f"{status} holds {self.titles(status)}, not {titles}") from error

    def new_task(self, title, /, **fields):
        self.click("#new-task")
        self.type("#task [name=title]", title)
        self.fill(**fields)
        self.save()
        self.until(lambda: not self.find("#panel").is_displayed(), why="the panel stayed open")

    def open_task(self, title):
        self.driver.execute_script("arguments[0].scrollIntoView({block: 'center', inline: 'center'})", self.card(title))
        self.card(title).click()
        self.visible("#panel")
        self.until(lambda: self.value("title") == title)

    def fill(self, **fields):
        for name, value in fields.items():
            element = self.visible(f"#task [name={name}]")
            if element.tag_name == "select":
                Select(element).select_by_value(value)
            elif element.get_attribute("type") in ("date", "time", "datetime-local"):
                self.driver.execute_script(
                    "arguments[0].value = arguments[1];"
                    "arguments[0].dispatchEvent(new Event('input', {bubbles: true}))", element, value)
            else:
                element.clear()
                element.send_keys(value)

    def value(self, name):
        return self.find(f"#task [name={name}]").get_property("value")

    def save(self):
        self.click("#task-save")

    def edit_task(self, name, /, **fields):
        self.open_task(name)
        self.fill(**fields)
        self.save()
        self.until(lambda: self.text("#task-note") == "Saved", why="the task was not saved")
        self.click("#task-close")

    def delete_task(self, title):
        self.open_task(title)
        self.click("#task-delete")

    def drag(self, title, status, before=None):
        """Drags a card with the mouse to the end of a column or before another card."""
        target = self.card(before) if before else self.find(f".cards[data-status='{status}']")
        box = target.rect
        source = self.card(title).rect
        x = round(box["x"] + box["width"] / 2 - source["x"] - source["width"] / 2)
        end = box["y"] + (4 if before else box["height"] - 4)
        y = round(end - source["y"] - source["height"] / 2)
        ActionChains(self.driver, duration=60).click_and_hold(self.card(title)) \
            .move_by_offset(x // 2, y // 2).move_by_offset(x - x // 2, y - y // 2).release().perform()

    def press(self, *keys):
        ActionChains(self.driver).send_keys(*keys).perform()

    def press_with(self, held, key):
        ActionChains(self.driver).key_down(held).send_keys(key).key_up(held).perform()

    def escape(self):
        self.press(Keys.ESCAPE)

    def undo(self):
        self.click(".toast button")

    def hurry(self):
        """Shortens the page's delays before retries to a tenth."""
        self.driver.execute_script("""
            const timer = window.setTimeout;
            window.setTimeout = (work, ms = 0, ...more) => timer(work, ms > 200 && ms < 5000 ? ms / 10 : ms, ...more)""")

    # ---- the state behind the picture ----

    def state_and_snapshot(self):
        """The page's state of the open project and a fresh snapshot, in the same form."""
        script = """
            const done = arguments[0];
            (async () => {
              const { workspace } = await import("/app.js");
              const { request } = await import("/api.js");
              const { store } = workspace;
              const fresh = await request("GET", `/v1/projects/${store.id}/snapshot`);
              const byId = (list, key) => [...list].sort((a, b) => (a[key] < b[key] ? -1 : 1));
              const shape = (project, members, tasks) => JSON.stringify({
                name: project.name, rev: project.rev, labels: project.labels,
                members: byId(members, "userId").map((m) => [m.userId, m.role, m.name]), tasks: byId(tasks, "id") });
              done([shape(store.project, store.members.values(), store.tasks.values()),
                    shape(fresh.project, fresh.members, fresh.tasks)]);
            })().catch((error) => done([String(error), null]));
        """
        ours, fresh = self.driver.execute_async_script(script)
        return json.loads(ours), json.loads(fresh) if fresh else None
