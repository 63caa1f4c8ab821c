"""A headless Chromium, and what is to be seen in it."""

from __future__ import annotations

import io
import shutil
import time

import numpy as np
from PIL import Image

# Most of TensorBoard lies in shadow trees, which neither selectors nor texts enter.
DEEP = """
const all = (selector, root) => [...root.querySelectorAll(selector)]
  .concat(root.shadowRoot ? all(selector, root.shadowRoot) : [])
  .concat(...[...root.querySelectorAll('*')].filter(e => e.shadowRoot).map(e => all(selector, e.shadowRoot)));
const shown = e => { const box = e.getBoundingClientRect(); return box.width > 0 && box.height > 0; };
const text = node => node.nodeType === 3 ? node.data : ['STYLE', 'SCRIPT'].includes(node.tagName) ? '' :
  [...(node.shadowRoot ? node.shadowRoot.childNodes : []), ...node.childNodes].map(text).join('');
const found = arguments[0].reduce((roots, selector) => roots.flatMap(root => all(selector, root)), [document]);
const elements = [...new Set(found)].filter(shown);
"""
SWITCHES = (
    "--headless=new",
    "--no-sandbox",
    "--disable-quic",
    "--disable-gpu",
    "--window-size=1500,1000",
)


def why_not() -> str | None:
    """What is missing for a browser; None where there is one."""
    try:
        import selenium  # noqa: F401
    except ImportError:
        return "selenium is not installed: pip install '.[browser]'"
    missing = [program for program in ("chromium", "chromedriver") if shutil.which(program) is None]
    return (
        f"{' and '.join(missing)} not installed: apt install chromium chromium-driver"
        if missing
        else None
    )


class Browser:
    """A window of 1500 x 1000 pixels; a context manager."""

    def __enter__(self):
        from selenium import webdriver

        options = webdriver.ChromeOptions()
        options.binary_location = shutil.which("chromium")
        for switch in SWITCHES:
            options.add_argument(switch)
        self.driver = webdriver.Chrome(
            options, webdriver.ChromeService(shutil.which("chromedriver"))
        )
        return self

    def __exit__(self, *exception):
        self.driver.quit()

    def open(self, address: str) -> None:
        """Opens an address afresh: a change after the # alone would load nothing."""
        self.driver.get("about:blank")
        self.driver.get(address)

    def all(self, *selectors: str) -> list:
        """The visible elements, each selector looked for within what the one before it found."""
        return self.driver.execute_script(f"{DEEP} return elements;", selectors)

    def texts(self, *selectors: str) -> list[str]:
        """Their texts."""
        return self.driver.execute_script(
            f"{DEEP} return elements.map(e => text(e).replace(/\\s+/g, ' ').trim());", selectors
        )

    def wait(self, what: str, condition, seconds: float = 40.0):
        """Waits until `condition()` is true, and returns what it is then.

        Elements that TensorBoard throws away meanwhile count as not there yet.
        """
        from selenium.common.exceptions import WebDriverException

        end, value = time.monotonic() + seconds, None
        while time.monotonic() < end:
            try:
                value = condition()
            except WebDriverException:
                value = None
            if value:
                return value
            time.sleep(0.2)
        raise AssertionError(f"Nothing after {seconds:.0f} s: {what}")


def coloured_pixels(element) -> int:
    """How many pixels of an element are in a full colour: those of its curves; axes and letters are grey."""
    image = Image.open(io.BytesIO(element.screenshot_as_png)).convert("HSV")
    _, saturation, value = np.moveaxis(np.asarray(image), -1, 0)
    return int(((saturation > 100) & (value > 100)).sum())
