"""Figures as pixels and as files, without global state."""

from pathlib import Path

import matplotlib
import numpy as np
import pytest
from matplotlib import pyplot

from deepdigits.core.errors import InputError
from deepdigits.metrics.report import Report
from deepdigits.plots.evaluation import confusion_matrix
from deepdigits.plots.style import new_figure, pixels, save_figure
from deepdigits.plots.training import learning_curves

HISTORY = {"train/loss": [(1, 1.0), (2, 0.5)], "val/accuracy": [(1, 0.8), (2, 0.95)]}


def settings() -> dict[str, object]:
    """matplotlib's global ones; the backend settles itself when somebody asks for it."""
    return {name: matplotlib.rcParams[name] for name in matplotlib.rcParams if name != "backend"}


def test_pixels_are_an_image_and_the_same_each_time() -> None:
    image = pixels(learning_curves(HISTORY))
    assert (image.shape, image.dtype) == ((476, 1008, 3), np.uint8)
    assert image.std() > 0
    np.testing.assert_array_equal(image, pixels(learning_curves(HISTORY)))


def test_pyplot_and_global_settings_are_left_alone() -> None:
    before = settings()
    for figure in (learning_curves(HISTORY), confusion_matrix(Report([[1]], ["0"]))):
        pixels(figure)
    assert pyplot.get_fignums() == []
    assert settings() == before


@pytest.mark.parametrize("name", ["curves.png", "curves.SVG", "curves.pdf"])
def test_a_figure_is_saved_whole_in_the_format_of_its_suffix(name: str, tmp_path: Path) -> None:
    save_figure(learning_curves(HISTORY), tmp_path / name)
    start = {"png": b"\x89PNG", "SVG": b"<?xml", "pdf": b"%PDF"}[name[7:]]
    assert (tmp_path / name).read_bytes().startswith(start)
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", ["curves.xyz", "curves", "no/such/folder/curves.png"])
def test_a_figure_that_cannot_be_saved_is_one_line(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"figure .*{name} cannot be written") as error:
        save_figure(new_figure(1, 1), tmp_path / name)
    assert "\n" not in str(error.value)
    assert not [*tmp_path.iterdir()]
