"""Take the folder of a training, so that no other training writes into it."""

import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from deepdigits.core.errors import InputError, RunFailed
from deepdigits.core.files import display_path, is_inside, make_version_folder
from deepdigits.core.locks import LOCK, sole_lock
from deepdigits.runs.checkpoint_record import CHECKPOINTS, RECORD, SUFFIX, recorded_paths
from deepdigits.runs.links import check_links
from deepdigits.runs.search import RUN_FILES, is_run

# What a training leaves in its folder.
_LEFT = (*RUN_FILES, CHECKPOINTS)


@contextmanager
def sole_training(
    parent: Path,
    version: str | None,
    resumed: Path | None = None,
    checkpoints: Path | None = None,
    filename: str | None = None,
) -> Iterator[Path]:
    """Make the run folder of a training, and hold it within the block.

    Without a version, the folder is a new ``version_N``, made in one step: of two trainings that
    start at once each gets its own. A folder in which nothing was written is removed again, and so
    is a new one whose training ends in an error before it has saved a checkpoint.

    Args:
        parent: The folder of the runs of its config.
        version: Name of the run folder in it. None: the next ``version_N``.
        resumed: The folder of the run that is continued, in place of a new one.
        checkpoints: A folder of the user's own for its checkpoints.
        filename: The name of a checkpoint, which may begin with folders.

    Yields:
        The run folder.

    Raises:
        InputError: Another training is running in the folder, or has left its run there; or the
            folder cannot be written.
    """
    made: list[Path] = []
    if resumed is not None:
        folder = resumed
    elif version is None:
        made = _make(parent)
        folder = make_version_folder(parent, _next_number(parent))
        made.append(folder)
    else:
        folder = parent / version
        made = _make(folder)
    try:
        check_links(folder)
        with ExitStack() as locks:
            locks.enter_context(sole_lock(folder))
            if resumed is None:
                _check_unused(folder)
            if checkpoints is not None and not is_inside(checkpoints, folder):
                _check_checkpoints(checkpoints, filename or "", folder)
                made += _make(checkpoints)
                locks.enter_context(sole_lock(checkpoints))
            yield folder
    except Exception as error:
        if folder in made and not isinstance(error, RunFailed) and not _has_checkpoints(folder):
            _empty(folder)
        raise
    finally:
        _remove_unused(made)


def place_of(folder: Path) -> dict[str, str]:
    """The settings with which a logger writes into a run folder, whose path is absolute."""
    return {
        "save_dir": str(folder.parent.parent),
        "name": folder.parent.name,
        "version": folder.name,
    }


def logger_settings(folder: Path) -> dict[str, str | None]:
    """The settings of the logger under which further runs are made beside a run folder.

    Raises:
        InputError: TensorBoardLogger would change its path.
    """
    absolute = folder.resolve()
    if "$" in str(absolute) or absolute.name.startswith("~"):
        raise InputError(
            f"{folder}: the folder of a resumed run may have no $ in its path: move it"
        )
    root = os.path.relpath(absolute.parent.parent)
    return {"save_dir": root, "name": absolute.parent.name, "version": None}


def _check_unused(folder: Path) -> None:
    if any((folder / name).exists() for name in _LEFT):
        raise InputError(
            f"{display_path(folder)} holds a run already, which would be overwritten: continue it "
            f"with `deepdigits train --resume {display_path(folder)}`, or choose another "
            "--logger.version or --logger.name"
        )


def _check_checkpoints(checkpoints: Path, filename: str, folder: Path) -> None:
    """Check that a folder outside of a run has no checkpoints but those of this run.

    Those of other folders below it stay as they are, unless the file names lead there.
    """
    if not checkpoints.is_dir():
        return
    below = checkpoints.glob("*/" * filename.count("/") + f"*{SUFFIX}")
    found = {os.path.realpath(path) for path in (*checkpoints.glob(f"*{SUFFIX}"), *below)}
    own = recorded_paths(folder)
    if is_run(checkpoints) or (found and own.isdisjoint(found)):
        raise InputError(
            f"checkpoint.dirpath {display_path(checkpoints)} holds the checkpoints of another run, "
            "which would be overwritten: choose another folder"
        )


def _make(folder: Path) -> list[Path]:
    """Make a folder; returns those that were made, the outermost first."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    return missing[::-1]


def _next_number(parent: Path) -> int:
    """The number after that of the last version_N."""
    numbers = [path.name.removeprefix("version_") for path in parent.glob("version_*")]
    return max((int(number) for number in numbers if number.isdigit()), default=-1) + 1


def _has_checkpoints(folder: Path) -> bool:
    return (folder / RECORD).exists() or next(folder.rglob(f"*{SUFFIX}"), None) is not None


def _empty(folder: Path) -> None:
    """Remove all in a folder but its lock."""
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        elif path.name != LOCK:
            path.unlink(missing_ok=True)


def _remove_unused(made: list[Path]) -> None:
    """Remove the folders that were made for a training that has written nothing."""
    for folder in reversed(made):
        with suppress(OSError):  # another process may use or remove it meanwhile
            if all(path.name == LOCK for path in folder.iterdir()):
                (folder / LOCK).unlink(missing_ok=True)
                folder.rmdir()
