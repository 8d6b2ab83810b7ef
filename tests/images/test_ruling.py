"""Printed lines are removed, strokes are kept."""

import numpy as np
import pytest

from deepdigits.images.ruling import remove_ruling


def ring(width=400, radius=110, pen=24):
    rows, columns = np.indices((width, width)) - width / 2
    return (np.abs(np.hypot(rows, columns) - radius) < pen / 2).astype(np.float32)


def ruled(ink, slope=0.0, upright=False, weight=0.45):
    """With lines of two pixels, sixty pixels apart."""
    rows, columns = np.indices(ink.shape)
    place = (columns - slope * rows) if upright else (rows - slope * columns)
    return np.maximum(ink, np.float32(weight) * (np.mod(place - 20, 60) < 2))


@pytest.mark.parametrize("slope", [0, 0.02, -0.05])
@pytest.mark.parametrize("upright", [False, True])
def test_lines_are_removed_even_if_a_digit_hides_half_of_them(slope, upright):
    digit = ring()
    left = remove_ruling(ruled(digit, slope, upright))
    outside = digit == 0
    assert (left[outside] > 0.15).mean() < 0.003
    assert left[digit == 1].mean() > 0.97


def test_squares_are_removed():
    digit = ring()
    left = remove_ruling(ruled(ruled(digit), upright=True))
    assert (left[digit == 0] > 0.15).mean() < 0.003
    assert left[digit == 1].mean() > 0.95


def test_a_thin_stroke_that_does_not_cross_the_image_is_kept():
    ink = np.zeros((400, 400), np.float32)
    ink[60:340, 198:204] = 1
    ink[60:66, 120:204] = 1
    assert np.array_equal(remove_ruling(ink), ink)
