"""``deepdigits classify IMAGE...``: read the digits of photos and drawings."""

import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from deepdigits.commands.parser import ArgumentParser
from deepdigits.core import tables
from deepdigits.core.errors import InputError
from deepdigits.core.files import check_output_path
from deepdigits.images.io import MAX_BYTES, SUFFIXES, open_image
from deepdigits.inference.load import load
from deepdigits.inference.reader import Digit, DigitReader, Reading
from deepdigits.runs.resolve import RUN_HELP
from deepdigits.runs.run import Run

STDIN = "-"
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
                for path in _expand(str(source)):
                    names.append(path)
                    yield _open(path)
            else:
                names.append("")
                yield source if isinstance(source, Image.Image) else _from_array(source)

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
    readings, shown, errors = [], [], []
    for path in _expand_all(options.images):
        try:
            if isinstance(path, InputError):
                raise path
            image = _open(path, colour=options.show is not None)
            (reading,) = classify(image, reader)
        except InputError as error:
            errors.append(error)
            continue
        readings.append(replace(reading, name=path))
        if options.show is not None:
            shown.append((image, readings[-1]))
    rows = [to_row(reading) for reading in readings]
    _print_rows(rows, options.format)
    if shown:
        _save_figure(shown, reader, options.show)
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


def to_row(reading: Reading) -> dict[str, Any]:
    """The reading of an image as in the JSON output.

    ``digit`` is the class if the image has exactly one digit, else null; ``text`` is the number.
    ``runner_up`` is the second most probable ``digit``, or number if there are several digits.
    """
    single = len(reading.digits) == 1
    runner_up = reading.runner_up
    return {
        "path": reading.name,
        "digit": _plain(reading.text) if single and reading.text else None,
        "confidence": reading.confidence,
        "runner_up": _plain(runner_up) if single and runner_up else runner_up,
        "text": reading.text,
        "digits": [_digit(digit, reading.class_names) for digit in reading.digits],
    }


def _digit(digit: Digit, names: Sequence[str]) -> dict[str, Any]:
    return {
        "digit": None if digit.label is None else _plain(names[digit.label]),
        "confidence": digit.confidence,
        "runner_up": _plain(names[digit.runner_up]),
        "box": list(digit.box),
    }


def _plain(name: str) -> int | str:
    """A digit as a number; the name of another class as it is."""
    return int(name) if name.isdecimal() else name


def _expand_all(names: Sequence[str]) -> Iterator[str | InputError]:
    """The files of several names, and an error in place of a folder without images."""
    for name in names:
        try:
            yield from _expand(name)
        except InputError as error:
            yield error


def _expand(name: str) -> Iterator[str]:
    """The images in and below a folder, sorted; of another name the name itself.

    Raises:
        InputError: The folder has no image.
    """
    if name == STDIN or not os.path.isdir(name):
        yield name
        return
    inside = sorted(p for p in Path(name).rglob("*") if p.suffix.lower() in SUFFIXES)
    yield from (str(path) for path in inside if path.is_file())
    if not inside:
        endings = ", ".join(sorted(SUFFIXES))
        raise InputError(f"folder {_shown(name)} has no image: expected {endings}")


def _open(path: str, colour: bool = False) -> Image.Image:
    if path == STDIN:
        return open_image(sys.stdin.buffer.read(MAX_BYTES + 1), "standard input", colour)
    return open_image(Path(path), _shown(path), colour)


def _from_array(pixels: NDArray[np.uint8]) -> Image.Image:
    """An image from its pixels.

    Raises:
        InputError: Wrong shape or type.
    """
    is_image = pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[2] == 3)
    if pixels.dtype != np.uint8 or not is_image or not pixels.size:
        raise InputError(
            f"an image is an array of {pixels.dtype} {pixels.shape}, expected uint8 (H, W) or "
            "(H, W, 3)"
        )
    return Image.fromarray(pixels)


def _shown(path: str) -> str:
    """A path on one line, with escapes for characters that are not printable."""
    return path if path.isprintable() and path else repr(path)


def _print_rows(rows: Sequence[dict[str, Any]], form: str) -> None:
    if form == "json":
        print(json.dumps(rows, indent=2))
    elif not rows:
        return
    elif form == "csv":
        cells = [{name: row[name] for name in FIELDS} for row in rows]
        print(tables.comma_separated([row | {"path": _shown(row["path"])} for row in cells]))
    else:
        head = ("image", "number", "confidence", "runner-up")
        tables.show(head, [_cells(row) for row in rows])


def _cells(row: dict[str, Any]) -> list[str]:
    if not row["text"]:
        return [_shown(row["path"]), "no digit", "", ""]
    return [_shown(row["path"]), row["text"], f"{row['confidence']:.2%}", str(row["runner_up"])]


def _check_figure_path(path: Path) -> None:
    from deepdigits.plots.recognition import SUFFIXES as FIGURES  # here, as it loads matplotlib

    check_output_path("--show", path, FIGURES)


def _save_figure(
    readings: Sequence[tuple[Image.Image, Reading]], reader: DigitReader, path: Path
) -> None:
    from deepdigits.inference.explanation import explain
    from deepdigits.plots import recognition

    recognition.save(explain(readings, reader), path)
    print(f"deepdigits: picture: {path}", file=sys.stderr)


def _raise_errors(errors: Sequence[InputError], num_read: int) -> None:
    """Raise the error of the image that could not be read; print the errors of several."""
    if len(errors) > 1:
        for error in errors:
            print(f"deepdigits: error: {error}", file=sys.stderr)
        total = num_read + len(errors)
        raise InputError(f"{len(errors)} of {total} images could not be read; see the lines above")
    if errors:
        raise errors[0]
