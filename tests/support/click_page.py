"""A page in the browser, and the click page as a person uses it: pointer, keys, buttons."""

import time
from pathlib import Path
from typing import Any

from selenium.webdriver import ActionChains, Chrome
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait


class OpenPage:
    """The page at `path`, opened from disk. `all` and `one` take a CSS selector, others an id."""

    def __init__(self, browser: Chrome, path: Path) -> None:
        self.browser, self.run = browser, browser.execute_script
        browser.get(path.resolve().as_uri())
        # on a busy machine `get` was once seen to return before the page's script had run
        loaded = "return document.readyState === 'complete' && location.protocol === 'file:'"
        WebDriverWait(browser, 60).until(lambda _: self.run(loaded))

    def all(self, selector: str) -> list[WebElement]:
        return self.browser.find_elements("css selector", selector)

    def one(self, selector: str) -> WebElement:
        return self.browser.find_element("css selector", selector)

    def text(self, name: str) -> str:
        return self.one(f"#{name}").text

    def press(self, name: str) -> None:
        self.one(f"#{name}").click()

    def type(self, *keys: str, holding: str = "") -> None:
        actions = ActionChains(self.browser)
        for key in holding:
            actions.key_down(key)
        actions.send_keys(*keys)
        for key in holding:
            actions.key_up(key)
        actions.perform()

    def saved(self, folder: Path) -> Path:
        """The table that the page saves, once it is there."""
        for _ in range(100):
            if files := list(folder.glob("*.csv")):
                return files[0]
            time.sleep(0.1)
        raise AssertionError("no file was saved")

    def complaints(self) -> list[str]:
        """What the browser's console says: errors, and requests that the page must not make."""
        return [entry["message"] for entry in self.browser.get_log("browser")]


class ClickPage(OpenPage):
    """The page on which points are clicked, in pixels of the shown image."""

    def undo(self) -> None:
        self.type("z", holding=Keys.CONTROL)

    def _at(self, actions: ActionChains, point: tuple[float, float]) -> ActionChains:
        """Move to a point of the image, to the nearest pixel of the screen."""
        left, top, width, height, columns, rows = self.run(
            "const picture = document.getElementById('picture');"
            "const box = picture.getBoundingClientRect(), view = picture.viewBox.baseVal;"
            "return [box.left, box.top, box.width, box.height, view.width, view.height];"
        )
        x = left + (point[0] + 0.5) / columns * width
        y = top + (point[1] + 0.5) / rows * height
        actions.w3c_actions.pointer_action.move_to_location(round(x), round(y))
        actions.w3c_actions.key_action.pause()
        return actions

    def click(self, *points: tuple[float, float]) -> None:
        for point in points:
            self._at(ActionChains(self.browser, duration=20), point).click().perform()

    def hover(self, point: tuple[float, float]) -> None:
        self._at(ActionChains(self.browser, duration=20), point).perform()

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        actions = self._at(ActionChains(self.browser, duration=20), start).click_and_hold()
        self._at(actions, end).release().perform()

    def points(self) -> list[tuple[Any, ...] | None]:
        """The points of the shown image, as listed beside it."""
        texts = (item.text for item in self.all("#points span:last-child"))
        return [tuple(map(float, text.split(","))) if "," in text else None for text in texts]

    def download(self, folder: Path) -> Path:
        self.press("download")
        return self.saved(folder)
