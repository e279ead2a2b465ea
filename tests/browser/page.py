"""The status page as its visitor knows it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from selenium.webdriver import ActionChains, Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

from browser.chromium import until


class Page:
    """``open`` looks at the worst model, or at the one that is named."""

    def __init__(self, driver: Chrome, url: str) -> None:
        self.driver = driver
        self.url = url

    def open(self, model: str | None = None, version: str = "7") -> Page:
        self.driver.get("about:blank")  # the same address with another fragment would not load anew
        self.driver.get_log("browser")
        self.driver.get_log("performance")
        where = "" if model is None else f"#{quote(model, safe='')}/{version}/"
        self.driver.get(f"{self.url}/{where}")
        return self

    def await_(self, holds: Callable[[], object], seconds: float = 20) -> None:
        until(self.driver, lambda _: holds(), seconds)

    def await_model(self, name: str) -> Page:
        self.await_(lambda: self.text("#name").startswith(name))
        return self

    def find(self, css: str) -> list[WebElement]:
        return self.driver.find_elements(By.CSS_SELECTOR, css)

    def text(self, css: str) -> str:
        """What the first such element holds, in one read: the page may replace it at any moment."""
        return str(self.js("return document.querySelector(arguments[0])?.textContent ?? ''", css))

    def texts(self, css: str) -> list[str]:
        return list(
            self.js("return [...document.querySelectorAll(arguments[0])].map(e => e.textContent)", css)
        )

    def js(self, script: str, *arguments: Any) -> Any:
        return self.driver.execute_script(script, *arguments)

    def press(self, *keys: str) -> None:
        ActionChains(self.driver).send_keys(*keys).perform()

    def models(self) -> list[str]:
        """In the order of the list."""
        return [text.removesuffix(" 7") for text in self.texts("#models .who")]

    def focused(self) -> str:
        return str(self.js("return document.activeElement.textContent"))

    def colour(self, css: str, of: str = "backgroundColor") -> tuple[int, ...]:
        script = "return getComputedStyle(document.querySelector(arguments[0]))[arguments[1]]"
        numbers = str(self.js(script, css, of)).partition("(")[2].rstrip(")").split(",")
        return tuple(int(float(number)) for number in numbers[:3])

    def requests(self) -> list[str]:
        """Addresses the page has asked for since it was opened."""
        messages = (json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance"))
        return [
            message["params"]["request"]["url"]
            for message in messages
            if message["method"] == "Network.requestWillBeSent"
        ]

    def complaints(self) -> list[str]:
        """What the browser's console says."""
        return [entry["message"] for entry in self.driver.get_log("browser")]
