"""Hands that count what they do on the page: by mouse on a desk, by a finger on a phone.

A step is a click, a tap, a drag, a long press, a key that does something, or a text that is typed.
What the file dialog or the camera of a device asks is none, nor is what the page does by itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from playwright.sync_api import CDPSession, Locator, Page

Point = tuple[float, float]
"""Shares of the sides of what is dragged on."""


class Hands:
    """What somebody does on a page, and in how many steps."""

    def __init__(self, page: Page, touch: bool) -> None:
        self.page = page
        self.touch = touch
        self.steps = 0
        self._finger: CDPSession | None = None

    def press(self, what: Locator) -> None:
        self.steps += 1
        if self.touch:
            what.tap()
        else:
            what.click()

    def choose(self, button: Locator, files: Path | Sequence[Path]) -> None:
        """Press a button that asks for files, and choose some."""
        with self.page.expect_file_chooser() as asked:
            self.press(button)
        asked.value.set_files(files)

    def type(self, field: Locator, text: str) -> None:
        self.steps += 1
        field.fill(text)

    def key(self, name: str) -> None:
        self.steps += 1
        self.page.keyboard.press(name)

    def back(self) -> None:
        self.steps += 1
        self.page.go_back()

    def pick(self, card: Locator, action: Locator) -> None:
        """Press what a card offers: under a mouse at once, for a finger after it rested there."""
        if not self.touch:
            card.hover()
        elif card.get_attribute("data-actions") is None:
            self.steps += 1
            card.scroll_into_view_if_needed()
            self._touch("touchStart", *_points(card, [(0.5, 0.3)]))
            card.and_(self.page.locator("[data-actions]")).wait_for()
            self._touch("touchEnd")
        self.press(action)

    def drag(self, area: Locator, *corners: Point) -> None:
        """Drag over an area, from corner to corner."""
        self.steps += 1
        first, *others = _points(area, corners)
        if self.touch:
            self._touch("touchStart", first)
            for point in others:
                self._touch("touchMove", point)
            self._touch("touchEnd")
            return
        mouse = self.page.mouse
        mouse.move(*first)
        mouse.down()
        for point in others:
            mouse.move(*point, steps=3)
        mouse.up()

    def _touch(self, kind: str, *points: Point) -> None:
        self._finger = self._finger or self.page.context.new_cdp_session(self.page)
        event: dict[str, Any] = {"type": kind, "touchPoints": [{"x": x, "y": y} for x, y in points]}
        self._finger.send("Input.dispatchTouchEvent", event)


def _points(area: Locator, shares: Sequence[Point]) -> list[Point]:
    box = area.bounding_box()
    assert box is not None
    return [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in shares]
