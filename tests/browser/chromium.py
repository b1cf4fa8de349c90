"""A headless Chromium of its own profile, and what it complained of."""
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

# Resolves when all movements with an end have ended and are painted.
STILL = """
    const done = arguments[0];
    const frames = (n) => (n ? requestAnimationFrame(() => frames(n - 1)) : done());
    const ending = document.getAnimations().filter((a) => isFinite(a.effect.getComputedTiming().endTime));
    Promise.allSettled(ending.map((a) => a.finished)).then(() => frames(3));
"""


class Browser:
    """One person's browser: nothing is shared with another's."""

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
        """As new for the next test: one empty tab, no cookies, nothing stored, nothing emulated, no complaints."""
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
        """Errors and warnings of the console since the last call, but those that contain an expected text."""
        lines = [line["message"] for line in self.driver.get_log("browser")
                 if line["level"] in ("SEVERE", "WARNING")]
        return [line for line in lines if not any(text in line for text in expected)]

    def resize(self, width, height):
        """The page's own size, below what a window may have."""
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": False})

    def offline(self, yes):
        """Takes the network away, or gives it back."""
        self.driver.execute_cdp_cmd("Network.enable", {})
        self.driver.execute_cdp_cmd("Network.emulateNetworkConditions", {
            "offline": yes, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1})

    def theme(self, name):
        """light or dark; without the movements of a change, so that a picture shows what stays."""
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {
            "features": [{"name": "prefers-color-scheme", "value": name},
                         {"name": "prefers-reduced-motion", "value": "reduce"}]})

    def still(self):
        """Waits for the end of all movements."""
        self.driver.execute_async_script(STILL)

    def screenshot(self, name):
        """Kept in TASKWIRE_ARTIFACTS, or nowhere."""
        folder = os.environ.get("TASKWIRE_ARTIFACTS")
        if folder:
            path = pathlib.Path(folder) / f"{name}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            self.still()
            self.driver.save_screenshot(str(path))
