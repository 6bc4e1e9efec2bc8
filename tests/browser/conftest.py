"""A headless Chromium, and the pages of real runs on embedded data."""

import json
import shutil

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from tiny import SYNTHETIC, TINY

from pretrain.main import main as pretrain
from transfer.compare.__main__ import main as compare
from transfer.main import main as transfer
from transfer.study.__main__ import main as study

FLAGS = [*TINY, "--report", "--epochs", "4", "--synthetic_count", "100"]


class Browser(webdriver.Chrome):
    """Chromium that remembers what it was told to fetch and what went wrong."""

    def visit(self, path, *, width=1280, height=900):
        """Open a page, a file or an address, at a width and wait until its script has run."""
        screen = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
        self.get_log("browser"), self.get_log("performance")
        self.get(path if str(path).startswith("http") else f"file://{path}")
        self.until("return document.documentElement.dataset.ready === 'true'")

    def until(self, script, *arguments):
        """Wait until a script answers with something true, and return that."""
        from selenium.webdriver.support.wait import WebDriverWait

        return WebDriverWait(self, 10, poll_frequency=0.05).until(lambda _: self.execute_script(script, *arguments))

    def until_true(self, test):
        """Wait until a test of what is outside the page is true."""
        from selenium.webdriver.support.wait import WebDriverWait

        WebDriverWait(self, 10, poll_frequency=0.05).until(lambda _: test())

    def one(self, selector):
        return self.find_element("css selector", selector)

    def all(self, selector):
        return self.find_elements("css selector", selector)

    def show(self, element):
        """Scroll to an element, as a reader would, and return it."""
        self.execute_script("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", element)
        return element

    def requests(self):
        """The addresses of everything that was fetched since the last visit began."""
        said = [json.loads(entry["message"])["message"] for entry in self.get_log("performance")]
        return [one["params"]["request"]["url"] for one in said if one["method"] == "Network.requestWillBeSent"]

    def complaints(self):
        """What the console says."""
        return [entry["message"] for entry in self.get_log("browser")]


@pytest.fixture(scope="session")
def browser():
    chromium = shutil.which("chromium") or shutil.which("google-chrome") or shutil.which("chrome")
    driver = shutil.which("chromedriver")
    if chromium is None or driver is None:
        pytest.fail("browser tests need Chromium and its driver: apt-get install chromium chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    found = Browser(options=options, service=Service(driver))
    yield found
    found.quit()


@pytest.fixture(scope="session")
def runs(tmp_path_factory):
    """Folders of a run of each phase, a second one of phase 2, their comparison, and a study."""
    folder = tmp_path_factory.mktemp("runs")
    alone = ["--perceptual_weight", "0", "--pretext", "mask", "--output_dir", str(folder / "ae")]
    assert pretrain([*FLAGS, *alone]) == 0
    assert transfer([*FLAGS, "--pretrained_encoder", str(folder / "ae"), "--output_dir", str(folder / "seg")]) == 0
    assert transfer([*FLAGS, "--seed", "1", "--output_dir", str(folder / "scratch")]) == 0
    assert compare([str(folder / "seg"), str(folder / "scratch"), "--output", str(folder / "both")]) == 0
    small = ["--label_fractions", "0.5", "1.0", "--seeds", "2", "--updates", "2", "--validations", "1"]
    starts = ["--initialisations", "scratch", f"own={folder / 'ae'}", "--lrs", "0.003", "--encoder_lr_factors", "1.0"]
    assert study([*TINY, *SYNTHETIC, "--report", *small, *starts, "--output_dir", str(folder / "study")]) == 0
    return folder
