"""Find the images in a folder of class folders, with ``train/``, ``val/``, ``test/`` or none."""

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from deepdigits.core.errors import InputError
from deepdigits.core.text import printable
from deepdigits.data.paths.class_names import checked_names
from deepdigits.data.paths.found import natural_key
from deepdigits.data.paths.listing import list_folder, walk
from deepdigits.data.registry import Split

_SPLIT_NAMES: Mapping[str, Split] = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation"), "val"),
    **dict.fromkeys(("test", "testing"), "test"),
}
_MAX_WRAPPERS = 20  # folders in each other that hold nothing else


@dataclass(frozen=True)
class Tree:
    """The images of a folder of class folders.

    Attributes:
        images: The files of each split in any order, and the number of the class of each.
        classes: Name of each class: of its folder, sorted naturally.
        notes: What the user should know.
    """

    images: Mapping[Split, Sequence[tuple[str, int]]]
    classes: tuple[str, ...]
    notes: tuple[str, ...]


def ordered(images: Sequence[tuple[str, int]]) -> list[tuple[str, int]]:
    """Images in the natural order of their file names, then of their paths.

    So the order does not depend on the class, and files that are named by a number keep its order.

    >>> ordered([("a/10.png", 0), ("b/9.png", 1), ("a/9.png", 0)])
    [('a/9.png', 0), ('b/9.png', 1), ('a/10.png', 0)]
    """
    by_path = sorted(images, key=lambda one: natural_key(one[0]))
    return sorted(by_path, key=lambda one: natural_key(os.path.basename(one[0])))


def find_tree(path: Path) -> Tree:
    """The images below a folder.

    Raises:
        InputError: The folders are not as expected, a class has no image, or a link leads in a
            circle.
    """
    top, strays = _unwrapped(path)
    named = {one: _SPLIT_NAMES.get(one.name.lower()) for one in list_folder(top).folders}
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
    found: dict[Split, dict[str, list[str]]] = {}
    for split, folder in splits.items():
        listing = list_folder(folder)
        if listing.images:
            raise InputError(
                f"{listing.images[0]} is in no class folder: move it into the folder of its class"
            )
        strays += listing.others if folder != top else []
        found[split] = {one.name: _images(one, strays) for one in listing.folders}
    _check_classes(found, splits)
    names = sorted(found["train"], key=natural_key)
    numbers = {name: number for number, name in enumerate(names)}
    images = {
        split: [(file, numbers[name]) for name, files in classes.items() for file in files]
        for split, classes in found.items()
        if any(classes.values())
    }
    return Tree(images, checked_names(names, path), tuple(_notes(strays, names)))


def _unwrapped(path: Path) -> tuple[Path, list[str]]:
    """The folder that has the class or split folders, and the other files above it.

    A folder that holds only one folder is a wrapper, unless that one is a split or has no folders.
    """
    top, strays = path, list[str]()
    for _ in range(_MAX_WRAPPERS):
        folders, images, others = list_folder(top)
        strays += others
        if len(folders) != 1 or images or folders[0].name.lower() in _SPLIT_NAMES:
            break
        if not list_folder(folders[0]).folders:
            break
        top = folders[0]
    return top, strays


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


def _check_classes(
    found: Mapping[Split, Mapping[str, list[str]]], splits: Mapping[Split, Path]
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


def _images(folder: Path, strays: list[str]) -> list[str]:
    """The images in a class folder, at any depth; other files go to the strays."""
    images: list[str] = []
    for parent, listing in walk(folder):
        if parent != folder and parent.name.lower() in _SPLIT_NAMES:
            raise InputError(
                f"{parent} is below the class folder {folder.name}: expected the class folders "
                f"below it, as in {parent.name}/{folder.name}"
            )
        images += listing.images
        strays += listing.others
    return images


def _notes(strays: Sequence[str], names: Sequence[str]) -> Iterator[str]:
    if strays:
        files = "file is" if len(strays) == 1 else "files are"
        yield f"{len(strays):,} {files} no image by the name and not used, such as {min(strays)}"
    alike = [name for name, number in Counter(map(str.lower, names)).items() if number > 1]
    for name in alike:
        both = " and ".join(printable(one) for one in names if one.lower() == name)
        yield f"the classes {both} differ only in upper and lower case: they are separate classes"
