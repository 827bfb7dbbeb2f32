"""The click page as a person uses it: pointer, keys, buttons."""

import time
from pathlib import Path

from selenium.webdriver import ActionChains, Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys


class ClickPage:
    """The page at `path`, opened from disk."""

    def __init__(self, browser: Chrome, path: Path) -> None:
        self.browser = browser
        browser.get(path.resolve().as_uri())

    def text(self, name: str) -> str:
        return self.browser.find_element(By.ID, name).text

    def press(self, name: str) -> None:
        self.browser.find_element(By.ID, name).click()

    def type(self, *keys: str, holding: str | None = None) -> None:
        actions = ActionChains(self.browser)
        if holding:
            actions.key_down(holding)
        actions.send_keys(*keys)
        if holding:
            actions.key_up(holding)
        actions.perform()

    def undo(self) -> None:
        self.type("z", holding=Keys.CONTROL)

    def _at(self, actions: ActionChains, point: tuple[float, float]) -> ActionChains:
        """Move to a point of the image, in image pixels, to the nearest pixel of the screen."""
        left, top, width, height, columns, rows = self.browser.execute_script(
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

    def points(self) -> list[tuple[float, ...] | None]:
        """The points of the shown image, as listed beside it."""
        values = self.browser.find_elements(By.CSS_SELECTOR, "#points span:last-child")
        return [
            tuple(map(float, item.text.split(","))) if "," in item.text else None for item in values
        ]

    def download(self, folder: Path) -> Path:
        """Press Download and wait for the file."""
        self.press("download")
        for _ in range(100):
            files = [p for p in folder.glob("*") if not p.name.endswith(".crdownload")]
            files = [p for p in files if not p.name.startswith(".")]
            if files:
                return files[0]
            time.sleep(0.1)
        raise AssertionError("no file was downloaded")

    def complaints(self) -> list[str]:
        """What the browser's console says: errors, and requests that the page must not make."""
        return [entry["message"] for entry in self.browser.get_log("browser")]
