"""Find the images in a folder of class folders, with ``train/``, ``val/``, ``test/`` or none."""

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from deepdigits.core.errors import InputError
from deepdigits.core.text import printable
from deepdigits.data.paths.found import checked_names, natural_key
from deepdigits.data.paths.pictures import SUFFIXES
from deepdigits.data.registry import Split

_SPLIT_NAMES: Mapping[str, Split] = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation"), "val"),
    **dict.fromkeys(("test", "testing"), "test"),
}
_IGNORED = ("__macosx", "thumbs.db", "desktop.ini")  # and names that begin with a dot


@dataclass(frozen=True)
class Tree:
    """The images of a folder of class folders.

    Attributes:
        images: The files of each split, and the number of the class of each.
        classes: Name of each class: of its folder, sorted naturally.
        notes: What the user should know.
    """

    images: Mapping[Split, Sequence[tuple[Path, int]]]
    classes: tuple[str, ...]
    notes: tuple[str, ...]


def find_tree(path: Path) -> Tree:
    """The images below a folder, in the natural order of their file names, then of their folders.

    So the order does not depend on the class, and files that are named by a number keep its order.

    Raises:
        InputError: The folders are not as expected, a class has no image, or a link leads in a
            circle.
    """
    top, strays = _unwrapped(path)
    named = {folder: _SPLIT_NAMES.get(folder.name.lower()) for folder in _folders(top)}
    if not named:
        raise InputError(
            f"{path} has no IDX files, no train.csv and no class folders: expected a folder of one "
            "of these kinds, or a .npz or .csv file"
        )
    splits: dict[Split, Path] = {split: folder for folder, split in named.items() if split}
    if splits:
        _check_splits(path, named, splits)
    else:
        splits = {"train": top}
    found: dict[Split, dict[str, list[Path]]] = {}
    for split, folder in splits.items():
        _check_no_image(strays if folder == top else [*strays, *_files(folder)])
        found[split] = {one.name: _images(one, strays) for one in _folders(folder)}
    _check_classes(path, found, splits)
    names = sorted(found["train"], key=natural_key)
    numbers = {name: number for number, name in enumerate(names)}
    images = {
        split: sorted(
            ((file, numbers[name]) for name, files in classes.items() for file in files),
            key=lambda one: _order(one[0], path),
        )
        for split, classes in found.items()
        if any(classes.values())
    }
    return Tree(images, checked_names(names, path), tuple(_notes(strays, names)))


def _unwrapped(path: Path) -> tuple[Path, list[Path]]:
    """The folder that has the class or split folders, below folders that have only one; and files.

    A lone folder is not entered if it is a split, or holds images.
    """
    top = path
    files = _files(top)
    for _ in range(20):
        folders = _folders(top)
        if len(folders) != 1 or folders[0].name.lower() in _SPLIT_NAMES:
            break
        if any(_is_image(file) for file in files) or not _folders(folders[0]):
            break
        top = folders[0]
        files += _files(top)
    return top, files


def _check_splits(
    path: Path, named: Mapping[Path, Split | None], splits: Mapping[Split, Path]
) -> None:
    if others := [folder.name for folder, split in named.items() if split is None]:
        raise InputError(
            f"{path} has {min(one.name for one in splits.values())}/ and the folder {others[0]}: "
            "expected train, val and test only; move it out"
        )
    if len(splits) < len(named):
        raise InputError(f"{path} has two folders of one split: {', '.join(f.name for f in named)}")
    if "train" not in splits:
        raise InputError(f"{path} has no folder train: expected train, and val and test if any")


def _check_no_image(files: Sequence[Path]) -> None:
    for file in files:
        if _is_image(file):
            raise InputError(f"{file} is in no class folder: move it into the folder of its class")


def _check_classes(
    path: Path, found: Mapping[Split, Mapping[str, list[Path]]], splits: Mapping[Split, Path]
) -> None:
    for split, classes in found.items():
        for name, files in classes.items():
            if files and name not in found["train"]:
                raise InputError(
                    f"{splits[split] / name}: no training image has this class: add the folder "
                    f"{splits['train'] / name}, or remove this one"
                )
            if split == "train" and not files:
                raise InputError(
                    f"{splits[split] / name} has no image: add images of this class, or remove the "
                    "folder"
                )


def _images(folder: Path, strays: list[Path]) -> list[Path]:
    """The images in a class folder, at any depth; other files go to the strays."""
    images: list[Path] = []
    for file in _walk(folder):
        (images if _is_image(file) else strays).append(file)
    return images


def _walk(folder: Path) -> Iterator[Path]:
    """The files below a class folder."""
    waiting = [(folder, frozenset(_identity(one) for one in (folder, *folder.parents)))]
    while waiting:
        parent, above = waiting.pop()
        yield from _files(parent)
        for one in _folders(parent):
            if one.name.lower() in _SPLIT_NAMES:
                raise InputError(
                    f"{one} is below the class folder {folder.name}: expected the class folders "
                    f"below it, as in {one.name}/{folder.name}"
                )
            if (identity := _identity(one)) in above:
                raise InputError(f"{one} is a link to a folder above it: remove the link")
            waiting.append((one, above | {identity}))


def _identity(folder: Path) -> tuple[int, int]:
    status = folder.stat()
    return status.st_dev, status.st_ino


def _folders(folder: Path) -> list[Path]:
    return [Path(one.path) for one in _entries(folder) if _is_folder(one)]


def _files(folder: Path) -> list[Path]:
    return [Path(one.path) for one in _entries(folder) if not _is_folder(one)]


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself: the reader names it
        return False


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            shown = [one for one in entries if not one.name.startswith(".")]
    except OSError as error:
        raise InputError(f"{folder} cannot be read: {error.strerror}") from error
    shown = [one for one in shown if one.name.lower() not in _IGNORED]
    return sorted(shown, key=lambda one: natural_key(one.name))


def _is_image(file: Path) -> bool:
    return file.suffix.lower() in SUFFIXES


def _order(file: Path, path: Path) -> tuple[list[int | str], list[int | str]]:
    return natural_key(file.name), natural_key(str(file.relative_to(path)))


def _notes(strays: Sequence[Path], names: Sequence[str]) -> Iterator[str]:
    if strays:
        files = "file is" if len(strays) == 1 else "files are"
        yield f"{len(strays):,} {files} no image by the name and not used, such as {strays[0]}"
    alike = [name for name, number in Counter(map(str.lower, names)).items() if number > 1]
    for name in alike:
        both = " and ".join(printable(one) for one in names if one.lower() == name)
        yield f"the classes {both} differ only in upper and lower case: they are separate classes"
