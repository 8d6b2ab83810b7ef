"""Learning curves: labels, scales and the data of the lines."""

import pytest
from matplotlib.figure import Figure

from deepdigits.plots.style import pixels
from deepdigits.plots.training import learning_curves

HISTORY = {
    "train/loss": [(1, 1.0), (2, 0.5), (3, 0.1)],
    "val/loss": [(1, 0.9), (2, 0.4), (3, 0.2)],
    "train/accuracy": [(1, 0.7), (2, 0.9), (3, 0.99)],
    "val/accuracy": [(1, 0.8), (2, 0.95), (3, 0.95)],
    "lr": [(1, 0.1)],
}


def lines(figure: Figure, panel: int) -> dict[str, tuple[list[float], list[float]]]:
    axes = figure.axes[panel]
    return {
        str(line.get_label()): (list(line.get_xdata()), list(line.get_ydata()))
        for line in axes.lines
    }


def heading(figure: Figure) -> str:
    return figure.get_suptitle()


def test_curves_show_the_history_and_mark_the_first_of_equal_best_epochs() -> None:
    figure = learning_curves(HISTORY)
    loss, accuracy = lines(figure, 0), lines(figure, 1)
    assert loss["training"] == ([1, 2, 3], [1.0, 0.5, 0.1])
    assert loss["validation"] == ([1, 2, 3], [0.9, 0.4, 0.2])
    assert accuracy["validation"][1] == pytest.approx([80, 95, 95])
    assert accuracy["best epoch"][0] == loss["best epoch"][0] == [2, 2]
    assert heading(figure) == "best epoch 2: validation accuracy 95.00%"
    assert [axes.get_xlabel() for axes in figure.axes] == ["epoch", "epoch"]
    assert [axes.get_ylabel() for axes in figure.axes] == ["loss", "accuracy (%)"]
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == list(loss)


@pytest.mark.parametrize("epochs", [1, 2, 200])
def test_the_legend_covers_no_panel(epochs: int) -> None:
    flat = [(float(epoch), 0.5) for epoch in range(1, epochs + 1)]
    figure = learning_curves({tag: flat for tag in HISTORY})
    pixels(figure)
    box = figure.legends[0].get_window_extent()
    for axes in figure.axes:
        assert axes.get_legend() is None
        assert not box.overlaps(axes.get_tightbbox())
    assert figure.bbox.padded(1).containsx(box.x0) and box.y0 >= 0


def test_best_epoch_can_be_given() -> None:
    assert heading(learning_curves(HISTORY, best=3)).startswith("best epoch 3:")


def test_loss_is_logarithmic_where_it_shrinks_a_lot() -> None:
    assert learning_curves(HISTORY).axes[0].get_yscale() == "log"
    flat = {"train/loss": [(1, 1.0), (2, 0.5)]}
    assert learning_curves(flat).axes[0].get_yscale() == "linear"
    touching_zero = {"train/loss": [(1, 1.0), (2, 0.0)]}
    assert learning_curves(touching_zero).axes[0].get_yscale() == "linear"


def test_curves_without_validation_with_nan_and_with_one_epoch_are_drawn() -> None:
    one = {"train/loss": [(1, float("nan"))], "train/accuracy": [(1, 0.5)]}
    figure = learning_curves(one)
    assert heading(figure) == ""
    assert list(lines(figure, 1)) == ["training"]
    ticks = figure.axes[1].get_xticks()
    assert all(tick == int(tick) for tick in ticks) and 1 in ticks
    pixels(figure)


def test_history_without_a_curve_is_named() -> None:
    with pytest.raises(ValueError, match="val/accuracy"):
        learning_curves({"lr": [(1, 0.1)], "val/loss": []})
