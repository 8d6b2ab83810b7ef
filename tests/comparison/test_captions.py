"""Captions cover nothing if there is room."""

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from deepdigits.comparison.captions import overlap, place

FRAME = (0, 0, 800, 500)
points = st.lists(st.tuples(st.integers(150, 650), st.integers(100, 400)), min_size=1, max_size=10)


def inside(box):
    return box[0] >= 0 and box[1] >= 0 and box[2] <= 800 and box[3] <= 500


@given(points)
def test_captions_do_not_overlap_and_are_inside_the_frame(points):
    boxes = place(points, [(80, 12)] * len(points), FRAME)
    assert all(inside(box) for box in boxes)
    assert all(overlap(one, other) == 0 for one, other in combinations(boxes, 2))
    sizes = {(round(b[2] - b[0], 6), round(b[3] - b[1], 6)) for b in boxes}
    assert sizes == {(80, 12)}


@given(points)
def test_captions_do_not_overlap_obstacles(points):
    obstacles = [(x - 6, y - 30, x + 6, y + 30) for x, y in points]
    boxes = place(points, [(80, 12)] * len(points), FRAME, obstacles)
    assert all(overlap(box, obstacle) == 0 for box in boxes for obstacle in obstacles)


def test_at_the_right_edge_the_caption_is_on_the_left():
    [box] = place([(790, 250)], [(80, 12)], FRAME)
    assert box[2] < 790 and inside(box)


def test_without_room_each_caption_still_gets_a_place():
    assert len(place([(5, 5)] * 9, [(20, 5)] * 9, frame=(0, 0, 10, 10))) == 9
