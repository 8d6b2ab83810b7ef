"""The class names of a dataset that is not one of the catalogue."""

from collections.abc import Iterable
from pathlib import Path

from deepdigits.core.errors import InputError
from deepdigits.core.text import printable
from deepdigits.data.registry import MAX_NAME

MAX_CLASSES = 1_000


def checked_names(names: Iterable[str], path: Path) -> tuple[str, ...]:
    """The names of classes in a printable form.

    Raises:
        InputError: There are too few or too many, or a name is empty, too long, or there twice.
    """
    classes = tuple(map(printable, names))
    if not 2 <= len(classes) <= MAX_CLASSES:
        only = f", {classes[0][:MAX_NAME]}" if len(classes) == 1 else ""
        raise InputError(
            f"{path} has {len(classes):,} {'class' if len(classes) == 1 else 'classes'}{only}: "
            f"expected 2 to {MAX_CLASSES:,}"
        )
    if wrong := [name for name in classes if not 0 < len(name) <= MAX_NAME]:
        raise InputError(
            f"{path}: the class name {wrong[0][:MAX_NAME]!r} has {len(wrong[0])} characters, "
            f"expected 1 to {MAX_NAME}: rename it"
        )
    if len(set(classes)) < len(classes):
        raise InputError(f"{path}: two class names look the same when printed: rename one")
    return classes
