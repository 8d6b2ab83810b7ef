"""Take the folder of a training, so that no other training writes into it."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lightning.pytorch import Trainer
from lightning.pytorch.loggers import TensorBoardLogger

from deepdigits.core.errors import InputError, RunFailed
from deepdigits.core.files import make_version_folder
from deepdigits.core.locks import LOCK, sole_lock
from deepdigits.runs.links import check_links


@contextmanager
def sole_training(trainer: Trainer, settings: dict[str, Any]) -> Iterator[None]:
    """Hold the run folder of a training within the block.

    Without a version, the folder is a new ``version_N``, made in one step: of two trainings that
    start at once each gets its own. A folder in which nothing was written is removed again, and so
    is a new one whose training was refused before its first step.

    Args:
        trainer: The trainer; it gets a logger with the version.
        settings: Arguments of the TensorBoardLogger of the config.

    Raises:
        InputError: Another training is running in the folder, or it cannot be written.
    """
    if trainer.logger is None or not trainer.log_dir or not trainer.is_global_zero:
        yield
        return
    if isinstance(trainer.logger, TensorBoardLogger) and settings.get("version") is None:
        parent = Path(trainer.logger.root_dir)
        made = _make(parent)
        folder = make_version_folder(parent, _next_number(parent))
        made.append(folder)
        trainer.logger = TensorBoardLogger(**{**settings, "version": folder.name})
    else:
        folder = Path(trainer.log_dir)
        made = _make(folder)
        check_links(folder)
    try:
        with sole_lock(folder):
            yield
    except Exception as error:
        if folder in made and not trainer.global_step and not isinstance(error, RunFailed):
            _empty(folder)
        raise
    finally:
        _remove_unused(made)


def logger_settings(folder: Path) -> dict[str, str]:
    """The settings of the logger that writes into a run folder.

    Raises:
        InputError: TensorBoardLogger would change its path.
    """
    absolute = folder.resolve()
    if "$" in str(absolute) or absolute.name.startswith("~"):
        raise InputError(
            f"{folder}: the folder of a resumed run may have no $ in its path: move it"
        )
    root = os.path.relpath(absolute.parent.parent)
    return {"save_dir": root, "name": absolute.parent.name, "version": absolute.name}


def _make(folder: Path) -> list[Path]:
    """Make a folder; returns those that were made, the outermost first."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    return missing[::-1]


def _next_number(parent: Path) -> int:
    """The number after that of the last version_N."""
    numbers = [path.name.removeprefix("version_") for path in parent.glob("version_*")]
    return max((int(number) for number in numbers if number.isdigit()), default=-1) + 1


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
        if any(path.name != LOCK for path in folder.iterdir()):
            return
        (folder / LOCK).unlink(missing_ok=True)
        folder.rmdir()
