"""Find what would lead the files of a training out of its run folder."""

import os
import stat
from pathlib import Path

from deepdigits.core.errors import InputError
from deepdigits.core.files import is_inside
from deepdigits.runs.checkpoint_record import SUFFIX


def check_links(folder: Path) -> None:
    """Check a run folder before a training writes into it.

    A checkpoint may be a link: it is replaced by a file, and what it points to is not changed.

    Raises:
        InputError: A link leads out of the folder, or something in it is neither file nor folder.
    """
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = Path(parent, name)
            if path.is_symlink() and not is_inside(path, folder) and not _is_checkpoint(path):
                raise InputError(
                    f"{path} is a link to {path.resolve()}, outside of the run: a training writes "
                    "into its own folder only; replace the link by what it points to"
                )
            mode = path.lstat().st_mode
            if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode) or stat.S_ISLNK(mode)):
                raise InputError(f"{path} is neither a file nor a folder: remove it")


def _is_checkpoint(path: Path) -> bool:
    return path.suffix == SUFFIX and path.is_file()
