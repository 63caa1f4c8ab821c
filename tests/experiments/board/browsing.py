"""A headless Chromium: its visible elements, their texts and colours."""

from __future__ import annotations

import io
import shutil
import time

import numpy as np
from PIL import Image

# Most of TensorBoard is in shadow trees, which neither selectors nor texts enter.
DEEP = """
const hosts = root => [...root.querySelectorAll('*')].filter(e => e.shadowRoot);
const all = (selector, root) => [...root.querySelectorAll(selector)]
  .concat(root.shadowRoot ? all(selector, root.shadowRoot) : [])
  .concat(...hosts(root).map(e => all(selector, e.shadowRoot)));
const shown = e => {
  const box = e.getBoundingClientRect();
  return box.width > 0 && box.height > 0;
};
const shadow = node => node.shadowRoot ? node.shadowRoot.childNodes : [];
const children = node => [...shadow(node), ...node.childNodes];
const text = node => node.nodeType === 3 ? node.data :
  ['STYLE', 'SCRIPT'].includes(node.tagName) ? '' : children(node).map(text).join('');
const within = (roots, selector) => roots.flatMap(root => all(selector, root));
const elements = [...new Set(arguments[0].reduce(within, [document]))].filter(shown);
"""
SWITCHES = (
    "--headless=new",
    "--no-sandbox",
    "--disable-quic",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1500,1000",
)


def why_not() -> str | None:
    """Return what is missing for a browser, or None."""
    try:
        import selenium  # noqa: F401
    except ImportError:
        return "selenium is not installed: pip install '.[browser]'"
    missing = [program for program in ("chromium", "chromedriver") if shutil.which(program) is None]
    if not missing:
        return None
    return f"{' and '.join(missing)} not installed: apt install chromium chromium-driver"


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
        """Open an address from an empty page: a change after its # alone would load nothing."""
        self.driver.get("about:blank")
        self.driver.get(address)

    def all(self, *selectors: str) -> list:
        """Return the visible elements; each selector searches the elements of the one before it."""
        return self.driver.execute_script(f"{DEEP} return elements;", selectors)

    def texts(self, *selectors: str) -> list[str]:
        """Return the texts of these elements."""
        return self.driver.execute_script(
            f"{DEEP} return elements.map(e => text(e).replace(/\\s+/g, ' ').trim());", selectors
        )

    def wait(self, name: str, condition, seconds: float = 40.0):
        """Wait until `condition()` is true, and return its value.

        While TensorBoard replaces elements that it reads, it counts as false.
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
        raise AssertionError(f"Nothing after {seconds:.0f} s: {name}")


def coloured_pixels(element) -> int:
    """Return how many pixels of an element have a full colour.

    They are those of its curves; axes and letters are grey.
    """
    image = Image.open(io.BytesIO(element.screenshot_as_png)).convert("HSV")
    _, saturation, value = np.moveaxis(np.asarray(image), -1, 0)
    return int(((saturation > 100) & (value > 100)).sum())
