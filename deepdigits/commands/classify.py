"""``deepdigits classify IMAGE...``: the digits of photos and drawings."""

import json
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from deepdigits.commands.parser import ArgumentParser
from deepdigits.core import tables
from deepdigits.core.errors import InputError
from deepdigits.core.files import check_output_path
from deepdigits.images.io import MAX_BYTES, SUFFIXES, open_image
from deepdigits.inference.load import load
from deepdigits.inference.reader import Digit, DigitReader, Reading

STDIN = "-"
FIELDS = ("path", "digit", "confidence", "runner_up", "text")


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
        _check_picture(options.show)
    reader = load(options.model)
    entries, errors = [], []
    for path in _expand(options.images):
        try:
            if isinstance(path, InputError):
                raise path
            image = _open(path, colour=options.show is not None)
            entries.append((path, image if options.show else None, reader.read(image)))
        except InputError as error:
            errors.append(error)
    rows = [to_row(path, reading, reader) for path, _, reading in entries]
    _print_rows(rows, options.format)
    if options.show is not None and entries:
        _save_picture(entries, reader, options.show)
    _end(errors, len(rows))
    return rows


def build_parser() -> ArgumentParser:
    """The parser of the command."""
    parser = ArgumentParser(
        "classify",
        description="Read the digits of photos and drawings (PNG, JPEG, BMP, WebP, GIF), one or a "
        "row of them, dark on light or light on dark. Where nothing looks like a digit it says so.",
    )
    parser.add_argument(
        "images",
        nargs="+",
        metavar="IMAGE",
        help="a file, a folder (all images in and below it), or - for standard input",
    )
    parser.add_argument(
        "--model",
        default="cnn",
        metavar="RUN",
        help="a run folder, a checkpoint in one, `latest`, or a net that comes with the package: "
        "cnn (the default) or mlp",
    )
    parser.add_argument("--format", choices=("table", "json", "csv"), default="table")
    parser.add_argument(
        "--show",
        type=Path,
        metavar="FILE",
        help="draw what was read, what the net saw and what it went by: .png, .svg or .pdf",
    )
    return parser


def to_row(path: str, reading: Reading, reader: DigitReader) -> dict[str, Any]:
    """What was read of an image, as in the JSON.

    ``digit`` is the class where the image has just one digit, else null; ``text`` is the number.
    ``runner_up`` is what the image would be otherwise, of the same kind as ``digit`` or ``text``.
    """
    single = len(reading.digits) == 1
    runner_up = reading.runner_up
    return {
        "path": path,
        "digit": _plain(reading.text) if single and reading.text else None,
        "confidence": reading.confidence,
        "runner_up": _plain(runner_up) if single and runner_up else runner_up,
        "text": reading.text,
        "digits": [_digit(digit, reader.class_names) for digit in reading.digits],
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


def _expand(names: Sequence[str]) -> Iterator[str | InputError]:
    """The files of files and folders; an error in the place of a folder without images."""
    for name in names:
        if name == STDIN or not os.path.isdir(name):
            yield name
            continue
        inside = sorted(p for p in Path(name).rglob("*") if p.suffix.lower() in SUFFIXES)
        yield from (str(path) for path in inside if path.is_file())
        if not inside:
            endings = ", ".join(sorted(SUFFIXES))
            yield InputError(f"folder {_shown(name)} has no image: expected {endings}")


def _open(path: str, colour: bool) -> Any:
    if path == STDIN:
        return open_image(sys.stdin.buffer.read(MAX_BYTES + 1), "standard input", colour)
    return open_image(Path(path), _shown(path), colour)


def _shown(path: str) -> str:
    """A path on one line, whatever is in its name."""
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


def _check_picture(path: Path) -> None:
    """Before the work: whether the picture can be written there."""
    from deepdigits.plots.recognition import SUFFIXES as DRAWN

    check_output_path("--show", path, DRAWN)


def _save_picture(entries: Sequence[Any], reader: DigitReader, path: Path) -> None:
    from deepdigits.plots import recognition as explanation

    explanation.save(entries, reader, path)
    print(f"deepdigits: picture: {path}", file=sys.stderr)


def _end(errors: Sequence[InputError], answered: int) -> None:
    """One line for each image that could not be read."""
    if len(errors) > 1:
        for error in errors:
            print(f"deepdigits: error: {error}", file=sys.stderr)
        total = answered + len(errors)
        raise InputError(f"{len(errors)} of {total} images could not be read, as said above")
    if errors:
        raise errors[0]
