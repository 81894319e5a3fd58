"""A real browser without a window; a test that asks for it is skipped where there is none."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    # A container's /dev/shm may be too small.
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--window-size=1280,900",
)


@contextmanager
def browser() -> Iterator[Any]:
    """Yields a Chromium that is driven by selenium, and keeps its logs."""
    selenium = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    # Selenium itself would look for a driver on the network.
    chromium = next(filter(None, map(shutil.which, NAMES)), None)
    chromedriver = shutil.which("chromedriver")
    if chromium is None or chromedriver is None:
        pytest.skip("chromium or chromedriver is not installed")
    options = selenium.ChromeOptions()
    options.binary_location = chromium
    for flag in FLAGS:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    service = selenium.ChromeService(executable_path=chromedriver)
    driver = selenium.Chrome(options=options, service=service)
    try:
        yield driver
    finally:
        driver.quit()


class Page:
    """An open page, with what the tests do to it."""

    def __init__(self, driver: Any, path: Path) -> None:
        self.driver, self.address = driver, path.as_uri()

    def open(self, *, width: int = 1280, dark: bool = False, scripts: bool = True) -> None:
        """Opens the page anew, on a screen of that width."""
        self.command(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500},
        )
        self.media("screen", dark=dark)
        self.command("Emulation.setScriptExecutionDisabled", {"value": not scripts})
        self.driver.get(self.address)

    def media(self, media: str, *, dark: bool = False) -> None:
        """Shows the page on a screen or on paper ("print")."""
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.command("Emulation.setEmulatedMedia", {"media": media, "features": [scheme]})

    def command(self, name: str, arguments: dict[str, Any]) -> Any:
        """Sends a command of the browser's own protocol."""
        return self.driver.execute_cdp_cmd(name, arguments)

    def run(self, script: str, *arguments: Any) -> Any:
        """Returns what a script returns."""
        return self.driver.execute_script(script, *arguments)

    def all(self, selector: str) -> list[Any]:
        """Returns the elements that match."""
        return self.driver.find_elements("css selector", selector)

    def one(self, selector: str) -> Any:
        """Returns the element that matches, which must be the only one."""
        (element,) = self.all(selector)
        return element

    def names(self) -> list[str]:
        """Returns the names of the rows that the table shows."""
        cells = "[...document.querySelectorAll('#table tbody th')]"
        return self.run(f"return {cells}.map((cell) => cell.textContent)")

    def keys(self, *keys: str) -> None:
        """Presses keys, wherever the focus is."""
        self.driver.switch_to.active_element.send_keys(*keys)

    def focus(self, element: Any) -> None:
        """Moves the focus, as the tabulator does."""
        self.run("arguments[0].focus()", element)

    def point_at(self, element: Any, x: float = 0, y: float = 0) -> None:
        """Moves the pointer to a place, measured from the middle of an element."""
        from selenium.webdriver import ActionChains

        self.run("arguments[0].scrollIntoView({block: 'center'})", element)
        ActionChains(self.driver).move_to_element_with_offset(element, round(x), round(y)).perform()
