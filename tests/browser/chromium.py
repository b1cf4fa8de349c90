"""A headless Chromium with its own profile, and its console messages."""
import os
import pathlib
import shutil
import tempfile

from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
CHROMEDRIVER = os.environ.get("CHROMEDRIVER", "/usr/bin/chromedriver")
FLAGS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync",
         "--disable-dev-shm-usage", "--lang=en-GB", "--hide-scrollbars"]

WIDTH, HEIGHT = 1280, 800

# Resolves when all finite animations have ended and been painted.
STILL = """
    const done = arguments[0];
    const frames = (n) => (n ? requestAnimationFrame(() => frames(n - 1)) : done());
    const ending = document.getAnimations().filter((a) => isFinite(a.effect.getComputedTiming().endTime));
    Promise.allSettled(ending.map((a) => a.finished)).then(() => frames(3));
"""


class Browser:
    """One user's browser; browsers share nothing."""

    def __init__(self, cookies=True):
        self.cookies = cookies
        self.profile = tempfile.mkdtemp(prefix="taskwire-browser-")
        options = Options()
        options.binary_location = CHROMIUM
        for flag in [*FLAGS, f"--user-data-dir={self.profile}", f"--window-size={WIDTH},{HEIGHT}"]:
            options.add_argument(flag)
        if not cookies:
            options.add_experimental_option("prefs", {"profile.default_content_setting_values.cookies": 2})
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.driver = webdriver.Chrome(options=options, service=Service(CHROMEDRIVER))
        self.driver.set_page_load_timeout(60)
        self.driver.set_script_timeout(60)

    def close(self):
        self.driver.quit()
        shutil.rmtree(self.profile, ignore_errors=True)

    def clean(self):
        """Resets the browser for the next test: one empty tab, no cookies, no storage, no emulation, no console messages."""
        first, *others = self.driver.window_handles
        for tab in others:
            self.driver.switch_to.window(tab)
            self.driver.close()
        self.driver.switch_to.window(first)
        self.offline(False)
        origin = self.driver.execute_script("return location.origin")
        self.driver.get("about:blank")
        for command, arguments in [
                ("Storage.clearDataForOrigin", {"origin": origin, "storageTypes": "all"}), ("Network.clearBrowserCookies", {}),
                ("Network.disable", {}), ("Emulation.clearDeviceMetricsOverride", {}), ("Emulation.setEmulatedMedia", {"features": []}),
                ("Emulation.setTouchEmulationEnabled", {"enabled": False}), ("Emulation.setTimezoneOverride", {"timezoneId": ""})]:
            self.driver.execute_cdp_cmd(command, arguments)
        self.complaints()

    def complaints(self, expected=()):
        """The console's errors and warnings since the last call, except those that contain an expected text."""
        lines = [line["message"] for line in self.driver.get_log("browser")
                 if line["level"] in ("SEVERE", "WARNING")]
        return [line for line in lines if not any(text in line for text in expected)]

    def resize(self, width, height):
        """Sets the page's size, which can be smaller than a window's minimum."""
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": False})

    def offline(self, yes):
        """Turns the network off or on."""
        self.driver.execute_cdp_cmd("Network.enable", {})
        self.driver.execute_cdp_cmd("Network.emulateNetworkConditions", {
            "offline": yes, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1})

    def theme(self, name):
        """"light" or "dark", without animations, so that a screenshot shows the final state."""
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {
            "features": [{"name": "prefers-color-scheme", "value": name},
                         {"name": "prefers-reduced-motion", "value": "reduce"}]})

    def still(self):
        """Waits until all animations have ended."""
        self.driver.execute_async_script(STILL)

    def screenshot(self, name):
        """Saves a screenshot in TASKWIRE_ARTIFACTS, if that is set."""
        folder = os.environ.get("TASKWIRE_ARTIFACTS")
        if folder:
            path = pathlib.Path(folder) / f"{name}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            self.still()
            self.driver.save_screenshot(str(path))
