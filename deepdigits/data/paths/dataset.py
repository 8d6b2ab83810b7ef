"""A dataset by its path: recognise it, and prepare it once."""

from dataclasses import replace
from pathlib import Path

from lightning.pytorch.utilities import rank_zero_only

from deepdigits.core.console import say
from deepdigits.core.errors import InputError
from deepdigits.core.locks import locked
from deepdigits.data.checksums import is_sha256
from deepdigits.data.paths import prepared
from deepdigits.data.paths.found import Found
from deepdigits.data.paths.framing import FRAMINGS, Framing
from deepdigits.data.paths.location import absolute_path, existing_path
from deepdigits.data.paths.path_dataset import HELD_OUT, PathDataset
from deepdigits.data.paths.recognition import find_source
from deepdigits.data.registry import DATASETS, DatasetInfo
from deepdigits.data.sources import OTHER_FOLDER

_say = rank_zero_only(say)


def find_dataset(
    dataset: str,
    data_dir: Path,
    split_seed: int,
    skip_damaged: bool,
    sha256: str | None,
    framing: Framing = "auto",
) -> tuple[DatasetInfo | PathDataset, str]:
    """A dataset of the catalogue or of a path, and its name.

    Args:
        dataset: Name or path.
        data_dir: The data folder.
        split_seed: Seed of the selection of test images, if a path has no test split.
        skip_damaged: Leave damaged images of a folder out.
        sha256: The prepared copy to use in place of the path; None: the path is read.
        framing: How images of a path are brought to 28x28.

    Raises:
        InputError: There is no such dataset, or it is damaged.
    """
    if framing not in FRAMINGS:
        raise InputError(f"framing is {framing!r}, expected one of {', '.join(FRAMINGS)}")
    if dataset in DATASETS:
        if framing not in ("auto", "none"):
            _say(
                f"note: the images of {dataset} are 28x28: framing {framing} is not used",
                error=True,
            )
        return DATASETS[dataset], dataset
    if sha256 is None:
        found = open_path(dataset, data_dir, split_seed, skip_damaged, framing)
    else:
        found = open_copy(dataset, sha256, data_dir, split_seed)
    return found, found.name


def open_path(
    dataset: str,
    data_dir: Path,
    split_seed: int,
    skip_damaged: bool,
    framing: Framing = "auto",
) -> PathDataset:
    """The dataset at a path; the first time, its copy is prepared in the data folder.

    Several processes may do so at once: one prepares it, the others wait.

    Args:
        dataset: The path.
        data_dir: The data folder.
        split_seed: Seed of the selection of test images, if there is no test split.
        skip_damaged: Leave damaged images of a folder out.
        framing: How images are brought to 28x28.

    Raises:
        InputError: There is no such dataset, it is damaged, or the data folder cannot be written.
    """
    path, folder = existing_path(dataset), data_dir / prepared.FOLDER
    source = find_source(path, skip_damaged, framing)
    key = prepared.key_of(path, source.files, skip_damaged, framing)
    opened = _recorded(path, key, folder, split_seed)
    if opened is None:
        with locked(folder, OTHER_FOLDER):
            opened = _recorded(path, key, folder, split_seed)  # another process may have done it
            if opened is None:
                content = source.read()
                _num_test(path, content)  # before a copy is written
                prepared.write(content, key, folder)
                opened = _recorded(path, key, folder, split_seed)
    assert opened is not None
    found, notes = opened
    assert found.look is not None
    held_out = f" (one of {HELD_OUT} images, held out with split_seed {split_seed})"
    _say(
        f"dataset     {found.name}, {source.kind}: {len(found.classes):,} classes, "
        f"{found.num_train:,} training images, "
        + (f"{found.num_val:,} validation images, " if found.num_val else "")
        + f"{found.num_test:,} test images{held_out if found.held_out else ''}",
        f"framing     {found.look.sentence()}",
        *(f"note: {note}" for note in (*found.look.notes(), *notes)),
        error=True,
    )
    return found


def open_copy(dataset: str, sha256: str, data_dir: Path, split_seed: int) -> PathDataset:
    """The prepared copy with a SHA-256; the path itself is not read.

    Raises:
        InputError: The data folder has no such copy, or a damaged one.
    """
    folder = data_dir / prepared.FOLDER
    if not is_sha256(sha256):
        raise InputError(f"dataset_sha256 is {sha256[:80]!r}, expected 64 hexadecimal digits")
    if not (folder / f"{sha256}.npz").is_file():
        raise InputError(
            f"{folder} has no copy of the dataset {dataset} with the SHA-256 {sha256[:8]}...: pass "
            f"--data.dataset PATH to read it from its path (`deepdigits test --ckpt_path RUN "
            "--data.dataset PATH`), or --data.data_dir if another data folder has the copy"
        )
    found = prepared.read(sha256, folder)
    return _dataset(Path(absolute_path(dataset)), folder, sha256, found, split_seed)


def _recorded(
    path: Path, key: str, folder: Path, split_seed: int
) -> tuple[PathDataset, tuple[str, ...]] | None:
    """The dataset whose copy is recorded, and its notes; None if it must be prepared."""
    if (record := prepared.recorded(key, folder)) is None:
        return None
    try:
        found = prepared.read(record.sha256, folder)
    except InputError:  # damaged: it is prepared again
        return None
    opened = _dataset(path, folder, record.sha256, found, split_seed)
    return replace(opened, look=record.look, key=key), record.notes


def _dataset(path: Path, folder: Path, sha256: str, found: Found, seed: int) -> PathDataset:
    sizes = {split: len(images) for split, (images, _) in found.splits.items()}
    num_test, held_out = _num_test(path, found), "test" not in sizes
    return PathDataset(
        path=path,
        folder=folder,
        sha256=sha256,
        classes=found.classes,
        num_train=sizes["train"] - (num_test if held_out else 0),
        num_val=sizes.get("val", 0),
        num_test=num_test,
        held_out=held_out,
        split_seed=seed,
    )


def _num_test(path: Path, found: Found) -> int:
    """Number of test images: of the split, else of those that are held out."""
    if "test" in found.splits:
        return len(found.splits["test"][0])
    images = len(found.splits["train"][0])
    if images < HELD_OUT:
        raise InputError(
            f"{path} has {images} images and no test split: expected {HELD_OUT} or more, of which "
            "some are held out for the test"
        )
    return images // HELD_OUT
