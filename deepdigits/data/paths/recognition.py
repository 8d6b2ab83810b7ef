"""Recognise the kind of a dataset by its files."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from deepdigits.core.errors import InputError
from deepdigits.data.paths import idx, npz, table
from deepdigits.data.paths.found import Found, Source
from deepdigits.data.paths.pictures import decode_all
from deepdigits.data.paths.tree import Tree, find_tree, ordered
from deepdigits.data.registry import Split


def find_source(path: Path, skip_damaged: bool = False) -> Source:
    """Recognise a dataset by its files.

    Raises:
        InputError: It is of no known kind, or cannot be read.
    """
    try:
        return _source(path, skip_damaged)
    except OSError as error:  # of a folder that this user may not read, or that is gone
        raise InputError(f"{error.filename or path} cannot be read: {error.strerror}") from error


def _source(path: Path, skip_damaged: bool) -> Source:
    for find in (idx.find, npz.find, table.find):
        if (source := find(path)) is not None:
            return source
    if path.is_file():
        raise InputError(
            f"{path} is no dataset: expected a .npz or .csv file, a folder of IDX files or of "
            "class folders"
        )
    tree = find_tree(path)
    files = [file for images in tree.images.values() for file, _ in images]
    return Source("class folders", files, partial(_read_tree, path, tree, skip_damaged))


def _read_tree(path: Path, tree: Tree, skip_damaged: bool) -> Found:
    splits: dict[Split, tuple[NDArray[np.uint8], NDArray[np.int64]]] = {}
    resized, damaged = 0, list[str]()
    for split, unordered in tree.images.items():
        images = ordered(unordered)
        done = decode_all([Path(file) for file, _ in images], path.name, skip_damaged)
        labels = np.array([number for _, number in images], np.int64)[done.kept]
        splits[split] = done.images, labels
        resized += done.resized
        if split == "train" and (empty := set(range(len(tree.classes))) - set(labels.tolist())):
            raise InputError(
                f"{path}: all training images of the class {tree.classes[min(empty)]} are damaged: "
                f"replace them, or remove the folder; {done.damaged}"
            )
        damaged += [] if done.damaged is None else [done.damaged]
    splits = {split: one for split, one in splits.items() if len(one[0])}
    left_out = sum(map(len, tree.images.values())) - sum(len(one[0]) for one in splits.values())
    return Found(splits, tree.classes, (*tree.notes, *_notes(resized, left_out, damaged)))


def _notes(resized: int, left_out: int, damaged: Sequence[str]) -> list[str]:
    notes = []
    if left_out:
        notes.append(f"{left_out:,} damaged images are left out; the first: {damaged[0]}")
    if resized:
        notes.append(f"{resized:,} images are not 28x28: they are resized into it and centred")
    return notes
