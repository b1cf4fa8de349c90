"""Fixtures of the browser tests: people in browsers of their own, on the shared running system."""
import pathlib
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from chromium import Browser  # noqa: E402
from page import Page  # noqa: E402

# What Chromium itself writes when a server goes away under it: no fault of the page.
LOST = ("net::ERR_", "WebSocket connection to", "status of 502", "status of 503")


class Windows:
    """Opens pages; at the end of a test each must be free of complaints."""

    def __init__(self, url):
        self.url, self.browsers, self.expected = url, [], []

    def open(self, **size):
        """A browser of its own at the gate."""
        browser = Browser(**size)
        self.browsers.append(browser)
        page = Page(browser, self.url).open()
        page.visible("#gate")
        return page

    def blocked(self):
        """A browser that keeps neither cookies nor anything else."""
        browser = Browser(cookies=False)
        self.browsers.append(browser)
        return Page(browser, self.url).open()

    def log_in(self, user, project=None, **size):
        """A browser in which a User of the API is signed in, live, in one of his projects."""
        page = self.open(**size)
        page.log_in(user.email, user.password)
        page.wait_connection("live")
        if project is not None:
            page.open_project(project["name"])
        return page

    def expect(self, *complaints):
        """The console may say what contains one of these."""
        self.expected.extend(complaints)

    def expect_losses(self):
        """This test takes a program away."""
        self.expect(*LOST)

    def close(self):
        for browser in self.browsers:
            browser.close()

    def complaints(self):
        return [line for browser in self.browsers for line in browser.complaints(self.expected)]


@pytest.fixture
def windows(stack, request):
    here = Windows(stack.url)
    yield here
    failed = getattr(request.node, "failed", False)
    for number, browser in enumerate(here.browsers):
        if failed:
            browser.screenshot(f"failed-{request.node.name}-{number}")
    complaints = here.complaints()
    here.close()
    assert not complaints, "the browser complained:\n" + "\n".join(complaints)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.when == "call":
        item.failed = report.failed
    return report
