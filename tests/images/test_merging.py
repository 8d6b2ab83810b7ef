"""Merging the pieces of one digit."""

import numpy as np
import pytest
from PIL import Image

from deepdigits.data import sources
from deepdigits.images.detection import detect_digits
from deepdigits.images.merging import Segment, merge
from deepdigits.images.segments import reading_order


def boxes(*pieces):
    return sorted(s.box for s in merge([Segment(box, (n,)) for n, box in enumerate(pieces)]))


@pytest.mark.parametrize(
    "pieces",
    [
        [(10, 40, 50, 80), (48, 20, 96, 38)],  # the bar of a 5, slanted, beside its body
        [(10, 40, 50, 80), (55, 25, 90, 35)],
        [(30, 10, 80, 90), (4, 75, 27, 88)],  # the tail of a 3, to its left
        [(10, 10, 60, 45), (15, 52, 65, 80)],  # a 3 in two halves above each other
        [(10, 10, 50, 90), (20, 30, 40, 50)],  # one inside the other
    ],
)
def test_pieces_of_a_digit_are_joined(pieces):
    assert len(boxes(*pieces)) == 1


@pytest.mark.parametrize(
    "pieces",
    [
        [(10, 10, 40, 90), (50, 10, 80, 90)],  # side by side
        [(10, 10, 40, 90), (10, 95, 40, 175)],  # in two lines
        [(10, 10, 50, 90), (52, 46, 90, 54)],  # a dash between digits
        [(10, 10, 50, 90), (54, 82, 60, 88)],  # a decimal point
        [(40, 10, 80, 90), (4, 75, 25, 88)],  # the foot of a broken digit, too far for a tail
    ],
)
def test_pieces_of_two_digits_stay_apart(pieces):
    assert boxes(*pieces) == sorted(pieces)


def test_a_bar_is_in_the_line_of_its_digit():
    row = [(10, 30, 40, 90), (50, 28, 80, 92), (85, 26, 110, 44), (120, 30, 150, 90)]
    assert [s.box for s in reading_order([Segment(box, ()) for box in row[::-1]])] == row


# Training digits in two pieces that were read as two digits.
@pytest.mark.parametrize(
    ("index", "digit"), [(145, 5), (2837, 6), (3805, 7), (11393, 5), (13699, 5), (27413, 2)]
)
def test_a_digit_in_two_pieces_is_one(index, digit, data_folder):
    sources.prepare("mnist", data_folder)
    images, labels = sources.load("mnist", data_folder, train=True)
    assert labels[index] == digit
    large = Image.fromarray(255 - images[index].numpy()).resize(
        (280, 280), Image.Resampling.BICUBIC
    )
    page = Image.new("L", (400, 400), 255)
    page.paste(large, (60, 60))
    (found,) = detect_digits(page)
    assert np.abs(found.crop.astype(int) - images[index].numpy()).mean() < 16
