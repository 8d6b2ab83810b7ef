"""Pictures of a search, by Optuna."""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import optuna

from deepdigits.core.files import atomic_path

FIGURES = ("history", "importance", "parallel", "slices")


def save_figures(study: optuna.Study, metric: str, folder: Path) -> dict[str, Path]:
    """Draw history, importance, parallel coordinates and slices as PNG files.

    Args:
        study: The study, with finished trials.
        metric: Name of the value.
        folder: The folder for the files.

    Returns:
        Name of a picture -> its file; without those that Optuna cannot draw of these trials, such
        as the importance of a single parameter.
    """
    import matplotlib
    from matplotlib import pyplot
    from optuna.visualization import matplotlib as drawings

    kinds: dict[str, Callable[..., Any]] = {
        "history": drawings.plot_optimization_history,
        "importance": drawings.plot_param_importances,
        "parallel": drawings.plot_parallel_coordinate,
        "slices": drawings.plot_slice,
    }
    backend, files = matplotlib.get_backend(), {}
    pyplot.switch_backend("agg")  # these functions draw with pyplot
    try:
        for name, plot in kinds.items():
            path = folder / f"{name}.png"
            # Optuna sets a style of its own, for all figures of the process.
            with warnings.catch_warnings(), matplotlib.rc_context():
                warnings.simplefilter("ignore")  # Optuna's are about its own interface
                try:
                    plot(study, target_name=metric)
                    with atomic_path(path) as part:
                        pyplot.savefig(part, format="png", dpi=140, bbox_inches="tight")
                except (ValueError, RuntimeError):  # too few trials, or values that are all equal
                    continue
                finally:
                    pyplot.close("all")
            files[name] = path
    finally:
        pyplot.switch_backend(backend)
    return files
