"""Photograph the pages of runs for the README: `python docs/screenshots.py RUNS FOLDER`, see `make screenshots`."""

import shutil
import sys
from pathlib import Path

from PIL import Image
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

SCREEN = {"width": 1200, "height": 900, "deviceScaleFactor": 1.5, "mobile": False}
LARGEST = 400_000
"""Bytes of a picture in the README."""


def main(runs: Path, folder: Path) -> None:
    """Take the head of a page, and one picture looked at closely."""
    folder.mkdir(parents=True, exist_ok=True)
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or driver is None:
        sys.exit("error: screenshots need Chromium and its driver: apt-get install chromium chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in ("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"):
        options.add_argument(flag)
    browser = webdriver.Chrome(options=options, service=Service(driver))
    try:
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", SCREEN)
        browser.get(f"file://{(runs / 'transfer/report.html').resolve()}")
        save(browser, folder / "report.png")
        browser.execute_script("document.querySelectorAll('.card')[4].click()")
        browser.execute_script("document.activeElement.blur()")
        save(browser, folder / "picture.png")
    finally:
        browser.quit()


def save(browser: webdriver.Chrome, path: Path) -> None:
    """Write what the browser shows, in as few colours as it takes to stay small."""
    browser.execute_async_script("setTimeout(arguments[0], 800)")
    browser.save_screenshot(str(path))
    with Image.open(path) as picture:
        few = picture.convert("RGB").quantize(256, dither=Image.Dither.FLOYDSTEINBERG)
    few.save(path, optimize=True)
    print(f"{path}: {path.stat().st_size // 1000} kB")
    assert path.stat().st_size < LARGEST, "too large for the README"


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
