"""List folders and image files quickly: as texts, with one look at each folder."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from deepdigits.core.errors import InputError
from deepdigits.data.paths.found import natural_key
from deepdigits.data.paths.pictures import SUFFIXES

_IGNORED = ("__macosx", "thumbs.db", "desktop.ini")  # and names that begin with a dot


class Listing(NamedTuple):
    """What a folder holds, without hidden files.

    Attributes:
        folders: The folders in it, sorted naturally.
        images: The files with the suffix of an image.
        others: All other files.
    """

    folders: list[Path]
    images: list[str]
    others: list[str]


def list_folder(folder: Path) -> Listing:
    """The folders and files in a folder.

    Raises:
        InputError: It cannot be read.
    """
    folders, images, others = list[Path](), list[str](), list[str]()
    try:
        with os.scandir(folder) as entries:
            for one in entries:
                if one.name.startswith(".") or one.name.lower() in _IGNORED:
                    continue
                if _is_folder(one):
                    folders.append(Path(one.path))
                else:
                    suffix = os.path.splitext(one.name)[1].lower()
                    (images if suffix in SUFFIXES else others).append(one.path)
    except OSError as error:
        raise InputError(f"{folder} cannot be read: {error.strerror}") from error
    return Listing(sorted(folders, key=lambda one: natural_key(one.name)), images, others)


def walk(folder: Path) -> Iterator[tuple[Path, Listing]]:
    """A folder and all below it, with what they hold; links to folders are followed.

    Raises:
        InputError: A link leads to a folder above it, or a folder cannot be read.
    """
    waiting = [(folder, frozenset(_identity(one) for one in (folder, *folder.parents)))]
    while waiting:
        parent, above = waiting.pop()
        listing = list_folder(parent)
        yield parent, listing
        for one in listing.folders:
            if (identity := _identity(one)) in above:
                raise InputError(f"{one} is a link to a folder above it: remove the link")
            waiting.append((one, above | {identity}))


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself: the reader names it
        return False


def _identity(folder: Path) -> tuple[int, int]:
    status = folder.stat()
    return status.st_dev, status.st_ino
