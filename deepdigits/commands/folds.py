"""Gather the out-of-fold probabilities of ``deepdigits repeat --folds``."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from deepdigits.commands.predict import predict
from deepdigits.comparison.results import Result
from deepdigits.core.errors import InputError
from deepdigits.data.label_edits import image_sum
from deepdigits.runs import out_of_fold
from deepdigits.runs.finished import CHECKPOINT_SUM
from deepdigits.runs.out_of_fold import OutOfFold
from deepdigits.runs.run import Run


def gather(folder: Path, results: Sequence[Result], data_dir: str | None) -> OutOfFold:
    """The probabilities of each training image by the net that was not trained on it.

    They are read from out_of_fold.npz if that is of these nets; else each net predicts its fold,
    and the file is written.

    Args:
        folder: The folder of the runs.
        results: The result of each fold, in order.
        data_dir: The data folder of the runs; None: the usual one.

    Raises:
        InputError: A run cannot predict, or the folds do not have each image once.
    """
    checkpoints = tuple(str(result.report.get(CHECKPOINT_SUM)) for result in results)
    try:
        known = out_of_fold.read(folder)
    except InputError:  # damaged: it is written again
        known = None
    if known is not None and known.checkpoints == checkpoints:
        return known
    content = _predicted([result.run for result in results], checkpoints, data_dir)
    if len(content.labels) != results[0].evaluated_on[2]:
        raise InputError(
            f"the folds in {folder} have {len(content.labels):,} images, expected each of the "
            f"{results[0].evaluated_on[2]:,} training images once: train them again under another "
            "--logger.name"
        )
    out_of_fold.write(folder, content)
    return content


def _predicted(
    runs: Sequence[Run], checkpoints: tuple[str, ...], data_dir: str | None
) -> OutOfFold:
    # The data folder is not read from a run.
    overrides = {} if data_dir is None else {"data.data_dir": data_dir}
    parts = [predict(run, overrides=overrides) for run in runs]
    places = np.concatenate([part.places for part in parts])
    order, first = places.argsort(kind="stable"), parts[0]
    folds = np.repeat(np.arange(len(parts)), [len(part.known_labels) for part in parts])
    sums = [image_sum(image) for part in parts for image in part.images]
    return OutOfFold(
        np.concatenate([part.probabilities for part in parts])[order],
        np.concatenate([part.known_labels for part in parts])[order],
        folds[order],
        places[order],
        np.array(sums)[order],
        first.class_names,
        first.dataset,
        checkpoints,
    )
