"""Recognise the kind of a dataset by its files."""

import os
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from deepdigits.core.errors import InputError
from deepdigits.data.paths import idx, npz, table
from deepdigits.data.paths.conversion import convert_all
from deepdigits.data.paths.found import Found, Source
from deepdigits.data.paths.framing import Framing
from deepdigits.data.paths.tree import Tree, find_tree, ordered
from deepdigits.data.registry import Split


def find_source(path: Path, skip_damaged: bool = False, framing: Framing = "auto") -> Source:
    """Recognise a dataset by its files.

    Args:
        path: The dataset.
        skip_damaged: Leave damaged images of a folder out.
        framing: How images are brought to 28x28.

    Raises:
        InputError: It is of no known kind, or cannot be read.
    """
    try:
        return _source(path, skip_damaged, framing)
    except OSError as error:  # of a folder that this user may not read, or that is gone
        raise InputError(f"{error.filename or path} cannot be read: {error.strerror}") from error


def _source(path: Path, skip_damaged: bool, framing: Framing) -> Source:
    for find in (idx.find, npz.find, table.find):
        if (source := find(path, framing)) is not None:
            return source
    if path.is_file():
        raise InputError(
            f"{path} is no dataset: expected a .npz or .csv file, a folder of IDX files or of "
            "class folders"
        )
    tree = find_tree(path)
    files = [file for images in tree.images.values() for file, _ in images]
    return Source("class folders", files, partial(_read_tree, path, tree, skip_damaged, framing))


def _read_tree(path: Path, tree: Tree, skip_damaged: bool, framing: Framing) -> Found:
    images = {split: ordered(unordered) for split, unordered in tree.images.items()}
    pictures = {split: [Path(file) for file, _ in some] for split, some in images.items()}
    decoded, look = convert_all(pictures, framing, path, skip_damaged)
    splits: dict[Split, tuple[NDArray[np.uint8], NDArray[np.int64]]] = {}
    files, below = dict[Split, list[str]](), os.path.join(path, "")
    for split, one in decoded.items():
        labels = np.array([number for _, number in images[split]], np.int64)[one.kept]
        if split == "train" and (empty := set(range(len(tree.classes))) - set(labels.tolist())):
            raise InputError(
                f"{path}: all training images of the class {tree.classes[min(empty)]} are damaged: "
                f"replace them, or remove the folder; {one.damaged}"
            )
        if len(labels):
            splits[split] = one.images, labels
            kept = zip(images[split], one.kept, strict=True)
            files[split] = [file.removeprefix(below) for (file, _), is_kept in kept if is_kept]
    left_out = sum(int((~one.kept).sum()) for one in decoded.values())
    damaged = [one.damaged for one in decoded.values() if one.damaged is not None]
    notes = [*tree.notes]
    if left_out:
        notes.append(f"{left_out:,} damaged images are left out; the first: {damaged[0]}")
    return Found(splits, tree.classes, tuple(notes), look, files)
