"""Where a user wants a file: checked before the work, not after it."""

from collections.abc import Sequence
from pathlib import Path

from deepdigits.core.errors import InputError


def check_target(option: str, path: Path, suffixes: Sequence[str]) -> None:
    """Check that a file may be called so, and that there is a folder for it.

    Args:
        option: What was typed, for the error.
        path: The file.
        suffixes: The endings that it may have.

    Raises:
        InputError: It may not, or there is not.

    >>> check_target("--show", Path("a.txt"), (".png", ".svg"))
    Traceback (most recent call last):
    deepdigits.core.errors.InputError: --show a.txt: expected a file name that ends in .png or .svg
    """
    if path.suffix.lower() not in suffixes:
        *others, last = suffixes
        endings = f"{', '.join(others)} or {last}"
        raise InputError(f"{option} {path}: expected a file name that ends in {endings}")
    if not path.parent.is_dir():
        raise InputError(f"{option} {path}: there is no folder {path.parent}")
    if path.is_dir():
        raise InputError(f"{option} {path}: that is a folder, expected a file")
