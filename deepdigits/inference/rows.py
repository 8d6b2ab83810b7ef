"""Readings as plain values, for JSON and CSV."""

from collections.abc import Sequence
from typing import Any

from deepdigits.inference.reading import Digit, Reading


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
