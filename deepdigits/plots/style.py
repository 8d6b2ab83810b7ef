"""The style of every figure: size, colours, and how a figure is drawn and saved.

Figures are made without pyplot, so that nothing global changes and threads can draw.
"""

import warnings
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from deepdigits.core.errors import DISK, InputError, one_line
from deepdigits.core.files import atomic_path

# TensorBoard shows a figure of 5 inches in 350 pixels, by leaving out every second pixel: lines
# that are two pixels wide are still drawn whole.
DPI = 140

# Okabe and Ito (2008): readers with a colour vision deficiency can tell these apart.
BLUE, ORANGE, VERMILLION = "#0072B2", "#E69F00", "#D55E00"
PALE_BLUE = "#9FB4C4"
GREY, LIGHT_GREY = "#7F7F7F", "#D9D9D9"

# The colours of Okabe and Ito (2008) and of Tol (2021) with enough contrast on white, for the
# classes 0 to 9; the eleventh class has the first colour again.
CLASS_COLORS = (
    "#332288",
    "#56B4E9",
    "#009E73",
    "#D55E00",
    "#999933",
    "#E69F00",
    "#CC79A7",
    "#882255",
    "#0072B2",
    "#6B6B6B",
)


def new_figure(width: float, height: float) -> Figure:
    """An empty figure with constrained layout; width and height are in inches."""
    figure = Figure(figsize=(width, height), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def add_grid(axes: Axes) -> None:
    """Draw light grid lines below the data."""
    axes.grid(color=LIGHT_GREY, linewidth=0.6)
    axes.set_axisbelow(True)


def pixels(figure: Figure) -> NDArray[np.uint8]:
    """Draw a figure as an image (height, width, 3), for ``add_image(dataformats="HWC")``."""
    canvas: Any = FigureCanvasAgg(figure)
    canvas.draw()
    return np.array(canvas.buffer_rgba(), dtype=np.uint8)[:, :, :3]


def save_figure(figure: Figure, path: Path) -> None:
    """Save a figure, whole or not at all; the suffix of the path sets the format.

    Raises:
        InputError: The suffix is not supported, or the path cannot be written.
        OSError: The disk is full, or the user may not write there.
    """
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Glyph .* missing")  # a file name may have any letter
            # In memory: the encoder of JPEG ignores a full disk.
            figure.savefig(picture := BytesIO(), format=path.suffix[1:].lower())
        with atomic_path(path) as part:
            part.write_bytes(picture.getbuffer())
    except (OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno in DISK:
            raise
        raise InputError(f"figure {path} cannot be written: {one_line(error)}") from error
