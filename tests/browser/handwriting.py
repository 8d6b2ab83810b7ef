"""How a hand writes digits: strokes as points in a unit square, and a mouse that draws them."""

from __future__ import annotations

from math import cos, pi, sin
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Page

Point = tuple[float, float]


def arc(x: float, y: float, rx: float, ry: float, start: float, end: float) -> list[Point]:
    """Points on an ellipse; degrees, clockwise from the right."""
    angles = [pi / 180 * (start + (end - start) * i / 24) for i in range(25)]
    return [(x + rx * cos(a), y + ry * sin(a)) for a in angles]


STROKES: dict[int, list[list[Point]]] = {
    0: [arc(0.5, 0.5, 0.22, 0.33, -90, 270)],
    1: [[(0.5, 0.18), (0.5, 0.82)]],
    2: [[*arc(0.5, 0.36, 0.2, 0.18, 180, 390), (0.3, 0.82), (0.74, 0.82)]],
    3: [[*arc(0.47, 0.34, 0.2, 0.16, 200, 450), *arc(0.47, 0.66, 0.22, 0.17, -90, 160)]],
    4: [[(0.34, 0.2), (0.28, 0.55), (0.7, 0.55)], [(0.64, 0.2), (0.62, 0.84)]],
    5: [
        [(0.34, 0.2), (0.32, 0.47), *arc(0.47, 0.62, 0.2, 0.19, -120, 150)],
        [(0.34, 0.2), (0.68, 0.19)],
    ],
    6: [[(0.62, 0.18), (0.42, 0.4), *arc(0.5, 0.64, 0.17, 0.17, 200, 560)]],
    7: [[(0.28, 0.2), (0.72, 0.2), (0.46, 0.84)]],
    8: [[*arc(0.5, 0.34, 0.15, 0.15, 90, 450), *arc(0.5, 0.67, 0.19, 0.18, -90, 270)]],
    9: [[*arc(0.5, 0.35, 0.17, 0.16, 0, 360), (0.64, 0.84)]],
}


def draw(page: Page, digit: int, left: float = 0.0, width: float = 1.0) -> None:
    """Draw a digit on the pad with the mouse, in a square part of it.

    Args:
        page: The page.
        digit: What to draw.
        left: Left edge of the square, as a share of the pad's width.
        width: Its side, as a share of that.
    """
    box = page.locator("#pad").bounding_box()
    assert box is not None
    top = (1 - width) / 2
    for stroke in STROKES[digit]:
        for number, (x, y) in enumerate(stroke):
            page.mouse.move(
                box["x"] + box["width"] * (left + width * x),
                box["y"] + box["height"] * (top + width * y),
            )
            if number == 0:
                page.mouse.down()
        page.mouse.up()
