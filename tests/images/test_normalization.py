"""MNIST's form: the counts of its docstring, and digits brought into it."""

import numpy as np
import pytest

from deepdigits.data import sources
from deepdigits.images.normalization import normalize_crop
from deepdigits.images.strokes import has_strokes


@pytest.fixture(scope="module")
def digits(data_folder):
    sources.prepare("mnist", data_folder)
    return sources.load("mnist", data_folder, train=False)[0].numpy()


def lengths(digits, threshold):
    """The longer side of the box of the pixels above the threshold, of each digit."""
    sides = []
    for axis in (1, 2):
        there = (digits > threshold).any(axis=3 - axis)
        sides.append(28 - there.argmax(axis=1) - there[:, ::-1].argmax(axis=1))
    return np.maximum(*sides)


@pytest.mark.parametrize(("threshold", "twenty"), [(0, 9_997), (63, 9_989), (127, 9_877)])
def test_the_box_of_so_many_test_digits_is_twenty_long(threshold, twenty, digits):
    assert (lengths(digits, threshold) == 20).sum() == twenty


def test_the_centre_of_mass_of_test_digits_is_in_the_middle_within_half_a_pixel(digits):
    ink = digits.astype(np.float64)
    for axis in (1, 2):
        profile = ink.sum(axis=3 - axis)
        centre = profile @ np.arange(28) / profile.sum(axis=1)
        assert centre.min() >= 13.5
        assert centre.max() <= 14.5


@pytest.mark.parametrize("factor", [1, 3, 10])
def test_a_test_digit_comes_back_from_any_size_as_it_was(factor, digits):
    for digit in digits[:30]:
        large = np.repeat(np.repeat(digit, factor, 0), factor, 1).astype(np.float32) / 255
        page = np.pad(large, ((7, 40), (90, 3)))
        assert np.abs(normalize_crop(page).astype(int) - digit).mean() < 12


def test_weak_ends_of_strokes_count_for_the_box_and_the_blur_around_them_does_not():
    ink = np.zeros((300, 300), np.float32)
    ink[100:180, 140:160] = 1
    ink[180:200, 140:160] = 0.4
    blurred = np.maximum(ink, np.float32(0.2) * (np.indices(ink.shape)[0] > 60))
    for picture in (ink, blurred):
        rows = np.flatnonzero((normalize_crop(picture) > 90).any(axis=1))
        assert rows[-1] - rows[0] == 19


def test_every_test_digit_shows_strokes(digits):
    assert all(has_strokes(digit) for digit in digits)
