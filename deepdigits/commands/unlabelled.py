"""Predict the images of a CSV file that has no labels, as `deepdigits predict` does.

No Trainer is needed, and no data module: without labels there is nothing to count.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from deepdigits.commands.parser import ArgumentParser
from deepdigits.core.console import say
from deepdigits.core.errors import InputError
from deepdigits.core.files import check_output_path, display_path
from deepdigits.data.paths.framing import FRAMINGS, Framing
from deepdigits.data.paths.table import read_unlabelled, unlabelled_table
from deepdigits.inference.load import load
from deepdigits.inference.reader import DigitReader, to_images
from deepdigits.runs.bundled import output_folder
from deepdigits.runs.data_module import digits_settings
from deepdigits.runs.predictions import write_probabilities, write_submission
from deepdigits.runs.resolve import RUN_HELP, resolve_run
from deepdigits.runs.run import Run
from deepdigits.training.callbacks.prediction_writer import AUTO, SUFFIXES

SUBMISSION = "submission.csv"
_CHUNK = 10_000  # images that are floats at a time: 31 MB


def build_parser() -> ArgumentParser:
    """The parser of the options that such a file needs; all others are those of a Trainer."""
    parser = ArgumentParser("predict")
    parser.add_argument("--data.dataset", dest="dataset")
    parser.add_argument("--ckpt_path", metavar="RUN", help=RUN_HELP)
    parser.add_argument("--output", default=AUTO)
    parser.add_argument("--data.framing", dest="framing", choices=FRAMINGS)
    return parser


def typed_table(args: Sequence[str]) -> Path | None:
    """The CSV file without labels after `--data.dataset`; None: it is something else."""
    dataset = build_parser().parse_known_args(list(args))[0].dataset
    return None if dataset is None else unlabelled_table(dataset)


def main(file: Path, args: Sequence[str]) -> None:
    """Predict a CSV file without labels with the other arguments of a command line.

    Raises:
        InputError: As `predict_table`; or an argument has no use here.
    """
    options = check_arguments(file, args)
    if options.ckpt_path is None:
        raise InputError(f"predict needs a trained net: pass --ckpt_path RUN, where {RUN_HELP}")
    output = None if options.output == "null" else options.output
    predict_table(resolve_run(options.ckpt_path), file, output, options.framing)


def check_arguments(file: Path, args: Sequence[str]) -> argparse.Namespace:
    """The options among the arguments.

    Raises:
        InputError: There are others, which only a Trainer or a data module could use.
    """
    options, others = build_parser().parse_known_args(list(args))
    if others:
        raise InputError(
            f"{file} has no labels, and is predicted without a Trainer and a data module: leave "
            f"out {others[0]}"
        )
    return options


def predict_table(
    run: Run, file: Path, output: str | Path | None, framing: Framing | None = None
) -> tuple[NDArray[np.uint8], NDArray[np.float32], DigitReader]:
    """Predict the images of a CSV file without labels, in 32 bits.

    Args:
        run: The run of the net.
        file: The CSV file: a header and 784 columns of pixels.
        output: A .csv file for ImageId and Label, or a .npz file for the probabilities. ``auto``:
            submission.csv in the run folder. None: nothing is written.
        framing: How the images are brought into the form of the training images. None: as the run
            was trained; with ``auto`` they are inverted if they are dark on light.

    Returns:
        Images, uint8 (N, 28, 28), their class probabilities, (N, C), and the net.

    Raises:
        InputError: The net cannot be loaded, the file is wrong, or the output cannot be written.
    """
    if output not in (AUTO, None):
        check_output_path("--output", Path(output), SUFFIXES)
    reader = load(run)
    images, look = read_unlabelled(file, framing or _framing(run))
    say(f"framing     {look.sentence()}", *(f"note: {note}" for note in look.notes()), error=True)
    chunks = (images[start : start + _CHUNK] for start in range(0, len(images), _CHUNK))
    parts = [reader.logits(to_images(chunk)).softmax(dim=1).numpy() for chunk in chunks]
    probabilities = np.concatenate(parts)
    if output is not None:
        path = _path(run, output)
        if path.suffix.lower() == ".csv":
            best = probabilities.argmax(axis=1).tolist()
            write_submission(path, [reader.class_names[number] for number in best])
        else:
            write_probabilities(path, probabilities, None, reader.class_names)
        what = "labels" if path.suffix.lower() == ".csv" else "probabilities"
        say(f"predicted {what} of {len(images):,} images of {file.name}: {display_path(path)}")
    return images, probabilities, reader


def _framing(run: Run) -> Framing:
    """The framing in the config of a run."""
    settings = digits_settings(run.config.get("data"), run.folder) or {}
    found = settings.get("framing")
    return next((one for one in FRAMINGS if one == found), "auto")


def _path(run: Run, output: str | Path) -> Path:
    if output != AUTO:
        return Path(output)
    folder = output_folder(run)
    folder.mkdir(parents=True, exist_ok=True)
    return folder / SUBMISSION
