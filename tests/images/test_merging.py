"""Merging the pieces of one digit."""

import numpy as np
import pytest
from PIL import Image

from deepdigits.data import sources
from deepdigits.images.detection import detect_digits
from deepdigits.images.merging import MAX_PIECES, Segment, merge
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


def closeness(small, large):
    """The rule for two pieces, written for two boxes: an independent check of the arrays."""
    across = min(small[2], large[2]) - max(small[0], large[0])
    down = min(small[3], large[3]) - max(small[1], large[1])
    (w, h), (w2, h2) = ((box[2] - box[0], box[3] - box[1]) for box in (small, large))
    below, wide = -down < max(h, h2) / 4, w > 1.2 * h
    if across / min(w, w2) >= 0.5:
        part = h < 0.6 * h2 or wide or w2 > 1.2 * h2
        return across / min(w, w2) if down > 0 or (below and part) else 0
    if not (below and wide and w > h2 / 4 and h < 0.6 * h2):
        return 0
    middle, gap = (small[1] + small[3]) / 2, -across / h2
    bar = small[0] > large[0] and middle < large[1] + 0.3 * h2 and gap < 1 / 4
    tail = small[2] < large[2] and middle > large[3] - 0.3 * h2 and gap < 1 / 8
    return 0.1 if bar or tail else 0


def test_many_pieces_are_merged_by_the_rule_for_two():
    random = np.random.default_rng(0)
    for scale in (3, 10, 40):
        corners = random.integers(0, 200, (150, 2))
        ends = corners + random.integers(1, scale, (150, 2))
        pieces = [tuple(map(int, row)) for row in np.hstack([corners, ends])]
        merged = []
        for piece in sorted(pieces, key=lambda b: -(b[2] - b[0]) * (b[3] - b[1])):
            close = [closeness(piece, other) for other in merged]
            if max(close, default=0) > 0:
                other = merged[place := close.index(max(close))]
                low, high = (np.minimum(piece, other)[:2], np.maximum(piece, other)[2:])
                merged[place] = tuple(map(int, (*low, *high)))
            else:
                merged.append(piece)
        assert boxes(*pieces) == sorted(merged)


def test_specks_beyond_the_limit_are_left_out_and_the_digit_stays():
    digit = Segment((500, 500, 520, 540), (0,))
    specks = [Segment((4 * n, 0, 4 * n + 1, 3), (n + 1,)) for n in range(3 * MAX_PIECES)]
    merged = merge([*specks, digit])
    assert sum(len(segment.parts) for segment in merged) == MAX_PIECES
    assert digit in merged


def test_page_of_thousands_of_blobs_has_no_digit():
    page = np.full((512, 512), 255, np.uint8)
    for top, left in np.ndindex(3, 3):
        page[top + 2 :: 8, left + 2 :: 8] = 0  # 4,096 squares
    assert detect_digits(Image.fromarray(page)) == []
