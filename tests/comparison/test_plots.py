"""The plot of a comparison: data, axes, captions and formats."""

from itertools import combinations

import pytest
from matplotlib.text import Text

from deepdigits.comparison.groups import Group
from deepdigits.comparison.plots import draw_comparison, save_comparison
from deepdigits.comparison.results import Result
from deepdigits.core.errors import InputError
from deepdigits.runs.run import Run


def group(name, accuracies, seconds, parameters, dataset="mnist"):
    def result(seed, accuracy):
        report = {
            "accuracy": accuracy,
            "training_seconds": seconds + seed if seconds else None,
            "parameters": parameters,
            "overall": {"num_samples": 10_000},
            "dataset": dataset,
            "split": "test",
        }
        return Result(Run(f"{name}/seed_{seed}"), {}, seed, report)

    return Group(name, tuple(result(seed, a) for seed, a in enumerate(accuracies)))


GROUPS = [
    group("cnn", [0.996, 0.997, 0.9965], 280, 1_100_000),
    group("cnn wide", [0.9961, 0.9969], 285, 1_150_000),
    group("mlp", [0.988], 14, 109_770),
]


def test_a_point_is_the_mean_and_a_bar_one_sd():
    left, right = draw_comparison(GROUPS).axes
    assert (left.get_xlabel(), right.get_xlabel()) == ("training seconds", "parameters")
    assert left.get_ylabel() == "test accuracy on mnist, %"
    (point, _, bars) = left.containers[0]
    assert (point.get_xdata()[0], point.get_ydata()[0]) == pytest.approx((281, 99.65))
    across, along = (bar.get_segments()[0] for bar in bars)
    assert across[:, 0] == pytest.approx([280, 282])
    assert along[:, 1] == pytest.approx([99.60, 99.70])
    assert right.containers[2][0].get_xdata()[0] == 109_770
    assert left.get_xscale() == right.get_xscale() == "log"


def test_captions_cover_nothing():
    figure = draw_comparison(GROUPS)
    figure.draw_without_rendering()
    for ax in figure.axes:
        boxes = [Text.get_window_extent(text) for text in ax.texts]  # without the line to its point
        assert [text.get_text() for text in ax.texts] == ["cnn", "cnn wide", "mlp"]
        assert not any(one.overlaps(other) for one, other in combinations(boxes, 2))
        points = [ax.transData.transform(c[0].get_xydata()[0]) for c in ax.containers]
        assert not any(box.contains(*point) for box in boxes for point in points)
        frame = ax.get_window_extent()
        assert all(frame.containsx(b.x0) and frame.containsx(b.x1) for b in boxes)


def test_datasets_have_axes_of_their_own():
    figure = draw_comparison([group("mlp", [0.9], 14, 100, "fashion_mnist"), *GROUPS])
    assert len(figure.axes) == 4
    assert [len(ax.containers) for ax in figure.axes] == [1, 1, 3, 3]


def test_groups_without_training_seconds_are_left_out_of_that_plot():
    left, right = draw_comparison([group("ensemble", [0.998], None, 5_000_000), *GROUPS]).axes
    assert (len(left.containers), len(right.containers)) == (3, 4)


@pytest.mark.parametrize("name", ["comparison.png", "comparison.svg", "comparison.pdf"])
def test_the_suffix_sets_the_format(tmp_path, name):
    save_comparison(GROUPS, tmp_path / name)
    assert (tmp_path / name).stat().st_size > 1000


@pytest.mark.parametrize("name", ["comparison.xyz", "no/such/folder/comparison.png"])
def test_an_error_names_the_file_that_cannot_be_written(tmp_path, name):
    with pytest.raises(InputError, match=r"figure .* cannot be written"):
        save_comparison(GROUPS, tmp_path / name)
