"""Image grids: the place and the title of each image."""

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray

from deepdigits.plots.image_grid import filters, image_grid, mistakes
from deepdigits.plots.style import pixels


def canvas(figure: Figure) -> NDArray[np.float32]:
    return np.ma.asarray(figure.axes[0].images[0].get_array()).filled(np.nan)


def tiles(figure: Figure, side: int) -> list[NDArray[np.float32]]:
    """The images of a grid, cut at its empty rows and columns."""
    there = np.isfinite(canvas(figure))
    starts = [
        np.flatnonzero(np.diff(there.any(axis=a).astype(int), prepend=0) == 1) for a in (1, 0)
    ]
    cut = [canvas(figure)[y : y + side, x : x + side] for y in starts[0] for x in starts[1]]
    return [tile for tile in cut if np.isfinite(tile).all()]


def titles(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.axes[0].texts]


@pytest.mark.parametrize("kind", ["bytes", "floats", "channel", "numpy"])
def test_grid_shows_every_image_in_order(kind: str) -> None:
    images = torch.randint(256, (7, 28, 28), dtype=torch.uint8)
    expected = (images / 255).numpy()
    given = {
        "bytes": images,
        "floats": images / 255,
        "channel": (images / 255).unsqueeze(1).requires_grad_(),
        "numpy": images.numpy(),
    }[kind]
    figure = image_grid(given, [str(i) for i in range(7)], "seven", columns=3)
    shown = tiles(figure, 28)
    assert len(shown) == 7
    np.testing.assert_allclose(np.stack(shown), expected, atol=1e-6)
    assert titles(figure) == [str(i) for i in range(7)]
    assert figure.get_suptitle() == "seven"
    assert figure.axes[0].images[0].get_clim() == (0, 1)


def test_titles_are_above_their_images_and_do_not_overlap() -> None:
    names = ["Ankle boot →\nT-shirt/top 100.0%"] * 25
    figure = image_grid(torch.zeros(25, 28, 28), names, "heading")
    pixels(figure)
    axes = figure.axes[0]
    boxes = [text.get_window_extent() for text in axes.texts]
    for i, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[:i])
        x, y = axes.transData.inverted().transform(((box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2))
        assert np.isnan(canvas(figure)[round(y), round(x)])  # not on an image


def test_wrong_shapes_are_errors() -> None:
    with pytest.raises(ValueError, match=r"\(N, 1, H, W\)"):
        image_grid(torch.zeros(4, 3, 28, 28))
    with pytest.raises(ValueError, match="2 titles for 4 images"):
        image_grid(torch.zeros(4, 28, 28), ["a", "b"])


def test_mistakes_are_sorted_by_confidence() -> None:
    images = torch.arange(6, dtype=torch.uint8).view(6, 1, 1).expand(6, 8, 8) * 40
    labels = torch.tensor([0, 1, 2, 0, 1, 2])
    predictions = torch.tensor([0, 2, 2, 1, 0, 0])
    confidences = torch.tensor([0.99, 0.5, 0.98, 0.7, 0.9, 0.6])
    figure = mistakes(images, labels, predictions, confidences, limit=3)
    assert titles(figure) == ["1 → 0\n90.0%", "0 → 1\n70.0%", "2 → 0\n60.0%"]
    shown = [round(float(tile.mean() * 255)) for tile in tiles(figure, 8)]
    assert shown == [160, 120, 200]
    assert figure.get_suptitle() == "true → predicted: the 3 most confident of 4 mistakes"


def test_each_long_name_gets_a_line() -> None:
    figure = mistakes(torch.zeros(1, 8, 8), [0], [1], [0.75], ["Ankle boot", "T-shirt/top"])
    assert titles(figure) == ["Ankle boot →\nT-shirt/top 75.0%"]


def test_a_figure_without_mistakes() -> None:
    figure = mistakes(torch.zeros(3, 28, 28), [0, 1, 2], [0, 1, 2], [0.9, 0.9, 0.9])
    assert titles(figure) == []
    assert figure.get_suptitle() == "no mistake in 3 images"
    pixels(figure)


def test_mistakes_of_different_lengths_are_errors() -> None:
    with pytest.raises(ValueError, match="3 images"):
        mistakes(torch.zeros(3, 28, 28), [0, 1], [0, 1, 2], [0.9, 0.9, 0.9])


@pytest.mark.parametrize(("shape", "side"), [((5, 1, 3, 3), 3), ((5, 784), 28), ((5, 9), 3)])
def test_filters_keep_their_values_and_0_is_white(shape: tuple[int, ...], side: int) -> None:
    weight = torch.nn.Parameter(
        torch.randn(shape, generator=torch.Generator().manual_seed(1)) - 0.5
    )
    figure = filters(weight)
    shown = np.stack(tiles(figure, side))
    np.testing.assert_allclose(shown, weight.detach().view(5, side, side).numpy())
    low, high = figure.axes[0].images[0].get_clim()
    assert high == -low == pytest.approx(weight.abs().max().item())
    assert figure.get_suptitle() == f"5 filters of the first layer, {side} x {side}"
    assert figure.axes[1].get_ylabel() == "weight"


def test_only_the_first_of_many_filters_are_shown() -> None:
    figure = filters(torch.ones(500, 1, 3, 3), limit=100)
    assert len(tiles(figure, 3)) == 100
    assert figure.get_suptitle().startswith("first 100 of 500 filters")


@pytest.mark.parametrize("shape", [(5, 3, 3, 3), (5, 10), (7,)])
def test_filters_of_wrong_shapes_are_errors(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="kernels"):
        filters(torch.zeros(shape))
