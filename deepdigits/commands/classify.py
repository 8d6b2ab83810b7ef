"""``deepdigits classify IMAGE...``: read the digits of photos and drawings."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from deepdigits.commands.parser import ArgumentParser
from deepdigits.core import tables
from deepdigits.core.console import say, say_text
from deepdigits.core.errors import InputError
from deepdigits.core.files import check_output_path
from deepdigits.images.detection import Detection, detect_digits
from deepdigits.images.sources import expand, expand_all, from_array, open_source
from deepdigits.inference.load import load
from deepdigits.inference.reader import DigitReader
from deepdigits.inference.reading import Reading
from deepdigits.inference.rows import to_row
from deepdigits.runs.resolve import RUN_HELP
from deepdigits.runs.run import Run

FIELDS = ("path", "digit", "confidence", "runner_up", "text")
ImageSource = str | Path | Image.Image | NDArray[np.uint8]


def classify(
    images: ImageSource | Iterable[ImageSource], model: str | Path | Run | DigitReader = "cnn"
) -> list[Reading]:
    """Read the digits of photos and drawings.

    Args:
        images: One image or several: the path of a file or a folder (all images in and below it), a
            Pillow image, or an array of pixels, uint8 (H, W) or (H, W, 3).
        model: A bundled net, a RUN, or a loaded net; see `deepdigits.inference.load.load`.

    Returns:
        The digits, number and confidence of each image; its ``name`` is the path of the file.

    Raises:
        InputError: An image cannot be read, a folder has none, or the net cannot be loaded.
    """
    reader = model if isinstance(model, DigitReader) else load(model)
    if isinstance(images, str | Path | Image.Image | np.ndarray):
        images = [images]
    names: list[str] = []

    def opened() -> Iterator[Image.Image]:
        for source in images:
            if isinstance(source, str | Path):
                for path in expand(str(source)):
                    names.append(path)
                    yield open_source(path)
            else:
                names.append("")
                yield source if isinstance(source, Image.Image) else from_array(source)

    readings = list(reader.read_all(opened()))
    return [replace(one, name=name) for one, name in zip(readings, names, strict=True)]


def main(args: Sequence[str]) -> list[dict[str, Any]]:
    """Read the digits of images and print them.

    Args:
        args: Images and options; see ``deepdigits classify --help``.

    Returns:
        For each image that could be read: path, digit, confidence, runner_up, text, digits.

    Raises:
        InputError: The net cannot be loaded, or an image cannot be read; the others were printed.
    """
    options = build_parser().parse_args(args)
    if options.show is not None:
        _check_figure_path(options.show)
    reader = load(options.model)
    names: list[str] = []
    images: list[Image.Image] = []  # to be shown
    errors: list[InputError] = []

    def detected() -> Iterator[list[Detection]]:
        for path in expand_all(options.images):
            try:
                if isinstance(path, InputError):
                    raise path
                image = open_source(path, colour=options.show is not None)
                digits = detect_digits(image)
            except InputError as error:
                errors.append(error)
                continue
            names.append(path)
            if options.show is not None:
                images.append(image)
            yield digits

    found = list(reader.read_detected(detected()))
    readings = [replace(one, name=name) for one, name in zip(found, names, strict=True)]
    rows = [to_row(reading) for reading in readings]
    _print_rows(rows, options.format)
    if images:
        _save_figure(list(zip(images, readings, strict=True)), reader, options.show)
    _raise_errors(errors, len(rows))
    return rows


def build_parser() -> ArgumentParser:
    """The parser of the command."""
    parser = ArgumentParser(
        "classify",
        description="Read the digits of photos and drawings (PNG, JPEG, BMP, WebP, GIF): one digit "
        "or rows of them, dark on light or light on dark. An image without a digit is reported as "
        "such.",
    )
    parser.add_argument(
        "images",
        nargs="+",
        metavar="IMAGE",
        help="a file, a folder (all images in and below it), or - for standard input",
    )
    parser.add_argument(
        "--model", default="cnn", metavar="RUN", help=f"the net (default: cnn); {RUN_HELP}"
    )
    parser.add_argument("--format", choices=("table", "json", "csv"), default="table")
    parser.add_argument(
        "--show",
        type=Path,
        metavar="FILE",
        help="draw the images with their digits, the input of the net, its saliency maps and "
        "probabilities: .png, .svg or .pdf",
    )
    return parser


def _print_rows(rows: Sequence[dict[str, Any]], form: str) -> None:
    if form == "json":
        say_text(json.dumps(rows, indent=2))
    elif not rows:
        return
    elif form == "csv":
        cells = [{name: row[name] for name in FIELDS} for row in rows]
        say_text(tables.comma_separated(cells))
    else:
        head = ("image", "number", "confidence", "runner-up")
        tables.show(head, [_cells(row) for row in rows])


def _cells(row: dict[str, Any]) -> list[str]:
    if not row["text"]:
        return [row["path"], "no digit", "", ""]
    return [
        row["path"],
        row["text"],
        f"{row['confidence']:.2%}",
        str(row["runner_up"]),
    ]


def _check_figure_path(path: Path) -> None:
    from deepdigits.plots.recognition import (
        SUFFIXES as FIGURE_SUFFIXES,  # here, as it loads matplotlib
    )

    check_output_path("--show", path, FIGURE_SUFFIXES)


def _save_figure(
    readings: Sequence[tuple[Image.Image, Reading]], reader: DigitReader, path: Path
) -> None:
    from deepdigits.inference.explanation import explain
    from deepdigits.plots import recognition

    recognition.save(explain(readings, reader), path)
    say(f"deepdigits: picture: {path}", error=True)


def _raise_errors(errors: Sequence[InputError], num_read: int) -> None:
    """Raise the error of the image that could not be read; print the errors of several."""
    if len(errors) > 1:
        for error in errors:
            say(f"deepdigits: error: {error}", error=True)
        total = num_read + len(errors)
        raise InputError(f"{len(errors)} of {total} images could not be read; see the lines above")
    if errors:
        raise errors[0]
