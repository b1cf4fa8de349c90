"""Fixtures of the browser tests: users with their own browsers, on the shared running system."""
import pathlib
import sys

import pytest
from selenium.common.exceptions import WebDriverException

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from chromium import Browser  # noqa: E402
from page import Page  # noqa: E402

# What Chromium itself logs when a server disappears: not an error of the page.
LOST = ("net::ERR_", "WebSocket connection to", "status of 502", "status of 503")


# Logs in without the page's form, and sets what the page would remember.
LOG_IN = """
    const [login, password, done] = arguments;
    fetch("/v1/sessions", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ login, password, cookie: true }) })
        .then((reply) => reply.json()).then(({ user }) => { localStorage.setItem("taskwire.user", user.id); done(null); }).catch((e) => done(String(e)))
"""


def cleaned(browser):
    """Resets a browser; false if it cannot be used again."""
    try:
        browser.clean()
    except WebDriverException:
        return False
    return True


class Windows:
    """Opens pages; at the end of a test their consoles must be empty.  `idle`: browsers that can be used again."""

    def __init__(self, url, idle):
        self.url, self.idle, self.browsers = url, idle, []
        self.expected = []

    def _page(self):
        self.browsers.append(self.idle.pop() if self.idle else Browser())
        return Page(self.browsers[-1], self.url)

    def open(self):
        """A browser that shows the login form."""
        page = self._page().open()
        page.visible("#gate")
        return page

    def blocked(self):
        """A browser that blocks cookies and storage."""
        self.browsers.append(Browser(cookies=False))
        return Page(self.browsers[-1], self.url).open()

    def log_in(self, user, project=None):
        """A browser in which a user is logged in, connected, with one of their projects open."""
        page = self._page().open("/favicon.svg")  # of the page's origin, without its scripts
        assert page.driver.execute_async_script(LOG_IN, user.email, user.password) is None
        page.open(f"/#/p/{project['id']}" if project else "/")
        page.wait_connection("live")
        page.wait_project(project["name"] if project else "Inbox")
        return page

    def expect(self, *complaints):
        """Console messages that contain one of these are expected."""
        self.expected.extend(complaints)

    def expect_losses(self):
        """This test stops a program, so the browser logs errors."""
        self.expect(*LOST)

    def close(self, failed):
        """Keeps the browsers for the next test, except after a failure and those with special settings."""
        for browser in self.browsers:
            if failed or not browser.cookies or not cleaned(browser):
                browser.close()
            else:
                self.idle.append(browser)

    def complaints(self):
        return [line for browser in self.browsers for line in browser.complaints(self.expected)]


@pytest.fixture(scope="session")
def idle():
    """Browsers not in use: starting one takes longer than most tests."""
    browsers = []
    yield browsers
    for browser in browsers:
        browser.close()


@pytest.fixture
def windows(stack, idle, request):
    here = Windows(stack.url, idle)
    yield here
    failed = getattr(request.node, "failed", False)
    for number, browser in enumerate(here.browsers):
        if failed:
            browser.screenshot(f"failed-{request.node.name}-{number}")
    complaints = here.complaints()
    here.close(failed or complaints)
    assert not complaints, "the browser complained:\n" + "\n".join(complaints)


def pytest_collection_modifyitems(items):
    """Three browsers are slow on a busy machine; waits have their own timeouts with a message."""
    for item in items:
        if item.path.parent == HERE and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(180))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.when == "call":
        item.failed = report.failed
    return report
