"""Ink on pages with slopes from light to dark, and shapes told from shadows."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from deepdigits.images.detection import detect_digits
from deepdigits.images.foreground import estimate_background, extract_foreground
from deepdigits.images.strokes import has_strokes


def test_a_blank_page_that_slopes_from_light_to_dark_has_no_ink():
    page = np.linspace(245, 125, 300, dtype=np.float32)[:, None] * np.ones((1, 300), np.float32)
    for turned in (page, page[::-1], page.T, 280 - page):
        assert extract_foreground(np.ascontiguousarray(turned)) is None


def test_the_page_is_the_slope_under_the_ink_up_to_its_dark_edge():
    slope = np.linspace(240, 140, 200, dtype=np.float32)[:, None] * np.ones((1, 200), np.float32)
    page = slope.copy()
    page[60:140, 90:110] = 20
    assert np.abs(estimate_background(page) - slope).max() < 8


def test_ink_in_the_shade_is_as_full_as_in_the_light():
    light = np.linspace(1, 0.4, 400, dtype=np.float32)[None, :]
    page = np.full((400, 400), 250, np.float32)
    page[100:300, 60:80] = page[100:300, 320:340] = 25
    ink = extract_foreground(page * light)
    assert ink[200, 70] == pytest.approx(1, abs=0.1)
    assert ink[200, 330] == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("sides", [4, 6, 20])
@pytest.mark.parametrize("size", [40, 80, 110])
@pytest.mark.parametrize("pen", [30, 120])
def test_a_filled_shape_stays_filled_and_is_no_digit(sides, size, pen):
    sheet = Image.new("L", (300, 300), 255)
    ImageDraw.Draw(sheet).regular_polygon((150, 150, size), sides, 20, fill=pen)
    (found,) = detect_digits(sheet)
    assert (found.crop[12:16, 12:16] > 200).all()
    assert not has_strokes(found.crop)


def test_writing_in_a_shadow_that_is_not_at_the_edge_is_no_shape():
    page = np.full((400, 400), 250, np.float32)
    page[80:320, 80:320] = 160
    page[140:260, 190:210] = 20
    ink = extract_foreground(page)
    assert ink[200, 200] > 0.9
    assert ink[110:130, 110:290].max() < 0.25
